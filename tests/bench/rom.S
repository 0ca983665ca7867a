/* tests/bench/rom.S - a ROM of 64 KiB in place of a BIOS: measures from inside
 * by sending a letter over COM1 before (a) and after (A) each phase.
 *
 * The instructions at the reset vector send Y: the guest runs. Then come the
 * phases of -DMODE_EXIT (ways to leave the guest, in 32-bit protected mode) or
 * -DMODE_DISK (the IDE disk by bus-master DMA, in real mode: KVM's instruction
 * emulator returns from interrupts only there) or -DMODE_SATA (the same of a
 * SATA disk by a queued command), then Z and a stop. Everything is linked where
 * the CPU finds it: below 4 GiB. */
#include "disk-pattern.h"

#define COM1      0x3f8
#define MMIO_HOLE 0x90000000 /* nothing answers there */

#define ICW1      0x11 /* 8259: edge triggered, cascaded, four bytes */

	.macro PUTC c
	movw $COM1, %dx
	movb $\c, %al
	outb %al, %dx
	.endm

	/* the letter's capital ends the phase */
	.macro PHASE letter, count
	PUTC \letter
	movl $\count, %esi
9:
	.endm

	.macro NEXT letter
	decl %esi
	jnz 9b
	PUTC (\letter - 0x20)
	.endm

	.text
	.code16
real_mode:
	cli
#if defined(MODE_DISK) || defined(MODE_SATA)
	ljmp $0xf000, $(disk - real_mode)
#endif
	lgdtl %cs:(gdtr - real_mode)
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $8, $protected

	.balign 8
gdt:	.quad 0
	.quad 0x00cf9b000000ffff /* 08: code, 4 GiB */
	.quad 0x00cf93000000ffff /* 10: data, 4 GiB */
gdtr:	.word 23
	.long gdt

	.code32
protected:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $0x8000, %esp
	call phases
	PUTC 'Z'
1:	cli
	hlt
	jmp 1b

#ifdef MODE_EXIT
	.set N, 20000

phases:
	PHASE 'h', (N * 50) /* no exit at all: warms up, and the reader, too */
	addl %esi, %eax
	xorl %eax, %ebx
	NEXT 'h'

	PHASE 'a', (N * 5) /* CPUID: answered by KVM */
	xorl %eax, %eax
	cpuid
	NEXT 'a'

	PHASE 'b', N /* a port without a device */
	outb %al, $0xe0
	NEXT 'b'

	PHASE 'c', N /* a register of a device: the UART's scratch byte */
	movw $(COM1 + 7), %dx
	outb %al, %dx
	NEXT 'c'

	PHASE 'd', N /* the UART's line status */
	movw $(COM1 + 5), %dx
	inb %dx, %al
	NEXT 'd'

	PHASE 'e', N /* memory without a device */
	movl %esi, MMIO_HOLE
	NEXT 'e'

	PHASE 'f', N
	movl MMIO_HOLE, %eax
	NEXT 'f'

	PHASE 'g', (N * 5) /* the PIC's mask: answered by KVM */
	movb $0xff, %al
	outb %al, $0x21
	NEXT 'g'

	PHASE 'i', 2000 /* bytes over the serial port, as a driver sends them */
	movw $(COM1 + 5), %dx
2:	inb %dx, %al
	testb $0x20, %al
	jz 2b
	movw $COM1, %dx
	movb $'.', %al
	outb %al, %dx
	NEXT 'i'
	ret
#endif

#if defined(MODE_DISK) || defined(MODE_SATA)
#define TABLE     0x2000
#define DONE      0x2100
#define BUFFER    0x10000 /* a region of IDE may not cross 64 KiB */
#define APIC_BASE 0x1b    /* MSR */
#define NO_APIC   0xfee00100 /* the 8259s reach the CPU directly */

	.macro PCI_WRITE function, register, value
	movw $0xcf8, %dx
	movl $(\function + \register), %eax
	outl %eax, %dx
	movw $0xcfc, %dx
	movl $\value, %eax
	outl %eax, %dx
	.endm

	.macro OUT port, value
	movw $\port, %dx
	movb $\value, %al
	outb %al, %dx
	.endm

	/* vectors 20 and 28; mask: of the second 8259, of the first only the
	 * cascade is open */
	.macro SET_UP_PIC mask
	movl $APIC_BASE, %ecx
	movl $NO_APIC, %eax
	xorl %edx, %edx
	wrmsr
	OUT 0x20, ICW1
	OUT 0xa0, ICW1
	OUT 0x21, 0x20
	OUT 0xa1, 0x28
	OUT 0x21, 4
	OUT 0xa1, 2
	OUT 0x21, 1
	OUT 0xa1, 1
	OUT 0x21, 0xfb
	OUT 0xa1, \mask
	.endm

	.code16
