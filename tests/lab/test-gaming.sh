#!/usr/bin/env bash
# What a machine for games is set to: Hyper-V's interface and clocks as Linux
# finds them, its topology, processors of the host for its threads, and huge
# pages that come and go with it. Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
export PATH=$PATH:/usr/sbin:/sbin
cpus=${3%-*} memory=${3#*-}
pool=/sys/kernel/mm/hugepages/hugepages-2048kB
kernel=$(find /boot -name 'vmlinuz-*-amd64' ! -name '*cloud*' | sort -V | tail -1)
[ -r "$kernel" ] || skip_all "no Debian kernel in /boot"

here=$(dirname "$0")
peer=$home/shm-peer
cc -static -O1 -o "$peer" "$here/shm-peer.c" 2>/dev/null || peer=
makes_initrd "$home/initrd.gz" ${peer:+"$peer"} virtio_pci virtio_input evdev

# starts NAME SETTING... - makes the machine and waits for its shell.
starts() {
    local name=$1
    shift
    check "$name: it is made" "$carrel" new "$name" --from linux-kernel \
        "machine.kernel=$kernel" "machine.initrd=$home/initrd.gz" \
        "machine.cmdline=console=ttyS0 quiet" "machine.memory=$memory" \
        "machine.cpus=$cpus" "$@" || finish
    check "$name: it starts" "$carrel" start "$name" --yes || finish
    check "$name: a shell" "$carrel" expect "$name" 'up: ready=42' --serial \
        --timeout 240 || {
        "$carrel" logs "$name" --source serial0 --lines 40 | sed 's/^/# /'
        finish
    }
}

# asks NAME COMMAND PATTERN WHAT - a line for the shell, its answer.
asks() {
    "$carrel" send "$1" serial "$2"$'\n' &&
        check "$1: $4" "$carrel" expect "$1" "$3" --serial --timeout 90
}

ends() {
    "$carrel" send "$1" serial $'poweroff -f\n'
    check "$1: it is gone" gone "$1" 60
}

# ---- Hyper-V ----

clock=/sys/devices/system/clocksource/clocksource0
# Of two interfaces Linux takes the one in the higher leaves, which is KVM's.
starts windows cpu.hyperv=true cpu.kvm=false cpu.threads=2 \
    ivshmem.model=ivshmem-plain ivshmem.name=lab-shm ivshmem.size=1M \
    ivshmem.mode=0660
asks windows 'dmesg | grep -i "hypervisor detected"' \
    'Hypervisor detected: Microsoft Hyper-V' "Linux takes it for Hyper-V"
asks windows 'dmesg | grep -i "privilege flags"' \
    'privilege flags low 0xaff, high 0x0, hints 0x.*, misc 0x80110' \
    "with the features that are served"
asks windows "cat $clock/available_clocksource" 'hyperv_clocksource_tsc_page' \
    "the counter's page is a clock"
asks windows "cat $clock/current_clocksource; date +now=%s; sleep 2; date +then=%s" \
    'then=[0-9]' "time goes on"
asks windows 'grep -c . /proc/interrupts; grep -E "HVS|HYP|LOC" /proc/interrupts; echo seen=$((1 + 1))' \
    'seen=2' "interrupts come"
asks windows 'echo threads=$(cat /sys/devices/system/cpu/cpu0/topology/thread_siblings_list)' \
    'threads=0-1' "two threads are one core"

if [ -x "$peer" ]; then
    check "windows: shared memory is a file" \
        test "$(stat -c '%s %a' /dev/shm/lab-shm)" = '1048576 1660'
    asks windows 'for d in /sys/bus/pci/devices/*; do grep -q 0x1110 $d/device && echo 1 >$d/enable && echo card=$d && shm=$d; done' \
        'card=/sys' "it is a card"
    "$carrel" send windows serial $'shm-peer $shm/resource2 answer\n'
    check "windows: the guest answers in it" "$peer" /dev/shm/lab-shm ask
    check "windows: and says so" "$carrel" expect windows 'answered 200' \
        --serial --timeout 60
fi

"$carrel" send windows serial $'reboot -f\n'
check "windows: after a restart it is there again" "$carrel" expect windows \
    'up: ready=42' --serial --timeout 240
asks windows 'echo again=$(dmesg | grep -ci "detected: Microsoft Hyper-V")' \
    'again=1' "and finds Hyper-V as before"
"$carrel" logs windows --lines 40 | grep -i 'hyper-v' | sed 's/^/# /'
ends windows
check "windows: its shared memory has gone" test ! -e /dev/shm/lab-shm

# ---- a keyboard of the host ----

hands=()
if modprobe -a uinput evdev && [ -c /dev/uinput ]; then
    mkfifo "$home/keys"
    exec 7<>"$home/keys"
    python3 "$here/keyboard.py" <"$home/keys" >"$home/keyboard" 2>/dev/null &
    keyboard=$!
    within 30 test -s "$home/keyboard"
    hands=("input.evdev0=$(head -n 1 "$home/keyboard")" input.keyboard=virtio)
fi
is_now() {
    echo grab >&7
    sleep 1
    [ "$(tail -n 1 "$home/keyboard")" = "$1" ]
}
both() { printf '+29\n+97\n-97\n-29\n' >&7; }
missed() { "$carrel" logs fast --lines 20 | grep -q 'it was unplugged'; }

# ---- processors and pages ----

before=$(cat $pool/nr_hugepages)
host_cpus=$(nproc)
starts fast memory.hugepages=2M cpu.pin="0-$((cpus - 1))" \
    cpu.io-pin=$((host_cpus - 1)) "${hands[@]}"
need=$((${memory%M} / 2))
echo "# before $before, now $(cat $pool/nr_hugepages), free $(cat $pool/free_hugepages), need $need"
check "fast: its pages were added" test "$(cat $pool/nr_hugepages)" -ge "$need"
check "fast: all are in use" test \
    $(($(cat $pool/nr_hugepages) - $(cat $pool/free_hugepages))) -ge "$need"
pid=$(pgrep -f -- "__machine fast" | head -n 1)
for task in /proc/"$pid"/task/*; do
    echo "# $(cat "$task/comm"): $(awk '/Cpus_allowed_list/ { print $2 }' "$task/status")"
done
runs_on() {
    local task
    for task in /proc/"$pid"/task/*; do
        [ "$(cat "$task/comm")" = "$1" ] || continue
        [ "$(awk '/Cpus_allowed_list/ { print $2 }' "$task/status")" = "$2" ]
        return
    done
    return 1
}
check "fast: CPU 0 is kept on 0" runs_on vcpu:0 0
check "fast: CPU 1 is kept on 1" runs_on vcpu:1 1
check "fast: the loop is where devices are" runs_on vm:fast $((host_cpus - 1))
check "fast: it is in the log" grep -q 'CPU 1 on 1; devices on' \
    <("$carrel" logs fast --lines 40)
if [ ${#hands[@]} -gt 0 ]; then
    check "fast: the keys are the host's" is_now free
    "$carrel" send fast serial $'e=$(grep -l "virtio keyboard" /sys/class/input/event*/device/name | cut -d / -f 5)\n'
    "$carrel" send fast serial $'hexdump -v -e \'24/1 "%02x" "\\n"\' /dev/input/$e &\n'
    sleep 3
    both
    check "fast: both Ctrl keys hand them over" within 20 is_now taken
    printf '+30\n-30\n' >&7
    check "fast: the guest sees an A" "$carrel" expect fast \
        '01001e0001000000' --serial --timeout 60
    both
    check "fast: and they go back" within 20 is_now free
    both
    check "fast: and are taken again" within 20 is_now taken
    kill "$keyboard"
    check "fast: a keyboard that is unplugged is missed" within 20 missed
    exec 7>&-
