#!/usr/bin/env bash
# Cards come and go while Debian runs: disks and networks are plugged in, used
# under load, let go, plugged in again, there after a restart, pulled out.
# Argument: CPUS-MEMORY[-q35].
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")
export PATH=$PATH:/usr/sbin:/sbin
IFS=- read -r cpus memory board <<<"$3"
chipset=pc-${board:-i440fx}

# asks COMMAND PATTERN WHAT [SECONDS] - a line for the shell, and its answer.
asks() {
    "$carrel" send plug serial "$1"$'\n' &&
        check "$3" "$carrel" expect plug "$2" --serial --timeout "${4:-90}"
}

# until_guest CONDITION WORD WHAT - the guest sees it come true within 30 s.
until_guest() {
    asks "i=0; until [ $1 ] || [ \$i -gt 60 ]; do usleep 500000; i=\$((i+1)); done; [ $1 ] && echo \"$2-\$((6*7))\"" \
        "$2-42" "$3"
}

logs_in() {
    check "a login on the serial port, $1" \
        "$carrel" expect plug 'carrel-lab login:' --serial --timeout 400 ||
        finish
    check "root logs in" "$carrel" send plug serial $'root\n'
    check "the shell's prompt" \
        "$carrel" expect plug '~ #|/root #' --serial --timeout 30
}

log_says() { "$carrel" logs plug -n 1000 | grep -q "$1"; }
plug() { "$carrel" attach plug disk1 "path=$home/extra.img" "$@"; }
sum_of() { head -c "${2:-999999999}" "$1" | md5sum | cut -c 1-32; }

cp "$disk" "$home/disk.img"
truncate -s 32M "$home/extra.img"
head -c 8M /dev/urandom >"$home/steady.img"
starts plug --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    --set machine.chipset="$chipset" "disk=$home/disk.img"
logs_in first
check "a disk is plugged in" plug serial=plugged-1
until_guest '-b /dev/vda' here "the guest finds it" || { show plug; finish; }
asks 'echo "is=$(cat /sys/block/vda/serial)"' 'is=plugged-1' \
    "it has its serial number"
asks 'echo "$(ls -d /sys/block/vda/mq/* | wc -l) queues"' "$cpus queues" \
    "it has a queue for each CPU"
asks 'dd if=/dev/urandom of=/tmp/a bs=64k count=256 2>/dev/null; dd if=/dev/sda of=/dev/null bs=64k count=512 2>/dev/null & dd if=/tmp/a of=/dev/vda bs=64k 2>/dev/null; sync; wait; echo 3 >/proc/sys/vm/drop_caches; [ "$(md5sum </tmp/a)" = "$(dd if=/dev/vda bs=64k count=256 2>/dev/null | md5sum)" ] && echo "same-$((6*7))"' \
    'same-42' "16 MiB read back as written, beside other work"
asks 'md5sum </tmp/a >/root/sum; rm /tmp/a; sync; cat /root/sum; echo "sum-$((6*7))"' \
    'sum-42' "the guest keeps their sum"
check "the guest lets it go" "$carrel" detach plug disk1 --timeout 60
until_guest '! -e /dev/vda' gone "it is gone in the guest"
check "the log says so" log_says 'disk1: detached: the guest let it go'
sum=$(sum_of "$home/extra.img" 16M)

for i in 1 2 3 4; do
    check "in again, $i" plug
    until_guest '-b /dev/vda' "here$i" "the guest finds it, $i"
    asks "[ \"\$(dd if=/dev/vda bs=64k count=256 2>/dev/null | md5sum)\" = \"\$(cat /root/sum)\" ] && echo \"same$i-\$((6*7))\"" \
        "same$i-42" "its content is what was written, $i"
    check "out again, $i" "$carrel" detach plug disk1 --timeout 60
    until_guest '! -e /dev/vda' "gone$i" "it is gone in the guest, $i"
done
check "the image holds what the guest wrote" \
    [ "$sum" = "$(sum_of "$home/extra.img" 16M)" ]

