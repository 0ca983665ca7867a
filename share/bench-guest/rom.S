/* share/bench-guest/rom.S - the bench guest in place of a BIOS, for machines
 * that start from firmware: copies it to 1 MiB and enters it there. The ROM
 * ends below 4 GiB; at F0000 is a copy of its last 64 KiB, where the CPU starts
 * in real mode. */
	.section .image, "a"
image:
	.incbin IMAGE
image_last:

	.section .boot, "ax"
	.code16
boot:	cli
	lgdtl %cs:(gdt_pointer - boot)
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $8, $protected

	.balign 8
gdt:	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
gdt_pointer:
	.word 23
	.long gdt

	.code32
protected:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movb $2, %al /* address line 20 */
	outb %al, $0x92
	movl $image, %esi
	movl $0x100000, %edi
	movl $image_last - image + 3, %ecx
	shrl $2, %ecx
	cld
	rep movsl
	xorl %eax, %eax
	movl $0x100000, %ecx
	jmp *%ecx

	.section .reset, "ax"
	.code16
	movw $0x3f8, %dx /* the first instruction, for the host's clock */
	movb $'X', %al
	outb %al, %dx
	.byte 0xe9
	.word boot - (. + 2)
	.balign 16, 0xff

	.section .note.GNU-stack, "", @progbits
