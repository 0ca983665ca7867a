/* share/bench-guest/memory.c - "memory touch START-MIB PAGES" writes once to
 * each of so many pages of 4 KiB, "memory read|write|copy MIB" goes over 16 MiB
 * until it has done so many. */
#include "share/bench-guest/guest.h"

#define MIB   (1024u * 1024)
#define PAGE  4096u
#define BLOCK (16 * MIB) /* more than most caches of one CPU */
#define AT    (32 * MIB) /* and as much behind it for copies */

static void
touch(u32 start, u32 pages)
{
    for (u32 i = 0; i < pages; i++)
        REG32(start + i * PAGE) = i;
}

static void
read_mib(u32 from)
{
    for (const u32 *p = (u32 *) from; p < (u32 *) (from + MIB); p += 8)
        __asm__ volatile("movl (%0), %%eax; movl 4(%0), %%ecx;"
                         "movl 8(%0), %%eax; movl 12(%0), %%ecx;"
                         "movl 16(%0), %%eax; movl 20(%0), %%ecx;"
                         "movl 24(%0), %%eax; movl 28(%0), %%ecx" ::"r"(p)
                         : "eax", "ecx", "memory");
}

static void
write_mib(u32 to)
{
    u32 n = MIB / 4;

    __asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(0) : "memory");
}

static void
copy_mib(u32 from)
{
    u32 n = MIB / 4, to = from + BLOCK;

    __asm__ volatile("rep movsl" : "+S"(from), "+D"(to), "+c"(n)::"memory");
}

static const struct {
    const char *name;
    void (*run)(u32 at);
} kinds[] = {{"read", read_mib}, {"write", write_mib}, {"copy", copy_mib}};

const char *
command_memory(const Args *args)
{
    if (text_is("touch", args_word(args, 1))) {
        mark_begin();
        touch(args_number(args, 2) * MIB, args_number(args, 3));
        mark_end();
        return NULL;
    }
    for (u32 i = 0; i < COUNT(kinds); i++) {
        if (!text_is(kinds[i].name, args_word(args, 1)))
            continue;
        u32 count = args_number(args, 2);
        touch(AT, 2 * BLOCK / PAGE); /* what is first is another row */
        mark_begin();
        for (u32 done = 0; done < count; done++)
            kinds[i].run(AT + done * MIB % BLOCK);
        mark_end();
        return NULL;
    }
    return "no such memory access";
}
