# What a pool of one's own does, over any transport. Sourced by scenes.

kvm_is_missed() {
  rmmod kvm_amd || skip "kvm_amd cannot be unloaded here"
  start
  until_ 60 "the pool runs under TCG, and says why" is '.accelerator == "tcg" and (.acceleratorReason | test("/dev/kvm"))'
  note "$(of .acceleratorReason)"
}

proof_is_accepted() {
  [ -e /dev/kvm ] || modprobe kvm_amd
  answers || start
  until_ 60 "KVM is proved" is '.accelerator == "kvm"'
  note "$(of .acceleratorReason)"
}

template_is_made() {
  until_ 90 "five clones are warm" is '.warm == 5 and ([.vms[] | select(.madeBy == "clone")] | length) == 5'
  note "$(of .refillReason)"
}

clones_are_told_apart() {
  local ids contexts numbers boots
  ids=$(warm_ids)
  contexts=$(of '[.vms[].agent] | join(" ")')
  distinct 5 $contexts
  for context in $contexts; do [[ $context =~ $1 ]] || fail "no address of this transport: $context"; done
  for i in 1 2 3 4 5; do
    vmcache acquire --warm require -- sh -c 'head -c 16 /dev/urandom | od -An -tx1 | tr -d " \n"; echo; cat /proc/sys/kernel/random/boot_id' >"$scene/random.$i" &
  done
  wait
  numbers=$(for i in 1 2 3 4 5; do sed -n 1p "$scene/random.$i"; done)
  boots=$(for i in 1 2 3 4 5; do sed -n 2p "$scene/random.$i"; done)
  distinct 5 $numbers
  distinct 5 $boots
  warm 5
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
  warm 5
  sleep "$1"
  # Of a VM that has been paused for all this time.
  clock_is_right vmcache acquire --warm require --
}

killed_vm_is_replaced() {
  local pid before
  warm 5
  before=$(warm_ids)
  pid=$(of '.vms[0].pid')
  kill -9 "$pid"
  until_ 60 "another one is warm" is ".warm == 5 and ([.vms[] | select(.pid == $pid)] | length) == 0"
  [ "$(warm_ids)" != "$before" ]
}

adopts() {
  local before pids
  warm 5
  lease --ttl 10m
  warm 5
  before=$(warm_ids) pids=$(warm_pids)
  "$1"
  for pid in $pids; do kill -0 "$pid" || fail "QEMU $pid ended with the daemon"; done
  start
  until_ 60 "the same five are warm" is ".warm == 5 and .leased == 1 and ([.vms[] | select(.state == \"warm\") | .id] | sort | join(\" \")) == \"$before\""
  [ "$(vmcache exec "$leased" -- echo here)" = here ]
  vmcache release "$leased"
  [ "$(vmcache acquire --warm require -- echo there)" = there ]
}

# grows: a VM gets vCPUs and memory before it is handed out.
grows() {
  local seen
  seen=$(vmcache acquire --vcpus 2 --memory 384 -- sh -c 'nproc; grep MemTotal /proc/meminfo')
  note "$(echo $seen)"
  [ "$(head -1 <<<"$seen")" = 2 ]
  awk '/MemTotal/ { exit !($2 > 300000) }' <<<"$seen" || fail "$seen"
}

# clock_never_goes_back: a guest reads its clocks again and again while it is paused and resumed.
clock_never_goes_back() {
  warm 5
  lease --warm require --ttl 10m
  vmcache exec "$leased" -- sh -c 'last=0; n=0; while [ $n -lt 400 ]; do read up rest </proc/uptime; echo "$(date +%s) $up"; n=$((n + 1)); done' >"$scene/clocks" &
  for i in 1 2 3; do
    sleep 1
    printf '{"execute":"qmp_capabilities"}{"execute":"stop"}{"execute":"cont"}' | timeout 20 vmcache connect "$leased" qmp >/dev/null || true
  done
  wait $!
  [ "$(wc -l <"$scene/clocks")" -eq 400 ] || fail "$(wc -l <"$scene/clocks") readings"
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
  spec whole "a VM gets vCPUs and memory" grows
  spec whole "a guest's clocks never go back" clock_never_goes_back
  spec whole "a guest's clock is right after a pause of a minute" clock_is_right_after_a_pause 60
}
