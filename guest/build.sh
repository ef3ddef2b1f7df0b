#!/usr/bin/env bash
# Builds the embedded guest: vmlinuz and initrd.img, into the directory given (default: dist/guest).
# Debian packages are downloaded and unpacked below guest/cache; nothing is installed. Root is not needed.
# VMCACHE_GUEST_KERNEL: the meta package of another kernel of Debian's.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
source "$root/scripts/common.sh"
out=$(realpath -m "${1:-$root/dist/guest}")
cache=$here/cache
kernel_meta=${VMCACHE_GUEST_KERNEL:-linux-image-cloud-amd64}
modules=(virtio_pci virtio_console virtio_rng pvpanic_pci virtio_blk vmw_vsock_virtio_transport)
size_limit=15000000

say() { printf 'guest: %s\n' "$*"; }

[[ $(uname -m) == x86_64 ]] || die "the guest is built on x86-64, this is $(uname -m)"
for tool in apt-get apt-cache dpkg dotnet gcc strip; do
  command -v "$tool" >/dev/null || die "'$tool' is missing (on Debian: apt-get install apt dpkg gcc binutils, and the .NET SDK 10)"
done

# The sources of what goes into the image; whoever changes none of them and gets no newer package needs no build.
sources() {
  find "$root/src/Guest" "$root/src/Agent" "$root/protos/agent" "$here" -type f \
    -not -path '*/bin/*' -not -path '*/obj/*' -not -path "$cache/*" -print0
  printf '%s\0' "$root"/Directory.*.props "$root/global.json"
}
sources_digest() { sources | sort -z | xargs -0 sha256sum | sed "s|$root/||" | sha256sum | cut -c1-64; }

digest=$(sources_digest)
have=$([[ -s $out/vmlinuz && -s $out/initrd.img ]] && cat "$out/stamp" 2>/dev/null || true)
# Asking apt takes longer than all the rest, and its answer changes only with its lists.
if [[ ${have##* / } == "$digest" && $out/stamp -nt /var/lib/apt/lists ]]; then
  say "up to date ($out)"
  exit 0
fi

# The newest candidates as "package version", the kernel's through the meta package that always names the current one.
candidates=$(apt-cache show --no-all-versions "$kernel_meta" busybox-static 2>/dev/null || true)
kernel=$(sed -n 's/^Depends:.*\(linux-image-[0-9][^ ]*\) (= \([^)]*\)).*/\1 \2/p' <<<"$candidates" | head -1)
busybox=$(awk '/^Package:/ {p = $2} /^Version:/ && p == "busybox-static" {print p, $2; exit}' <<<"$candidates")
stamp="$kernel / $busybox / $digest"

if [[ -z $kernel || -z $busybox ]]; then
  missing=$([[ -z $kernel ]] && echo "$kernel_meta" || echo busybox-static)
  if [[ ${have##* / } == "$digest" ]]; then
    say "up to date with its sources; apt does not know $missing, so newer packages were not looked for"
    exit 0
  fi
  die "apt does not know the package $missing. Run 'apt-get update' (as root) first; it is in Debian's 'main'."
fi
if [[ $have == "$stamp" ]]; then
  touch "$out/stamp"
  say "up to date ($out)"
  exit 0
fi

mkdir -p "$cache" "$out" || die "cannot write to $cache and $out"
exec 9>"$cache/lock"
flock -w 600 9 || die "another build has held $cache/lock for ten minutes"

work=$(mktemp -d "$cache/build.XXXXXX")
tidy() { rm -rf "$work"; }

# unpack PACKAGE VERSION: prints the directory with the package's content.
unpack() {
  local directory="$cache/$1_${2//[:\/]/_}" download="$work/$1"
  if [[ ! -d $directory ]]; then
    say "downloading $1 $2" >&2
    mkdir "$download"
    if ! (cd "$download" && apt-get -qq -o APT::Get::AllowUnauthenticated=false -o Acquire::AllowInsecureRepositories=false download "$1=$2") >"$work/log" 2>&1; then
      cat "$work/log" >&2
      die "cannot download $1 $2. No network, or the package lists are old: run 'apt-get update' (as root) and try again."
    fi
    dpkg -x "$download"/*.deb "$download/content" || die "cannot unpack $1 (disk full?)"
    find "$download/content" -name '*.ko.xz' -exec xz -d {} + # since Debian 13
    mv -T "$download/content" "$directory"
  fi
  printf '%s' "$directory"
}
# shellcheck disable=SC2086 # a name and a version
kernel_dir=$(unpack $kernel)
# shellcheck disable=SC2086
busybox_dir=$(unpack $busybox)

say "compiling the agent (NativeAOT, about a minute)"
quietly "the guest's agent could not be built" dotnet publish "$root/src/Guest" -c Release -r linux-x64 -o "$work/agent" --nologo -v quiet
strip -o "$work/init" "$work/agent/vmcache-guest"

say "writing the initramfs"
"$busybox_dir/bin/busybox" --list-full >"$work/applets" || die "busybox from the package does not run"
quietly "the initramfs could not be written" dotnet run "$here/MakeInitramfs.cs" -- "$work/initrd.img" \
  "$work/init" "$busybox_dir/bin/busybox" "$work/applets" "$here/etc" "$kernel_dir" "${modules[@]}"
size=$(stat -c %s "$work/initrd.img")
((size <= size_limit)) || die "the initramfs has $size bytes, more than the $size_limit allowed"

# The stamp goes last and the old one first: an interrupted build is never taken for a finished one.
rm -f "$out/stamp"
cp "$kernel_dir"/boot/vmlinuz-* "$work/vmlinuz"
chmod 644 "$work/vmlinuz" "$work/initrd.img" # VMs run as users of their own
mv "$work/vmlinuz" "$work/initrd.img" "$out/"
printf '%s\n' "$stamp" >"$out/stamp"
say "done: $out (kernel ${kernel#* }, initramfs $((size / 1024)) KiB)"
