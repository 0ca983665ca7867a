/* A boot sector that writes every byte of the keyboard controller to the
 * serial port as two hexadecimal digits: what a guest really receives, presses
 * and releases alike. Polled, so no interrupt can be late. */
    .code16
    .globl _start
_start:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    movw $ready, %si
say:
    lodsb
    testb %al, %al
    jz wait
    call put
    jmp say
wait:
    inb $0x64, %al
    testb $0x01, %al
    jz wait
    inb $0x60, %al
    movb %al, %bl
    shrb $4, %al
    call digit
    movb %bl, %al
    andb $0x0f, %al
    call digit
    movb $' ', %al
    call put
    jmp wait
digit:
    addb $'0', %al
    cmpb $'9', %al
    jbe put
    addb $'a' - '0' - 10, %al
put:
    movb %al, %ah
    movw $0x3fd, %dx
full:
    inb %dx, %al
    testb $0x20, %al
    jz full
    movb %ah, %al
    movw $0x3f8, %dx
    outb %al, %dx
    ret
ready:
    .asciz "scancodes ready\r\n"
    .org 510
    .word 0xaa55
