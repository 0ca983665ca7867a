#!/usr/bin/env bash
# USB in a Debian guest that is started directly: the controller, keyboard,
# tablet and stick of ours, and the lab's own stick and tablet passed to it,
# pulled, put back and given back. Wants the lab with its devices (--topology
# clean). Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}
export PATH=$PATH:/usr/sbin:/sbin
grep -qs LABSTICK1 /sys/bus/usb/devices/*/serial ||
    skip_all "this lab has no USB stick"
kernel=$(find /boot -name 'vmlinuz-*-amd64' ! -name '*cloud*' | sort -V | tail -n 1)
check "a guest with USB modules is made" \
    "$(dirname "$0")/make-usb-guest.sh" "$home/guest.gz" || finish

# boots NAME SETTING... - that guest, to its shell.
boots() {
    local name=$1
    shift
    starts "$name" --memory "$memory" --cpus "$cpus" \
        --set machine.chipset=pc-virtio --set machine.usb=xhci \
        --set serial0.kind=pane "$@" \
        --initrd "$home/guest.gz" --append 'console=ttyS0 rdinit=/init quiet' "kernel=$kernel"
    check "$name: a shell" "$carrel" expect "$name" 'guest# ' --serial \
        --timeout 240 || finish
}

# asks NAME COMMAND PATTERN WHAT - a line for its shell, and the answer.
asks() {
    "$carrel" send "$1" serial "$2"$'\n' &&
        check "$4" "$carrel" expect "$1" "$3" --serial --timeout 90
}

# driver_of SERIAL - of the first interface of the host's device.
driver_of() {
    local dir
    dir=$(dirname "$(grep -lx "$1" /sys/bus/usb/devices/*/serial)") || return
    basename "$(readlink "$dir/${dir##*/}:1.0/driver")"
}

# holds DRIVER SECONDS - waits until the lab's stick has that driver.
holds() {
    local i
    for ((i = 0; i < $2 * 5; i++)); do
        [ "$(driver_of LABSTICK1)" = "$1" ] && return
        sleep 0.2
    done
    echo "driver: $(driver_of LABSTICK1)"
    return 1
}

# appears FILE SECONDS
appears() {
    local i
    for ((i = 0; i < $2 * 5; i++)); do
        [ -e "$1" ] && return
        sleep 0.2
    done
    return 1
}

# ---- our own devices

head -c 8M /dev/urandom >"$home/stick.img"
sum=$(sha256sum <"$home/stick.img" | cut -c 1-64)
boots own --set usb0.model=tablet --set usb1.model=keyboard \
    --set usb2.model=storage --set "usb2.path=$home/stick.img"
asks own 'for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/sda ] || sleep 1; done; sha256sum /dev/sda' \
    "$sum" "our stick's 8 MiB arrive"
asks own 'echo written-to-stick | dd of=/dev/sda bs=512 seek=100 conv=sync 2>/dev/null; sync; echo done-$((6*7))' \
    'done-42' "the guest writes to it"
check "the image has it" bash -c \
    "dd if='$home/stick.img' bs=512 skip=100 count=1 status=none |
        grep -q written-to-stick"
asks own 'ev() { for d in /sys/class/input/event*; do grep -q "$1" $d/device/name && echo /dev/input/${d##*/}; done; }; cat $(ev "USB keyboard") >/keys & cat $(ev "USB tablet") >/tablet & sleep 1; echo reading-$((6*7))' \
    'reading-42' "the guest reads keyboard and tablet"
check "keys are typed" "$carrel" send own keys a
check "the pointer moves" "$carrel" send own mouse to 12345 23456
sleep 1
# an event is two longs of time, then type, code and value: 0x1e is A
asks own 'hexdump -v -e "1/1 \"%02x\"" /keys | grep -c 01001e0001000000.*01001e0000000000' \
    '\n1\r?\n' "the keyboard's A went down and up"
