#!/usr/bin/env bash
# tests/lab/make-usb-guest.sh FILE [MODULE...] - makes an initramfs with Debian's
# USB modules, these too, and busybox: a shell on the first serial port, nothing
# else.
set -eu
out=$1
shift
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
kernel=$(find /boot -name 'vmlinuz-*-amd64' ! -name '*cloud*' ! -name '*-rt-*' |
    sort -V | tail -n 1)
version=${kernel##*/vmlinuz-}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/modules"
cp "$(command -v busybox)" "$root/bin/busybox"
for name in $(busybox --list); do
    [ -e "$root/bin/$name" ] || ln -s busybox "$root/bin/$name"
done
modprobe -S "$version" --all --show-depends uhci-hcd ehci-pci xhci-pci usbhid \
    hid-generic evdev \
    usb-storage sd_mod ext4 button "$@" |
    while read -r verb file _; do
        [ "$verb" = insmod ] || continue
        grep -qsx "${file##*/}" "$root/modules/order" && continue
        cp "$file" "$root/modules/"
        echo "${file##*/}" >>"$root/modules/order"
    done
cat >"$root/init" <<'INIT'
#!/bin/sh
export PATH=/bin HOME=/ PS1='guest# '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do
    insmod "/modules/$module" $([ "$module" = usb-storage.ko ] && echo delay_use=0)
done
acpid -l /dev/null -p /acpid.pid 2>/dev/null
while :; do setsid cttyhack sh; done
INIT
mkdir -p "$root/etc/acpi/PWRF"
printf '#!/bin/sh\npoweroff -f\n' >"$root/etc/acpi/PWRF/00000080"
chmod 755 "$root/init" "$root/etc/acpi/PWRF/00000080"
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$out"
