#!/usr/bin/env bash
# A host that lacks something: KVM, permission, firmware, room, descriptors,
# memory. Each is an error with advice, or the machine goes on without.
. "$(dirname "$0")/lib.sh"
need_kvm

truncate -s 1M "$home/disk.img"
run() {
    "$carrel" run --detach --name bad --memory 16M "$@" "disk=$home/disk.img"
}

# --- KVM

without_kvm() {
    local device=$1
    shift
    CARREL_KVM_DEVICE=$device run "$@"
}
refuses 6 "switch on virtualization.*load kvm" "no KVM device" \
    without_kvm "$home/no-such-device"
refuses 6 "not a KVM device" "a file for KVM" without_kvm "$home/disk.img"
refuses 6 "not a KVM device" "/dev/null for KVM" without_kvm /dev/null
refuses 6 "directory" "a directory for KVM" without_kvm "$home"

no_permission() { # as somebody who may not use KVM
    local other=$home/other
    rm -rf "$other"
    mkdir -m 700 "$other"
    truncate -s 1M "$other/disk.img"
    chmod 711 "$home"
    chown -R 65534:65534 "$other"
    env -i PATH="$PATH" HOME="$other" XDG_RUNTIME_DIR="$other" \
        CARREL_KVM_DEVICE="$1" setpriv --reuid=65534 --regid=65534 \
        --clear-groups --no-new-privs "$carrel" run --detach --name bad \
        "disk=$other/disk.img"
}
if [ "$(id -u)" = 0 ] &&
    setpriv --reuid=65534 --regid=65534 --clear-groups "$carrel" version \
        >/dev/null 2>&1; then
    : >"$home/kvm"
    chmod 000 "$home/kvm"
    refuses 5 "permission denied.*usermod -aG kvm" "no permission for KVM" \
        no_permission "$home/kvm"
else
    check "no permission # SKIP only root can become somebody else" true
fi

no_override() { # root, but permissions count
    setpriv --inh-caps=-all --bounding-set=-dac_override,-dac_read_search "$@"
}
chmod 000 "$home/disk.img"
if [ "$(id -u)" != 0 ] || no_override true 2>/dev/null; then
    [ "$(id -u)" != 0 ] && no_override() { "$@"; }
    for drive in floppy cd disk; do
        refuses 5 "${drive}0[.]path.*disk.img.*give user .* the permission" \
            "no permission for the image of a $drive" no_override "$carrel" \
            run --detach --name bad "$drive=$home/disk.img"
    done
else
    check "no permission for an image # SKIP no setpriv" true
fi
chmod 644 "$home/disk.img"

# --- firmware

mkdir "$home/empty"
refuses 6 "'nosuch.bin' was not found; install.*seabios" "unknown firmware" \
    env CARREL_FIRMWARE_PATH="$home/empty" "$carrel" run --detach --name bad \
    --set machine.firmware=nosuch.bin "disk=$home/disk.img"
: >"$home/zero.bin"
truncate -s 511 "$home/tiny.bin"
truncate -s 17M "$home/huge.bin"
for key in firmware vga-firmware; do
    for file in zero tiny huge; do
        refuses 6 "machine[.]$key.*$file.bin" "$key of impossible size: $file" \
            run --set "machine.$key=$home/$file.bin"
    done
    refuses 6 "machine[.]$key.*is not there; check the path" \
        "$key: a directory" run --set "machine.$key=$home/empty"
done
truncate -s 2M "$home/large.bin"
refuses 6 "machine[.]firmware.*large.bin.*at most 1 MiB" "a BIOS of 2 MiB" \
    run --set "machine.firmware=$home/large.bin"
truncate -s 300001 "$home/odd.bin"
check "a BIOS of an odd size is put below 4 GiB" \
    run --set "machine.firmware=$home/odd.bin"
check "it stops" "$carrel" stop bad --force
if unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2016
    refuses 6 "'bios-256k.bin' was not found; install it.*Debian.*: seabios" \
        "no firmware is installed" unshare -m bash -c '
        for dir in /usr/share/seabios /usr/share/qemu /usr/share/vgabios \
            /usr/local/share/qemu /usr/share/qemu-firmware; do
            [ ! -d $dir ] || mount -t tmpfs none $dir || exit 99
        done
        exec "$@"' - "$carrel" run --detach --name bad "disk=$home/disk.img"
else
    check "no firmware is installed # SKIP mounting needs root" true
fi

# --- limits

limited() { # ULIMIT-OPTION VALUE COMMAND...
    (
        ulimit "$1" "$2"
        shift 2
        "$@"
    )
}
few() { # with so few descriptors it works or says what is missing
    if limited -n "$1" run >"$home/few" 2>&1; then
        "$carrel" stop bad --force
    else
        cat "$home/few"
        grep -q 'Too many open files' "$home/few"
    fi
}
for few in 8 10 12 14 16 18 20 22 24 28 32 40; do
    check "$few descriptors: it works or says why not" few $few
done
check "64 descriptors are enough" limited -n 64 run
check "its machine runs" is bad running
check "it stops" "$carrel" stop bad --force
refuses 6 "8192 MiB.*Cannot allocate memory" "RAM above the address limit" \
    limited -v 4000000 run --memory 8G
refuses 6 "Cannot allocate memory" "an address limit below everything" \
    limited -v 150000 run --memory 128M
refuses 1 "File too large" "a limit of file sizes" limited -f 10 run
check "64 GiB of RAM cost nothing before they are used" run --memory 64G
check "it runs" is bad running
check "it stops" "$carrel" stop bad --force

# --- a full disk for logs and state

mkdir "$home/full" "$home/full-data"
if mount -t tmpfs -o size=64k none "$home/full" 2>/dev/null; then
    export XDG_STATE_HOME=$home/full
    head -c 1M /dev/zero >"$home/full/ballast" 2>/dev/null
    check "a machine starts with no room for its logs" run
    check "it runs" is bad running
    check "it can be paused" "$carrel" pause bad
    check "and resumed" "$carrel" resume bad
    check "its screen is there" "$carrel" screenshot bad --text
    rm -f "$home/full/ballast"
    sleep 6 # the log is opened again after 5 s
    check "and paused again" "$carrel" pause bad
    check "with room the log goes on" grep -q lost "$home/full/carrel/bad/vmm.log"
    check "it stops" "$carrel" stop bad --force
    head -c 1M /dev/zero >"$home/full/ballast" 2>/dev/null
    starts killed --memory 16M "disk=$home/disk.img"
    kill -KILL "$(pid_of killed)"
    check "a killed machine is a crashed one, also without a record" \
        becomes killed crashed 10
    "$carrel" stop killed >/dev/null 2>&1
    umount "$home/full"
    export XDG_STATE_HOME=$home/state
else
    check "a full disk # SKIP mounting needs root" true
fi
: >"$home/no-folder"
refuses "[15]" "no-folder" "a file where the folder of logs should be" \
    env XDG_STATE_HOME="$home/no-folder" "$carrel" run --detach --name bad \
    "disk=$home/disk.img"
check "nothing is left behind" test ! -e "$XDG_RUNTIME_DIR/carrel/bad"
finish
