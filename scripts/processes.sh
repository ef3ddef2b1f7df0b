# What the demonstrations share: no process of theirs may be left at their end. Sourced after common.sh.

# processes_of DIRECTORY: the pids of those that name a file of that directory.
processes_of() {
  local files=() file
  mapfile -t files < <(grep -lzF -- "$1/" /proc/[0-9]*/cmdline 2>/dev/null)
  for file in "${files[@]}"; do
    file=${file#/proc/}
    # The search itself, and what has ended since, have no command line any more.
    [ -z "$(command_of "${file%/cmdline}")" ] || echo "${file%/cmdline}"
  done
}
command_of() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" || true; }

# end_process PID SECONDS: SIGTERM, and SIGKILL when it has not ended by then. It is a child of ours.
end_process() {
  local until=$((SECONDS + $2))
  kill "$1" 2>/dev/null || true
  while kill -0 "$1" 2>/dev/null && [ "$SECONDS" -lt "$until" ]; do sleep 0.1; done
  kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# assert_none_left DIRECTORY: ends all that is left, and fails when there was anything, with their names.
assert_none_left() {
  local pid pids=() until=$((SECONDS + 30))
  mapfile -t pids < <(processes_of "$1")
  [ ${#pids[@]} -gt 0 ] || return 0
  printf 'left at the end, and ended now:\n' >&2
  for pid in "${pids[@]}"; do printf '    %s %.120s\n' "$pid" "$(command_of "$pid")" >&2; done
  # What went wrong before is the better reason.
  [ -s "$scratch/reason" ] || because "processes were left at the end: ${pids[*]}"
  while [ ${#pids[@]} -gt 0 ] && [ "$SECONDS" -lt "$until" ]; do
    kill -KILL "${pids[@]}" 2>/dev/null || true
    sleep 0.1
    mapfile -t pids < <(processes_of "$1")
  done
  return 1
}
