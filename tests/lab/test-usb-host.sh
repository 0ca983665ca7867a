#!/usr/bin/env bash
# USB devices of this computer in a Debian guest that is started directly. On xhci:
# the lab's stick and tablet passed to it, pulled, put back and given back. On uhci
# and ehci: a stick and a tablet of full speed, and on ehci one of high speed. Wants
# the lab with its devices (--topology clean). Arguments: CPUS-MEMORY-uhci|ehci|xhci.
. "$(dirname "$0")/lib.sh"
IFS=- read -r cpus memory usb <<<"$3"
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
        --set machine.chipset=pc-virtio --set machine.usb="$usb" \
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

# port_of PRODUCT - the port that the host's device is in, once it is there.
port_of() {
    local file i
    for ((i = 0; i < 100; i++)); do
        file=$(grep -lx "$1" /sys/bus/usb/devices/*-*/product 2>/dev/null) &&
            basename "$(dirname "$file")" && return
        sleep 0.1
    done
    return 1
}

# ---- devices of full speed, and a controller that is not for USB 3

if [ "$usb" != xhci ]; then
    # QEMU's hub is of full speed, and so is what is behind it
    {
        echo 'device_add usb-wacom-tablet,id=wacom,bus=xhci.0,port=3'
        echo 'device_add usb-hub,id=hub,bus=xhci.0,port=4'
        echo 'drive_add 0 if=none,id=slow,driver=null-co,size=524288,read-zeroes=on'
        echo 'device_add usb-storage,id=slowstick,bus=xhci.0,port=4.1,drive=slow,serial=SLOW'
    } >"$LAB_MON"
    wacom=$(port_of 'Wacom PenPartner')
    for ((i = 0; i < 100; i++)); do
        grep -qsx SLOW /sys/bus/usb/devices/*/serial && break
        sleep 0.1
    done
    stick=$(basename "$(dirname "$(grep -lx SLOW /sys/bus/usb/devices/*/serial)")")
    echo "# wacom at $wacom, stick at $stick, $(cat "/sys/bus/usb/devices/$stick/speed") Mbit/s"
    boots own --set usb0.model=host --set "usb0.host=$wacom"
    asks own 'for i in 1 2 3 4 5 6 7 8 9; do grep -q PenPartner /proc/bus/input/devices || sleep 1; done; grep -c PenPartner /proc/bus/input/devices' \
        '\n1\r?\n' "a tablet of full speed is there from the start"
    check "a stick of full speed is attached" "$carrel" usb attach own "$stick"
    asks own 'for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/sda ] || sleep 1; done; time sha256sum /dev/sda' \
        "$(head -c 524288 /dev/zero | sha256sum | cut -c 1-64)" \
        "all of it arrives"
    if [ "$usb" = ehci ]; then
        check "a tablet of high speed is attached" \
            "$carrel" usb attach own "$(port_of 'QEMU USB Tablet')"
        asks own 'for i in 1 2 3 4 5 6 7 8 9; do grep -q "USB Tablet" /proc/bus/input/devices || sleep 1; done; d=$(dirname $(grep -l "QEMU USB Tablet" /sys/bus/usb/devices/*/product)); echo "speed $(cat $d/speed);"' \
            'speed 480;' "the guest has it at high speed"
    fi
    check "the stick is detached" "$carrel" usb detach own "$stick"
    stick=$(basename "$(dirname "$(grep -lx LABSTICK1 /sys/bus/usb/devices/*/serial)")")
    check "one of USB 3 is refused, for it needs another controller" \
        grep -q 'needs a port of machine.usb=xhci' \
        <("$carrel" usb attach own "$stick" 2>&1)
    "$carrel" logs own | tail -n 5 | sed 's/^/# /'
    off own
    finish
fi

# ---- the host's stick, while the guest runs

head -c 1M /dev/zero >"$home/stick.img"
boots own --set usb2.model=storage --set "usb2.path=$home/stick.img"
asks own 'for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/sda ] || sleep 1; done; [ -b /dev/sda ] && echo there-$((6*7))' \
    'there-42' "our stick is there"

check "usb list shows it" bash -c \
    "'$carrel' usb list | grep -q '46f4:0001.*driver: usb-storage'"
modprobe ext4
check "this computer mounts it" bash -c \
    'mke2fs -q -F /dev/sda && mount -t ext4 /dev/sda /mnt'
check "a mounted one is refused" bash -c \
    "'$carrel' usb attach own 46f4:0001 2>&1 | grep -q 'mounted at /mnt'"
umount /mnt

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
check "it is set up for a user by name" \
    "$carrel" usb setup 46f4:0001 --user=daemon --yes
check "who has its node now" [ "$(stick_owner)" = "$(id -u daemon) ${before#* }" ]
check "and when it is plugged in" grep -q "OWNER=\"$(id -u daemon)\"" $rule
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
