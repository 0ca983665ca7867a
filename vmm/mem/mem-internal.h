/* vmm/mem/mem-internal.h - the memory map as guest-mem.c publishes it, for
 * dma.c. */
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
