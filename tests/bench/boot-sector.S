/* tests/bench/boot-sector.S - a boot sector that says Z over COM1 and stops. */
	.code16
	movw $0x3f8, %dx
	movb $'Z', %al
	outb %al, %dx
1:	hlt
	jmp 1b
	.org 510
	.word 0xaa55
