#!/usr/bin/env bash
# A balloon, a keyboard, a tablet and consoles come and go while Debian runs.
# Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}

# asks COMMAND PATTERN WHAT - a line for the shell, and its answer.
asks() {
    "$carrel" send pdev serial "$1"$'\n' &&
        check "$3" "$carrel" expect pdev "$2" --serial --timeout 90
}

# until_guest CONDITION WORD WHAT - the guest sees it come true within 30 s.
until_guest() {
    asks "i=0; until $1 || [ \$i -gt 60 ]; do usleep 500000; i=\$((i+1)); done; $1 && echo \"$2-\$((6*7))\"" \
        "$2-42" "$3"
}

# answers PORT TEXT PATTERN WHAT - types on a virtio console, reads there.
answers() {
    check "$4" bash -c "(sleep 2; printf '%s\n' '$2'; sleep 8) |
        timeout 20 '$carrel' console pdev --virtio=$1 | grep -qaE '$3'"
}

# balloon_is BYTES - what the guest's driver says it has taken.
balloon_is() {
    local i
    for ((i = 0; i < 60; i++)); do
        "$carrel" memory pdev --json | tr -d ' \n' |
            grep -q "\"actual\":$1," && return 0
        sleep 0.5
    done
    "$carrel" memory pdev
    return 1
}

cp "$disk" "$home/disk.img"
starts pdev --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    "disk=$home/disk.img"
check "a login on the serial port" \
    "$carrel" expect pdev 'carrel-lab login:' --serial --timeout 400 || finish
check "root logs in" "$carrel" send pdev serial $'root\n'
check "the shell's prompt" \
    "$carrel" expect pdev '~ #|/root #' --serial --timeout 30
asks 'drivers() { ls /sys/bus/virtio/drivers/$1 | grep -c ^virtio; }; ev() { grep -qs "$1" /sys/class/input/event*/device/name; }; ports() { ls /sys/class/virtio-ports | wc -l; }; echo ready-$((6*7))' \
    'ready-42' "the guest is ready"

for i in 1 2; do
    check "a balloon is plugged in, $i" "$carrel" attach pdev balloon
    until_guest '[ "$(drivers virtio_balloon)" = 1 ]' "balloon$i" \
        "the guest finds it, $i"
    check "it is to take 48 MiB, $i" "$carrel" memory pdev --balloon=48M
    check "the guest gives them, $i" balloon_is 50331648
    check "the guest lets it go, $i" "$carrel" detach pdev balloon --timeout 60
    until_guest '[ "$(drivers virtio_balloon)" = 0 ]' "noballoon$i" \
        "it is gone in the guest, $i"
done

check "a tablet is plugged in" "$carrel" attach pdev input pointer=virtio-tablet
until_guest 'ev "Carrel virtio tablet"' tablet "the guest finds it"
check "and a keyboard" "$carrel" attach pdev input keyboard=virtio
until_guest 'ev "Carrel virtio keyboard"' keyboard "the guest finds that too"
asks 'cat $(for d in /sys/class/input/event*; do grep -q "virtio keyboard" $d/device/name && echo /dev/input/${d##*/}; done) >/tmp/keys & sleep 1; echo reading-$((6*7))' \
    'reading-42' "the guest reads it"
check "a key is typed" "$carrel" send pdev keys a
sleep 1
asks 'hexdump -v -e "1/1 \"%02x\"" /tmp/keys | grep -c 01001e0001000000.*01001e0000000000' \
    '\n1\r?\n' "the keyboard's A went down and up"
check "the guest lets both go" "$carrel" detach pdev input --timeout 60
until_guest '! ev "Carrel virtio"' noinput "they are gone in the guest"
check "the keyboard that is left has the keys" "$carrel" send pdev keys b

check "a console brings its card" "$carrel" attach pdev console0
until_guest '[ -e /dev/hvc0 ]' hvc "the guest finds hvc0"
asks 'setsid sh -c "exec getty 0 hvc0 vt100" & echo getty-$((6*7))' 'getty-42' \
    "a getty runs on it"
answers 0 root '~ #|/root #' "it lets root in"
answers 0 'echo on-$((6*7))' 'on-42' "what is typed there is done"
for i in 1 2; do
    check "a channel beside it, $i" \
        "$carrel" attach pdev console5 name=org.carrel.test
    until_guest '[ "$(cat /sys/class/virtio-ports/*p5/name)" = org.carrel.test ]' \
        "port$i" "it has its name in the guest, $i"
    # one at a time has it open
    asks "port=/dev/\$(ls /sys/class/virtio-ports | grep p5\$); echo to-host-\$((6*7)) >\$port; (read -r line <\$port; echo \"got-\$line\") & echo sent-$i-\$((6*7))" \
        "sent-$i-42" "the guest writes to it, $i"
    answers 5 "from-host-$i" 'to-host-42' "the host reads it, $i"
    check "the guest reads what the host writes, $i" \
        "$carrel" expect pdev "got-from-host-$i" --serial --timeout 30
    check "the channel goes, $i" "$carrel" detach pdev console5
    until_guest '! ls /sys/class/virtio-ports | grep -q p5' "noport$i" \
        "it is gone in the guest, $i"
done
answers 0 'echo still-$((6*7))' 'still-42' "the console beside it works on"
check "the console goes, in use" "$carrel" detach pdev console0
until_guest '[ "$(ports)" = 0 ]' noports "no port is left"
asks 'dmesg -r | grep "^<[0-3]>"; echo "calm-$((6*7))"' 'calm-42' \
    "the guest still answers"
check "the power button ends it" "$carrel" stop pdev --timeout 60
check "nothing broke a ring" bash -c \
    "! \"$carrel\" logs pdev 2>/dev/null | grep -q 'stopped until'"
finish
