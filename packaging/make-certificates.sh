#!/usr/bin/env bash
# Makes a private authority and certificates that it signs, for trying a cluster out. For one that counts use your own PKI.
#   packaging/make-certificates.sh DIRECTORY NAME...     an authority in DIRECTORY (kept, if it is there), NAME.crt and NAME.key of each name
# On each host: NAME.crt is /etc/vmcache/tls/node.crt, NAME.key node.key, ca.crt ca.crt. ca.key stays where it was made.
set -euo pipefail

if [ $# -lt 2 ]; then
  printf 'usage: %s DIRECTORY NAME...\n' "$0" >&2
  exit 2
fi
command -v openssl >/dev/null || { printf '%s needs openssl: apt-get install openssl\n' "$0" >&2; exit 1; }

directory=$1
shift
umask 077
mkdir -p "$directory"
cd "$directory"

# What openssl says is of interest only when it fails.
said=$(mktemp)
trap 'rm -f "$said"' EXIT
failed() { cat "$said" >&2; printf 'error: openssl could not make %s\n' "$1" >&2; exit 1; }
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>"$said" || failed "$PWD/$1"; }

if [ ! -e ca.key ]; then
  key ca.key
  openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj "/CN=vmcache $(date +%F)" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign -out ca.crt 2>"$said" ||
    failed "$PWD/ca.crt"
fi

for name in "$@"; do
  [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$ ]] || { printf '"%s" is no name for a certificate\n' "$name" >&2; exit 2; }
  key "$name.key"
  openssl req -new -key "$name.key" -subj "/CN=$name" 2>"$said" | openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -sha256 -days 825 \
    -extfile <(printf 'basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$name") -out "$name.crt" 2>>"$said" || failed "$PWD/$name.crt"
  printf '%s\n' "$directory/$name.crt"
done
