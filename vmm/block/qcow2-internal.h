/* vmm/block/qcow2-internal.h - what the files of the qcow2 format share.
 *
 * After "The QCOW2 file format" (docs/interop/qcow2.txt of QEMU), versions 2
 * and 3. Left out: encryption, external data files, extended L2 entries;
 * images that need them are refused. share/doc/qcow2.md says in which order
 * things are written, and why. */
#pragma once

#include "vmm/block/block-internal.h"
#include "vmm/block/image.h"

#define QCOW2_MAGIC       0x514649fbu /* "QFI\xfb" */
#define QCOW2_V2_LENGTH   72u
#define QCOW2_V3_LENGTH   104u
#define QCOW2_MAX_BACKING 1023u

/* Offsets of header fields that change, bytes. */
#define QCOW2_AT_SIZE         24u /* size, encryption, L1 entries, L1 offset */
#define QCOW2_AT_REFTABLE     48u /* offset and clusters */
#define QCOW2_AT_INCOMPATIBLE 72u
#define QCOW2_AT_AUTOCLEAR    88u

/* Incompatible features. */
#define QCOW2_DIRTY       (1ull << 0)
#define QCOW2_CORRUPT     (1ull << 1)
#define QCOW2_EXTERNAL    (1ull << 2)
#define QCOW2_COMPRESSION (1ull << 3)
#define QCOW2_EXTENDED_L2 (1ull << 4)
#define QCOW2_LAZY        (1ull << 0) /* compatible */

/* Bits of L1 and L2 entries. */
#define QCOW2_OFFSET     0x00fffffffffffe00ull
#define QCOW2_COPIED     (1ull << 63)
#define QCOW2_COMPRESSED (1ull << 62)
#define QCOW2_ZERO       1ull
#define QCOW2_L1_WRONG   0x7f000000000001ffull
#define QCOW2_L2_WRONG   0x3f000000000001feull

/* Limits: the same that QEMU has, so that no image is too large for one. */
#define QCOW2_MAX_L1        (32u << 20) /* bytes */
#define QCOW2_MAX_REFTABLE  (8u << 20)  /* bytes */
#define QCOW2_MAX_SNAPSHOTS 65536u
#define QCOW2_MAX_CLUSTERS  (1ull << 28) /* of a file that is written to */

typedef struct {
    guint32 version, cluster_bits, crypt, l1_size, reftable_clusters;
    guint32 n_snapshots, refcount_order, header_length, backing_len;
    guint64 size, l1_offset, reftable_offset, snapshots_offset, backing_offset;
    guint64 incompatible, compatible, autoclear;
    guint8 compression; /* 0: zlib, 1: zstd */
    bool has_bitmaps;
    char backing[QCOW2_MAX_BACKING + 1];
    char backing_format[16];
} Qcow2Header;

/* A piece of an L2 table in memory. */
typedef struct {
    guint32 index;
    bool dirty, used; /* used: since the clock's hand came by */
    guint64 entries[];
} Qcow2Slice;

typedef struct {
    guint32 index; /* in the refcount table */
    bool dirty;
    guint8 *data; /* as on disk */
} Qcow2RefBlock;

/* Guest clusters that somebody is allocating outside the lock. */
typedef struct Qcow2Busy Qcow2Busy;
struct Qcow2Busy {
    guint64 first, n;
    Qcow2Busy *next;
};

/* A reference that goes once no request can use it and the disk knows. */
typedef struct {
    guint64 cluster;
    guint age; /* Qcow2.age when the last way to it was cut */
    bool is_data;
} Qcow2Free;

typedef struct {
    char *path;
    gpointer file; /* of block_raw_driver: the lock, and data of guests */
    int fd;        /* for metadata: never O_DIRECT */
    bool writable, is_device, check_mode;
    Qcow2Header h; /* what changes in it: under lock */
    guint32 cluster_size;
    unsigned cluster_bits, l2_bits, slice_bits, refcount_bits, block_bits;
    guint64 file_bytes;                /* at open */
    const BlockDriver *backing_driver; /* NULL: none */
    gpointer backing;
    guint64 backing_bytes;

    /* Pool threads only, held across I/O on metadata, never across the
     * guest's data. */
    GMutex lock; /* L1 guards busy .. failed, h; and who changes the map */
    GCond idle;  /* busy became shorter */
    Qcow2Busy *busy;
    guint64 *reftable;
    guint32 n_reftable;
    bool reftable_dirty;
    GHashTable *blocks; /* index -> Qcow2RefBlock */
    GArray *frees;      /* Qcow2Free */
    guint64 end, hint;  /* clusters: behind the last one; look from here */
    guint64 grown;      /* bytes the file was made long */
    guint64 pack_at;    /* byte where the next compressed one may begin; 0 */
    unsigned n_dirty;   /* slices */
    guint32 *l1_dirty;  /* a bit for each 64 entries */
    bool any_l1_dirty;
    int failed; /* a sync went wrong: nothing is safe any more */

    GMutex map_lock; /* L2 guards l1 .. age; changed with lock held as well */
    guint64 *l1;
    Qcow2Slice **slices;
    guint64 n_slices;
    GPtrArray *loaded;
    guint max_loaded, hand;
    guint64 limit; /* bytes: where valid references end */
    guint age;
    guint in_flight[2]; /* atomic; requests begun at even and odd ages */
    bool corrupt;       /* atomic */
    bool dirty;         /* atomic: metadata waits for qcow2_commit() */

    GMutex packed_lock;   /* L2 guards packed_entry, packed, packed_rc */
    guint64 packed_entry; /* 0: none */
    guint8 *packed;       /* the cluster it inflates to */
    int packed_rc;
} Qcow2;

