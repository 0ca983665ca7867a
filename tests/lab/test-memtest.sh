#!/usr/bin/env bash
# Debian's memtest86+: its counters move, it finds no error, with one CPU and
# with two. Argument: the number of CPUs.
. "$(dirname "$0")/lib.sh"
cpus=${3:-1}
[ -r /boot/memtest86+x64.bin ] || skip_all "the package memtest86+ is missing"

starts mem --snapshot --memory 64M --cpus "$cpus" "disk=$disk"
picks mem m 60
sees mem "$cpus Cores +$cpus Threads" 120 "it finds $cpus CPUs"
sees mem 'Test #[2-9]' 120 "the test's number moves on"
sees mem 'Time: +0:00:(0[5-9]|[1-5][0-9])' 120 "its clock moves on"
sees mem 'Pass: +0 +Errors: 0' 5 "it finds no error"
off mem
finish
