/* app/usb-role.h - the process that looks after one USB device of the host
 * while a machine has it, "carrel __usb PORT|VENDOR:PRODUCT".
 *
 * Its descriptor 3 is a SOCK_SEQPACKET of the machine. First it sends one
 * answer: "O" and the device's speed in Mbit/s ("O480"; "O": it is away), or "E"
 * and why it cannot be had. Then "A" with a descriptor of the device each time it
 * is there, "G" when it was pulled.
 *
 * When the socket ends it gives the device back to the host's drivers. It is a
 * process of its own so that this happens however the machine ends: the kernel
 * takes interfaces from a process that dies, but gives them to no driver. */
#pragma once

int usb_role_main(const char *spec);
