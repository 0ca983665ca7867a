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

# makes_initrd FILE [PROGRAM|MODULE]... - busybox with a shell on the serial port,
# after the modules with all that they need. A PROGRAM, with a slash, is in /bin.
makes_initrd() {
    local file=$1 root=$home/root.${1##*/} module path
    shift
    mkdir -p "$root"/{bin,proc,sys,dev}
    cp "$(command -v busybox)" "$root/bin/busybox"
    for module; do
        [[ $module != */* ]] || { cp "$module" "$root/bin/"; continue; }
        modprobe --show-depends "$module" | sed -n 's/^insmod //p'
    done | awk '!seen[$1]++ { print $1 }' >"$root/paths"
    while read -r path; do
        cp "$path" "$root/"
        echo "/${path##*/}" >>"$root/modules"
    done <"$root/paths"
    cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 3 >/proc/sys/kernel/printk
for m in $(cat /modules); do insmod $m 2>/dev/null; done
echo "up: ready=$((6 * 7))"
exec setsid cttyhack sh
INIT
    chmod +x "$root/init"
    (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$file"
}

# within SECONDS COMMAND... - waits until it is true.
within() {
    local i n=$(($1 * 10))
    shift
    for ((i = 0; i < n; i++)); do
        "$@" && return
        sleep 0.1
    done
    return 1
}

# has_linux_686 - sets root_686 to a folder with a 32-bit kernel, which alone has
# drivers of ISA cards, and busybox. LAB_LINUX_686 names it, or one with the .deb
# files of linux-image-*-686 and busybox-static for it.
has_linux_686() {
    local deb
    root_686=${LAB_LINUX_686:-}
    if [ -n "$root_686" ] && [ ! -d "$root_686/boot" ]; then
        root_686=$home/686
        mkdir "$root_686"
        for deb in "$LAB_LINUX_686"/*.deb; do
            dpkg-deb -x "$deb" "$root_686"
        done
    fi
    [ -n "$root_686" ] && [ -x "$root_686/bin/busybox" ]
}
