#!/usr/bin/env bash
# A guest without virtio drivers is given a virtio disk: the trial fails, and
# the old disk is back by itself, byte for byte.
. "$(dirname "$0")/lib.sh"
need_kvm

# A disk that is neither blank nor of a system that is known: its boot sector
# gives up (INT 18h). No floppy: a busy host without VT-x or AMD-V loses its
# interrupts, and the trial looks at the time.
python3 - "$home/disk.img" <<'PYTHON'
import sys
sector = bytearray(512)
sector[0:2] = b'\xcd\x18'
sector[510:512] = b'\x55\xaa'
with open(sys.argv[1], 'wb') as f:
    f.write(sector)
    f.truncate(4 << 20)
PYTHON
check "a machine is made" "$carrel" new box --from pc --disk "$home/disk.img"
ini=$XDG_DATA_HOME/carrel/machines/box/machine.ini
printf '# my own words\n' >>"$ini"
cp "$ini" "$home/before.ini"
model() { # WANTED
    local got
    got=$("$carrel" get box disk0.model)
    [ "$got" = "$1" ] || { echo "it is $got"; return 1; }
}
start_said() { grep -Eq "$1" "$home/said" || { cat "$home/said"; return 1; }; }
notes() { "$carrel" status box -v | grep -E "$1"; }
log_says() { "$carrel" logs box -n 1000 | grep -E "$1"; }
# The guest is up: what it does not drive now it never will.
runs() {
    check "$1" "$carrel" start box
    cp "$home/out" "$home/said"
    sees box 'No bootable device' 120 "the guest is up"
}

check "the disk is to be virtio" "$carrel" set box disk0.model=virtio-blk
cp "$home/out" "$home/said"
check "it cannot tell about the guest" start_said 'cannot tell'
check "it announces the trial" start_said 'next start is a trial'
check "the setting has the new value" model virtio-blk
check "the list says what is to come" notes 'to be tried: disk0.model=virtio-blk'

# The power is cut within 30 s: nobody waits for the guest.
check "the first start" "$carrel" start box
cp "$home/out" "$home/said"
check "it is called a trial" start_said 'trial of disk0.model=virtio-blk'
check "it is one" notes 'on trial: disk0.model=virtio-blk'
refuses 4 'trial' "no other change meanwhile" \
    "$carrel" set box disk0.model=ide
refuses 4 'trial' "no undo meanwhile" "$carrel" set box --undo
check "the power is cut soon" "$carrel" stop box --force
check "it is gone" gone box 20
check "that decides nothing" notes 'to be tried'
check "the log says why" log_says 'ran too short to tell'

runs "the second start"
check "the power is cut again" "$carrel" stop box --force
check "it is gone again" gone box 20
check "the old disk is back" model ide
check "the file is as it was" cmp "$ini" "$home/before.ini"
check "the state says so" notes 'fell back: disk0.model=ide'
check "the log says why it fell back" \
    log_says 'disk0.model goes back from virtio-blk to ide: only the firmware'

runs "the third start"
check "people are told" start_said 'did not work, it is ide again'
check "the power is cut a third time" "$carrel" stop box --force
check "it is gone a third time" gone box 20
check "nothing is left to say" bash -c "! '$carrel' status box -v | grep disk0"

# A process that is killed decides nothing by itself: the next start does.
check "once more" "$carrel" set box disk0.model=virtio-blk --try
runs "a start"
check "its process is killed" kill -9 "$(pid_of box)"
becomes box crashed 10
check "the new value is still there" model virtio-blk
runs "the start after that"
check "the old disk is back by itself" model ide
check "the file is as it was again" cmp "$ini" "$home/before.ini"
check "the end" "$carrel" stop box --force
gone box 20

# Preparing keeps the old disk and adds a small one.
check "it is prepared" "$carrel" set box disk0.model=virtio-blk --prepare
runs "a start with both"
check "the helper is there" bash -c "'$carrel' media box list | grep prepare.img"
check "the log says so" log_says 'a small new one beside'
check "it is called so" notes 'being prepared'
check "the power is cut at last" "$carrel" stop box --force
gone box 20
check "this guest has no driver, so it stays so" notes 'being prepared'
check "it is undone" "$carrel" set box --undo
check "the file is as it was at last" cmp "$ini" "$home/before.ini"

# What is set, or taken back, while it runs outlives its end.
check "a keyboard is set" "$carrel" set box input.keyboard=virtio
runs "a start with it"
check "a disk is set meanwhile" "$carrel" set box disk0.model=virtio-blk
check "the power is cut then" "$carrel" stop box --force
gone box 20
check "the disk is still to be tried" notes 'to be tried: disk0.model=virtio-blk'
check "the disk is undone" "$carrel" set box --undo
cp "$home/before.ini" "$ini" # without the keyboard, which counts for good
check "the keyboard is set again" "$carrel" set box input.keyboard=virtio
runs "one more start with it"
check "it is undone meanwhile" "$carrel" set box --undo
check "the power is cut once more" "$carrel" stop box --force
gone box 20
refuses 4 'no change' "nothing is left to undo" "$carrel" set box --undo
check "the file is as it was after all" cmp "$ini" "$home/before.ini"
finish
