# tests/host/guests/beep.S - a boot sector that beeps: 1000 Hz for three changes
# of the clock's seconds. (The BIOS's ticks are no measure: a host that
# was late makes up for them all at once.)
        .code16
        .globl _start

_start:
        xor %ax, %ax
        mov %ax, %ds
        sti
        mov $0xb6, %al                  # channel 2, square wave
        out %al, $0x43
        mov $0xa9, %al                  # 1193
        out %al, $0x42
        mov $0x04, %al
        out %al, $0x42
        call second
        in $0x61, %al
        or $3, %al
        out %al, $0x61
        call second
        call second
        call second
        in $0x61, %al
        and $0xfc, %al
        out %al, $0x61
        mov $0x0e2e, %ax                # a dot, when it has beeped
        int $0x10
1:      hlt
        jmp 1b

# until register 0 of the clock changes
second:
        xor %al, %al
        out %al, $0x70
        in $0x71, %al
        mov %al, %bl
1:      xor %al, %al
        out %al, $0x70
        in $0x71, %al
        cmp %al, %bl
        je 1b
        ret

        .org 510
        .word 0xaa55
