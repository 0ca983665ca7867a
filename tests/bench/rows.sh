#!/usr/bin/env bash
# tests/bench/rows.sh - measures, on the machine it runs on. bench calls it,
# here or inside the lab, with its settings in the environment:
#   tools    folder with stamp, minivmm, native-disk and the guests' images
#   carrel, qemu    programs
#   rows, vmms, reps, out
#   kernels  folder that build-kernel.sh filled, for the row linux
#   seconds  of each disk and network job; blk_mib  size of their disk
# Appends to $out/results.tsv: row, metric, program, repetition, value, unit.
# Each repetition runs every program once, so that a slow moment of the host
# meets all of them. Repetition 0 warms the caches and is not recorded.
set -u
cd "$(dirname "$0")" || exit 1
. ./vmms.sh

disk_model=ide
seconds=${seconds:-2} blk_mib=${blk_mib:-256}
scratch=$(mktemp -d /dev/shm/carrel-bench.XXXXXX)
export CARREL_RUNTIME_DIR=$scratch/run CARREL_STATE_DIR=$scratch/state \
    CARREL_MACHINES_DIR=$scratch/machines CARREL_CACHE_DIR=$scratch/cache
mkdir -m 700 "$CARREL_RUNTIME_DIR"
trap '"$carrel" stop bench --force >/dev/null 2>&1; rm -rf "$scratch"' EXIT

record() { # ROW METRIC PROGRAM REPETITION VALUE UNIT
    [ "$4" = 0 ] && return
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$out/results.tsv"
}

# stamps STAMP-ARGUMENT... - runs CMD; its letters are in $scratch/stamps.
stamps() {
    local how=("$@")
    [ -z "$LINK" ] || how+=(-l "$LINK")
    "$tools/stamp" -t "${LIMIT:-240}" "${how[@]}" -- "${CMD[@]}" >"$scratch/stamps" \
        2>"$scratch/errors" && return
    echo "bench: ${CMD[*]}: no end" >&2
    cat "$scratch/stamps" "$scratch/errors" >&2
    return 1
}

# each ROW FUNCTION - runs FUNCTION PROGRAM REPETITION for all that can.
each() {
    local rep vmm
    for rep in $(seq 0 "$reps"); do
        for vmm in $vmms; do
            use "$vmm"
            case " $CAN " in *" $1 "*) "$2" "$vmm" "$rep" ;; esac
        done
    done
}

# letter X FIELD - 2: time since the start, 3: CPU time, microseconds.
letter() { awk -v l="$1" -v f="$2" '$1 == l { print $f }' "$scratch/stamps"; }

# ---- start of the process to the first guest instruction ----

first() {
    vmm_rom "$tools/first.bin" 64
    stamps -u Y || return
    record first "elapsed" "$1" "$2" "$(letter Y 2)" us
    if [ "$1" = carrel-start ]; then
        "$carrel" stop bench --force >/dev/null 2>&1
    else
        record first "CPU time" "$1" "$2" "$(letter Y 3)" us
    fi
}

# ---- the cost of leaving the guest ----

exit_costs() {
    vmm_rom "$tools/exit.bin" 64
    stamps || return
    local name count
    while read -r l count name; do
        awk -v l="$l" -v n="$count" '
            $1 == l { t = $2; c = $3 }
            $1 == toupper(l) {
                printf "%.1f %.1f\n", ($2 - t) * 1e3 / n, ($3 - c) * 1e3 / n
            }' "$scratch/stamps" >"$scratch/cost"
        read -r elapsed cpu <"$scratch/cost"
        record exit "$name" "$1" "$2" "$elapsed" ns
        record exit-cpu "$name" "$1" "$2" "$cpu" ns
    done <<'PHASES'
a 100000 CPUID, in the kernel
b 20000 port write, no device
c 20000 port write, UART scratch
d 20000 port read, UART status
e 20000 MMIO write, no device
f 20000 MMIO read, no device
g 100000 PIC mask write, in the kernel
i 2000 byte over the serial port
PHASES
}

# ---- the IDE disk by DMA, a SATA disk by queued commands ----

disk_result() { # ROW PROGRAM REPETITION SEQUENTIAL-US RANDOM-US
    record "$1" "64 KiB reads, sequential" "$2" "$3" \
        "$(awk -v t="$4" 'BEGIN { printf "%.1f", 67108864 / t }')" MB/s
    record "$1" "4 KiB reads, random" "$2" "$3" \
        "$(awk -v t="$5" 'BEGIN { printf "%.0f", 4000 * 1e6 / t }')" IOPS
}

phase() { echo $(($(letter "$2" 2) - $(letter "$1" 2))); }

