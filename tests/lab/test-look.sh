#!/usr/bin/env bash
# tests/lab/test-look.sh CARREL - what is said of a real kernel's /sys: the look
# at a live host and at its recording agree, and the verdicts are those that the
# machine was made for. A lab for each topology; prints TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
carrel=$(readlink -f "$1")
n=0 failed=0

if [ -z "${LAB_FULL:-}" ]; then
    echo "1..0 # SKIP takes long: LAB_FULL=1 runs it"
    exit 0
fi
if ! why=$("$here/lab" --topology dirty --check 2>&1); then
    echo "1..0 # SKIP the lab cannot run: $(head -n 1 <<<"$why")"
    exit 0
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

check() {
    n=$((n + 1))
    if "${@:2}"; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        failed=1
    fi
}

# looks NAME ADDRESSES LAB-OPTION... - a live look and a recording's, and exit
# codes.
looks() {
    local name=$1 addresses=$2
    shift 2
    "$here/lab" --timeout 500 --share "$out" "$@" -- sh -c "
        cd \$LAB_SHARE
        $carrel doctor --record $name.host >/dev/null
        for root in / $name.host; do
            $carrel passthrough list --all --json --root \$root
            $carrel passthrough groups --json --root \$root 2>&1
        done >$name.both
        $carrel doctor >$name.doctor; echo \$? >$name.code
        for bdf in $addresses; do
            $carrel passthrough explain \$bdf >$name.\$bdf; echo \$? >>$name.\$bdf
        done"
}

agrees() {
    local half
    half=$(($(wc -l <"$out/$1.both") / 2))
    [ "$half" -gt 0 ] && cmp -s <(head -n "$half" "$out/$1.both") \
        <(tail -n "$half" "$out/$1.both")
}
says() { grep -qE "$2" "$out/$1"; }

check "a gaming PC is looked at" looks dirty \
    '05:00.0 07:01.0 08:00.0 01:00.0' --topology dirty
check "its recording says the same as the host itself" agrees dirty
check "the doctor finds nothing bad" says dirty.code '^0$'
check "the card goes with its sound" says dirty.05:00.0 'goes +05:00.0 and 05:00.1'
check "its reset is that of both" says dirty.05:00.0 'together with all of its bus'
check "a bridge to PCI is blamed" says dirty.07:01.0 'bridge from PCI Express'
check "ports without ACS are blamed" says dirty.08:00.0 '00:16.0 and 00:16.1'
check "SR-IOV is found" says dirty.01:00.0 '0 of 7 virtual functions'

check "a host with IOMMU off is looked at" looks off 01:00.0 --iommu-off
check "its recording says the same" agrees off
check "the doctor names the argument" says off.doctor 'switched off by a kernel argument'
check "and ends with 8" says off.code '^8$'
check "no device can go, with status 6" says off.01:00.0 '^6$'

check "a host without remapping is looked at" looks plain 01:00.0 --no-intremap
check "its recording says the same" agrees plain
check "the doctor says that interrupts are not remapped" says plain.doctor \
    'BAD +remapping'
check "a device wants consent, with status 8" says plain.01:00.0 '^8$'
echo "1..$n"
exit $failed
