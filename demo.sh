#!/usr/bin/env bash
# Shows what it is for: starts a node that keeps two real VMs warm, runs a command in one, takes one, and puts the time
# beside those of a clone and of a cold boot. Builds and installs what is missing first.
set -euo pipefail
cd "$(dirname "$0")"
source ./scripts/common.sh
source ./scripts/processes.sh

call ./build.sh

run=$(mktemp -d /tmp/vmcache-demo.XXXXXX)
export VMCACHE_ENDPOINT=$run/cache.sock
vmcached=dist/vmcached vmcache=dist/vmcache
daemon=""
patience=600 # seconds, for a machine that is busy with other things

tidy() {
  local none_left=true
  if [ -n "$daemon" ]; then
    printf '\n' >&2
    # Without this the warm VMs would stay for the next daemon.
    timeout 30 "$vmcache" node drain >/dev/null 2>&1 || true
    end_process "$daemon" 60
  fi
  assert_none_left "$run" || none_left=false
  rm -rf "$run"
  $none_left
}

now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }
now_us() { echo "${EPOCHREALTIME/[.,]/}"; }
ready() { "$vmcache" status -o json 2>/dev/null | grep -m1 -oE '"warm": [0-9]+' | grep -oE '[0-9]+' || echo -; }
field() { grep -m1 -oE "\"$1\": \"[^\"]*\"" | cut -d'"' -f4; }
fail() { printf '\nvmcached said:\n' >&2; tail -20 "$run/vmcached.log" >&2; die "$1"; }
# until_true WHAT COMMAND...
until_true() {
  local what=$1 until=$((SECONDS + patience))
  shift
  until "$@"; do
    kill -0 "$daemon" 2>/dev/null || fail "vmcached has ended"
    [ "$SECONDS" -lt "$until" ] || fail "$what: not within $patience s"
    sleep 0.1
  done
}
answers() { [ "$(ready)" != - ]; }
clones() { "$vmcache" status -o json | grep -q '"refill": "clone"'; }
is_warm() {
  local warm
  warm=$(ready)
  printf '\r    %s of 2 VMs warm, %s s ' "$warm" $((($(now_ms) - began) / 1000)) >&2
  [ "$warm" = 2 ]
}

start() { # start TARGET [REFILL]
  printf 'vmcache.pool-defaults.refill = %s\nvmcache.state-dir = "%s"\n' "${2:-auto}" "$run/state" >"$run/vmcached.conf"
  # tcg and kvm boot alike here; `auto` proves which of the two this host can use.
  "$vmcached" --config "$run/vmcached.conf" --endpoint "$VMCACHE_ENDPOINT" --run-dir "$run" --vm-cache-number "$1" >>"$run/vmcached.log" 2>&1 &
  daemon=$!
  until_true "vmcached answers" answers
}

stop() {
  "$vmcache" node drain >&2
  end_process "$daemon" "$patience"
  daemon=""
}

# take [OPTIONS...]: takes a VM, uses it, gives it back. Microseconds until its agent had answered.
take() {
  local from id took
  from=$(now_us)
  id=$("$vmcache" get-base-vm --resume "$@" -o json | field id) || fail "no VM was handed out"
  took=$(($(now_us) - from))
  "$vmcache" release "$id" >&2
  echo "$took"
}

step "starting a node that keeps two VMs warm: one boots and is saved, then both are clones of it"
start 2
began=$(now_ms)
until_true "the pool gets warm" is_warm
printf '\r    2 of 2 VMs warm after %s ms       \n' $(($(now_ms) - began)) >&2
"$vmcache" status >&2

step "a warm VM for one command: reseeded, its clock set, an identity of its own, and gone when the command ends"
from=$(now_us)
command='uname -a; hostname; nproc; echo "GREETING=$GREETING"'
output=$("$vmcache" acquire --vcpus 2 --memory 512 --env GREETING=hello -- sh -c "$command") || fail "no VM was acquired"
whole=$(($(now_us) - from))

step "taking a warm VM: resumed, reseeded, its clock set, its agent asked"
began=$(now_ms)
until_true "the pool gets warm again" is_warm
printf '\r%*s\r' 78 '' >&2
warm=$(take --timeout 120s)

step "one that is cloned while its caller waits (nothing is warm, the template is stored)"
stop
start 0
until_true "the stored template is found" clones
clone=$(take --timeout 120s)

step "and one that has to boot"
stop
start 0 boot
cold=$(take --timeout 120s)

ms() { printf '%d.%01d' $(($1 / 1000)) $(($1 % 1000 / 100)); }
printf '\n'
printf '  %-40s %12s %12s %12s\n' "until the agent of the VM has answered" boot clone warm
printf '  %-40s %9s ms %9s ms %9s ms\n' "time" "$(ms "$cold")" "$(ms "$clone")" "$(ms "$warm")"
printf '  %-40s %10d x %10d x %10d x\n' "as fast as a boot" 1 $((cold / (clone > 0 ? clone : 1))) $((cold / (warm > 0 ? warm : 1)))
printf '\n  $ vmcache acquire --vcpus 2 --memory 512 --env GREETING=hello -- sh -c '"'%s'"'\n' "$command"
printf '%s\n' "$output" | sed 's/^/  /'
printf '  (%s ms from nothing until the VM was gone)\n\n' "$(ms "$whole")"