disk_row() { # ROW PROGRAM REPETITION
    vmm_rom "$tools/$1.bin" 64 "$scratch/disk.raw"
    stamps || return
    disk_result "$1" "$2" "$3" "$(phase s S)" "$(phase r R)"
    record "$1-cpu" "64 KiB read" "$2" "$3" \
        $((($(letter S 3) - $(letter s 3)) / 1024)) us
    record "$1-cpu" "4 KiB read" "$2" "$3" \
        $((($(letter R 3) - $(letter r 3)) / 4000)) us
    if [ "$2" = carrel ]; then # once a repetition
        "$tools/native-disk" "$scratch/disk.raw" >"$scratch/stamps" &&
            disk_result "$1" native "$3" "$(letter s 2)" "$(letter r 2)"
    fi
}

disk() { disk_row disk "$@"; }

sata() {
    disk_model=ahci
    disk_row sata "$@"
    disk_model=ide
}

# ---- SeaBIOS to the boot sector ----

boot() {
    cp "$tools/boot.bin" "$scratch/boot.raw"
    vmm_bios 64 "$scratch/boot.raw"
    stamps || return
    record boot "elapsed" "$1" "$2" "$(letter Z 2)" us
    record boot "CPU time" "$1" "$2" "$(letter Z 3)" us
}

# ---- drawing in planes ----

planar() {
    cp "$tools/planar.bin" "$scratch/planar.raw"
    vmm_bios 64 "$scratch/planar.raw"
    stamps || return
    local n=$((2 * 640 * 480 / 8))
    record planar "write, elapsed" "$1" "$2" \
        $((($(letter Z 2) - $(letter Y 2)) * 1000 / n)) ns
    record planar "write, CPU time" "$1" "$2" \
        $((($(letter Z 3) - $(letter Y 3)) * 1000 / n)) ns
}

# ---- the start of the process to PID 1 of Linux, without firmware ----

linux() {
    local quiet='console=ttyS0 panic=-1 quiet reboot=t tsc=reliable'
    mkdir -p "$scratch/root"
    cp "$tools/guest-init" "$scratch/root/init"
    (cd "$scratch/root" && echo init | cpio --quiet -o -H newc) \
        >"$scratch/initrd.cpio" || return
    vmm_linux 256 "$scratch/initrd.cpio" "$quiet mitigations=off"
    stamps || return
    record linux "elapsed" "$1" "$2" "$(letter Z 2)" us
    record linux "CPU time" "$1" "$2" "$(letter Z 3)" us
}

# ---- virtio disk and network, driven by Linux ----

# io_guest CMDLINE disk FILE FORMAT | net KIND - the guest's lines in $scratch/io.
io_guest() {
    local quiet='console=ttyS0 panic=-1 quiet reboot=t tsc=reliable'
    mkdir -p "$scratch/io-root"
    cp "$tools/io-jobs" "$scratch/io-root/init"
    (cd "$scratch/io-root" && echo init | cpio --quiet -o -H newc) \
        >"$scratch/io.cpio" || return
    : >"$scratch/io"
    vmm_io "$scratch/io.cpio" "$quiet mitigations=off secs=$seconds $1" \
        "$scratch/io" "${@:2}"
    "${CMD[@]}" </dev/null >"$scratch/errors" 2>&1 &
    local pid=$! waited=0
    until grep -q END "$scratch/io" || [ $((waited += 1)) -gt 1200 ] ||
        ! kill -0 $pid 2>/dev/null; do
        sleep 0.2
    done
    kill -9 $pid
    wait $pid 2>/dev/null
    grep -q END "$scratch/io" && return
    echo "bench: ${CMD[*]}: no end" >&2
    cat "$scratch/io" "$scratch/errors" >&2
    return 1
}

# Lines "blk NAME MB/s IOPS" on standard input.
blk_lines() { # ROW PROGRAM REPETITION
    tr -d '\r' | while read -r word name mbs iops; do
        [ "$word" = blk ] || continue
        case $name in
        read-1M*) record "$1" "$name" "$2" "$3" "$mbs" MB/s ;;
        *) record "$1" "$name" "$2" "$3" "$iops" IOPS ;;
        esac
    done
}

blk() {
    io_guest work=disk disk "$scratch/blk.raw" raw || return
    blk_lines blk "$1" "$2" <"$scratch/io"
    [ "$1" = carrel ] || return 0 # once a repetition
    "$tools/io-jobs" disk "$scratch/blk.raw" "$seconds" | blk_lines blk native "$2"
}

blk_qcow2() {
    qemu-img convert -q -O qcow2 "$scratch/blk.raw" "$scratch/blk.qcow2"
    io_guest work=disk disk "$scratch/blk.qcow2" qcow2 || return
    blk_lines blk-qcow2 "$1" "$2" <"$scratch/io"
    rm -f "$scratch/blk.qcow2"
}

# The guest's network jobs, from $scratch/io.
net_lines() { # ROW PROGRAM REPETITION
    tr -d '\r' <"$scratch/io" | while read -r word name value; do
        [ "$word" = net ] || continue
        case $name in
        round-trip) record "$1" "TCP round trip" "$2" "$3" "$value" us ;;
        sent) record "$1" "guest to host" "$2" "$3" "$value" MB/s ;;
        received) record "$1" "host to guest" "$2" "$3" "$value" MB/s ;;
        esac
    done
}

