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

common=(Directory.Build.props Directory.Packages.props global.json protos build.sh scripts)

# build NAME BINARY PROJECT-DIRECTORY TARGET SOURCES... -- OPTIONS...: publishes one program, unless it is up to date.
build() {
  local name=$1 binary=$2 project=$3 target=$4 sources=() stage
  shift 4
  while [ "$1" != -- ]; do sources+=("$1"); shift; done
  shift
  if fresh "$target" "${common[@]}" "$project" "${sources[@]}"; then
    step "the $name is up to date"
    return
  fi
  stage=$(mktemp -d "$scratch/stage.XXXXXX")
  publish "$name" "$project" "$stage" "$@"
  mkdir -p "$(dirname "$target")"
  install -m 755 "$stage/$binary" "$target"
  rm -rf "$stage"
}

build "daemon" vmcached src/Gateway dist/vmcached hocon src/Domain src/Actors src/Qmp src/Agent src/Hypervisor.Qemu src/Kata src/Contracts \
  -- --self-contained false -p:PublishSingleFile=true -p:PublishReadyToRun=true
build "command line tool" vmcache src/Cli dist/vmcache src/Client src/Contracts src/Kata src/Domain src/Qmp src/Agent --
install -m 644 hocon/example.conf dist/vmcache.conf
step "guest image"
call guest/build.sh dist/guest
if [ "${1:-}" = --test ]; then
  build "fake QEMU for the tests" fake-qemu tests/FakeQemu dist/test/fake-qemu src/Agent --
fi
step "done: $(du -shL dist | cut -f1) in dist/"
