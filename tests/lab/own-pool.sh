# What a pool does, over any transport. Sourced by scenes.

# VMs that the scene's pool keeps warm.
number=5

kvm_is_missed() {
  [ -x /etc/lab.start ] || skip "the module of a host that has others' VMs is left alone"
  rmmod kvm_amd
  start
  until_ 60 "the pool runs under TCG, and says why" is '.accelerator == "tcg" and (.acceleratorReason | test("/dev/kvm"))'
  note "$(of .acceleratorReason)"
}

proof_is_accepted() {
  # L1 has no udev, which would give the device to its group.
  [ -e /dev/kvm ] || { modprobe kvm_amd; chgrp kvm /dev/kvm; chmod 660 /dev/kvm; }
  answers || start
  until_ 60 "KVM is proved" is '.accelerator == "kvm"'
  note "$(of .acceleratorReason)"
}

template_is_made() {
  until_ 200 "$number clones are warm" is ".warm == $number and ([.vms[] | select(.madeBy == \"clone\")] | length) == $number"
  note "$(of .refillReason)"
}

clones_are_told_apart() {
  local ids contexts numbers boots
  ids=$(warm_ids)
  contexts=$(of '[.vms[].agent] | join(" ")')
  distinct $number $contexts
  for context in $contexts; do [[ $context =~ $1 ]] || fail "no address of this transport: $context"; done
  for i in $(seq "$number"); do
    vmcache acquire --warm require -- sh -c 'head -c 16 /dev/urandom | od -An -tx1 | tr -d " \n"; echo; cat /proc/sys/kernel/random/boot_id' >"$scene/random.$i" &
  done
  wait
  numbers=$(for i in $(seq "$number"); do sed -n 1p "$scene/random.$i"; done)
  boots=$(for i in $(seq "$number"); do sed -n 2p "$scene/random.$i"; done)
  distinct $number $numbers
  distinct $number $boots
  warm $number
}

warm_vm_is_acquired() {
  lease --warm require
  [ "$served" = warm ] || fail "$served"
  vmcache exec "$leased" -- uname -r
  vmcache release "$leased"
}

vm_is_made_on_demand() {
  lease --warm never
  [ "$served" = on-demand ] || fail "$served"
  [ "$(vmcache exec "$leased" -- echo here)" = here ]
  vmcache release "$leased"
}

clock_is_right_after_a_pause() {
  warm $number
  sleep "$1"
  # A VM that has been paused for all this time.
  lease --warm require
  clock_is_right vmcache exec "$leased" --
  vmcache release "$leased"
}

killed_vm_is_replaced() {
  local pid before
  warm $number
  before=$(warm_ids)
  pid=$(of '.vms[0].pid')
  kill -9 "$pid"
  until_ 60 "another one is warm" is ".warm == $number and ([.vms[] | select(.pid == $pid)] | length) == 0"
  [ "$(warm_ids)" != "$before" ]
}

# Warm VMs and their agents' addresses.
warm_vms='[.vms[] | select(.state == "warm") | "\(.id) \(.agent)"] | sort | join(" ")'

adopts() { # adopts END: the command ends the daemon
  local before leases pids
  warm "$number" 120
  lease --ttl 10m
  warm "$number" 120
  # A spec that failed before may have left some.
  leases=$(of .leased)
  before=$(of "$warm_vms")
  pids=$(of '[.vms[].pid] | join(" ")')
  "$1"
  for pid in $pids; do kill -0 "$pid" || fail "QEMU $pid ended with the daemon"; done
  start
  until_ 60 "the same VMs are warm" is ".warm == $number and .leased == $leases and ($warm_vms) == \"$before\""
  [ "$(vmcache exec "$leased" -- echo here)" = here ]
  vmcache release "$leased"
  [ "$(vmcache acquire --warm require -- echo there)" = there ]
}

# grows CPUS MIB: a VM gets vCPUs and memory before it is handed out.
grows() {
  local seen
  seen=$(vmcache acquire --vcpus "$1" --memory "$2" -- sh -c 'nproc; grep MemTotal /proc/meminfo')
  note "$(echo $seen)"
  [ "$(head -1 <<<"$seen")" = "$1" ]
  # A guest's kernel keeps some for itself.
  awk -v least=$(($2 * 800)) '/MemTotal/ { exit !($2 > least) }' <<<"$seen" || fail "$seen"
}

# clock_never_goes_back: a guest reads its clocks again and again while it is paused and resumed.
clock_never_goes_back() {
  local i round
  warm "$number"
  lease --warm require --ttl 10m
  vmcache exec "$leased" -- sh -c 'while [ ! -e /tmp/enough ]; do read up rest </proc/uptime; echo "$(date +%s) $up"; done' >"$scene/clocks" &
  for round in 1 2 3; do
    i=$(wc -l <"$scene/clocks")
    until_ 30 "the guest reads its clocks" eval '[ "$(wc -l <"$scene/clocks")" -gt $((i + 5)) ]'
    (
      echo '{"execute":"qmp_capabilities"}{"execute":"stop"}'
      sleep 1
      echo '{"execute":"cont"}'
      sleep 0.5
    ) | timeout 5 vmcache connect "$leased" qmp >"$scene/monitor" || [ $? -eq 124 ]
    grep -q '"STOP"' "$scene/monitor"
    grep -q '"RESUME"' "$scene/monitor"
  done
  i=$(wc -l <"$scene/clocks")
  until_ 30 "the guest reads its clocks after the last pause" eval '[ "$(wc -l <"$scene/clocks")" -gt $((i + 5)) ]'
  vmcache exec "$leased" -- touch /tmp/enough
  wait $!
  note "$(wc -l <"$scene/clocks") readings"
  awk '$1 < t || $2 < u { print "back at " NR ": " t " " u " then " $0; bad = 1 } { t = $1; u = $2 } END { exit bad }' "$scene/clocks"
  vmcache release "$leased"
}

own_pool_specs() { # own_pool_specs TAG ADDRESS: the specs of a pool whose agents have such addresses.
  spec "$1" "the proof of KVM is accepted" proof_is_accepted
  spec "$1" "a template is made, and five clones of it are warm" template_is_made
  spec "$1" "five clones have addresses, random numbers and boot ids of their own" clones_are_told_apart "$2"
  spec "$1" "a warm VM is acquired" warm_vm_is_acquired
  spec "$1" "a VM is made on demand" vm_is_made_on_demand
  spec "$1" "a guest's clock is right after a pause of 5 s" clock_is_right_after_a_pause 5
  spec "$1" "a VM whose QEMU is killed is replaced" killed_vm_is_replaced
  spec "$1" "VMs, warm and leased, are adopted after kill -9 of the daemon" adopts kill_daemon
  spec whole "VMs, warm and leased, are adopted after SIGTERM" adopts end_daemon
  spec whole "a VM gets vCPUs and memory" grows 2 384
  spec whole "a guest's clocks never go back" clock_never_goes_back
}
