/* A boot sector that ends in a triple fault, for ever: it asks the BIOS to
 * come straight back here after a reset (CMOS shutdown code 0x0a, vector at
 * 40:67). In protected mode, because an emulating KVM does not check the
 * limit of the real-mode interrupt table. */
    .code16
    .globl _start
_start:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw $_start, 0x467
    movw %ax, 0x469
    movb $0x8f, %al
    outb %al, $0x70
    movb $0x0a, %al
    outb %al, $0x71
    lgdtl gdt_pointer
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $8, $flat
    .code32
flat:
    movw $16, %ax
    movw %ax, %ds
    lidtl nothing
    movw $0x98, %ax             /* no such selector, and no handler */
    movw %ax, %ds
stop:
    jmp stop
nothing:
    .word 0
    .long 0
    .balign 4
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
gdt_pointer:
    .word 23
    .long gdt
    .org 510
    .word 0xaa55