asks own 'hexdump -v -e "1/1 \"%02x\"" /tablet | grep -c 0300000039300000.*03000100a05b0000' \
    '\n1\r?\n' "the tablet is where the pointer is"

# ---- the host's stick, while the guest runs

check "usb list shows it" bash -c \
    "'$carrel' usb list | grep -q '46f4:0001.*driver: usb-storage'"
if mke2fs -q -F /dev/sda && mount -t ext4 /dev/sda /mnt; then
    check "a mounted one is refused" bash -c \
        "'$carrel' usb attach own 46f4:0001 2>&1 | grep -q 'mounted at /mnt'"
    umount /mnt
fi

# the rule of udev, and who may open the node that is there
export CARREL_HELPER_DIR=$home/helper
stick_owner() {
    local dir
    dir=$(dirname "$(grep -lx LABSTICK1 /sys/bus/usb/devices/*/serial)")
    stat -c '%u %a' "$(printf '/dev/bus/usb/%03d/%03d' \
        "$(cat "$dir/busnum")" "$(cat "$dir/devnum")")"
}
rule=/etc/udev/rules.d/70-carrel-usb-46f4-0001.rules
before=$(stick_owner)
check "it is set up for a user" "$carrel" usb setup 46f4:0001 --user=1000 --yes
check "who has its node now" [ "$(stick_owner)" = "1000 ${before#* }" ]
check "and when it is plugged in" grep -q 'OWNER="1000"' $rule
check "that is taken back" "$carrel" passthrough undo --yes
check "the node is as it was" [ "$(stick_owner)" = "$before" ]
check "there is no rule" [ ! -e $rule ]
sync
real=$(sha256sum </dev/sda | cut -c 1-64)
check "it is attached" "$carrel" usb attach own 46f4:0001
asks own 'for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/sdb ] || sleep 1; done; sha256sum /dev/sdb' \
    "$real" "the host's stick is hashed in the guest"
check "the host's driver has let go" holds usbfs 1
check "detached" "$carrel" usb detach own 46f4:0001
check "the host has it back" holds usb-storage 10
check "and its disk" appears /dev/sda 10
check "it is attached again" "$carrel" usb attach own 46f4:0001
check "the guest has it again" holds usbfs 10
pid=$(pgrep -f "__machine own" | head -n 1)
kill -9 "$pid"
check "the machine is killed, and the host has it back" holds usb-storage 10
check "with its disk" appears /dev/sda 10

# ---- from the start, pulled, put back

boots passed --set usb0.model=host --set usb0.host=46f4:0001 \
    --set usb1.model=host --set usb1.host=0627:0001
asks passed 'for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/sda ] || sleep 1; done; sha256sum /dev/sda' \
    "$real" "the stick is there from the start"
asks passed 'grep -c "QEMU USB Tablet" /proc/bus/input/devices' '\n1\r?\n' \
    "so is the tablet"
asks passed '(while dd if=/dev/sda of=/dev/null bs=64k; do :; done 2>/dev/null; echo read-$((6*7))) &' \
    'guest# ' "the guest reads all the time"
echo 'device_del usbtablet' >"$LAB_MON"
echo 'device_del usbstick' >"$LAB_MON"
check "the stick is pulled amid it" \
    "$carrel" expect passed 'read-42' --serial --timeout 60
asks passed 'sleep 2; ls /dev/sda; grep -c "QEMU USB Tablet" /proc/bus/input/devices' \
    '\n0\r?\n' "the tablet has gone too"
echo 'device_add usb-tablet,id=usbtablet,bus=xhci.0' >"$LAB_MON"
asks passed 'for i in 1 2 3 4 5 6 7 8 9; do grep -q "QEMU USB Tablet" /proc/bus/input/devices || sleep 1; done; grep -c "QEMU USB Tablet" /proc/bus/input/devices' \
    '\n1\r?\n' "the tablet is put back"
check "it ends" "$carrel" stop passed --force
sleep 2
check "nobody is left looking after devices" bash -c "! pgrep -f '[_]_usb '"

finish
