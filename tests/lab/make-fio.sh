#!/usr/bin/env bash
# tests/lab/make-fio.sh FILE - makes an image with fio, the libraries that it
# needs and test-fio.sh's jobs: an ext4 that a guest mounts from a CD drive.
set -eu
out=$1
here=$(cd "$(dirname "$0")" && pwd)
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C

for tool in fio:fio mke2fs:e2fsprogs; do
    command -v "${tool%:*}" >/dev/null || {
        echo "missing: ${tool%:*} (Debian package ${tool#*:})" >&2
        exit 77
    }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root"
cp "$(command -v fio)" "$here/fio.ini" "$work/root/"
ldd "$work/root/fio" | grep -o '/[^ ]*' | while read -r library; do
    cp -L "$library" "$work/root/"
done
# What starts it, for its libraries are where no loader looks.
cat >"$work/root/run" <<'RUN'
#!/bin/sh
here=$(dirname "$0")
exec "$here/ld-linux-x86-64.so.2" --library-path "$here" "$here/fio" "$@"
RUN
chmod 755 "$work/root/run"
size=$(($(du -sk "$work/root" | cut -f 1) * 11 / 10 + 4096))
truncate -s "${size}K" "$work/fio.iso"
mke2fs -q -t ext4 -b 4096 -m 0 -O ^has_journal -d "$work/root" "$work/fio.iso"
mv "$work/fio.iso" "$out"
