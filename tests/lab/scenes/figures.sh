# How soon a VM is had under KVM: warm, cloned and booted. In one run, for its ratios.

rounds=7

begin() { # begin NUMBER REFILL
  configure <<C
vmcache.pool-defaults { accelerator = kvm, memory = 128MiB, vm-cache-number = $1, refill = $2, agent-transport = auto }
C
  start
}

end() {
  vmcache node drain
  end_daemon
}

# take "SERVED MADE-BY" KIND: microseconds until the agent of such a VM has answered, with the start of vmcache.
take() {
  local from vm took
  from=$(date +%s%N)
  vm=$(vmcache get-base-vm --resume -o json)
  took=$((($(date +%s%N) - from) / 1000))
  [ "$(jq -r '"\(.served) \(.madeBy)"' <<<"$vm")" = "$1" ] || fail "$vm"
  echo "$took" >>"$scene/$2"
  vmcache release "$(jq -r .id <<<"$vm")" >/dev/null
}

middle() { sort -n "$scene/$1" | sed -n "$(((rounds + 1) / 2))p"; }

are_had() {
  local round warm clone boot
  begin 1 clone
  for round in $(seq "$rounds"); do
    warm 1 120
    take "warm clone" warm
  done
  warm 1 120
  [[ $(of '.vms[0].agent') =~ ^vsock:// ]] || fail "auto is not vsock where the host has it"
  end
  begin 0 clone
  until_ 120 "the stored template is found" is '.refill == "clone"'
  for round in $(seq "$rounds"); do take "on-demand clone" clone; done
  end
  begin 0 boot
  until_ 60 "KVM is known to run the guest" is '.accelerator == "kvm"'
  for round in $(seq "$rounds"); do take "on-demand boot" boot; done
  end
  warm=$(middle warm)
  clone=$(middle clone)
  boot=$(middle boot)
  note "microseconds of $rounds, the middle one: boot $boot, clone $clone, warm $warm; each with a start of vmcache"
  note "$(awk -v b="$boot" -v c="$clone" -v w="$warm" 'BEGIN { printf "as fast as a boot: clone %.1f x, warm %.1f x", b / c, b / w }')"
  [ "$warm" -lt "$clone" ] && [ "$clone" -lt "$boot" ]
}

spec whole "a warm VM is had sooner than a clone, and a clone sooner than a boot" are_had
