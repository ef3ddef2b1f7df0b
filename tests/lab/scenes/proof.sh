# What is said of KVM, and when it is tried again.

device_comes_late() {
  rmmod kvm_amd
  configure <<'C'
vmcache.pool-defaults { memory = 128MiB, vm-cache-number = 1, refill = boot, boot-timeout = 5m }
C
  start
  until_ 60 "the pool says that there is no KVM" is '.accelerator == "tcg" and (.acceleratorReason | test("/dev/kvm"))'
  note "$(of .acceleratorReason)"
  modprobe kvm_amd
  until_ 60 "KVM is proved" is '.accelerator == "kvm"'
  warm 1 120
  note "$(of .acceleratorReason)"
}

limits_are_met() {
  vmcache node drain
  end_daemon
  rm -rf "$scene/state" "$scene/run"
  configure <<'C'
vmcache.kvm-proof { kernel-limit = 1s, agent-limit = 1s, retry { initial = 3s, max = 10s } }
vmcache.pool-defaults { memory = 128MiB, vm-cache-number = 1, refill = boot, boot-timeout = 5m }
C
  start
  until_ 60 "the pool names the limit that was met" is '.accelerator == "tcg" and (.acceleratorReason | test("limit"))'
  note "$(of .acceleratorReason)"
  ! grep -rs '"refused"' "$scene/state" "$scene/run" | grep -q true || fail "a limit that was met is kept as a refusal"
  until_ 120 "KVM is proved with longer limits" is '.accelerator == "kvm"'
}

spec whole "KVM that comes after the daemon's start is used" device_comes_late
spec whole "a proof that met a limit is made again, with longer limits, while TCG serves" limits_are_met
