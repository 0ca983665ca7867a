# tests/bench/vmms.sh - how each program is started; sourced by rows.sh.
#
# A function sets the array CMD (foreground, COM1 on standard input and output
# unless LINK is set) for the machine
#   vmm_rom ROM MIB [DISK]     a ROM of ours in place of the BIOS
#   vmm_bios MIB DISK          SeaBIOS, VGA with its BIOS, one IDE disk
#   vmm_linux MIB INITRD CMDLINE    the kernel of build-kernel.sh, directly
#   vmm_io INITRD CMDLINE OUTPUT disk FILE FORMAT    the same with 256 MiB and
#   vmm_io INITRD CMDLINE OUTPUT net tap|vhost|user  a device; COM1 to a file
#   vmm_io INITRD CMDLINE OUTPUT nic MODEL   an emulated card on the tap
#   vmm_io INITRD CMDLINE OUTPUT vfio ADDRESS    a device of this host
# use NAME selects one. CAN lists the rows that it takes part in.
# shellcheck shell=bash disable=SC2034

use() {
    LINK=''
    "use_${1//-/_}"
    ! declare -F "more_${1//-/_}" >/dev/null || "more_${1//-/_}"
}

# ---- minivmm: the floor ----

use_minivmm() {
    CAN='first exit'
    vmm_rom() { CMD=("$tools/minivmm" "$1" "$2"); }
}

# ---- carrel ----

# The process of a machine: what `carrel start` starts.
use_carrel() {
    CAN='first exit disk sata boot planar memory linux blk blk-qcow2 net nic vfio'
    LINK=$scratch/com1
    vmm_io() {
        local folder=$CARREL_MACHINES_DIR/bench
        mkdir -p "$folder"
        {
            printf '[machine]\nchipset=pc-virtio\nmemory=256M\nkernel=%s\ninitrd=%s\ncmdline=%s\n' \
                "$kernels/bzImage-trim" "$1" "$2 pci=noearly"
            printf '[serial0]\nkind=file\npath=%s\n' "$3"
            case $4:$5 in
            disk:*) printf '[disk0]\nmodel=%s\nformat=%s\npath=%s\n' \
                "${DISK_MODEL:-virtio-blk}" "$6" "$5" ;;
            net:user) printf '[net0]\nmodel=virtio-net\nkind=user\nhost-access=true\n' ;;
            net:vhost) printf '[net0]\nmodel=virtio-net\nkind=tap\ninterface=tap-bench\nvhost=on\n' ;;
            net:tap) printf '[net0]\nmodel=virtio-net\nkind=tap\ninterface=tap-bench\nvhost=off\n' ;;
            nic:*) printf '[net0]\nmodel=%s\nkind=tap\ninterface=tap-bench\n' "$5" ;;
            vfio:*) printf '[pci0]\nhost=%s\n' "$5" ;;
            esac
        } >"$folder/machine.ini"
        CMD=("$carrel" __machine bench)
    }
    vmm_linux() {
        local folder=$CARREL_MACHINES_DIR/bench
        mkdir -p "$folder"
        printf '[machine]\nchipset=pc-virtio\nmemory=%sM\nkernel=%s\ninitrd=%s\ncmdline=%s\n[serial0]\nkind=pty\npath=%s\n' \
            "$1" "$kernels/bzImage-trim" "$2" "$3 pci=noearly" "$LINK" \
            >"$folder/machine.ini"
        CMD=("$carrel" __machine bench)
    }
    vmm_rom() { carrel_machine "$2" "firmware=$1" none "${3:-}"; }
    vmm_bios() { carrel_machine "$1" "" vga "$2"; }
}

# What a person waits for: the verb, the machine's process and the rest.
use_carrel_start() {
    use_carrel
    CAN='first'
    vmm_rom() {
        carrel_machine "$2" "firmware=$1" none "${3:-}"
        CMD=("$carrel" start bench)
    }
}

carrel_machine() { # MIB MACHINE-LINE DISPLAY DISK
    local folder=$CARREL_MACHINES_DIR/bench
    mkdir -p "$folder"
    {
        printf '[machine]\nmemory=%sM\n%s\nboot=disk\n' "$1" "$2"
        printf '[display]\nmodel=%s\n' "$3"
        printf '[serial0]\nkind=pty\npath=%s\n' "$LINK"
        [ -z "$4" ] || printf '[disk0]\nmodel=%s\nformat=raw\npath=%s\n' \
            "$disk_model" "$4"
    } >"$folder/machine.ini"
    CMD=("$carrel" __machine bench)
}

# ---- qemu-microvm: QEMU's smallest machine, the kernel as ELF ----

use_qemu_microvm() {
    CAN='linux'
    vmm_linux() {
        CMD=("$qemu" -M microvm,rtc=off,pit=off,pic=off,acpi=off,x-option-roms=off
            -accel kvm
            -cpu host -m "$1" -nodefaults -no-user-config -display none
            -serial stdio -kernel "$kernels/vmlinux-trim" -initrd "$2"
            -append "$3")
    }
}

# ---- kvmtool: bzImage, unpacked in the guest, the only format it has ----

