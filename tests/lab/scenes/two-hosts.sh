# Hosts of one cluster, each a network namespace of this machine: templates go from KVM to KVM, and not to TCG.

prefix=lab$$
certificates=$here/../../packaging/make-certificates.sh
hosts=(alpha beta gamma)

# wire: a bridge in a namespace of its own, and a cable from it to each host.
wire() {
  local name number=0
  ip netns add "$prefix-switch"
  ip -n "$prefix-switch" link add bridge type bridge
  ip -n "$prefix-switch" link set bridge up
  for name in "${hosts[@]}"; do
    number=$((number + 1))
    ip netns add "$prefix-$name"
    ip -n "$prefix-$name" link set lo up
    ip -n "$prefix-switch" link add "$name" type veth peer name eth0 netns "$prefix-$name"
    ip -n "$prefix-switch" link set "$name" master bridge up
    ip -n "$prefix-$name" addr add "10.77.0.$number/24" dev eth0
    ip -n "$prefix-$name" link set eth0 up
  done
}

scene_ends() { for name in "${hosts[@]}" switch; do ip netns del "$prefix-$name" 2>/dev/null || true; done; }

begin() { # begin HOST NUMBER ACCELERATOR OPTION...
  local name=$1 number=$2 accelerator=$3
  shift 3
  mkdir -p "$scene/$name"
  cat >"$scene/$name/vmcache.conf" <<C
vmcache {
  state-dir = "$scene/$name/state"
  pool-defaults { memory = 128MiB, vm-cache-number = 1, refill = clone, agent-transport = vsock, accelerator = $accelerator, boot-timeout = 5m }
  cluster {
    enabled = on
    node-name = $name
    advertise = "10.77.0.$number"
    templates.wait = 60s
    tls { certificate = "$scene/tls/$name.crt", key = "$scene/tls/$name.key", ca = "$scene/tls/ca.crt" }
  }
}
C
  setsid ip netns exec "$prefix-$name" vmcached --config "$scene/$name/vmcache.conf" --endpoint "$scene/$name/cache.sock" --run-dir "$scene/$name/run" "$@" \
    >>"$scene/log" 2>&1 </dev/null &
  VMCACHE_ENDPOINT=$scene/$name/cache.sock comes_up $!
}

# events PATTERN: those of the first pool that match, to people.
events() { of '.events[].what' | grep -E "$1" >>"$scene/noted" || fail "no event matches '$1': $(of '[.events[].what] | join("; ")')"; }

template_is_taken() {
  wire
  "$certificates" "$scene/tls" "${hosts[@]}"
  begin alpha 1 kvm --bootstrap
  VMCACHE_ENDPOINT=$scene/alpha/cache.sock warm 1 120
  begin beta 2 kvm --join 10.77.0.1:4750
  export VMCACHE_ENDPOINT=$scene/beta/cache.sock
  warm 1 120
  events 'template was taken from alpha'
  is '.vms[0].madeBy == "clone" and .accelerator == "kvm"'
  [ "$(vmcache acquire --warm require -- echo here)" = here ]
}

template_is_not_taken() {
  begin gamma 3 tcg --join 10.77.0.1:4750
  export VMCACHE_ENDPOINT=$scene/gamma/cache.sock
  warm 1 300
  events 'template was made and proved; no other node gives the same one.*accelerator'
  is '.vms[0].madeBy == "clone" and .accelerator == "tcg"'
}

spec whole "a host takes the template that another one made under KVM" template_is_taken
spec whole "a host under TCG makes its own, and says why" template_is_not_taken
