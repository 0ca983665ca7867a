#!/usr/bin/env bash
# The demo guest: text, graphics, keys, serial port, restart and power off.
. "$(dirname "$0")/lib.sh"
need_kvm
need_processor

starts demo --memory 32M --snapshot "disk=$demo_image"
sees demo 'Carrel demo ready' 180 "the demo gets ready" || finish
sees demo 'PCI bus 0' 5 "it has found the PCI bus"
sees demo '8086:1237 +host bridge' 5 "it lists the host bridge"
sees demo 'memory test: [0-9]+ pages from 1 MiB, 0 errors' 5 \
    "its memory test in protected mode finds no error"
check "the serial port says the same" \
    "$carrel" expect demo 'Carrel demo ready' --serial --timeout 10

check "p is typed" "$carrel" send demo keys p
sees demo 'mechanism #1' 30 "p shows the PCI page"
check "Escape is typed" "$carrel" send demo keys esc
sees demo 'Carrel demo ready' 30 "any key leads back"

check "k is typed" "$carrel" send demo keys k
sees demo 'Escape: back' 30 "k shows the keyboard test"
check "text is typed" "$carrel" send demo text "aZ1"
sees demo 'key 1e 61 a' 30 "a arrives"
sees demo 'key 2c 5a Z' 30 "Shift-Z arrives"
sees demo 'key 02 31 1' 30 "1 arrives"
check "Escape is typed again" "$carrel" send demo keys esc
sees demo 'Carrel demo ready' 30 "Escape leads back"

check "a screenshot of text is made" \
    "$carrel" screenshot demo "$home/text.png"
check "it is a 720x400 PNG" png "$home/text.png" 720 400

check "2 is typed" "$carrel" send demo keys 2
sleep 5
check "a screenshot of mode 13h is made" \
    "$carrel" screenshot demo "$home/13h.png"
check "it is a PNG in a graphics size" \
    png "$home/13h.png" 640 400
check "a key leads out" "$carrel" send demo keys space
sees demo 'Carrel demo ready' 60 "text comes back after graphics"

check "r is typed" "$carrel" send demo keys r
check "the serial port says restart" \
    "$carrel" expect demo 'restart' --serial --timeout 20
sees demo 'looking around|Carrel demo ready' 180 "the machine boots again"
sees demo 'Carrel demo ready' 180 "the demo is ready again"

# The machine may be gone before the verb has its answer.
"$carrel" send demo keys q >/dev/null 2>&1
check "the machine powers itself off" gone demo 30
finish
