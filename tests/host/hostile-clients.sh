#!/usr/bin/env bash
# Clients of the control socket that stall, talk nonsense or ask for too much.
# The machine answers everybody else all the time.
. "$(dirname "$0")/lib.sh"
need_kvm

truncate -s 1M "$home/disk.img"
starts victim --memory 16M "disk=$home/disk.img"
pid=$(pid_of victim)
fds() {
    ls "/proc/$pid/fd" | wc -l
}

# attack CASE - one of the attacks below; prints what it saw.
attack() {
    timeout 120 python3 "$(dirname "$0")/hostile-clients.py" \
        "$XDG_RUNTIME_DIR/carrel/victim/control.sock" "$1"
}

before=$(fds)
for case in stalled partial too-long binary deep-json json-junk wrong-types \
    unknown-operations half-closed not-reading many-expects slow-regex \
    many-serial many-screens connect-storm; do
    check "$case" attack $case
    check "$case: others are answered" timeout 10 "$carrel" status victim
    check "$case: it runs" is victim running
done
few_fds() {
    local i
    for ((i = 0; i < 50; i++)); do
        [ "$(fds)" -le $((before + 2)) ] && return 0
        sleep 0.1
    done
    echo "$before descriptors before, $(fds) now"
    ls -l "/proc/$pid/fd"
    return 1
}
check "no descriptor was lost" few_fds
check "it is the same process" test "$(pid_of victim)" = "$pid"
check "it stops" "$carrel" stop victim --force
finish