else
    echo "# no uinput in this kernel: no keyboard tried"
fi
ends fast
is_back() { [ "$(cat $pool/nr_hugepages)" = "$before" ]; }
check "fast: the host has its memory back" within 30 is_back

"$carrel" set fast input.evdev0=
check "killed: it starts" "$carrel" start fast --yes
check "killed: by SIGKILL" kill -KILL "$(pgrep -f -- "__machine fast" | head -n 1)"
check "killed: the host has its memory back then too" within 30 is_back

check "much: it is made" "$carrel" new much --from linux-kernel \
    "machine.kernel=$kernel" machine.memory=3G memory.hugepages=2M
check "much: too few pages are refused in words" grep -q \
    'the host found .* huge pages of 2048kB, not' \
    <("$carrel" start much --yes 2>&1)
check "much: and none is kept" within 30 is_back

# ---- what is hidden ----

starts both cpu.hyperv=true
asks both 'dmesg | grep -i "hypervisor detected"' 'Hypervisor detected: KVM' \
    "with KVM shown behind it Linux takes that"
ends both

starts vendor cpu.hyperv=true cpu.hv-vendor=Carrel
asks vendor 'dmesg | grep -i "hypervisor detected"' 'Hypervisor detected: KVM' \
    "and by another name it does not know the other"
ends vendor

# This chipset has no clock of its own: without KVM's the guest has none.
check "plain: it is made" "$carrel" new plain --from linux-kernel \
    "machine.kernel=$kernel" cpu.kvm=false
check "plain: a hidden clock is told of" grep -q 'without a clock' \
    <("$carrel" check plain 2>&1)
finish
