# tests/host/guests/com-boot.S - a boot sector that is DOS enough for sound.S: it
# loads the two sectors behind it as a COM program, prints what it says, and
# stays when it ends.
        .code16
        .globl _start
        .set PROGRAM, 0x1000            # its segment

_start:
        xor %ax, %ax
        mov %ax, %ds
        mov %ax, %ss
        mov $0x7c00, %sp
        sti
        movw $dos, 4 * 0x21
        mov %ax, 4 * 0x21 + 2
        mov $PROGRAM, %ax
        mov %ax, %es
1:      mov $0x100, %bx
        mov $0x0202, %ax                # two sectors, from the second on
        mov $0x0002, %cx
        xor %dh, %dh                    # of the drive that the BIOS booted
        int $0x13
        jc 1b
        mov $PROGRAM, %ax
        mov %ax, %ds
        mov %ax, %ss
        mov $0xfffe, %sp
        ljmp $PROGRAM, $0x100

# 09h prints up to a dollar, 4Ch ends
dos:
        sti
        cmp $9, %ah
        jne 3f
        push %ax
        push %bx
        push %si
        mov %dx, %si
1:      lodsb
        cmp $'$', %al
        je 2f
        mov $0x0e, %ah
        xor %bx, %bx
        int $0x10
        jmp 1b
2:      pop %si
        pop %bx
        pop %ax
        iret
3:      hlt
        jmp 3b

        .org 510
        .word 0xaa55