disk:
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %ss
	movw $0x8000, %sp
	call set_up
	sti
	movl $0, %ebp
	PHASE 's', SEQ_COUNT
	movl $SEQ_SECTORS, %ecx
	call read
	addl $SEQ_SECTORS, %ebp
	NEXT 's'

	movl $RND_SEED, %edi
	PHASE 'r', RND_COUNT
	imull $RND_FACTOR, %edi, %edi
	addl $RND_ADD, %edi
	movl %edi, %ebp
	shrl $RND_SHIFT, %ebp
	shll $3, %ebp
	movl $RND_SECTORS, %ecx
	call read
	NEXT 'r'
	PUTC 'Z'
stop:	cli
	hlt
	jmp stop
failed:
	PUTC 'X'
	jmp stop
#endif

#ifdef MODE_DISK
/* The first IDE channel: PIIX3 data sheet, SFF-8038i for the bus master */
#define PCI_IDE    0x80000900 /* 00:01.1 */
#define BM_BASE    0xc000
#define BM_COMMAND BM_BASE
#define BM_STATUS  (BM_BASE + 2)
#define BM_TABLE   (BM_BASE + 4)
#define READ_DMA   0xc8
#define IRQ14      0x2e

	.code16
set_up:
	PCI_WRITE PCI_IDE, 0x20, (BM_BASE + 1)
	PCI_WRITE PCI_IDE, 0x04, 5 /* ports and bus master on */
	PCI_WRITE PCI_IDE, 0x40, 0x80008000 /* both channels decode */
	SET_UP_PIC 0xbf /* IRQ 14 */
	movw $(irq14 - real_mode), IRQ14 * 4
	movw $0xf000, IRQ14 * 4 + 2
	movl $BUFFER, TABLE
	OUT 0x3f6, 0 /* the drive may interrupt */
	ret

irq14:
	pushl %eax
	pushl %edx
	movw $BM_STATUS, %dx
	inb %dx, %al
	outb %al, %dx
	movw $0x1f7, %dx
	inb %dx, %al
	movb %al, DONE + 1
	movb $1, DONE
	movb $0x20, %al
	outb %al, $0xa0
	outb %al, $0x20
	popl %edx
	popl %eax
	iret

/* Reads %ecx sectors from %ebp on; the same accesses as a usual driver's. */
read:
	movl %ecx, %eax
	shll $9, %eax
	orl $0x80000000, %eax /* the last region; 64 KiB is coded as 0 */
	cmpl $128, %ecx
	jne 1f
	movl $0x80000000, %eax
1:	movl %eax, TABLE + 4
	movb $0, DONE
	movw $BM_TABLE, %dx
	movl $TABLE, %eax
	outl %eax, %dx
	OUT BM_COMMAND, 8
	OUT BM_STATUS, 6
	movl %ebp, %eax
	shrl $24, %eax
	orb $0xe0, %al
	movw $0x1f6, %dx
	outb %al, %dx
	movw $0x1f2, %dx
	movb %cl, %al
	outb %al, %dx
	movl %ebp, %eax
	incl %edx
	outb %al, %dx
	shrl $8, %eax
	incl %edx
	outb %al, %dx
	shrl $8, %eax
	incl %edx
	outb %al, %dx
	OUT 0x1f7, READ_DMA
	OUT BM_COMMAND, 9
2:	cli
	testb $1, DONE
	jnz 3f
	sti /* takes effect after the next instruction */
	hlt
	jmp 2b
