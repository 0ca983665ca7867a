/* share/bench-guest/start.S - first instructions of the bench guest, and its
 * interrupts.
 *
 * A flat image from 1 MiB up, in 32-bit protected mode without paging. Comes as
 * a Multiboot kernel, or copied there by rom.S, which jumps to the same entry
 * with eax = 0. */
#define MULTIBOOT_MAGIC  0x1badb002
#define HAS_ADDRESSES    0x10000
#define FIRST_VECTOR     0x20
#define CODE             0x08
#define DATA             0x10

	.section .start, "ax"
	.code32
	.globl guest_entry
guest_entry:
	jmp begin

	.balign 4
header:	.long MULTIBOOT_MAGIC
	.long HAS_ADDRESSES
	.long -(MULTIBOOT_MAGIC + HAS_ADDRESSES)
	.long header
	.long guest_entry
	.long image_end
	.long bss_end
	.long begin

begin:	cli
	cld
	movl $0x3f8, %edx /* the host measures the way to here */
	movl %eax, %ebx
	movb $'Y', %al
	outb %al, %dx
	lgdtl gdt_pointer
	ljmpl $CODE, $1f
1:	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl %eax, %ss
	movl $bss_start, %edi
	movl $bss_end, %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	xorl %eax, %eax
	rep stosl
	movl $stack_top, %esp
	pushl %ebx
	call guest_main
2:	hlt
	jmp 2b

	.text
/* void irq_wait(void): returns after one interrupt. Interrupts are on only
 * here, so a handler may drop what the CPU pushed and return to our caller:
 * IRET of protected mode is what some hosts cannot emulate. */
	.globl irq_wait
irq_wait:
	sti
1:	hlt
	jmp 1b

came:	call irq_end /* its argument is on the stack */
	addl $16, %esp
	ret

/* 16 bytes a vector */
	.balign 16
	.globl irq_stubs
irq_stubs:
	.set vector, 0
	.rept 0x40
	.balign 16
	pushl $vector
	.if vector < FIRST_VECTOR
	call irq_exception
	.else
	jmp came
	.endif
	.set vector, vector + 1
	.endr

	.data
	.balign 8
gdt:	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
gdt_pointer:
	.word 23
	.long gdt

	.bss
	.balign 16
	.skip 0x8000
stack_top:

	.section .note.GNU-stack, "", @progbits
