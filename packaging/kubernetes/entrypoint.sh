#!/bin/sh
# Starts vmcached in a pod: puts what QEMU needs to where the host has it too, and founds the cluster where that was ordered.
set -eu
guest=/var/lib/vmcache/guest
qemu=${VMCACHE_HOST_QEMU:-/usr/bin/qemu-system-x86_64}

mkdir -p "$guest"
for file in vmlinuz initrd.img; do
  if ! cmp -s "/usr/share/vmcache/guest/$file" "$guest/$file"; then
    cp "/usr/share/vmcache/guest/$file" "$guest/.$file.next"
    # VMs run as users of their own.
    chmod 644 "$guest/.$file.next"
    mv "$guest/.$file.next" "$guest/$file"
  fi
done

# A template is known by what QEMU's file holds, and here that is the wrapper: so the wrapper tells which QEMU it is.
sum=$(nsenter --target 1 --mount --root -- sha256sum "$qemu") || {
  echo "there is no $qemu on this host: install qemu-system-x86, or set VMCACHE_HOST_QEMU" >&2
  exit 1
}
mkdir -p /run/vmcache-pod
{ cat /usr/libexec/vmcache/qemu-in-scope; echo "# $sum"; } >/run/vmcache-pod/qemu.next
chmod 755 /run/vmcache-pod/qemu.next
mv /run/vmcache-pod/qemu.next /run/vmcache-pod/qemu

if [ -n "${VMCACHE_BOOTSTRAP_NODE:-}" ] && [ "$VMCACHE_BOOTSTRAP_NODE" = "${VMCACHE_NODE_NAME:-}" ]; then
  exec vmcached --bootstrap
fi
exec vmcached
