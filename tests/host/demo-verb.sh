#!/usr/bin/env bash
# `carrel demo` without a terminal: its screen as text, exit status 0, and no
# machine left behind.
. "$(dirname "$0")/lib.sh"
need_kvm

check "carrel demo ends with status 0" \
    timeout 240 "$carrel" demo </dev/null || finish
cp "$home/out" "$home/screen"
check "it printed the demo's title" grep -q 'Carrel demo' "$home/screen"
check "it printed the ready line" grep -q 'Carrel demo ready' "$home/screen"
check "it printed the PCI list" grep -q '8086:1237' "$home/screen"
check "no machine is left" gone demo 10
finish
