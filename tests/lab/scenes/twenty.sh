# Many clones of one template.

configure <<'C'
vmcache.pool-defaults { accelerator = kvm, memory = 128MiB, vm-cache-number = 20, agent-transport = vsock }
C

twenty_are_warm() {
  start
  until_ 300 "twenty clones are warm" is '.warm == 20 and ([.vms[] | select(.madeBy == "clone")] | length) == 20'
}

twenty_are_distinct() {
  local i
  distinct 20 $(of '[.vms[].agent] | join(" ")')
  : >"$scene/random"
  for i in $(seq 20); do
    vmcache acquire --warm require --timeout 120s -- sh -c 'echo $(head -c 16 /dev/urandom | od -An -tx1 | tr -d " \n") $(cat /proc/sys/kernel/random/boot_id) $(cat /etc/machine-id)' >>"$scene/random"
  done
  for i in 1 2 3; do distinct 20 $(cut -d' ' -f$i "$scene/random"); done
}

spec whole "twenty clones are warm" twenty_are_warm
spec whole "twenty clones have context ids, random numbers, boot and machine ids of their own" twenty_are_distinct
