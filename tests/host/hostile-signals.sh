#!/usr/bin/env bash
# Signals to a machine's process, lost terminals, what a killed process leaves
# behind; and that all this concerns one machine only.
. "$(dirname "$0")/lib.sh"
need_kvm

new() { # NAME [SETTING...]
    truncate -s 1M "$home/$1.img"
    check "makes $1" "$carrel" new "$1" machine.memory=16M \
        "disk0.path=$home/$1.img" "${@:2}"
}
kill_and_look() { # NAME SIGNAL STATE SECONDS
    kill "-$2" "$(pid_of "$1")"
    becomes "$1" "$3" "$4"
}
goes_on() { # NAME SIGNAL - nothing comes of it
    kill "-$2" "$(pid_of "$1")"
    sleep 0.5
    is "$1" running && "$carrel" screenshot "$1" --text >/dev/null
}

new other
check "another machine is started" "$carrel" start other
other_pid=$(pid_of other)

# --- signals

new one
check "it is started" "$carrel" start one
check "it has left its starter's folder" \
    test "$(readlink "/proc/$(pid_of one)/cwd")" = /
for signal in HUP WINCH INT QUIT PIPE XFSZ USR1 URG CONT; do
    check "SIG$signal does not end it" goes_on one $signal
done
kill -STOP "$(pid_of one)"
check "while it is stopped the list still answers" \
    timeout 20 "$carrel" list
kill -CONT "$(pid_of one)"
check "and it goes on" becomes one running 10
check "SIGKILL: it has crashed" kill_and_look one KILL crashed 10
check "the list says why" \
    sh -c '"$1" list | grep "^one .*crashed.*ended unexpectedly.*killed"' - \
    "$carrel"
check "its socket and lock lie about" \
    test -S "$XDG_RUNTIME_DIR/carrel/one/control.sock"
refuses "[14]" "not running" "it cannot be talked to" \
    "$carrel" send one text x
check "it starts again" "$carrel" start one
check "and runs" is one running
for signal in SEGV ABRT BUS; do
    check "SIG$signal: it has crashed" kill_and_look one $signal crashed 10
    # (AddressSanitizer takes these for itself.)
    grep -q __asan_init "$carrel" || check "the list names the signal" \
        sh -c '"$1" list | grep "^one .*crashed.*SIG'$signal'"' - "$carrel"
    check "it starts again" "$carrel" start one
done

# A pid file that names somebody else's process, and a lock nobody holds.
check "SIGKILL again" kill_and_look one KILL crashed 10
echo $$ >"$XDG_RUNTIME_DIR/carrel/one/lock"
check "stop does not kill whoever has that number now" \
    "$carrel" stop one --force
echo "99999999999999999999" >"$XDG_RUNTIME_DIR/carrel/one/lock"
head -c 4096 /dev/urandom >"$XDG_STATE_HOME/carrel/one/last-state.json"
check "a damaged record is no record" "$carrel" status one
rm -f "$XDG_RUNTIME_DIR/carrel/one/control.sock"
mkfifo "$XDG_RUNTIME_DIR/carrel/one/control.sock"
check "a fifo in the socket's place does not hang the list" \
    timeout 20 "$carrel" list
check "nor does it keep the machine from starting" \
    timeout 60 "$carrel" start one
check "it runs" is one running

# Orderly: the guest is asked, and then switched off.
check "SIGTERM: it stops in good order" kill_and_look one TERM off 60
check "its runtime folder is gone" \
    test ! -e "$XDG_RUNTIME_DIR/carrel/one"

# --- throw-away machines

starts gone --memory 16M "disk=$home/one.img"
check "SIGKILL of a throw-away machine: it has crashed" \
    kill_and_look gone KILL crashed 10
check "it has let go of its disk" "$carrel" start one
check "that one stops" "$carrel" stop one --force
check "its name can be used again" \
    "$carrel" run --detach --name gone --memory 16M "disk=$home/one.img"
check "it stops" "$carrel" stop gone --force

# --- the interface and the terminal

python3 - "$carrel" >"$home/tui" 2>&1 <<'PYTHON'
import os, pty, select, signal, subprocess, sys, time
carrel = sys.argv[1]

def state(name):
    return subprocess.run([carrel, 'status', name], capture_output=True,
                          text=True).stdout.strip()

def drain(fd, seconds):
    end = time.time() + seconds
    while time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                if not os.read(fd, 65536):
                    return
            except OSError:
                return

def session(end):
    subprocess.run([carrel, 'start', 'one'], check=True)
    pid, fd = pty.fork()
    if pid == 0:
        os.environ['TERM'] = 'xterm-256color'
        os.execv(carrel, ['carrel', 'console', 'one'])
    drain(fd, 2)
    end(pid, fd)
    deadline = time.time() + 10
    gone = False
    while not gone and time.time() < deadline:
        gone = os.waitpid(pid, os.WNOHANG)[0] == pid
        time.sleep(0.1)
    if not gone:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return ('ended' if gone else 'HANGS'), state('one')

def kill(pid, fd):
    os.kill(pid, signal.SIGKILL)

def terminate(pid, fd):
    os.kill(pid, signal.SIGTERM)

def hang_up(pid, fd):
    os.close(fd)

for end in kill, terminate, hang_up:
    print(end.__name__, *session(end))
PYTHON
for how in kill terminate hang_up; do
    check "the interface ends ($how), the machine does not" \
        grep -q "^$how ended running$" "$home/tui"
done
sed 's/^/# /' "$home/tui"

# Started by a shell that is killed with its whole process group.
check "it stops" "$carrel" stop one --force
setsid bash -c '"$1" start one; kill -KILL 0' - "$carrel" >/dev/null 2>&1
check "a machine outlives the process group that started it" is one running
check "it stops" "$carrel" stop one --force

check "all the while the other one ran on" is other running
check "in the same process" test "$(pid_of other)" = "$other_pid"
check "its screen is there" "$carrel" screenshot other --text
check "it stops" "$carrel" stop other --force
finish
