#!/usr/bin/env bash
# Networks that go away and come back under a machine that has locked itself
# in: a tap that is deleted and made again, a switch whose process is killed.
# In a network namespace of its own.
here=$(dirname "$0")
export PATH=$PATH:/usr/sbin:/sbin
if [ -z "${CARREL_TEST_NETNS:-}" ]; then
    command -v ip >/dev/null ||
        { echo "1..0 # SKIP no ip here (Debian package iproute2)"; exit 0; }
    unshare -n ip tuntap add dev cl0 mode tap 2>/dev/null ||
        { echo "1..0 # SKIP may not make a tap here"; exit 0; }
    CARREL_TEST_NETNS=1 exec unshare -n bash "$0" "$@"
fi
# shellcheck disable=SC1091
. "$here/lib.sh"
need_kvm

truncate -s 4M "$home/blank.img"
make_tap() { ip tuntap add dev cl1 mode tap vnet_hdr && ip link set cl1 up; }
link_is() { # NIC up|down SECONDS
    local i
    for ((i = 0; i < $3 * 5; i++)); do
        "$carrel" net list box | grep -q "^$1: .*, $2, MTU" && return 0
        sleep 0.2
    done
    "$carrel" net list box
    return 1
}
switch_pid() { pgrep -f "__switch $XDG_RUNTIME_DIR/carrel/.switches/lan\$"; }
another_switch() { # OLD-PID SECONDS
    local i now
    for ((i = 0; i < $2 * 5; i++)); do
        now=$(switch_pid) && [ "$now" != "$1" ] && return 0
        sleep 0.2
    done
    return 1
}

check "a tap is made" make_tap
starts box --memory 64M --set net0.kind=tap --set net0.interface=cl1 \
    --set net1.kind=switch --set net1.switch=lan "disk=$home/blank.img"
check "the tap's cable is plugged in" link_is net0 up 10
check "the tap is deleted" ip link del cl1
check "that pulls the cable" link_is net0 down 10
check "the tap is made again" make_tap
check "and the cable is plugged in again" link_is net0 up 30
check "a capture is begun" \
    "$carrel" net capture box on "$home/net0.pcap" --net=net0
check "and ended" "$carrel" net capture box off --net=net0
check "it is there" test -s "$home/net0.pcap"

old=$(switch_pid)
check "the switch has a process" test -n "$old"
check "it is killed" kill -KILL "$old"
check "a new one is started" another_switch "$old" 15
check "its cable is plugged in" link_is net1 up 15
check "the machine runs on" is box running
check "it is stopped" "$carrel" stop box --force

# Emulated cards, on either bus.
for model in e1000 rtl8139 rtl8139c pcnet rtl8029 ne2000; do
    starts $model --memory 64M --set net0.kind=user --set net0.model=$model \
        --set net1.kind=none --set net1.model=$model "disk=$home/blank.img"
    check "$model: both are there" bash -c \
        "[ \$('$carrel' net list $model | grep -c '($model)') = 2 ]"
    if [ $model = ne2000 ]; then
        refuses '[0-9]+' "'ne2000' cannot be plugged in" "no ISA card comes later" \
            "$carrel" attach $model net2 model=$model kind=none
    else
        check "$model: a third is plugged in" \
            "$carrel" attach $model net2 model=$model kind=none
    fi
    check "$model: it is stopped" "$carrel" stop $model --force
done
refuses '[0-9]+' 'only net0 and net1 can be ISA cards' "a third ISA card" \
    "$carrel" run --detach --name isa --set net2.kind=none \
    --set net2.model=ne2000 "disk=$home/blank.img"
finish
