#!/usr/bin/env bash
# A guest that drives each virtio device as no driver would, from inside a real
# machine: rings that break the rules, registers at random, bad requests
# (hostile-virtio/). Each attack ends as its table allows, the device does a
# good request after a reset, the log says why a device stopped, the process
# lives, and another machine with the same devices does not notice. The guest
# polls, so that it goes the same way where interrupts are late.
. "$(dirname "$0")/lib.sh"
need_kvm
rom=$(dirname "$carrel")/../tests/host/hostile-virtio.rom
[ -e "$rom" ] || skip_all "the hostile guest was not built: meson compile"
rom=$(realpath "$rom")
devices="virtio-blk virtio-net virtio-console virtio-rng virtio-balloon
    virtio-scsi virtio-input"
patience=${HOSTILE_PATIENCE:-300} # seconds for all attacks on one device

# The attacks know that disks have 2048 sectors, that the second one is
# read-only, and that RAM ends at 256 MiB.
victim() { # NAME
    head -c 1M /dev/urandom >"$home/$1-0.raw"
    head -c 1M /dev/urandom >"$home/$1-1.raw"
    head -c 1M /dev/urandom >"$home/$1-2.raw"
    starts "$1" "disk=$home/$1-0.raw" "disk=$home/$1-1.raw" \
        "disk=$home/$1-2.raw" --memory 256M --set disk2.model=virtio-scsi \
        --set input.pointer=virtio-tablet \
        --set "machine.firmware=$rom" --set display.model=none \
        --set disk0.model=virtio-blk --set disk1.model=virtio-blk \
        --set disk1.read-only=true --set net0.kind=none \
        --set console0.kind=null --set rng.model=virtio-rng \
        --set balloon.model=virtio-balloon --set serial0.kind=pane
    check "$1: its guest waits" \
        "$carrel" expect "$1" ready --serial --timeout 60 || show "$1"
}
tell() { # NAME COMMAND
    "$carrel" send "$1" serial "$2
"
}
serial_log() { "$carrel" logs "$1" --source serial0 --lines 5000; }
answers() { # NAME: how many answers its guest has given
    serial_log "$1" | grep -cE '^(XY)?(ok|error)'
}
# do_all NAME COMMAND SECONDS - tells it and waits for the answer.
do_all() {
    local before i
    before=$(answers "$1")
    tell "$1" "$2"
    for ((i = 0; i < $3; i++)); do
        sleep $((i > 2)).2 # a slow host has little to spare for looking
        [ "$(answers "$1")" -gt "$before" ] && break
        "$carrel" status "$1" | grep -q running || break
    done
    serial_log "$1" | tail -n 3
    serial_log "$1" | tail -n 1 | grep -qx ok
}
works() { # NAME - every device does a good request
    local device
    for device in $devices; do
        do_all "$1" "works $device" 30 || return
    done
}

victim other
victim attacked
other_pid=$(pid_of other)
pid=$(pid_of attacked)
read_only=$(cksum <"$home/attacked-1.raw")
check "attacked: its devices work" works attacked

for device in $devices; do
    check "$device: all attacks are over" \
        do_all attacked "attack $device" "$patience" || show attacked
done
# One line an attack: good or bad, device, name, outcome, why.
while read -r verdict device attack outcome; do
    [[ $verdict == good || $verdict == bad ]] || continue
    check "$device: $attack is $outcome" test "$verdict" = good
done < <(serial_log attacked)
count() { serial_log attacked | grep -c "^good $1 "; }
for device in $devices; do
    check "$device: there were enough of them" test "$(count "$device")" -ge 70
done

check "attacked: its devices work in the end" works attacked
check "attacked: it is the same process" test "$(pid_of attacked)" = "$pid"
check "attacked: no sanitizer spoke" bash -c \
    "! grep -E 'Sanitizer|runtime error' \
        '$XDG_STATE_HOME/carrel/attacked/stderr.log'"
check "attacked: the read-only disk is what it was" \
    test "$(cksum <"$home/attacked-1.raw")" = "$read_only"
says() { "$carrel" logs attacked --lines 100000 | grep -E "$1" | head -n 3 |
    grep .; }
for id in disk0 net0 console rng balloon scsi pointer; do
    check "the log says why $id stopped" \
        says "$id: stopped until the guest resets it: queue [0-9]+: .*"
done
small() {
    local kib
    kib=$(awk '/^VmRSS/ {print $2}' "/proc/$pid/status")
    echo "$kib KiB"
    [ "$kib" -lt $(((256 + 64) * 1024)) ]
}
check "attacked: its process stays small" small
check "all the while the other machine ran on" works other
check "in the same process" test "$(pid_of other)" = "$other_pid"
check "attacked stops" "$carrel" stop attacked --force
check "other stops" "$carrel" stop other --force
finish
