# A pool of one's own, with accelerator and transport as they are by default.

configure <<'C'
vmcache.pool-defaults { memory = 128MiB, vm-cache-number = 5, agent-transport = vsock }
C

proof_is_accepted() {
  start
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
  for context in $contexts; do [[ $context =~ ^vsock://[0-9]+:1024$ ]] || fail "no address on the vsock bus: $context"; done
  note "$contexts"
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
  local served
  served=$(vmcache acquire --warm require -o json | jq -r '[.served, .id] | join(" ")')
  [ "${served% *}" = warm ] || fail "$served"
  vmcache exec "${served#* }" -- uname -r
  vmcache release "${served#* }"
}

vm_is_made_on_demand() {
  local id served
  served=$(vmcache acquire --warm never -o json | jq -r '[.served, .id] | join(" ")')
  id=${served#* }
  [ "${served% *}" = on-demand ] || fail "$served"
  [ "$(vmcache exec "$id" -- echo here)" = here ]
  vmcache release "$id"
}

clock_is_right_after_a_pause() {
  warm 5
  sleep 5
  # Of a VM that has been paused for all this time.
  clock_is_right vmcache acquire --warm require -- date +%s.%N
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
  local before pids lease
  warm 5
  lease=$(vmcache acquire --ttl 10m -o json | jq -r .id)
  warm 5
  before=$(warm_ids) pids=$(warm_pids)
  "$1"
  for pid in $pids; do kill -0 "$pid" || fail "QEMU $pid ended with the daemon"; done
  start
  until_ 60 "the same five are warm" is ".warm == 5 and .leased == 1 and ([.vms[] | select(.state == \"warm\") | .id] | sort | join(\" \")) == \"$before\""
  [ "$(vmcache exec "$lease" -- echo here)" = here ]
  vmcache release "$lease"
  [ "$(vmcache acquire --warm require -- echo there)" = there ]
}

spec smoke "the proof of KVM is accepted" proof_is_accepted
spec smoke "a template is made, and five clones of it are warm" template_is_made
spec smoke "five clones have context ids, random numbers and boot ids of their own" clones_are_told_apart
spec smoke "a warm VM is acquired" warm_vm_is_acquired
spec smoke "a VM is made on demand" vm_is_made_on_demand
spec smoke "a guest's clock is right after a pause of 5 s" clock_is_right_after_a_pause
spec smoke "a VM whose QEMU is killed is replaced" killed_vm_is_replaced
spec smoke "VMs, warm and leased, are adopted after kill -9 of the daemon" adopts kill_daemon
spec whole "VMs, warm and leased, are adopted after SIGTERM" adopts end_daemon
