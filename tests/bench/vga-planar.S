/* tests/bench/vga-planar.S - a boot sector that draws in mode 12h as programs of
 * its time do, with one write for eight pixels: Y over COM1, PASSES times a
 * whole screen, Z. */
	.equ PASSES, 2

	.code16
	movw $0x12, %ax /* BIOS: 640x480, 16 colours, planes */
	int $0x10
	movw $0xa000, %ax
	movw %ax, %es
	movb $'Y', %al
	call say
	movw $PASSES, %bx
1:	xorw %di, %di
	movw $640 * 480 / 8, %cx
	movb %bl, %al
2:	stosb
	loop 2b
	decw %bx
	jnz 1b
	movb $'Z', %al
	call say
3:	hlt
	jmp 3b

say:	movw $0x3f8, %dx
	outb %al, %dx
	ret
	.org 510
	.word 0xaa55
