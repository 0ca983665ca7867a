/* app/verbs/disk.c - carrel disk create | info | check | resize; convert is in
 * disk-convert.c. The format is said, or follows from the end of the name; it
 * is never taken from the content, which a guest may have written. */
#include "app/verbs/disk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/verbs/run.h"
#include "profiles/schema.h"

/* ---- options ---- */

const char *
disk_format_of(const Disk *d, const char *path, const char *option,
               int *ret_code)
{
    static const struct {
        const char *end, *format;
    } known[] = {{"qcow2", "qcow2"}, {"img", "raw"}, {"raw", "raw"},
                 {"iso", "raw"},     {"ima", "raw"}, {"flp", "raw"}};
    const char *dot = strrchr(path, '.');

    if (option != NULL &&
        (strcmp(option, "raw") == 0 || strcmp(option, "qcow2") == 0))
        return option;
    if (option != NULL) {
        *ret_code = app_fail(d->app, EXIT_USAGE, "usage", NULL, NULL,
                             "'%s' is no format; use raw or qcow2", option);
        return NULL;
    }
    for (gsize i = 0; dot != NULL && i < G_N_ELEMENTS(known); i++)
        if (g_ascii_strcasecmp(dot + 1, known[i].end) == 0)
            return known[i].format;
    if (g_str_has_prefix(path, "/dev/"))
        return "raw";
    *ret_code = app_fail(d->app, EXIT_USAGE, "usage", NULL, NULL,
                         "the name of '%s' does not say its format; add "
                         "--format raw or --format qcow2",
                         path);
    return NULL;
}

const char *
disk_source_format(const Disk *d, const char *path, const char *option,
                   int *ret_code)
{
    if (access(path, F_OK) == 0 || errno != ENOENT)
        return disk_format_of(d, path, option, ret_code);
    *ret_code = app_fail(d->app, EXIT_NOT_FOUND, "no-such-file", NULL, NULL,
                         "there is no file '%s'", path);
    return NULL;
}

bool
disk_backings(Disk *d, int *ret_code)
{
    char **paths = d->options->backings;
    char **formats = d->options->backing_formats;
    guint n = paths != NULL ? g_strv_length(paths) : 0;
    guint n_formats = formats != NULL ? g_strv_length(formats) : 0;

    if (n != n_formats || n > BLOCK_MAX_BACKINGS) {
        *ret_code = app_fail(d->app, EXIT_USAGE, "usage", NULL, NULL,
                             "each --backing FILE needs its --backing-format, "
                             "and there may be %u of them",
                             BLOCK_MAX_BACKINGS);
        return false;
    }
    for (guint i = 0; i < n; i++)
        d->backings[i] = (BlockBacking){paths[i], formats[i]};
    d->n_backings = n;
    return true;
}

bool
disk_size(const Disk *d, const char *what, const char *text, guint64 *ret_bytes,
          int *ret_code)
{
    guint64 bytes = 0;

    if (text == NULL || (schema_parse_size(text, &bytes) && bytes > 0)) {
        *ret_bytes = bytes;
        return true;
    }
    *ret_code = app_fail(d->app, EXIT_USAGE, "usage", NULL, NULL,
                         "%s: '%s' is no size; write such as 64K, 500M, 20G",
                         what, text);
    return false;
}

static BlockSpec
spec_of(const Disk *d, const char *path, const char *format)
{
    return (BlockSpec){.path = path,
                       .format = format,
                       .backings = d->backings,
                       .n_backings = d->n_backings};
}

/* ---- create ---- */

