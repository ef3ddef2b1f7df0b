# What the scripts share. Sourced, not run.
#
# The last line of a script that fails is the reason. So `die` keeps it until all else is said, also from within $(...), and so does a script
# that another one runs by `call`. Where nobody gave one (a command failed, and `set -e` ended the script) it is that command. A script that has
# to tidy up defines `tidy`; when that fails, the script does.

scratch=$(mktemp -d)
caller_reason=${SCRIPT_REASON:-} ending=""
unset SCRIPT_REASON
step() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
# Once the script ends, the reason for it stays: that it could not tidy up either says less.
because() { [ -n "$ending" ] && [ -s "$scratch/reason" ] || printf 'error: %s\n' "$*" >"$scratch/reason"; }
die() { because "$@"; exit 1; }
tidy() { :; }

at_end() {
  local status=$1 command=${2%%$'\n'*}
  trap '' INT TERM HUP
  trap - EXIT
  if [ "$status" -ne 0 ] && [ ! -s "$scratch/reason" ]; then
    case "$command" in exit | 'exit '*) ;; *) because "status $status of: $command" ;; esac
  fi
  ending=yes
  if ! tidy && [ "$status" -eq 0 ]; then
    status=1
    [ -s "$scratch/reason" ] || because "it could not tidy up"
  fi
  if [ "$status" -ne 0 ] && [ -s "$scratch/reason" ]; then
    [ -z "$caller_reason" ] || cp "$scratch/reason" "$caller_reason"
    cat "$scratch/reason" >&2
  fi
  rm -rf "$scratch"
  exit "$status"
}
stopped() { because "stopped by SIG$1"; exit "$2"; }
trap 'at_end "$?" "$BASH_COMMAND"' EXIT
trap 'stopped INT 130' INT
trap 'stopped TERM 143' TERM
trap 'stopped HUP 129' HUP

# call SCRIPT [ARGUMENT...]: another script of ours, whose reason is this one's too.
call() { SCRIPT_REASON=$scratch/reason "$@"; }

# quietly WHAT COMMAND...: its output is of interest only when it fails.
quietly() {
  local what=$1 log=$scratch/quiet.log
  shift
  if ! "$@" >"$log" 2>&1; then
    # head would close the pipe on sort, whose status would then be the reason.
    { grep -E 'error|warning' "$log" || tail -20 "$log"; } | sort -u | sed -n '1,20p' >&2
    die "$what: $(grep -m1 -E 'error' "$log" || tail -1 "$log")"
  fi
}

need_dotnet() {
  command -v dotnet >/dev/null || die "the .NET 10 SDK is missing: see https://dotnet.microsoft.com/download, then run this again"
  case "$(dotnet --version 2>/dev/null)" in
    10.*) ;;
    *) die "the .NET 10 SDK is needed; 'dotnet --version' says: $(dotnet --version 2>&1 | head -1)" ;;
  esac
  export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
}

# apt_install PACKAGE...: installs what is missing, as root or with sudo.
apt_install() {
  [ -z "${VMCACHE_NO_INSTALL:-}" ] || die "missing: $* (VMCACHE_NO_INSTALL is set, so nothing was installed)"
  command -v apt-get >/dev/null || die "missing: $*; install them with your system's package manager"
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || die "missing: $*; install them as root: apt-get install $*"
  step "installing $*"
  if ! { apt_get update && apt_get install -y --no-install-recommends "$@"; }; then
    tail -20 "$scratch/apt.log" >&2
    die "apt-get could not install $*: $(apt_reason)"
  fi
}

# apt_get ARGUMENTS...: waits while another apt or dpkg is at work, as on a fresh machine that upgrades itself. By itself apt waits for dpkg's
# lock alone, and not for those of its lists and archives.
apt_get() {
  local root=() patience=${VMCACHE_APT_PATIENCE:-900} until told=""
  until=$((SECONDS + patience))
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  until "${root[@]}" env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=5 "$@" >"$scratch/apt.log" 2>&1; do
    grep -qE 'Could not get lock|is another process using it|locked by another process' "$scratch/apt.log" || return 1
    [ "$SECONDS" -lt "$until" ] || return 1
    [ -n "$told" ] || step "waiting for another apt, $patience s at most: $(apt_reason)"
    told=yes
    sleep 1
  done
}
apt_reason() { { grep '^E: ' "$scratch/apt.log" || tail -1 "$scratch/apt.log"; } | head -2 | sed 's/^E: //' | paste -sd' '; }

# need COMMAND:PACKAGE...: makes sure that each command is there.
need() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  [ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
}

# need_file FILE PACKAGE
need_file() { [ -e "$1" ] || apt_install "$2"; }

# publish NAME PROJECT DIRECTORY [OPTION...]: quiet unless it fails. The analyzers run when test.sh builds the solution; here they would cost a
# third of the compiler's time once more.
publish() {
  local name=$1 project=$2 directory=$3
  shift 3
  step "building the $name"
  quietly "the $name could not be built" dotnet publish "$project" -c Release -r linux-x64 -o "$directory" -p:RunAnalyzers=false --nologo -v quiet "$@"
}

# fresh FILE PATH...: FILE is newer than everything in the paths (build output aside).
fresh() {
  local file=$1
  shift
  [ -e "$file" ] && [ -z "$(find "$@" \( -name bin -o -name obj \) -prune -o -type f -newer "$file" -print -quit)" ]
}
