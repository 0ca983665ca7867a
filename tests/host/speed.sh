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
# best NAME LINES - the largest of the counts of the next seconds, 0 when it
# counted none; the first may have begun before a change.
best() {
    local from end=$((SECONDS + 120)) most
    from=$(counts "$1" | wc -l)
    while [ $SECONDS -lt $end ]; do
        [ "$(counts "$1" | wc -l)" -ge $((from + $2 + 1)) ] && break
        sleep 0.2
    done
    most=$(counts "$1" | tail -n +$((from + 2)) | head -n "$2" | sort | tail -n 1)
    echo "${most:-0}"
}
check "its guest counts" "$carrel" expect slow '^[0-9a-f]{8}' --serial \
    --timeout 120 || show slow
check "the profile's speed counts from the start" \
    test "$("$carrel" speed slow)" = "25.00% of this host's speed"
check "it is switched to full speed" \
    test "$("$carrel" speed slow full)" = full
full=$((16#$(best slow 4)))
check "it counts then" test "$full" -gt 0 || { show slow; finish; }
check "it is switched to a twentieth" "$carrel" speed slow 5%
slow=$((16#$(best slow 4)))
start=$SECONDS
best slow 3 >/dev/null
took=$((SECONDS - start))
echo "# full $full, 5 % $slow ($((slow * 1000 / full)) per mille); 4 seconds took $took"
# other programs take from full speed, not from a share
check "it does less than a fifth of the work" test $((slow * 5)) -lt "$full"
check "it does more than a hundredth" test $((slow * 100)) -gt "$full"
check "its clock is not that slow" test "$took" -lt 30
check "a wrong speed is refused" bash -c \
    "'$carrel' speed slow 50 2>&1 | grep -F '0.01% to 100%'"
check "and to full speed again" "$carrel" speed slow full
again=$((16#$(best slow 4)))
check "it does its work again" test $((again * 3)) -gt $((full * 2))
check "a slow machine pauses" bash -c \
    "'$carrel' speed slow 0.01% && '$carrel' pause slow && '$carrel' resume slow"
check "and stops" "$carrel" stop slow --force
finish
