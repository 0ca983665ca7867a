#!/usr/bin/env bash
# Debian climbs from an IDE disk to a virtio one: looked into, prepared beside
# the old disk, tried, confirmed because it lives on it, and taken back.
# Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}

cp "$disk" "$home/disk.img"
check "a machine is made" "$carrel" new linux --from pc \
    --disk "$home/disk.img" "machine.memory=$memory" "machine.cpus=$cpus"
ini=$XDG_DATA_HOME/carrel/machines/linux/machine.ini
cp "$ini" "$home/before.ini"

# notes REGEX SECONDS - what `status -v` says comes to match.
notes() {
    local i
    for ((i = 0; i < $2; i++)); do
        "$carrel" status linux -v | grep -E "$1" && return 0
        sleep 1
    done
    "$carrel" status linux -v
    return 1
}
decided() {
    local i
    for ((i = 0; i < 60; i++)); do
        "$carrel" status linux -v | grep -q 'on trial' || return 0
        sleep 1
    done
    return 1
}
log_says() { "$carrel" logs linux -n 1000 | grep -E "$1"; }
boots() { # WHAT
    check "$1: it starts" "$carrel" start linux
    check "$1: a login on the serial port" \
        "$carrel" expect linux 'carrel-lab login:' --serial --timeout 400 ||
        { show linux; finish; }
}
stops() {
    check "$1: the power button ends it" "$carrel" stop linux --timeout 90
    check "$1: it is gone" gone linux 20
}
root_is() { # DEVICE WHAT
    "$carrel" send linux serial $'root\n'
    "$carrel" expect linux '~ #|/root #' --serial --timeout 60 >/dev/null
    "$carrel" send linux serial $'grep " / " /proc/mounts\n'
    check "$2" "$carrel" expect linux "$1 / ext4" --serial --timeout 60
}

"$carrel" set linux disk0.model=virtio-blk --dry-run >"$home/said"
sed 's/^/# /' "$home/said"
check "its disk was looked into" \
    grep -q 'virtio_blk is in its initial RAM disk' "$home/said"
check "it is to be prepared" \
    "$carrel" set linux disk0.model=virtio-blk --prepare
boots "prepared"
check "the guest drives the helper" notes 'to be tried: disk0.model' 60
root_is /dev/sda1 "it still lives on the IDE disk"
stops "prepared"

boots "the trial"
check "the guest takes the disk" decided
check "the log says that it lives on it" \
    log_says 'disk0.model=virtio-blk: the guest drives it and lives on it'
root_is /dev/vda1 "it lives on the virtio disk"
stops "the trial"
check "the new value stays" \
    [ "$("$carrel" get linux disk0.model)" = virtio-blk ]
check "it can be taken back all the same" "$carrel" set linux --undo
check "byte for byte" cmp "$ini" "$home/before.ini"
check "its past is a reason now" bash -c \
    "'$carrel' set linux disk0.model=virtio-blk --dry-run |
     grep 'its guest drove a virtio-blk device'"
finish
