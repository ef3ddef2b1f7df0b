#!/usr/bin/env bash
# Shows a cluster: three hosts, each a network namespace of this machine with a vmcached of its own and real QEMU VMs. Takes VMs of all
# of them from one, kills a daemon and looks on, starts it again, drains a host from another one. Removes all that it made, also on Ctrl-C.
# Needs root. Builds and installs what is missing first.
set -euo pipefail
cd "$(dirname "$0")"
source ./scripts/common.sh
source ./scripts/processes.sh

[ "$(id -u)" -eq 0 ] || die "network namespaces need root: sudo env \"PATH=\$PATH\" $0"
need ip:iproute2 openssl:openssl
call ./build.sh

# What the caller has set for a vmcached of its own is not for these.
for variable in "${!VMCACHE_@}"; do unset "$variable"; done
vmcached=$PWD/dist/vmcached vmcache=$PWD/dist/vmcache
hosts=(alpha beta gamma)
warm=2 # on each
patience=900 # seconds, for a machine that is busy with other things; nothing takes so long where it is not
prefix=vmcdemo$$
declare -A address=() daemon=()
run=$(mktemp -d /tmp/vmcd.XXXXXX)
began=0 complete=false

space() { echo "$prefix-$1"; }
qemus() { # qemus DIRECTORY: the QEMUs whose files are there
  local pid
  processes_of "$1" | while read -r pid; do
    case "$(readlink "/proc/$pid/exe" 2>/dev/null)" in */qemu-system-*) echo "$pid" ;; esac
  done
}

tidy() {
  local name none_left=true
  part "cleaning up: daemons, VMs, network namespaces, files"
  # Their VMs would stay for the next daemons.
  for name in "${!daemon[@]}"; do timeout 30 "$vmcache" --endpoint "$run/$name/cache.sock" node drain >/dev/null 2>&1 || true; done
  for name in "${!daemon[@]}"; do kill "${daemon[$name]}" 2>/dev/null || true; done
  for name in "${!daemon[@]}"; do end_process "${daemon[$name]}" 60; done
  assert_none_left "$run" || none_left=false
  # Their ends of the cables go with them.
  for name in "${hosts[@]}" switch; do
    [ ! -e "/run/netns/$(space "$name")" ] || ip netns del "$(space "$name")" || none_left=false
  done
  rm -rf "$run"
  ! $complete || step "done: $(seconds $(($(now_ms) - began))) without the build. More: docs/cluster.md, docs/deployment.md"
  $none_left
}

fail() {
  local name
  printf '\n' >&2
  for name in "${hosts[@]}"; do
    [ -s "$run/$name/vmcached.log" ] || continue
    printf 'the vmcached of %s said:\n' "$name" >&2
    tail -8 "$run/$name/vmcached.log" | sed 's/^/    /' >&2
  done
  [ -z "${daemon[alpha]:-}" ] || at alpha cluster status >&2 || true
  die "$1"
}

now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }
seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }
at() { "$vmcache" --endpoint "$run/$1/cache.sock" "${@:2}"; } # at HOST VERB...
field() { grep -m1 -oE "\"$1\": \"[^\"]*\"" | cut -d'"' -f4; }
indent() { sed 's/^\(.\)/    \1/'; }
part() { printf '\n' >&2; step "$@"; }
say() { printf '    %s\n' "$*"; }
show() { # show HOST VERB...: the command, and what it says
  printf '\n    %s$ vmcache %s\n' "$1" "${*:2}"
  at "$@" 2>&1 | indent || fail "'vmcache ${*:2}' failed on $1"
}

# until_true WHAT COMMAND...: fails when it did not come true in time, or a daemon has ended. $waited: the milliseconds.
until_true() {
  local limit=$((patience * 1000)) what=$1 from name
  from=$(now_ms)
  shift
  until "$@"; do
    waited=$(($(now_ms) - from))
    for name in "${!daemon[@]}"; do kill -0 "${daemon[$name]}" 2>/dev/null || fail "the vmcached of $name has ended"; done
    [ "$waited" -lt "$limit" ] || fail "$what: not within $((limit / 1000)) s"
    [ ! -t 2 ] || printf '\r    %s ... %s ' "$what" "$(seconds "$waited")" >&2
    sleep 0.1
  done
  waited=$(($(now_ms) - from))
  [ ! -t 2 ] || printf '\r%*s\r' 78 '' >&2
}

