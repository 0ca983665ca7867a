#!/usr/bin/env bash
# tests/lab/several.sh CARREL DEMO-IMAGE TEST.sh[:ARGUMENT]... - inside the lab:
# runs each test and leaves its TAP in $LAB_SHARE/NAME.tap, cases without
# numbers, last line "# NAME ended, N bad, S s, M MiB free". Without that line
# the lab was lost under the test.
set -u
carrel=$1 demo_image=$2
shift 2
lost=/run/emulator-lost
tracing=/sys/kernel/tracing

# The host's files come over a slow channel; a change of time stamp has the
# overlay keep the whole file in memory, where it still finds its data beside.
touch "$carrel"

# It seems that QEMU's TCG can lose a nested guest: its instruction pointer
# is then one of the outer kernel's kvm_amd module, where no guest's code is by
# chance, and every entry ends at once with a page fault there. Such a run says
# nothing about the guest. Both have to hold, for a Linux guest that polls a
# device also faults at one address of its own.
watch_emulator() {
    local from size
    read -r size from < <(awk '$1 == "kvm_amd" { print $2, $6 }' /proc/modules)
    [ -n "$from" ] || return
    from=${from#0x}
    while sleep 10; do
        echo >$tracing/trace
        echo 1 >$tracing/events/kvm/kvm_exit/enable
        sleep 0.2
        echo 0 >$tracing/events/kvm/kvm_exit/enable
        awk -v from="$from" -v to="$(printf %x $((0x$from + size)))" '
            /reason npf rip/ { for (i = 1; i < NF; i++) if ($i == "rip") {
                rip = substr($(i + 1), 3)
                if (length(rip) == 16 && rip >= from && rip < to &&
                    ++at[rip] > most) { most = at[rip]; where = rip }
            } }
            END { if (most > 50) print most " faults at " where \
                ", kvm_amd is at " from "-" to; exit !(most > 50) }' \
            $tracing/trace >/run/lost.new && mv /run/lost.new $lost
    done
}

# attempt FILE NAME SCRIPT [ARGUMENT] - its cases into the file; sets bad.
attempt() {
    local file=$1 name=$2 line plan=
    shift 2
    bad=0
    while IFS= read -r line; do
        case $line in
        'ok '* | 'not ok '*)
            [ "${line%%ok *}" = "" ] || bad=$((bad + 1))
            echo "${line%%ok *}ok - $name: ${line#* - }"
            ;;
        '1..0 # SKIP '*)
            plan=1
            echo "ok - $name # SKIP ${line#1..0 # SKIP }"
            ;;
        1..*) plan=1 ;;
        *) echo "# ${line#\# }" ;;
        esac
    done < <(bash "$1" "$carrel" "$demo_image" ${2:+"$2"} 2>&1 </dev/null) \
        >"$file"
    if [ -z "$plan" ]; then
        bad=$((bad + 1))
        echo "not ok - $name: it ended without a plan" >>"$file"
    fi
}

free_mib() { awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo; }

watch_emulator 2>/dev/null &
watcher=$!
trap 'kill $watcher' EXIT

for test; do
    script=${test%%:*}
    argument=
    [ "$test" = "$script" ] || argument=${test#*:}
    # Slashes end a file's name, so the test's stands in for its path.
    name=$(basename "$script" .sh)${argument:+-$argument}
    file=$LAB_SHARE/$name.tap
    rm -f $lost
    started=$SECONDS
    attempt "$file.new" "${name#test-}" "$script" "$argument"
    if [ -e $lost ]; then
        echo "# QEMU lost the guest: $(cat $lost)" >>"$file.new"
    fi
    echo "# $name ended, $bad bad, $((SECONDS - started)) s," \
        "$(free_mib) MiB free" >>"$file.new"
    mv "$file.new" "$file"
done
