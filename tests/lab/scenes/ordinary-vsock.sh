# Guests with Debian's ordinary kernel.
transport=vsock
source "$here/ordinary-kernel.sh"