# sees HOST OTHER STATE [WARM]: what the one knows of the other.
sees() {
  at "$1" node list 2>/dev/null | awk -v node="$2" -v state="$3" -v warm="${4:-}" \
    '$1 == node && $2 == state && (warm == "" || $3 == warm) { found = 1 } END { exit !found }'
}
all_see() { local by of; for by in "${hosts[@]}"; do for of in "${hosts[@]}"; do sees "$by" "$of" up || return 1; done; done; }
all_warm() { local of; for of in "${hosts[@]}"; do sees alpha "$of" up "$warm" || return 1; done; }
all_answer() { local name; for name in "${hosts[@]}"; do at "$name" node list >/dev/null 2>&1 || return 1; done; }
have_noticed() { ! sees alpha beta up && ! sees gamma beta up; }
is_empty() { [ -z "$(qemus "$run/$1")" ]; }

start() { # start HOST FLAGS...
  ip netns exec "$(space "$1")" "$vmcached" --config "$run/$1/vmcache.conf" "${@:2}" >>"$run/$1/vmcached.log" 2>&1 &
  daemon[$1]=$!
}

# take HOST: a VM from wherever it is had. $id, $token, $host, $took: milliseconds, with the start of vmcache.
take() {
  local from answer
  from=$(now_ms)
  answer=$(at "$1" acquire --placement any --timeout 5m -o json) || fail "$1 got no VM"
  took=$(($(now_ms) - from))
  id=$(field id <<<"$answer") token=$(field token <<<"$answer") host=$(field host <<<"$answer") served=$(field served <<<"$answer")
}

give_back() { VMCACHE_TOKEN=$2 at alpha release "$1" >/dev/null || fail "the VM $1 was not released"; }
# in_vm VM TOKEN COMMAND...: runs it, asked of alpha.
in_vm() { VMCACHE_TOKEN=$2 at alpha exec "$1" -- "${@:3}"; }

# A bridge in a namespace of its own, so that nothing of this machine's network is touched, and a cable from it to each host.
wire() {
  local number=0 name
  ip netns add "$(space switch)" &&
    ip -n "$(space switch)" link add bridge type bridge &&
    ip -n "$(space switch)" link set bridge up || return
  for name in "${hosts[@]}"; do
    number=$((number + 1))
    address[$name]=10.77.0.$number
    ip netns add "$(space "$name")" &&
      ip -n "$(space "$name")" link set lo up &&
      ip -n "$(space switch)" link add "$name" type veth peer name eth0 netns "$(space "$name")" &&
      ip -n "$(space switch)" link set "$name" master bridge up &&
      ip -n "$(space "$name")" addr add "${address[$name]}/24" dev eth0 &&
      ip -n "$(space "$name")" link set eth0 up || return
  done
}

began=$(now_ms)
part "1. three hosts: network namespaces on a bridge, and a certificate for each"
wire 2>"$run/wire.log" || die "this machine makes no network namespaces (a container without the right to?): $(tail -1 "$run/wire.log")"
said=$(packaging/make-certificates.sh "$run/tls" "${hosts[@]}" 2>&1) || die "the certificates could not be made: ${said##*$'\n'}"
for name in "${hosts[@]}"; do
  mkdir -m 700 "$run/$name"
  cat >"$run/$name/vmcache.conf" <<END
vmcache {
  endpoint = "$run/$name/cache.sock"
  run-dir = "$run/$name"
  state-dir = "$run/$name/state"
  boot-parallelism = 1
  pool-defaults {
    vm-cache-number = $warm
    memory = 128MiB
    accelerator = tcg
    boot-timeout = 10m
  }
  cluster {
    enabled = on
    node-name = $name
    advertise = "${address[$name]}"
    tls {
      certificate = "$run/tls/$name.crt"
      key = "$run/tls/$name.key"
      ca = "$run/tls/ca.crt"
    }
  }
}
END
  say "$(printf '%-5s  %s  namespace %s' "$name" "${address[$name]}" "$(space "$name")")"
done

part "2. alpha founds the cluster, beta and gamma join it; each boots one VM, saves it, and keeps $warm clones warm"
started=$(now_ms)
start alpha --bootstrap
start beta --join "${address[alpha]}:4750"
start gamma --join "${address[alpha]}:4750"
until_true "the daemons answer" all_answer
until_true "each host sees the three of them up" all_see
say "one cluster of three, $(seconds $(($(now_ms) - started))) after the first daemon was started"
until_true "each host has $warm warm VMs" all_warm
say "$warm warm VMs on each host $(seconds "$waited") later"
show alpha cluster status

