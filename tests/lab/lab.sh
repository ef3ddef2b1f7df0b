#!/usr/bin/env bash
# A machine (L1) in which KVM and vsock work, on a host that has neither: QEMU emulates an AMD CPU with SVM, Debian's ordinary kernel runs on
# it, and the product's guests (L2) run under KVM in that. As root, on Debian 12.
#   lab.sh build     makes L1's kernel and root, unless they are there
#   lab.sh boot      starts L1 with DIST at /opt/vmcache (read-only) and LAB/share at /share
#   lab.sh run CMD   runs a shell command line in L1 as root, with its exit status (255: L1 is gone)
#   lab.sh stop      ends L1; what was written in it is lost, but for /share
# LAB: L1's files; another L1 at a time needs another. CACHE (LAB): where images are kept. DIST (dist): what build.sh made.
# SLOW (10): so much slower than the host's go L1's clocks. WAIT (300): so many seconds a boot may take. MEM (2560): L1's MiB.
set -euo pipefail
shopt -s inherit_errexit
lab_source=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
lab=$(realpath -m "${LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/vmcache-lab}")
cache=$(realpath -m "${CACHE:-$lab}")
dist=$(realpath -m "${DIST:-$lab_source/../../dist}")
source "$lab_source/../../scripts/common.sh"
source "$lab_source/image/make.sh"

lab_ours="" lab_base="" lab_pid="" lab_work="" lab_maker=""
# MiB that an image takes while it is made.
lab_room=3000
# MiB that a run takes: the product's disk, and what L1 writes.
lab_room_to_run=1000
# With fewer a maker that failed did so for want of space, whatever it said.
lab_room_for_words=50
# The image's maker sees its own processes and mounts alone, where that is allowed.
lab_cell=(unshare --mount --pid --fork --kill-child=KILL --mount-proc)

# lab_unfit: why the laboratory cannot be had here; nothing: it can.
lab_unfit() {
  [ "$(id -u)" -eq 0 ] || { echo "it takes root"; return; }
  [ "$(uname -m)" = x86_64 ] || { echo "it emulates x86-64 on x86-64 alone"; return; }
  command -v apt-get >/dev/null || { echo "it is made of Debian's packages, and there is no apt-get"; return; }
  grep -qs '^VERSION_ID="12"' /etc/os-release || { echo "it is made for Debian 12"; return; }
  command -v dotnet >/dev/null || { echo "there is no dotnet: it gets this host's .NET runtime"; return; }
}

lab_tools() {
  need mmdebstrap:mmdebstrap qemu-system-x86_64:qemu-system-x86 modprobe:kmod cpio:cpio mke2fs:e2fsprogs socat:socat ssh:openssh-client \
    ssh-keygen:openssh-client setpriv:util-linux
  need_file /bin/busybox busybox-static
  lab_faketime >/dev/null || apt_install libfaketime
}

# lacks COMMAND...: such as need; why what it installs cannot be had; nothing: all is here.
lacks() {
  ("$@") >&2 || { grep -s . "$scratch/reason" || echo "its tools cannot be installed"; } | sed 's/^error: //'
  rm -f "$scratch/reason"
}

lab_free() { df --output=avail -m "$1" | tail -1 | tr -d ' '; } # lab_free DIRECTORY: MiB

lab_needs_room() { # lab_needs_room DIRECTORY MIB
  local free
  free=$(lab_free "$1")
  [ "$free" -ge "$2" ] || die "no space for the laboratory: $free MiB free at $1, $2 needed; set LAB to another directory"
}

