/* tests/lab/bare.h - system calls of 32-bit Linux for programs without a C
 * library, which an initramfs of either width can run. */
#pragma once

#define SYS_EXIT      1
#define SYS_WRITE     4
#define SYS_OPEN      5
#define SYS_IOCTL     54
#define SYS_NANOSLEEP 162
#define OPEN_RW       2

static inline long
call(long number, long a, long b, long c)
{
    long ret;

    __asm__ volatile("int $0x80"
                     : "=a"(ret)
                     : "a"(number), "b"(a), "c"(b), "d"(c)
                     : "memory");
    return ret;
}

static inline void
end(int status)
{
    call(SYS_EXIT, status, 0, 0);
    for (;;) {
    }
}

void _start(void);