part "3. callers come to alpha, one after the other, until all hosts have given VMs"
declare -A given=() held=()
kept="" kept_token=""
for number in $(seq 20); do
  take alpha
  say "$(printf 'VM %2d from %-5s  %-9s  %4d ms  %s' "$number" "$host" "($served)" "$took" "$id")"
  given[$host]=1
  if [ "$host" = beta ] && [ -z "$kept" ]; then kept=$id kept_token=$token; else held[$id]=$token; fi
  [ ${#given[@]} -lt ${#hosts[@]} ] || break
done
[ ${#given[@]} -eq ${#hosts[@]} ] || fail "after $number VMs only these hosts have given any: ${!given[*]}"
say "(milliseconds with the start of vmcache; each VM runs, and has random numbers and an identity of its own)"

part "4. a command in beta's VM, asked of alpha"
printf "\n    alpha\$ vmcache exec %s -- sh -c 'hostname; echo 42 >/tmp/answer'\n" "${kept:0:8}"
in_vm "$kept" "$kept_token" sh -c 'hostname; echo 42 >/tmp/answer' | indent || fail "the command failed"
for id in "${!held[@]}"; do give_back "$id" "${held[$id]}"; done
say "(the other VMs are released; this one is kept)"
until_true "each host is warm again" all_warm

part "5. kill -9 of beta's daemon"
mapfile -t before < <(qemus "$run/beta" | sort -n)
at beta list | awk 'NR > 1 { print $1 }' | sort >"$run/vms.before"
killed=$(now_ms)
kill -KILL "${daemon[beta]}"
wait "${daemon[beta]}" 2>/dev/null || true
unset 'daemon[beta]'
for number in 1 2 3 4 5 6; do
  by=alpha
  [ $((number % 2)) -eq 1 ] || by=gamma
  take "$by"
  say "$(printf '%s after the kill, a caller of %-5s got a VM from %-5s  %-9s  %4d ms' "$(seconds $(($(now_ms) - killed)))" "$by" "$host" "($served)" "$took")"
  give_back "$id" "$token"
done
until_true "alpha and gamma notice" have_noticed
say "alpha and gamma noticed after $(seconds $(($(now_ms) - killed))) at the latest"
show alpha cluster status
printf '\n    alpha$ vmcache exec %s -- cat /tmp/answer\n' "${kept:0:8}"
if in_vm "$kept" "$kept_token" cat /tmp/answer >"$run/away" 2>&1; then fail "a VM of beta answered without its daemon"; fi
indent <"$run/away"
mapfile -t after < <(qemus "$run/beta" | sort -n)
[ "${before[*]}" = "${after[*]}" ] || fail "beta's QEMUs were ${before[*]}, and are now ${after[*]}"
printf '\n'
say "beta's ${#after[@]} QEMUs run on, as before: pids ${after[*]}"

part "6. beta's daemon is started again"
from=$(now_ms)
start beta --join "${address[gamma]}:4750"
until_true "beta answers" all_answer
until_true "beta has its VMs again" sees beta beta up "$warm"
say "its warm VMs are warm again after $(seconds $(($(now_ms) - from)))"
until_true "the cluster is whole again" all_warm
say "all three hosts see each other again after $(seconds $(($(now_ms) - from)))"
at beta list | awk 'NR > 1 { print $1 }' | sort >"$run/vms.after"
mapfile -t after < <(qemus "$run/beta" | sort -n)
cmp -s "$run/vms.before" "$run/vms.after" || fail "beta's VMs were $(paste -sd' ' "$run/vms.before"), and are now $(paste -sd' ' "$run/vms.after")"
[ "${before[*]}" = "${after[*]}" ] || fail "beta's QEMUs were ${before[*]}, and are now ${after[*]}"
say "the same VMs, the same processes: pids ${after[*]}"
printf '\n    alpha$ vmcache exec %s -- cat /tmp/answer\n' "${kept:0:8}"
[ "$(in_vm "$kept" "$kept_token" cat /tmp/answer | tee >(indent >&2) 2>&1)" = 42 ] || fail "the VM has lost what was in it"

part "7. beta is to be upgraded: cordoned and drained, all from alpha"
show alpha node cordon beta
until_true "alpha sees it" sees alpha beta cordoned
show alpha node drain beta
until_true "alpha sees it" sees alpha beta draining 0
show alpha node list
take alpha
printf '\n'
say "a caller of alpha gets a VM from $host all the same; beta keeps what is leased until its holder gives it back"
give_back "$id" "$token"
give_back "$kept" "$kept_token"
until_true "nothing of beta's runs any more" is_empty beta
say "now no QEMU runs on beta"
show alpha node uncordon beta
until_true "beta is warm again" all_warm
say "beta is warm again after $(seconds "$waited")"
show alpha cluster status
complete=true
