# tests/bench/rows-linux.sh - the rows linux-full and exits; sourced by rows.sh.
#
# vmm_linux_full MIB INITRD CMDLINE DISK TAP of vmms.sh is vmm_linux with PCI
# (microvm: without), a virtio disk and a virtio network card.
# shellcheck shell=bash disable=SC2154

TAP=carrelbench0
# Seconds. Where a clock counts instructions, QEMU's guests sometimes wait for
# an interrupt for ever; such a repetition has no figure.
LINUX_LIMIT=20
QUIET='console=ttyS0 panic=-1 quiet reboot=t tsc=reliable mitigations=off'

# The tap of the full machine, its disk, and the init RAM disk of both.
linux_files() {
    [ ! -e "$scratch/linux.raw" ] || return 0
    mkdir -p "$scratch/root"
    cp "$tools/guest-init" "$scratch/root/init"
    (cd "$scratch/root" && echo init | cpio --quiet -o -H newc) \
        >"$scratch/initrd.cpio" || return
    modprobe tun 2>/dev/null
    ip link show "$TAP" >/dev/null 2>&1 ||
        { ip tuntap add dev "$TAP" mode tap vnet_hdr && ip link set "$TAP" up; } ||
        { echo "bench: no tap for linux-full; it wants root" >&2 && return 1; }
    truncate -s 16M "$scratch/linux.raw"
}

linux_machine() { # linux|linux-full
    linux_files || return
    if [ "$1" = linux ]; then
        vmm_linux 256 "$scratch/initrd.cpio" "$QUIET"
    else
        vmm_linux_full 256 "$scratch/initrd.cpio" "$QUIET" \
            "$scratch/linux.raw" "$TAP"
    fi
}

linux_full() { # PROGRAM REPETITION
    linux_machine linux-full && LIMIT=$LINUX_LIMIT stamps || return
    record linux-full "elapsed" "$1" "$2" "$(letter Z 2)" us
    record linux-full "CPU time" "$1" "$2" "$(letter Z 3)" us
}

# ---- exits to user space, by the kernel's trace points ----

EVENTS=/sys/kernel/tracing/events/kvm

# Each event and the key by which its histogram is made.
histograms() {
    cat <<'KEYS'
kvm_userspace_exit reason
kvm_pio port.hex,rw
kvm_mmio gpa.hex,type
KEYS
}

trigger() { # ''|'!'
    local event keys
    while read -r event keys; do
        echo "$1hist:keys=$keys:size=4096:sort=hitcount.descending" \
            >"$EVENTS/$event/trigger" || return
    done < <(histograms)
}

hits() { awk '/Hits:/ { print $2 }' "$EVENTS/$1/hist"; }

exits() { # PROGRAM REPETITION
    local guest event
    for guest in linux linux-full; do
        case " $CAN " in *" $guest "*) ;; *) continue ;; esac
        linux_machine "$guest" && trigger '' || return
        LIMIT=$LINUX_LIMIT stamps && {
            record exits "$guest: to user space" "$1" "$2" \
                "$(hits kvm_userspace_exit)" ""
            record exits "$guest: port accesses" "$1" "$2" "$(hits kvm_pio)" ""
            record exits "$guest: MMIO accesses" "$1" "$2" "$(hits kvm_mmio)" ""
        }
        while read -r event _; do
            cat "$EVENTS/$event/hist"
        done < <(histograms) >"$out/exits-$1-$guest.txt"
        trigger '!'
    done
}

if [[ " $rows " == *" exits "* ]] && [ ! -w "$EVENTS" ]; then
    echo "bench: the row exits wants root and the kernel's tracefs" >&2
fi
