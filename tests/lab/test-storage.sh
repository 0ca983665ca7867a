#!/usr/bin/env bash
# Debian with its own drivers on the controllers that need no others: a disk on
# the SATA controller, from which SeaBIOS, GRUB and Linux start, one on the IDE
# controller, CD drives on both, a floppy drive. Data is written and read back,
# discs and floppies change on either side, disks come and go.
# Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
IFS=- read -r cpus memory _ <<<"$3"

# asks COMMAND PATTERN WHAT [SECONDS] - a line for the shell, and its answer.
asks() {
    "$carrel" send sata serial "$1"$'\n' &&
        check "$3" "$carrel" expect sata "$2" --serial --timeout "${4:-90}"
}

# until_guest CONDITION WORD WHAT - the guest sees it come true within 30 s.
until_guest() {
    asks "i=0; until [ $1 ] || [ \$i -gt 60 ]; do usleep 500000; i=\$((i+1)); done; [ $1 ] && echo \"$2-\$((6*7))\"" \
        "$2-42" "$3"
}

# lists PATTERN - what the host says of the drives.
lists() { "$carrel" media sata list | grep -q "$1"; }

cp "$disk" "$home/disk"
truncate -s 48M "$home/ide.img"
truncate -s 16M "$home/late.img"
for i in 1 2 3; do head -c ${i}M /dev/urandom >"$home/$i.iso"; done
for i in 1 2; do head -c 1440K /dev/urandom >"$home/$i.flp"; done
sum() { md5sum <"$home/$1" | cut -d ' ' -f 1; }

starts sata --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    --set disk0.model=ahci --set disk1.model=ide \
    --set disk1.serial=the-ide-one \
    --set cd0.model=ahci --set cd1.model=ide \
    "disk=$home/disk" "disk=$home/ide.img" "cd=$home/1.iso" "cd=$home/2.iso" \
    "floppy=$home/1.flp"
sees sata 'carrel-lab login:' 600 "a login on the screen" || finish
check "root logs in on the serial port" \
    "$carrel" send sata serial $'root\n'
check "the serial shell's prompt" \
    "$carrel" expect sata '~ #|/root #' --serial --timeout 30

# ---- drivers
# on DRIVER TYPE - the block devices of that PCI driver, disks or sr.
"$carrel" send sata serial \
    'on() { for d in /sys/bus/pci/drivers/$1/0000*/ata*/host*/target*/*:*/block/$2*; do [ -e $d ] && echo /dev/${d##*/}; done; }; set +o emacs'$'\n'
asks 'A=$(on ahci sd) I=$(on ata_piix sd) C=$(on ahci sr) D=$(on ata_piix sr); echo "drives=$A,$I,$C,$D."' \
    'drives=/dev/sd.,/dev/sd.,/dev/sr.,/dev/sr.\.' \
    "ahci, ata_piix and sr_mod have their drives" || finish
asks 'echo "root=$A $(cut -d" " -f1 /proc/mounts | grep /dev/sd)"' \
    'root=(/dev/sd.) \1' "the root is on SATA"
asks 'echo "depth=$(cat /sys/block/${A#/dev/}/device/queue_depth),"' \
    'depth=3[12],' "commands are queued"
asks 'dmesg | grep -c "NCQ (depth 32)" | sed "s/^/ncq=/;s/$/,/"' 'ncq=1,' \
    "by NCQ"
asks 'dmesg | grep -E "^.*ata[0-9.]*: (SATA link up|configured for)" | grep -c "3.0 Gbps\|UDMA/100" | sed "s/^/links=/;s/$/,/"' \
    'links=[4-9],' "at the speeds that were told"
asks 'grep -q "PCI-MSI.*ahci" /proc/interrupts && echo "by-$((6*7))"' by-42 \
    "the interrupt is a message"
asks 'insmod /modules/floppy.ko; sleep 3; ls /dev/fd0 && echo "fd-$((6*7))"' \
    'fd-42' "the floppy driver has its drive"

# ---- data
for d in A I; do
    asks "dd if=/dev/urandom of=/tmp/a bs=64k count=128 2>/dev/null; eval d=\\\$$d; [ $d = A ] && s=/root/file || s=\$d; dd if=/tmp/a of=\$s bs=64k conv=fsync,notrunc 2>/dev/null; echo 3 >/proc/sys/vm/drop_caches; [ \"\$(md5sum </tmp/a)\" = \"\$(dd if=\$s bs=64k count=128 2>/dev/null | md5sum)\" ] && echo \"same$d-\$((6*7))\"" \
        "same$d-42" "8 MiB read back as written ($d)" 180
done
asks 'dd if=/dev/urandom of=$I bs=128k count=100 oflag=direct 2>/dev/null & dd if=$A of=/dev/null bs=64k count=600 iflag=direct 2>/dev/null; wait; echo "both-$((6*7))"' \
    'both-42' "both controllers at once" 180

