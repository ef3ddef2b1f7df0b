# Guests under TCG beside those under KVM: each kernel over each transport.

guests=$(dirname "$(type -P vmcached || echo /opt/vmcache/vmcached)")

serves() { # serves GUEST TRANSPORT
  configure <<C
vmcache.pool-defaults {
  accelerator = tcg, memory = 256MiB, vm-cache-number = 1, agent-transport = $2, boot-timeout = 5m
  kernel = "$guests/$1/vmlinuz", initrd = "$guests/$1/initrd.img"
}
C
  start
  until_ 300 "a clone is warm" is '.warm == 1 and .vms[0].madeBy == "clone"'
  note "$(vmcache acquire --warm require -- uname -r)"
  vmcache node drain
  end_daemon
  rm -rf "$scene/state"
}

for transport in serial vsock; do
  spec whole "a clone with the cloud kernel answers over $transport" serves guest "$transport"
  spec whole "a clone with the ordinary kernel answers over $transport" serves guest-ordinary "$transport"
done
