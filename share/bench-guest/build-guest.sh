#!/bin/sh
# build-guest.sh WORK-DIR KERNEL ROM SOURCE... -- COMPILER... - makes a guest of
# the files that every guest has and the given ones, of which one is
# commands.c: a flat Multiboot kernel, and a ROM with the same in it. Needs a C
# compiler that knows -m32 (gcc, clang) and GNU ld; no C library.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1 kernel=$2 rom=$3
shift 3
mkdir -p "$work"

sources=
for name in irq.c main.c pci.c virtio.c start.S; do
    sources="$sources $here/$name"
done
while [ "$1" != -- ]; do
    sources="$sources $1"
    shift
done
shift

# Integers of a 486 only: a KVM that emulates every instruction must run it.
flags="-m32 -march=i486 -mgeneral-regs-only -ffreestanding -fno-pic -fno-pie
 -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables
 -fno-unwind-tables -fno-strict-aliasing -O2 -Wall -Wextra -Werror
 -I$here/../.."

objects=
for file in $sources; do
    object=$work/$(basename "$file").o
    # shellcheck disable=SC2086
    "$@" $flags -c "$file" -o "$object"
    objects="$objects $object"
done
# shellcheck disable=SC2086
ld -m elf_i386 -T "$here/guest.ld" --oformat binary -o "$work/kernel" $objects
# shellcheck disable=SC2086
"$@" $flags -DIMAGE="\"$work/kernel\"" -c "$here/rom.S" -o "$work/rom.o"
ld -m elf_i386 -T "$here/rom.ld" --oformat binary -o "$work/rom" "$work/rom.o"
mv "$work/kernel" "$kernel"
mv "$work/rom" "$rom"
