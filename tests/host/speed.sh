#!/usr/bin/env bash
# A machine that is slowed down does a share of the work, its clock goes on, and
# the switch works while it runs.
. "$(dirname "$0")/lib.sh"
need_kvm
need_assembler
grep -qwE 'vmx|svm' /proc/cpuinfo ||
    skip_all "without VT-x or AMD-V there is no full speed to compare with"

hostile_guest "$home/count.img" count
starts slow "disk=$home/count.img" --memory 16M --set machine.speed=25% \
    --set serial0.kind=pane
counts() { "$carrel" logs "$1" --source serial0 --lines 10000 |
    grep -xE '[0-9a-f]{8}'; }
lines() { counts "$1" | wc -l; }
# comes NAME N - its Nth count; sets seen to how many there are then, for a look
# may take longer than a count, and at to when, in ms.
comes() {
    local end=$((SECONDS + 120))
    until seen=$(lines "$1") && [ "$seen" -ge "$2" ]; do
        [ $SECONDS -lt $end ] || return
        sleep 0.2
    done
    at=$((${EPOCHREALTIME/./} / 1000))
}
# works NAME LINES - sets work to how far it counts in a second of the host's,
# 0 when it does not, and took to the ms that the lines took. A second of the
# guest's is longer where its ticks come late. The first count may have begun
# before a change.
works() {
    local from start count
    work=0 took=0
    comes "$1" $(($(lines "$1") + 1)) || return
    start=$at from=$seen
    comes "$1" $((from + $2)) || return
    took=$((at - start + 1))
    for count in $(counts "$1" | head -n "$seen" | tail -n +$((from + 1))); do
        work=$((work + 16#$count))
    done
    work=$((work * 1000 / took))
}
check "its guest counts" "$carrel" expect slow '^[0-9a-f]{8}' --serial \
    --timeout 120 || show slow
check "the profile's speed counts from the start" \
    test "$("$carrel" speed slow)" = "25.00% of this host's speed"
check "it is switched to full speed" \
    test "$("$carrel" speed slow full)" = full
works slow 4
full=$work
check "it counts then" test "$full" -gt 0 || { show slow; finish; }
check "it is switched to a twentieth" "$carrel" speed slow 5%
works slow 4
slow=$work
echo "# full $full, 5 % $slow a second ($((slow * 1000 / full)) per mille); 4 seconds took $took ms"
# other programs take from full speed, not from a share
check "it does less than a fifth of the work" test $((slow * 5)) -lt "$full"
check "it does more than a hundredth" test $((slow * 100)) -gt "$full"
check "its clock is not that slow" test "$took" -gt 0 -a "$took" -lt 30000
check "a wrong speed is refused" bash -c \
    "'$carrel' speed slow 50 2>&1 | grep -F '0.01% to 100%'"
check "and to full speed again" "$carrel" speed slow full
works slow 4
check "it does its work again" test $((work * 2)) -gt "$full"
check "a slow machine pauses" bash -c \
    "'$carrel' speed slow 0.01% && '$carrel' pause slow && '$carrel' resume slow"
check "and stops" "$carrel" stop slow --force
finish
