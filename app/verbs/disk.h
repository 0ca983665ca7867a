/* app/verbs/disk.h - what the files of `carrel disk` share. Thread: main. */
#pragma once

#include "app/app.h"
#include "vmm/block/image.h"

typedef struct {
    char *format, *from_format, *size, *cluster_size, *preallocate, *repair;
    char *compress;                     /* zlib or zstd; NULL: not */
    char **backings, **backing_formats; /* nearest first */
    gboolean shrink;
} DiskOptions;

typedef struct {
    App *app;
    const DiskOptions *options;
    BlockBacking backings[BLOCK_MAX_BACKINGS];
    unsigned n_backings;
} Disk;

/* Format by option, else by the name's end; NULL: reported, *ret_code. */
const char *disk_format_of(const Disk *d, const char *path, const char *option,
                           int *ret_code);
/* The same of a file that is to be there: 3 when it is not. */
const char *disk_source_format(const Disk *d, const char *path,
                               const char *option, int *ret_code);
/* Formats and names of --backing; false: reported, *ret_code. */
bool disk_backings(Disk *d, int *ret_code);
/* Bytes that text means, 0 for NULL; false: reported. */
bool disk_size(const Disk *d, const char *what, const char *text,
               guint64 *ret_bytes, int *ret_code);

/* app/verbs/disk-convert.c; args: SRC DST. Returns an ExitCode. */
int disk_convert(Disk *d, const char *source, const char *target);
