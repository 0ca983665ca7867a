/* app/verbs/disk-convert.c - carrel disk convert FILE NEW-FILE: a copy in
 * another format. What reads as zeros takes no room in the copy. It is written
 * without a name, or under another one where a file needs one, and gets its
 * name when it is whole and on the disk, so whatever ends the program leaves no
 * half image behind under that name. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/verbs/disk.h"
#include "profiles/schema.h"
#include "vmm/core/sysutil.h"

#define STEP (1u << 20) /* bytes copied at once */

static volatile sig_atomic_t interrupted; /* one of ends[] came */

static void
on_signal(int number)
{
    interrupted = 1;
}

typedef struct {
    const App *app;
    BlockImage *from, *to;
    guint64 bytes;
    guint8 *mem;
    gsize cluster; /* bytes; 0: nothing is compressed */
    int percent;   /* shown last */
} Copy;

static void
show_progress(Copy *c, guint64 at)
{
    int percent = (int) (at * 100 / c->bytes);

    if (percent == c->percent || c->app->quiet || c->app->json ||
        !isatty(STDERR_FILENO))
        return;
    c->percent = percent;
    fprintf(stderr, "\r%3d%%%s", percent, percent == 100 ? "\n" : "");
}

static bool
is_zero(const guint8 *mem, gsize len)
{
    return len == 0 || (mem[0] == 0 && memcmp(mem, mem + 1, len - 1) == 0);
}

/* Blocks of zeros inside data stay holes as well. */
static int
write_data(Copy *c, guint64 at, gsize len)
{
    const gsize block = 4096;
    int rc = 0;

    for (gsize done = 0; rc == 0 && done < len;) {
        gsize n = MIN(block, len - done);
        bool zero = is_zero(c->mem + done, n);
        while (done + n < len &&
               is_zero(c->mem + done + n, MIN(block, len - done - n)) == zero)
            n += MIN(block, len - done - n);
        if (!zero)
            rc = block_image_write(c->to, at + done, c->mem + done, n);
        done += n;
    }
    return rc;
}

/* Data from at on, in pieces that are compressed each for itself when the copy
 * is: clusters, of which a run that reads as zeros may end in the middle. */
static int
write_step(Copy *c, guint64 at, gsize len)
{
    if (c->cluster == 0)
        return write_data(c, at, len);
    return is_zero(c->mem, len)
               ? 0
               : block_image_write_packed(c->to, at, c->mem, len);
}

/* How far one step goes from at on, and whether there is nothing to copy. */
static guint64
find_step(Copy *c, guint64 at, bool *ret_zero)
{
    guint64 left = c->bytes - at;
    guint64 run = block_image_extent(c->from, at, left, ret_zero);

    if (c->cluster == 0)
        return *ret_zero ? run : MIN(run, STEP);
    if (*ret_zero && run < left)
        run -= run % c->cluster;
    if (*ret_zero && run > 0)
        return run;
    *ret_zero = false;
    return MIN(left, c->cluster);
}

static bool
copy_all(Copy *c, GError **error)
{
    guint64 at = 0;

    while (at < c->bytes && !interrupted) {
        bool zero;
        guint64 len = find_step(c, at, &zero);
        int rc = 0;
        if (!zero) {
            rc = block_image_read(c->from, at, c->mem, (gsize) len);
            if (rc < 0)
                return sys_error(error, -rc,
                                 "reading at byte %" G_GUINT64_FORMAT, at);
            rc = write_step(c, at, (gsize) len);
        }
        if (rc < 0)
            return sys_error(error, -rc, "writing at byte %" G_GUINT64_FORMAT,
                             at);
        at += len;
        show_progress(c, at);
    }
    int rc = interrupted ? 0 : block_image_flush(c->to);
    return rc == 0 || sys_error(error, -rc, "writing");
}

static bool
copy_to(Disk *d, BlockImage *from, const BlockCreate *create, GError **error)
{
    const BlockSpec spec = {.path = create->path, .format = create->format};
    Copy c = {.app = d->app,
              .from = from,
              .bytes = block_image_info(from)->bytes,
              .percent = -1};
    gsize cluster = create->cluster_size != 0 ? create->cluster_size
                                              : BLOCK_DEFAULT_CLUSTER;

    if (!block_image_create(create, error))
        return false;
    c.to = block_image_open(&spec, error);
    if (c.to == NULL)
        return false;
    c.cluster = d->options->compress != NULL ? cluster : 0;
    c.mem = g_malloc(MAX(STEP, c.cluster));
    bool ok = copy_all(&c, error);
    g_free(c.mem);
    int rc = block_image_close(c.to);
    if (ok && rc < 0)
        ok = sys_error(error, -rc, "writing '%s'", create->path);
    return ok;
}

/* The copy while it is made: without a name where the file system can, so that
 * nothing is left of it however we end; else hidden beside the target. */
typedef struct {
    int fd;     /* -1: it has a name */
    char *path; /* by which it is opened */
} Part;

static void
part_open(Part *part, const char *target)
{
    g_autofree char *dir = g_path_get_dirname(target);
    g_autofree char *base = g_path_get_basename(target);

    part->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    part->path = part->fd >= 0 ? g_strdup_printf("/proc/self/fd/%d", part->fd)
                               : g_strdup_printf("%s/.%s.%08x.part", dir, base,
                                                 g_random_int());
}

