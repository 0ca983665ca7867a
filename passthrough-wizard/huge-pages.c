/* passthrough-wizard/huge-pages.c - see huge-pages.h.
 *
 * Linux Documentation/admin-guide/mm/hugetlbpage.rst. */
#include "passthrough-wizard/huge-pages.h"

#include <string.h>

#include "passthrough-wizard/steps.h"

#define POOL     "/sys/kernel/mm/hugepages/hugepages-%s"
#define COMPACT  "/proc/sys/vm/compact_memory"
#define MAX_NEED (G_GUINT64_CONSTANT(1) << 32)

guint64
huge_pages_free(const HostRoot *root, const char *size)
{
    gint64 free = host_root_int(root, 0, POOL "/free_hugepages", size);
    gint64 promised = host_root_int(root, 0, POOL "/resv_hugepages", size);

    return free > promised ? (guint64) (free - promised) : 0;
}

bool
huge_pages_plan(Plan *plan, HostHand *hand, const char *size, guint64 need,
                GError **error)
{
    g_autofree char *now =
        host_root_line(hand->root, POOL "/nr_hugepages", size);
    guint64 have = huge_pages_free(hand->root, size);

    if (now == NULL) {
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                    "this host has no huge pages of %s: its processor or its "
                    "kernel lacks them; set memory.hugepages to another size "
                    "or to transparent",
                    size);
        return false;
    }
    if (have >= need)
        return true;
    g_autofree char *after = g_strdup_printf(
        "%" G_GUINT64_FORMAT, g_ascii_strtoull(now, NULL, 10) + need - have);
    plan_add(plan, "huge-pages-more", size, now, after);
    return true;
}

bool
huge_pages_parse(const char *text, char ret_size[16], guint64 *ret_need)
{
    const char *colon = strchr(text, ':');
    gsize len = colon != NULL ? (gsize) (colon - text) : 0;

    if (len == 0 || len >= 16)
        return false;
    memcpy(ret_size, text, len);
    ret_size[len] = '\0';
    return step_is_page_size(ret_size) &&
           g_ascii_string_to_unsigned(colon + 1, 10, 1, MAX_NEED, ret_need,
                                      NULL);
}

/* ---- the step ---- */

/* The kernel gives as many as it finds, and says nothing when that is fewer. */
bool
step_write_pages(HostHand *hand, const Step *step, const char *value,
                 GError **error)
{
    guint64 want = g_ascii_strtoull(value, NULL, 10), got = 0;
    bool more = strcmp(value, step->after) == 0;
    g_autofree char *path = g_strdup_printf(POOL "/nr_hugepages", step->target);

    for (unsigned attempt = 0; attempt < 2; attempt++) {
        /* memory in pieces is moved together before the second attempt */
        if (attempt > 0 && host_root_exists(hand->root, COMPACT))
            (void) hand->ops->write(hand, COMPACT, "1");
        int err = hand->ops->write(hand, path, value);
        if (err < 0)
            return step_fail(error, err, "write", path);
        got = (guint64) host_root_int(hand->root, 0, "%s", path);
        if (got >= want || !more)
            return true; /* fewer: those in use go when they are let go */
    }
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_FAILED,
                "the host found %" G_GUINT64_FORMAT
                " huge pages of %s, not %" G_GUINT64_FORMAT
                ": its memory is in use or in pieces; close "
                "programs, give the machine less memory, reserve pages at boot "
                "(hugepagesz=, hugepages=), or set "
                "memory.hugepages=transparent",
                got, step->target, want);
    return false;
}

char *
step_share_left(const Step *step, const char *now, bool done)
{
    guint64 before = g_ascii_strtoull(step->before, NULL, 10);
    guint64 after = g_ascii_strtoull(step->after, NULL, 10);
    guint64 n = g_ascii_strtoull(now, NULL, 10);
    guint64 ours = after > before ? after - before : 0;
    guint64 left = n;

    if (done || n >= after)
        left = n > ours ? n - ours : 0;
    else if (n > before) /* half-way, when the helper was killed */
        left = before;
    return g_strdup_printf("%" G_GUINT64_FORMAT, left);
}
