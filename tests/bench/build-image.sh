#!/bin/sh
# build-image.sh SOURCE-DIR OBJECT OUTPUT MODE COMPILER... - assembles one of
# the benchmark's guests: a ROM (MODE is FIRST, EXIT, DISK or SATA), or a boot sector
# in a disk of 1 MiB (BOOT; PAINT and PAINT-KEYS, which paint; PLANAR).
set -eu
src=$1 object=$2.o out=$3 mode=$4
shift 4

mkdir -p "$(dirname "$object")"
case $mode in
BOOT) sector=boot-sector.S define='' ;;
PLANAR) sector=vga-planar.S define='' ;;
PAINT) sector=vga-paint.S define='' ;;
PAINT-KEYS) sector=vga-paint.S define=-DPER_KEY ;;
*) sector='' ;;
esac
if [ -n "$sector" ]; then
    "$@" -m32 ${define:+"$define"} -c "$src/$sector" -o "$object"
    ld -m elf_i386 -Ttext 0x7c00 -e 0x7c00 --oformat binary -o "$out" "$object"
    truncate -s 1M "$out"
else
    "$@" -m32 "-DMODE_$mode" "-I$src" -c "$src/rom.S" -o "$object"
    ld -m elf_i386 -T "$src/rom.ld" --oformat binary -o "$out" "$object"
fi
