/* share/demo/memory-test.c - 32-bit protected-mode code of the demo guest:
 * can every page of memory hold a pattern of its own? */
#include "demo.h"

#define PAGE  4096u
#define FIRST 0x100000u /* above the first MiB nothing of ours lives */

/* Only while the machine is in protected mode: addresses are physical. */
unsigned
memory_test(unsigned pages)
{
    unsigned errors = 0;

    for (unsigned i = 0; i < pages; i++) {
        volatile uint32_t *p = (volatile uint32_t *) (FIRST + i * PAGE);

        p[0] = i ^ 0x5a5a5a5au;
        p[PAGE / 4 - 1] = ~i;
    }
    for (unsigned i = 0; i < pages; i++) {
        volatile uint32_t *p = (volatile uint32_t *) (FIRST + i * PAGE);

        errors += p[0] != (i ^ 0x5a5a5a5au) || p[PAGE / 4 - 1] != ~i;
    }
    return errors;
}
