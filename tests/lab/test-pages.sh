#!/usr/bin/env bash
# The passthrough pages and the SR-IOV panel of the terminal interface by keys
# alone, on a real kernel: virtual functions of a network card made, set up,
# refused and removed, and the graphics card with its sound there and back,
# with the console too. Needs the lab's topology dirty and tmux.
. "$(dirname "$0")/../host/lib.sh"
[ -n "${LAB:-}" ] || skip_all "only inside the lab"
[ "$LAB_TOPOLOGY" = dirty ] || skip_all "only in the topology dirty"
command -v tmux >/dev/null || skip_all "no tmux"
export PATH=$PATH:/usr/sbin:/sbin CARREL_HELPER_DIR=$home/helper TERM=xterm
card=0000:01:00.0 pair=0000:05:00.0
devices=/sys/bus/pci/devices
[ -e $devices/$card/sriov_numvfs ] ||
    skip_all "no network card with virtual functions in this lab's QEMU"
modprobe vfio-pci
socket=$home/tmux

keys() {
    local key
    for key; do
        tmux -S "$socket" send-keys "$key"
        sleep 0.7
    done
}
screen() { tmux -S "$socket" capture-pane -p; }
shows() { # shows PATTERN SECONDS
    local i
    for ((i = 0; i < $2 * 2; i++)); do
        screen | grep -qE -- "$1" && return
        sleep 0.5
    done
    echo "no '$1' on:"
    screen
    return 1
}
within() { # within SECONDS COMMAND...
    local i seconds=$1
    shift
    for ((i = 0; i < seconds * 5; i++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.2
    done
    "$@"
}
number_is() { [ "$(cat $devices/$card/sriov_numvfs)" = "$1" ]; }
driver_is() { [[ $(readlink "$devices/$1/driver") == */"$2" ]]; }
kernel_says() {
    ip link show dev "$(ls $devices/$card/net)" | grep -qE "$1"
}
state() {
    local file value
    for file in $devices/*/{driver_override,sriov_numvfs,sriov_drivers_autoprobe}; do
        [ -e "$file" ] && read -r value <"$file" && echo "$file $value"
    done
    find $devices/*/driver -printf '%p %l\n'
    cat /sys/class/vtconsole/*/bind
}
same() { state >"$home/now"; diff "$home/before" "$home/now"; }

# agrees WHAT - the plan's page is the question; the program then waits for a
# key, in the terminal.
agrees() {
    check "$1: its steps are shown" shows 'Would be done' 30 || finish
    keys a
    check "$1: done, and undone by" shows 'takes it back' 90
    keys Enter
}

state >"$home/before"
check "a machine is made" "$carrel" new box --from linux-kernel \
    machine.kernel=/boot/x
tmux -S "$socket" new-session -d -x 100 -y 40 "$carrel"
check "the list is there" shows 'Carrel > Machines' 60 || finish
keys P
check "the devices are there" shows '05:00.0' 60

# ---- the panel
keys v
check "the panel has the card" shows '01:00.0 .* 0 of 7' 60 || finish
keys n C-u 9 9 Enter
check "too many are refused" shows 'can have 0 to 7' 20
keys Escape
check "nothing was made" number_is 0
keys g n C-u 3 Enter
agrees "three functions"
check "the kernel has three" within 30 number_is 3
check "the panel shows them" shows '01:00.0 .* 3 of 7' 60
keys g j j m C-u
tmux -S "$socket" send-keys -l 52:54:00:12:34:56
keys Enter
agrees "a MAC"
check "the kernel knows it" kernel_says 'vf 1 .*52:54:00:12:34:56'
check "the panel shows it" shows '52:54:00:12:34:56' 60
keys l C-u 1 0 0 Enter
agrees "a VLAN"
check "the kernel knows that" kernel_says 'vf 1 .*vlan 100'
keys l C-u 5 0 0 0 Enter
check "a VLAN that is none is refused" shows '4094' 20
keys Escape
vf=$(basename "$(readlink $devices/$card/virtfn0)")
check "one is bound" "$carrel" passthrough bind "$vf" --yes
group=$(basename "$(readlink "$devices/$vf/iommu_group")")
exec 7<>"/dev/vfio/$group"
keys r g D
check "in use, they are not removed" shows 'in use' 60
keys Escape
check "there are three still" number_is 3
exec 7>&-
check "it is given back" "$carrel" passthrough unbind "$vf" --yes
keys r
sleep 3
keys g D
agrees "none"
check "the kernel has none" within 30 number_is 0
echo 0 >$devices/$card/sriov_drivers_autoprobe
keys r
sleep 3
keys g n C-u 1 Enter
agrees "one, with autoprobe off"
check "the kernel has one" within 30 number_is 1
check "it has no driver" [ ! -e "$devices/$vf/driver" ]
check "all goes back" "$carrel" passthrough undo --all --yes
echo 1 >$devices/$card/sriov_drivers_autoprobe
check "as before all of it" same

# ---- the pair, by keys alone
keys q
check "the devices again" shows '> Passthrough > 1 Device' 30
keys r
sleep 3
for ((i = 0; i < 30; i++)); do # down to the graphics card
    screen | grep -q '^ > 05:00.0' && break
    keys j
done
check "the graphics card is chosen" shows '^ > 05:00.0' 5 || finish
keys 3
screen | grep -q 'Console .*stays' && keys c # it may draw the lab's console
keys o o
check "the plan is for now" shows '\[now\]' 30
check "it has the steps" shows '05:00.1/driver_override|vfio-pci/bind' 30
keys t
agrees_rehearsal() {
    check "a rehearsal: its steps are shown" shows 'Would be done' 30 || finish
    keys a
    check "a rehearsal: it lets go" shows 'ok .* let go: done' 120
    keys Enter
}
agrees_rehearsal
check "rehearsed, all is as before" within 30 same
keys 6
check "which machine" shows 'none of them' 30
keys a
agrees "the pair"
check "both of it are bound" driver_is 0000:05:00.1 vfio-pci
check "the graphics card too" driver_is $pair vfio-pci
keys u
check "undo asks" shows 'Give everything back' 30
keys Left Enter
check "it is taken back" shows 'is taken back' 90
keys Enter
check "sysfs before is sysfs after" within 30 same

# ---- which machine gets it
keys 6 o
check "when the machine starts" shows 'when the machine starts, until' 30
keys j a
check "it asks" shows 'Give 05:00.0 to box' 30
keys Left Enter
check "its settings have it" within 20 \
    grep -q '^host *= *0000:05:00.0' "$XDG_DATA_HOME/carrel/machines/box/machine.ini"
check "nothing is bound by that" same
keys Escape
tmux -S "$socket" kill-server

# ---- the console goes along
check "the only display goes with its console" \
    "$carrel" passthrough bind $pair --console --yes
sed 's/^/# /' "$home/out"
check "it is bound" driver_is $pair vfio-pci
check "and comes back" "$carrel" passthrough undo --yes
check "all as before" same
finish
