# Guests with Debian's ordinary kernel.
transport=serial
source "$here/ordinary-kernel.sh"
