#!/usr/bin/env bash
# A DOS boot floppy through the floppy controller. FreeDOS asks for nothing on
# its way to the prompt.
. "$(dirname "$0")/lib.sh"
need_kvm
need_processor
image=${CARREL_TEST_IMAGES:-}/freedos-1.44M.img
[ -r "$image" ] || skip_all "no freedos-1.44M.img in \$CARREL_TEST_IMAGES"

cp "$image" "$home/dos.img"
chmod u+w "$home/dos.img"
starts dos --memory 16M "floppy=$home/dos.img"
sees dos 'A:\\>' 150 "DOS shows its prompt" || finish
check "a command is typed" "$carrel" send dos text --cps 8 $'echo typed-%path%-end\n'
sees dos 'typed-.*-end' 60 "DOS answers"
check "a file is written" "$carrel" send dos text --cps 8 $'echo kept>kept.txt\n'
check "and read again" "$carrel" send dos text --cps 8 $'type kept.txt\n'
sees dos '(?m)^kept' 120 "DOS reads what it wrote"
check "it stops" "$carrel" stop dos --force
check "the image holds the file" grep -qa 'KEPT    TXT' "$home/dos.img"
finish