typedef enum {
    QCOW2_KIND_HOLE, /* the backing image shows through */
    QCOW2_KIND_ZERO,
    QCOW2_KIND_DATA,
    QCOW2_KIND_PACKED,
    QCOW2_KIND_BAD,
    QCOW2_KIND_MISS /* the table is not in memory */
} Qcow2Kind;

typedef struct {
    Qcow2Kind kind;
    bool copied;   /* DATA: may be written in place */
    guint64 host;  /* DATA: byte offset */
    guint64 entry; /* of the first cluster */
    gsize run;     /* bytes of this kind, DATA: also one after another */
} Qcow2Map;

/* qcow2-header.c */
bool qcow2_header_read(Qcow2 *q, GError **error);
bool qcow2_refuse(const Qcow2 *q, GError **error, const char *fmt, ...)
    G_GNUC_PRINTF(3, 4);
/* Writes a whole header with extensions into the first cluster. */
int qcow2_header_create(int fd, const Qcow2Header *h);
int qcow2_header_set_bits(Qcow2 *q, guint64 set, guint64 clear);
int qcow2_header_put_reftable(Qcow2 *q, guint64 offset, guint32 clusters);
int qcow2_header_put_size(Qcow2 *q, guint64 size, guint32 l1_size,
                          guint64 l1_offset);
int qcow2_header_clear_autoclear(Qcow2 *q);

/* A backing image's name as an image at image_path means it; g_free. */
char *qcow2_backing_path(const char *image_path, const char *name);

/* qcow2-table.c. Metadata I/O: 0 or -errno; reads behind the end are zeros up
 * to the end of the file's last cluster, -EIO further on. */
int qcow2_pread(const Qcow2 *q, guint64 offset, void *buf, gsize len);
int qcow2_pwrite(const Qcow2 *q, guint64 offset, const void *buf, gsize len);
int qcow2_sync(Qcow2 *q);
guint64 qcow2_l1_needed(unsigned cluster_bits, guint64 size);
bool qcow2_tables_load(Qcow2 *q, GError **error);
void qcow2_tables_free(Qcow2 *q);
Qcow2Kind qcow2_kind(const Qcow2 *q, guint64 entry);
/* map_lock held. offset and len bytes of the disk, len > 0. */
void qcow2_lookup(Qcow2 *q, guint64 offset, gsize len, Qcow2Map *ret_map);
/* lock held. After a MISS. */
int qcow2_slice_load(Qcow2 *q, guint64 offset, Qcow2Slice **ret_slice);
/* lock held. The same, in a table that exists and is ours alone. */
int qcow2_slice_for_write(Qcow2 *q, guint64 offset, Qcow2Slice **ret_slice);
/* lock held. */
void qcow2_slice_set(Qcow2 *q, Qcow2Slice *slice, unsigned i, guint64 entry);
int qcow2_tables_write(Qcow2 *q);
/* Requests that use a place in the file; see Qcow2Free. map_lock held. */
guint qcow2_use_begin(Qcow2 *q);
void qcow2_use_end(Qcow2 *q, guint token); /* no lock needed */
void qcow2_mark_corrupt(Qcow2 *q);

/* qcow2-refcount.c; lock held. */
bool qcow2_reftable_load(Qcow2 *q, GError **error);
guint64 qcow2_refcount_in(const guint8 *block, unsigned order, guint64 i);
void qcow2_refcount_put(guint8 *block, unsigned order, guint64 i, guint64 n);
int qcow2_refcount_get(Qcow2 *q, guint64 cluster, guint64 *ret_n);
/* The block must exist. */
int qcow2_refcount_set(Qcow2 *q, guint64 cluster, guint64 n);
/* Makes the block for the clusters around the file's end at *cluster, in that
 * cluster, and moves *cluster on. */