static void
part_close(Part *part, bool named)
{
    if (part->fd < 0 && !named)
        (void) unlink(part->path); /* may not exist yet */
    sys_close(&part->fd);
    g_free(part->path);
}

/* Never over a file that came meanwhile. */
static bool
part_name(const Part *part, const char *target, GError **error)
{
    if (part->fd >= 0) {
        if (linkat(AT_FDCWD, part->path, AT_FDCWD, target, AT_SYMLINK_FOLLOW) ==
            0)
            return true;
    } else if (link(part->path, target) == 0) {
        (void) unlink(part->path); /* at worst a second name stays */
        return true;
    } else if (errno != EEXIST && rename(part->path, target) == 0) {
        return true; /* a file system without hard links */
    }
    return sys_error(error, errno, "cannot name '%s'", target);
}

/* Nobody has asked for the file that the message names. */
static void
say_target(GError *error, const char *path, const char *target)
{
    g_auto(GStrv) parts = g_strsplit(error->message, path, -1);

    g_free(error->message);
    error->message = g_strjoinv(target, parts);
}

static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

/* What ends us ends the copy instead, between two steps. */
static void
catch_ends(struct sigaction old[G_N_ELEMENTS(ends)])
{
    struct sigaction action = {.sa_handler = on_signal};

    interrupted = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
        sigaction(ends[i], NULL, &old[i]);
        if (old[i].sa_handler != SIG_IGN) /* nohup */
            sigaction(ends[i], &action, NULL);
    }
}

static int
convert_to(Disk *d, BlockImage *from, BlockCreate *create, const char *target)
{
    g_autoptr(GError) error = NULL;
    struct sigaction old[G_N_ELEMENTS(ends)];
    Part part;

    catch_ends(old);
    part_open(&part, target);
    create->path = part.path;
    create->into = part.fd >= 0;
    bool ok = copy_to(d, from, create, &error);
    bool named = ok && !interrupted && part_name(&part, target, &error);
    if (error != NULL)
        say_target(error, part.path, target);
    part_close(&part, named);
    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++)
        sigaction(ends[i], &old[i], NULL);
    if (error != NULL)
        return app_fail_error(d->app, error);
    if (!named)
        return app_fail(d->app, EXIT_INTERRUPTED, "interrupted", NULL, NULL,
                        "interrupted; nothing of '%s' was kept", target);
    return EXIT_OK;
}

static void
say(const Disk *d, const char *source, const char *target, const char *format,
    guint64 bytes)
{
    g_autofree char *size = schema_format_size(bytes);

    if (d->app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "from", source);
        json_put_string(w, "path", target);
        json_put_string(w, "format", format);
        json_put_u64(w, "bytes", bytes);
        json_put_bool(w, "dry-run", d->app->dry_run);
        app_print_json(w);
    } else {
        app_say(d->app, "%s %s (%s, %s) from %s",
                d->app->dry_run ? "would make" : "made", target, format, size,
                source);
    }
}

static bool
read_compress(const Disk *d, const char *format, bool *ret_zstd, int *ret_code)
{
    const char *how = d->options->compress;

    *ret_zstd = g_strcmp0(how, "zstd") == 0;
    if (how == NULL)
        return true;
    if (!*ret_zstd && strcmp(how, "zlib") != 0)
        *ret_code = app_fail(d->app, EXIT_USAGE, "usage", NULL, NULL,
                             "--compress is zlib or zstd, not '%s'", how);
    else if (strcmp(format, "qcow2") != 0)
        *ret_code = app_fail(d->app, EXIT_USAGE, "usage", NULL, NULL,
                             "a %s image is not compressed; --compress needs "
                             "--format qcow2",
                             format);
    else
        return true;
    return false;
}

int
disk_convert(Disk *d, const char *source, const char *target)
{
    g_autoptr(GError) error = NULL;
    guint64 cluster;
    bool zstd;
    int code = EXIT_OK;
    const char *from =
        disk_source_format(d, source, d->options->from_format, &code);
    const char *to = from == NULL
                         ? NULL
                         : disk_format_of(d, target, d->options->format, &code);

    if (to == NULL || !disk_backings(d, &code) ||
        !read_compress(d, to, &zstd, &code) ||
        !disk_size(d, "--cluster-size", d->options->cluster_size, &cluster,
                   &code))
        return code;
    if (access(target, F_OK) == 0)
        return app_fail(d->app, EXIT_STATE, "exists", NULL, NULL,
                        "'%s' exists; it is not overwritten", target);
    const BlockSpec spec = {.path = source,
                            .format = from,
                            .read_only = true,
                            .backings = d->backings,
                            .n_backings = d->n_backings};
    BlockImage *image = block_image_open(&spec, &error);
    if (image == NULL)
        return app_fail_error(d->app, error);
    BlockCreate create = {.format = to,
                          .bytes = block_image_info(image)->bytes,
                          .zstd = zstd,
                          .cluster_size = (guint32) MIN(cluster, G_MAXUINT32)};
    code = d->app->dry_run ? EXIT_OK : convert_to(d, image, &create, target);
    (void) block_image_close(image); /* read only: there is nothing to lose */
    if (code == EXIT_OK)
        say(d, source, target, to, create.bytes);
    return code;
}