use_kvmtool() {
    CAN=''
    [ ! -x "${lkvm:-}" ] || CAN='linux'
    vmm_linux() {
        CMD=("$lkvm" run --name "bench$$" -c 1 -m "$1" --console serial
            -n mode=none -k "$kernels/bzImage-trim" -i "$2" -p "$3")
    }
}

# ---- qemu-pc: the same machine type ----

use_qemu_pc() {
    CAN='first exit disk sata boot planar memory blk blk-qcow2 net nic vfio'
    aio=threads
    machine=pc
    vmm_io() {
        CMD=("$qemu" -M "$machine" -accel kvm -cpu host -m 256 -nodefaults
            -no-user-config -display none -serial "file:$3"
            -kernel "$kernels/bzImage-trim" -initrd "$1" -append "$2")
        local net='virtio-net-pci,netdev=n'
        case $4:$5 in
        disk:*) CMD+=(-drive "file=$5,format=$6,if=none,id=d,cache=writeback,aio=$aio"
            -device virtio-blk-pci,drive=d) ;;
        net:user) CMD+=(-netdev user,id=n -device "$net") ;;
        net:vhost) CMD+=(-netdev tap,id=n,ifname=tap-bench,script=no,downscript=no,vhost=on
            -device "$net") ;;
        net:tap) CMD+=(-netdev tap,id=n,ifname=tap-bench,script=no,downscript=no,vhost=off
            -device "$net") ;;
        nic:*) CMD+=(-netdev tap,id=n,ifname=tap-bench,script=no,downscript=no
            -device "$5,netdev=n") ;;
        vfio:*) CMD+=(-device "vfio-pci,host=$5") ;;
        esac
    }
    vmm_rom() { qemu_machine "$2" "${3:-}" -bios "$1"; }
    vmm_bios() { qemu_machine "$1" "$2" -device VGA; }
}

# Disk by io_uring, QEMU's fastest way, as Carrel has it.
use_qemu_pc_uring() {
    use_qemu_pc
    CAN='disk sata blk'
    aio=io_uring
}

# Its PCI Express machine, whose disks are not IDE ones.
use_qemu_q35() {
    use_qemu_pc
    CAN='first exit'
    machine=q35
}

qemu_machine() { # MIB DISK ARGUMENT...
    local mib=$1 disk=$2
    shift 2
    CMD=("$qemu" -M "$machine" -accel kvm -cpu host -m "$mib" -nodefaults
        -no-user-config -display none -serial stdio "$@")
    local drive="file=$disk,format=raw,cache=writeback,aio=$aio"
    if [ -n "$disk" ] && [ "$disk_model" = ahci ]; then
        CMD+=(-drive "$drive,if=none,id=d" -device ich9-ahci,id=sata,addr=0x1f
            -device ide-hd,drive=d,bus=sata.0)
    elif [ -n "$disk" ]; then
        CMD+=(-drive "$drive,if=ide")
    fi
}

# ---- rows-linux.sh and rows-vnc.sh: what more each program can do ----
#
#   vmm_linux_full MIB INITRD CMDLINE DISK TAP    vmm_linux with a virtio disk
#                                   and a virtio network card
#   vmm_vnc MIB DISK    vmm_bios with a VNC server on the socket VNC_SOCKET

more_carrel() {
    CAN+=' linux-full exits vnc'
    vmm_linux_full() {
        vmm_linux "$1" "$2" "$3"
        printf '[disk0]\nmodel=virtio-blk\nformat=raw\npath=%s\n[net0]\nkind=tap\ninterface=%s\n' \
            "$4" "$5" >>"$CARREL_MACHINES_DIR/bench/machine.ini"
    }
    vmm_vnc() {
        vmm_bios "$1" "$2"
        VNC_SOCKET=$CARREL_RUNTIME_DIR/bench/vnc.sock
    }
}

more_qemu_microvm() {
    CAN+=' linux-full exits'
    vmm_linux_full() {
        vmm_linux "$1" "$2" "$3"
        qemu_virtio "$4" "$5" device
    }
}

# kvmtool's own network is a device as well: none unless asked.
more_kvmtool() {
    [ -z "$CAN" ] || CAN+=' linux-full exits'
    vmm_linux_full() {
        vmm_linux "$1" "$2" "$3"
        CMD=("${CMD[@]/mode=none/mode=tap,tapif=$5,vhost=1}" -d "$4")
    }
}

more_qemu_q35() { more_qemu_pc; }

# The ELF file, which it starts through its PVH loader: no unpacking.
more_qemu_pc() {
    CAN+=' linux-full exits vnc'
    vmm_linux_full() {
        qemu_machine "$1" "" -kernel "$kernels/vmlinux-trim" -initrd "$2" \
            -append "$3"
        qemu_virtio "$4" "$5" pci
    }
    vmm_vnc() {
        VNC_SOCKET=$scratch/vnc
        qemu_machine "$1" "$2" -device VGA -vnc "unix:$VNC_SOCKET"
    }
}

qemu_virtio() { # DISK TAP BUS
    CMD+=(-drive "file=$1,format=raw,if=none,id=d0"
        -device "virtio-blk-$3,drive=d0"
        -netdev "tap,id=n0,ifname=$2,script=no,downscript=no,vhost=on"
        -device "virtio-net-$3,netdev=n0")
}
