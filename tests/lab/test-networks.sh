#!/usr/bin/env bash
# Two Debian guests on the networks that test-virtio-net.sh leaves out: a
# bridge, a macvtap and a private switch. On each, files go both ways and
# arrive whole: between guest and host, on the switch from guest to guest.
# Argument: CPUS-MEMORY of each guest.
here=$(dirname "$0")
. "$here/lib.sh"
export PATH=$PATH:/usr/sbin:/sbin
cpus=${3%-*} memory=${3#*-}
bytes=$((8 << 20))

command -v ip >/dev/null || skip_all "no ip here (Debian package iproute2)"
modprobe -a tun bridge veth macvtap vhost_net 2>/dev/null
[ -e /dev/net/tun ] || skip_all "no /dev/net/tun in this lab"
ip link set lo up

# A guest with a macvtap and its host do not hear each other over the same
# card, so the host's address is at the other end of a cable.
ip link add cb0 type bridge || skip_all "no bridges in this lab"
ip addr add 192.168.83.1/24 dev cb0
ip link set cb0 up
ip link add cv0 type veth peer name cv1 || skip_all "no veth in this lab"
ip addr add 192.168.84.1/24 dev cv1
ip link set cv0 up
ip link set cv1 up

cp "$disk" "$home/one.img"
cp "$disk" "$home/two.img"
dd if="$disk" of="$home/part.img" bs=1M skip=1 status=none
for file in vmlinuz initrd.img; do
    debugfs -R "dump /boot/$file $home/$file" "$home/part.img" 2>/dev/null
done
rm "$home/part.img"

# boots NAME SETTING... - until root has a shell on the serial port.
boots() {
    local name=$1
    shift
    starts "$name" --memory "$memory" --cpus "$cpus" \
        --initrd "$home/initrd.img" --append ro "$@" \
        "kernel=$home/vmlinuz" "disk=$home/$name.img"
    check "$name: a login on the serial port" \
        "$carrel" expect "$name" 'carrel-lab login:' --serial --timeout 300 ||
        { show "$name" && finish; }
    asks "$name" root '~ #|/root #' "$name: root logs in"
}

# asks NAME COMMAND PATTERN WHAT [SECONDS] - a line for the shell, its answer.
asks() {
    "$carrel" send "$1" serial "$2"$'\n' &&
        check "$4" "$carrel" expect "$1" "$3" --serial --timeout "${5:-120}"
}

boots one --set net0.kind=bridge --set net0.bridge=cb0 \
    --set net1.kind=macvtap --set net1.interface=cv0 \
    --set net2.kind=switch --set net2.switch=lab
boots two --set net0.kind=switch --set net0.switch=lab

check "the bridge has the guest's interface" bash -c \
    "ip -o link show master cb0 | grep -q 'cr[0-9a-f]*-0'"
check "the macvtap stands on the host's card" bash -c \
    "ip -o -d link show type macvtap | grep -q 'cr[0-9a-f]*-1@cv0'"

asks one 'for i in 0 1 2; do ip addr add 192.168.$((83+i)).2/24 dev eth$i; ip link set eth$i up; done; ls /sys/class/net | tr "\n" ,' \
    'eth0,eth1,eth2' "one: three cards"
asks two 'ip addr add 192.168.85.3/24 dev eth0; ip link set eth0 up; echo up=$((6*7))' \
    'up=42' "two: one card"

dd if=/dev/urandom of="$home/sent" bs=64k count=$((bytes >> 16)) 2>/dev/null
host_sum=$(sha256sum <"$home/sent" | cut -c 1-64)
declare -A sum
for name in one two; do
    asks $name "dd if=/dev/urandom of=/tmp/f bs=64k count=$((bytes >> 16)) 2>/dev/null; sha256sum /tmp/f | sed 's/^/made=/'" \
        'made=[0-9a-f]{64} ' "$name: a file"
    sum[$name]=$("$carrel" logs $name --source serial0 --lines 400 |
        grep -oE 'made=[0-9a-f]{64}' | tail -n 1 | cut -d = -f 2)
    check "$name: its sum is known" [ "${#sum[$name]}" = 64 ]
done

# with_host HOST-ADDRESS PORT WHAT - both ways between guest one and the host.
with_host() {
    local got server
    python3 "$here/one-file.py" send "$2" "$home/sent" &
    server=$!
    listens "$2"
    asks one "nc $1 $2 </dev/null | sha256sum | sed 's/^/down$2=/'" \
        "down$2=$host_sum" "$3: host to guest, 8 MiB whole" 300
    wait $server
    python3 "$here/one-file.py" receive "$(($2 + 1))" "$home/got" &
    server=$!
    listens "$(($2 + 1))"
    asks one "nc $1 $(($2 + 1)) </tmp/f; echo sent$2=\$((6*7))" \
        "sent$2=42" "$3: guest to host is sent" 300
    wait $server
    got=$(sha256sum <"$home/got" | cut -c 1-64)
    check "$3: and arrives whole" [ "$got" = "${sum[one]}" ]
}

# to_guest FROM TO TO-ADDRESS PORT - from guest to guest; the answer is the sum of
# what arrived there.
to_guest() {
    local what="switch, from $1 to $2"
    asks "$2" "nc -l -p $4 -e sha256sum & sleep 1; echo listens$4=\$((6*7))" \
        "listens$4=42" "$what: a listener"
    asks "$1" "nc $3 $4 </tmp/f | sed 's/^/got$4=/'" \
        "got$4=${sum[$1]}" "$what: 8 MiB whole" 300
}

with_host 192.168.83.1 7300 "bridge"
with_host 192.168.84.1 7400 "macvtap"
to_guest one two 192.168.85.3 7500
to_guest two one 192.168.85.2 7600

for name in one two; do
    asks $name 'dmesg -r | grep "^<[0-3]>"; echo end=$((6*7))' 'end=42' \
        "$name: no complaints"
    check "$name: nothing broke a ring" bash -c \
        "! \"$carrel\" logs $name 2>/dev/null | grep -q 'stopped until'"
    check "$name: the power button ends it" "$carrel" stop $name --timeout 90
    check "$name: it is gone" gone $name 20
done
check "its interfaces have gone with it" bash -c \
    "! ip -o link | grep -q ' cr[0-9a-f]*-[01][@:]'"
finish
