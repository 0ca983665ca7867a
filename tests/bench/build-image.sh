#!/bin/sh
# build-image.sh SOURCE-DIR OBJECT OUTPUT MODE COMPILER... - assembles one of
# the benchmark's guests: a ROM (MODE is FIRST, EXIT or DISK), or the boot
# sector in a disk of 1 MiB (BOOT).
set -eu
src=$1 object=$2.o out=$3 mode=$4
shift 4

mkdir -p "$(dirname "$object")"
if [ "$mode" = BOOT ]; then
    "$@" -m32 -c "$src/boot-sector.S" -o "$object"
    ld -m elf_i386 -Ttext 0x7c00 -e 0x7c00 --oformat binary -o "$out" "$object"
    truncate -s 1M "$out"
else
    "$@" -m32 "-DMODE_$mode" "-I$src" -c "$src/rom.S" -o "$object"
    ld -m elf_i386 -T "$src/rom.ld" --oformat binary -o "$out" "$object"
fi
