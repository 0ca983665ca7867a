#!/usr/bin/env bash
# tests/host/lib.sh - sourced by the tests that run real machines on the real
# /dev/kvm: TAP lines, a private home, and no machine left behind.
#
# usage of each test: TEST.sh CARREL DEMO-IMAGE

set -u
carrel=$1
# shellcheck disable=SC2034
demo_image=$2
n=0
failures=0

# Sockets have a path limit of 108 bytes, so the private home is a short one.
home=$(mktemp -d /tmp/cht.XXXXXX)
export XDG_RUNTIME_DIR=$home/run XDG_CONFIG_HOME=$home/config \
    XDG_DATA_HOME=$home/data XDG_STATE_HOME=$home/state NO_COLOR=1
# A system call that the sandbox's tables lack ends the machine.
export CARREL_SANDBOX=strict
mkdir -m 700 "$XDG_RUNTIME_DIR"

clean_up() {
    for socket in "$XDG_RUNTIME_DIR"/carrel/*/; do
        [ -d "$socket" ] || continue
        "$carrel" stop "$(basename "$socket")" --force >/dev/null 2>&1
    done
    rm -rf "$home"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# The rest of the plan is one skipped line with its reason.
skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

need_kvm() {
    [ -e /dev/kvm ] || skip_all "no /dev/kvm on this host"
    { : <>/dev/kvm; } 2>/dev/null || skip_all "no permission for /dev/kvm"
}

# Neither VT-x nor AMD-V: such a KVM emulates the guest's instructions. A guest
# is hundreds of times slower there, and gets interrupts late or, in windows of
# few instructions, never.
emulated() { ! grep -qwE 'vmx|svm' /proc/cpuinfo; }

# For what is about a guest's work. The lab (tests/lab) has a processor, and runs
# each test that says this.
need_processor() {
    ! emulated || skip_all "neither VT-x nor AMD-V here: the lab runs this"
}

# check NAME COMMAND... - one TAP line; on failure what the command printed.
check() {
    local name=$1
    shift
    n=$((n + 1))
    if "$@" >"$home/out" 2>&1; then
        echo "ok $n - $name"
        return 0
    fi
    echo "not ok $n - $name"
    echo "# \$ $*"
    sed 's/^/# /' "$home/out" | head -n 60
    failures=$((failures + 1))
    return 1
}

# A command that is not there, a helper that this file lost say, must not let a
# test end early as if all were well. Who silences the message expects it.
command_not_found_handle() {
    echo "$1: no such command" >&2
    [ /dev/stderr -ef /dev/null ] || echo "$1" >>"$home/missing"
    return 127
}

# tells - what the command of the last check said, as TAP comments: a figure.
tells() { sed 's/^/# /' "$home/out"; }

# Ends the program: plan and status.
finish() {
    [ ! -e "$home/missing" ] ||
        check "each command is there" diff "$home/missing" /dev/null
    echo "1..$n"
    exit $((failures > 0))
}

# show NAME - what its screen and log say, as TAP comments, after a failure.
show() {
    {
        echo "--- screen of $1"
        "$carrel" screenshot "$1" --text
        echo "--- log of $1"
        "$carrel" logs "$1" | tail -n 30
    } 2>&1 | sed 's/^/# /'
}

# sees NAME REGEX SECONDS WHAT - waits for text on the machine's screen.
sees() {
    check "$4" "$carrel" expect "$1" "$2" --timeout "$3" && return 0
    show "$1"
    return 1
}

# starts NAME ARGUMENT... - a throw-away machine in the background. Without it
# nothing else can be tested, so a failure ends the program.
starts() {
    local name=$1
    shift
    check "starts $name" "$carrel" run --detach --name "$name" "$@" && return
    show "$name"
    finish
}

# gone NAME SECONDS - the machine ends by itself.
gone() {
    local i
    for ((i = 0; i < $2 * 5; i++)); do
        "$carrel" list --json 2>/dev/null | grep -q "\"name\": *\"$1\"" ||
            return 0
        case $("$carrel" status "$1" 2>/dev/null) in
        stopped* | off*) return 0 ;;
        esac
        sleep 0.2
    done
    "$carrel" list
    return 1
}

# png FILE WIDTH HEIGHT - the file is a PNG of that size.
png() {
    python3 - "$@" <<'PYTHON'
import struct, sys
data = open(sys.argv[1], 'rb').read(33)
assert data[:8] == b'\x89PNG\r\n\x1a\n', 'no PNG signature'
size = struct.unpack('>II', data[16:24])
assert size == (int(sys.argv[2]), int(sys.argv[3])), f'size is {size}'
PYTHON
}

# ends CODE REGEX COMMAND... - it ends with this status and says something
# that matches.
ends() {
    local code=$1 regex=$2 got
    shift 2
    "$@"
    got=$?
    [[ $got =~ ^$code$ ]] || { echo "status $got, not $code"; return 1; }
    grep -Eq -- "$regex" "$home/out" || { echo "no '$regex' in it"; return 1; }
}

# refuses CODE REGEX WHAT COMMAND... - one TAP line for an error that must be
# clear, after which nothing is left running.
refuses() {
    local code=$1 regex=$2 what=$3
    shift 3
    check "$what" ends "$code" "$regex" "$@"
}

# is NAME STATE - as `carrel status` says.
is() {
    local state
    state=$("$carrel" status "$1" 2>&1)
    [ "$state" = "$2" ] || { echo "$1 is $state"; return 1; }
}

# becomes NAME STATE SECONDS
becomes() {
    local i
    for ((i = 0; i < $3 * 5; i++)); do
        is "$1" "$2" >/dev/null && return 0
        sleep 0.2
    done
    is "$1" "$2"
}

# The process of a machine.
pid_of() {
    cat "$XDG_RUNTIME_DIR/carrel/$1/lock"
}

# hostile_guest FILE SOURCE [AS-OPTION...] - makes a boot floppy of a program
# in guests/.
hostile_guest() {
    local file=$1 source=$2
    shift 2
    as --32 "$@" -o "$home/guest.o" "$(dirname "$0")/guests/$source.S" &&
        ld -m elf_i386 --oformat binary -Ttext 0x7c00 -o "$file" \
            "$home/guest.o" && truncate -s 1474560 "$file"
}

need_assembler() {
    command -v as >/dev/null && command -v ld >/dev/null ||
        skip_all "no assembler: install binutils"
    as --32 -o /dev/null /dev/null 2>/dev/null ||
        skip_all "the assembler knows no x86"
}
