# A pool of one's own, whose agents are reached over virtio-serial.
source "$here/own-pool.sh"

configure <<'C'
vmcache.pool-defaults { memory = 128MiB, max-cpus = 2, vm-cache-number = 5, agent-transport = serial }
C

own_pool_specs whole '/agent.sock$'
