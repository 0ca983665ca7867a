# tests/host/guests/modes.S - a boot sector and what it loads: one screen of
# coloured blocks after the other, a key apart. modes.py says what each has to
# look like. With CIRRUS the last two are a Cirrus card's, painted by its
# BitBLT engine; without, a mode of VBE.
        .code16
        .globl _start
        .set SECTORS, 4

        .macro OUTW port, index, value
        mov $\port, %dx
        mov $(\index | \value << 8), %ax
        out %ax, %dx
        .endm

_start:
        ljmp $0, $1f
1:      cld
        xor %ax, %ax
        mov %ax, %ds
        mov %ax, %ss
        mov $0x7c00, %sp
        mov %ax, %es
        sti
        mov $(0x0200 + SECTORS), %ax    # the rest of this program
        mov $0x7e00, %bx
        mov $2, %cx
        xor %dh, %dh
        int $0x13
        jc 1b
2:
.ifdef CIRRUS
        call cirrus
        call key
.else
        call text
        call key
        call planar
        call key
        call chain4
        call key
        call vbe
        call key
.endif
        jmp 2b

key:
        xor %ah, %ah
        int $0x16
        ret

        .org 510
        .word 0xaa55

# 80 x 25 full blocks: colour (column / 5 + row) & 15
text:
        mov $0x0003, %ax
        int $0x10
        mov $0x0100, %ax                # no cursor
        mov $0x2000, %cx
        int $0x10
        mov $0xb800, %ax
        mov %ax, %es
        xor %di, %di
        xor %bh, %bh                    # row
1:      xor %bl, %bl                    # column / 5
2:      mov %bl, %ah
        add %bh, %ah
        and $15, %ah
        mov $0xdb, %al
        mov $5, %cx
        rep stosw
        inc %bl
        cmp $16, %bl
        jb 2b
        inc %bh
        cmp $25, %bh
        jb 1b
        ret

# Mode 12h, 640 x 480, four planes: colour (x / 40 + y / 32) & 15
planar:
        mov $0x0012, %ax
        int $0x10
        mov $0xa000, %ax
        mov %ax, %es
        mov $0x3c4, %dx
        mov $0x0102, %ax                # map mask: plane 0
1:      out %ax, %dx
        mov %ah, %bl                    # the plane's bit of a colour
        xor %di, %di
        xor %si, %si                    # y
2:      xor %bh, %bh                    # x / 40
3:      push %ax
        mov %si, %ax
        shr $5, %ax
        add %bh, %al
        and %bl, %al
        neg %al                         # any bit
        sbb %al, %al                    # to all bits
        mov $5, %cx
        rep stosb
        pop %ax
        inc %bh
        cmp $16, %bh
        jb 3b
        inc %si
        cmp $480, %si
        jb 2b
        shl $1, %ah
        cmp $16, %ah
        jb 1b
        ret

# Entry i: red i & 63, green i / 4, blue 63 - (i & 63)
palette:
        mov $0x3c8, %dx
        xor %al, %al
        out %al, %dx
        inc %dx
        xor %bl, %bl
1:      mov %bl, %al
        and $63, %al
        out %al, %dx
        mov %bl, %al
        shr $2, %al
        out %al, %dx
        mov %bl, %al
        not %al
        and $63, %al
        out %al, %dx
        inc %bl
        jnz 1b
        ret

# Mode 13h, 320 x 200: entry x / 20 + y / 20 * 16
chain4:
        mov $0x0013, %ax
        int $0x10
        call palette
        mov $0xa000, %ax
        mov %ax, %es
        xor %di, %di
        xor %bh, %bh                    # y / 20 * 16
1:      mov $20, %si
2:      mov %bh, %al
3:      mov $20, %cx
        rep stosb
        inc %al
        test $15, %al
        jnz 3b
        dec %si
        jnz 2b
        add $16, %bh
        cmp $160, %bh
        jb 1b
        ret

# VBE mode 114h, 800 x 600, 16 bits, banks of 64 KiB:
# red 2 * (x / 50), green 5 * (y / 50), blue 31 - x / 50
vbe:
        mov $0x4f02, %ax
        mov $0x0114, %bx
        int $0x10
        mov $0xa000, %ax
        mov %ax, %es
        xor %di, %di
        xor %si, %si                    # y
        xor %dx, %dx                    # bank
        call bank
