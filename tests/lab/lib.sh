# tests/lab/lib.sh - sourced by tests that boot the lab's Debian disk: the host
# tests' helpers and what is particular to this disk.
# shellcheck disable=SC1091
. "$(dirname "${BASH_SOURCE[0]}")/../host/lib.sh"
need_kvm
disk=${LAB_DISK:?run by tests/lab/in-lab.sh}
[ -n "${LAB:-}" ] || skip_all "only inside the lab"

# picks NAME KEY SECONDS - presses a key in GRUB's menu.
picks() {
    sees "$1" 'Booting|Press enter to boot' "$3" "$1: GRUB shows its menu" ||
        finish
    check "$1: the entry is chosen" "$carrel" send "$1" keys "$2"
}

# listens PORT - waits until a server of this machine is there, however slow the
# lab is: a client that comes too early would be turned away.
listens() {
    local i
    for ((i = 0; i < 300; i++)); do
        grep -qsE ":$(printf %04X "$1") [0-9A-F]+:0000 0A" /proc/net/tcp \
            /proc/net/tcp6 && return
        sleep 0.2
    done
}

# off NAME - switches a machine off that has no say in it.
off() {
    check "$1: it is switched off" "$carrel" stop "$1" --force
}
