#!/usr/bin/env bash
# The processes of a machine lock themselves in, and what they need goes on
# working: a network's process that is killed comes back, by the launcher.
. "$(dirname "$0")/lib.sh"
need_kvm

"$carrel" version --features 2>/dev/null | grep -q '^-seccomp' &&
    skip_all "built without libseccomp"
truncate -s 4M "$home/blank.img"

filtered() { # PID MODE - 2: a filter, 0: none
    grep -q "^Seccomp:[[:space:]]*$2\$" "/proc/$1/status" ||
        { grep Seccomp "/proc/$1/status"; return 1; }
}
child() { # PID NAME - that child's pid
    local p
    for p in $(pgrep -P "$1"); do
        [ "$(cat "/proc/$p/comm" 2>/dev/null)" = "$2" ] && echo "$p" && return
    done
    return 1
}
network() { child "$launcher" carrel-net; }
network_again() { # OLD-PID - within 10 s there is another
    local i now
    for ((i = 0; i < 50; i++)); do
        now=$(network) && [ "$now" != "$1" ] && return 0
        sleep 0.2
    done
    return 1
}
ended() { # PID
    local i
    for ((i = 0; i < 50; i++)); do
        [ -d "/proc/$1" ] || return 0
        sleep 0.1
    done
    return 1
}

starts box --memory 64M --set net0.kind=user "disk=$home/blank.img"
pid=$(pid_of box)
launcher=$(child "$pid" carrel-launch)
check "the machine has a filter" filtered "$pid" 2
check "it has a launcher" test -n "$launcher"
check "which has none" filtered "$launcher" 0
role=$(network)
check "the launcher has started the network" test -n "$role"
check "the network has a filter" filtered "$role" 2
check "its process is killed" kill -KILL "$role"
check "it is started again" network_again "$role"
check "the new one has a filter" filtered "$(network)" 2
check "the machine runs on" is box running
role=$(network)
check "it is stopped" "$carrel" stop box --force
check "the launcher ends with it" ended "$launcher"
check "and the network" ended "$role"

starts open --memory 64M --set machine.sandbox=false "disk=$home/blank.img"
check "without, it has no filter" filtered "$(pid_of open)" 0
check "its log warns" grep -q 'warning: the sandbox is off' \
    "$XDG_STATE_HOME/carrel/open/vmm.log"
check "it is stopped too" "$carrel" stop open --force
finish
