/* vmm/block/image.h - disk images for programs that work on them without a
 * machine: create, look into, check, resize, copy. Everything blocks and may
 * be called on any thread, one at a time for an image. */
#pragma once

#include "vmm/block/block.h"

#define BLOCK_DEFAULT_CLUSTER (64u << 10) /* bytes; qcow2 */

typedef enum {
    BLOCK_PREALLOC_OFF,
    BLOCK_PREALLOC_METADATA, /* qcow2: tables are filled in */
    BLOCK_PREALLOC_FALLOC,   /* and the host's room is reserved */
    BLOCK_PREALLOC_FULL      /* and written with zeros */
} BlockPrealloc;

typedef struct {
    const char *path, *format; /* "raw", "qcow2" */
    guint64 bytes;             /* 0: as the backing image */
    guint32 cluster_size;  /* qcow2: 512..2 MiB, a power of two; 0: 64 KiB */
    guint32 version;       /* qcow2: 2 or 3; 0: 3 */
    guint32 refcount_bits; /* qcow2: 1..64, a power of two; 0: 16 */
    bool zstd; /* qcow2, version 3: how clusters are compressed; else zlib */
    BlockPrealloc prealloc;
    const char *backing, *backing_format; /* NULL: none */
    bool into; /* path is an empty file of ours without a name yet: fill it */
} BlockCreate;

typedef struct {
    guint64 bytes, file_bytes, used_bytes; /* disk, file, room on the host */
    guint32 cluster_size, version, refcount_bits, n_snapshots; /* 0 for raw */
    bool dirty, corrupt, lazy_refcounts;
    const char *compression;        /* "zlib", "zstd", NULL for raw */
    char *backing, *backing_format; /* what the image says; NULL: none */
} BlockDetails;

typedef enum {
    BLOCK_REPAIR_NONE,
    BLOCK_REPAIR_LEAKS, /* give back clusters that nothing uses */
    BLOCK_REPAIR_ALL    /* and make counts and tables agree */
} BlockRepair;

typedef struct {
    guint64 errors, leaks; /* found; repaired ones are counted here as well */
    guint64 errors_fixed, leaks_fixed;
    guint64 clusters, used, packed; /* of the disk; allocated; compressed */
    GString *messages; /* a line for each of the first findings; may be NULL */
    unsigned n_messages;
} BlockCheck;

/* Makes a new file; refuses to overwrite one. What could not be completed is
 * removed again. Errors: G_FILE_ERROR, CARREL_BLOCK_ERROR_FORMAT. */
bool block_image_create(const BlockCreate *create, GError **error);
/* Reads the header only; the backing image is not opened, nothing is locked.
 * The strings are the caller's: block_details_clear(). */
bool block_image_details(const char *path, const char *format,
                         BlockDetails *ret_details, GError **error);
void block_details_clear(BlockDetails *details);
/* "qcow2", ... when the file begins like that; NULL otherwise. For remarks to
 * people only: a guest can write any header into a raw disk. */
const char *block_image_looks_like(const char *path);
/* Locks, so not while a machine uses it. repair != NONE writes. False when the
 * image cannot be checked at all. */
bool block_image_check(const BlockSpec *spec, BlockRepair repair,
                       BlockCheck *ret_check, GError **error);
/* bytes: a multiple of 512. Smaller only with shrink; a qcow2 image then also
 * needs that nothing is allocated behind the new end. */
bool block_image_resize(const BlockSpec *spec, guint64 bytes, bool shrink,
                        GError **error);

typedef struct BlockImage BlockImage;

/* As block_open(), without a loop. */
BlockImage *block_image_open(const BlockSpec *spec, GError **error);
const BlockInfo *block_image_info(const BlockImage *image);
/* offset and len: bytes, multiples of the sector, inside the disk. 0 or the
 * errors of BlockReq.done. */
int block_image_read(BlockImage *image, guint64 offset, void *mem, gsize len);
int block_image_write(BlockImage *image, guint64 offset, const void *mem,
                      gsize len);
/* qcow2: a cluster that was never written, compressed where that makes it
 * smaller. offset: a multiple of the image's clusters; len: one cluster, or
 * what the disk has of the last. -ENOTSUP: another format. */
int block_image_write_packed(BlockImage *image, guint64 offset, const void *mem,
                             gsize len);
/* Zeros in less room, and quicker, than writing them; unmap: see BlockReq. */
int block_image_write_zeroes(BlockImage *image, guint64 offset, guint64 len,
                             bool unmap);
int block_image_flush(BlockImage *image);
/* Bytes from offset on (at most len, at least a sector) that are alike;
 * *ret_zero: known to read as zeros without looking. */
guint64 block_image_extent(BlockImage *image, guint64 offset, guint64 len,
                           bool *ret_zero);
/* 0, or the error that kept the last of it from the disk. NULL is fine. */
int block_image_close(BlockImage *image);
