#!/usr/bin/env bash
# Images that are no images, that change while a machine uses them, and that
# two machines want.
. "$(dirname "$0")/lib.sh"
need_kvm
need_assembler

run() { # the arguments of a throw-away machine that must not start
    "$carrel" run --detach --name bad --memory 16M "$@"
}

# --- what cannot be an image

: >"$home/empty.img"
mkdir "$home/dir.img"
mkfifo "$home/fifo.img"
python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$home/socket.img"
ln -s loop.img "$home/loop.img"
truncate -s 1M "$home/secret.img"
chmod 000 "$home/secret.img"

for drive in floppy cd disk; do
    key="${drive}0[.]path"
    refuses 2 "$key.*empty.*0 bytes" "$drive: an empty file" \
        run "$drive=$home/empty.img"
    refuses 2 "$key.*is a directory" "$drive: a directory" \
        run "$drive=$home/dir.img"
    refuses 2 "$key.*named pipe" "$drive: a fifo" run "$drive=$home/fifo.img"
    refuses 2 "$key.*is a socket" "$drive: a socket" \
        run "$drive=$home/socket.img"
    refuses 2 "$key.*character device" "$drive: a character device" \
        run "$drive=/dev/zero"
    refuses 3 "missing.img.*No such file" "$drive: a missing file" \
        run "$drive=$home/missing.img"
    refuses 1 "loop.img.*symbolic links" "$drive: links in a circle" \
        run "$drive=$home/loop.img"
done

# --- images that nothing says the kind of

echo "not an image" >"$home/notes.txt"
refuses 2 "may be anything: say floppy=FILE, cd=FILE, disk=FILE or kernel=" \
    "run: a text file" run "$home/notes.txt"
refuses 2 "may be anything" "run: an empty image" run "$home/empty.img"
refuses 2 "may be anything" "run: a fifo" run "$home/fifo.img"
refuses 2 "is a directory" "run: a directory" run "$home/dir.img"
refuses 3 "No such file" "run: a missing file" run "$home/missing.img"
refuses 2 "argument is missing" "run: no file" run
refuses 2 "room for 2" "run: three floppies" run \
    "floppy=$home/notes.txt" "floppy=$home/notes.txt" "floppy=$home/notes.txt"
truncate -s 1M "$home/one.img"
refuses 2 "same file" "run: one disk twice" \
    run "disk=$home/one.img" "disk=$home/one.img"
check "none of them left a machine" test ! -e "$XDG_RUNTIME_DIR/carrel/bad"

# --- truncated images start; what is missing reads as an error

for drive in floppy cd disk; do
    head -c 700 /dev/urandom >"$home/short.img"
    starts "short-$drive" --memory 16M "$drive=$home/short.img"
    check "$drive: 700 bytes are a small medium" is "short-$drive" running
    check "$drive: it stops" "$carrel" stop "short-$drive" --force
    check "$drive: its file is as long as before" \
        test "$(stat -c %s "$home/short.img")" = 700
done

# --- an image that shrinks while it is used

truncate -s 8M "$home/shrink.img"
hostile_guest "$home/reader.img" disk-loop --defsym LAST_SECTOR=16383
starts shrink --memory 16M "disk=$home/reader.img" "disk=$home/shrink.img"
check "the guest reads its disk" \
    "$carrel" expect shrink good --serial --timeout 120
truncate -s 1M "$home/shrink.img"
check "the disk gets shorter: the guest sees an error" \
    "$carrel" expect shrink bad --serial --timeout 120
check "its machine runs on" is shrink running
check "the file has not grown back" \
    test "$(stat -c %s "$home/shrink.img")" = 1048576
truncate -s 8M "$home/shrink.img"
check "the disk is whole again: so are its sectors" \
    "$carrel" expect shrink good --serial --timeout 120
rm "$home/shrink.img"
check "the file is deleted: the guest keeps its disk" \
    "$carrel" expect shrink good --serial --timeout 120
check "it stops" "$carrel" stop shrink --force

# --- two machines, one disk

truncate -s 1M "$home/shared.img"
starts first --memory 16M "disk=$home/shared.img"
refuses 4 "disk0[.]path.*shared.img.*(in use|locked).*$(pid_of first)" \
    "a second machine on the disk is refused, and told who has it" \
    run "disk=$home/shared.img"
refuses 4 "shared.img" "also read-only, as the first one writes" \
    run --set disk0.read-only=true "disk=$home/shared.img"
refuses 4 "shared.img" "also as a floppy" run "floppy=$home/shared.img"
ln "$home/shared.img" "$home/other-name.img"
refuses 4 "other-name.img" "also by another name" \
    run "disk=$home/other-name.img"
check "the first one runs on" is first running
check "it stops" "$carrel" stop first --force
starts reader --memory 16M --set disk0.read-only=true "disk=$home/shared.img"
starts reader2 --memory 16M --set disk0.read-only=true "disk=$home/shared.img"
starts reader3 --memory 16M --snapshot "disk=$home/shared.img"
refuses 4 "shared.img" "a writer beside readers is refused" \
    run "disk=$home/shared.img"
for name in reader reader2 reader3; do
    check "$name stops" "$carrel" stop $name --force
done
finish
