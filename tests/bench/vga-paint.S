/* tests/bench/vga-paint.S - a boot sector that paints: sets 1024x768 with 32
 * bits a pixel by VBE, says Z over COM1, then writes the whole screen anew
 * again and again, or with -DPER_KEY once for each key. Every pixel changes
 * with every picture, and neighbours differ, so no encoder gets it for free. */
#define COM1        0x3f8
#define VBE_MODE32  0x144 /* the same with 32 bits */
#define VBE_LINEAR  0x4000
#define MODE_INFO   0x8000 /* where the BIOS writes it; free memory */
#define MODE_BASE   0x28   /* address of the pixels in it */
#define PIXELS      (1024 * 768)

	.code16
	cli
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw $0x7c00, %sp
	movw $MODE_INFO, %di
	movw $0x4f01, %ax
	movw $VBE_MODE32, %cx
	int $0x10
	movw $0x4f02, %ax
	movw $(VBE_MODE32 | VBE_LINEAR), %bx
	int $0x10
	movb $'Z', %al
	movw $COM1, %dx
	outb %al, %dx
	xorl %ebp, %ebp

picture:
	cli
	call flat
	movl (MODE_INFO + MODE_BASE), %edi
	movl $PIXELS, %ecx
	movl %ebp, %ebx
1:	movl %ebx, %fs:(%edi)
	addl $4, %edi
	addl $0x00010203, %ebx
	decl %ecx
	jnz 1b
	addl $0x00345678, %ebp
#ifdef PER_KEY
	sti
	xorw %ax, %ax
	int $0x16 /* waits for a key */
#endif
	jmp picture

	/* FS becomes 4 GiB long; the BIOS may have made it short again. */
flat:
	lgdtl gdtr
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	jmp 1f
1:	movw $8, %bx
	movw %bx, %fs
	andb $0xfe, %al
	movl %eax, %cr0
	jmp 1f
1:	ret

	.balign 8
gdt:	.quad 0
	.quad 0x00cf93000000ffff
gdtr:	.word 15
	.long gdt

	.org 510
	.word 0xaa55
