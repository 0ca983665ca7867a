# tests/lab/efi-note.S - an EFI application, a PE32+ image by hand: says where it
# was started from and fails, so that UEFI goes on to the next entry. The test
# puts a name for WHERE; ld --oformat binary leaves the bytes below.
# UEFI 2.7, sections 2.3.4 (calls), 4.3 (system table); Microsoft's PE format.
    .code64
    .set SECTION, 0x1000                # where the code is in memory
    .set RAW, 0x200                     # and in the file
    .globl _start
_start:
    .ascii "MZ"
    .org 0x3c
    .long pe - _start
pe: .ascii "PE\0\0"
    .word 0x8664, 1                     # x86-64, sections
    .long 0, 0, 0
    .word optional_end - optional
    .word 0x0206                        # executable, no debug information
optional:
    .word 0x20b, 0                      # PE32+
    .long RAW, 0, 0                     # bytes of code, of data
    .long SECTION, SECTION              # entry, code
    .quad 0                             # preferred address
    .long SECTION, RAW                  # alignment
    .word 0, 0, 0, 0, 0, 0
    .long 0
    .long 2 * SECTION, RAW, 0           # image, headers, no sum
    .word 10, 0                         # EFI application
    .quad 0, 0, 0, 0
    .long 0, 16
    .fill 16, 8, 0                      # no directories
optional_end:
    .ascii ".text\0\0\0"
    .long RAW, SECTION, RAW, RAW
    .long 0, 0, 0
    .long 0x60000020                    # code, execute, read
    .org RAW
    sub $40, %rsp                       # room for the callee, aligned
    mov 64(%rdx), %rcx                  # the system table's ConOut
    lea text(%rip), %rdx
    call *8(%rcx)                       # OutputString
    movabs $0x8000000000000001, %rax    # EFI_LOAD_ERROR
    add $40, %rsp
    ret
text:
    .string16 "\r\nstarted from WHERE\r\n"
    .org 2 * RAW
