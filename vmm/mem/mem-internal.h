/* vmm/mem/mem-internal.h - what the files of this folder share: the memory map
 * as guest-mem.c publishes it, and what lies behind it. */
#pragma once

#include "vmm/core/epoch.h"
#include "vmm/mem/guest-mem.h"

#define MEM_PAGE 4096u

typedef struct {
    Gpa gpa;
    guint64 len;
    guint8 *host;
    bool read_only;
    MemSlot *slot;
} MemSpan;

typedef struct {
    unsigned n;
    MemSpan spans[]; /* sorted by gpa, disjoint */
} MemTable;

/* Inside an epoch of mem_epoch(). */
Epoch *mem_epoch(GuestMem *mem);
const MemTable *mem_table(GuestMem *mem);
const MemSpan *mem_table_find(const MemTable *table, Gpa gpa);
/* Marks the pages under [offset, offset+len) of the slot as written. */
void mem_slot_mark_dirty(MemSlot *slot, guint64 offset, guint64 len);
/* The same by host address, for pinned memory. */
void mem_mark_dirty_host(GuestMem *mem, const guint8 *host, guint64 len);

/* Constant once made, but discardable and cpus_only. */
struct MemBacking {
    char *name;
    int fd; /* -1: private memory */
    guint8 *host;
    guint64 len;
    guint64 mapped; /* len, up to a whole page of the host's */
    bool huge;      /* of reserved pages, which are not given back */
    bool discardable;
    bool device;       /* of the host, and cpus_only */
    bool cpus_only;    /* registers: not for any DMA */
    void *reservation; /* what to unmap: host with its alignment padding */
    gsize reserved;
};

/* The machine's from now on. Any thread. */
void guest_mem_own(GuestMem *mem, MemBacking *backing);
/* Nothing uses it any more, nor does the machine own it. */
void mem_backing_destroy(MemBacking *backing);

/* A place in a backing from which memory may be given back. */
typedef struct {
    guint8 *host;
    int fd;         /* -1: private memory */
    guint64 offset; /* of host in the backing */
    guint64 left;   /* bytes from there to the backing's end */
} MemPart;
/* 0, -EACCES (not RAM that may be discarded), -EFAULT (in no backing). */
int mem_find_part(GuestMem *mem, const guint8 *host, MemPart *ret_part);
/* True: nobody begins to keep memory before mem_discard_end(), which is due in
 * any case. */
bool mem_discard_begin(GuestMem *mem);
void mem_discard_end(GuestMem *mem);
