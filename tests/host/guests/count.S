/* A boot sector that counts as fast as it can and writes, about every second by
 * the BIOS's clock, how far it got to the serial port: eight hexadecimal
 * digits and a line feed. */
    .code16
    .globl _start
_start:
    cld
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7c00, %sp
    sti
second:
    xorl %ecx, %ecx
    movl 0x46c, %ebx            /* the BIOS's ticks, 18.2 a second */
count:
    incl %ecx
    movl 0x46c, %eax            /* ticks that were late come at once: none of */
    subl %ebx, %eax             /* their numbers is sure to be seen */
    cmpl $18, %eax
    jb count
    movw $8, %bp
digit:
    roll $4, %ecx
    movb %cl, %al
    andb $15, %al
    addb $0x90, %al             /* DAA would need no branch, but some KVM hosts lack it */
    cmpb $0x9a, %al
    jb 1f
    addb $0x61 - 0x9a, %al
    jmp 2f
1:  subb $0x90 - 0x30, %al
2:  movw $0x3f8, %dx
    outb %al, %dx
    decw %bp
    jnz digit
    movb $10, %al
    outb %al, %dx
    jmp second
    .org 510
    .word 0xaa55
