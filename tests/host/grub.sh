#!/usr/bin/env bash
# Debian's GRUB rescue images from floppy, from CD on IDE and SATA, on either
# board, and from a USB stick on each controller: a prompt that answers.
. "$(dirname "$0")/lib.sh"
need_kvm
need_processor
images=/usr/lib/grub-rescue
[ -r $images/grub-rescue-floppy.img ] ||
    skip_all "the package grub-rescue-pc is not installed"

answers() { # NAME
    sees "$1" 'GNU GRUB +version' 300 "$1: GRUB shows its menu" || return
    check "$1: c is typed" "$carrel" send "$1" keys c
    sees "$1" 'grub>' 120 "$1: GRUB shows its prompt" || return
    # Commands of GRUB's core, so that it need not read a module first.
    check "$1: a setting is typed" "$carrel" send "$1" text --cps 8 $'set a=one\n'
    check "$1: a word that no command has" \
        "$carrel" send "$1" text --cps 8 $'$a-two-$grub_cpu\n'
    sees "$1" 'one-two-i386' 120 "$1: GRUB answers with its expansion"
}

stops() { check "$1: it stops" "$carrel" stop "$1" --force; }

# The image ends with its last used sector; a floppy has all of them.
cp $images/grub-rescue-floppy.img "$home/floppy.img"
chmod u+w "$home/floppy.img"
truncate -s 1474560 "$home/floppy.img"
case ${3:-} in
floppy | floppy-q35)
    board=()
    [ "$3" = floppy ] || board=(--set machine.chipset=pc-q35)
    starts floppy --memory 64M "${board[@]}" "floppy=$home/floppy.img"
    answers floppy
    stops floppy
    ;;
cd-q35)
    starts cd --memory 64M --set machine.chipset=pc-q35 \
        "cd=$images/grub-rescue-cdrom.iso"
    answers cd
    stops cd
    ;;
cd | cd-ahci)
    model=${3#cd}
    model=${model:--ide}
    starts cd --memory 64M --set cd0.model="${model#-}" \
        "cd=$images/grub-rescue-cdrom.iso"
    answers cd
    stops cd
    ;;
usb-*)
    # a drive must be there, and firmware goes to the stick before it
    truncate -s 1440K "$home/blank.img"
    cp $images/grub-rescue-usb.img "$home/stick.img"
    starts usb --memory 64M --set machine.usb="${3#usb-}" \
        --set usb0.model=keyboard --set usb1.model=storage \
        --set "usb1.path=$home/stick.img" --set machine.boot=disk \
        "floppy=$home/blank.img"
    answers usb
    # SeaBIOS looks at an EHCI's companions for 0.1 s, of which the EHCI takes half
    # to find out that the keyboard is not its own: a slow machine misses it
    [ "$3" = usb-ehci ] || check "usb: the keys came by USB" bash -c "'$carrel' logs usb -s firmware |
        grep 'USB keyboard initialized'"
    stops usb
    ;;
esac
finish
