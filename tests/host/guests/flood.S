/* A boot sector that writes to the serial port, the firmware's debug port and
 * the POST port as fast as it can, and never looks whether anybody listens. */
    .code16
    .globl _start
_start:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
again:
    movw $text, %si
    movw $text_end - text, %cx
    movw $0x402, %dx
    rep outsb
    movw $text, %si
    movw $text_end - text, %cx
    movw $0x3f8, %dx
    rep outsb
    outb %al, $0x80
    jmp again
text:
    .rept 6
    .ascii "\033]0;hostile\007\033[2J flood flood flood flood flood flood\r\n"
    .endr
text_end:
    .org 510
    .word 0xaa55
