#!/usr/bin/env bash
# A boot sector beeps: into a WAV file; into ALSA, whose configuration leads to a
# file as well; and on a host without a card, where the machine runs on. Then the
# program of dos-sound.sh, which needs little of DOS, plays on a Sound Blaster 16.
# They are on a hard disk: the BIOS polls it, so that this is no test of how soon a
# host delivers a floppy's interrupt.
. "$(dirname "$0")/lib.sh"
need_kvm
need_assembler
tones=$(dirname "$0")/wav-tones.py
# How long what the guest itself times may last; DMA has the machine's clock.
second=0.8-1.2 three=2.2-3.3
if emulated; then second=0.3-2.5 three=1.5-6; fi
check "the boot sector is assembled" hostile_guest "$home/beep.img" beep || finish

# beeps NAME SETTING... - until it has beeped, and a second longer.
beeps() {
    local name=$1
    shift
    starts "$name" --memory 8M --set sound.model=speaker "$@" \
        "disk=$home/beep.img"
    sees "$name" '(?m)^\.' 60 "$name: it has beeped" || finish
    sleep 2
}

beeps wav --set sound.output=wav --set "sound.file=$home/out.wav"
check "wav: the machine stops" "$carrel" stop wav --force
check "wav: the tone is there" python3 "$tones" "$home/out.wav" "1000:$three" &&
    tells

export ALSA_CONFIG_PATH=$home/asoundrc
cat >"$ALSA_CONFIG_PATH" <<ALSA
pcm.carrel { type file file "$home/alsa.wav" format wav slave.pcm { type null } }
ALSA
starts probe --set sound.model=speaker --set sound.device=carrel \
    "disk=$home/beep.img"
where=$("$carrel" status probe --json)
"$carrel" stop probe --force >/dev/null
if [[ $where == *'"sound":"alsa: carrel"'* ]]; then
    beeps alsa --set sound.device=carrel
    check "alsa: the machine stops" "$carrel" stop alsa --force
    # a card does not wait: a busy host leaves holes in the tone
    check "alsa: the tone is there" python3 "$tones" --one "$home/alsa.wav" \
        1000:0.5-6 && tells
else
    n=$((n + 1))
    echo "ok $n - alsa # SKIP no libasound, or without its plugins"
fi

beeps silent --set sound.device=no-such-card
check "silent: status says why" bash -c \
    "'$carrel' status silent -v | grep -q 'sound: none: '"
check "silent: and so does the log" bash -c \
    "'$carrel' logs silent | grep -q 'warning: .* runs without sound'"
check "silent: the machine stops" "$carrel" stop silent --force
# ---- a Sound Blaster 16

assemble() {
    local guests
    guests=$(dirname "$0")/guests
    as --32 -o "$home/sound.o" "$guests/sound.S" &&
        ld -m elf_i386 --oformat binary -Ttext 0x100 -o "$home/tones.com" \
            "$home/sound.o" && hostile_guest "$home/sb16.img" com-boot &&
        dd if="$home/tones.com" of="$home/sb16.img" bs=512 seek=1 \
            conv=notrunc status=none
}

check "the program is assembled" assemble || finish
starts sb16 --memory 8M --set sound.model=sb16 --set sound.output=wav \
    --set "sound.file=$home/sb16.wav" "disk=$home/sb16.img"
sees sb16 'all-played' 60 "sb16: it has played" || finish
check "sb16: FM, DSP and both interrupts were found" bash -c \
    "'$carrel' screenshot sb16 --text | grep -c -E 'adlib-found|blaster-found|played-8|played-16' | grep -qx 4"
check "sb16: the machine stops" "$carrel" stop sb16 --force
check "sb16: the four tones are there" python3 "$tones" "$home/sb16.wav" \
    "1000:$second" "440:$second" 800:0.95-1.05 441:0.95-1.05 && tells
finish