# In the lab only: its second NVMe drive, by the lab's own driver and by VFIO.
vfio_drive=0000:04:00.0

# to_driver NAME - the drive is that driver's.
to_driver() {
    local d=/sys/bus/pci/devices/$vfio_drive
    echo "$1" >$d/driver_override
    [ ! -e $d/driver ] || echo $vfio_drive >$d/driver/unbind
    echo $vfio_drive >/sys/bus/pci/drivers_probe
}

vfio_native() { # REPETITION
    local name='' tries=0
    to_driver nvme
    until [ -b "/dev/$name" ] || [ $((tries += 1)) -gt 50 ]; do
        sleep 0.2
        name=$(basename "$(echo /sys/bus/pci/devices/$vfio_drive/nvme/nvme*)")n1
    done
    "$tools/io-jobs" disk "/dev/$name" "$seconds" | blk_lines vfio native "$1"
    to_driver vfio-pci
}

vfio() {
    [ "$1" != carrel ] || vfio_native "$2" # once a repetition
    io_guest work=disk vfio $vfio_drive || return
    blk_lines vfio "$1" "$2" <"$scratch/io"
}

net() {
    local kind address gateway
    for kind in vhost tap user; do
        address=10.0.9.2 gateway=10.0.9.1
        [ $kind != user ] || address=10.0.2.15 gateway=10.0.2.2
        io_guest "work=net ip=$address gw=$gateway port=5555" net $kind || continue
        net_lines net-$kind "$1" "$2"
    done
}

# The same with cards that were sold, which both programs call alike.
nic() {
    local model
    for model in ${nics:-e1000 rtl8139}; do
        io_guest "work=net ip=10.0.9.2 gw=10.0.9.1 port=5555" nic "$model" ||
            continue
        net_lines "nic-$model" "$1" "$2"
    done
}

# In the lab only, where nothing of the host is changed.
net_begin() {
    modprobe -q tun
    modprobe -q vhost_net
    ip tuntap add dev tap-bench mode tap 2>/dev/null
    ip addr add 10.0.9.1/24 dev tap-bench 2>/dev/null
    ip link set tap-bench up
    ip link set lo up
    "$tools/io-jobs" serve 5555 &
    server=$!
}

# ---- memory beside the guest's, threads, and work while the guest sleeps ----

# Guest RAM is the mapping of at least three quarters of its size.
smaps() {
    awk -v ram=$((256 * 1024)) '
        /^Size:/ { size = $2 }
        /^Rss:/ { rss = $2 }
        /^Pss:/ { pss = $2 }
        /^Private_Dirty:/ { dirty = $2 }
        /^VmFlags:/ && size < ram * 3 / 4 { r += rss; p += pss; d += dirty }
        END { print r, p, d }' "/proc/$1/smaps"
}

memory() {
    cp "$tools/boot.bin" "$scratch/boot.raw"
    vmm_bios 256 "$scratch/boot.raw"
    stamps -k "$scratch/pid" || return
    local pid before after rss pss dirty
    pid=$(cat "$scratch/pid")
    sleep 2
    before=$(cat /proc/"$pid"/task/*/schedstat | awk '{ n += $1 } END { printf "%.0f", n }')
    sleep 3
    after=$(cat /proc/"$pid"/task/*/schedstat | awk '{ n += $1 } END { printf "%.0f", n }')
    read -r rss pss dirty <<<"$(smaps "$pid")"
    record memory "resident" "$1" "$2" "$rss" KiB
    record memory "proportional (PSS)" "$1" "$2" "$pss" KiB
    record memory "private and written" "$1" "$2" "$dirty" KiB
    record memory "threads" "$1" "$2" "$(ls "/proc/$pid/task" | wc -l)" ""
    record memory "CPU while idle" "$1" "$2" $(((after - before) / 3000)) us/s
    kill -9 "$pid"
}

. ./rows-linux.sh
. ./rows-vnc.sh

head -c 64M /dev/urandom >"$scratch/disk.raw"
for row in $rows; do
    echo "$(date +%T) $row"
    case $row in
    first) each first first ;;
    exit) each exit exit_costs ;;
    disk) each disk disk ;;
    sata) each sata sata ;;
    boot) each boot boot ;;
    planar) each planar planar ;;
    linux) each linux linux ;;
    blk | blk-qcow2)
        [ -s "$scratch/blk.raw" ] ||
            head -c "${blk_mib}M" /dev/urandom >"$scratch/blk.raw"
        each "$row" "${row//-/_}"
        ;;
    net | nic)
        net_begin
        each "$row" "$row"
        kill "$server"
        ;;
    memory) each memory memory ;;
    vfio)
        modprobe -q vfio-pci
        each vfio vfio
        to_driver nvme
        ;;
    linux-full) each linux-full linux_full ;;
    exits) each exits exits ;;
    vnc) each vnc vnc ;;
    *) echo "bench: no row '$row'" >&2 ;;
    esac
done
