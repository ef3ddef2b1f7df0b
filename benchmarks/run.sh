#!/usr/bin/env bash
# Runs benchmarks in several rounds and prints one table in Markdown; with --against, in turns with another commit's, built beside it.
#   benchmarks/run.sh [NAME...] [--against COMMIT] [--rounds N]
# NAME: a benchmark of the Rig (all: those with real QEMU take minutes a round). N: 7 at least, which is the default: fewer tell nothing of chance.
# The other commit is built in ${XDG_CACHE_HOME:-~/.cache}/vmcache-bench, where it stays. The last line says where the runs' outputs are.
set -euo pipefail
cd "$(dirname "$0")/.."
source ./scripts/common.sh

# What a round of each is: its argument to the Rig; empty: the number of the round, as the seed.
declare -A sizes=(
  [get-base-vm]=1 [config]=1 [authority]=1 [acquire]=3 [acquire-v1]=4 [adopt]=1 [state-writes]=50 [expiry]=10 [clone]=3 [template]=1 [refill]=1
  [cluster-acquire]=50 [remote-acquire]=50 [inventory]=20 [thousand]="" [idle]=30 [flood]=10
)
order=(get-base-vm config authority acquire acquire-v1 adopt state-writes expiry clone template refill cluster-acquire remote-acquire inventory thousand idle flood)

names=() against="" rounds=7
while [ $# -gt 0 ]; do
  case $1 in
    --against | --rounds)
      [ $# -gt 1 ] || die "$1 takes a value"
      if [ "$1" = --against ]; then against=$2; else rounds=$2; fi
      shift
      ;;
    -*) die "unknown option '$1'; there are --against and --rounds" ;;
    *) [ -n "${sizes[$1]+known}" ] || die "there is no benchmark '$1'; there are ${order[*]}"; names+=("$1") ;;
  esac
  shift
done
# Each side has a daemon of its own.
unset VMCACHE_DIST
[ ${#names[@]} -gt 0 ] || names=("${order[@]}")
[[ $rounds =~ ^[0-9]+$ ]] && [ "$rounds" -ge 7 ] || die "--rounds is '$rounds': at least 7"
commit=""
[ -z "$against" ] || commit=$(git rev-parse --verify --quiet "$against^{commit}") || die "--against: '$against' is no commit of this repository"

build_at() { # build_at DIRECTORY
  call "$1/build.sh" --test >&2
  step "building the benchmarks in $1"
  quietly "the benchmarks in $1 could not be built" dotnet build "$1/benchmarks/Rig" -c Release --nologo -v quiet -p:RunAnalyzers=false
}

build_at "$PWD"
quietly "the comparison could not be built" dotnet build benchmarks/Compare -c Release --nologo -v quiet -p:RunAnalyzers=false
declare -A at=([now]=$PWD)
sides=(now)
if [ -n "$commit" ]; then
  at[before]=${XDG_CACHE_HOME:-$HOME/.cache}/vmcache-bench/$commit
  if [ ! -d "${at[before]}" ]; then
    mkdir -p "$(dirname "${at[before]}")"
    new=$(mktemp -d "${at[before]}.new.XXXXXX")
    git archive "$commit" | tar -x -C "$new"
    mv -T "$new" "${at[before]}"
  fi
  build_at "${at[before]}"
  sides=(before now)
fi

# A program of .NET that fails ends in a stack trace.
why_failed() { { grep -m1 '^Unhandled exception' "$results/errors" || tail -1 "$results/errors"; } | cut -c1-300; }

results=$(mktemp -d /tmp/vmcache-bench.XXXXXX)
for name in "${names[@]}"; do
  for round in $(seq "$rounds"); do
    # Neither is always the first.
    [ ${#sides[@]} -eq 1 ] || sides=("${sides[1]}" "${sides[0]}")
    for side in "${sides[@]}"; do
      step "$name, round $round of $rounds, $side"
      (cd "${at[$side]}" && benchmarks/Rig/bin/Release/net10.0/VmCacheCluster.Benchmarks.Rig "$name" "${sizes[$name]:-$round}") \
        >"$results/$name.$side.$round" 2>"$results/errors" ||
        { tail -20 "$results/errors" >&2; die "$name failed, round $round, $side: $(why_failed); the outputs until then: $results"; }
    done
  done
done
printf '%s%s, %s rounds, load %s at the end\n\n' "$(git describe --always --dirty)" "${commit:+ against $(git rev-parse --short "$commit")}" "$rounds" "$(cut -d' ' -f1 /proc/loadavg)"
dotnet benchmarks/Compare/bin/Release/net10.0/VmCacheCluster.Benchmarks.Compare.dll "$results" "${names[@]}"
step "the outputs of all runs: $results"