1:      mov %si, %ax
        mov $50, %cl
        div %cl
        mov $5, %cl
        mul %cl
        shl $5, %ax
        or $31, %ax                     # x / 50 is 0
        mov $16, %bl
2:      mov $50, %cx
3:      stosw
        test %di, %di
        jnz 4f
        inc %dx
        call bank
4:      loop 3b
        add $(0x1000 - 1), %ax          # two of red, less one of blue
        dec %bl
        jnz 2b
        inc %si
        cmp $600, %si
        jb 1b
        ret

bank:
        pusha
        mov $0x4f05, %ax
        xor %bx, %bx
        int $0x10
        popa
        ret

# GR numbers of the engine, 54xx data sheet; words of two registers each.
        .macro ENGINE first, value
        OUTW 0x3ce, \first, (\value & 255)
        OUTW 0x3ce, (\first + 1), (\value >> 8)
        .endm
        .macro GO
        OUTW 0x3ce, 0x31, 2
1:      in %dx, %ax                     # index and data
        test $1, %ah
        jnz 1b
        .endm

# VBE mode 101h, 640 x 480, entries of the palette. Row 0 (40 lines): 16 fills
# with entry n * 16 + 5. Row 1: the halves of row 0 changed over, by copying.
# Row 2: row 0 combined with entry 15 by exclusive or. Below: entry 0.
cirrus:
        mov $0x4f02, %ax
        mov $0x0101, %bx
        int $0x10
        call palette
        OUTW 0x3c4, 6, 0x12             # the extensions are unlocked
        ENGINE 0x24, 640                # destination's pitch
        ENGINE 0x26, 640                # source's pitch
        OUTW 0x3ce, 0x32, 0x0d          # source
        OUTW 0x3ce, 0x33, 4             # solid fill
        OUTW 0x3ce, 0x30, 0xc0          # of a pattern of one bit
        mov $0, %bx                     # colour
        mov $0, %di                     # address
        mov $640, %cx
        mov $480, %si
        call fill
        mov $5, %bx
1:      mov $40, %cx
        mov $40, %si
        call fill
        add $40, %di
        add $16, %bx
        cmp $256, %bx
        jb 1b
        mov $15, %bx                    # row 2, all of it
        mov $51200, %di
        mov $640, %cx
        mov $40, %si
        call fill
        OUTW 0x3ce, 0x33, 0
        OUTW 0x3ce, 0x30, 0             # from the screen to the screen
        mov $0, %bx                     # left half of row 0
        mov $(25600 + 320), %di
        mov $320, %cx
        call copy
        mov $320, %bx
        mov $25600, %di
        call copy
        OUTW 0x3ce, 0x32, 0x59          # exclusive or
        mov $0, %bx
        mov $51200, %di
        mov $640, %cx
        call copy
        ret

# size - CX bytes of SI lines to address DI (below 64 KiB)
size:
        dec %cx
        mov $0x20, %bp
        call pair
        inc %cx
        push %cx
        mov %si, %cx
        dec %cx
        mov $0x22, %bp
        call pair
        mov %di, %cx
        mov $0x28, %bp
        call pair
        pop %cx
        OUTW 0x3ce, 0x2a, 0
        ret

# pair - CX to the registers BP and BP + 1
pair:
        mov $0x3ce, %dx
        mov %bp, %ax
        mov %cl, %ah
        out %ax, %dx
        inc %bp
        mov %bp, %ax
        mov %ch, %ah
        out %ax, %dx
        ret

# fill - colour BL
fill:
        call size
        mov $1, %al                     # GR1: foreground
        mov %bl, %ah
        out %ax, %dx
        GO
        ret

# copy - CX by 40 from BX to DI
copy:
        mov $40, %si
        call size
        push %cx
        mov %bx, %cx
        mov $0x2c, %bp
        call pair
        pop %cx
        OUTW 0x3ce, 0x2e, 0
        GO
        ret

        .org 512 + SECTORS * 512
