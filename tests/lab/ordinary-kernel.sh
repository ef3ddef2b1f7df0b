# Debian's ordinary kernel as the guest's, over $transport: it learns by itself that it is a clone. Sourced by scenes.

guest=$(dirname "$(type -P vmcached || echo /opt/vmcache/vmcached)")/guest-ordinary
configure <<C
vmcache.pool-defaults {
  accelerator = kvm, memory = 256MiB, vm-cache-number = 2, agent-transport = $transport
  kernel = "$guest/vmlinuz", initrd = "$guest/initrd.img"
}
C

two_are_warm() {
  start
  until_ 300 "two clones are warm" is '.warm == 2 and ([.vms[] | select(.madeBy == "clone")] | length) == 2'
}

kernel_is_told() {
  local said i
  for i in 1 2; do
    said=$(vmcache acquire --warm require -- sh -c 'uname -r; dmesg | grep -c "crng reseeded due to virtual machine fork"')
    note "$(echo $said)"
    [[ $said != *cloud* ]] || fail "$said"
    [ "$(tail -1 <<<"$said")" -ge 1 ]
  done
}

clock_is_right_when_handed_out() {
  warm 2 120
  clock_is_right vmcache acquire --warm require --
}

spec whole "two clones with the ordinary kernel are warm" two_are_warm
spec whole "each clone's kernel seeds its random numbers anew by itself" kernel_is_told
spec whole "a guest's clock is right" clock_is_right_when_handed_out
