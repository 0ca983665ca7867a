#!/usr/bin/env bash
# USB devices of ours on one controller, in a Debian guest that is started
# directly: its drivers bind to controller, hub, keyboard, tablet and stick, the
# stick is mounted, read and written, keys and positions arrive, devices come and
# go while it runs. Arguments: CPUS-MEMORY-uhci|ehci|xhci.
. "$(dirname "$0")/lib.sh"
IFS=- read -r cpus memory usb <<<"$3"
export PATH=$PATH:/usr/sbin:/sbin
kernel=$(find /boot -name 'vmlinuz-*-amd64' ! -name '*cloud*' | sort -V | tail -n 1)

# asks COMMAND PATTERN WHAT [SECONDS] - a line for the shell, and its answer.
asks() {
    "$carrel" send own serial "$1"$'\n' &&
        check "$3" "$carrel" expect own "$2" --serial --timeout "${4:-60}"
}

# until_guest CONDITION WORD WHAT - the guest sees it come true within 30 s.
until_guest() {
    asks "i=0; until [ $1 ] || [ \$i -gt 300 ]; do usleep 100000; i=\$((i+1)); done; [ $1 ] && echo \"$2-\$((6*7))\"" \
        "$2-42" "$3"
}

check "a guest with USB modules is made" makes_initrd "$home/guest.gz" \
    uhci-hcd ehci-pci xhci-pci usbhid hid-generic evdev usb-storage sd_mod ext4 ||
    finish
mkdir "$home/files"
head -c 1M /dev/urandom >"$home/files/data"
sum=$(sha256sum <"$home/files/data" | cut -c 1-64)
mke2fs -q -t ext2 -d "$home/files" "$home/stick.img" 4M
head -c 256K /dev/urandom >"$home/late.img"
late=$(sha256sum <"$home/late.img" | cut -c 1-64)

# What is not of high speed is with a companion of the EHCI.
case $usb in
uhci) pointers=(--set usb2.model=tablet) hid=2 second='USB tablet' ;;
*) pointers=(--set usb2.model=mouse --set usb5.model=tablet) hid=3 second='USB mouse' ;;
esac
starts own --memory "$memory" --cpus "$cpus" \
    --set machine.chipset=pc-virtio --set machine.usb="$usb" \
    --set serial0.kind=pane --set usb0.model=hub --set usb1.model=storage \
    --set "usb1.path=$home/stick.img" "${pointers[@]}" --set usb2.port=0.2 \
    --set usb3.model=keyboard --set usb3.port=0.4 \
    --initrd "$home/guest.gz" --append 'console=ttyS0 rdinit=/init quiet' \
    "kernel=$kernel"
check "a shell" "$carrel" expect own 'up: ready=42' --serial --timeout 300 ||
    finish
asks 'set +o emacs; n() { ls -d /sys/bus/$1/drivers/$2/*:* 2>/dev/null | wc -l; }; echo "functions: $(n pci uhci_hcd) $(n pci ehci-pci) $(n pci xhci_hcd);"' \
    "functions: $(case $usb in uhci) echo 1 0 0 ;; ehci) echo 4 1 0 ;; xhci) echo 0 0 1 ;; esac);" \
    "the guest's drivers have the controllers"
until_guest "\$(n usb usbhid) = $hid -a \$(n usb usb-storage) = 1 -a -b /dev/sda" \
    bound "hub, keyboard, tablet and stick are bound" || finish
asks 'grep -h . /sys/bus/usb/devices/*/product /sys/bus/usb/devices/*-*/speed | tr "\n" ","; for d in /sys/bus/usb/devices/*-*.*; do case $d in *:*) ;; *) echo "behind ${d##*.} $(cat $d/product) at $(cat $d/speed);" ;; esac; done' \
    "behind 2 $second at 12;[^b]*behind 4 USB keyboard at 12;" \
    "$second and keyboard are behind the hub"
[ "$usb" != ehci ] ||
    asks 'd=$(dirname $(grep -l "USB tablet" /sys/bus/usb/devices/*/product)); echo "it is at: $(cat /sys/bus/usb/devices/usb$(cat $d/busnum)/product);"' \
        'it is at: UHCI' "the tablet is with a companion"

# ---- the stick
asks 'mkdir /mnt; mount -t ext4 /dev/sda /mnt && sha256sum /mnt/data' "$sum" \
    "a file on the stick is as it was made"
asks 'cp /mnt/data /mnt/copy; umount /mnt; mount -t ext4 -o ro /dev/sda /mnt; sha256sum /mnt/copy; umount /mnt' \
    "$sum" "its copy too"
check "the copy is in the image" bash -c \
    "debugfs -R 'cat copy' '$home/stick.img' 2>/dev/null | cmp - '$home/files/data'"

# ---- keyboard and tablet
asks 'ev() { for d in /sys/class/input/event*; do grep -q "$1" $d/device/name && echo /dev/input/${d##*/}; done; }; cat $(ev "USB keyboard") >/keys & cat $(ev "USB tablet") >/tablet & sleep 1; echo reading-$((6*7))' \
    'reading-42' "the guest reads keyboard and tablet"
check "keys are typed" "$carrel" send own keys a
check "the pointer moves" "$carrel" send own mouse to 12345 23456
sleep 1
# an event is two longs of time, then type, code and value: 0x1e is A
asks 'hexdump -v -e "1/1 \"%02x\"" /keys | grep -c 01001e0001000000.*01001e0000000000' \
    '\n1\r?\n' "the keyboard's A went down and up"
asks 'hexdump -v -e "1/1 \"%02x\"" /tablet | grep -c 0300000039300000.*03000100a05b0000' \
    '\n1\r?\n' "the tablet is where the pointer is"

# ---- while it runs
check "the stick is pulled" "$carrel" detach own usb1
until_guest '! -e /sys/block/sda' gone "the guest has noticed"
check "one is put into the hub" "$carrel" attach own usb4 model=storage \
    "path=$home/late.img" port=0.1
until_guest '-b /dev/sda' there "the guest has found it"
asks 'sha256sum /dev/sda' "$late" "its data arrives through the hub"
check "a hub with devices in it stays" bash -c \
    "'$carrel' detach own usb0 2>&1 | grep -q 'detach that first'"
check "the stick leaves the hub" "$carrel" detach own usb4
until_guest '! -e /sys/block/sda' left "the guest has noticed that too"
asks 'dmesg | grep -c "device descriptor read\|not responding\|HC died\|process error\|system error" | sed "s/^/complaints: /;s/$/;/"' \
    'complaints: 0;' "its drivers complained of nothing"
off own
finish
