#!/usr/bin/env bash
# What is on a PC's main board beside its buses, by Debian's own drivers: what
# the firmware says of the machine (SMBIOS), event timers, the memory modules on
# the SMBus, what the monitor tells. Argument: CPUS-MEMORY, of which memory is 192M.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}
export PATH=$PATH:/usr/sbin:/sbin

# asks COMMAND PATTERN WHAT [SECONDS] - a line for the shell, and its answer.
asks() {
    "$carrel" send board serial "$1"$'\n' &&
        check "$3" "$carrel" expect board "$2" --serial --timeout "${4:-60}"
}

version=$(find /boot -name 'vmlinuz-*-amd64' ! -name '*cloud*' ! -name '*-rt-*' |
    sort -V | tail -n 1)
version=${version##*/vmlinuz-}

# The modules travel on a disk of their own, as a tar.
mkdir "$home/modules"
modprobe -S "$version" -a --show-depends i2c-piix4 at24 bochs |
    while read -r verb file _; do
        [ "$verb" = insmod ] || continue
        cp "$file" "$home/modules/"
        echo "insmod ${file##*/}" >>"$home/modules/load"
    done
tar -C "$home/modules" -cf "$home/modules.img" .
truncate -s 16M "$home/modules.img"

cp "$disk" "$home/disk.img"
starts board --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    --set smbios.product=Plankton --set smbios.serial=S-42 \
    --set smbios.uuid=6f2c1a9e-0b5d-4c3e-8f7a-1d2e3c4b5a69 \
    --set machine.hpet=true \
    --set display.resolution=1152x720 --set disk0.model=virtio-blk "disk=$home/disk.img" \
    --set disk1.model=virtio-blk --set "disk1.path=$home/modules.img"
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

# ---- SMBus
asks 'mkdir /tmp/m; cd /tmp/m && tar xf /dev/vdb && sh load; echo loaded-$((6*7))' \
    'loaded-42' "the modules are loaded" 120
asks 'cat /sys/class/i2c-adapter/i2c-0/name; dmesg | grep -i piix4_smbus' \
    'SMBus Host Controller at 0x[0-9a-f]+' "i2c-piix4 has the controller"
asks 'cd /sys/class/i2c-adapter/i2c-0; for a in 50 51 52; do echo spd 0x$a >new_device; done; h() { hexdump -v -n 6 -e "1/1 \"%02x\"" 0-00$1/eeprom; }; echo "spd=$(h 50),$(h 51)."' \
    'spd=8008040c0a01,8008040c0901\.' "two modules tell of 128 and 64 MiB"
asks 'cat /sys/class/i2c-adapter/i2c-0/0-0050/eeprom | wc -c; cat /sys/class/i2c-adapter/i2c-0/0-0052/eeprom >/dev/null || echo "empty-$((6*7))"' \
    'empty-42' "the third socket is empty"

# ---- EDID: bochs.ko came with the others
asks 'cd /sys/class/drm/card0-Virtual-1; echo "modes=$(head -n 1 modes),$(sort -u modes | wc -l) edid=$(wc -c <edid)."' \
    'modes=1152x720,1[0-9] edid=128\.' "bochs prefers the profile's resolution"
check "a screenshot of it" "$carrel" screenshot board "$home/kms.png"
check "of 1152x720 pixels" grep -q '^ *1152 *720$' \
    <(od -A n -t u4 --endian=big -j 16 -N 8 "$home/kms.png")

check "the power button ends it" "$carrel" stop board --timeout 60
check "it is gone" gone board 10
finish
