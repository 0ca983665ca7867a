# tests/host/guests/stream.S - a boot sector that sends LINES lines over COM1 as a
# console does, polling before each byte: 0000 to LINES - 1 in hexadecimal. Every
# 256 lines it lets the transmitter interrupt for a moment, waits for the timer
# once and goes on. The last line, "end", comes without asking for room, and
# after it the guest says nothing any more.
        .equ LINES, 2048

        .code16
        .globl _start

_start:
        xor %ax, %ax
        mov %ax, %ds
        mov %ax, %ss
        mov $0x7c00, %sp
        mov $0x3fa, %dx
        mov $1, %al                     # FIFOs on
        out %al, %dx
        mov $0x3f9, %dx
        xor %al, %al                    # no interrupts
        out %al, %dx
        sti
        xor %bx, %bx
line:   mov $4, %cx
1:      rol $4, %bx
        mov %bl, %al
        and $15, %al
        add $'0', %al
        cmp $'9', %al
        jbe 2f
        add $'a' - '9' - 1, %al
2:      call say
        loop 1b
        mov $'\n', %al
        call say
        inc %bx
        or %bl, %bl
        jnz 3f
        mov $0x3f9, %dx
        mov $2, %al
        out %al, %dx
        xor %al, %al
        out %al, %dx
        hlt
3:      cmp $LINES, %bx
        jb line
        mov $end, %si
        mov $0x3f8, %dx
        mov $4, %cx
        rep outsb
        cli
4:      jmp 4b                          # not even an interrupt

say:    mov %al, %ah
        mov $0x3fd, %dx
1:      in %dx, %al
        test $0x20, %al
        jz 1b
        mov %ah, %al
        mov $0x3f8, %dx
        out %al, %dx
        ret

end:    .ascii "end\n"
        .org 510
        .word 0xaa55