static bool
read_prealloc(const Disk *d, BlockPrealloc *ret, int *ret_code)
{
    static const char *const names[] = {"off", "metadata", "falloc", "full"};
    const char *text = d->options->preallocate;

    *ret = BLOCK_PREALLOC_OFF;
    for (gsize i = 0; text != NULL && i < G_N_ELEMENTS(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *ret = (BlockPrealloc) i;
            return true;
        }
    if (text == NULL)
        return true;
    *ret_code = app_fail(d->app, EXIT_USAGE, "usage", NULL, NULL,
                         "--preallocate: off, metadata, falloc or full");
    return false;
}

static int
create(Disk *d, const char *path, const char *size)
{
    g_autoptr(GError) error = NULL;
    guint64 bytes, cluster;
    int code = EXIT_OK;
    BlockCreate c = {.path = path};

    if (size != NULL && d->options->size != NULL)
        return app_fail(d->app, EXIT_USAGE, "usage", NULL, NULL,
                        "disk create: the size is '%s' or --size %s, not both",
                        size, d->options->size);
    if (size == NULL)
        size = d->options->size;
    c.format = disk_format_of(d, path, d->options->format, &code);
    if (c.format == NULL || !disk_backings(d, &code) ||
        !read_prealloc(d, &c.prealloc, &code) ||
        !disk_size(d, "size", size, &bytes, &code) ||
        !disk_size(d, "--cluster-size", d->options->cluster_size, &cluster,
                   &code))
        return code;
    if (d->n_backings > 1 || (bytes == 0 && d->n_backings == 0) ||
        cluster > G_MAXUINT32)
        return app_fail(
            d->app, EXIT_USAGE, "usage", NULL, NULL,
            "disk create needs a size, as in 'disk create FILE 20G', "
            "or one --backing whose size it takes");
    c.bytes = bytes;
    c.cluster_size = (guint32) cluster;
    if (d->n_backings == 1) {
        c.backing = d->backings[0].path;
        c.backing_format = d->backings[0].format;
    }
    if (access(path, F_OK) == 0)
        return app_fail(d->app, EXIT_STATE, "exists", NULL, NULL,
                        "'%s' exists; it is not overwritten", path);
    if (!d->app->dry_run && !block_image_create(&c, &error))
        return app_fail_error(d->app, error);
    if (d->app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "path", path);
        json_put_string(w, "format", c.format);
        if (bytes != 0)
            json_put_u64(w, "bytes", bytes);
        json_put_bool(w, "dry-run", d->app->dry_run);
        app_print_json(w);
    } else {
        app_say(d->app, "%s %s (%s)", d->app->dry_run ? "would make" : "made",
                path, c.format);
    }
    return EXIT_OK;
}

/* ---- info ---- */

static void
info_json(const char *path, const char *format, const char *looks,
          const BlockDetails *i)
{
    JsonWriter *w = json_writer_new();

    json_begin_object(w, NULL);
    json_put_string(w, "path", path);
    json_put_string(w, "format", format);
    json_put_u64(w, "bytes", i->bytes);
    json_put_u64(w, "file-bytes", i->file_bytes);
    json_put_u64(w, "used-bytes", i->used_bytes);
    json_put_optional(w, "header-looks-like", looks);
    if (i->version != 0) {
        json_put_u64(w, "version", i->version);
        json_put_u64(w, "cluster-size", i->cluster_size);
        json_put_u64(w, "refcount-bits", i->refcount_bits);
        json_put_string(w, "compression", i->compression);
        json_put_u64(w, "snapshots", i->n_snapshots);
        json_put_bool(w, "dirty", i->dirty);
        json_put_bool(w, "corrupt", i->corrupt);
        json_put_bool(w, "lazy-refcounts", i->lazy_refcounts);
        json_put_optional(w, "backing", i->backing);
        json_put_optional(w, "backing-format", i->backing_format);
    }
    app_print_json(w);
}

