#!/usr/bin/env bash
# Text, mode 12h, mode 13h, a VBE mode, and a mode of the Cirrus card with its
# BitBLT engine: a screenshot and what a VNC client gets are compared pixel by
# pixel with a picture that modes.py computes; the terminal's page cell by cell.
. "$(dirname "$0")/lib.sh"
need_kvm
need_assembler
command -v tmux >/dev/null || skip_all "no tmux"

here=$(cd "$(dirname "$0")" && pwd)
socket=$home/tmux
trap 'tmux -S "$socket" kill-server 2>/dev/null; clean_up' EXIT
same() { # MODE HOW FILE
    python3 "$here/modes.py" "$@"
}
looks() { # NAME MODE HOW
    case $3 in
    png) "$carrel" screenshot "$1" "$home/$2.png" >/dev/null &&
        same "$2" png "$home/$2.png" ;;
    vnc) (cd "$XDG_RUNTIME_DIR/carrel/$1" && same "$2" vnc vnc.sock) ;;
    tui) tmux -S "$socket" capture-pane -e -p -N >"$home/$2.page" &&
        same "$2" tui "$home/$2.page" ;;
    esac
}
# shows NAME MODE HOW SECONDS - within that time.
shows() {
    local i
    for ((i = 0; i < $4 * 2; i++)); do
        looks "$@" >/dev/null 2>&1 && break
        sleep 0.5
    done
    looks "$@"
}

# passes NAME MODE... - from one screen to the next, a key apart.
passes() {
    local name=$1 mode
    shift
    tmux -S "$socket" -f /dev/null new-session -d -x 120 -y 43 \
        "env -u NO_COLOR LANG=C.UTF-8 TERM=tmux-256color '$carrel' console $name"
    for mode; do
        check "$mode: a screenshot" shows "$name" "$mode" png 60 ||
            show "$name"
        check "$mode: a VNC client" shows "$name" "$mode" vnc 10
        check "$mode: the terminal" shows "$name" "$mode" tui 20
        tells
        "$carrel" send "$name" keys space >/dev/null
    done
    tmux -S "$socket" kill-server
    check "a forced stop ends it" "$carrel" stop "$name" --force
}

hostile_guest "$home/vga.img" modes || finish
starts vga --memory 32M "floppy=$home/vga.img"
passes vga text 12h 13h vbe

hostile_guest "$home/cirrus.img" modes --defsym CIRRUS=1 || finish
starts cirrus --memory 32M --set display.model=cirrus \
    "floppy=$home/cirrus.img"
passes cirrus cirrus
finish
