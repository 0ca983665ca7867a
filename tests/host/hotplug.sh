#!/usr/bin/env bash
# Cards come and go under a guest that knows nothing of it: what the machine
# has, who holds the image, and what is refused with which words.
. "$(dirname "$0")/lib.sh"
need_kvm

truncate -s 4M "$home/blank.img" "$home/extra.img"
starts plug --memory 64M "disk=$home/blank.img"
sees plug 'No bootable device' 120 "the BIOS finds nothing to boot"
drives() { "$carrel" media plug list; }
has() { drives | grep -qxF "$1: $2"; }
has_no() { ! drives | grep -q "^$1:"; }
free_image() { # FILE - nobody holds it
    python3 - "$1" <<'PYTHON'
import fcntl, struct, sys
with open(sys.argv[1], 'r+b') as f:
    lock = struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0)
    got = fcntl.fcntl(f, 36, lock)  # F_OFD_GETLK
    sys.exit(struct.unpack('hhqqi4x', got)[0] != fcntl.F_UNLCK)
PYTHON
}
held() { ! free_image "$1"; }

check "a disk is plugged in" \
    "$carrel" attach plug disk1 "path=$home/extra.img"
check "it is in the list of drives" has disk1 "$home/extra.img"
check "its image is held" held "$home/extra.img"
refuses 4 'disk1 is there already' "a second one of its name" \
    "$carrel" attach plug disk1 "path=$home/extra.img"
refuses 4 'extra.img' "its image is not opened twice" \
    "$carrel" attach plug disk2 "path=$home/extra.img"
check "the disk that failed is not there" has_no disk2
refuses 7 'did not let go' "this guest does not react" \
    "$carrel" detach plug disk1 --timeout 1
check "so it stays" has disk1 "$home/extra.img"
refuses 4 'has not let go' "its place is taken meanwhile" \
    "$carrel" attach plug disk1 "path=$home/extra.img"
check "it is pulled out" "$carrel" detach plug disk1 --force
check "it is not in the list any more" has_no disk1
check "its image is free" free_image "$home/extra.img"
refuses 3 "no card 'disk1'" "it is not pulled out twice" \
    "$carrel" detach plug disk1 --force
for i in 1 2 3 4 5; do
    check "in and out, $i" bash -c "'$carrel' attach plug disk$((i % 4 % 3 + 1)) \
        'path=$home/extra.img' && '$carrel' detach plug \
        disk$((i % 4 % 3 + 1)) --force"
done
check "random numbers are plugged in" "$carrel" attach plug rng
check "and out" "$carrel" detach plug rng --force

check "a balloon is plugged in" "$carrel" attach plug balloon
check "it takes a wish" "$carrel" memory plug --balloon=16M
refuses 4 'balloon is there already' "there is one balloon" \
    "$carrel" attach plug balloon
check "it goes" "$carrel" detach plug balloon --force
refuses 3 'has no balloon; .carrel attach plug balloon' "and takes none then" \
    "$carrel" memory plug --balloon=16M
refuses 2 'say keyboard=virtio' "an input that is none" \
    "$carrel" attach plug input
check "a tablet is plugged in" "$carrel" attach plug input pointer=virtio-tablet
check "a keyboard beside it" "$carrel" attach plug input keyboard=virtio
refuses 4 'its pointer is there already' "one pointer" \
    "$carrel" attach plug input pointer=virtio-mouse
check "both go" "$carrel" detach plug input --force
refuses 3 "no card 'input'" "no second time" \
    "$carrel" detach plug input --force
check "they come back" \
    "$carrel" attach plug input pointer=virtio-mouse keyboard=virtio
refuses 3 'no virtio console 2; .carrel attach plug console2' "no console" \
    "$carrel" console plug --virtio=2
check "the first console brings its card" \
    "$carrel" attach plug console2 name=org.test
check "a second one is a port of it" "$carrel" attach plug console0 kind=pty
check "a third" "$carrel" attach plug console7 kind=file "path=$home/port.txt"
refuses 4 'console2 is there already' "one of each number" \
    "$carrel" attach plug console2
check "its socket listens" test -S "$XDG_RUNTIME_DIR/carrel/plug/console2.sock"
check "it can be opened, and stays open" bash -c \
    "timeout 1 '$carrel' console plug --virtio=2 </dev/null; [ \$? = 124 ]"
check "it goes at once" "$carrel" detach plug console2
check "and its socket" bash -c \
    "! test -e '$XDG_RUNTIME_DIR/carrel/plug/console2.sock'"
check "it comes again" "$carrel" attach plug console2

refuses 2 "stays while the machine runs" "a disk of the main board stays" \
    "$carrel" detach plug disk0 --force
