#!/usr/bin/env bash
# Debian with an emulated network card and Debian's own driver for it: it binds,
# gets an address, files go both ways over the user network and a tap and
# arrive whole, the cable is pulled, a third card comes and goes, and
# firmware starts a program from the network. For a card on ISA, which has neither
# a slot nor a ROM, it is Debian's 32-bit kernel.
# Argument: CPUS-MEMORY-MODEL[-plug]; only with plug a card comes and goes.
here=$(dirname "$0")
. "$here/lib.sh"
export PATH=$PATH:/usr/sbin:/sbin
IFS=- read -r cpus memory model plug <<<"$3"
bytes=$((8 << 20))
up_bytes=$bytes
# An NE2000 stops the guest at every register and for every word that is sent, which
# the lab is slow at; and it shows nobody whether it has a cable.
case $model in
rtl8029 | ne2000) ne=1 bytes=$((1 << 19)) up_bytes=$((1 << 16)) ;;
*) ne= ;;
esac

# What Debian calls the driver, its modules, and the card's boot ROM.
case $model in
e1000) driver=e1000 modules=e1000 rom=efi-e1000.rom ;;
rtl8139) driver=8139cp modules="mii 8139cp" rom=efi-rtl8139.rom ;;
rtl8139c) driver=8139too modules="mii 8139too" rom=efi-rtl8139.rom ;;
pcnet) driver=pcnet32 modules="mii pcnet32" rom=efi-pcnet.rom ;;
rtl8029) driver=ne2k-pci modules="8390 ne2k-pci" rom=efi-ne2k_pci.rom ;;
ne2000)
    driver=ne modules='' rom=
    has_linux_686 || skip_all "LAB_LINUX_686 names no 32-bit kernel"
    ;;
*) skip_all "no such card: $model" ;;
esac

modprobe tun 2>/dev/null
ip link set lo up
ip link del cl1 2>/dev/null # of the card that was tested before
ip tuntap add dev cl1 mode tap 2>/dev/null || skip_all "no taps in this lab"
ip addr add 192.168.81.1/24 dev cl1
ip link set cl1 up

login='carrel-lab login:'
# The minimal machine starts at once; only the PC has slots for cards that come.
if [ "$model" = ne2000 ]; then
    check "a disk with the 32-bit kernel is made" \
        "$here/make-shell-disk.sh" "$home/disk.img" "$root_686" ne || finish
    how=(--set serial0.kind=pane) login='guest# '
elif [ -z "$plug" ]; then
    dd if="$disk" of="$home/part.img" bs=1M skip=1 status=none
    for file in vmlinuz initrd.img; do
        debugfs -R "dump /boot/$file $home/$file" "$home/part.img" 2>/dev/null
    done
    how=(--initrd "$home/initrd.img" --append ro "kernel=$home/vmlinuz")
else
    how=(--set serial0.kind=pane)
fi
[ "$model" = ne2000 ] || cp "$disk" "$home/disk.img"
starts net --memory "$memory" --cpus "$cpus" \
    --set net0.kind=user --set net0.host-access=true --set "net0.model=$model" \
    --set net1.kind=tap --set net1.interface=cl1 --set "net1.model=$model" \
    "${how[@]}" "disk=$home/disk.img"
check "a login on the serial port" \
    "$carrel" expect net "$login" --serial --timeout 400 ||
    { show net && finish; }

# asks COMMAND PATTERN WHAT - a line for the shell, and its answer.
asks() {
    "$carrel" send net serial "$1"$'\n' &&
        check "$3" "$carrel" expect net "$2" --serial --timeout "${4:-90}"
}

# until_true CONDITION - a command line for the guest's shell: drivers take their time.
until_true() { echo "for i in \$(seq 60); do $1 && break; sleep 1; done;"; }

[ "$model" = ne2000 ] || asks root '~ #|/root #' "root logs in"
asks "for m in $modules; do insmod /modules/\$m.ko || echo bad; done; ls /sys/class/net | tr '\n' ," \
    'eth0,eth1,lo' "$model: two cards"
asks 'readlink /sys/class/net/eth0/device/driver | sed "s/.*\//bound:/"' \
    "bound:$driver" "$model: Debian's $driver is bound to it"

dd if=/dev/urandom of="$home/sent" bs=64k count=$((bytes >> 16)) 2>/dev/null
host_sum=$(sha256sum <"$home/sent" | cut -c 1-16)

