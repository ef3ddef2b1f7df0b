# A pool of one's own, whose agents are reached over vsock.
source "$here/own-pool.sh"

configure <<'C'
vmcache.pool-defaults { memory = 128MiB, max-cpus = 2, vm-cache-number = 5, agent-transport = vsock }
C

spec smoke "without KVM the pool runs under TCG, and says why" kvm_is_missed
own_pool_specs smoke '^vsock://[0-9]+:1024$'
# Ten of the host's; the transport does not matter to it.
spec whole "a guest's clock is right after a pause of a minute" clock_is_right_after_a_pause 60
