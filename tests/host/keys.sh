#!/usr/bin/env bash
# Every key of a US keyboard by VNC into a guest, presses and releases.
. "$(dirname "$0")/lib.sh"
need_kvm
need_assembler
"$carrel" version --features | grep -q '^+vnc' ||
    skip_all "built without VNC"

check "the guest is assembled" hostile_guest "$home/keys.img" scancodes
starts keys --memory 32M --snapshot "disk=$home/keys.img" \
    --set serial0.kind=pane
check "the guest listens" \
    "$carrel" expect keys 'scancodes ready' --serial --timeout 180 || finish
python3 "$(dirname "$0")/keys.py" "$carrel" keys \
    "$XDG_RUNTIME_DIR/carrel/keys/vnc.sock" $((n + 1)) >"$home/keys.tap" 2>&1 ||
    failures=$((failures + 1))
cat "$home/keys.tap"
n=$((n + $(grep -c '^\(not \)\?ok ' "$home/keys.tap")))
check "every key was tried" [ "$n" -gt 90 ]
finish
