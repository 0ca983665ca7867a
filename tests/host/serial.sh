#!/usr/bin/env bash
# What a guest streams over its serial port arrives whole and in order, also while
# its writes are posted, and so do its last words when it says nothing after them.
. "$(dirname "$0")/lib.sh"
need_kvm
need_assembler

hostile_guest "$home/stream.img" stream || finish
starts stream --memory 16M "disk=$home/stream.img" \
    --set serial0.kind=file --set "serial0.path=$home/sent"
check "its last words arrive" "$carrel" expect stream '^end$' --serial \
    --timeout 120 || show stream
wanted() {
    local i
    for ((i = 0; i < 2048; i++)); do printf '%04x\n' $i; done
    echo end
}
arrived() { sed -n '/^0000$/,$p' "$home/sent"; }
check "every line before them, once and in order" \
    cmp <(wanted) <(arrived)
check "a forced stop ends it" "$carrel" stop stream --force
finish