# --- a disk that works while another one comes and goes ----------------------
check "a second disk stays" "$carrel" attach plug disk2 \
    "path=$home/steady.img" read-only=true
until_guest '-b /dev/vda' steady "the guest finds it, to read all the time"
asks '(until [ -e /tmp/enough ]; do echo 3 >/proc/sys/vm/drop_caches; md5sum </dev/vda; done >/tmp/sums) & echo "reads-$((6*7))"' \
    'reads-42' "it is read all the time"
for i in 1 2 3; do
    check "beside it, in, $i" plug
    until_guest '-b /dev/vdb' "in$i" "the guest finds it beside the other, $i"
    check "beside it, out, $i" "$carrel" detach plug disk1 --timeout 60
    until_guest '! -e /dev/vdb' "out$i" "and lets it go, $i"
done
asks 'touch /tmp/enough; wait; echo "$(sort -u </tmp/sums | wc -l) sum, $(sort -u </tmp/sums)"' \
    "1 sum, $(sum_of "$home/steady.img")" "every reading was right"
check "out with it" "$carrel" detach plug disk2 --timeout 60
until_guest '! -e /dev/vda' alone "the guest has none of them"

# --- networks ----------------------------------------------------------------
head -c 8M /dev/urandom >"$home/sent"
port=7300
# downloads WORD WHAT [HOST] - the guest gets 8 MiB by its card, whole.
downloads() {
    port=$((port + 1))
    python3 "$here/one-file.py" send $port "$home/sent" &
    listens $port
    asks "nc ${3:-10.0.2.2} $port | md5sum | cut -c 1-32 | sed 's/^/$1=/'" \
        "$1=$(sum_of "$home/sent")" "$2" 300
}
no_network_process() { ! pgrep -x carrel-net >/dev/null; }
no_vhost() { [ -z "$(find /proc/[0-9]*/fd -lname /dev/vhost-net 2>/dev/null)" ]; }
ip link set lo up
for i in 1 2; do
    check "a network card is plugged in, $i" \
        "$carrel" attach plug net1 kind=user host-access=true
    until_guest '-e /sys/class/net/eth0' "card$i" "the guest finds it, $i"
    asks 'udhcpc -i eth0 -q -n; ip addr show eth0 | grep "inet "' \
        'inet 10\.0\.2\.' "it gets an address, $i"
    downloads "down$i" "8 MiB come by it, whole, $i"
    check "its figures show it" bash -c \
        "'$carrel' net list plug | grep -qE 'received [0-9]{3,} frames'"
    check "a port leads to it" \
        "$carrel" net forward add plug 127.0.0.1:7399-22
    # A transfer without an end, and the card goes meanwhile.
    timeout 300 python3 -c 'import socket
s = socket.create_server(("", 7398)); p, _ = s.accept()
while True: p.send(bytes(1 << 16))' >/dev/null 2>&1 &
    sender=$!
    listens 7398
    asks 'nc 10.0.2.2 7398 >/dev/null & sleep 3; echo "more-$((6*7))"' 'more-42' \
        "it is under way, $i"
    check "the guest lets the card go, $i" \
        "$carrel" detach plug net1 --timeout 60
    kill $sender 2>/dev/null
    until_guest '! -e /sys/class/net/eth0' "uncard$i" "it is gone, $i"
    check "in the list too" bash -c "! '$carrel' net list plug | grep -q net1"
    check "its process has ended" no_network_process
    asks 'killall nc 2>/dev/null; echo "ended-$((6*7))"' 'ended-42' \
        "the guest goes on, $i"
done

