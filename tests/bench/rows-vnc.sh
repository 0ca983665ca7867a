# tests/bench/rows-vnc.sh - the row vnc; sourced by rows.sh.
#
# A guest that paints (vga-paint.S) and a viewer on a Unix socket: what the
# program spends on a picture besides the virtual CPU, and how long a key takes
# to the first new pixels.
# shellcheck shell=bash disable=SC2154

PICTURES=4 KEYS=9 # few: an emulated PC takes seconds for each

# paints IMAGE - the machine of vmm_vnc runs; its process is in $pid.
paints() {
    cp "$tools/$1" "$scratch/boot.raw"
    vmm_vnc 64 "$scratch/boot.raw"
    LIMIT=30 stamps -k "$scratch/pid" || return
    pid=$(cat "$scratch/pid")
}

# Ends it, and waits for the last of its threads: until then the machine is
# locked. What is left may be a zombie, whose files are closed.
ends() {
    local threads
    kill -9 "$pid"
    while threads=("/proc/$pid/task/"*) && [ -e "${threads[0]}" ] &&
        { [ ${#threads[@]} -gt 1 ] ||
            ! grep -q '^State:.Z' "/proc/$pid/status"; }; do
        sleep 0.05
    done 2>/dev/null
    sleep 0.2
}

# views PROGRAM REPETITION METRIC ENCODING PICTURES [keys]
views() {
    local vmm=$1 rep=$2 metric=$3 kind value unit
    shift 3
    timeout 400 "$tools/vnc-client" "$pid" "$VNC_SOCKET" "$@" \
        >"$scratch/view" || return
    while read -r kind value unit; do
        case $kind in
        cpu) record vnc "$metric, CPU time of a picture" "$vmm" "$rep" "$value" "$unit" ;;
        rate) record vnc "$metric, pictures" "$vmm" "$rep" "$value" "$unit" ;;
        key) record vnc "$metric" "$vmm" "$rep" "$value" "$unit" ;;
        esac
    done <"$scratch/view"
}

vnc() { # PROGRAM REPETITION
    local pid encoding
    [ -x "$tools/vnc-client" ] ||
        { echo "bench: no vnc-client: built without libvncclient" >&2 && return; }
    for encoding in raw tight; do
        paints paint.bin || return
        views "$1" "$2" "$encoding" "$encoding" "$PICTURES"
        ends
    done
    paints paint-keys.bin || return
    views "$1" "$2" "key to pixel" raw "$KEYS" keys
    ends
}
