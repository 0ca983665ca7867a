#!/usr/bin/env bash
# Devices of this host bound and given back by carrel passthrough, on a real
# kernel: what sysfs says afterwards is what it said before, also when the
# helper was killed at any line of its journal. Needs the lab's topology dirty.
. "$(dirname "$0")/../host/lib.sh"
[ -n "${LAB:-}" ] || skip_all "only inside the lab"
[ "$LAB_TOPOLOGY" = dirty ] || skip_all "only in the topology dirty"
export PATH=$PATH:/usr/sbin:/sbin CARREL_HELPER_DIR=$home/helper
journal=$CARREL_HELPER_DIR/helper.jsonl
nvme=0000:04:00.0 pair=0000:05:00.0 sriov=0000:02:00.0

# state - all that passthrough changes, of every function. A program costs a
# good part of a second here, and this runs hundreds of times.
state() {
    local file value
    for file in /sys/bus/pci/devices/*/{driver_override,sriov_numvfs,sriov_drivers_autoprobe}; do
        [ -e "$file" ] && read -r value <"$file" && echo "$file $value"
    done
    find /sys/bus/pci/devices/*/driver -printf '%p %l\n'
    stat -c '%n %u %g %a' /dev/vfio/*
    cat /sys/class/vtconsole/*/bind
    cat /sys/kernel/mm/hugepages/*/nr_hugepages \
        /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
    find /etc/udev/rules.d /etc/security/limits.d -type f -exec md5sum {} +
    lsmod | cut -d ' ' -f 1 | sort
    nvme list-secondary /dev/nvme0 -e 4 2>/dev/null
}

pass() { "$carrel" passthrough "$@" --yes; }
refuses() { # refuses CODE WORD...
    local code=$1
    shift
    "$carrel" passthrough "$@" --yes >"$home/refused" 2>&1
    [ $? = "$code" ] || { cat "$home/refused"; return 1; }
}
same() { state >"$home/now"; diff "$home/before" "$home/now"; }
driver_is() { [[ $(readlink "/sys/bus/pci/devices/$1/driver") == */"$2" ]]; }

# there_and_back WHAT DO... - the change, seen, and back.
there_and_back() {
    local what=$1
    shift
    check "$what: done" "$@" --yes
    check "$what: it changed something" eval '! same >/dev/null'
    check "$what: undone" pass undo
    check "$what: all is as before" same
}

# killed_everywhere WHAT WORD... - the helper is killed when it has written line
# N of its journal, for every N.
killed_everywhere() {
    local what=$1 line=0 bad=0 lines
    shift
    while :; do
        line=$((line + 1))
        strace -qq -o /dev/null -e trace=fsync \
            -e inject=fsync:signal=SIGKILL:when=$line \
            "$carrel" passthrough "$@" --yes >"$home/killed" 2>&1
        [ $? = 137 ] || break
        pass undo >>"$home/killed" 2>&1 && same >>"$home/killed" || {
            bad=$((bad + 1))
            echo "# killed at line $line:"
            sed 's/^/#   /' "$home/killed"
        }
    done
    check "$what: killed at each of $((line - 1)) lines, taken back each time" \
        [ $bad = 0 ] || show_journal
    check "$what: there were that many" [ $line -gt 5 ]
    check "$what: and not killed it works" pass undo
    check "$what: as before in the end" same
}
show_journal() { sed 's/^/# /' "$journal"; }

modprobe vfio-pci
state >"$home/before"

check "a plan is shown" pass plan $nvme
check "a plan changes nothing" same
pass bind $nvme --dry-run >"$home/dry"
there_and_back "an NVMe" pass bind $nvme
check "the journal has the lines of the dry run" \
    grep -qFf "$home/dry" "$journal"
check "each of them" [ "$(wc -l <"$home/dry")" = \
    "$(grep -cFxf "$home/dry" "$journal")" ]

there_and_back "the pair" pass bind $pair --user=1000 --huge-pages=80 --memory=1G
there_and_back "the pair with the console" pass bind $pair --console
check "the pair is bound" pass bind $pair --yes --user=1000
check "both of it" driver_is 0000:05:00.1 vfio-pci
group=$(basename "$(readlink /sys/bus/pci/devices/$pair/iommu_group)")
check "the group is the user's" [ "$(stat -c %u "/dev/vfio/$group")" = 1000 ]
check "again there is nothing to do" eval \
    'pass bind $pair --yes --user=1000 | grep -q "nothing to do"'
exec 7<>"/dev/vfio/$group"
check "a group in use is not given back" refuses 1 undo
check "it is still bound" driver_is $pair vfio-pci
exec 7>&-
check "unbind finds the change" pass unbind 05:00.1
check "it is as before" same

# --- rehearsals ----------------------------------------------------------------
rehearses() { # rehearses WHAT PATTERN... - each is seen in one rehearsal.
    local what=$1 pattern
    shift
    for pattern; do
        check "$what: $pattern" grep -qE "^ok .*$pattern" "$home/rehearsal"
    done
    grep -q ^BAD "$home/rehearsal" && sed 's/^/# /' "$home/rehearsal"
    check "$what: given back" same
}
pass rehearse $nvme --memory=512M >"$home/rehearsal"
check "an NVMe: the rehearsal goes well" [ $? = 0 ]
rehearses "an NVMe" 'map 512 MiB of memory: mapped' \
    'read configuration: 1b36:0010' 'take an interrupt: MSI-X, one of 65' \
    'reset: done' 'let go: done'
