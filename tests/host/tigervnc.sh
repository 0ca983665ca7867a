#!/usr/bin/env bash
# TigerVNC's viewer on a virtual X display shows the pixels of
# `carrel screenshot`, in text and in graphics, and follows a change of size.
. "$(dirname "$0")/lib.sh"
need_kvm
command -v Xvfb >/dev/null || skip_all "no Xvfb: install xvfb"
command -v xtigervncviewer >/dev/null ||
    skip_all "no TigerVNC viewer: install tigervnc-viewer"

# looks_alike WHAT - stops the guest's clock, so that both see one moment, and
# finds the screenshot's pixels on the X display; the viewer has five seconds.
looks_alike() {
    "$carrel" pause demo && sleep 0.5 &&
        "$carrel" screenshot demo "$home/own.png" || return
    local i status=1
    for ((i = 0; i < 10 && status != 0; i++)); do
        sleep 0.5
        python3 "$(dirname "$0")/same-pixels.py" "$home/own.png" \
            "$home/x/Xvfb_screen0"
        status=$?
    done
    "$carrel" resume demo
    return $status
}

mkdir "$home/x"
exec 7>"$home/display"
Xvfb -displayfd 7 -screen 0 1024x768x24 -fbdir "$home/x" -nolisten tcp \
    >"$home/xvfb.log" 2>&1 &
xvfb=$!
trap 'kill $xvfb 2>/dev/null; clean_up' EXIT
for ((i = 0; i < 50; i++)); do
    [ -s "$home/display" ] && break
    sleep 0.2
done
[ -s "$home/display" ] || skip_all "Xvfb does not start"
DISPLAY=:$(cat "$home/display")
export DISPLAY

starts demo --memory 32M --snapshot "disk=$demo_image"
sees demo 'Carrel demo ready' 180 "the demo gets ready" || finish
HOME=$home xtigervncviewer -RemoteResize=0 -PreferredEncoding=ZRLE \
    -AutoSelect=0 "$XDG_RUNTIME_DIR/carrel/demo/vnc.sock" \
    >"$home/viewer.log" 2>&1 &
viewer=$!
check "it shows text mode" looks_alike || sed 's/^/# /' "$home/viewer.log"
check "2 is typed" "$carrel" send demo keys 2
sleep 5
check "it shows mode 13h" looks_alike
check "a key leads out" "$carrel" send demo keys space
sees demo 'Carrel demo ready' 60 "text comes back"
check "it shows text again" looks_alike
kill $viewer 2>/dev/null
check "it stops" "$carrel" stop demo --force
finish
