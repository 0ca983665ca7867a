#!/usr/bin/env bash
# tests/lab/in-lab.sh --quick|--full MEMORY-MIB[,TOPOLOGY] CARREL DEMO-IMAGE
#     TEST[:ARGUMENT]...
# Runs tests inside one lab and joins their TAP. Skips itself where the lab
# cannot run, and when it is one of --full and LAB_FULL is not set. Makes the
# disk that several tests start from and keeps it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
when=$1 memory=${2%%,*} topology=bare
[[ $2 != *,* ]] || topology=${2#*,}
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
if ! why=$("$here/lab" --topology "$topology" --check 2>&1); then
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

# For tests of disks: fio on an image of its own; without it they skip.
fio=
if [[ " $* " == *test-fio* || " $* " == *test-vfio-nvme* ]]; then
    fio=$cache/fio-$({
        cat "$here/make-fio.sh" "$here/fio.ini"
        stat -c '%n %s %Y' "$(command -v fio)"
    } 2>/dev/null | cksum | tr ' ' -).iso
    if [ ! -s "$fio" ]; then
        find "$cache" -maxdepth 1 -name 'fio-*.iso' -mtime +7 -delete
        "$here/make-fio.sh" "$fio" >/dev/null 2>&1 || fio=
    fi
fi

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

run_lab() {
    "$here/lab" --topology "$topology" --mem "$memory" --share "$results" \
        --timeout "${LAB_TIMEOUT:-2400}" -- env LAB_DISK="$disk" \
        LAB_FULL="${LAB_FULL:-}" LAB_FIO="$fio" \
        CARREL_TEST_IMAGES="${CARREL_TEST_IMAGES:-}" \
        LAB_LINUX_612="${LAB_LINUX_612:-}" \
        LAB_LINUX_686="${LAB_LINUX_686:-}" \
        bash "$here/several.sh" "$carrel" "$demo_image" "$@" 2>&1 |
        tee "$results/lab.log" | sed 's/^/# /'
}

# file_of TEST[:ARGUMENT] - as several.sh names it.
file_of() {
    local script=${1%%:*}
    local argument=${1#"$script"}
    echo "$results/$(basename "$script" .sh)${argument/:/-}.tap"
}

ended_well() { grep -qs '^# .* ended, 0 bad' "$(file_of "$1")"; }

# unproven TEST... - sets again to those that failed, or under which the lab
# was lost.
unproven() {
    local test
    again=()
    for test; do ended_well "$test" || again+=("$test"); done
}

# What ended the lab, in its own words: why, and the last that it wrote.
lab_said() { sed -n '/^lab: /{s/^lab: //;s/;.*//;p};$p' "$results/lab.log" |
    uniq | tail -n 2 | paste -sd '|'; }

# tell_first_try TEST... - the tests that need another: those that failed, the
# one that was under way when the lab ended, and those that had no turn, which
# says nothing about them.
tell_first_try() {
    local test file name lost=
    for test; do
        file=$(file_of "$test")
        name=$(basename "$file" .tap)
        if [ -e "$file" ]; then
            echo "# UNSTEADY: $name failed; the first try:"
        elif [ -e "$file.new" ]; then
            lost=$name
            echo "# UNSTEADY: the lab ended under $name: $(lab_said);" \
                "the first try:"
        elif [ -z "$lost" ]; then
            lost=$name
            echo "# UNSTEADY: the lab ended before $name: $(lab_said)"
        else
            echo "# $name had no turn"
        fi
        cat "$file" "$file.new" 2>/dev/null | sed 's/^/# | /'
        rm -f "$file" "$file.new"
    done
}

# QEMU's TCG as released (7.2, 10.0.2) takes a virtual interrupt on a guest's
# write to CR8 without its lock, and aborts. UEFI writes CR8 at each interrupt:
# such an end says nothing about the test under way.
skip_where_qemu_aborts() {
    local test file name
    grep -qs bql_locked "$results/lab.log" || return
    for test; do
        file=$(file_of "$test")
        name=$(basename "$file" .tap)
        [ -e "$file.new" ] || continue
        ! grep -q '^not ok' "$file.new" || continue
        echo "ok - ${name#test-} # SKIP this QEMU aborts (bql_locked) when a" \
            "guest's guest writes CR8: LAB_QEMU names another" >>"$file.new"
        echo "# $name ended, 0 bad, with its lab" >>"$file.new"
        mv "$file.new" "$file"
    done
}

# An emulator of a processor that runs a hypervisor is not as steady as a
# processor: what failed has a second try in a new lab, in the open. A lab that
# was lost says nothing about its tests, so those have a few.
declare -A failed=()
left=("$@")
for ((labs = 0; labs < 4 && ${#left[@]} > 0; labs++)); do
    [ $labs = 0 ] || tell_first_try "${left[@]}"
    run_lab "${left[@]}"
    skip_where_qemu_aborts "${left[@]}"
    unproven "${left[@]}"
    left=()
    for test in "${again[@]}"; do
        file=$(file_of "$test")
        if [ -e "$file" ] || { [ -e "$file.new" ] &&
            grep -qs '^lab: timed out' "$results/lab.log"; }; then
            failed[$test]=$((${failed[$test]:-0} + 1))
        fi
        [ "${failed[$test]:-0}" -ge 2 ] || left+=("$test")
    done
done

for test; do
    file=$(file_of "$test")
    [ -e "$file" ] || file=$file.new
    cat "$file" 2>/dev/null
    grep -qs '^# .* ended, ' "$file" ||
        echo "not ok - $(basename "$file" .tap): the lab ended under it"
done | awk '/^(not )?ok -/ { n++; sub(/ok -/, "ok " n " -"); bad += /^not/ }
    { print } END { print "1.." n; exit bad > 0 }'
exit "${PIPESTATUS[1]}"
