#!/usr/bin/env bash
# Runs the laboratory's specs on this machine, which has KVM and vsock: L1, or a host.
#   inside.sh smoke|whole RESULTS [SCENE...]
#   inside.sh smoke|whole --list [SCENE...]
# RESULTS gets a line for each spec: name, passed, failed or skipped, seconds of this machine. --list prints the names alone.
set -uo pipefail
here=$(dirname "$(realpath "$0")")
extent=$1 results=$2
shift 2
source "$here/steps.sh"
# Sockets have short paths, and /tmp may be a disk.
below=/run
[ "$results" != --list ] || below=${TMPDIR:-/tmp}

# spec smoke|whole NAME COMMAND...: runs the command, whose output is told when it fails. The whole extent has smoke's specs too.
spec() {
  local tag=$1 name=$2 began took status=0
  shift 2
  [ "$extent" = whole ] || [ "$tag" = smoke ] || return 0
  [ "$results" != --list ] || { printf '%s: %s\n' "$scene_name" "$name"; return 0; }
  began=$(now)
  # In the background: within a condition set -e would not count.
  (set -eE; trap 'echo "line $LINENO of ${BASH_SOURCE[0]##*/}, status $?: $BASH_COMMAND"' ERR; "$@") >"$scene/said" 2>&1 </dev/null &
  wait $! || status=$?
  took=$(since "$began")
  if [ "$status" -eq 77 ]; then
    printf 'skipped %6.1f s  %s: %s: %s\n' "$took" "$scene_name" "$name" "$(tail -1 "$scene/said")"
    printf '%s: %s\tskipped\t%s\n' "$scene_name" "$name" "$took" >>"$results"
  elif [ "$status" -eq 0 ]; then
    printf 'passed  %6.1f s  %s: %s\n' "$took" "$scene_name" "$name"
    printf '%s: %s\tpassed\t%s\n' "$scene_name" "$name" "$took" >>"$results"
  else
    printf 'FAILED  %6.1f s  %s: %s\n' "$took" "$scene_name" "$name"
    sed 's/^/    /' "$scene/said"
    [ ! -s "$scene/log" ] || { echo "    the daemon said last:"; tail -n 15 "$scene/log" | sed 's/^/    /'; }
    printf '%s: %s\tfailed\t%s\n' "$scene_name" "$name" "$took" >>"$results"
  fi
  # What it noted for people.
  [ ! -s "$scene/noted" ] || { sed 's/^/    /' "$scene/noted"; : >"$scene/noted"; }
}

run_scene() {
  scene_name=$1
  # Without it the processes of a scene could not be told from others.
  scene=$(mktemp -d "$below/lab-$1.XXXXXX") && [ -d "$scene" ] || exit 1
  export VMCACHE_ENDPOINT=$scene/cache.sock
  source "$here/scenes/$1.sh"
  [ "$results" != --list ] || { rm -rf "$scene"; return 0; }
  tidy_scene
  return 0
}

[ $# -gt 0 ] || set -- $(cd "$here/scenes" && ls *.sh | sed 's/\.sh$//')
if [ "$results" != --list ]; then
  # Scenes without a spec of this extent are not begun.
  set -- $("$0" "$extent" --list "$@" | cut -d: -f1 | uniq)
  : >"$results"
fi
status=0
for name; do
  # Not as a condition: set -e would not count in the specs either.
  (run_scene "$name")
  [ $? -eq 0 ] || { status=1; echo "FAILED  the scene $name ended before its end"; }
done
[ "$results" = --list ] || dmesg 2>/dev/null | grep -iE '\bstalls?\b|lockup|hung task|BUG:|WARNING:' | sed 's/^/the kernel said: /'
exit "$status"
