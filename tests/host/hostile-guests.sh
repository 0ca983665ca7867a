#!/usr/bin/env bash
# Guests that do their worst: ports and memory at random, triple faults, floods
# and terminal control sequences. Their process survives and stops when it is
# told to, what it writes stays small, and other machines do not notice.
. "$(dirname "$0")/lib.sh"
need_kvm
need_assembler
seconds=${HOSTILE_SECONDS:-20} # of each guest, after its BIOS
if emulated; then seconds=${HOSTILE_SECONDS:-5}; fi

truncate -s 1M "$home/disk.img"
starts other --memory 16M "disk=$home/disk.img"
other_pid=$(pid_of other)

# From a disk that it cannot overwrite; a floppy, a disk and a CD are its toys.
new() { # NAME SOURCE [AS-OPTION...]
    hostile_guest "$home/$1.img" "${@:2}" || finish
    truncate -s 1474560 "$home/$1-floppy.img"
    truncate -s 10M "$home/$1-disk.img"
    head -c 1M /dev/urandom >"$home/$1.iso"
    check "makes $1" "$carrel" new "$1" machine.memory=16M machine.cpus=1 \
        "disk0.path=$home/$1.img" disk0.read-only=true machine.boot=disk \
        "disk1.path=$home/$1-disk.img" "floppy0.path=$home/$1-floppy.img" \
        "cd0.path=$home/$1.iso"
    check "starts $1" "$carrel" start "$1" || finish
}
# has_booted NAME TIMES - the BIOS says so before it jumps into the sector.
has_booted() {
    local i
    for ((i = 0; i < 180; i++)); do
        [ "$(grep -c 'Booting from 0000:7c00' \
            "$XDG_STATE_HOME/carrel/$1/firmware.log")" -ge "$2" ] && return 0
        sleep 1
    done
    tail -n 20 "$XDG_STATE_HOME/carrel/$1/firmware.log"
    return 1
}
booted() {
    check "$1 boots" has_booted "$1" 1
}
# A crash that the engine reports (a host's KVM may lack an instruction) is
# its work; a process that ends is not.
alive() {
    "$carrel" list
    ! "$carrel" list | grep -E "^$1 .*(unexpectedly|SIG|did not start)" &&
        ! grep -E 'Sanitizer|runtime error' \
            "$XDG_STATE_HOME/carrel/$1/stderr.log"
}
# The logs of one machine, with their history: 4 MiB for a port, 1 MiB for
# the engine, each three times.
bounded() {
    local kib
    kib=$(du -sk "$XDG_STATE_HOME/carrel/$1" | cut -f1)
    echo "$kib KiB"
    [ "$kib" -lt $((3 * (2 * 4 + 1) * 1024 + 1024)) ]
}
small() { # NAME MIB - the process does not grow
    local kib
    kib=$(awk '/^RssAnon/ {print $2}' "/proc/$(pid_of "$1")/status")
    echo "$kib KiB of its own memory"
    [ "$kib" -lt $(($2 * 1024)) ]
}
stops() {
    check "$1: it stops" timeout 60 "$carrel" stop "$1" --force
    check "$1: no report of an error" alive "$1"
    check "$1: its logs are bounded" bounded "$1"
}

new random random-io --defsym ANYTHING=0
booted random
sleep "$seconds"
check "random: it runs on" is random running
check "random: it answers" timeout 20 "$carrel" screenshot random \
    "$home/random.png"
check "random: it is reset" "$carrel" reset random
stops random

new anything random-io --defsym ANYTHING=1
booted anything
sleep "$seconds"
check "anything: its process lives, or the guest ended it" alive anything
stops anything

new flood flood
booted flood
check "flood: its serial port is read" \
    "$carrel" expect flood hostile --serial --timeout 120 || show flood
sleep "$seconds"
check "flood: it runs on" is flood running
check "flood: its process stays small" small flood 64
stops flood

new fault triple-fault
booted fault
sleep "$seconds"
check "fault: it is reset every time" is fault running
faulted() {
    local i
    for ((i = 0; i < 120; i++)); do
        "$carrel" logs fault | grep -q "triple fault" && return 0
        sleep 1
    done
    return 1
}
check "fault: the log says so" faulted || show fault
stops fault

# What it prints shall not steer the terminal of whoever looks at it.
new escape escape
check "escape: it has printed" \
    "$carrel" expect escape 'begin.*end' --serial --timeout 180 || show escape
no_controls() { # COMMAND... on a terminal prints no control character
    script -qec "$*" /dev/null >"$home/typed" </dev/null
    grep -q begin "$home/typed" || { cat -v "$home/typed"; return 1; }
    ! LC_ALL=C grep -qP '[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]' \
        "$home/typed" || { cat -v "$home/typed"; return 1; }
}
if command -v script >/dev/null; then
    check "escape: 'logs' shows bytes, it does not obey them" \
        no_controls "$carrel" logs escape --source serial0
    check "escape: neither does 'screenshot --text'" \
        no_controls "$carrel" screenshot escape --text
    check "escape: neither does 'expect'" \
        no_controls "$carrel" expect escape "'begin.*'"
fi
stops escape

check "all the while the other machine ran on" is other running
check "in the same process" test "$(pid_of other)" = "$other_pid"
check "it stops" "$carrel" stop other --force
finish