static void
info_text(const char *path, const char *format, const char *looks,
          const BlockDetails *i)
{
    g_autofree char *size = schema_format_size(i->bytes);
    g_autofree char *used =
        g_format_size_full(i->used_bytes, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *name = app_clean(path);
    g_autofree char *backing = app_clean(i->backing ? i->backing : "");
    g_autofree char *kind =
        app_clean(i->backing_format ? i->backing_format : "not recorded");

    printf("image      %s\nformat     %s\ndisk       %s\nuses       %s\n", name,
           format, size, used);
    if (i->version != 0)
        printf("version    %u\nclusters   %u bytes, refcounts of %u bits, "
               "compression %s\n",
               i->version, i->cluster_size, i->refcount_bits, i->compression);
    if (i->n_snapshots != 0)
        printf("snapshots  %u\n", i->n_snapshots);
    if (i->backing != NULL)
        printf("backing    %s (format %s)\n", backing, kind);
    if (i->dirty)
        printf("state      was not closed; mended when it is next written\n");
    if (i->corrupt)
        printf("state      marked as corrupt; carrel disk check looks\n");
    if (looks != NULL)
        printf("note       the header looks like %s; it is used as %s\n", looks,
               format);
}

static int
info(Disk *d, const char *path, const char *unused)
{
    g_autoptr(GError) error = NULL;
    BlockDetails details;
    int code = EXIT_OK;
    const char *format = disk_source_format(d, path, d->options->format, &code);

    if (format == NULL)
        return code;
    if (!block_image_details(path, format, &details, &error))
        return app_fail_error(d->app, error);
    const char *looks = block_image_looks_like(path);
    if (g_strcmp0(looks, format) == 0)
        looks = NULL;
    if (d->app->json)
        info_json(path, format, looks, &details);
    else
        info_text(path, format, looks, &details);
    block_details_clear(&details);
    return EXIT_OK;
}

/* ---- check ---- */

static bool
read_repair(const Disk *d, BlockRepair *ret, int *ret_code)
{
    const char *text = d->options->repair;

    *ret = BLOCK_REPAIR_NONE;
    if (text == NULL)
        return true;
    *ret = strcmp(text, "all") == 0 ? BLOCK_REPAIR_ALL : BLOCK_REPAIR_LEAKS;
    if (strcmp(text, "all") == 0 || strcmp(text, "leaks") == 0)
        return true;
    *ret_code = app_fail(d->app, EXIT_USAGE, "usage", NULL, NULL,
                         "--repair: leaks or all");
    return false;
}

static void
check_report(const App *app, const char *path, const BlockCheck *c)
{
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "path", path);
        json_put_u64(w, "errors", c->errors);
        json_put_u64(w, "errors-fixed", c->errors_fixed);
        json_put_u64(w, "leaks", c->leaks);
        json_put_u64(w, "leaks-fixed", c->leaks_fixed);
        json_put_u64(w, "clusters", c->clusters);
        json_put_u64(w, "allocated", c->used);
        json_put_u64(w, "compressed", c->packed);
        json_put_string(w, "messages", c->messages->str);
        app_print_json(w);
        return;
    }
    g_autofree char *clean = app_clean(c->messages->str);
    printf("%s", clean);
    app_say(app,
            "%" G_GUINT64_FORMAT " errors (%" G_GUINT64_FORMAT
            " mended), %" G_GUINT64_FORMAT
            " leaked clusters (%" G_GUINT64_FORMAT
            " given back); %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
            " clusters in use, %" G_GUINT64_FORMAT " compressed",
            c->errors, c->errors_fixed, c->leaks, c->leaks_fixed, c->used,
            c->clusters, c->packed);
}

static int
check(Disk *d, const char *path, const char *unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) messages = g_string_new(NULL);
    BlockCheck c = {.messages = messages};
    BlockRepair repair;
    int code = EXIT_OK;

    if (!read_repair(d, &repair, &code))
        return code;
    const char *format = disk_source_format(d, path, d->options->format, &code);
    if (format == NULL)
        return code;
    if (d->app->dry_run)
        repair = BLOCK_REPAIR_NONE;
    if (repair != BLOCK_REPAIR_NONE && d->app->read_only)
        return app_fail(d->app, EXIT_STATE, "read-only", NULL, NULL,
                        "--repair changes the image, and --read-only forbids "
                        "that");
    const BlockSpec spec = spec_of(d, path, format);
    if (!block_image_check(&spec, repair, &c, &error))
        return app_fail_error(d->app, error);
    check_report(d->app, path, &c);
    return c.errors > c.errors_fixed || c.leaks > c.leaks_fixed ? EXIT_PROBLEMS
                                                                : EXIT_OK;
}

/* ---- resize ---- */

/* "20G", or "+1G": so much more than now. */
static bool
read_new_size(const Disk *d, const char *path, const char *format,
              const char *size, guint64 *ret_bytes, int *ret_code)
{
    g_autoptr(GError) error = NULL;
    BlockDetails now;

    if (!disk_size(d, "size", size + (*size == '+'), ret_bytes, ret_code))
        return false;
    if (*size != '+')
        return true;
    if (!block_image_details(path, format, &now, &error)) {
        *ret_code = app_fail_error(d->app, error);
        return false;
    }
    *ret_bytes += now.bytes; /* sizes are below 2^63 each */
    block_details_clear(&now);
    return true;
}

static int
resize(Disk *d, const char *path, const char *size)
{
    g_autoptr(GError) error = NULL;
    guint64 bytes;
    int code = EXIT_OK;
    const char *format = disk_source_format(d, path, d->options->format, &code);

    if (format == NULL || !disk_backings(d, &code) ||
        !read_new_size(d, path, format, size, &bytes, &code))
        return code;
    const BlockSpec spec = spec_of(d, path, format);
    g_autofree char *all = schema_format_size(bytes);
    if (!d->app->dry_run &&
        !block_image_resize(&spec, bytes, d->options->shrink, &error))
        return app_fail_error(d->app, error);
    if (d->app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "path", path);
        json_put_u64(w, "bytes", bytes);
        json_put_bool(w, "dry-run", d->app->dry_run);
        app_print_json(w);
    } else {
        app_say(d->app, "%s %s: %s",
                d->app->dry_run ? "would resize" : "resized", path, all);
    }
    return EXIT_OK;
}

/* ---- the verb ---- */