int qcow2_refblock_ensure(Qcow2 *q, guint64 *cluster);
int qcow2_refblocks_write(Qcow2 *q);
void qcow2_refblocks_free(Qcow2 *q);
/* Clusters of a new table, and of blocks behind it, that count everything up
 * to cluster at, where they begin, and themselves. */
bool qcow2_refs_layout(const Qcow2 *q, guint64 at, guint64 *ret_table,
                       guint64 *ret_blocks);

/* qcow2-alloc.c; lock held. */
/* Up to want clusters in a row; *ret_fresh: they read as zeros. */
int qcow2_alloc(Qcow2 *q, guint64 want, guint64 *ret_first, guint64 *ret_n,
                bool *ret_fresh);
/* Exactly n clusters in a row at the end of the file. */
int qcow2_alloc_exactly(Qcow2 *q, guint64 n, guint64 *ret_first);
void qcow2_unalloc(Qcow2 *q, guint64 first, guint64 n); /* never linked */
void qcow2_free_later(Qcow2 *q, guint64 cluster, bool is_data);
void qcow2_free_entry_later(Qcow2 *q, guint64 entry);
int qcow2_grow_file(Qcow2 *q, guint64 end);
/* Everything so far is on the disk when it returns 0. */
int qcow2_commit(Qcow2 *q);
void qcow2_busy_wait(Qcow2 *q, guint64 first, guint64 n, bool *ret_waited);
void qcow2_busy_begin(Qcow2 *q, Qcow2Busy *busy);
void qcow2_busy_end(Qcow2 *q, Qcow2Busy *busy);

/* qcow2-compress.c: where the bytes of a compressed cluster are. */
void qcow2_packed_place(const Qcow2 *q, guint64 entry, guint64 *ret_offset,
                        gsize *ret_len);
/* len bytes of the cluster from skip on. */
int qcow2_packed_read(Qcow2 *q, guint64 entry, gsize skip, BlockVec *vec,
                      gsize len);

/* qcow2-pack.c: a whole cluster, compressed when that makes it smaller and it
 * has no place yet. offset: of the disk, a multiple of the cluster; data: as
 * long as a cluster, zeros behind the end of the disk. Nobody else uses q.
 * 0 or -errno. */
int qcow2_packed_write(Qcow2 *q, guint64 offset, const guint8 *data);

/* qcow2-io.c */
int qcow2_read(Qcow2 *q, BlockVec *vec, guint64 offset, gsize len);
int qcow2_write(Qcow2 *q, BlockVec *vec, guint64 offset, gsize len);
int qcow2_flush(Qcow2 *q);
int qcow2_preallocate(Qcow2 *q, guint64 offset, guint64 len);

/* Whether the guest may write at all: 0 or -errno. */
int qcow2_check_writable(const Qcow2 *q);

/* qcow2-zero.c */
int qcow2_discard(Qcow2 *q, guint64 offset, guint64 len);
int qcow2_write_zeroes(Qcow2 *q, guint64 offset, guint64 len, bool unmap);

/* qcow2-check.c */
typedef struct {
    guint16 *counts; /* saturated; a cluster each */
    guint64 n;
    guint64 bad;      /* errors that are more than a wrong count or flag */
    guint64 harmless; /* errors that only cost a copy */
    BlockCheck *report;
} Qcow2Census;

/* Counts every reference of the image and compares with its refcounts. 0 or
 * -errno (cannot be read, too large); what is wrong with it is in report.
 * qcow2_census_clear() in any case. Nobody else uses q. */
int qcow2_census(Qcow2 *q, Qcow2Census *census, BlockCheck *report);
void qcow2_census_clear(Qcow2Census *census);
bool qcow2_place_ok(const Qcow2 *q, guint64 offset); /* of a table */

/* qcow2-repair.c */
/* Whether the tables and counts agree, so that writing is safe; rebuilds the
 * counts of an image that was not closed. */
bool qcow2_make_trusted(Qcow2 *q, GError **error);
bool qcow2_check(Qcow2 *q, BlockRepair repair, BlockCheck *ret, GError **error);

/* qcow2.c, qcow2-create.c */
Qcow2 *qcow2_open_image(const BlockSpec *spec, bool check_mode,
                        BlockInfo *ret_info, GError **error);
int qcow2_close_image(Qcow2 *q); /* 0, or what kept metadata from the disk */
bool qcow2_create(const BlockCreate *create, GError **error);
bool qcow2_resize(Qcow2 *q, guint64 bytes, bool shrink, GError **error);
