#!/usr/bin/env bash
# A DOS program of our own plays on the speaker, by FM and by both kinds of DMA
# of a Sound Blaster 16; its tones are in the WAV file, in order, with their
# frequencies and lengths. Wants a DOS floppy, as dos.sh.
. "$(dirname "$0")/lib.sh"
need_kvm
need_processor
need_assembler
image=${CARREL_TEST_IMAGES:-}/freedos-1.44M.img
[ -r "$image" ] || skip_all "no freedos-1.44M.img in \$CARREL_TEST_IMAGES"
here=$(dirname "$0")

assemble() {
    as --32 -o "$home/sound.o" "$here/guests/sound.S" &&
        ld -m elf_i386 --oformat binary -Ttext 0x100 -o "$home/tones.com" \
            "$home/sound.o" &&
        python3 "$here/fat-floppy.py" "$home/tones.img" "$home/tones.com"
}

check "the program is assembled" assemble || finish
cp "$image" "$home/dos.img"
chmod u+w "$home/dos.img"
starts dos --memory 16M --set sound.model=sb16 --set sound.output=wav \
    --set "sound.file=$home/out.wav" "floppy=$home/dos.img" \
    --set "floppy1.path=$home/tones.img"
check "status says where the sound goes" bash -c \
    "'$carrel' status dos --json | grep -q '\"sound\": *\"wav: $home/out.wav\"'"
sees dos 'A:\\>' 150 "DOS shows its prompt" || finish
check "the program is started" "$carrel" send dos text --cps 8 $'b:tones\n'
sees dos 'adlib-found' 60 "it finds the FM synthesizer by its timer" || finish
sees dos 'blaster-found' 30 "it finds DSP 4"
sees dos 'played-16' 30 "DMA ends with its interrupts"
sees dos 'all-played' 30 "it has played"
check "no interrupt was missed" bash -c \
    "! '$carrel' screenshot dos --text | grep -q no-interrupt"
check "it stops" "$carrel" stop dos --force
check "the four tones are in the file" python3 "$here/wav-tones.py" \
    "$home/out.wav" 1000:0.9-1.1 440:0.9-1.1 800:0.95-1.05 441:0.95-1.05 && tells
finish