enum { CREATE = 1, INFO = 2, CHECK = 4, CONVERT = 8, RESIZE = 16 };

static const struct {
    const char *name;
    unsigned bit, n_args, n_most;
    int (*run)(Disk *d, const char *first, const char *second);
    bool changes;
} actions[] = {
    {"create", CREATE, 1, 2, create, true},
    {"info", INFO, 1, 1, info, false},
    {"check", CHECK, 1, 1, check, false}, /* --repair: looked at there */
    {"convert", CONVERT, 2, 2, disk_convert, true},
    {"resize", RESIZE, 2, 2, resize, true},
};

/* An option that means nothing here is a mistake, not a wish. */
static const char *
stray_option(const DiskOptions *o, unsigned bit)
{
    const struct {
        bool given;
        unsigned bits;
        const char *name;
    } rows[] = {
        {o->format != NULL, CREATE | INFO | CHECK | CONVERT | RESIZE, "format"},
        {o->from_format != NULL, CONVERT, "from-format"},
        {o->size != NULL, CREATE, "size"},
        {o->cluster_size != NULL, CREATE | CONVERT, "cluster-size"},
        {o->preallocate != NULL, CREATE, "preallocate"},
        {o->repair != NULL, CHECK, "repair"},
        {o->backings != NULL, CREATE | CONVERT | RESIZE, "backing"},
        {o->backing_formats != NULL, CREATE | CONVERT | RESIZE,
         "backing-format"},
        {o->shrink, RESIZE, "shrink"},
        {o->compress != NULL, CONVERT, "compress"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].given && (rows[i].bits & bit) == 0)
            return rows[i].name;
    return NULL;
}

static int
run(App *app, const DiskOptions *options, char **args)
{
    Disk d = {.app = app, .options = options};
    guint n = g_strv_length(args);

    for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(args[0], actions[i].name) != 0)
            continue;
        if (n - 1 < actions[i].n_args || n - 1 > actions[i].n_most)
            break;
        const char *stray = stray_option(options, actions[i].bit);
        if (stray != NULL)
            return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                            "disk %s has no option --%s", args[0], stray);
        if (actions[i].changes && app->read_only)
            return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                            "disk %s changes files, and --read-only forbids "
                            "that",
                            args[0]);
        return actions[i].run(&d, args[1], n > 2 ? args[2] : NULL);
    }
    return app_fail(
        app, EXIT_USAGE, "usage", NULL, NULL,
        "disk: create FILE SIZE, info FILE, check FILE, convert FILE "
        "NEW-FILE or resize FILE [+]SIZE");
}

int
verb_disk(App *app, int argc, char **argv)
{
    DiskOptions o = {0};
    g_auto(GStrv) args = NULL;
    /* clang-format off */
    const GOptionEntry entries[] = {
        { "format",         0, 0, G_OPTION_ARG_STRING, &o.format, "Format of the file (convert: of the new one): raw, qcow2", "FORMAT" },
        { "from-format",    0, 0, G_OPTION_ARG_STRING, &o.from_format, "convert: format of the old file", "FORMAT" },
        { "size",           0, 0, G_OPTION_ARG_STRING, &o.size, "create: size of the disk, such as 20G", "SIZE" },
        { "cluster-size",   0, 0, G_OPTION_ARG_STRING, &o.cluster_size, "create, convert: clusters of qcow2, 512 to 2M (default: 64K)", "SIZE" },
        { "preallocate",    0, 0, G_OPTION_ARG_STRING, &o.preallocate, "create: off, metadata, falloc or full", "HOW" },
        { "backing",        0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o.backings, "The image under this one; may be repeated, nearest first", "FILE" },
        { "backing-format", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o.backing_formats, "Its format: raw, qcow2", "FORMAT" },
        { "repair",         0, 0, G_OPTION_ARG_STRING, &o.repair, "check: mend leaks, or all", "WHAT" },
        { "compress",       0, 0, G_OPTION_ARG_STRING, &o.compress, "convert: compress the clusters of qcow2 by zlib or zstd", "HOW" },
        { "shrink",         0, 0, G_OPTION_ARG_NONE, &o.shrink, "resize: allow a smaller disk", NULL },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };
    /* clang-format on */

    int code = app_parse(app, argv, entries, 1, 3, &args);
    if (code < 0)
        code = run(app, &o, args);
    g_free(o.format);
    g_free(o.from_format);
    g_free(o.size);
    g_free(o.cluster_size);
    g_free(o.preallocate);
    g_free(o.repair);
    g_free(o.compress);
    g_strfreev(o.backings);
    g_strfreev(o.backing_formats);
    return code;
}