# transfers HOST-ADDRESS PORT WHAT
transfers() {
    local got server
    python3 "$here/one-file.py" send "$2" "$home/sent" &
    server=$!
    listens "$2"
    asks "time nc $1 $2 </dev/null | sha256sum | cut -c 1-16 | sed 's/^/down$2=/'" \
        "down$2=$host_sum" "$3: host to guest, $((bytes >> 10)) KiB whole" 300
    wait $server
    python3 "$here/one-file.py" receive "$(($2 + 1))" "$home/got" &
    server=$!
    listens "$(($2 + 1))"
    asks "dd if=/dev/urandom of=/tmp/f bs=64k count=$((up_bytes >> 16)) 2>/dev/null; time nc $1 $(($2 + 1)) </tmp/f; echo up$2=\$(sha256sum </tmp/f | cut -c 1-16)=" \
        "up$2=[0-9a-f]+=" "$3: guest to host is sent" 300
    wait $server
    got=$(sha256sum <"$home/got" | cut -c 1-16)
    asks "[ \$(sha256sum </tmp/f | cut -c 1-16) = ${got:-none} ] && echo same-$2-\$((6*7))" \
        "same-$2-42" "$3: and arrives whole"
}

asks 'udhcpc -i eth0 -q -n; ip addr show eth0 | grep "inet "' \
    'inet 10\.0\.2\.' "user network: an address by DHCP"
transfers 10.0.2.2 7000 "user network"
asks 'ip addr add 192.168.81.2/24 dev eth1; ip link set eth1 up; echo up=$((6*7))' \
    'up=42' "tap: an address"
transfers 192.168.81.1 7100 "tap"

check "the cable of the tap is pulled" "$carrel" net link net net1 down
[ -n "$ne" ] ||
    asks "$(until_true 'grep -q 0 /sys/class/net/eth1/carrier')"' echo carrier=$(cat /sys/class/net/eth1/carrier)=' \
        'carrier=0=' "the guest sees it"
asks 'ping -c 1 -W 2 192.168.81.1 | grep -o "[0-9] packets received"' \
    '0 packets received' "no frame passes"
check "and plugged in again" "$carrel" net link net net1 up
[ -n "$ne" ] ||
    asks "$(until_true 'grep -q 1 /sys/class/net/eth1/carrier')"' echo carrier=$(cat /sys/class/net/eth1/carrier)=' \
        'carrier=1=' "the guest sees that"
asks 'ping -c 3 -W 5 192.168.81.1 | grep -o "[0-9] packets received"' \
    '[1-3] packets received' "and frames pass again"

comes_and_goes() {
    check "a third card is plugged in" "$carrel" attach net net2 \
        "model=$model" kind=user || return
    asks "$(until_true '[ -e /sys/class/net/eth2 ]')"' ls /sys/class/net | tr "\n" ,' \
        'eth0,eth1,eth2,lo' \
        "its driver takes it"
    asks 'udhcpc -i eth2 -q -n; ip addr show eth2 | grep "inet "' \
        'inet 10\.0\.2\.' "it has an address by DHCP"
    check "and is taken out again" "$carrel" detach net net2
    asks "$(until_true '[ ! -e /sys/class/net/eth2 ]')"' ls /sys/class/net | tr "\n" ,' \
        'eth0,eth1,lo' "it has gone"
}
[ -z "$plug" ] || comes_and_goes

asks 'dmesg -r | grep "^<[0-3]>"; echo "end"' 'end' "no complaints"
"$carrel" logs net --source serial0 --lines 400 | grep -E '^real' | sed 's/^/# /'
if [ "$model" = ne2000 ]; then
    off net
    finish
fi
check "the power button ends it" "$carrel" stop net --timeout 60
check "it is gone" gone net 10
"$carrel" logs net 2>/dev/null | grep 'net[0-2]' | head -n 20 | sed 's/^/# /'

# ---- from the network ----

need_assembler
as --32 -o "$home/nbp.o" "$here/pxe-nbp.S" &&
    ld -m elf_i386 --oformat binary -Ttext 0x7c00 -o "$home/hello.0" \
        "$home/nbp.o" || finish
mkdir -p "$home/tftp" && mv "$home/hello.0" "$home/tftp/"
if [ ! -e "/usr/lib/ipxe/qemu/$rom" ]; then
    echo "# no $rom (Debian package ipxe-qemu)"
    finish
fi
truncate -s 1M "$home/blank.img"
starts pxe --memory 64M --set serial0.kind=pane --set "net0.model=$model" \
    --set net0.kind=user --set "net0.tftp=$home/tftp" \
    --set machine.boot=net --set net0.bootfile=hello.0 "disk=$home/blank.img"
check "$model: iPXE starts a program" "$carrel" expect pxe \
    'started from the network by PXENV\+' --serial --timeout 240 || show pxe
"$carrel" stop pxe --force >/dev/null
finish
