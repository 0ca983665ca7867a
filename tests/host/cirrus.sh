#!/usr/bin/env bash
# A machine with a Cirrus card: its own BIOS draws SeaBIOS' text, and sets a
# packed-pixel mode in which a boot sector paints.
. "$(dirname "$0")/lib.sh"
need_kvm

# size IMAGE WIDTH HEIGHT - of a PNG
size() {
    od -A n -t u4 --endian=big -j 16 -N 8 "$1" | grep -q "^ *$2 *$3\$"
}

truncate -s 4M "$home/blank.img"
starts bios --memory 64M --set display.model=cirrus "disk=$home/blank.img"
sees bios 'SeaBIOS' 60 "the BIOS says its name"
sees bios 'No bootable device' 120 "the BIOS finds nothing to boot"
check "a screenshot of text is made" \
    "$carrel" screenshot bios "$home/text.png"
check "of 720x400 pixels" size "$home/text.png" 720 400
check "the machine still runs" grep -qx running <("$carrel" status bios)
check "a forced stop ends it" "$carrel" stop bios --force

# VBE mode 105h, 1024x768 with 256 colours; 16 lines of colour 15; halt.
printf '\xb8\x02\x4f\xbb\x05\x01\xcd\x10\xb8\x00\xa0\x8e\xc0\x31\xff\xb0\x0f\xb9\x00\x40\xfc\xf3\xaa\xf4\xeb\xfd' >"$home/mode.img"
truncate -s 510 "$home/mode.img"
printf '\x55\xaa' >>"$home/mode.img"
truncate -s 4M "$home/mode.img"

# paints - waits until the boot sector's mode is on the screen.
paints() {
    local i
    for ((i = 0; i < 300; i++)); do
        "$carrel" screenshot mode "$home/mode.png" >/dev/null &&
            size "$home/mode.png" 1024 768 && return
        sleep 0.2
    done
    return 1
}
starts mode --memory 64M --set display.model=cirrus "disk=$home/mode.img"
check "the BIOS sets a mode of the card's" paints
check "a forced stop ends that" "$carrel" stop mode --force

check "more memory than the card can have is refused" \
    grep -q 'display.vram: a cirrus card has 1M, 2M or 4M' \
    <("$carrel" run --detach --name big --memory 64M --set display.vram=16M \
        --set display.model=cirrus "disk=$home/blank.img" 2>&1)
finish
