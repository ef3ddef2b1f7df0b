# Kata's configuration, with agents on the vsock bus as Kata has them.
source "$here/own-pool.sh"

number=2
guest=$(dirname "$(type -P vmcached || echo /opt/vmcache/vmcached)")/guest

kata_file() { # kata_file DIRECTORY
  cat >"$1/configuration.toml" <<C
[hypervisor.qemu]
path = "/usr/bin/qemu-system-x86_64"
kernel = "$guest/vmlinuz"
initrd = "$guest/initrd.img"
machine_type = "q35"
default_vcpus = 1
default_maxvcpus = 2
default_memory = 256
default_maxmemory = 1024
shared_fs = "virtio-9p"
disable_guest_selinux = true
kernel_params = "cryptomgr.notests"
[agent.kata]
[factory]
vm_cache_number = $number
vm_cache_endpoint = "$1/kata.sock"
enable_template = true
template_path = "$1/template"
C
}

kata_file "$scene"
configure <<C
vmcache.client-dir = "$scene/client"
vmcache.pool-defaults { accelerator = kvm }
C
start_options=(--kata-config "$scene/configuration.toml")

pool_starts() {
  start
  template_is_made
}

file_is_served() {
  vmcache --endpoint "$scene/kata.sock" kata check "$scene/configuration.toml" --live
}

vm_is_taken_and_resumed() {
  local vm id
  warm "$number" 120
  vm=$(vmcache --endpoint "$scene/kata.sock" get-base-vm --resume -o json)
  id=$(jq -r .id <<<"$vm")
  [[ $(jq -r .agent <<<"$vm") =~ ^vsock:// ]] || fail "$vm"
  [ "$(vmcache exec "$id" -- echo here)" = here ]
  vmcache release "$id"
}

daemons_share_no_context_id() {
  local other=$scene/other mine
  warm "$number" 120
  mine=$(of '[.vms[].agent] | join(" ")')
  mkdir -p "$other"
  kata_file "$other"
  printf 'vmcache { state-dir = "%s/state", client-dir = "%s/client", pool-defaults { accelerator = kvm } }\n' "$other" "$other" >"$other/vmcache.conf"
  (
    export VMCACHE_ENDPOINT=$other/cache.sock
    setsid vmcached --config "$other/vmcache.conf" --endpoint "$other/cache.sock" --run-dir "$other/run" --kata-config "$other/configuration.toml" \
      >>"$scene/log" 2>&1 </dev/null &
    comes_up $!
    warm "$number" 200
    distinct $((number * 2)) $mine $(of '[.vms[].agent] | join(" ")')
    vmcache node drain
    kill -TERM $!
    until_ 60 "the other daemon has ended" ended $!
  )
}

spec whole "two clones of Kata's configuration are warm" pool_starts
spec whole "Config is what the file's clients want" file_is_served
spec whole "two clones have context ids, random numbers and boot ids of their own" clones_are_told_apart '^vsock://[0-9]+:1024$'
spec whole "GetBaseVM gives a VM that is resumed, and whose agent answers" vm_is_taken_and_resumed
# Kata gives no more vCPUs than the host has, which is one in the laboratory.
spec whole "a VM gets memory" grows 1 512
spec whole "VMs are adopted after kill -9 of the daemon, with their context ids" adopts kill_daemon
spec whole "VMs are adopted after SIGTERM, with their context ids" adopts end_daemon
spec whole "no context id is another daemon's" daemons_share_no_context_id
