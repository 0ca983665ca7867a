#!/usr/bin/env bash
# UEFI starts from each kind of drive, in the order of machine.boot: each has an
# application that says where it is and fails, and the next one has its turn.
# Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")
cpus=${3%-*} memory=${3#*-}
export PATH=$PATH:/usr/sbin:/sbin
command -v mformat >/dev/null || skip_all "the package mtools is missing"
command -v as >/dev/null || skip_all "the package binutils is missing"
"$carrel" info | grep -q '^uefi .*/' || skip_all "the package ovmf is missing"

# medium NAME - a FAT image with the application where UEFI looks for one.
medium() {
    sed "s/WHERE/$1/" "$here/efi-note.S" | as -o "$home/note.o" - &&
        ld --oformat binary -Ttext 0 -o "$home/note.efi" "$home/note.o" &&
        truncate -s 4M "$home/$1.img" && mformat -i "$home/$1.img" :: &&
        mmd -i "$home/$1.img" ::EFI ::EFI/BOOT &&
        mcopy -i "$home/$1.img" "$home/note.efi" ::EFI/BOOT/BOOTX64.EFI
}
for name in virtio ahci ide scsi cd; do
    check "there is an application for $name" medium $name || finish
done
check "one of them is on a disc" python3 "$here/efi-iso.py" "$home/cd.img" \
    "$home/cd.iso"

# in_order WHAT NAME... - they ran in this order, and after them the shell.
in_order() {
    local what=$1
    shift
    check "$what: the shell is there after all others" "$carrel" expect box \
        'Shell> ' --serial --timeout 800 || {
        "$carrel" logs box --source serial0 --lines 60 | tr -d '\033\r' |
            sed 's/^/# /'
        finish
    }
    "$carrel" logs box --source serial0 --lines 400 | tr -d '\033\r' |
        sed -n 's/.*started from \([a-z]*\).*/\1/p' >"$home/seen"
    printf '%s\n' "$@" >"$home/wanted"
    check "$what" diff "$home/wanted" "$home/seen"
}

check "a machine is made" "$carrel" new box --from pc \
    --disk "$home/virtio.img" --disk "$home/ahci.img" --disk "$home/ide.img" \
    --disk "$home/scsi.img" machine.firmware=uefi machine.cpus="$cpus" \
    machine.memory="$memory" disk0.model=virtio-blk disk1.model=ahci \
    disk2.model=ide disk3.model=virtio-scsi cd0.path="$home/cd.iso" \
    machine.boot=disk,cd || finish
check "it starts" "$carrel" start box || finish
in_order "disks by their numbers, then the CD" virtio ahci ide scsi cd
check "it is switched off" "$carrel" stop box --force
check "the CD is to come first, then it is in another drive" "$carrel" set box \
    machine.boot=cd,disk cd0.model=ahci
check "it starts again" "$carrel" start box || finish
in_order "the CD first, then disks" cd virtio ahci ide scsi
off box

# Nobody signed the applications.
[ -r /usr/share/OVMF/OVMF_VARS_4M.ms.fd ] || finish
check "Secure Boot is asked for" "$carrel" set box machine.secure-boot=true
check "variables without keys are refused" bash -c \
    "'$carrel' start box 2>&1 | grep -F 'holds no platform key'"
check "others are named" "$carrel" set box machine.uefi-vars=secure.fd
check "it starts with Microsoft's keys" "$carrel" start box || finish
check "UEFI refuses an application" "$carrel" expect box \
    'Access Denied|Security Violation' --serial --timeout 800 ||
    "$carrel" logs box --source serial0 --lines 60 | tr -d '\033\r' | sed 's/^/# /'
check "none has run" bash -c \
    "! '$carrel' logs box --source serial0 --lines 400 | grep 'started from'"
off box
finish