refuses 2 "'ide' cannot be plugged in.*virtio-blk" "a disk for the main board" \
    "$carrel" attach plug disk1 model=ide "path=$home/extra.img"
refuses 2 'disk1.model.*ide, ahci, virtio-blk' "an unknown model" \
    "$carrel" attach plug disk1 model=scsi "path=$home/extra.img"
refuses 2 'disk1.colour' "an unknown key" \
    "$carrel" attach plug disk1 colour=red
refuses 2 'disk1.path: is missing' "no image" "$carrel" attach plug disk1
refuses 3 'nowhere.img' "an image that does not exist" \
    "$carrel" attach plug disk1 "path=$home/nowhere.img"
refuses 2 'nothing that can be plugged in' "a floppy drive" \
    "$carrel" attach plug floppy1
refuses 2 'disk7' "a disk of no such number" "$carrel" attach plug disk7
refuses 3 'nobody' "no such machine" "$carrel" attach nobody disk1 path=/x
check "no trial left a drive" has_no disk1

port=$((20000 + RANDOM % 12000))
nets() { "$carrel" net list plug; }
answers() { (: </dev/tcp/127.0.0.1/$port) 2>/dev/null; }
silent() { ! answers; }
if "$carrel" attach plug net1 >/dev/null 2>&1; then
    check "a network card was plugged in" bash -c \
        "'$carrel' net list plug | grep -q '^net1.*user'"
    check "a port leads to it" \
        "$carrel" net forward add plug "tcp:127.0.0.1:$port->80"
    check "its process listens" answers
    check "its cable is pulled" "$carrel" net link plug net1 down
    check "and plugged in" "$carrel" net link plug net1 up
    check "its frames are written to a file" \
        "$carrel" net capture plug on "$home/net1.pcap"
    refuses 4 'net1 is there already' "a second one of its name" \
        "$carrel" attach plug net1
    check "the guest that does not react loses it" \
        "$carrel" detach plug net1 --force
    check "it is in no list any more" bash -c \
        "! '$carrel' net list plug | grep -q net1"
    check "its process has ended" silent
    refuses 3 "no network 'net1'" "no cable of it can be pulled" \
        "$carrel" net link plug net1 down
else
    echo "# built without libslirp: no user network"
fi
for kind in switch none; do
    check "a card of kind $kind" "$carrel" attach plug net2 "kind=$kind"
    check "is in the list" bash -c "'$carrel' net list plug | grep -q '^net2'"
    check "and goes" "$carrel" detach plug net2 --force
done
refuses 3 'net1.*carrel-no-such' "a bridge that does not exist" \
    "$carrel" attach plug net1 kind=bridge bridge=carrel-no-such
check "no trial left a network card" bash -c "[ -z \"\$('$carrel' net list plug | grep '^net')\" ]"

"$carrel" pause plug >/dev/null
check "a machine that is paused takes it too" \
    "$carrel" attach plug disk3 "path=$home/extra.img"
check "a dry run changes nothing" \
    "$carrel" detach plug disk3 --force --dry-run
check "it is still there" has disk3 "$home/extra.img"
"$carrel" resume plug >/dev/null
check "a reset with it plugged in" "$carrel" reset plug
sees plug 'No bootable device' 120 "the BIOS comes up again"
check "the machine ends with it" "$carrel" stop plug --force
check "it is gone" gone plug 10
check "the image is free again" free_image "$home/extra.img"

starts deaf --memory 32M --set machine.acpi=false "disk=$home/blank.img"
refuses 2 'no hot-plug controller' "a machine without ACPI" \
    "$carrel" attach deaf disk1 "path=$home/extra.img"
"$carrel" stop deaf --force >/dev/null

"$carrel" new kept --from pc --new-disk 4M machine.memory=32M >/dev/null
file=$XDG_CONFIG_HOME/carrel/machines/kept/machine.ini
[ -e "$file" ] || file=$(find "$home" -name machine.ini | grep kept)
check "a machine of its own starts" "$carrel" start kept
check "a disk is plugged in for good" \
    "$carrel" attach kept disk1 --keep "path=$home/extra.img"
check "its file says so" grep -qF "path=$home/extra.img" "$file"
check "the machine is still valid" "$carrel" check kept
check "it is pulled out for now" "$carrel" detach kept disk1 --force
check "what the file says is plugged in again" "$carrel" attach kept disk1
check "it is pulled out for good" "$carrel" detach kept disk1 --force --keep
check "its file has forgotten it" bash -c "! grep -q extra.img '$file'"
"$carrel" stop kept --force >/dev/null
finish
