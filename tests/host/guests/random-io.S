/* A boot sector that uses ports and memory-mapped registers at random, for
 * ever: all widths, in and out, single and repeated.
 *
 * ANYTHING=0 leaves the ways out alone: reset (0x64, 0x92, 0xcf9), PCI
 * configuration (it can move everything), ACPI power management and fw_cfg's
 * DMA into this code, so the machine has to be running still whenever it is
 * looked at. ANYTHING=1 leaves nothing alone. Numbers come from a linear congruence, seeded by the
 * clock. */
    .code16
    .globl _start
_start:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7000, %sp
    lgdtl gdt_pointer
    inb $0x92, %al
    orb $2, %al                 /* A20, without the reset bit */
    andb $0xfe, %al
    outb %al, $0x92
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $8, $flat

    .code32
flat:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x7000, %esp
    movl $0x2545f491, %ebp
    xorb %al, %al
    outb %al, $0x70
    inb $0x71, %al              /* seconds: another start, other numbers */
    movzbl %al, %eax
    addl %eax, %ebp

again:
    call random
    movl %eax, %ebx
    testb $3, %bl
    jz memory

/* A port: mostly from the table of known devices. */
    call random
    movl %eax, %edx
    testb $0x30, %bl
    jz any_port
    shrl $16, %edx
    andl $31, %edx
    movl %eax, %ecx
    movw ports(, %edx, 2), %dx
    andl $15, %ecx
    addl %ecx, %edx
any_port:
    movzwl %dx, %edx
.if ANYTHING == 0
    movl $ways_out, %esi
next_way:
    lodsw
    testw %ax, %ax
    jz harmless
    xorw %dx, %ax
    testw $0xfff0, %ax
    jz again
    jmp next_way
harmless:
.endif
    call random
    movl $0xf0000, %esi         /* the BIOS: many different bytes */
    movl $0x20000, %edi
    movl %eax, %ecx
    shrl $24, %ecx              /* 0 to 255 repetitions */
    shrl $8, %ebx
    andl $15, %ebx
    jmp *operations(, %ebx, 4)

op_inb:
    inb %dx, %al
    jmp again
op_inw:
    inw %dx, %ax
    jmp again
op_inl:
    inl %dx, %eax
    jmp again
op_outb:
    outb %al, %dx
    jmp again
op_outw:
    outw %ax, %dx
    jmp again
op_outl:
    outl %eax, %dx
    jmp again
op_insb:
    rep insb
    jmp again
op_insw:
    rep insw
    jmp again
op_insl:
    rep insl
    jmp again
op_outsb:
    rep outsb
    jmp again
op_outsw:
    rep outsw
    jmp again
op_outsl:
    rep outsl
    jmp again

/* An address: the VGA's windows and ROMs, or from 3 GiB on. */
memory:
    call random
    movl %eax, %edi
    testb $4, %bl
    jz low_window
    orl $0xc0000000, %edi
    jmp access
low_window:
    andl $0x1ffff, %edi
    addl $0xa0000, %edi
access:
    call random
    testb $8, %bl
    jz store
    movl (%edi), %eax
    movb (%edi), %al
    jmp again
store:
    testb $16, %bl
    jz store_byte
    movl %eax, (%edi)
    jmp again
store_byte:
    movb %al, (%edi)
    jmp again

random:
    imull $1664525, %ebp, %ebp
    addl $1013904223, %ebp
    movl %ebp, %eax
    bswapl %eax                 /* its high bits are the random ones */
    ret

    .balign 4
operations:
    .long op_inb, op_inw, op_inl, op_outb, op_outw, op_outl, op_insb, op_insw
    .long op_insl, op_outsb, op_outsw, op_outsl, op_outb, op_outb, op_outw
    .long op_inb
ports:
    .word 0x00, 0x10, 0x20, 0x40, 0x60, 0x70, 0x80, 0xa0
    .word 0xc0, 0xd0, 0xf0, 0x170, 0x1f0, 0x1f0, 0x1ce, 0x2f8
    .word 0x370, 0x3b0, 0x3c0, 0x3c0, 0x3d0, 0x3d0, 0x3f0, 0x3f0
    .word 0x3f8, 0x402, 0x4d0, 0x510, 0xcf8, 0xc000, 0xc040, 0xb000
ways_out:                       /* in blocks of 16 ports */
    .word 0x60, 0x90, 0x510, 0x600, 0x610, 0x620, 0x630, 0xcf0, 0xb000, 0
gdt:
    .quad 0
    .quad 0x00cf9a000000ffff
    .quad 0x00cf92000000ffff
gdt_pointer:
    .word . - gdt - 1
    .long gdt
    .org 510
    .word 0xaa55
