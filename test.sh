#!/usr/bin/env bash
# Runs every test that can run on this machine. The last line of its output is `N passed, N failed, N skipped`.
#   ./test.sh              everything
#   ./test.sh --fast       without real QEMU
#   ./test.sh --long       everything, and what takes minutes more
set -euo pipefail
cd "$(dirname "$0")"
source ./scripts/common.sh

filter=(--filter 'Category!=Long')
case "${1:-}" in
  --fast) filter=(--filter 'Category!=Qemu&Category!=Long') ;;
  --long) filter=() ;;
esac

need_dotnet
need ip:iproute2
call ./build.sh --test >&2

call docs/generate-configuration.sh --check >&2

step "building the tests"
quietly "the tests could not be built" dotnet build VmCacheCluster.sln --nologo -v quiet

results=$scratch/results
mkdir "$results"
export DOTNET_HOSTBUILDER__RELOADCONFIGONCHANGE=false
status=0
for suite in Unit Actors Qemu EndToEnd; do
  step "tests: $suite"
  # A suite without a test that the filter keeps is no failure; that none at all ran, is (below).
  dotnet test "tests/$suite" --no-build --nologo -v quiet "${filter[@]}" --results-directory "$results" --logger "trx;LogFileName=$suite.trx" --logger "console;verbosity=minimal" \
    >"$results/$suite.log" 2>&1 || status=1
  grep -vE '^\[(INFO|WARNING|ERROR|DEBUG)\]|^$' "$results/$suite.log" | tail -n 60 >&2 || true
done

# A suite that dies before its first test leaves no file.
count() { { cat "$results"/*.trx 2>/dev/null | grep -oE "<Counters [^>]*" | grep -oE " $1=\"[0-9]+\"" | grep -oE '[0-9]+' || true; } | awk '{ n += $1 } END { print n + 0 }'; }
# The ten slowest, as "seconds name".
slowest() {
  { grep -ohE '<UnitTestResult [^>]*' "$results"/*.trx 2>/dev/null || true; } |
    sed -nE 's/.* testName="([^"]*)".* duration="0*([0-9]+):([0-9]+):([0-9.]+)".*/\2 \3 \4 \1/p' |
    awk '{ s = $1 * 3600 + $2 * 60 + $3; sub(/^[^ ]+ [^ ]+ [^ ]+ /, ""); sub(/^VmCacheCluster\.Tests\./, ""); gsub(/&quot;/, "\""); printf "%7.1f s  %s\n", s, $0 }' |
    sort -rn | sed -n 1,10p
}
step "the ten slowest:"
slowest >&2
passed=$(count passed) failed=$(count failed) executed=$(count executed) total=$(count total)
skipped=$((${total:-0} - ${executed:-0}))
if [ "$skipped" -gt 0 ]; then
  step "skipped, and why:"
  grep -hoE 'Skipped .*|\$XunitDynamicSkip\$.*' "$results"/*.log | sort | uniq -c >&2 || true
fi
printf '%s passed, %s failed, %s skipped\n' "${passed:-0}" "${failed:-0}" "$skipped"
[ "${failed:-0}" -eq 0 ] || exit 1
[ "${passed:-0}" -gt 0 ] || die "no test ran"
[ "$status" -eq 0 ] || die "a suite ended before all of its tests had (see above)"
