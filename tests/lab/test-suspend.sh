#!/usr/bin/env bash
# Debian suspends to RAM and is woken by its owner, a key and its alarm clock;
# memory, disk, screen, processors and time are there afterwards. One that has to
# end is woken and switches itself off. Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}

# asks COMMAND PATTERN WHAT [SECONDS] - a line for the shell, and its answer.
asks() {
    "$carrel" send s3 serial "$1"$'\n' &&
        check "$3" "$carrel" expect s3 "$2" --serial --timeout "${4:-60}"
}

# sleeps NUMBER [COMMAND] - it goes to sleep, after a command.
sleeps() {
    "$carrel" send s3 serial \
        "${2:+$2; }echo mem >/sys/power/state; echo awake-$1-\$((6*7))"$'\n'
    check "it suspends itself ($1)" "$carrel" wait s3 suspended --timeout 60 ||
        { show s3; finish; }
}

# wakes NUMBER - it is up again, and goes on where it was.
wakes() {
    check "it goes on where it was ($1)" \
        "$carrel" expect s3 "awake-$1-42" --serial --timeout 90 ||
        { show s3; finish; }
    check "it is running ($1)" is s3 running
    asks 'echo 3 >/proc/sys/vm/drop_caches; md5sum -c /root/sums && echo "disk-$((6*7))"' \
        'disk-42' "the disk is there ($1)"
    asks "echo \"cpus=\$(nproc).\"" "cpus=$cpus\\." "all CPUs are there ($1)"
}

cp "$disk" "$home/disk.img"
check "a machine is made" "$carrel" new s3 --from pc --disk "$home/disk.img" \
    machine.cpus="$cpus" machine.memory="$memory" serial0.kind=pane \
    machine.s3=true disk0.model=virtio-blk || finish
check "it starts" "$carrel" start s3 || finish
sees s3 'carrel-lab login:' 400 "a login on the screen" || finish
check "root logs in on the serial port" "$carrel" send s3 serial $'root\n'
check "the serial shell's prompt" \
    "$carrel" expect s3 '~ #|/root #' --serial --timeout 30
asks 'echo deep >/sys/power/mem_sleep; cat /sys/power/mem_sleep' '\[deep\]' \
    "the guest knows S3"
asks 'head -c 8M /dev/urandom >/root/data; md5sum /root/data >/root/sums; sync; echo "kept-$((6*7))"' \
    'kept-42' "something is on the disk"

sleeps 1
sleep 3
check "it stays asleep" is s3 suspended
refuses 4 'is suspended' "it cannot be asked to stop" "$carrel" stop s3
refuses 4 'it is suspended' "it cannot be paused" "$carrel" pause s3
check "its owner wakes it" "$carrel" wake s3
wakes 1
refuses 4 'it is running' "it cannot be woken twice" "$carrel" wake s3
sees s3 'login:' 30 "the screen shows text again"

sleeps 2
check "a key wakes it" "$carrel" send s3 keys a
wakes 2

sleeps 3 'echo +8 >/sys/class/rtc/rtc0/wakealarm'
wakes 3
asks 'r=$(cat /sys/class/rtc/rtc0/since_epoch) d=$(date +%s); echo "apart=$((r-d))."' \
    'apart=-?[01]\.' "its time is right"

sleeps 4
check "the reset button works on a machine that sleeps" "$carrel" reset s3
check "it starts anew" \
    "$carrel" expect s3 'carrel-lab login:' --serial --timeout 400
check "root logs in again" "$carrel" send s3 serial $'root\n'
check "the shell's prompt again" \
    "$carrel" expect s3 '~ #|/root #' --serial --timeout 30

# It has to end: not by losing its power but by its own shutdown, which leaves
# a file system that needs no repair.
log_says() { "$carrel" logs s3 -n 1000 2>/dev/null | grep -q "$1"; }
asks 'echo deep >/sys/power/mem_sleep; dd if=/dev/urandom of=/root/late bs=64k count=32 2>/dev/null; echo "late-$((6*7))"' \
    'late-42' "something is not on the disk yet"
sleeps 5
check "it wakes to switch itself off" \
    "$carrel" stop s3 --force --timeout 120
check "it is gone" gone s3 10
check "it was woken for that" log_says 'woken, to press its power button'
check "and ended by itself" bash -c \
    "! '$carrel' logs s3 -n 1000 2>/dev/null | grep 'forced'"
dd if="$home/disk.img" of="$home/part.img" bs=1M skip=1 status=none
check "its file system was unmounted" bash -c \
    "dumpe2fs -h '$home/part.img' 2>/dev/null | grep -E 'state: +clean$' &&
    ! dumpe2fs -h '$home/part.img' 2>/dev/null | grep needs_recovery"

check "it starts once more" "$carrel" start s3
check "a login" \
    "$carrel" expect s3 'carrel-lab login:' --serial --timeout 400
check "root logs in once more" "$carrel" send s3 serial $'root\n'
check "the shell's prompt once more" \
    "$carrel" expect s3 '~ #|/root #' --serial --timeout 30
asks 'echo deep >/sys/power/mem_sleep; echo "deep-$((6*7))"' deep-42 \
    "it will sleep deep"
sleeps 6
check "its process is told to end, as when the host goes down" \
    kill "$("$carrel" list --json | python3 -c 'import json, sys
print([m["pid"] for m in json.load(sys.stdin) if m["name"] == "s3"][0])')"
check "it switches itself off in time" gone s3 40
check "and ended by itself again" bash -c \
    "! '$carrel' logs s3 -n 1000 2>/dev/null | grep 'forced'"
"$carrel" logs s3 2>/dev/null | grep -E 'suspended|woken' | sed 's/^/# /'
finish
