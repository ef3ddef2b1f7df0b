# Guests and hypervisors that fail under KVM.

configure <<'C'
vmcache.pool-defaults { accelerator = kvm, memory = 128MiB, vm-cache-number = 2, agent-transport = vsock }
C

all_start() {
  start
  warm 2 120
}

guest_panics() {
  lease --ttl 10m
  timeout 20 vmcache exec "$leased" -- sh -c 'echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger' || true
  until_ 60 "the VM is gone" is "([.vms[] | select(.id == \"$leased\")] | length) == 0"
  of ".events[] | select(.vm == \"$leased\") | .what" | grep 'for its guest' >>"$scene/noted" || fail "no event tells of the guest: $(of '.events')"
  warm 2
}

hypervisor_hangs() {
  local pid
  warm 2
  pid=$(of '.vms[0].pid')
  kill -STOP "$pid"
  until_ 120 "it is replaced" is ".warm == 2 and ([.vms[] | select(.pid == $pid)] | length) == 0"
  until_ 60 "its QEMU is gone" gone "$pid"
  vmcache acquire --warm require -- true
}

spec whole "two VMs are warm" all_start
spec whole "a guest that panics ends its VM, with the reason" guest_panics
spec whole "a warm VM whose QEMU hangs is replaced" hypervisor_hangs
