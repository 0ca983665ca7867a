#!/usr/bin/env bash
# Debian's driver for Cirrus cards (cirrus.ko, kernel mode setting) in a guest
# that started in text mode: it takes the card over, and its console is seen.
# Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}
export PATH=$PATH:/usr/sbin:/sbin
version=$(find /boot -name 'vmlinuz-*-amd64' ! -name '*cloud*' ! -name '*-rt-*' |
    sort -V | tail -n 1)
version=${version##*/vmlinuz-}

# The modules travel on a disk of their own, as a tar. Linux looks at the two at
# the same time, and either may become sda.
mkdir "$home/modules"
modprobe -S "$version" --show-depends cirrus |
    while read -r verb file _; do
        [ "$verb" = insmod ] || continue
        cp "$file" "$home/modules/"
        echo "insmod ${file##*/}" >>"$home/modules/load"
    done
tar -C "$home/modules" -cf "$home/modules.img" .
truncate -s 16M "$home/modules.img"

cp "$disk" "$home/disk.img"
starts linux --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    --set display.model=cirrus "disk=$home/disk.img" \
    --set "disk1.path=$home/modules.img"
sees linux 'carrel-lab login:' 400 "a login on the screen" || finish
"$carrel" expect linux 'carrel-lab login:' --serial --timeout 20 >/dev/null
"$carrel" send linux serial $'root\n'
check "the serial shell's prompt" \
    "$carrel" expect linux '~ #|/root #' --serial --timeout 60
"$carrel" send linux serial \
    $'mkdir /tmp/m; cd /tmp/m; for d in /dev/sd?; do tar xf $d && break; done; sh -e load && echo loaded-$((6*7))\n'
check "the modules are loaded" \
    "$carrel" expect linux 'loaded-42' --serial --timeout 120
"$carrel" send linux serial $'dmesg | grep -i cirrus; cat /proc/fb\n'
check "the driver has the card" \
    "$carrel" expect linux '0 cirrusdrmfb' --serial --timeout 60
"$carrel" send linux serial \
    $'cat /sys/class/drm/card0-*/modes | head -n 1; head -c 4000000 /dev/zero | tr "\\\\0" "\\\\252" >/dev/fb0; echo painted-$((6*7))\n'
check "its frame buffer is painted" \
    "$carrel" expect linux 'painted-42' --serial --timeout 60
sleep 2
check "a screenshot of it" "$carrel" screenshot linux "$home/kms.png"
check "of 1024x768 pixels" grep -q '^ *1024 *768$' \
    <(od -A n -t u4 --endian=big -j 16 -N 8 "$home/kms.png")
[ -z "${LAB_SHARE:-}" ] || cp "$home/kms.png" "$LAB_SHARE/"
check "a forced stop ends it" "$carrel" stop linux --force
finish
