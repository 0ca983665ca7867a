#!/bin/sh
# build-demo.sh SOURCE-DIR WORK-DIR OUTPUT COMPILER... - assembles the demo
# guest into a bootable 1.44M floppy image. Needs a C compiler that knows
# -m16 (gcc, clang) and GNU ld; no C library.
set -eu
src=$1 work=$2 out=$3
shift 3
mkdir -p "$work"

flags="-ffreestanding -fno-pic -fno-pie -fno-stack-protector
 -fcf-protection=none -fno-asynchronous-unwind-tables -fno-unwind-tables
 -march=i386 -mgeneral-regs-only -Os -Wall -Wextra -I$src"

objects=
compile() { # OBJECT SOURCE FLAGS...
    object=$work/$1.o
    source=$src/$2
    shift 2
    # shellcheck disable=SC2086
    $compiler $flags "$@" -c "$source" -o "$object"
    objects="$objects $object"
}
compiler=$*
compile boot boot.S -m32
for name in main screen facts graphics; do
    compile $name $name.c -m16
done
compile memory-test memory-test.c -m32

# shellcheck disable=SC2086
ld -m elf_i386 -T "$src/demo.ld" --oformat binary -o "$work/demo.bin" $objects
cp "$work/demo.bin" "$out.tmp"
truncate -s 1474560 "$out.tmp"
mv "$out.tmp" "$out"
