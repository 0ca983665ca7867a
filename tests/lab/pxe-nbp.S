# tests/host/guests/pxe-nbp.S - a network bootstrap program (PXE 2.1, section
# 4.4.5: loaded at 0:7C00, real mode): says on COM1 that it runs, then how it
# came here: ES:BX is the PXENV+ structure.
    .code16
    .globl _start
_start:
    cli
    cld
    push %cs
    pop %ds
    mov $0x3f8, %dx
    call here
here:
    pop %si
    add $(text - here), %si
1:  lodsb
    test %al, %al
    jz 2f
    call put
    jmp 1b
2:  mov $6, %cx
3:  mov %es:(%bx), %al          # "PXENV+"
    inc %bx
    call put
    loop 3b
    mov $'\r', %al
    call put
    mov $'\n', %al
    call put
4:  hlt
    jmp 4b

put:
    push %ax
    add $5, %dx                 # line status: room for a byte
5:  in %dx, %al
    test $0x20, %al
    jz 5b
    sub $5, %dx
    pop %ax
    out %al, %dx
    ret

text:
    .asciz "started from the network by "
