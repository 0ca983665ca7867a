#!/usr/bin/env bash
# A machine with an empty disk: the BIOS finds it and nothing to boot.
. "$(dirname "$0")/lib.sh"
need_kvm

truncate -s 4M "$home/blank.img"
starts bios --memory 64M "disk=$home/blank.img"
sees bios 'SeaBIOS' 60 "the BIOS says its name"
sees bios 'No bootable device' 120 "the BIOS finds nothing to boot"
check "the machine still runs" grep -qx running <("$carrel" status bios)
check "a forced stop ends it" "$carrel" stop bios --force
check "it is gone" gone bios 10
finish
