# Guests under TCG beside those under KVM: each kernel over each transport.

guests=$(dirname "$(type -P vmcached || echo /opt/vmcache/vmcached)")

serves() { # serves GUEST TRANSPORT ADDRESS
  local kernel address
  configure <<C
vmcache.pool-defaults {
  accelerator = tcg, memory = 256MiB, vm-cache-number = 1, agent-transport = $2, boot-timeout = 5m
  kernel = "$guests/$1/vmlinuz", initrd = "$guests/$1/initrd.img"
}
C
  start
  until_ 300 "a clone is warm" is '.warm == 1 and .vms[0].madeBy == "clone"'
  address=$(of '.vms[0].agent')
  kernel=$(vmcache acquire --warm require -- uname -r)
  note "$kernel at $address"
  [[ $address =~ $3 ]]
  case $1 in guest) [[ $kernel == *cloud* ]] ;; *) [[ $kernel != *cloud* ]] ;; esac
  vmcache node drain
  end_daemon
  rm -rf "$scene/state"
}

spec whole "a clone with the cloud kernel answers over serial" serves guest serial '/agent.sock$'
spec whole "a clone with the ordinary kernel answers over serial" serves guest-ordinary serial '/agent.sock$'
spec whole "a clone with the cloud kernel answers over vsock" serves guest vsock '^vsock://[0-9]+:1024$'
spec whole "a clone with the ordinary kernel answers over vsock" serves guest-ordinary vsock '^vsock://[0-9]+:1024$'
