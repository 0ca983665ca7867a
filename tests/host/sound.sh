#!/usr/bin/env bash
# A boot sector beeps: into a WAV file; into ALSA, whose configuration leads to a
# file as well; and on a host without a card, where the machine runs on.
. "$(dirname "$0")/lib.sh"
need_kvm
need_assembler
tones=$(dirname "$0")/wav-tones.py
check "the boot sector is assembled" hostile_guest "$home/beep.img" beep || finish

# beeps NAME SETTING... - until it has beeped, and a second longer.
beeps() {
    local name=$1
    shift
    starts "$name" --memory 8M --set sound.model=speaker "$@" \
        "floppy=$home/beep.img"
    boots_floppy "$name" '(?m)^\.' 60 "$name: it has beeped" || finish
    sleep 2
}

beeps wav --set sound.output=wav --set "sound.file=$home/out.wav"
check "wav: the machine stops" "$carrel" stop wav --force
check "wav: the tone is there" python3 "$tones" "$home/out.wav" 1000:2.2-3.3

export ALSA_CONFIG_PATH=$home/asoundrc
cat >"$ALSA_CONFIG_PATH" <<ALSA
pcm.carrel { type file file "$home/alsa.wav" format wav slave.pcm { type null } }
ALSA
starts probe --set sound.model=speaker --set sound.device=carrel \
    "floppy=$home/beep.img"
where=$("$carrel" status probe --json)
"$carrel" stop probe --force >/dev/null
if [[ $where == *'"sound":"alsa: carrel"'* ]]; then
    beeps alsa --set sound.device=carrel
    check "alsa: the machine stops" "$carrel" stop alsa --force
    check "alsa: the tone is there" python3 "$tones" "$home/alsa.wav" \
        1000:2.2-3.3
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
finish
