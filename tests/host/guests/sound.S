# tests/host/guests/sound.S - a DOS program (COM) that plays four tones of a
# second with one or two between: 1000 Hz on the speaker, 440 Hz by FM,
# 800 Hz by 8-bit DMA, 441 Hz by 16-bit DMA of a Sound Blaster 16.
        .code16
        .globl _start
        .set BASE, 0x220

        .macro OUTB port, value
        mov $\port, %dx
        mov $\value, %al
        out %al, %dx
        .endm
        .macro SAY text
        mov $\text, %dx
        mov $9, %ah
        int $0x21
        .endm
        .macro FM reg, value
        mov $(\reg | \value << 8), %bx
        call fm_write
        .endm
        .macro DSP value
        mov $\value, %bl
        call dsp_write
        .endm

_start:
        call speaker
        call adlib
        call blaster
        SAY done
        mov $0x4c00, %ax
        int $0x21

# until the clock's seconds change; the BIOS's ticks are no measure: a host that
# was late makes up for them all at once
second:
        call seconds
        mov %al, %bl
1:      call seconds
        cmp %al, %bl
        je 1b
        ret
# one to two seconds
pause:
        call second
        jmp second
seconds:
        xor %al, %al
        out %al, $0x70
        in $0x71, %al
        ret

speaker:
        call second
        OUTB 0x43, 0xb6
        OUTB 0x42, 0xa9                 # 1193
        OUTB 0x42, 0x04
        in $0x61, %al
        or $3, %al
        out %al, $0x61
        call second
        in $0x61, %al
        and $0xfc, %al
        out %al, $0x61
        jmp pause

# register BL, value BH, with the delays of the data sheet
fm_write:
        mov $0x388, %dx
        mov %bl, %al
        out %al, %dx
        mov $6, %cx
1:      in %dx, %al
        loop 1b
        inc %dx
        mov %bh, %al
        out %al, %dx
        dec %dx
        mov $35, %cx
1:      in %dx, %al
        loop 1b
        ret

adlib:
        FM 0x04, 0x60
        FM 0x04, 0x80
        mov $0x388, %dx
        in %dx, %al
        and $0xe0, %al
        jnz no_adlib
        FM 0x02, 0xff
        FM 0x04, 0x21
        mov $200, %cx                   # a microsecond each at least
1:      in %dx, %al
        loop 1b
        and $0xe0, %al
        cmp $0xc0, %al
        jne no_adlib
        FM 0x04, 0x60
        FM 0x04, 0x80
        FM 0x20, 0x21
        FM 0x23, 0x21
        FM 0x40, 0x3f
        FM 0x43, 0x00
        FM 0x60, 0xf0
        FM 0x63, 0xf0
        FM 0x80, 0x0f
        FM 0x83, 0x0f
        FM 0xa0, 0x44
        call second                     # all of that took its time
        FM 0xb0, 0x32
        call second
        FM 0xb0, 0x12
        SAY adlib_found
        jmp pause
no_adlib:
        SAY adlib_missing
        ret

dsp_write:
        mov $(BASE + 0xc), %dx
1:      in %dx, %al
        test %al, %al
        js 1b
        mov %bl, %al
        out %al, %dx
        ret

blaster:
        OUTB (BASE + 6), 1
        mov $100, %cx
1:      in %dx, %al
        loop 1b
        OUTB (BASE + 6), 0
        mov $(BASE + 0xe), %dx
        mov $1000, %cx
1:      in %dx, %al
        test %al, %al
        js 2f
        loop 1b
        jmp no_blaster
2:      mov $(BASE + 0xa), %dx
        in %dx, %al
        cmp $0xaa, %al
        jne no_blaster
        DSP 0xe1
        mov $(BASE + 0xa), %dx
        in %dx, %al
        cmp $4, %al
        jne no_blaster
        SAY blaster_found

        cli                             # interrupt 5 is vector 0dh
        xor %ax, %ax
        mov %ax, %es
        movw $interrupt, %es:(4 * 0x0d)
        mov %cs, %es:(4 * 0x0d + 2)
        in $0x21, %al
        and $0xdf, %al
        out %al, $0x21
        sti

        mov %cs, %ax                    # a buffer that begins with 128 KiB
        add $0x3000, %ax
        and $0xe000, %ax
        mov %ax, %es
        call play_8
        call pause
        call play_16
        jmp pause
no_blaster:
        SAY blaster_missing
        ret

play_8:
        xor %di, %di
        mov $800, %dx
1:      mov $0xc0, %al
        mov $5, %cx
        rep stosb
        mov $0x40, %al
        mov $5, %cx
        rep stosb
        dec %dx
        jnz 1b
        OUTB 0x0a, 0x05
        OUTB 0x0c, 0
        OUTB 0x0b, 0x49
        OUTB 0x02, 0
        OUTB 0x02, 0
        mov %es, %ax
        mov %ah, %al
        shr $4, %al
        out %al, $0x83
        OUTB 0x03, 0x3f                 # 8000 - 1
        OUTB 0x03, 0x1f
        OUTB 0x0a, 0x01
        DSP 0x41
        DSP 0x1f
        DSP 0x40
        DSP 0xd1
        DSP 0x14
        DSP 0x3f
        DSP 0x1f
        call wait_interrupt
        SAY played_8
        ret

play_16:
        xor %di, %di
        mov $441, %dx
1:      mov $8000, %ax
        mov $25, %cx
        rep stosw
        mov $-8000, %ax
        mov $25, %cx
        rep stosw
        dec %dx
        jnz 1b
        OUTB 0xd4, 0x05
        OUTB 0xd8, 0
        OUTB 0xd6, 0x49
        OUTB 0xc4, 0
        OUTB 0xc4, 0
        mov %es, %ax
        mov %ah, %al
        shr $4, %al
        out %al, $0x8b
        OUTB 0xc6, 0x21                 # 22050 - 1
        OUTB 0xc6, 0x56
        OUTB 0xd4, 0x01
        DSP 0x41
        DSP 0x56
        DSP 0x22
        DSP 0xb0
        DSP 0x10
        DSP 0x21
        DSP 0x56
        call wait_interrupt
        SAY played_16
        ret

# at most three changes of the second
wait_interrupt:
        mov $3, %cx
1:      call seconds
        mov %al, %bl
2:      cmpb $0, arrived
        jne 3f
        call seconds
        cmp %al, %bl
        je 2b
        loop 1b
        SAY no_interrupt
3:      movb $0, arrived
        ret

interrupt:
        push %ax
        push %dx
        movb $1, %cs:arrived
        mov $(BASE + 0xe), %dx          # both are acknowledged
        in %dx, %al
        inc %dx
        in %dx, %al
        mov $0x20, %al
        out %al, $0x20
        pop %dx
        pop %ax
        iret

arrived:        .byte 0
adlib_found:    .ascii "adlib-found\r\n$"
adlib_missing:  .ascii "adlib-missing\r\n$"
blaster_found:  .ascii "blaster-found\r\n$"
blaster_missing: .ascii "blaster-missing\r\n$"
played_8:       .ascii "played-8\r\n$"
played_16:      .ascii "played-16\r\n$"
no_interrupt:   .ascii "no-interrupt\r\n$"
done:           .ascii "all-played\r\n$"
