#!/usr/bin/env bash
# Debian's iPXE to a prompt that answers, from its CD and from GRUB.
. "$(dirname "$0")/lib.sh"
[ -r /usr/lib/ipxe/ipxe.iso ] || skip_all "the package ipxe is missing"

answers() { # NAME
    sees "$1" 'initialising devices' 120 "$1: iPXE is loaded"
    sees "$1" 'Ctrl-B|iPXE>' 60 "$1: it has measured the clock" || finish
    check "$1: Ctrl-B is pressed" "$carrel" send "$1" keys ctrl-b
    sees "$1" 'iPXE>' 30 "$1: it shows its prompt"
    check "$1: a command is typed" \
        "$carrel" send "$1" text $'echo one-${buildarch}-two\n'
    sees "$1" 'one-i386-two' 30 "$1: it answers"
    off "$1"
}

starts cd --memory 64M cd=/usr/lib/ipxe/ipxe.iso
answers cd
if [ -n "${LAB_FULL:-}" ]; then
    starts grub --snapshot --memory 64M "disk=$disk"
    picks grub i 60
    answers grub
fi
finish
