#!/usr/bin/env bash
# tests/lab/make-disk.sh FILE - makes a disk image with a small Debian system:
# Debian's GRUB in the gap before the first partition, Debian's kernel and its
# modules, and busybox as the userland. Needs no root: mke2fs fills the file
# system, GRUB's parts are put where its installer puts them.
#
# The system shows a login on the screen and on the first serial port, powers
# off at the power button, and obeys words of the kernel's command line that
# GRUB takes from the file /boot/grub/custom.cfg or a person types.
set -eu
out=$1
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C

missing() {
    echo "missing: $1 (Debian package $2)" >&2
    exit 77
}
for tool in mke2fs:e2fsprogs cpio:cpio modprobe:kmod busybox:busybox-static \
    grub-mkimage:grub-common; do
    command -v "${tool%:*}" >/dev/null || missing "${tool%:*}" "${tool#*:}"
done
grub=/usr/lib/grub/i386-pc
[ -r $grub/boot.img ] || missing "$grub/boot.img" grub-pc-bin
kernel=$(find /boot -name 'vmlinuz-*-amd64' ! -name '*cloud*' ! -name '*-rt-*' |
    sort -V | tail -n 1)
[ -r "$kernel" ] || missing "a kernel in /boot" linux-image-amd64
version=${kernel##*/vmlinuz-}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# copy_modules ROOT NAME... - with what they need, in the order of loading.
copy_modules() {
    local root=$1 verb file
    shift
    mkdir -p "$root/modules"
    modprobe -S "$version" --all --show-depends "$@" |
        while read -r verb file _; do
            [ "$verb" = insmod ] || continue
            grep -qsx "${file##*/}" "$root/modules/order" && continue
            cp "$file" "$root/modules/"
            echo "${file##*/}" >>"$root/modules/order"
        done
}

# Busybox under each name that is used.
applets() { # ROOT
    local name
    mkdir -p "$1/bin" "$1/proc" "$1/sys" "$1/dev"
    cp "$(command -v busybox)" "$1/bin/busybox"
    for name in $(busybox --list); do
        [ -e "$1/bin/$name" ] || ln -s busybox "$1/bin/$name"
    done
}

initramfs() {
    local root=$work/initramfs
    applets "$root"
    copy_modules "$root" ata_piix ahci sd_mod sr_mod ext4 button evdev \
        virtio_pci virtio_blk virtio_scsi virtio_rng virtio_console virtio_balloon \
        virtio_input virtio_net af_packet
    mkdir "$root/disk"
    cat >"$root/init" <<'INIT'
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod "/modules/$module"; done
tries=0
until root=$(ls /dev/sd?1 /dev/vd?1 2>/dev/null | head -n 1) &&
    [ -n "$root" ] || [ $tries = 600 ]; do
    tries=$((tries + 1))
    usleep 100000
done
mount -t ext4 "$root" /disk || exec sh
mount --move /proc /disk/proc
mount --move /sys /disk/sys
mount --move /dev /disk/dev
exec switch_root /disk /bin/init
INIT
    chmod 755 "$root/init"
    (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1
}

system() {
    local root=$work/root
    applets "$root"
    mkdir -p "$root/etc/acpi/PWRF" "$root/root" "$root/tmp" "$root/var" \
        "$root/run" "$root/boot/grub"
    ln -s bin "$root/sbin"
    cp "$kernel" "$root/boot/vmlinuz"
    initramfs >"$root/boot/initrd.img"
    # For a card that is passed through, and for who wants to wait for floppy
    # drives; loaded by whoever has one.
    copy_modules "$root" snd_hda_intel snd_hda_codec_generic floppy nvme
    # Emulated network cards, likewise.
    copy_modules "$root" e1000 8139cp 8139too pcnet32 ne2k-pci
    echo 'root::0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo 'root:x:0:' >"$root/etc/group"
    echo carrel-lab >"$root/etc/hostname"
    cp /etc/debian_version "$root/etc/debian_version"
    cat >"$root/etc/inittab" <<'INITTAB'
::sysinit:/etc/rc
tty1::respawn:/bin/getty 0 tty1 linux
ttyS0::respawn:/bin/getty 115200 ttyS0 vt100
::ctrlaltdel:/bin/reboot
::shutdown:/bin/umount -a -r
INITTAB
    # Words of the kernel's command line choose what a boot does.
    cat >"$root/etc/rc" <<'RC'
#!/bin/sh
export PATH=/bin
mount -o remount,rw /
hostname -F /etc/hostname
acpid -l /dev/null -p /run/acpid.pid
echo "cpus=$(grep -c ^processor /proc/cpuinfo)" \
    "memory=$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)M" \
    "clock=$(cat /sys/devices/system/clocksource/*/current_clocksource)" |
    tee /dev/ttyS0 >/dev/tty1
if grep -q lab.reboots= /proc/cmdline; then
    wanted=$(sed 's/.*lab.reboots=\([0-9]*\).*/\1/' /proc/cmdline)
    done=$(cat /var/reboots 2>/dev/null || echo 0)
    if [ "$done" -lt "$wanted" ]; then
        # each way that a PC knows to start again
        set -- acpi kbd triple pci
        shift $((done % 4))
        echo "$((done + 1))" >/var/reboots
        echo "$1" >/sys/kernel/reboot/type
        echo "restart $((done + 1)) by $(cat /sys/kernel/reboot/type)" \
            >/dev/ttyS0
        sync
        umount -a -r 2>/dev/null
        mount -o remount,ro /
        reboot -f
    fi
    echo "restarted $done times" | tee /dev/ttyS0 >/dev/tty1
fi
RC
    # What udhcpc calls when it has an address.
    mkdir -p "$root/etc/udhcpc"
    cat >"$root/etc/udhcpc/default.script" <<'DHCP'
#!/bin/sh
[ "$1" = deconfig ] && ip link set "$interface" up
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
ip route add default via "${router%% *}"
echo "nameserver ${dns%% *}" >/etc/resolv.conf
DHCP
    chmod 755 "$root/etc/udhcpc/default.script"
    cat >"$root/etc/acpi/PWRF/00000080" <<'POWER'
#!/bin/sh
echo "power button" >/dev/ttyS0
poweroff
POWER
    chmod 755 "$root/etc/rc" "$root/etc/acpi/PWRF/00000080"
    cat >"$root/boot/grub/grub.cfg" <<'GRUB'
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=5
set default=0
if [ -s /boot/grub/custom.cfg ]; then source /boot/grub/custom.cfg; fi
menuentry 'Debian' {
    echo 'Loading Linux ...'
    linux /boot/vmlinuz ro console=tty0 console=ttyS0,115200 $lab_words
    echo 'Loading initial ramdisk ...'
    initrd /boot/initrd.img
}
GRUB
    # Debian's other things to boot, each by one key in GRUB's menu.
    if [ -r /boot/memtest86+x64.bin ]; then
        cp /boot/memtest86+*.bin "$root/boot/"
        cat >>"$root/boot/grub/grub.cfg" <<'GRUB'
menuentry 'memtest86+' --hotkey=m { linux /boot/memtest86+x64.bin }
menuentry 'memtest86+ (32 bit)' --hotkey=n { linux /boot/memtest86+ia32.bin }
GRUB
    fi
    if [ -r /boot/ipxe.lkrn ]; then
        cp /boot/ipxe.lkrn "$root/boot/"
        cat >>"$root/boot/grub/grub.cfg" <<'GRUB'
menuentry 'iPXE' --hotkey=i { linux16 /boot/ipxe.lkrn }
GRUB
    fi
}

system
truncate -s 128M "$work/disk.img"
# One active Linux partition (0x83) from sector 2048 to the end.
printf '\x80\x20\x21\x00\x83\xfe\xff\xff\x00\x08\x00\x00\x00\xf8\x03\x00' |
    dd of="$work/disk.img" bs=1 seek=446 conv=notrunc status=none
printf '\x55\xaa' |
    dd of="$work/disk.img" bs=1 seek=510 conv=notrunc status=none
mke2fs -q -t ext4 -L carrel-lab -E offset=1048576,root_owner=0:0 \
    -d "$work/root" "$work/disk.img" 127M
grub-mkimage -O i386-pc -o "$work/core.img" -p '(hd0,msdos1)/boot/grub' \
    biosdisk part_msdos ext2 normal linux linux16 serial terminal echo test configfile \
    ls reboot halt
dd if=$grub/boot.img of="$work/disk.img" bs=440 count=1 conv=notrunc status=none
dd if="$work/core.img" of="$work/disk.img" bs=512 seek=1 conv=notrunc status=none
mv "$work/disk.img" "$out"
