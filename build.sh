#!/usr/bin/env bash
# Builds all that runs into dist/: dist/vmcached, dist/vmcache, dist/guest/{vmlinuz,initrd.img}, dist/vmcache.conf.
# Needs the .NET 10 SDK; installs what else is missing (Debian), unless VMCACHE_NO_INSTALL is set.
#   ./build.sh          what a host runs
#   ./build.sh --test   that, and the tests' fake QEMU (dist/test/fake-qemu)
set -euo pipefail
cd "$(dirname "$0")"
source ./scripts/common.sh

need_dotnet
need gcc:gcc ld:binutils qemu-system-x86_64:qemu-system-x86
need_file /usr/include/zlib.h zlib1g-dev
need_file /usr/include/stdio.h libc6-dev

mkdir -p dist
publish "daemon" src/Gateway/Gateway.csproj dist/.vmcached --self-contained false -p:PublishSingleFile=true
publish "command line tool" src/Cli/Cli.csproj dist/.vmcache
install -m 755 dist/.vmcached/vmcached dist/vmcached
install -m 755 dist/.vmcache/vmcache dist/vmcache
install -m 644 hocon/example.conf dist/vmcache.conf
step "guest image"
guest/build.sh dist/guest
if [ "${1:-}" = --test ]; then
  publish "fake QEMU for the tests" tests/FakeQemu/FakeQemu.csproj dist/.fake-qemu
  mkdir -p dist/test
  install -m 755 dist/.fake-qemu/fake-qemu dist/test/fake-qemu
fi
step "done: $(du -shL --exclude='.*' dist | cut -f1) in dist/"
