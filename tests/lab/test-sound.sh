#!/usr/bin/env bash
# Debian's own drivers play tones, and they are in the WAV file with their
# frequency and length: AC'97 and the speaker with the kernel in /boot, Sound
# Blaster 16 and OPL3 with a 32-bit one. Argument: MEMORY.
. "$(dirname "$0")/lib.sh"
memory=$3
here=$(dirname "$0")
tones=$here/../host/wav-tones.py
export PATH=$PATH:/usr/sbin:/sbin

# boots NAME MODEL DISK
boots() {
    starts "$1" --memory "$memory" --set serial0.kind=pane \
        --set "sound.model=$2" --set sound.output=wav \
        --set "sound.file=$home/$1.wav" "disk=$3"
    check "$1: a shell" "$carrel" expect "$1" 'guest# ' --serial \
        --timeout 400 || { show "$1"; finish; }
}

# asks NAME COMMAND PATTERN SECONDS WHAT
asks() {
    "$carrel" send "$1" serial "$2"$'\n' &&
        check "$5" "$carrel" expect "$1" "$3" --serial --timeout "$4"
}

# heard NAME TONE... - after which it is switched off. Two seconds become longer
# in a busy lab, where a program wakes late or feeds the card late.
heard() {
    local name=$1
    shift
    off "$name"
    check "$name: the tones are in the file" \
        python3 "$tones" "$home/$name.wav" "$@" && tells
}

check "a disk with the sound modules is made" \
    "$here/make-shell-disk.sh" "$home/ac97.img" '' \
    snd-intel8x0 snd-pcm-oss pcspkr evdev button || finish
boots ac97 ac97 "$home/ac97.img"
asks ac97 'cat /proc/asound/cards; echo cards-$((6*7))' \
    'Intel 82801AA-ICH[^#]*cards-42' 60 "snd-intel8x0 has bound"
asks ac97 'echo 0 >/proc/sys/kernel/printk; oss-volume; dd if=/tone of=/dev/dsp bs=800; echo played-$((6*7))' \
    'played-42' 120 "OSS plays two seconds"
# an event: two longs of time, EV_SND, SND_TONE, 1000 Hz
asks ac97 'for d in /sys/class/input/event*; do grep -q Speaker $d/device/name && e=/dev/input/${d##*/}; done; z="\0\0\0\0\0\0\0\0"' \
    'guest# ' 30 "pcspkr has its device"
asks ac97 'sleep 1; printf "$z$z\022\0\002\0\350\003\0\0" >$e; sleep 2; printf "$z$z\022\0\002\0\0\0\0\0" >$e; echo beeped-$((6*7))' \
    'beeped-42' 60 "pcspkr beeps for two seconds"
asks ac97 'grep -c snd_intel8x0 /proc/interrupts' '\n1\r?\n' 30 \
    "by its interrupts"
sleep 2
heard ac97 500:1.8-4 1000:1.8-4

if ! has_linux_686; then
    n=$((n + 1))
    echo "ok $n - Sound Blaster 16 # SKIP LAB_LINUX_686 names no 32-bit kernel"
    finish
fi
check "a disk with the 32-bit kernel is made" \
    "$here/make-shell-disk.sh" "$home/sb16.img" "$root_686" \
    snd-sb16 snd-adlib snd-pcm-oss || finish
boots sb16 sb16 "$home/sb16.img"
asks sb16 'cat /proc/asound/cards; echo cards-$((6*7))' \
    'Sound Blaster 16[^#]*cards-42' 60 "snd-sb16 has bound"
asks sb16 'cat /proc/asound/hwdep; echo hwdep-$((6*7))' \
    'OPL3[^#]*hwdep-42' 30 "snd-opl3 found the synthesizer"
asks sb16 'echo 0 >/proc/sys/kernel/printk; oss-volume; dd if=/tone of=/dev/dsp bs=800; echo played-$((6*7))' 'played-42' 120 \
    "OSS plays two seconds"
asks sb16 'sleep 1; fm-note' 'fm-played' 60 "FM plays two seconds"
sleep 2
heard sb16 500:1.8-4 440:1.8-4
finish