3:	sti
	OUT BM_COMMAND, 8
	testb $0x21, DONE + 1 /* error or fault */
	jnz failed
	ret

	.code32
phases:
	ret
#endif

#ifdef MODE_SATA
/* Port 0 of an AHCI controller at 00:1f.0, whose INTA# the PIIX3 routes to
 * IRQ 11; AHCI 1.3. The same accesses as Linux's driver. */
#define PCI_SATA   0x8000f800
#define PCI_ISA    0x80000800
#define ABAR       0xe0000000
#define IS         0x08
#define PX_IS      0x110
#define PX_SACT    0x134
#define PX_CI      0x138
#define LIST       0x3000
#define FRAMES     0x3400
#define IRQ11      0x2b
#define TFES       0x40000000
#define READ_FPDMA 0x60

	.macro REGISTER offset, value
	movl $\value, %eax
	movl %eax, %fs:\offset(%ebx)
	.endm

	.code16
set_up:
	lgdtl %cs:(gdtr - real_mode)
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	movw $0x10, %cx
	movw %cx, %fs /* 4 GiB, which it keeps */
	andb $0xfe, %al
	movl %eax, %cr0
	PCI_WRITE PCI_SATA, 0x24, ABAR
	PCI_WRITE PCI_SATA, 0x04, 6 /* memory and bus master on */
	PCI_WRITE PCI_ISA, 0x60, 0x0b0b0b0b
	OUT 0x4d1, 0x08 /* IRQ 11 is a level */
	SET_UP_PIC 0xf7
	movw $(irq11 - real_mode), IRQ11 * 4
	movw $0xf000, IRQ11 * 4 + 2
	movl $(5 | 1 << 16), LIST
	movl $TABLE, LIST + 8
	movl $BUFFER, TABLE + 0x80
	movl $ABAR, %ebx
	REGISTER 0x04, 0x80000002
	REGISTER 0x100, LIST
	REGISTER 0x108, FRAMES
	REGISTER 0x118, 0x16 /* receive frames */
	REGISTER 0x130, 0xffffffff
	REGISTER PX_IS, 0xffffffff
	REGISTER 0x114, 0x7dc0007f
	REGISTER 0x118, 0x17 /* start */
	ret

irq11:
	pushl %eax
	pushl %ebx
	movl $ABAR, %ebx
	movl %fs:IS(%ebx), %eax
	movl %fs:PX_IS(%ebx), %eax
	movl %eax, %fs:PX_IS(%ebx)
	andl $TFES, %eax
	movl %eax, DONE + 4
	movl %fs:PX_SACT(%ebx), %eax
	notl %eax
	andb $1, %al
	movb %al, DONE
	movl $1, %eax
	movl %eax, %fs:IS(%ebx)
	movb $0x20, %al
	outb %al, $0xa0
	outb %al, $0x20
	popl %ebx
	popl %eax
	iret

/* Reads %ecx sectors from %ebp on. */
read:
	movl %ecx, %eax
	shll $9, %eax
	decl %eax
	movl %eax, TABLE + 0x8c
	movl %ecx, %eax
	shll $24, %eax
	orl $(READ_FPDMA << 16 | 0x8027), %eax
	movl %eax, TABLE
	movl %ebp, %eax
	andl $0xffffff, %eax
	orl $0x40000000, %eax
	movl %eax, TABLE + 4
	movl $0, TABLE + 8
	movl $0, TABLE + 12
	movl $0, LIST + 4
	movb $0, DONE
	movl $ABAR, %ebx
	movl $1, %eax
	movl %eax, %fs:PX_SACT(%ebx)
	movl %eax, %fs:PX_CI(%ebx)
2:	cli
	testb $1, DONE
	jnz 3f
	cmpl $0, DONE + 4
	jne failed
	sti /* takes effect after the next instruction */
	hlt
	jmp 2b
3:	sti
	ret

	.code32
phases:
	ret
#endif

#ifdef MODE_FIRST
phases:
	ret
#endif

	.section .reset, "ax"
	.code16
	movw $COM1, %dx
	movb $'Y', %al
	outb %al, %dx
	.byte 0xe9 /* jmp real_mode */
	.word real_mode - (. + 2)
	.balign 16, 0xff