modprobe tun 2>/dev/null
modprobe vhost_net 2>/dev/null
if ip tuntap add dev clh mode tap 2>/dev/null; then
    ip addr add 192.168.83.1/24 dev clh
    ip link set clh up
    for i in 1 2; do
        check "a card on a tap is plugged in, $i" \
            "$carrel" attach plug net2 kind=tap interface=clh
        until_guest '-e /sys/class/net/eth0' "tap$i" "the guest finds it, $i"
        asks 'ip addr add 192.168.83.2/24 dev eth0; ip link set eth0 up; sleep 1; ping -c 3 -W 5 192.168.83.1 | grep -o "[0-9] packets received"' \
            '[1-3] packets received' "frames pass, $i"
        downloads "tapped$i" "8 MiB come by the tap, $i" 192.168.83.1
        if [ -e /dev/vhost-net ]; then
            check "the kernel moves them" bash -c \
                "find /proc/[0-9]*/fd -lname /dev/vhost-net 2>/dev/null | grep -q ."
        fi
        asks 'ping -f -w 60 192.168.83.1 >/dev/null 2>&1 & sleep 1; echo "flood-$((6*7))"' \
            'flood-42' "a flood of frames, $i"
        check "the card goes amid it, $i" \
            "$carrel" detach plug net2 --timeout 60
        until_guest '! -e /sys/class/net/eth0' "untap$i" "it is gone, $i"
        check "the kernel has let go, $i" no_vhost
    done
else
    echo "# no tap in this lab"
fi

# --- a restart, and force ----------------------------------------------------
check "in for a restart" plug
check "and a network" "$carrel" attach plug net1 kind=user host-access=true
until_guest '-b /dev/vda' before "the guest finds it before the restart"
"$carrel" send plug serial $'sync; reboot -f\n'
logs_in "after the restart"
until_guest '-b /dev/vda' after "the disk is there after the restart"
asks '[ "$(dd if=/dev/vda bs=64k count=256 2>/dev/null | md5sum)" = "$(cat /root/sum)" ] && echo "kept-$((6*7))"' \
    'kept-42' "with its content"
until_guest '-e /sys/class/net/eth0' net "and the network"
asks 'udhcpc -i eth0 -q -n; ip addr show eth0 | grep "inet "' \
    'inet 10\.0\.2\.' "which works"
downloads rebooted "8 MiB come by it"
check "the guest lets the network go" "$carrel" detach plug net1 --timeout 60
check "and the disk" "$carrel" detach plug disk1 --timeout 60
until_guest '! -e /dev/vda' letgo "both are gone"

# By ACPI, Linux looks for nothing when it is told that a card was pulled, and what
# it still believes in answers nobody. The machine and the rest of the guest live,
# and a reset makes all well.
check "a disk once more" plug
until_guest '-b /dev/vda' third "the guest finds it once more"
check "and a network" "$carrel" attach plug net1 kind=user
until_guest '-e /sys/class/net/eth0' third-net "the guest finds that"
asks '(while :; do dd if=/dev/vda of=/dev/null bs=64k 2>/dev/null; done) & echo "busy-$((6*7))"' \
    'busy-42' "the disk is busy"
check "it is pulled out" "$carrel" detach plug disk1 --force
check "the network too" "$carrel" detach plug net1 --force
check "its process has ended" no_network_process
asks 'echo "alive-$((6*7))"' 'alive-42' "the guest still answers"
check "a reset" "$carrel" reset plug
logs_in "after the reset"
check "it is plugged in again" plug
until_guest '-b /dev/vda' again "the guest finds it after the reset"
check "and let go" "$carrel" detach plug disk1 --timeout 60
if [ "$chipset" = pc-i440fx ]; then # a Q35 has a port for disks and networks
    check "random numbers are plugged in" "$carrel" attach plug rng
    until_guest '"$(dd if=/dev/hwrng bs=512 count=4 2>/dev/null | wc -c)" = 2048' \
        random "they arrive in the guest"
fi
asks 'dmesg -r | grep "^<[0-2]>"; echo "calm-$((6*7))"' 'calm-42' \
    "the guest still answers"
check "the power button ends it" "$carrel" stop plug --timeout 60
check "nothing broke a ring" bash -c \
    "! \"$carrel\" logs plug 2>/dev/null | grep -q 'stopped until'"
finish
