/* tests/bench/rom.S - a ROM of 64 KiB in place of a BIOS: measures from inside
 * by sending a letter over COM1 before (a) and after (A) each phase.
 *
 * The instructions at the reset vector send Y: the guest runs. Then come the
 * phases of -DMODE_EXIT (ways to leave the guest, in 32-bit protected mode) or
 * -DMODE_DISK (the IDE disk by bus-master DMA, in real mode: KVM's instruction
 * emulator returns from interrupts only there), then Z and a stop. Everything
 * is linked where the CPU finds it: below 4 GiB. */
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
#ifdef MODE_DISK
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

#ifdef MODE_DISK
/* The first IDE channel: PIIX3 data sheet, SFF-8038i for the bus master */
#define PCI_IDE    0x80000900 /* 00:01.1 */
#define BM_BASE    0xc000
#define BM_COMMAND BM_BASE
#define BM_STATUS  (BM_BASE + 2)
#define BM_TABLE   (BM_BASE + 4)
#define READ_DMA   0xc8
#define IRQ14      0x2e
#define TABLE      0x2000
#define DONE       0x2100
#define BUFFER     0x10000 /* a region may not cross 64 KiB */
#define APIC_BASE  0x1b    /* MSR */
#define NO_APIC    0xfee00100 /* the 8259s reach the CPU directly */

	.macro PCI_WRITE register, value
	movw $0xcf8, %dx
	movl $(PCI_IDE + \register), %eax
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

set_up:
	PCI_WRITE 0x20, (BM_BASE + 1)
	PCI_WRITE 0x04, 5 /* ports and bus master on */
	PCI_WRITE 0x40, 0x80008000 /* both channels decode */
	movl $APIC_BASE, %ecx
	movl $NO_APIC, %eax
	xorl %edx, %edx
	wrmsr
	OUT 0x20, ICW1
	OUT 0xa0, ICW1
	OUT 0x21, 0x20 /* vectors 20 and 28 */
	OUT 0xa1, 0x28
	OUT 0x21, 4
	OUT 0xa1, 2
	OUT 0x21, 1
	OUT 0xa1, 1
	OUT 0x21, 0xfb /* the cascade and IRQ 14 only */
	OUT 0xa1, 0xbf
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
failed:
	PUTC 'X'
	jmp stop

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
