# What the scenes' specs are made of. Sourced by inside.sh.

now() { cut -d' ' -f1 /proc/uptime; }
since() { awk -v from="$1" -v to="$(now)" 'BEGIN { printf "%.1f", to - from }'; }
# note TEXT: shown below the spec's line.
note() { printf '%s\n' "$*" >>"$scene/noted"; }
fail() { printf '%s\n' "$*"; exit 1; }
# skip WHY: this machine cannot do what the spec needs.
skip() { printf '%s\n' "$*"; exit 77; }

# until_ SECONDS WHAT COMMAND...: waits for a condition.
until_() {
  local limit=$1 what=$2 from
  shift 2
  from=$(now)
  until "$@"; do
    awk -v took="$(since "$from")" -v limit="$limit" 'BEGIN { exit !(took > limit) }' && { status || true; fail "not within $limit s: $what"; }
    # A question costs a third of a second of L1.
    sleep 0.5
  done
}

# The daemon of a scene. Its configuration is in $scene/vmcache.conf, its further options in start_options.
start_options=()
configure() { { printf 'vmcache.state-dir = "%s/state"\n' "$scene"; cat; } >"$scene/vmcache.conf"; }
start() {
  ! answers || fail "another daemon answers already"
  setsid vmcached --config "$scene/vmcache.conf" --endpoint "$scene/cache.sock" --run-dir "$scene/run" "${start_options[@]}" >>"$scene/log" 2>&1 </dev/null &
  echo $! >"$scene/pid"
  comes_up $!
}
# comes_up PID: waits for the daemon to answer.
comes_up() {
  until_ 60 "the daemon answers" answers_or_ended "$1"
  answers && ! ended "$1" || fail "the daemon ended"
}
answers_or_ended() { answers || ended "$1"; }
daemon() { cat "$scene/pid"; }
answers() { vmcache status >/dev/null 2>&1; }
gone() { ! kill -0 "$1" 2>/dev/null; }
# A daemon that this shell did not start is not waited for: its zombie is not its life.
ended() { gone "$1" || grep -qs '^State:.*Z' "/proc/$1/status"; }
kill_daemon() { kill -9 "$(daemon)"; until_ 20 "the daemon is gone" ended "$(daemon)"; }
end_daemon() { kill -TERM "$(daemon)"; until_ 60 "the daemon has ended" ended "$(daemon)"; }

status() { vmcache status -o json; }
# of FILTER: a value of the first pool.
of() { status | jq -r ".pools[0] | $1"; }
# is FILTER: whether it holds of the first pool.
is() { [ "$(of "$1" 2>/dev/null)" = true ]; }
warm_ids() { of '[.vms[] | select(.state == "warm") | .id] | sort | join(" ")'; }
warm() { until_ "${2:-60}" "$1 VMs are warm" is ".warm == $1"; }

# distinct COUNT WORD...: so many words, no two of them equal.
distinct() {
  local count=$1
  shift
  [ $# -eq "$count" ] || fail "$# instead of $count: $*"
  [ "$(printf '%s\n' "$@" | sort -u | wc -l)" -eq "$count" ] || fail "not distinct: $*"
}

# lease OPTION...: acquires a VM: its id in $leased, whether it was warm in $served. Commands use its token from here on.
lease() {
  local vm
  vm=$(vmcache acquire -o json "$@")
  leased=$(jq -r .id <<<"$vm")
  served=$(jq -r .served <<<"$vm")
  export VMCACHE_TOKEN
  VMCACHE_TOKEN=$(jq -r .token <<<"$vm")
}

# clock_is_right COMMAND...: the clock of the guest in which the command runs another one lies between this machine's before and after it,
# give or take 50 ms.
clock_is_right() {
  local before guest after
  before=$(date +%s.%N)
  # BusyBox's date knows no fractions.
  guest=$("$@" sh -c 'touch /tmp/now; stat -c %y /tmp/now')
  after=$(date +%s.%N)
  guest=$(date -d "$guest" +%s.%N)
  note "the guest's clock: $(awk -v a="$before" -v g="$guest" -v b="$after" 'BEGIN { printf "%.3f s after the call began, which took %.3f s", g - a, b - a }')"
  awk -v a="$before" -v g="$guest" -v b="$after" 'BEGIN { exit !(g > a - 0.05 && g < b + 0.05) }' || fail "the guest says $guest, it was $before before and $after after"
}

# Nothing of a scene stays. scene_ends: what a scene has to tidy up itself.
scene_ends() { :; }
tidy_scene() {
  local pid pass
  [ ! -s "$scene/pid" ] || ! kill -0 "$(daemon)" 2>/dev/null || { timeout 60 vmcache node drain >/dev/null 2>&1; kill -TERM "$(daemon)"; }
  # A daemon may have started another one meanwhile.
  for pass in 1 2 3; do
    for pid in $(pgrep -f "${scene:?}/"); do kill -9 "$pid" 2>/dev/null; done
  done
  scene_ends
  rm -rf "$scene"
}
