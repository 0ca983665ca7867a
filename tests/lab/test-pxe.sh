#!/usr/bin/env bash
# A guest that starts from its network card: SeaBIOS runs the card's ROM, that
# asks the user network for an address and gets a program by TFTP. (iPXE does
# not come up on a KVM without hardware virtualisation.)
. "$(dirname "$0")/lib.sh"
need_assembler
patience=240
rom=
path=${CARREL_FIRMWARE_PATH:-}
for dir in ${path//:/ } /usr/share/qemu /usr/lib/ipxe/qemu \
    /usr/share/ipxe/qemu; do
    if [ -e "$dir/efi-virtio.rom" ]; then rom=$dir/efi-virtio.rom; fi
done
[ -n "$rom" ] || skip_all "no efi-virtio.rom (Debian package ipxe-qemu)"

truncate -s 1M "$home/blank.img"
mkdir -p "$home/tftp/deep"
as --32 -o "$home/nbp.o" "$(dirname "$0")/pxe-nbp.S" &&
    ld -m elf_i386 --oformat binary -Ttext 0x7c00 \
        -o "$home/tftp/deep/hello.0" "$home/nbp.o" ||
    skip_all "the program cannot be made"
printf '#!ipxe\necho by a script\nchain deep/hello.0\n' >"$home/tftp/boot.ipxe"

# boots NAME ARGUMENT... - to the guest's word on the serial port.
boots() {
    local name=$1
    shift
    starts "$name" --memory 64M --set serial0.kind=pane \
        --set net0.kind=user --set "net0.tftp=$home/tftp" "$@" \
        "disk=$home/blank.img"
    check "$name: the program runs" "$carrel" expect "$name" \
        'started from the network by PXENV\+' --serial --timeout "$patience" ||
        show "$name"
}

boots program --set machine.boot=net --set net0.bootfile=deep/hello.0
check "no disk came before it" bash -c \
    "! '$carrel' screenshot program --text | grep -q 'Hard Disk'"
check "its card says how much it sent" bash -c \
    "'$carrel' net list program | grep -qE 'guest sent [1-9]'"
check "a reset starts it again" "$carrel" reset program
check "from the network" "$carrel" expect program \
    'started from the network by PXENV\+' --serial --timeout "$patience"
"$carrel" stop program --force >/dev/null

boots script --set machine.boot=net --set net0.bootfile=boot.ipxe
"$carrel" stop script --force >/dev/null

# Two cards: the one with something to start from is the second.
boots second --set machine.boot=net --set net0.bootfile=none.0 \
    --set net1.kind=user --set "net1.tftp=$home/tftp" \
    --set net1.bootfile=deep/hello.0
"$carrel" stop second --force >/dev/null

starts without --memory 64M --set serial0.kind=pane --set net0.kind=user \
    --set machine.boot=net --set net0.boot-rom=no-such.rom \
    "disk=$home/blank.img"
check "a ROM that is not there is told" bash -c \
    "'$carrel' logs without | grep -q \"boot-rom: 'no-such.rom' was not found\""
sees without 'No bootable device' 120 "and the machine starts without it"
"$carrel" stop without --force >/dev/null

echo "no ROM at all, but long enough" >"$home/bad.rom"
truncate -s 4096 "$home/bad.rom"
refuses '[0-9]+' 'no PCI expansion ROM' "a file that is no ROM" \
    "$carrel" run --detach --name bad --set net0.kind=user \
    --set machine.boot=net --set "net0.boot-rom=$home/bad.rom" \
    "disk=$home/blank.img"
refuses '[0-9]+' "tftp.*no folder" "a folder that is not there" \
    "$carrel" run --detach --name bad --set net0.kind=user \
    --set machine.boot=net --set "net0.tftp=$home/nowhere" \
    "disk=$home/blank.img"
finish
