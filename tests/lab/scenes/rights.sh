# VMs with users and control groups of their own, under KVM.

groups=/sys/fs/cgroup/vmcache-lab
configure <<C
vmcache.control-group = "$groups"
vmcache.pool-defaults { memory = 128MiB, max-memory = 1GiB, max-cpus = 2, vm-cache-number = 2, boot-timeout = 5m }
C

# pid_of VM, bounds_of VM: of a VM of the pool.
pid_of() { of ".vms[] | select(.id == \"$1\") | .pid"; }
memory_of() { cat "$groups/vm-$1/memory.max"; }

have_users() {
  local id pid users=()
  start
  until_ 60 "KVM is proved" is '.accelerator == "kvm"'
  warm 2 200
  for id in $(warm_ids); do
    pid=$(pid_of "$id")
    users+=("$(awk '/^Uid:/ { print $3 }' "/proc/$pid/status")")
    grep -q '^CapEff:.0*$' "/proc/$pid/status" || fail "QEMU $pid has capabilities"
    [ "$(wc -l <"/proc/$pid/net/dev")" -eq 3 ] || fail "QEMU $pid has a network"
  done
  distinct 2 "${users[@]}"
  [[ " ${users[*]} " != *" 0 "* ]] || fail "a QEMU runs as root"
  note "users ${users[*]}"
}

have_bounds() {
  local id
  for id in $(warm_ids); do
    grep -qx "$(pid_of "$id")" "$groups/vm-$id/cgroup.procs" || fail "VM $id is not in its group"
    [ "$(memory_of "$id")" -eq $(((128 + 256 + 2) << 20)) ] || fail "$(memory_of "$id")"
    [ "$(cat "$groups/vm-$id/cpu.weight")" -eq 100 ]
    [ "$(cat "$groups/vm-$id/pids.max")" -gt 100 ]
  done
}

grow() {
  lease --warm require --memory 640 --vcpus 2
  note "$(vmcache exec "$leased" -- grep MemTotal /proc/meminfo)"
  [ "$(memory_of "$leased")" -eq $(((640 + 256 + 10) << 20)) ] || fail "$(memory_of "$leased")"
  [ "$(cat "$groups/vm-$leased/cpu.weight")" -eq 200 ]
  # All of it may be used.
  vmcache exec "$leased" -- sh -c 'head -c 400m /dev/zero >/dev/shm/all 2>/dev/null || { mkdir -p /m && mount -t tmpfs -o size=500m m /m && head -c 400m /dev/zero >/m/all; }'
  vmcache release "$leased"
  until_ 30 "its group is gone" eval "! [ -e $groups/vm-$leased ]"
}

outlive_the_daemon() {
  local before id
  warm 2 120
  before=$(warm_ids)
  kill_daemon
  start
  until_ 60 "the same VMs are warm" eval "[ \"\$(warm_ids)\" = \"$before\" ]"
  for id in $before; do [ "$(memory_of "$id")" -eq $(((128 + 256 + 2) << 20)) ]; done
}

are_met_by_their_own_vm() {
  local id other
  warm 2 120
  read -r id other <<<"$(warm_ids)"
  # The kernel takes what it can, and then ends what is in the group.
  echo $((8 << 20)) >"$groups/vm-$id/memory.max" || true
  until_ 60 "the VM is gone" is "([.vms[] | select(.id == \"$id\")] | length) == 0"
  until_ 60 "an event tells why" is "([.events[] | select(.vm == \"$id\" and (.what | test(\"memory.max\")))] | length) > 0"
  note "$(of "[.events[] | select(.vm == \"$id\" and (.what | test(\"memory.max\"))) | .what][0]")"
  kill -0 "$(pid_of "$other")"
  warm 2 120
}

spec whole "two VMs have two users, neither is root, and none has a network" have_users
spec whole "each VM has a control group with its bounds" have_bounds
spec whole "the bounds of a VM are raised before it gets memory and vCPUs" grow
spec whole "bounds outlive the daemon" outlive_the_daemon
spec whole "a bound that is met ends its own VM, with the reason" are_met_by_their_own_vm
