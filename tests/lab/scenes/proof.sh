# A proof of KVM that takes longer than it may.

limits_are_met() {
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

spec whole "a proof that met a limit is made again, with longer limits, while TCG serves" limits_are_met
