#!/usr/bin/env bash
# What is on a PC's main board beside its buses, by Debian's own drivers: what
# the firmware says of the machine (SMBIOS), event timers. Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}
export PATH=$PATH:/usr/sbin:/sbin

# asks COMMAND PATTERN WHAT [SECONDS] - a line for the shell, and its answer.
asks() {
    "$carrel" send board serial "$1"$'\n' &&
        check "$3" "$carrel" expect board "$2" --serial --timeout "${4:-60}"
}

cp "$disk" "$home/disk.img"
starts board --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    --set smbios.product=Plankton --set smbios.serial=S-42 \
    --set smbios.uuid=6f2c1a9e-0b5d-4c3e-8f7a-1d2e3c4b5a69 \
    --set machine.hpet=true --set disk0.model=virtio-blk "disk=$home/disk.img"
sees board 'carrel-lab login:' 400 "a login on the screen" || finish
check "root logs in on the serial port" \
    "$carrel" send board serial $'root\n'
check "the serial shell's prompt" \
    "$carrel" expect board '~ #|/root #' --serial --timeout 30

# ---- SMBIOS
asks 'cd /sys/class/dmi/id; echo "dmi=$(cat sys_vendor product_name product_serial product_uuid board_name chassis_type | tr "\n" ,)"' \
    'dmi=Carrel,Plankton,S-42,6f2c1a9e-0b5d-4c3e-8f7a-1d2e3c4b5a69,pc-i440fx,1,' \
    "the machine is what the profile says"
asks 'echo "tables=$(ls /sys/firmware/dmi/tables | tr "\n" ,)"' \
    'tables=DMI,smbios_entry_point,' "the tables are there"
asks 'dmesg | grep -i -E "smbios|DMI:"' 'SMBIOS 2\.8 present' "of version 2.8"

# ---- HPET
asks 'dmesg | grep -i hpet' 'hpet0: 3 comparators, 64-bit 100\.000000 MHz' \
    "Debian's driver has the event timers"
asks 'cd /sys/devices/system/clocksource/clocksource0; grep -c hpet available_clocksource; echo hpet >current_clocksource; echo "now=$(cat current_clocksource)"' \
    'now=hpet' "they count the guest's time"
asks 'r() { cat /sys/class/rtc/rtc0/since_epoch; }; a=$(r) b=$(date +%s); sleep 20; c=$(($(r)-a)) d=$(($(date +%s)-b)); echo "seconds=$c,$d"; [ $((c-d)) -ge -1 ] && [ $((c-d)) -le 1 ] && [ $d -ge 20 ] && echo "right-$((6*7))"' \
    'right-42' "as fast as the RTC does" 120
tells
asks 'a=$(awk "/timer/{print \$2;exit}" /proc/interrupts); echo "irq0=$a."; grep -i hpet /proc/iomem' \
    'irq0=[0-9]+\.' "interrupt 0 is theirs"
tells

check "the power button ends it" "$carrel" stop board --timeout 60
check "it is gone" gone board 10
finish
