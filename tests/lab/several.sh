#!/usr/bin/env bash
# tests/lab/several.sh CARREL DEMO-IMAGE TEST.sh[:ARGUMENT]... - inside the lab:
# runs each test and joins their TAP into one, with one plan at the end.
set -u
carrel=$1 demo_image=$2
shift 2
n=0
failures=0
lost=/run/emulator-lost
tracing=/sys/kernel/tracing

# From memory: the host's files come over a slow channel.
cp "$carrel" /tmp/carrel
carrel=/tmp/carrel

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

# attempt NAME SCRIPT [ARGUMENT] - its TAP lines, renumbered, into $report.
attempt() {
    local name=$1 line result plan=
    shift
    report=()
    bad=0
    cases=0
    while IFS= read -r line; do
        case $line in
        'ok '* | 'not ok '*)
            cases=$((cases + 1))
            result=${line%%ok *}ok
            [ "$result" = ok ] || bad=$((bad + 1))
            report+=("$result $((n + cases)) - $name: ${line#* - }")
            ;;
        '1..0 # SKIP '*)
            cases=$((cases + 1))
            plan=1
            report+=("ok $((n + cases)) - $name # SKIP ${line#1..0 # SKIP }")
            ;;
        1..*) plan=1 ;;
        *) report+=("# ${line#\# }") ;;
        esac
    done < <(bash "$1" "$carrel" "$demo_image" ${2:+"$2"} 2>&1 </dev/null)
    if [ -z "$plan" ]; then
        cases=$((cases + 1))
        bad=$((bad + 1))
        report+=("not ok $((n + cases)) - $name: it ended without a plan")
    fi
}

watch_emulator 2>/dev/null &
watcher=$!
trap 'kill $watcher' EXIT

for test; do
    script=${test%%:*}
    argument=
    [ "$test" = "$script" ] || argument=${test#*:}
    name=$(basename "$script" .sh)${argument:+-$argument}
    name=${name#test-}
    for try in 1 2 3; do
        rm -f $lost
        started=$SECONDS
        attempt "$name" "$script" "$argument"
        [ $bad -gt 0 ] && [ -e $lost ] && [ $try -lt 3 ] || break
        echo "# $name: QEMU lost the guest: $(cat $lost); once more after"
        printf '# | %s\n' "${report[@]}"
    done
    printf '%s\n' "${report[@]}"
    echo "# $name took $((SECONDS - started)) s"
    n=$((n + cases))
    failures=$((failures + bad))
done
echo "1..$n"
exit $((failures > 0))
