#!/usr/bin/env bash
# tests/lab/make-shell-disk.sh FILE ROOT [MODULE]... - makes a disk from which GRUB
# starts Debian's kernel with modules and busybox: a shell on the first serial
# port, nothing else. With a ROOT, the unpacked Debian packages of a 32-bit kernel
# and busybox-static, it is those; only such a kernel has drivers of ISA cards.
set -eu
out=$1 from=$2
shift 2
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
here=$(dirname "$0")
grub=/usr/lib/grub/i386-pc

if [ -n "$from" ]; then
    kernel=$(find "$from/boot" -name 'vmlinuz-*' | sort -V | tail -n 1)
    busybox=$from/bin/busybox
    [ -r "$from/lib/modules/${kernel##*/vmlinuz-}/modules.dep" ] ||
        depmod -b "$from" "${kernel##*/vmlinuz-}"
else
    kernel=$(find /boot -name 'vmlinuz-*-amd64' ! -name '*cloud*' \
        ! -name '*-rt-*' | sort -V | tail -n 1)
    busybox=$(command -v busybox)
fi
version=${kernel##*/vmlinuz-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

root=$work/initramfs
mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/modules" \
    "$root/tmp"
cp "$busybox" "$root/bin/busybox"
# the 32-bit one has the same names
for name in $(busybox --list); do
    [ -e "$root/bin/$name" ] || ln -s busybox "$root/bin/$name"
done
modprobe ${from:+-d "$from"} -S "$version" --all --show-depends "$@" |
    while read -r verb file _; do
        [ "$verb" = insmod ] || continue
        grep -qsx "${file##*/}" "$root/modules/order" && continue
        cp "$file" "$root/modules/"
        echo "${file##*/}" >>"$root/modules/order"
    done
# Two seconds of 500 Hz as /dev/dsp takes it by itself: 8000 Hz, 8 bits.
python3 -c 'import sys; sys.stdout.buffer.write(
    (b"\xe0" * 8 + b"\x20" * 8) * 1000)' >"$root/tone"
# Not for either kernel's own libraries: both run 32-bit programs.
for program in oss-volume fm-note; do
    gcc -m32 -idirafter "/usr/include/$(gcc -print-multiarch)" -O1 -ffreestanding -fno-pie -no-pie -fno-stack-protector \
        -nostdlib -static -o "$root/bin/$program" "$here/$program.c"
done
# What is on the ISA bus has to be told; with a PCI bus nobody listens.
cat >"$root/init" <<'INIT'
#!/bin/sh
export PATH=/bin HOME=/ PS1='guest# '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
ip link set lo up
for module in $(cat /modules/order); do
    case $module in
    snd-sb16.ko) set -- isapnp=0 port=0x220 irq=5 dma8=1 dma16=5 mpu_port=0x330 fm_port=0x388 ;;
    snd-adlib.ko) continue ;;
    ne.ko) set -- io=0x300,0x320 irq=3,7 ;;
    *) set -- ;;
    esac
    insmod "/modules/$module" "$@"
done
while :; do setsid cttyhack sh; done
INIT
chmod 755 "$root/init"
# What udhcpc calls when it has an address.
mkdir -p "$root/etc/udhcpc"
cat >"$root/etc/udhcpc/default.script" <<'DHCP'
#!/bin/sh
[ "$1" = deconfig ] && ip link set "$interface" up
[ "$1" = bound ] && ip addr add "$ip/$mask" dev "$interface"
exit 0
DHCP
chmod 755 "$root/etc/udhcpc/default.script"

boot=$work/root/boot
mkdir -p "$boot/grub"
cp "$kernel" "$boot/vmlinuz"
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 \
    >"$boot/initrd.img"
cat >"$boot/grub/grub.cfg" <<'GRUB'
linux /boot/vmlinuz console=tty0 console=ttyS0,115200 rdinit=/init quiet
initrd /boot/initrd.img
boot
GRUB
truncate -s 64M "$work/disk.img"
# One active Linux partition (0x83) from sector 2048 to the end.
printf '\x80\x20\x21\x00\x83\xfe\xff\xff\x00\x08\x00\x00\x00\xf8\x01\x00' |
    dd of="$work/disk.img" bs=1 seek=446 conv=notrunc status=none
printf '\x55\xaa' |
    dd of="$work/disk.img" bs=1 seek=510 conv=notrunc status=none
mke2fs -q -t ext2 -E offset=1048576,root_owner=0:0 -d "$work/root" \
    "$work/disk.img" 63M
grub-mkimage -O i386-pc -o "$work/core.img" -p '(hd0,msdos1)/boot/grub' \
    biosdisk part_msdos ext2 normal linux configfile
dd if=$grub/boot.img of="$work/disk.img" bs=440 count=1 conv=notrunc status=none
dd if="$work/core.img" of="$work/disk.img" bs=512 seek=1 conv=notrunc status=none
mv "$work/disk.img" "$out"
