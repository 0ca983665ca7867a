#!/bin/sh
# build-guest.sh SOURCE-DIR WORK-DIR KERNEL ROM COMPILER... - makes the bench
# guest: a flat Multiboot kernel, and a ROM with the same in it. Needs a C
# compiler that knows -m32 (gcc, clang) and GNU ld; no C library.
set -eu
src=$1 work=$2 kernel=$3 rom=$4
shift 4
mkdir -p "$work"

# Integers of a 486 only: a KVM that emulates every instruction must run it.
flags="-m32 -march=i486 -mgeneral-regs-only -ffreestanding -fno-pic -fno-pie
 -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables
 -fno-unwind-tables -fno-strict-aliasing -O2 -Wall -Wextra -Werror -I$src/../.."

objects=
for file in "$src"/*.c "$src/start.S"; do
    object=$work/$(basename "$file").o
    # shellcheck disable=SC2086
    "$@" $flags -c "$file" -o "$object"
    objects="$objects $object"
done
# shellcheck disable=SC2086
ld -m elf_i386 -T "$src/guest.ld" --oformat binary -o "$work/kernel" $objects
# shellcheck disable=SC2086
"$@" $flags -DIMAGE="\"$work/kernel\"" -c "$src/rom.S" -o "$work/rom.o"
ld -m elf_i386 -T "$src/rom.ld" --oformat binary -o "$work/rom" "$work/rom.o"
mv "$work/kernel" "$kernel"
mv "$work/rom" "$rom"
