#!/usr/bin/env bash
# A Debian guest with a virtio console, a memory balloon, a keyboard and a
# tablet. Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}

cp "$disk" "$home/disk.img"
starts vdev --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    --set disk0.model=virtio-blk --set balloon.model=virtio-balloon \
    --set input.keyboard=virtio --set input.pointer=virtio-tablet \
    --set console0.kind=pty --set "console0.path=$home/hvc0" \
    --set console1.kind=pty --set "console1.path=$home/port" \
    --set console1.name=org.carrel.test "disk=$home/disk.img"
sees vdev 'carrel-lab login:' 400 "a login on the screen" || finish
check "root logs in on the serial port" \
    "$carrel" send vdev serial $'root\n'
check "the serial shell's prompt" \
    "$carrel" expect vdev '~ #|/root #' --serial --timeout 30

# asks COMMAND PATTERN WHAT - a line for the shell, and its answer.
asks() {
    "$carrel" send vdev serial "$1"$'\n' &&
        check "$3" "$carrel" expect vdev "$2" --serial --timeout 60
}

# hears FILE PATTERN SECONDS - waits for text in a file.
hears() {
    local i
    for ((i = 0; i < $3 * 5; i++)); do
        grep -qaE "$2" "$1" && return 0
        sleep 0.2
    done
    cat "$1"
    return 1
}

# ---- console

cat "$home/hvc0" >"$home/hvc0.out" &
listener=$!
asks 'setsid sh -c "exec getty 0 hvc0 vt100" & echo getty-$((6*7))' \
    'getty-42' "a getty runs on hvc0"
check "hvc0 asks for a login" hears "$home/hvc0.out" 'carrel-lab login:' 30
printf 'root\r' >"$home/hvc0"
check "hvc0 shows a prompt" hears "$home/hvc0.out" '~ #|/root #' 30
printf 'echo on-$((6*7)); stty size\r' >"$home/hvc0"
check "what is typed on hvc0 is done" hears "$home/hvc0.out" 'on-42' 30
check "hvc0 has 25 lines of 80" hears "$home/hvc0.out" '25 80' 30
kill $listener

asks 'cat /sys/class/virtio-ports/vport*p1/name' 'org\.carrel\.test' \
    "the second port has its name"
cat "$home/port" >"$home/port.out" &
listener=$!
asks 'port=/dev/$(ls /sys/class/virtio-ports | grep p1$); echo to-host-$((6*7)) >$port; echo sent-$((6*7))' 'sent-42' \
    "the guest writes to the port"
check "the host reads it" hears "$home/port.out" 'to-host-42' 20
kill $listener
"$carrel" send vdev serial $'head -n 1 <$port | tr a-z A-Z\n'
sleep 2
echo from-host >"$home/port"
check "the guest reads what the host writes" \
    "$carrel" expect vdev 'FROM-HOST' --serial --timeout 30

# ---- memory

# resident - of the machine's process, MiB.
resident() {
    "$carrel" memory vdev --json |
        sed -n 's/.*"resident": *\([0-9]*\).*/\1/p' |
        awk 'NR == 1 { print int($1 / 1048576) }'
}

# settles below|above MIB SECONDS - waits until resident is.
settles() {
    local i now=0
    for ((i = 0; i < $3 * 2; i++)); do
        now=$(resident)
        [ "$1" = below ] && [ "$now" -lt "$2" ] && break
        [ "$1" = above ] && [ "$now" -gt "$2" ] && break
        sleep 0.5
    done
    echo "resident: $now MiB, wanted $1 $2"
    [ "$i" -lt $(($3 * 2)) ]
}

# Memory in use, and not reported as free: the disk's 128 MiB in the cache.
asks 'cat /dev/vda >/dev/null; echo filled-$((6*7))' \
    'filled-42' "128 MiB of page cache are in use"
full=$(resident)
echo "# resident with the page cache: $full MiB"
check "the balloon is to take 112 MiB" "$carrel" memory vdev --balloon 112M
check "the balloon takes from the host 64 MiB at least" \
    settles below $((full - 64)) 60
low=$(resident)
echo "# resident with the balloon: $low MiB"
"$carrel" memory vdev | sed 's/^/# /'
check "the guest says so" bash -c "\"$carrel\" memory vdev --json |
    tr -d ' \n' | grep -q '\"actual\":117440512'"
check "the guest's statistics are there" bash -c \
    "\"$carrel\" memory vdev --json | grep -q '\"available\"'"
check "the balloon gives all back" "$carrel" memory vdev --balloon 0
asks 'mount -t tmpfs -o size=120M none /tmp; dd if=/dev/zero of=/tmp/fill bs=1M count=112 2>/dev/null && echo again-$((6*7))' \
    'again-42' "the guest uses the memory again"
check "the host lends it again" settles above $((low + 64)) 60
full=$(resident) # before: the guest reports within two seconds
asks 'rm /tmp/fill; sync; echo 3 >/proc/sys/vm/drop_caches; echo free-$((6*7))' \
    'free-42' "the guest frees it"
check "reports of free pages give 48 MiB back" settles below $((full - 48)) 60
"$carrel" memory vdev | sed 's/^/# /'

# ---- input

# the event device of that name
asks 'ev() { for d in /sys/class/input/event*; do grep -q "$1" $d/device/name && echo /dev/input/${d##*/}; done; }; cat $(ev "Carrel virtio keyboard") >/tmp/keys & cat $(ev "Carrel virtio tablet") >/tmp/tablet & echo reading-$((6*7))' \
    'reading-42' "the guest reads the keyboard and the tablet"
sleep 1
check "keys are typed" "$carrel" send vdev keys a
check "the pointer moves" "$carrel" send vdev mouse to 12345 23456
sleep 1
# an event is two longs of time, then type, code and value: 0x1e is A
asks 'hexdump -v -e "1/1 \"%02x\"" /tmp/keys | grep -c 01001e0001000000.*01001e0000000000' \
    '\n1\r?\n' "the keyboard's A went down and up"
asks 'hexdump -v -e "1/1 \"%02x\"" /tmp/tablet | grep -c 0300000039300000.*03000100a05b0000' \
    '\n1\r?\n' "the tablet is where the pointer is"
check "the power button ends it" "$carrel" stop vdev --timeout 60
check "it is gone" gone vdev 10
check "nothing broke a ring" bash -c \
    "! \"$carrel\" logs vdev 2>/dev/null | grep -q 'stopped until'"
finish
