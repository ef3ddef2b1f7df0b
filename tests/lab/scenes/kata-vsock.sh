# Kata's configuration, with agents on the vsock bus as Kata has them.

kata_file() { # kata_file DIRECTORY NUMBER
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
vm_cache_number = $2
vm_cache_endpoint = "$1/kata.sock"
enable_template = true
template_path = "$1/template"
C
}

guest=$(dirname "$(type -P vmcached || echo /opt/vmcache/vmcached)")/guest
kata_file "$scene" 2
configure <<C
vmcache.client-dir = "$scene/client"
vmcache.pool-defaults { accelerator = kvm }
C

two_are_warm() {
  start --kata-config "$scene/configuration.toml"
  until_ 200 "two clones are warm" is '.warm == 2 and ([.vms[] | select(.madeBy == "clone")] | length) == 2'
  distinct 2 $(of '[.vms[].agent] | join(" ")')
  note "$(of '[.vms[].agent] | join(" ")')"
}

file_is_served() {
  vmcache --endpoint "$scene/kata.sock" kata check "$scene/configuration.toml" --live
}

vm_is_taken_and_resumed() {
  local vm
  vm=$(vmcache --endpoint "$scene/kata.sock" get-base-vm --resume -o json)
  [[ $(jq -r .agent <<<"$vm") =~ ^vsock:// ]] || fail "$vm"
  [ "$(vmcache exec "$(jq -r .id <<<"$vm")" -- echo here)" = here ]
  vmcache release "$(jq -r .id <<<"$vm")"
}

grows() {
  lease --vcpus 2 --memory 512 --ttl 10m
  [ "$(vmcache exec "$leased" -- nproc)" = 2 ]
  vmcache exec "$leased" -- grep MemTotal /proc/meminfo | awk '{ exit !($2 > 400000) }'
  vmcache release "$leased"
}

adopts() {
  local before
  until_ 120 "two are warm" is '.warm == 2'
  before=$(of '[.vms[] | select(.state == "warm") | "\(.id) \(.agent)"] | sort | join(" ")')
  "$1"
  start --kata-config "$scene/configuration.toml"
  until_ 60 "the same two are warm" is ".warm == 2 and ([.vms[] | select(.state == \"warm\") | \"\\(.id) \\(.agent)\"] | sort | join(\" \")) == \"$before\""
  vmcache acquire --warm require -- true
}

daemons_share_no_context_id() {
  local other=$scene/other mine
  until_ 120 "two are warm" is '.warm == 2'
  mine=$(of '[.vms[].agent] | join(" ")')
  mkdir -p "$other"
  kata_file "$other" 2
  printf 'vmcache { state-dir = "%s/state", client-dir = "%s/client", pool-defaults { accelerator = kvm } }\n' "$other" "$other" >"$other/vmcache.conf"
  (
    export VMCACHE_ENDPOINT=$other/cache.sock
    setsid vmcached --config "$other/vmcache.conf" --endpoint "$other/cache.sock" --run-dir "$other/run" --kata-config "$other/configuration.toml" \
      >>"$scene/log" 2>&1 </dev/null &
    until_ 60 "the other daemon answers" answers
    until_ 200 "two of the other's are warm" is '.warm == 2'
    distinct 4 $mine $(of '[.vms[].agent] | join(" ")')
    vmcache node drain
    kill -TERM $!
    until_ 60 "the other daemon has ended" ended $!
  )
}

spec whole "two clones of Kata's configuration are warm, each with a context id" two_are_warm
spec whole "Config is what the file's clients want" file_is_served
spec whole "GetBaseVM gives a VM that is resumed, and whose agent answers" vm_is_taken_and_resumed
spec whole "a VM gets vCPUs and memory" grows
spec whole "VMs are adopted after kill -9 of the daemon, with their context ids" adopts kill_daemon
spec whole "VMs are adopted after SIGTERM, with their context ids" adopts end_daemon
spec whole "no context id is another daemon's" daemons_share_no_context_id
