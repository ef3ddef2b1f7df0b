#!/usr/bin/env bash
# How much longer the embedded guest takes until its agent answers than the same kernel takes to reach an init that does
# nothing. Usage: benchmarks/guest-boot.sh [PAIRS [KERNEL-PARAMETERS]]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/common.sh"
guest=${VMCACHE_GUEST_DIR:-$root/dist/guest}
[[ -n ${VMCACHE_GUEST_DIR:-} ]] || call "$root/guest/build.sh"
work=$scratch

cat >"$work/init.c" <<'C'
#include <fcntl.h>
#include <unistd.h>
int main(void) {
  int console = open("/dev/console", O_WRONLY);
  if (write(console, "INIT REACHED\n", 13)) {}
  for (;;) pause();
}
C
quietly "the init that does nothing could not be built" gcc -O2 -static -s -o "$work/init" "$work/init.c"
busybox=$(find "$root/guest/cache" -path '*/bin/busybox' 2>/dev/null | head -n 1) || true
[[ -n $busybox ]] || die "guest/cache is empty; run guest/build.sh"
(cd "$work" && echo init | "$busybox" cpio -o -H newc >nothing.img 2>/dev/null)

dotnet run "$root/benchmarks/GuestBoot.cs" -- "$guest/vmlinuz" "$work/nothing.img" "$guest/initrd.img" "$work" "${1:-7}" \
  "${2:-console=ttyS0 quiet panic=-1 cryptomgr.notests noreplace-smp}"
