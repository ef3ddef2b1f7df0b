#!/usr/bin/env bash
# Writes the results of a run (lab.tsv of run.sh) as a document.
#   table.sh RESULTS >docs/laboratory.md
set -euo pipefail
[ -s "${1:-}" ] || { printf 'usage: %s RESULTS (a lab.tsv of run.sh)\n' "$0" >&2; exit 64; }

cat <<'END'
# What was run under KVM and over vsock

Made by `tests/lab/table.sh` from the results of `./test.sh --lab`. The machine is emulated ([tests/lab](../tests/lab/README.md)): KVM and
vsock in it are real, its seconds are its own, and only ratios within one run say anything of hardware.

END
sed -n 's/^# //p' "$1" | sed 's/^/- /'
awk -F '\t' '
  /^#/ { next }
  {
    split($1, name, ": ")
    if (name[1] != scene) { scene = name[1]; printf "\n## %s\n\n| spec | result | s | noted |\n|---|---|---|---|\n", scene }
    gsub(/\|/, "\\|", $4)
    printf "| %s | %s | %s | %s |\n", substr($1, length(scene) + 3), $2, $3, $4
  }' "$1"
