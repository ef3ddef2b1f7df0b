#!/usr/bin/env bash
# Runs every test that can run on this machine. The last line of its output is `N passed, N failed, N skipped`.
#   ./test.sh              everything, the smoke specs of KVM and vsock too: half an hour on two cores
#   ./test.sh --fast       without real QEMU
#   ./test.sh --long       everything, and what takes minutes more
#   ./test.sh --lab-smoke  the smoke specs of KVM and vsock (tests/lab), and nothing else: some ten minutes
#   ./test.sh --lab        all specs of KVM and vsock, and nothing else: up to 80 minutes
set -euo pipefail
cd "$(dirname "$0")"
source ./scripts/common.sh

filter=(--filter 'Category!=Long') suites=(Unit Actors Qemu EndToEnd) lab=""
case "${1:-}" in
  '') lab=smoke ;;
  --fast) filter=(--filter 'Category!=Qemu&Category!=Long') ;;
  --long) filter=() lab=smoke ;;
  --lab-smoke) suites=() lab=smoke ;;
  --lab) suites=() lab=whole ;;
  *) die "unknown option '$1'; there are --fast, --long, --lab-smoke and --lab" ;;
esac

need_dotnet
need ip:iproute2
call ./build.sh ${suites:+--test} >&2
if [ ${#suites[@]} -gt 0 ]; then
  call docs/generate-configuration.sh --check >&2
  step "building the tests"
  quietly "the tests could not be built" dotnet build VmCacheCluster.sln --nologo -v quiet
fi

results=$scratch/results
mkdir "$results"
export DOTNET_HOSTBUILDER__RELOADCONFIGONCHANGE=false
status=0
for suite in "${suites[@]}"; do
  step "tests: $suite"
  # A suite without a test that the filter keeps is no failure; that none at all ran, is (below).
  dotnet test "tests/$suite" --no-build --nologo -v quiet "${filter[@]}" --results-directory "$results" --logger "trx;LogFileName=$suite.trx" --logger "console;verbosity=minimal" \
    >"$results/$suite.log" 2>&1 || status=1
  grep -vE '^\[(INFO|WARNING|ERROR|DEBUG)\]|^$' "$results/$suite.log" | tail -n 60 >&2 || true
done

lab_passed=0 lab_failed=0 lab_skipped=0 lab_run=""
tidy() { [ -z "$lab_run" ] || { kill -TERM "$lab_run" && wait "$lab_run" || true; }; }
if [ -n "$lab" ]; then
  step "specs of KVM and vsock: $lab"
  # It ends with this script, and what it started with it.
  setpriv --pdeathsig TERM tests/lab/run.sh "$lab" >"$results/lab.log" &
  lab_run=$!
  wait "$lab_run" || status=1
  lab_run=""
  read -r lab_passed _ lab_failed _ lab_skipped _ < <(tail -1 "$results/lab.log" | grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' || echo "0 passed, 1 failed, 0 skipped")
fi

# A suite that dies before its first test leaves no file.
count() { { cat "$results"/*.trx 2>/dev/null | grep -oE "<Counters [^>]*" | grep -oE " $1=\"[0-9]+\"" | grep -oE '[0-9]+' || true; } | awk '{ n += $1 } END { print n + 0 }'; }
# The ten slowest, as "seconds name".
slowest() {
  { grep -ohE '<UnitTestResult [^>]*' "$results"/*.trx 2>/dev/null || true; } |
    sed -nE 's/.* testName="([^"]*)".* duration="0*([0-9]+):([0-9]+):([0-9.]+)".*/\2 \3 \4 \1/p' |
    awk '{ s = $1 * 3600 + $2 * 60 + $3; sub(/^[^ ]+ [^ ]+ [^ ]+ /, ""); sub(/^VmCacheCluster\.Tests\./, ""); gsub(/&quot;/, "\""); printf "%7.1f s  %s\n", s, $0 }' |
    sort -rn | sed -n 1,10p
}
if [ ${#suites[@]} -gt 0 ]; then
  step "the ten slowest:"
  slowest >&2
fi
executed=$(count executed) total=$(count total)
passed=$(($(count passed) + lab_passed)) failed=$(($(count failed) + lab_failed)) skipped=$((total - executed + lab_skipped))
if [ "$skipped" -gt 0 ]; then
  step "skipped, and why:"
  grep -hoE 'Skipped .*|\$XunitDynamicSkip\$.*' "$results"/*.log | sort | uniq -c >&2 || true
  [ "$lab_skipped" -eq 0 ] || printf '%s specs of KVM and vsock (the reason stands above)\n' "$lab_skipped" >&2
fi
printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ] || exit 1
[ "$passed" -gt 0 ] || die "no test ran"
[ "$status" -eq 0 ] || die "a suite ended before all of its tests had (see above)"
