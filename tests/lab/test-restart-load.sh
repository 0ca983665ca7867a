#!/usr/bin/env bash
# A guest that starts again under load: its disk and its network work, it is
# reset amid that, comes back and works again, and the machine's process has
# neither more descriptors nor more threads than at first, nor grows.
# Arguments: RESTARTS.
. "$(dirname "$0")/lib.sh"
times=${3:-20}

cp "$disk" "$home/disk.img"
head -c 16M /dev/urandom >"$home/work.img"
starts load --memory 160M --cpus 2 --set serial0.kind=pane \
    --set disk1.model=virtio-blk --set "disk1.path=$home/work.img" \
    --set net0.kind=user --set net0.host-access=true "disk=$home/disk.img"
pid=$(pid_of load)

# asks COMMAND PATTERN WHAT - a line for the shell, and its answer.
asks() {
    "$carrel" send load serial "$1"$'\n' &&
        check "$3" "$carrel" expect load "$2" --serial --timeout 120
}
# Sends without end to whoever connects, one after the other.
python3 -c 'import socket
s = socket.create_server(("", 7600))
while True:
    p, _ = s.accept()
    p.settimeout(20)
    try:
        while True: p.send(bytes(1 << 16))
    except OSError: p.close()' &
server=$!
listens 7600

descriptors() { find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l; }
threads() { find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l; }
# What is resident beside the guest's memory, which is one large mapping.
rss() {
    awk '/^Size:/ { small = $2 < 65536 } /^Rss:/ && small { sum += $2 }
        END { print sum }' "/proc/$pid/smaps"
}
children() { pgrep -x carrel-net | wc -l; }

works() { # N - logs in and has disk and network at work
    check "$1: a login" "$carrel" expect load 'carrel-lab login:' --serial \
        --timeout 400 || finish
    "$carrel" send load serial $'root\n'
    check "$1: a prompt" "$carrel" expect load '~ #|/root #' --serial \
        --timeout 60
    asks 'udhcpc -i eth0 -q -n >/dev/null; (while :; do dd if=/dev/vda of=/dev/vda bs=64k conv=notrunc 2>/dev/null; done) & nc 10.0.2.2 7600 >/dev/null & sleep 2; echo "load-$((6*7))"' \
        'load-42' "$1: disk and network work"
    check "$1: frames come" bash -c \
        "'$carrel' net list load | grep -qE 'received [0-9]{3,} frames'"
}
ways=(reset reboot)
for ((i = 1; i <= times; i++)); do
    works "$i"
    if [ "$i" -le 3 ]; then # what is made on first use is made by then
        fds=$(descriptors) tasks=$(threads) first=$(rss)
    fi
    if [ "${ways[i % 2]}" = reset ]; then
        check "$i: a reset amid it" "$carrel" reset load
    else
        "$carrel" send load serial $'reboot -f\n'
    fi
done
works last
echo "# descriptors: $fds at first, $(descriptors) now; threads:" \
    "$tasks, $(threads); resident KiB: $first, $(rss)"
# Sockets of a connection that ends and of who asks come and go by one or two.
check "no descriptor is lost" [ "$(descriptors)" -le $((fds + 2)) ]
check "no thread is lost" [ "$(threads)" -le $((tasks + 1)) ]
check "the process has not grown by more than 24 MiB" \
    [ "$(rss)" -le $((first + 24576)) ]
check "one network process" [ "$(children)" = 1 ]
kill $server 2>/dev/null
check "it ends" "$carrel" stop load --force
check "it is gone" gone load 10
check "its network process too" bash -c "sleep 1; ! pgrep -x carrel-net"
check "nothing broke a ring" bash -c \
    "! \"$carrel\" logs load -n 2000 2>/dev/null | grep -q 'stopped until'"
finish
