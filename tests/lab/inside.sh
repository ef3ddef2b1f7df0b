#!/usr/bin/env bash
# Runs the laboratory's specs on this machine, which has KVM and vsock: L1, or a host.
#   inside.sh smoke|whole RESULTS [SCENE...]
#   inside.sh smoke|whole --list [SCENE...]
# RESULTS gets lines that begin with # and say what this machine is, and one for each spec: name, passed, failed or skipped, seconds of this
# machine, what it noted. --list prints the names alone.
set -uo pipefail
shopt -s inherit_errexit
here=$(dirname "$(realpath "$0")")
extent=$1 results=$2
shift 2
source "$here/steps.sh"
# Sockets have short paths, and /tmp may be a disk.
below=/run
[ "$results" != --list ] || below=${TMPDIR:-/tmp}

# spec smoke|whole NAME COMMAND...: runs the command, whose output is told when it fails. The whole extent has smoke's specs too.
spec() {
  local tag=$1 name=$2 began took result status=0
  shift 2
  [ "$extent" = whole ] || [ "$tag" = smoke ] || return 0
  [ "$results" != --list ] || { printf '%s: %s\n' "$scene_name" "$name"; return 0; }
  began=$(now)
  : >"$scene/noted"
  # In the background: within a condition set -e would not count.
  (set -eE; trap 'echo "line $LINENO of ${BASH_SOURCE[0]##*/}, status $?: $BASH_COMMAND" >&3' ERR; "$@") 3>"$scene/where" >"$scene/said" 2>&1 </dev/null &
  wait $! || status=$?
  took=$(since "$began")
  case $status in
    0) result=passed ;;
    77) result=skipped; note "$(tail -1 "$scene/said")" ;;
    *) result=failed ;;
  esac
  printf '%-7s %6.1f s  %s: %s\n' "${result/failed/FAILED}" "$took" "$scene_name" "$name"
  if [ "$result" = failed ]; then
    sed 's/^/    /' "$scene/said" "$scene/where"
    [ ! -s "$scene/log" ] || { echo "    the daemon said last:"; tail -n 15 "$scene/log" | sed 's/^/    /'; }
  fi
  # What it noted for people.
  sed 's/^/    /' "$scene/noted"
  printf '%s: %s\t%s\t%s\t%s\n' "$scene_name" "$name" "$result" "$took" "$(tr '\t\n' ' ;' <"$scene/noted" | sed 's/;$//; s/;/; /g')" >>"$results"
}

run_scene() {
  scene_name=$1
  # Without it the processes of a scene could not be told from others.
  scene=$(mktemp -d "$below/lab-$1.XXXXXX") && [ -d "$scene" ] || exit 1
  export VMCACHE_ENDPOINT=$scene/cache.sock
  if [ "$results" = --list ]; then trap 'rm -rf "$scene"' EXIT; else trap tidy_scene EXIT; fi
  trap 'exit 143' TERM HUP
  source "$here/scenes/$1.sh"
  # A file that does not parse, or is not there, has fewer specs, and its list as many.
  exit
}

[ $# -gt 0 ] || set -- $(cd "$here/scenes" && ls *.sh | sed 's/\.sh$//')
if [ "$results" != --list ]; then
  # Scenes without a spec of this extent are not begun.
  set -- $("$0" "$extent" --list "$@" | cut -d: -f1 | uniq)
  {
    printf '# vmcached %s, %s\n' "$(vmcached --version)" "$(date -u +%F)"
    printf '# Linux %s, %s, %s\n' "$(uname -r)" "$(qemu-system-x86_64 --version | head -1)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
  } >"$results"
fi
# Its scenes tidy up first.
trap 'exit 143' TERM HUP
status=0
for name; do
  # Not as a condition: set -e would not count in the specs either.
  (run_scene "$name")
  [ $? -eq 0 ] || { status=1; echo "FAILED  the scene $name ended before its end"; }
done
[ "$results" = --list ] || dmesg 2>/dev/null | grep -iE '\bstalls?\b|lockup|hung task|BUG:|WARNING:' | sed 's/^/the kernel said: /'
exit "$status"
