#!/usr/bin/env bash
# Linux 6.12 started directly on the minimal machine, with virtio devices of
# each kind that it has a driver for. LAB_LINUX_612 names a linux-image .deb
# (bookworm-security, bookworm-backports, trixie); else /boot or the place where
# somebody unpacked one. Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")
cpus=${3%-*} memory=${3#*-}
export PATH=$PATH:/usr/sbin:/sbin

root=/
if [ -n "${LAB_LINUX_612:-}" ]; then
    command -v dpkg >/dev/null || skip_all "no dpkg here"
    root=$home/deb
    dpkg -x "$LAB_LINUX_612" "$root" || skip_all "'$LAB_LINUX_612' is no .deb"
fi
kernel=$(find "$root/boot" -name 'vmlinuz-6.12.*' 2>/dev/null | sort -V | tail -n 1)
[ -n "$kernel" ] || skip_all "no Linux 6.12 (Debian: linux-image-6.12-cloud-amd64 of bookworm-security, or LAB_LINUX_612=FILE.deb)"
version=${kernel##*/vmlinuz-}
modules=$root/lib/modules/$version
[ -d "$modules" ] || modules=$root/usr/lib/modules/$version
echo "# Linux $version"

# Its initial RAM disk: busybox, drivers in the order of loading, the lab's root.
ram=$home/ram
mkdir -p "$ram/bin" "$ram/modules" "$ram/proc" "$ram/sys" "$ram/dev" "$ram/disk"
cp "$(command -v busybox)" "$ram/bin/busybox"
# The power button and who reads it are modules as well.
for name in rng-core failover net_failover virtio_blk virtio_net virtio-rng \
    virtio_balloon button evdev; do
    file=$(find "$modules" -name "$name.ko*" | head -n 1)
    case $file in
    '') continue ;; # built in
    *.xz) xz -dc "$file" >"$ram/modules/$name.ko" ;;
    *.zst) zstd -qdc "$file" >"$ram/modules/$name.ko" ;;
    *) cp "$file" "$ram/modules/$name.ko" ;;
    esac
    echo "$name.ko" >>"$ram/modules/order"
done
cat >"$ram/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod "/modules/$module"; done
mount -t ext4 /dev/vda1 /disk || exec sh
for where in proc sys dev; do mount --move /$where /disk/$where; done
exec switch_root /disk /bin/init
INIT
chmod 755 "$ram/init"
(cd "$ram" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 \
    >"$home/initrd.img"

cp "$disk" "$home/disk.img"
truncate -s 16M "$home/extra.img"
head -c 4M /dev/urandom >"$home/sent"
starts six --memory "$memory" --cpus "$cpus" --set rng.model=virtio-rng \
    --set balloon.model=virtio-balloon --set net0.kind=user \
    --set net0.host-access=true --set disk1.model=virtio-blk \
    --set "disk1.path=$home/extra.img" \
    --initrd "$home/initrd.img" --append ro \
    "kernel=$kernel" "disk=$home/disk.img"
check "a login on the serial port" \
    "$carrel" expect six 'carrel-lab login:' --serial --timeout 400 || {
    "$carrel" logs six -s serial0 -n 40 | sed 's/^/# /'
    finish
}

# asks COMMAND PATTERN WHAT - a line for the shell, and its answer.
asks() {
    "$carrel" send six serial "$1"$'\n' &&
        check "$3" "$carrel" expect six "$2" --serial --timeout 120
}
asks root '~ #|/root #' "root logs in"
asks 'uname -r' "${version//+/\\+}" "it is that Linux"
asks 'nproc | sed "s/$/ processors/"' "$cpus processors" "all its processors run"
asks 'grep " / " /proc/mounts' '/dev/vda1 / ext4 rw' "the root is /dev/vda1"
asks 'dd if=/dev/urandom of=/tmp/a bs=64k count=128 2>/dev/null; dd if=/tmp/a of=/dev/vdb bs=64k conv=fsync 2>/dev/null; echo 3 >/proc/sys/vm/drop_caches; [ "$(md5sum </tmp/a)" = "$(dd if=/dev/vdb bs=64k count=128 2>/dev/null | md5sum)" ] && echo "same-$((6*7))"' \
    'same-42' "8 MiB read back as written"
asks 'dd if=/dev/hwrng bs=512 count=4 2>/dev/null | wc -c' '2048' \
    "the host's random numbers arrive"
asks 'udhcpc -i eth0 -q -n; ip addr show eth0 | grep "inet "' \
    'inet 10\.0\.2\.' "an address by DHCP"
python3 "$here/one-file.py" send 7500 "$home/sent" &
listens 7500
asks "nc 10.0.2.2 7500 | md5sum | cut -c 1-32 | sed 's/^/got=/'" \
    "got=$(md5sum <"$home/sent" | cut -c 1-32)" "4 MiB by the network, whole"
check "its balloon takes 16 MiB" "$carrel" memory six --balloon 16M
asks 'sleep 3; dmesg -r | grep "^<[0-3]>"; echo "calm-$((6*7))"' 'calm-42' \
    "no complaints"
"$carrel" logs six -s serial0 -n 30 | grep -aE 'virtio|error|fail' | sed 's/^/# /'
check "the power button ends it" "$carrel" stop six --timeout 60
check "it is gone" gone six 10
check "nothing broke a ring" bash -c \
    "! \"$carrel\" logs six 2>/dev/null | grep -q 'stopped until'"
finish