# lab_build: makes the image under a lock, in a directory that is renamed when it is complete.
lab_build() {
  local key reason log=$cache/build.log
  mkdir -p "$cache"
  lab_tools
  exec 8>"$cache/lock.build"
  flock -n 8 || { step "another laboratory is being built: waiting, 30 minutes at most"; hearing flock -w 1800 8 || die "$cache/lock.build was held for 30 minutes"; }
  key=$(lab_key) || true
  unshare --mount --pid --fork --mount-proc true 2>/dev/null || lab_cell=()
  # Lists that are too old name packages that are gone.
  [ -d "$cache/base-$key" ] || { apt_get update || die "apt-get update failed: $(apt_reason)"; key=$(lab_key) || die "apt-get cannot resolve the laboratory's packages (tests/lab/image/packages)"; }
  if [ ! -d "$cache/base-$key" ]; then
    rm -rf --one-file-system "$cache"/new.* || true
    lab_needs_room "$cache" "$lab_room"
    step "making the laboratory's kernel and root (about two minutes)"
    lab_work=$(mktemp -d "$cache/new.XXXXXX")
    # In a process of its own: within a condition set -e does not count. Its processes and mounts end with this script. What this script says of its
    # own end does not belong to the log.
    if ! hearing "${lab_cell[@]}" bash -c 'exec >"$3" 2>&1; set -euo pipefail; shopt -s inherit_errexit; lab_source=$1; source "$1/image/make.sh"; lab_make "$2"' - "$lab_source" "$lab_work" "$log"; then
      reason=$(grep -v '^$' "$log" | tail -1) || true
      [ "$(lab_free "$cache")" -ge "$lab_room_for_words" ] || reason="no space is left at $cache${reason:+: $reason}"
      lab_unmake
      tail -n 20 "$log" >&2
      die "the laboratory could not be made: $reason"
    fi
    mv -T "$lab_work" "$cache/base-$key"
    lab_work=""
  fi
  touch "$cache/base-$key"
  ln -sfn "base-$key" "$cache/base"
  lab_base=$cache/base-$key
  find "$cache" -maxdepth 1 -name 'base-*' ! -name "base-$key" -mtime +7 -exec rm -rf --one-file-system {} +
  exec 8>&-
}

# hearing COMMAND...: as a child that is waited for, since a signal is only heard between two commands, and that ends with this script.
hearing() {
  setpriv --pdeathsig KILL "$@" &
  local status=0
  lab_maker=$!
  wait "$lab_maker" || status=$?
  # From here on the pid may be another process's.
  lab_maker=""
  return "$status"
}

# lab_unmake: ends an image's maker, and removes what it has made so far.
lab_unmake() {
  [ -n "$lab_work" ] || return 0
  [ -z "$lab_maker" ] || { kill -KILL "$lab_maker" && wait "$lab_maker"; } 2>/dev/null || true
  # Its processes may write for a moment more. What is left the next build removes.
  rm -rf --one-file-system "$lab_work" 2>/dev/null || { sleep 1; rm -rf --one-file-system "$lab_work" || true; }
  lab_work=""
}

lab_faketime() { dpkg -L libfaketime 2>/dev/null | grep 'faketimeMT.so.1$'; }

# QEMU inherits the lock of LAB and holds it as long as it runs.
lab_alive() { [ -e "$lab/lock" ] && ! flock -n "$lab/lock" true; }

# lab_last_words: what L1 and its QEMU said last.
lab_last_words() {
  printf 'L1 said last:\n' >&2
  # A panic's reason stands before its trace.
  {
    grep -v "TCG doesn.t support" "$lab/qemu.log"
    grep -m 1 -E 'Kernel panic|BUG:|Oops' "$lab/console.log"
    tail -n 20 "$lab/console.log"
  } >&2 2>/dev/null || true
}

