#!/usr/bin/env bash
# A machine whose profile names a device: `carrel start` binds it, the guest has
# it, and the host has it back when the machine stops or dies. Argument:
# CPUS-MEMORY.
. "$(dirname "$0")/vfio-lib.sh"
cpus=${3%-*} memory=${3#*-}
bdf=0000:04:00.0

[ "$(driver_of $bdf)" = nvme ] || skip_all "no NVMe drive at $bdf (lab --topology clean)"
makes_initrd "$home/initrd.gz" nvme
check "the machine is made" "$carrel" new drive --from linux-kernel \
    "machine.kernel=$kernel" "machine.initrd=$home/initrd.gz" \
    "machine.cmdline=console=ttyS0" "machine.memory=$memory" \
    "machine.cpus=$cpus" pci0.host=$bdf || finish
check "it is named in its settings" grep -q "$bdf" <("$carrel" get drive pci0.host)
check "what would be done is shown" grep -q 'vfio-pci' \
    <("$carrel" passthrough plan $bdf)
before=$(driver_of $bdf)

on_host() { [ "$(driver_of $bdf)" = "$before" ]; }

check "unasked, nothing is taken" ends 4 'was not agreed to' \
    "$carrel" start drive </dev/null
check "it is the host's still" on_host
check "start binds it" "$carrel" start drive --yes || finish
check "it is on vfio-pci" test "$(driver_of $bdf)" = vfio-pci
check "a shell" "$carrel" expect drive 'up: ready=42' --serial --timeout 240
asks drive 'cat /sys/block/nvme0n1/size' '131072' "the guest has the drive"
"$carrel" send drive serial $'poweroff -f\n'
check "it is gone" gone drive 60
check "the host has it back" within 20 on_host

check "consent is written down" "$carrel" set drive pci0.consent=true
check "again, as it is written" "$carrel" start drive </dev/null
check "it is on vfio-pci again" test "$(driver_of $bdf)" = vfio-pci
check "killed" kill -KILL "$(pgrep -f -- "__machine drive" | head -n 1)"
check "the host has it back then too" within 30 on_host
check "nothing is left to undo" grep -qi 'nothing' <("$carrel" passthrough undo --all --yes 2>&1)
finish
