# What the scripts share. Sourced, not run.

step() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

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
  local sudo=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "missing: $*; install them as root: apt-get install $*"
    sudo=sudo
  fi
  step "installing $*"
  local log
  log=$(mktemp)
  if ! { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    rm -f "$log"
    die "apt-get could not install: $*"
  fi
  rm -f "$log"
}

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

# publish NAME PROJECT DIRECTORY [OPTION...]: quiet unless it fails.
publish() {
  local name=$1 project=$2 directory=$3 log
  shift 3
  step "building the $name"
  log=$(mktemp)
  if ! dotnet publish "$project" -c Release -r linux-x64 -o "$directory" --nologo -v quiet "$@" >"$log" 2>&1; then
    grep -E 'error|warning' "$log" | sort -u | head -20 >&2
    rm -f "$log"
    die "the $name could not be built"
  fi
  rm -f "$log"
}

# fresh FILE PATH...: FILE is newer than everything in the paths (build output aside).
fresh() {
  local file=$1
  shift
  [ -e "$file" ] && [ -z "$(find "$@" \( -name bin -o -name obj \) -prune -o -type f -newer "$file" -print -quit)" ]
}