# ---- discs
for d in C D; do
    drive=$([ "$d" = C ] && echo cd0 || echo cd1)
    first=$([ "$d" = C ] && echo 1.iso || echo 2.iso)
    asks "echo disc=\$(md5sum <\$$d)" "disc=$(sum "$first")" \
        "$drive: reads as its image"
    check "$drive: another disc" "$carrel" media sata insert "$drive" "$home/3.iso"
    asks "echo disc=\$(md5sum <\$$d)" "disc=$(sum 3.iso)" \
        "$drive: the guest reads that one"
    asks "exec 3<\$$d; echo held-\$((6*7))" held-42 "$drive: the guest holds it"
    check "$drive: the host sees the lock" lists "$drive: .*(locked by the guest)"
    check "$drive: it does not come out" \
        bash -c "! '$carrel' media sata eject $drive 2>'$home/why'"
    check "$drive: and says why" grep -q 'locked the tray.*--force' "$home/why"
    check "$drive: by force it does" "$carrel" media sata eject "$drive" --force
    asks "exec 3<&-; echo free-\$((6*7))" free-42 "$drive: the guest lets go"
    asks "dd if=\$$d of=/dev/null bs=2048 count=1 2>/dev/null || echo none-\$((6*7))" \
        none-42 "$drive: the drive is empty"
    check "$drive: a disc again" "$carrel" media sata insert "$drive" "$home/2.iso"
    asks "echo disc=\$(md5sum <\$$d)" "disc=$(sum 2.iso)" "$drive: it is read"
    asks "echo 1 >/proc/sys/dev/cdrom/autoeject; : <\$$d; echo 0 >/proc/sys/dev/cdrom/autoeject; echo out-\$((6*7))" \
        out-42 "$drive: the guest ejects it"
    check "$drive: the host sees the open tray" lists "$drive: .*(tray open)"
    check "$drive: the log tells of it" bash -c \
        "'$carrel' logs sata | grep -q 'the guest has opened the tray with .*2.iso'"
    check "$drive: the next disc closes it" \
        "$carrel" media sata insert "$drive" "$home/1.iso"
    asks "echo disc=\$(md5sum <\$$d)" "disc=$(sum 1.iso)" "$drive: it is read"
done

# ---- floppies
asks 'echo "floppy=$(dd if=/dev/fd0 bs=18k 2>/dev/null | md5sum)"' \
    "floppy=$(sum 1.flp)" "the floppy reads as its image" 240
check "another one" "$carrel" media sata insert floppy0 "$home/2.flp"
asks 'echo "floppy=$(dd if=/dev/fd0 bs=18k 2>/dev/null | md5sum)"' \
    "floppy=$(sum 2.flp)" "the guest sees the change" 240
check "none" "$carrel" media sata eject floppy0
asks 'dd if=/dev/fd0 of=/dev/null bs=512 count=1 2>/dev/null || echo "none-$((6*7))"' \
    none-42 "the guest finds none" 240

# ---- disks come and go
check "a SATA disk is plugged in" "$carrel" attach sata disk3 model=ahci \
    "path=$home/late.img" serial=late
until_guest '$(on ahci sd | wc -l) = 2' here "the guest finds it"
asks 'L=$(on ahci sd | grep -v $A); dd if=/dev/urandom of=/tmp/b bs=64k count=64 2>/dev/null; dd if=/tmp/b of=$L bs=64k conv=fsync,notrunc 2>/dev/null && echo "taken-$((6*7))"' \
    'taken-42' "it takes 4 MiB"
check "it is taken out" "$carrel" detach sata disk3
until_guest '$(on ahci sd | wc -l) = 1' gone "it is gone in the guest"
check "in again" "$carrel" attach sata disk3 model=ahci "path=$home/late.img"
until_guest '$(on ahci sd | wc -l) = 2' again "the guest finds it again"
asks 'L=$(on ahci sd | grep -v $A); [ "$(dd if=$L bs=64k count=64 2>/dev/null | md5sum)" = "$(md5sum </tmp/b)" ] && echo "kept-$((6*7))"' \
    'kept-42' "with its content"
check "the disk that it started from stays" \
    bash -c "! '$carrel' detach sata disk0"

# ---- pause, end
asks 'dd if=/dev/urandom of=$L bs=64k count=200 oflag=direct 2>/dev/null & sleep 1; echo "busy-$((6*7))"' \
    'busy-42' "the guest writes"
check "it is paused meanwhile" "$carrel" pause sata
check "and goes on" "$carrel" resume sata
asks 'wait; echo "through-$((6*7))"' 'through-42' "the writes end"
asks 'echo kept-$((6*7)) >/root/kept; sync; dmesg -r | grep "^<[0-3]>" | grep -v "fd0\|sr[01]\|detaching\|SATA link"; echo "end-$((6*7))"' \
    'end-42' "a file is written"
check "the power button ends it" "$carrel" stop sata --timeout 60
check "it is gone" gone sata 10
check "the disk holds the file" grep -qa 'kept-42' "$home/disk"
finish
