#!/usr/bin/env bash
# U-Boot instead of a BIOS: it comes to its prompt on the serial port, reads a
# virtio disk, and loads a file by DHCP and TFTP over a virtio network card.
# Argument: the folder of its build, qemu-x86 when absent.
. "$(dirname "$0")/lib.sh"
need_kvm
need_processor
build=${3:-qemu-x86}
rom=/usr/lib/u-boot/$build/u-boot.rom
[ -e "$rom" ] || skip_all "no $rom (Debian package u-boot-qemu)"

# sum FILE - CRC 32 as U-Boot prints it.
sum() {
    python3 -c 'import sys, zlib
print("%08x" % zlib.crc32(open(sys.argv[1], "rb").read()))' "$1"
}

mkdir "$home/tftp"
head -c 1M /dev/urandom >"$home/disk.img"
head -c 300000 /dev/urandom >"$home/tftp/file.bin"
starts boot --memory 256M --set "machine.firmware=$rom" \
    --set serial0.kind=pane --set disk0.model=virtio-blk \
    --set net0.kind=user --set "net0.tftp=$home/tftp" "disk=$home/disk.img"

# asks COMMAND PATTERN WHAT
asks() {
    "$carrel" send boot serial "$1"$'\n' &&
        check "$3" "$carrel" expect boot "$2" --serial --timeout 90
}

prompt() {
    check "it counts down, $1" "$carrel" expect boot 'Hit any key' --serial \
        --timeout 180 || { show boot; finish; }
    check "a key stops it, $1" "$carrel" send boot serial ' '
    check "it has its prompt, $1" "$carrel" expect boot '=>' --serial \
        --timeout 60
}

prompt first
asks 'bdinfo' 'size +=.*0x0*10000000' "it finds its memory"
asks 'virtio scan; virtio info' 'Capacity: 1\.0 MB' "it finds the disk"
asks 'virtio read 1000000 0 800; crc32 1000000 100000' \
    "==> $(sum "$home/disk.img")" "it reads the disk"
asks 'setenv autoload no; dhcp' 'bound to address 10\.0\.2\.' \
    "it has an address"
asks 'tftpboot 2000000 file.bin; crc32 2000000 493e0' \
    "==> $(sum "$home/tftp/file.bin")" "a file comes by TFTP"
"$carrel" send boot serial $'reset\n'
prompt "after a reset"
# Lines of devices are about what a guest did wrong.
check "no device complains" bash -c \
    "! '$carrel' logs boot | grep -vE '^[^ ]+ (machine|vnc): '"
finish
