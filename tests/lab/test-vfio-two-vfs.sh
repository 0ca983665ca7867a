#!/usr/bin/env bash
# Two virtual functions of one network card, each in a guest of its own: the
# addresses of the profiles, link, hashed TCP both ways, restarts of a guest; a
# machine's end gives function and address back, and it starts again. Argument:
# CPUS-MEMORY[-RESTARTS].
. "$(dirname "$0")/vfio-lib.sh"
IFS=- read -r cpus memory restarts <<<"$3"
pf=0000:01:00.0
macs=(52:54:00:aa:bb:11 52:54:00:aa:bb:12)
mib=1

command -v ip >/dev/null || skip_all "no ip here (Debian package iproute2)"
[ "$(driver_of $pf)" = igb ] || skip_all "no igb at $pf (lab with QEMU 8 or newer)"
card=$(basename "$devices/$pf"/net/*)
makes_initrd "$home/initrd.gz" igbvf
check "two functions are made" "$carrel" passthrough vf create $pf 2 --yes ||
    finish
ip link set "$card" up
vfs=()
for i in 0 1; do vfs+=("$(basename "$(readlink $devices/$pf/virtfn$i)")"); done

# address_of NUMBER - what the card has been told of a function.
address_of() {
    ip link show "$card" | awk -v n="$1" '$1 == "vf" && $2 == n { print $4 }'
}
has_address() { [ "$(address_of "$1")" = "$2" ]; }

for i in 0 1; do
    check "machine vf$i is made" "$carrel" new vf$i --from linux-kernel \
        "machine.kernel=$kernel" "machine.initrd=$home/initrd.gz" \
        "machine.cmdline=console=ttyS0" "machine.memory=$memory" \
        "machine.cpus=$cpus" "pci0.host=${vfs[i]}" "pci0.mac=${macs[i]}" || finish
done
check "a wrong address is refused" bash -c \
    "! \"$carrel\" set vf0 pci0.mac=53:54:00:00:00:01"
check "an address without \`carrel start\` is refused, with the remedy" \
    grep -q "passthrough vf set $pf 0 mac=" \
    <(gives "${vfs[0]}" >/dev/null
        "$carrel" run --detach --name no --set "pci0.host=${vfs[0]}" \
            --set pci0.mac=${macs[0]} "kernel=$kernel" 2>&1
        takes "${vfs[0]}")
check "a drive has no such address" \
    grep -q 'no virtual function of a network card' \
    <("$carrel" new no --from linux-kernel "machine.kernel=$kernel" \
        pci0.host=04:00.0 pci0.mac=${macs[0]}
        "$carrel" start no --yes 2>&1)

# What the host has now is what it gets back.
first_address=$(address_of 0)
before=$(driver_of "${vfs[0]}") before1=$(driver_of "${vfs[1]}")
on_host() { [ "$(driver_of "${vfs[0]}")" = "$before" ]; }

# answers MACHINE - to its shell, with the profile's address and link.
answers() {
    check "vf$1: a shell, $2" "$carrel" expect "vf$1" 'up: ready=42' --serial \
        --timeout 300 || finish
    asks "vf$1" "ip link set eth0 up; ip addr add 192.168.91.1$1/24 dev eth0; cat /sys/class/net/eth0/address" \
        "${macs[$1]}" "vf$1: the address of the profile, $2"
    asks "vf$1" "i=0; until [ \"\$(cat /sys/class/net/eth0/carrier)\" = 1 ] || [ \$i -gt 30 ]; do sleep 1; i=\$((i+1)); done; echo link=\$(cat /sys/class/net/eth0/carrier)=" \
        'link=1=' "vf$1: link, $2"
}
check "vf0 starts" "$carrel" start vf0 --yes || finish
check "the card has been told its address" has_address 0 "${macs[0]}"
answers 0 first
check "vf1 starts" "$carrel" start vf1 --yes || finish
answers 1 first
asks vf0 'grep -c "MSI.*eth0" /proc/interrupts | sed "s/$/ vectors/"' \
    '3 vectors' "vf0: three message interrupts"
asks vf0 'echo x=$(od -An -tx2 -j256 -N4 /sys/bus/pci/devices/0000:00:10.0/config | tr -d " ").' \
    'x=0001000[12]\.' "vf0: error reporting alone in the extended space"
asks vf0 'ping -c 5 -W 10 192.168.91.11 | grep -o "[0-9] packets received"' \
    '[1-5] packets received' "one reaches the other" 120

# sends FROM TO WORD - a file that the one makes; the other has the same sum.
sends() {
    local sum
    asks "vf$1" "dd if=/dev/urandom of=/f bs=64k count=$((mib * 16)) 2>/dev/null; echo $3-sum=\$(sha256sum </f | cut -c 1-16)=" \
        "$3-sum=[0-9a-f]+=" "vf$1: a file, $3" 120
    sum=$("$carrel" logs "vf$1" --source serial 2>/dev/null |
        sed -n "s/.*$3-sum=\([0-9a-f]\{16\}\)=.*/\1/p" | tail -n 1)
    "$carrel" send "vf$1" serial $'nc -l -p 7400 </f &\n'
    sleep 3
    asks "vf$2" "nc 192.168.91.1$1 7400 | sha256sum | cut -c 1-16 | sed 's/^/$3-got=/'" \
        "$3-got=${sum:-none}" "$mib MiB from vf$1 to vf$2, whole" 300
}
sends 0 1 there
sends 1 0 back

for ((i = 1; i <= ${restarts:-1}; i++)); do
    "$carrel" send vf0 serial $'reboot -f\n'
    answers 0 "restart $i"
done
asks vf0 'ping -c 5 -W 10 192.168.91.11 | grep -o "[0-9] packets received"' \
    '[1-5] packets received' "they reach each other after the restarts" 120
"$carrel" send vf0 serial $'poweroff -f\n'
check "vf0 is gone" gone vf0 60
check "the host has the function back" within 30 on_host
check "and its address is what it was ($first_address)" within 10 \
    has_address 0 "$first_address"
check "vf0 starts again" "$carrel" start vf0 --yes
answers 0 again
sends 1 0 again
check "vf0 is killed" kill -KILL "$(pgrep -f -- "__machine vf0" | head -n 1)"
check "the host has it back then too" within 30 on_host
check "with its address" within 10 has_address 0 "$first_address"
asks vf1 'echo st''ill-$((6*7))' 'still-42' "the other guest has seen nothing of it"
off vf1
check "nothing is bound any more" within 30 bash -c \
    "[ \"\$(basename \"\$(readlink $devices/${vfs[1]}/driver)\")\" = '$before1' ]"
check "the functions go" "$carrel" passthrough undo --all --yes
check "all of them" test "$(cat $devices/$pf/sriov_numvfs)" = 0
finish