pass rehearse $pair >"$home/rehearsal"
check "the pair: the rehearsal goes well" [ $? = 0 ]
rehearses "the pair" '05:00.0: read configuration: 1002:5159' \
    '05:00.1: read configuration: 8086:2668' '05:00.0: read the ROM: [0-9]+ bytes' \
    '05:00.0: reset with its slot: done' '05:00.1: reset with its slot: done'
check "a rehearsal as JSON" eval \
    'pass rehearse $nvme --json | grep -q "\"step\":\"let go\",\"ok\":true"'
check "given back again" same

there_and_back "what lasts, for a machine's start" \
    pass apply $pair --user=1000 --memory=1G
check "nothing is bound by that" eval 'pass apply $pair --memory=1G --user=1000 \
    --dry-run | grep -q memlock && ! driver_is $pair vfio-pci'

# --- for as long as a machine lives --------------------------------------------
until_same() { # 20 s; each look takes a part of them
    local end=$((SECONDS + 20))
    while [ $SECONDS -lt $end ]; do
        same >/dev/null && return
        sleep 0.1
    done
    same
}
mkfifo "$home/fifo"
exec 8<>"$home/fifo"
printf x >&8 # as whoever starts a machine does: a sign of life
check "held for one who has the FIFO open" \
    pass hold $pair --fifo="$home/fifo" --user=0
sleep 1
check "it is bound" driver_is 0000:05:00.1 vfio-pci
sleep 1000 7<>"$home/fifo" 8>&- &
holder=$!
exec 8>&-
sleep 1
check "it stays for another one" driver_is 0000:05:00.1 vfio-pci
kill -KILL $holder
check "killed, all is given back" until_same
check "a FIFO that is none is refused, nothing bound" \
    refuses 1 hold $nvme --fifo=/dev/null --user=0
check "it is not bound" same

# --- virtual functions ---------------------------------------------------------
check "an address that is none" refuses 2 bind "$nvme;rm"
check "a bridge is refused" refuses 4 bind 00:14.0 # the port of the pair
check "too many functions are refused" refuses 2 vf create $sriov 99
check "a function that is not there" refuses 2 vf set $sriov 3 mac=52:54:00:1:2:3
there_and_back "two functions of an NVMe" pass vf create $sriov 2
check "functions are made" pass vf create $sriov 2 --yes
vf=$(basename "$(readlink /sys/bus/pci/devices/$sriov/virtfn0)")
check "they are listed" eval 'pass vf list | grep "$vf" | grep -q online'
check "as JSON too" eval 'pass vf list --json | grep -q "\"state\":\"online\""'
check "one is bound" pass bind "$vf" --yes
group=$(basename "$(readlink "/sys/bus/pci/devices/$vf/iommu_group")")
exec 7<>"/dev/vfio/$group"
check "in use, they are not taken away" refuses 4 vf remove $sriov
exec 7>&-
check "all is taken back" pass undo --all
check "as before" same
echo 0 >/sys/bus/pci/devices/$sriov/sriov_drivers_autoprobe
state >"$home/before"
there_and_back "with autoprobe off" pass vf create $sriov 1
check "a function with autoprobe off is made" pass vf create $sriov 1 --yes
check "it can be bound all the same" pass bind "$vf" --yes
check "it is bound" driver_is "$vf" vfio-pci
check "and all goes back" pass undo --all
check "as it was" same
echo 1 >/sys/bus/pci/devices/$sriov/sriov_drivers_autoprobe
state >"$home/before"

card=0000:01:00.0
if [ -e /sys/bus/pci/devices/$card/sriov_numvfs ]; then
    there_and_back "three functions of a network card" pass vf create $card 3
    check "they are made" pass vf create $card 3 --yes
    check "one is set up" pass vf set $card 1 mac=52:54:00:12:34:56 vlan=100 \
        spoofchk=off --yes
    check "the kernel knows" eval 'ip link show dev \
        "$(ls /sys/bus/pci/devices/$card/net)" |
        grep -q "vf 1 .*52:54:00:12:34:56.*vlan 100.*spoof checking off"'
    check "the settings go back" pass undo
    check "the kernel knows that too" eval '! ip link show dev \
        "$(ls /sys/bus/pci/devices/$card/net)" | grep -q "vlan 100"'
    check "and the functions" pass undo
    check "as it all was" same
    check "more than the card has are refused" refuses 2 vf create $card 8
    check "two functions of it" pass vf create $card 2
    vf=$(basename "$(readlink /sys/bus/pci/devices/$card/virtfn0)")
    check "a setting that is none is refused" refuses 2 vf set $card 0 vlan=4095
    check "a function that is not there is refused" \
        refuses 2 vf set $card 2 vlan=5
    check "one of them is bound" pass bind "$vf"
    group=$(basename "$(readlink "/sys/bus/pci/devices/$vf/iommu_group")")
    exec 7<>"/dev/vfio/$group"
    check "in use, none is removed" refuses 4 vf remove $card
    check "nor is their number changed" refuses 4 vf create $card 3
    exec 7>&-
    check "not in use any more, all goes back" pass undo --all
    check "as before all of it" same
    echo 0 >/sys/bus/pci/devices/$card/sriov_drivers_autoprobe
    state >"$home/before"
    there_and_back "the card with autoprobe off" pass vf create $card 1
    echo 1 >/sys/bus/pci/devices/$card/sriov_drivers_autoprobe
    state >"$home/before"
else
    echo "# no network card with virtual functions in this lab's QEMU"
fi

# --- killed at every line; last, for it takes long ------------------------------
killed_everywhere "an NVMe" bind $nvme
killed_everywhere "functions of an NVMe" vf create $sriov 1
killed_everywhere "the pair" bind $pair --user=1000 --memory=1G
finish
