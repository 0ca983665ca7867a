#!/usr/bin/env bash
# Debian's kernel and a busybox initrd started without firmware: unpacked by
# the host, from the cache, and unpacking itself; restart, power button; and a
# Multiboot kernel of a few bytes. Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}
export CARREL_CACHE_DIR=$home/cache

kernel=$(find /boot -name 'vmlinuz-*-amd64' ! -name '*cloud*' | sort -V | tail -1)
[ -r "$kernel" ] || skip_all "no Debian kernel in /boot"
modules=/lib/modules/${kernel#*/vmlinuz-}/kernel/drivers

# ---- the initrd: a shell, and what makes the power button end it ----

root=$home/root
mkdir -p "$root"/{bin,proc,sys,dev}
cp "$(command -v busybox)" "$root/bin/busybox"
for module in acpi/button.ko input/evdev.ko; do
    cp "$modules/$module" "$root/" || skip_all "no module $module"
done
cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
insmod /evdev.ko
insmod /button.ko
(head -c 1 /dev/input/event0 >/dev/null && poweroff -f) &
echo "up: cpus=$(nproc) memory=$(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo)"
exec setsid cttyhack sh
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$home/initrd.gz"

# runs NAME [OPTION...] - starts the kernel and waits for its shell.
runs() {
    local name=$1
    shift
    check "$name: it starts" "$carrel" run --detach --name "$name" \
        --memory "$memory" --cpus "$cpus" --initrd "$home/initrd.gz" "$@" \
        "kernel=$kernel" || finish
    check "$name: a shell on $cpus CPUs" "$carrel" expect "$name" \
        "up: cpus=$cpus memory=" --serial --timeout 120 || finish
}

says() { "$carrel" logs "$1" --lines 50 | grep -q "$2"; }

# ---- unpacked on the host ----

runs first --set smbios.product=Plankton --set smbios.serial=S-42
check "first: the host unpacked it" says first 'unpacked now'
check "first: the memory is all there" "$carrel" send first serial \
    $'dmesg | grep -c "BIOS-e820.*usable"; cat /proc/interrupts; echo asked\n'
check "first: an answer" "$carrel" expect first 'asked' --serial --timeout 30
# Without firmware the kernel looks for the tables' anchor below 1 MiB itself.
check "first: it is asked who it is" "$carrel" send first serial \
    $'cd /sys/class/dmi/id; echo dmi=$(cat sys_vendor product_name product_serial board_name | tr "\\n" ,); cd /\n'
check "first: it is what the profile says" "$carrel" expect first \
    'dmi=Carrel,Plankton,S-42,pc-virtio,' --serial --timeout 30
check "first: it restarts" "$carrel" send first serial $'reboot -f\n'
check "first: its log has the reset" "$carrel" expect first \
    'up: cpus' --serial --timeout 120
check "first: it is asked again" "$carrel" send first serial \
    $'echo again=$(cat /sys/class/dmi/id/product_serial).\n'
check "first: it is still the same" "$carrel" expect first 'again=S-42\.' \
    --serial --timeout 30
check "first: the power button ends it" "$carrel" stop first --timeout 60
check "first: it is gone" gone first 10

runs second
check "second: it came from the cache" says second 'from the cache'
check "second: the guest switches itself off" "$carrel" send second serial \
    $'poweroff -f\n'
check "second: it is gone" gone second 30

# ---- unpacking itself ----

runs itself --set machine.kernel-unpack=false
check "itself: it unpacked itself" says itself 'unpacks itself'
check "itself: the power button ends it" "$carrel" stop itself --timeout 60

# ---- Multiboot ----

printf '\x02\xb0\xad\x1b\x03\x00\x01\x00\xfb\x4f\x51\xe4' >"$home/small.mb"
printf '\x00\x00\x10\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20\x00\x10\x00' \
    >>"$home/small.mb"
# mov edx,3f8h; mov esi,100036h; mov ecx,6; cld; rep outsb; hlt; jmp back
printf '\xba\xf8\x03\x00\x00\xbe\x36\x00\x10\x00\xb9\x06\x00\x00\x00\xfc\xf3\x6e\xf4\xeb\xfd\x90MULTI\n' \
    >>"$home/small.mb"
check "multiboot: it starts" "$carrel" run --detach --name multi "$home/small.mb"
check "multiboot: it speaks" "$carrel" expect multi 'MULTI' --serial --timeout 20
off multi
finish
