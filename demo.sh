#!/usr/bin/env bash
# Shows what it is for: starts a node that keeps two real VMs warm, runs a command in one, takes one, and puts the time
# beside that of a cold boot. Builds and installs what is missing first.
set -euo pipefail
cd "$(dirname "$0")"
source ./scripts/common.sh

./build.sh

run=$(mktemp -d /tmp/vmcache-demo.XXXXXX)
export VMCACHE_ENDPOINT=$run/cache.sock
vmcached=dist/vmcached vmcache=dist/vmcache
daemon=""
finish() {
  if [ -n "$daemon" ]; then
    # Without this the warm VMs would stay for the next daemon.
    "$vmcache" node drain >/dev/null 2>&1 || true
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  rm -rf "$run"
}
trap finish EXIT
trap 'exit 130' INT TERM

now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }
now_us() { echo "${EPOCHREALTIME/[.,]/}"; }
ready() { "$vmcache" status -o json 2>/dev/null | grep -m1 -oE '"warm": [0-9]+' | grep -oE '[0-9]+' || echo -; }
field() { grep -m1 -oE "\"$1\": \"[^\"]*\"" | cut -d'"' -f4; }
fail() { printf '\nvmcached said:\n' >&2; tail -20 "$run/vmcached.log" >&2; die "$1"; }

start() { # start TARGET
  # tcg and kvm boot alike here; `auto` proves which of the two this host can use.
  "$vmcached" --endpoint "$VMCACHE_ENDPOINT" --run-dir "$run" --vm-cache-number "$1" >>"$run/vmcached.log" 2>&1 &
  daemon=$!
  for _ in $(seq 100); do
    [ "$(ready)" = - ] || return 0
    kill -0 "$daemon" 2>/dev/null || fail "vmcached did not start"
    sleep 0.1
  done
  fail "vmcached does not answer"
}

step "starting a node that keeps two VMs warm"
start 2
began=$(now_ms)
until [ "$(ready)" = 2 ]; do
  [ $(($(now_ms) - began)) -lt 120000 ] || fail "the pool did not get warm within two minutes"
  printf '\r    %s of 2 VMs warm, %s s ' "$(ready)" $((($(now_ms) - began) / 1000)) >&2
  sleep 0.5
done
printf '\r    2 of 2 VMs warm after %s ms       \n' $(($(now_ms) - began)) >&2
"$vmcache" status >&2

step "a warm VM for one command: reseeded, its clock set, an identity of its own, and gone when the command ends"
from=$(now_us)
command='uname -a; hostname; nproc; echo "GREETING=$GREETING"'
output=$("$vmcache" acquire --vcpus 2 --memory 512 --env GREETING=hello -- sh -c "$command") || fail "no VM was acquired"
whole=$(($(now_us) - from))

step "taking a warm VM: resumed, reseeded, its clock set, its agent asked"
until [ "$(ready)" != 0 ]; do sleep 0.5; done
from=$(now_us)
id=$("$vmcache" get-base-vm --resume -o json | field id) || fail "no VM was handed out"
warm=$(($(now_us) - from))
"$vmcache" release "$id" >&2

step "and one that has to boot first (a pool of its own, with nothing warm)"
"$vmcache" node drain >&2
kill "$daemon"; wait "$daemon" 2>/dev/null || true
start 0
from=$(now_us)
cold_id=$("$vmcache" get-base-vm --resume --timeout 120s -o json | field id) || fail "no VM was handed out"
cold=$(($(now_us) - from))
"$vmcache" release "$cold_id" >&2

ms() { printf '%d.%01d' $(($1 / 1000)) $(($1 % 1000 / 100)); }
printf '\n'
printf '  %-44s %12s\n' "until the agent of the VM has answered" "time"
printf '  %-44s %9s ms\n' "cold boot" "$(ms "$cold")"
printf '  %-44s %9s ms\n' "warm acquire" "$(ms "$warm")"
printf '  %-44s %10d x\n' "ratio" $((cold / (warm > 0 ? warm : 1)))
printf '\n  $ vmcache acquire --vcpus 2 --memory 512 --env GREETING=hello -- sh -c '"'%s'"'\n' "$command"
printf '%s\n' "$output" | sed 's/^/  /'
printf '  (%s ms from nothing until the VM was gone)\n\n' "$(ms "$whole")"
