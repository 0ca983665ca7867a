/* A boot sector that reads the last sector of the second hard disk over and
 * over, and says on the serial port whether it was read: "good" or "bad". */
    .code16
    .globl _start
_start:
    cld
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7c00, %sp
again:
    movb $0x42, %ah             /* INT 13h extended read */
    movb $0x81, %dl
    movw $packet, %si
    int $0x13
    movw $good, %si
    jnc say
    movw $bad, %si
say:
    lodsb
    testb %al, %al
    jz pause
    movw $0x3f8, %dx
    outb %al, %dx
    jmp say
pause:
    movw $0x0e2e, %ax           /* a dot on the screen */
    int $0x10
    movb $0x86, %ah             /* wait 0x20000 us */
    movw $2, %cx
    xorw %dx, %dx
    int $0x15
    jmp again
good:
    .asciz "good\r\n"
bad:
    .asciz "bad\r\n"
    .balign 4
packet:
    .byte 16, 0
    .word 1, 0x8000, 0
    .quad LAST_SECTOR
    .org 510
    .word 0xaa55
