#!/usr/bin/env bash
# tests/host/bench.sh - carrel bench on this host's KVM, in its shortest form:
# every row measures something, keeps it, and leaves nothing behind.
# usage: bench.sh CARREL DEMO-IMAGE [ROW-ROW...]; without rows: exit-disk
. "$(dirname "$0")/lib.sh"
need_kvm
IFS=- read -ra rows <<<"${3:-exit-disk}"
export XDG_CACHE_HOME=$home/cache

results=$home/state/carrel/bench.json
check "it measures ${rows[*]}" "$carrel" bench --reps 1 "${rows[@]}"
cp "$home/out" "$home/tables"
sed 's/^/# /' "$home/tables"

narrow() { # no line of FILE is wider than a terminal
    awk 'length($0) > 80 { print; bad = 1 } END { exit bad }' "$1"
}
check "its tables fit 80 columns" env LC_ALL=C.UTF-8 bash -c \
    "$(declare -f narrow); narrow '$home/tables'"

# positive ROW DEVICE METRIC - a figure that is more than nothing
positive() {
    python3 - "$results" "$@" <<'PYTHON'
import json, sys
kept = json.load(open(sys.argv[1]))
assert kept['version'] == 1 and kept['host'] and kept['date'], kept
found = [r for r in kept['rows']
         if [r['row'], r['device'], r['metric']] == sys.argv[2:]]
assert len(found) == 1, (sys.argv[2:], found)
r = found[0]
assert 0 < r['min'] <= r['value'] <= r['max'] and r['unit'], r
PYTHON
}
while read -r row device metric; do
    [[ " ${rows[*]} " == *" $row "* ]] || continue
    check "$row: $metric of ${device//_/ } is kept" \
        positive "$row" "${device//_/ }" "$metric"
done <<'KEPT'
boot pc-i440fx first-instruction
boot pc-virtio guest
exit uart16550 port-write
exit virtio-blk doorbell
exit kvm cpuid
disk ide 4k-random-read
disk ide 1m-write
disk ahci 4k-random-write-32
disk virtio-blk 4k-random-read
disk virtio-blk 4k-random-write-32
disk virtio-blk_qcow2 64k-read
net virtio-net_switch guest-to-host
net virtio-net_switch round-trip
net virtio-net_user host-to-guest
mem pc-i440fx first-touch
mem pc-virtio copy
KEPT

check "its images are gone" test -z "$(ls -A "$home/cache/carrel")"
check "--json prints the same" bash -c \
    "'$carrel' bench --json --reps 1 exit 2>/dev/null |
     python3 -c 'import json, sys; assert json.load(sys.stdin)[\"rows\"]'"

# Ctrl-C in the middle
interrupted() {
    "$carrel" bench disk &
    local pid=$!
    sleep 2
    kill -INT $pid
    wait $pid
    local got=$?
    [ $got = 130 ] || { echo "status $got"; return 1; }
    [ -z "$(ls -A "$home/cache/carrel")" ] || { ls -R "$home/cache"; return 1; }
}
set -m # a background job without it ignores SIGINT
check "Ctrl-C ends it, and its images go" interrupted
set +m
refuses 6 'nowhere' "a host without KVM is told" \
    env CARREL_KVM_DEVICE=/nowhere "$carrel" bench
refuses 2 "there is no 'gpu'" "an unknown row is a mistake" "$carrel" bench gpu
refuses 2 "1 to 99" "as is no repetition" "$carrel" bench --reps 0
finish
