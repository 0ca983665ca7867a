/* share/demo/boot.S - first sector of the demo guest, and the way between C
 * and the machine: BIOS calls, and protected mode for one function.
 *
 * The BIOS loads this sector to 0x7c00; it loads the rest behind itself, so
 * that the whole program is one flat image in segment 0 with its stack below.
 * The C code is built with -m16: 32-bit operands, 16-bit segments. Only what
 * a 386 can do, integers only, no BOUND, ENTER, ARPL or BCD instructions: the
 * demo must also run where KVM emulates every instruction. */

	.equ	STACK_TOP, 0x7c00
	.equ	LOAD_SEGMENT, 0x07e0	/* 0x7e00: right behind this sector */

	.section .boot, "ax"
	.code16
	.globl	_start
_start:
	ljmp	$0, $1f		/* some firmware starts at 07c0:0000 */
1:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movl	$STACK_TOP, %esp
	cld
	sti
	movb	%dl, boot_drive

	/* Geometry by INT 13h function 8: the image boots as any floppy and as
	 * a hard disk. ES:DI = 0 guards against a BIOS bug in this call. */
	movw	%ax, %es
	xorw	%di, %di
	movb	$0x08, %ah
	int	$0x13
	jc	2f
	andb	$0x3f, %cl
	jz	2f
	movb	%cl, sectors_per_track
	incb	%dh
	jz	2f
	movb	%dh, heads
2:	movw	$LOAD_SEGMENT, %ax
	movw	%ax, %es
	movw	$1, %si			/* next sector, counted from 0 */

next_part:
	movw	%si, %ax		/* CHS of sector si */
	xorw	%dx, %dx
	movzbw	sectors_per_track, %bx
	divw	%bx			/* dx = sector - 1, ax = track */
	movb	%dl, %cl
	subw	%dx, %bx		/* bx = sectors left in this track */
	incb	%cl
	xorw	%dx, %dx
	movzbw	heads, %di
	divw	%di			/* ax = cylinder, dx = head */
	movb	%al, %ch
	movb	%dl, %dh
	movb	boot_drive, %dl
	movw	$program_sectors + 1, %ax
	subw	%si, %ax		/* sectors still wanted */
	cmpw	%bx, %ax
	jbe	3f
	movw	%bx, %ax
3:	movw	%ax, part
	movb	$5, tries

retry:	pushw	%cx
	pushw	%dx
	movw	part, %ax
	movb	$0x02, %ah
	xorw	%bx, %bx
	int	$0x13
	popw	%dx
	popw	%cx
	jnc	4f
	xorb	%ah, %ah		/* reset the drive, then again */
	int	$0x13
	decb	tries
	jnz	retry
	movw	$read_error, %si
	call	teletype
5:	hlt
	jmp	5b

4:	movw	part, %ax
	addw	%ax, %si
	shlw	$5, %ax			/* 512 bytes are 32 paragraphs */
	movw	%es, %bx
	addw	%ax, %bx
	movw	%bx, %es
	cmpw	$program_sectors + 1, %si
	jb	next_part

	/* C expects ds = es = ss and a clean .bss. */
	xorw	%ax, %ax
	movw	%ax, %es
	movl	$__bss_start, %edi
	movl	$__bss_end, %ecx
	subl	%edi, %ecx
	rep stosb
	calll	demo_main
6:	hlt
	jmp	6b

teletype:
	lodsb
	testb	%al, %al
	jz	7f
	movb	$0x0e, %ah
	movw	$0x0007, %bx
	int	$0x10
	jmp	teletype
7:	ret

boot_drive:		.byte	0
sectors_per_track:	.byte	18	/* 1.44M, when function 8 is missing */
heads:			.byte	2
tries:			.byte	0
part:			.word	0
read_error:		.asciz	"Carrel demo: cannot read the disk\r\n"

	.org	510
	.word	0xaa55

	.text
	.code16

/* void bios(unsigned vector, struct BiosRegs *regs); the vector is patched
 * into the INT instruction. */
	.globl	bios
bios:
	pushl	%ebp
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	movl	20(%esp), %eax
	movb	%al, vector
	movl	24(%esp), %eax
	movl	%eax, saved_regs
	movl	%eax, %esi
	movl	4(%esi), %ebx
	movl	8(%esi), %ecx
	movl	12(%esi), %edx
	movl	20(%esi), %edi
	movw	24(%esi), %es
	pushl	(%esi)
	movl	16(%esi), %esi
	popl	%eax
	jmp	8f			/* drop what was fetched before the patch */
8:	.byte	0xcd			/* INT imm8 */
vector:	.byte	0
	cld
	pushfl
	pushl	%esi
	movl	saved_regs, %esi
	movl	%eax, (%esi)
	movl	%ebx, 4(%esi)
	movl	%ecx, 8(%esi)
	movl	%edx, 12(%esi)
	popl	16(%esi)
	movl	%edi, 20(%esi)
	movw	%es, 24(%esi)
	popl	28(%esi)
	xorw	%ax, %ax
	movw	%ax, %es
	movw	%ax, %ds
	sti
	popl	%edi
	popl	%esi
	popl	%ebx
	popl	%ebp
	retl

/* unsigned in_protected_mode(unsigned (*fn)(unsigned), unsigned arg); fn is
 * 32-bit code that sees all memory flat; interrupts stay off meanwhile. */
	.globl	in_protected_mode
in_protected_mode:
	pushl	%ebp
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	movl	20(%esp), %ebx
	movl	24(%esp), %esi
	pushw	%fs
	pushw	%gs
	cli
	lgdtl	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$0x08, $9f

	.code32
9:	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	%ax, %fs
	movw	%ax, %gs
	pushl	%esi
	calll	*%ebx
	addl	$4, %esp
	movl	%eax, %edi		/* the result */
	ljmpl	$0x18, $10f

	.code16
10:	movw	$0x20, %ax		/* 64 KiB limits again */
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	%ax, %fs
	movw	%ax, %gs
	movl	%cr0, %eax
	andb	$0xfe, %al
	movl	%eax, %cr0
	ljmp	$0, $11f
11:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	popw	%gs
	popw	%fs
	sti
	movl	%edi, %eax
	popl	%edi
	popl	%esi
	popl	%ebx
	popl	%ebp
	retl

	.data
	.balign	8
saved_regs:	.long	0
gdt:	.quad	0
	.quad	0x00cf9a000000ffff	/* 08: code, 4 GiB, 32-bit */
	.quad	0x00cf92000000ffff	/* 10: data, 4 GiB */
	.quad	0x00009a000000ffff	/* 18: code, 64 KiB, 16-bit */
	.quad	0x000092000000ffff	/* 20: data, 64 KiB */
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt
