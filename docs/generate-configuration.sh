#!/usr/bin/env bash
# Writes docs/configuration.md from hocon/reference.conf.
#   docs/generate-configuration.sh           writes it
#   docs/generate-configuration.sh --check   changes nothing; fails when it is not up to date
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source ./scripts/common.sh
reference=hocon/reference.conf
document=docs/configuration.md

# A key's comment is what stands directly above it; keys without a blank line between them share one. In an inner
# section, the section's comment goes before the key's.
tables() {
  awk '
    function strip(text) { sub(/^[ \t]+/, "", text); sub(/[ \t]+$/, "", text); return text }
    function cell(text) { gsub(/\|/, "\\|", text); return text }
    function prose(text) { gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text); return cell(text) }
    function path(key,   i, text) { text = ""; for (i = 1; i <= depth; i++) text = text names[i] "."; return text key }
    function row(key, value, text) { printf "| `%s` | `%s` | %s |\n", path(key), cell(value), prose(text) }
    function head(title) { printf "\n## %s\n\n| key | default | meaning |\n|---|---|---|\n", title }
    { line = strip($0) }
    line == "" { comment = ""; after_key = 0; next }
    line ~ /^#/ {
      sub(/^#[ ]?/, "", line)
      comment = (comment == "" || after_key) ? line : comment " " line
      after_key = 0
      next
    }
    skipped > 0 { skipped += gsub(/{/, "{", line) - gsub(/}/, "}", line); next }
    line ~ /{$/ {
      name = line; sub(/[ \t]*{$/, "", name)
      if (path(name) == "vmcache") head("The daemon")
      else if (path(name) == "vmcache.pools") { row(name, "{ default { } }", comment); skipped = 1; comment = ""; next }
      else if (path(name) == "vmcache.pool-defaults") head("The pools")
      names[++depth] = name; sections[depth] = comment; comment = ""; after_key = 0
      next
    }
    line == "}" { if (depth < 1) exit 3; depth--; comment = ""; after_key = 0; next }
    {
      at = index(line, "=")
      if (at == 0) { printf "%s:%d: neither key nor comment nor section: %s\n", FILENAME, FNR, line > "/dev/stderr"; exit 3 }
      text = depth < 2 || names[depth] == "pool-defaults" ? comment : comment == "" ? sections[depth] : sections[depth] " " comment
      row(strip(substr(line, 1, at - 1)), strip(substr(line, at + 1)), text)
      after_key = 1
    }
    END { if (depth != 0) { print FILENAME ": a section is not closed" > "/dev/stderr"; exit 3 } }
  ' "$reference" 2>"$scratch/awk.log" || die "$(tail -1 "$scratch/awk.log")"
}

document() {
  cat <<'TEXT'
# Configuration of vmcached

<!-- Written by docs/generate-configuration.sh from hocon/reference.conf. Change that file, then run the script. -->

`vmcached` reads one file in HOCON: the one named by `--config`, else by the variable `VMCACHE_CONFIG`, else
`/etc/vmcache/vmcache.conf` if it is there. The file needs to hold only what differs from the defaults below. Without a
file the defaults hold.

| what | flag | variable | key |
|---|---|---|---|
| configuration file | `--config` | `VMCACHE_CONFIG` | |
| socket | `--endpoint` | `VMCACHE_ENDPOINT` | `vmcache.endpoint` |
| run directory | `--run-dir` | `VMCACHE_RUN_DIR` | `vmcache.run-dir` |
| VMs of the default pool | `--vm-cache-number` | `VMCACHE_VM_CACHE_NUMBER` | `vmcache.pools.default.vm-cache-number` |

A flag wins over a variable, a variable over the file, the file over the default. An empty variable counts as unset. For a
pool, `vmcache.pools.NAME.KEY` wins over `vmcache.pool-defaults.KEY`.

Times need a unit: `ms`, `s`, `m`, `h` or `d`. Sizes are whole MiB, written as `256MiB` or `1GiB`. Paths are absolute and
hold no comma. A path that makes a socket's path longer than 107 bytes is refused. Text that holds `=` or `:` is quoted.

All faults are reported together before anything starts, each with its key, value, reason, source and what to do; a
misspelt key is a fault. The exit status is then 78. It is 73 when a directory cannot be made or written, and 75 when a
socket cannot be had.

Whether the files of a guest exist is not asked at start: a pool whose kernel is missing says so in its status, tries
again every second and heals when the file appears.

A file that is no HOCON is refused with line and column. `${vmcache.run-dir}"/x.sock"` refers to another key of the file, and
to a variable of the environment when there is no such key; `${?NAME}` need not be set. A key that refers to itself means what it was
further up in the file. `include` is refused: all settings stand in one file. No key takes a list, also by `+=`. A file has at most 1 MiB,
24 levels and 64 references.
`hocon/example.conf` (`dist/vmcache.conf` after a build) shows two pools.
TEXT
  tables
}

case "$*" in '' | --check) ;; *) because "usage: $0 [--check]"; exit 2 ;; esac
text=$(document)
if [ "${1:-}" = --check ]; then
  printf '%s\n' "$text" | diff -u "$document" - >&2 || die "$document is not what $reference says: run docs/generate-configuration.sh"
  exit 0
fi
printf '%s\n' "$text" >"$document"
