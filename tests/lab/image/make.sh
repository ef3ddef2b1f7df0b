# The laboratory's kernel and root, from Debian's packages. Sourced by lab.sh.

here_image=$lab_source/image
mapfile -t lab_packages < <(grep -v '^#' "$here_image/packages")
mapfile -t lab_modules < <(grep -v '^#' "$here_image/modules")

# All that the machine is made of, as "Inst PACKAGE (VERSION ...)". What this host has does not count.
lab_resolve() {
  apt-get -qq -s -o Dir::State::status=/dev/null --no-install-recommends install "${lab_packages[@]}" linux-image-amd64 2>/dev/null | grep ^Inst | sort
}

lab_runtime() { dirname "$(readlink -f "$(type -P dotnet)")"; }

# Another recipe, package or runtime makes another image.
lab_key() { { cat "$here_image"/*; lab_resolve; (cd "$(lab_runtime)" && echo shared/*/*); } | sha256sum | cut -c1-16; }

# lab_modules_of KERNEL-DIRECTORY MODULE...: files of them and of what they need, in the order of loading.
lab_modules_of() {
  local kernel=$1 version module
  shift
  version=$(ls "$kernel/lib/modules")
  for module; do modprobe -d "$kernel" -S "$version" --show-depends "$module" | awk '/^insmod/ { print $2 }'; done | awk '!seen[$0]++'
}

# lab_make DIRECTORY: makes vmlinuz, initrd.cpio and root.img in it.
lab_make() {
  local directory=$1 root=$1/root kernel=$1/kernel initrd=$1/initrd version file needed number=10
  mkdir -p "$directory/deb" "$initrd"/{bin,dev,mnt,m}
  (cd "$directory/deb" && apt-get -qq -o APT::Sandbox::User=root download "$(lab_resolve | awk '$2 ~ /^linux-image-[0-9]/ { print $2 }')" && dpkg -x ./*.deb "$kernel")
  version=$(ls "$kernel/lib/modules")
  depmod -b "$kernel" "$version"
  cp "$kernel/boot/vmlinuz-$version" "$directory/vmlinuz"
  # From this host's own source of Debian where it stands in its usual place; else from mmdebstrap's default.
  mmdebstrap --quiet --mode=root --variant=minbase --components=main --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include="$(IFS=,; echo "${lab_packages[*]}")" bookworm "$root" $(ls /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
  lab_modules_of "$kernel" "${lab_modules[@]}" | while read -r file; do
    install -D -m 644 "$file" "$root/usr/lib/modules/$version/${file#*"/$version/"}"
  done
  cp "$kernel/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$root/usr/lib/modules/$version/"
  depmod -b "$root" "$version"
  # The ordinary kernel again, for guests.
  cp "$directory/vmlinuz" "$root/boot/vmlinuz"
  mkdir -p "$root"/{usr/share/dotnet,etc/dotnet,root/.ssh,etc/dropbear,opt/vmcache,share}
  chmod 700 "$root/root/.ssh"
  cp -a "$(lab_runtime)"/{host,shared,dotnet} "$root/usr/share/dotnet/"
  echo /usr/share/dotnet >"$root/etc/dotnet/install_location"
  grep -q ^kvm: "$root/etc/group" || echo kvm:x:136: >>"$root/etc/group"
  sed -i 's|^root:[^:]*:|root:*:|' "$root/etc/shadow"
  : >"$root/etc/fstab"
  ln -sf /usr/bin/busybox "$root/usr/sbin/init"
  printf '%s\n' '::sysinit:/etc/lab.start' 'ttyS0::respawn:-/bin/sh' >"$root/etc/inittab"
  install -m 755 "$here_image/start" "$root/etc/lab.start"
  install -m 755 "$here_image/init" "$initrd/init"
  cp /bin/busybox "$initrd/bin/"
  needed=$(lab_modules_of "$kernel" virtio_pci virtio_blk ext4)
  for file in $needed; do
    cp "$file" "$initrd/m/$number-${file##*/}"
    number=$((number + 1))
  done
  (cd "$initrd" && find . | cpio -o -H newc --quiet) >"$directory/initrd.cpio"
  mke2fs -q -t ext4 -O ^has_journal,^metadata_csum -d "$root" "$directory/root.img" 2G
  rm -rf --one-file-system "$directory/deb" "$root" "$kernel" "$initrd"
}
