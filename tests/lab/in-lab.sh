#!/usr/bin/env bash
# tests/lab/in-lab.sh --quick|--full MEMORY-MIB CARREL DEMO-IMAGE TEST[:ARGUMENT]...
# Runs tests inside one lab and joins their TAP. Skips itself where the lab
# cannot run, and when it is one of --full and LAB_FULL is not set. Makes the
# disk that several tests start from and keeps it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
when=$1 memory=$2
carrel=$(readlink -f "$3")
demo_image=$(readlink -f "$4")
shift 4

skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

if [ "$when" = --full ] && [ -z "${LAB_FULL:-}" ]; then
    skip_all "takes long: LAB_FULL=1 runs it"
fi
if ! why=$("$here/lab" --topology bare --check 2>&1); then
    skip_all "the lab cannot run: $(head -n 1 <<<"$why")"
fi

cache=${LAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/carrel-lab}
stamp=$({
    cat "$here/make-disk.sh"
    stat -c '%n %s %Y' /boot/vmlinuz-* /boot/memtest86+* /boot/ipxe.lkrn
} 2>/dev/null | cksum | tr ' ' -)
disk=$cache/debian-$stamp.img
if [ ! -s "$disk" ]; then
    # Another checkout may be running from its own image right now.
    find "$cache" -maxdepth 1 -name 'debian-*.img' -mtime +7 -delete 2>/dev/null
    if ! why=$("$here/make-disk.sh" "$disk.$$" 2>&1); then
        skip_all "no disk for the guests: $(tail -n 1 <<<"$why")"
    fi
    mv "$disk.$$" "$disk"
fi

run_lab() {
    "$here/lab" --topology bare --mem "$memory" \
        --timeout "${LAB_TIMEOUT:-2400}" -- env LAB_DISK="$disk" \
        LAB_FULL="${LAB_FULL:-}" \
        CARREL_TEST_IMAGES="${CARREL_TEST_IMAGES:-}" \
        bash "$here/several.sh" "$carrel" "$demo_image" "$@"
}

# QEMU sometimes ends with a segmentation fault before its kernel has started;
# then nothing was tested yet and the second try is the first.
said=$(mktemp)
trap 'rm -f "$said"' EXIT
run_lab "$@" | tee "$said"
status=${PIPESTATUS[0]}
if [ "$status" = 125 ] && [ ! -s "$said" ]; then
    echo "# the lab did not start; once more"
    run_lab "$@"
    status=$?
fi
exit "$status"
