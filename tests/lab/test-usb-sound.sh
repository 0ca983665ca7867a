#!/usr/bin/env bash
# A USB sound card of this computer in a guest, which Debian's driver plays on by
# isochronous transfers: the tone is what the card played. Wants the lab with its
# devices (--topology clean). Arguments: CPUS-MEMORY-xhci; with uhci and ehci a frame
# has to be looked at each millisecond, for which an emulated processor that others
# share has been too slow: 0.2 to 1.3 of the two seconds were heard.
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")
IFS=- read -r cpus memory usb <<<"$3"
export PATH=$PATH:/usr/sbin:/sbin
[ "$LAB_TOPOLOGY" = clean ] || skip_all "this lab has no USB devices"
kernel=$(find /boot -name 'vmlinuz-*-amd64' ! -name '*cloud*' | sort -V | tail -n 1)
wav=$LAB_SHARE/usb-sound.wav

# port_of_card - where the lab's card is plugged in, once it is.
card_is_there() { grep -qs 'QEMU USB Audio' /sys/bus/usb/devices/*/product; }
port_of_card() {
    basename "$(dirname "$(grep -lx 'QEMU USB Audio' /sys/bus/usb/devices/*-*/product)")"
}
asks() {
    "$carrel" send card serial "$1"$'\n' &&
        check "$3" "$carrel" expect card "$2" --serial --timeout "${4:-90}"
}

check "a guest with USB and sound modules is made" \
    "$here/make-usb-guest.sh" "$home/guest.gz" snd-usb-audio snd-pcm-oss || finish
rm -f "$wav"
echo 'device_add usb-audio,id=usbcard,bus=xhci.0,audiodev=usbsound' >"$LAB_MON"
check "the lab has a sound card" within 20 card_is_there || finish
starts card --memory "$memory" --cpus "$cpus" --set machine.chipset=pc-virtio \
    --set machine.usb="$usb" --set serial0.kind=pane --set usb0.model=host \
    --set "usb0.host=$(port_of_card)" --initrd "$home/guest.gz" \
    --append 'console=ttyS0 rdinit=/init quiet' "kernel=$kernel"
check "a shell" "$carrel" expect card 'guest# ' --serial --timeout 240 || finish
asks 'for i in 1 2 3 4 5 6 7 8 9; do [ -e /dev/dsp ] || sleep 1; done; cat /proc/asound/cards; echo cards-$((6*7))' \
    'QEMU USB Audio[^#]*cards-42' "the guest's driver has bound"
# two seconds of 500 Hz as /dev/dsp takes it by itself: 8000 Hz, 8 bits
asks 'l="\340\340\340\340\340\340\340\340"; t="$l\040\040\040\040\040\040\040\040"; for i in 1 2 3 4 5 6 7 8 9 10; do t=$t$t; done; printf "$t" >/tone; wc -c </tone' \
    '16384' "a tone is made"
asks 'dd if=/tone of=/dev/dsp bs=800; echo played-$((6*7))' 'played-42' \
    "OSS plays two seconds" 120
sleep 1
"$carrel" logs card | tail -n 5 | sed 's/^/# /'
off card
echo 'device_del usbcard' >"$LAB_MON"
sleep 1
check "the tone is what the card played" \
    python3 "$here/../host/wav-tones.py" "$wav" 500:1.8-4
sed 's/^/# /' "$home/out"
finish
