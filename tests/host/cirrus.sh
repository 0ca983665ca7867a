#!/usr/bin/env bash
# A machine with a Cirrus card: its own BIOS draws SeaBIOS' text.
. "$(dirname "$0")/lib.sh"
need_kvm

truncate -s 4M "$home/blank.img"
starts bios --memory 64M --set display.model=cirrus "disk=$home/blank.img"
sees bios 'SeaBIOS' 60 "the BIOS says its name"
sees bios 'No bootable device' 120 "the BIOS finds nothing to boot"
check "a screenshot of text is made" \
    "$carrel" screenshot bios "$home/text.png"
check "of 720x400 pixels" grep -q '^ *720 *400$' \
    <(od -A n -t u4 --endian=big -j 16 -N 8 "$home/text.png")
check "the machine still runs" grep -qx running <("$carrel" status bios)
check "a forced stop ends it" "$carrel" stop bios --force

check "more memory than the card can have is refused" \
    grep -q 'display.vram: a cirrus card has 1M, 2M or 4M' \
    <("$carrel" run --detach --name big --memory 64M --set display.vram=16M \
        --set display.model=cirrus "disk=$home/blank.img" 2>&1)
finish
