# tests/lab/vfio-lib.sh - sourced by tests that pass a device of the lab through:
# a guest with Debian's kernel and a shell, and what happens on the host's side.
# shellcheck disable=SC1091
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export PATH=$PATH:/usr/sbin:/sbin
kernel=/boot/vmlinuz-$(uname -r)
devices=/sys/bus/pci/devices
[ -r "$kernel" ] || skip_all "no Debian kernel in /boot"
[ -n "$(ls -A /sys/class/iommu 2>/dev/null)" ] || skip_all "no IOMMU here"
modprobe vfio-pci || skip_all "no vfio-pci here"

# asks NAME COMMAND PATTERN WHAT [SECONDS] - a line for the shell, its answer.
asks() {
    "$carrel" send "$1" serial "$2"$'\n' &&
        check "$4" "$carrel" expect "$1" "$3" --serial --timeout "${5:-90}"
}

driver_of() { basename "$(readlink "$devices/$1/driver" 2>/dev/null)"; }

# gives ADDRESS - from its driver to vfio-pci; takes ADDRESS - back again.
gives() {
    echo vfio-pci >"$devices/$1/driver_override"
    [ ! -e "$devices/$1/driver" ] || echo "$1" >"$devices/$1/driver/unbind"
    echo "$1" >/sys/bus/pci/drivers_probe
    [ "$(driver_of "$1")" = vfio-pci ]
}
takes() {
    echo >"$devices/$1/driver_override"
    echo "$1" >"$devices/$1/driver/unbind"
    echo "$1" >/sys/bus/pci/drivers_probe
}

group_of() { basename "$(readlink "$devices/$1/iommu_group")"; }

# is_free ADDRESS - nobody has its group open.
is_free() {
    (exec 3<>"/dev/vfio/$(group_of "$1")") 2>/dev/null
}

# wakes PID - how often its threads but the processors' have been woken.
wakes() {
    local task n=0 name
    for task in /proc/"$1"/task/*; do
        read -r name <"$task/comm"
        [[ $name == vcpu* ]] ||
            n=$((n + $(awk '/^voluntary_ctxt/ { print $2 }' "$task/status")))
    done
    echo "$n"
}

# traces PID - records the interrupts that KVM delivers and, of that process, calls
# into the kernel, exits of its processors to it, and who of the others is woken.
trace=/sys/kernel/tracing/instances/carrel
traces() {
    local task name all='' others=''
    rmdir $trace 2>/dev/null
    mkdir $trace
    for task in /proc/"$1"/task/*; do
        read -r name <"$task/comm"
        all+=" || common_pid == ${task##*/}"
        [[ $name == vcpu* ]] || others+=" || pid == ${task##*/}"
    done
    echo global >$trace/trace_clock
    echo 8192 >$trace/buffer_size_kb
    cd $trace/events || return
    echo "${all# || }" | tee {raw_syscalls/sys_enter,kvm/kvm_userspace_exit}/filter
    echo "${others# || }" >sched/sched_waking/filter
    echo 1 | tee {raw_syscalls/sys_enter,sched/sched_waking}/enable \
        kvm/kvm_{userspace_exit,set_irq,msi_set_irq}/enable
    cd - || return
} >/dev/null

# meanwhile INTERRUPT - how many of those there were since traces(), and between how
# many and the next nothing of the process ran; what it did between the others is
# in exits to user space, calls, and wake-ups.
meanwhile() {
    echo 0 >$trace/tracing_on
    awk -v it="$1" '
        $0 ~ it {
            if (n++) {
                exits += e; calls += c; woken += w
                if (e + c + w == 0) silent++
            }
            e = c = w = 0
        }
        / kvm_userspace_exit: / { e++ }
        / sys_enter: / { c++ }
        / sched_waking: / { w++ }
        END { print n + 0, silent + 0, exits + 0, calls + 0, woken + 0 }' \
        $trace/trace
}

# has_fio NAME DISK - fio's image (make-fio.sh) is mounted at /tools.
has_fio() {
    asks "$1" "mkdir -p /tools; mount -t ext4 -o ro $2 /tools; ls /tools/run" \
        '/tools/run' "$1: the tools are there" 60
}

# verifies NAME DRIVE SIZE - fio writes in three ways, reads back and compares.
verifies() {
    asks "$1" "/tools/run --output=/fio.out --ioengine=libaio --direct=1 --verify=crc32c --verify_fatal=1 --filename=$2 --name=small --rw=randwrite --bs=4k --iodepth=16 --io_size=4m --size=$3 --name=mixed --stonewall --rw=randrw --bsrange=4k-96k --iodepth=8 --size=$3 --name=large --stonewall --rw=write --bs=1m --iodepth=4 --size=$3; echo status=\$?," \
        'status=0,' "$1: fio writes and reads back" 900 ||
        "$carrel" logs "$1" --source serial | tail -n 20 | sed 's/^/# serial: /'
    asks "$1" 'echo "ways=$(grep -c "err= 0" /fio.out),"' 'ways=3,' \
        "$1: three ways, none with an error"
    asks "$1" 'sed -n "s/.*rwts: total=\([0-9]*\),\([0-9]*\),.*/\1 \2/p" /fio.out | while read -r r w; do [ "$w" -gt 0 ] && [ "$r" -ge "$w" ] && echo good; done | wc -l | sed "s/^/compared=/;s/$/,/"' \
        'compared=3,' "$1: all was compared"
}
