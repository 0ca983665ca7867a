#!/usr/bin/env bash
# tests/bench/build-kernel.sh FOLDER [JOBS] - the guest kernel of the boot rows.
#
# Unpacks the distribution's kernel source (Debian: linux-source-6.1, fetched
# with apt-get when SOURCE does not name the archive), configures it by
# guest-kernel.config and leaves FOLDER/bzImage-trim and FOLDER/vmlinux-trim,
# the same kernel as an ELF file with a PVH note. Minutes of work, once. Needs
# flex, bison, bc, libelf-dev and a compiler.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2 && exit 2; }
mkdir -p "$1/tree"
folder=$(cd "$1" && pwd)
jobs=${2:-$(nproc)}

source=${SOURCE:-}
if [ -z "$source" ]; then
    cd "$folder"
    apt-get download linux-source-6.1
    dpkg-deb -x linux-source-6.1_*.deb package
    source=$(echo "$folder"/package/usr/src/linux-source-*.tar.xz)
fi
tar xf "$source" -C "$folder/tree" --strip-components=1
cd "$folder/tree"
make -s tinyconfig
scripts/kconfig/merge_config.sh -m .config "$here/guest-kernel.config" \
    >/dev/null
make -s olddefconfig
nice make -s -j"$jobs" bzImage
cp arch/x86/boot/bzImage "$folder/bzImage-trim"
objcopy -S vmlinux "$folder/vmlinux-trim"
ls -l "$folder"/*-trim
