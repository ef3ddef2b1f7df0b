#!/usr/bin/env bash
# Runs the specs that need KVM and vsock: on this host where both work, else in a laboratory (lab.sh). After ./build.sh.
#   run.sh smoke|whole [SCENE...]
# VMCACHE_LAB: auto (default), direct (on this host) or nested (in the laboratory). VMCACHE_LAB_RESULTS: a directory that gets the results.
# The last line is `N passed, N failed, N skipped`. Where there is neither it says why, and all are skipped.
set -euo pipefail
source "$(dirname "$(realpath "$0")")/lab.sh"

extent=${1:-smoke}
[ $# -eq 0 ] || shift
scenes=("$@")
case $extent in
  smoke) limit=900 ;;
  whole) limit=4800 ;;
  *) die "'$extent' is neither smoke nor whole" ;;
esac
limit=${VMCACHE_LAB_LIMIT:-$limit}
out=${VMCACHE_LAB_RESULTS:-$scratch/lab}
mkdir -p "$out"
# An earlier run's must not be counted.
rm -f "$out/lab.tsv"
began=$SECONDS child=""

specs() { "$lab_source/inside.sh" "$extent" --list "$@"; }
# Being there is not enough: a container may not open them. What is not there would be made by <>.
opens() { [ -c "$1" ] && (: <>"$1") 2>/dev/null; }
has_both() { [ "$(id -u)" -eq 0 ] && opens /dev/kvm && opens /dev/vhost-vsock; }

skip_all() {
  step "the specs of KVM and vsock are skipped: $1"
  printf '0 passed, 0 failed, %s skipped\n' "$(specs "${scenes[@]}" | wc -l)"
  exit 0
}

# Also when this is stopped in the middle.
tidy() {
  [ -z "$child" ] || { kill -TERM "$child" 2>/dev/null && wait "$child"; }
  lab_unmake
  [ -z "$lab_ours" ] || lab_stop
}

# waiting COMMAND...: as a child that is waited for, since a signal is only heard between two commands.
waiting() {
  "$@" >&2 &
  child=$!
  wait "$child" || status=$?
  child=""
}

case ${VMCACHE_LAB:-auto} in
  auto) if has_both; then how=direct; else how=nested; fi ;;
  direct | nested) how=$VMCACHE_LAB ;;
  *) die "VMCACHE_LAB is '$VMCACHE_LAB', neither auto, direct nor nested" ;;
esac

status=0
if [ "$how" = direct ]; then
  reason=$(lacks need jq:jq openssl:openssl ip:iproute2 pgrep:procps)
else
  reason=$(lab_unfit)
  [ -n "$reason" ] || reason=$(lacks lab_tools)
fi
[ -z "$reason" ] || skip_all "$reason"
if [ "$extent" = whole ]; then
  # Twenty guests at once.
  export MEM=${MEM:-4096}
  VMCACHE_GUEST_KERNEL=linux-image-amd64 call "$lab_source/../../guest/build.sh" "$dist/guest-ordinary" >&2
fi
if [ "$how" = direct ]; then
  step "the specs of KVM and vsock, on this host ($(uname -r))"
  PATH=$dist:$PATH waiting timeout -k 90 "$limit" "$lab_source/inside.sh" "$extent" "$out/lab.tsv" "$@"
else
  lab_build
  step "booting the laboratory"
  booting=$SECONDS
  lab_boot setpriv --pdeathsig KILL
  step "the laboratory is up after $((SECONDS - booting)) s"
  rm -rf "$lab/share/lab"
  # Where the scenes find them in the repository.
  mkdir -p "$lab/share/lab/tests/lab" "$lab/share/lab/packaging"
  cp -r "$lab_source"/{inside.sh,steps.sh,own-pool.sh,ordinary-kernel.sh,scenes} "$lab/share/lab/tests/lab/"
  cp "$lab_source/../../packaging/make-certificates.sh" "$lab/share/lab/packaging/"
  # L1's seconds: its clocks are slowed.
  waiting timeout "$limit" "$lab_source/lab.sh" run "/share/lab/tests/lab/inside.sh $extent /share/lab/lab.tsv $*"
  cp "$lab/share/lab/lab.tsv" "$out/lab.tsv" 2>/dev/null || true
  [ "$status" -eq 0 ] || lab_last_words
  lab_stop
  lab_ours=""
fi
[ "$status" -ne 124 ] || printf 'the limit of %s s is reached\n' "$limit" >&2
touch "$out/lab.tsv"
passed=$(grep -c $'\tpassed\t' "$out/lab.tsv" || true) skipped=$(grep -c $'\tskipped\t' "$out/lab.tsv" || true)
step "the specs of KVM and vsock took $((SECONDS - began)) s of this host's time"
# A spec without a result has failed: the machine ended before.
failed=$(($(specs "${scenes[@]}" | wc -l) - passed - skipped))
printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ] && [ "$status" -eq 0 ] || die "specs failed in the laboratory (see above)"
[ "$passed" -gt 0 ] || die "no spec ran in the laboratory"