# lab_boot [LEASH...]: starts L1, behind such a command, and returns when it answers. lab_ours is set as soon as there may be something to end.
lab_boot() {
  local base start=$SECONDS faketime
  [ -x "$dist/vmcached" ] || die "$dist holds no vmcached: run ./build.sh, or set DIST"
  # Another recipe's image may have been made since.
  base=${lab_base:-$(readlink -e "$cache/base")} || die "there is no laboratory: run '$lab_source/lab.sh build'"
  [ ${#lab} -le 75 ] || die "$lab is too long a path for the sockets in it: set LAB"
  mkdir -p "$lab/share"
  exec 9>"$lab/lock"
  flock -n 9 || die "a laboratory runs in $lab already: wait for it, end it by '$lab_source/lab.sh stop', or set LAB to another directory"
  lab_clear
  rm -f "$lab"/{console.log,qemu.log}
  lab_ours=yes
  lab_needs_room "$lab" "$lab_room_to_run"
  [ -s "$lab/id.pub" ] || { rm -f "$lab/id"; ssh-keygen -q -t ed25519 -N '' -f "$lab/id"; }
  cp "$lab/id.pub" "$lab/share/authorized_keys"
  mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$dist" "$lab/product.img" "$(($(du -smL --apparent-size "$dist" | cut -f1) * 5 / 4 + 16))M" >/dev/null
  faketime=$(lab_faketime)
  # One CPU: with two, one guest in fifteen hangs, or takes L1 with it, when its thread moves to the other.
  # The TSC is the host's own, so L1 sees a CPU of SLOW times its frequency. tsc=reliable: the watchdog must not compare it with slowed
  # clocks; no_timer_check: that check waits for timer ticks during a number of the TSC's. Port 0: a free one.
  (
    echo "$BASHPID" >"$lab/pid"
    exec 8>&- "$@" env TMPDIR="$lab" LD_PRELOAD="$faketime" FAKETIME="+0 x$(awk "BEGIN { print 1 / ${SLOW:-10} }")" FAKETIME_DONT_RESET=1 \
      qemu-system-x86_64 -name vmcache-lab -machine q35 -accel tcg,thread=multi,tb-size=1024 -cpu EPYC,+svm,+npt -smp 1 -m "${MEM:-2560}" \
      -nodefaults -no-user-config -display none -no-reboot -kernel "$base/vmlinuz" -initrd "$base/initrd.cpio" \
      -append "console=ttyS0 panic=-1 mitigations=off nokaslr audit=0 selinux=0 apparmor=0 random.trust_cpu=on tsc=reliable no_timer_check" \
      -drive file="$base/root.img",format=raw,if=none,id=d0,cache=unsafe,snapshot=on,werror=report -device virtio-blk-pci,drive=d0 \
      -drive file="$lab/product.img",format=raw,if=none,id=d1,readonly=on -device virtio-blk-pci,drive=d1 \
      -netdev user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:0-:22 -device virtio-net-pci,netdev=n0,romfile= \
      -virtfs local,path="$lab/share",mount_tag=share,security_model=none,id=fs0 \
      -object rng-random,id=r0,filename=/dev/urandom -device virtio-rng-pci,rng=r0 -serial file:"$lab/console.log" \
      -monitor unix:"$lab/monitor.sock",server=on,wait=off
  ) </dev/null >"$lab/qemu.log" 2>&1 &
  lab_pid=$!
  exec 9>&-
  until grep -qs ^LAB-UP "$lab/console.log"; do
    lab_alive || { lab_last_words; lab_clear; die "L1 ended while it booted"; }
    [ $((SECONDS - start)) -lt "${WAIT:-300}" ] || { lab_last_words; lab_stop; die "L1 was not up within ${WAIT:-300} s"; }
    sleep 0.2
  done
  # The names of libfaketime's shared memory end in the process's id. They can be removed once it is mapped.
  rm -f /dev/shm/*faketime_s??_"$(cat "$lab/pid")"
  echo info usernet | socat -t 3 - "unix:$lab/monitor.sock" | awk '/HOST_FORWARD/ { print $4 }' >"$lab/port"
  lab_ssh true || { lab_last_words; lab_stop; die "L1 does not answer"; }
}

lab_ssh() {
  ssh -q -i "$lab/id" -p "$(cat "$lab/port")" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=60 \
    -o ServerAliveInterval=30 -o ServerAliveCountMax=4 -o ControlMaster=auto -o ControlPath="$lab/ssh.sock" -o ControlPersist=yes root@127.0.0.1 "$@"
}

lab_run() { lab_ssh "export PATH=/opt/vmcache:/usr/sbin:/usr/bin:/sbin:/bin DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1; $*"; }

lab_clear() {
  [ ! -s "$lab/pid" ] || rm -f /dev/shm/*faketime_s??_"$(cat "$lab/pid")"
  rm -f "$lab"/{pid,port,monitor.sock,ssh.sock,product.img}
}

lab_stop() {
  # Before QEMU has it the lock is ours.
  exec 9>&-
  # Another's may run here since ours ended.
  if [ -n "$lab_pid" ] && ! kill -0 "$lab_pid" 2>/dev/null; then
    lab_alive || lab_clear
    return
  fi
  if lab_alive; then
    ssh -q -o ControlPath="$lab/ssh.sock" -O exit root@127.0.0.1 2>/dev/null || true
    echo quit | timeout 5 socat - "unix:$lab/monitor.sock" >/dev/null 2>&1 || true
    flock -w 15 "$lab/lock" true || kill -9 "${lab_pid:-$(cat "$lab/pid")}" || true
    flock -w 15 "$lab/lock" true || { because "L1 (pid $(cat "$lab/pid")) could not be ended"; return 1; }
  fi
  lab_clear
}

[ "${BASH_SOURCE[0]}" = "$0" ] || return 0
tidy() { lab_unmake; }
case "${1:-}" in
  build | boot | stop)
    reason=$(lab_unfit)
    [ -z "$reason" ] || die "the laboratory cannot be had here: $reason"
    if [ "$1" = boot ]; then lab_boot setsid; else "lab_$1"; fi
    ;;
  run)
    shift
    status=0
    lab_run "$@" || status=$?
    [ "$status" -ne 255 ] || because "L1 is gone, or its connection"
    exit "$status"
    ;;
  *) sed -n '2,9p' "$0" >&2; exit 64 ;;
esac
