/* passthrough-wizard/rebar.c - see rebar.h. PCI Express Base 5.0, section 7.8.6
 * (Resizable BAR). */
#include "passthrough-wizard/rebar.h"

#include <errno.h>
#include <string.h>

#include "passthrough-wizard/steps.h"
#include "profiles/pci-address.h"

#define DEVICE   "/sys/bus/pci/devices/%s"
#define N_BARS   6u
#define MIB_LOG2 20u

guint64
rebar_sizes(const HostRoot *root, const char *bdf, unsigned bar)
{
    g_autofree char *line =
        host_root_line(root, DEVICE "/resource%u_resize", bdf, bar);

    return line != NULL ? g_ascii_strtoull(line, NULL, 16) : 0;
}

guint64
rebar_now(const HostRoot *root, const char *bdf, unsigned bar)
{
    g_autofree char *path = g_strdup_printf(DEVICE "/resource", bdf);
    g_autofree char *text = host_root_read(root, path, 4096, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    char *end;

    if (g_strv_length(lines) <= bar)
        return 0;
    guint64 first = g_ascii_strtoull(lines[bar], &end, 16);
    guint64 last = g_ascii_strtoull(end, NULL, 16);
    return last > first ? last - first + 1 : 0;
}

static unsigned
largest(guint64 sizes)
{
    return 63 - (unsigned) __builtin_clzll(sizes);
}

int
rebar_bar(const HostRoot *root, const char *bdf)
{
    guint64 best = 0;
    int bar = -1;

    for (unsigned i = 0; i < N_BARS; i++) {
        guint64 sizes = rebar_sizes(root, bdf, i);
        if (sizes != 0 && (bar < 0 || largest(sizes) > largest(best))) {
            best = sizes;
            bar = (int) i;
        }
    }
    return bar;
}

static char *
say_size(guint64 bytes)
{
    return bytes >> 30 != 0
               ? g_strdup_printf("%" G_GUINT64_FORMAT " GiB", bytes >> 30)
               : g_strdup_printf("%" G_GUINT64_FORMAT " MiB", bytes >> 20);
}

static char *
say_sizes(guint64 sizes)
{
    GString *text = g_string_new(NULL);

    for (unsigned n = 0; n < 43; n++) {
        if ((sizes >> n & 1) == 0)
            continue;
        g_autofree char *size = say_size(G_GUINT64_CONSTANT(1) << n << 20);
        g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", size);
    }
    return g_string_free(text, FALSE);
}

char *
rebar_describe(const HostRoot *root, const char *bdf)
{
    int bar = rebar_bar(root, bdf);

    if (bar < 0)
        return NULL;
    g_autofree char *now = say_size(rebar_now(root, bdf, (unsigned) bar));
    g_autofree char *sizes = say_sizes(rebar_sizes(root, bdf, (unsigned) bar));
    return g_strdup_printf("BAR %d has %s and can have %s", bar, now, sizes);
}

/* ---- the plan ---- */

/* The step that binds the function to vfio-pci. */
static Step *
binding(const Plan *plan, const char *bdf, guint *ret_index)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        Step *step = g_ptr_array_index(plan->steps, i);
        if (strcmp(step->kind, "driver") == 0 &&
            strcmp(step->target, bdf) == 0 &&
            strcmp(step->after, "vfio-pci") == 0) {
            *ret_index = i;
            return step;
        }
    }
    return NULL;
}

static Step *
make_step(const char *kind, const char *target, const char *before,
          const char *after)
{
    Step *step = g_new0(Step, 1);

    step->kind = g_strdup(kind);
    step->target = g_strdup(target);
    step->before = g_strdup(before);
    step->after = g_strdup(after);
    return step;
}

/* Away from the old driver, the size, to vfio-pci: undone in reverse. */
static void
insert(Plan *plan, guint i, Step *bind, const char *bdf, unsigned bar,
       unsigned now, unsigned wanted)
{
    g_autofree char *target = g_strdup_printf("%s %u", bdf, bar);
    g_autofree char *before = g_strdup_printf("%u", now);
    g_autofree char *after = g_strdup_printf("%u", wanted);
    int at = (int) i;

    if (*bind->before != '\0') {
        g_ptr_array_insert(plan->steps, at++,
                           make_step("driver", bdf, bind->before, ""));
        g_free(bind->before);
        bind->before = g_strdup("");
    }
    g_ptr_array_insert(plan->steps, at,
                       make_step("bar-size", target, before, after));
}

static bool
has_size(const HostRoot *root, const char *bdf, int bar, guint64 bytes,
         GError **error)
{
    g_autofree char *size = say_size(bytes);
    g_autofree char *can = rebar_describe(root, bdf);

    if (bar >= 0 && bytes >> MIB_LOG2 != 0 && (bytes & (bytes - 1)) == 0 &&
        (rebar_sizes(root, bdf, (unsigned) bar) & bytes >> MIB_LOG2) != 0)
        return true;
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                "%s cannot have a BAR of %s: %s", bdf, size,
                can != NULL ? can
                            : "it has no BAR whose size can be chosen, or "
                              "this kernel (before 6.1) does not say, or the "
                              "firmware's 'Above 4G Decoding' is off");
    return false;
}

bool
rebar_plan(Plan *plan, HostHand *hand, const char *text, guint64 bytes,
           GError **error)
{
    char bdf[HOST_BDF_SIZE];
    guint i = 0;

    if (!pci_address_parse(text, bdf))
        g_strlcpy(bdf, text, sizeof bdf);
    int bar = rebar_bar(hand->root, bdf);
    if (bytes == 0 && bar >= 0)
        bytes = G_GUINT64_CONSTANT(1)
                << (largest(rebar_sizes(hand->root, bdf, (unsigned) bar)) +
                    MIB_LOG2);
    if (!has_size(hand->root, bdf, bar, bytes, error))
        return false;
    guint64 now = rebar_now(hand->root, bdf, (unsigned) bar);
    Step *bind = binding(plan, bdf, &i);
    if (bind == NULL || now < 1 << MIB_LOG2 || now == bytes) {
        if (now != bytes)
            plan_note(plan,
                      "%s is bound already, so the size of its BAR "
                      "stays",
                      bdf);
        return true;
    }
    insert(plan, i, bind, bdf, (unsigned) bar,
           g_bit_storage(now >> MIB_LOG2) - 1, largest(bytes >> MIB_LOG2));
    return true;
}

/* ---- the step ---- */

/* "BDF BAR". */
bool
step_is_bar(const char *text)
{
    char bdf[HOST_BDF_SIZE];
    unsigned bar = N_BARS;

    return step_vf_split(text, bdf, &bar) && bar < N_BARS;
}

char *
step_read_bar(HostHand *hand, const Step *step, GError **error)
{
    char bdf[HOST_BDF_SIZE] = "";
    unsigned bar = 0;

    (void) step_vf_split(step->target, bdf, &bar); /* it was checked */
    guint64 now = rebar_now(hand->root, bdf, bar);
    if (now >> MIB_LOG2 != 0)
        return g_strdup_printf("%u", largest(now >> MIB_LOG2));
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                "the size of BAR %u of %s cannot be read", bar, bdf);
    return NULL;
}

bool
step_write_bar(HostHand *hand, const Step *step, const char *value,
               GError **error)
{
    g_autofree char *path = step_sysfs_path(step);
    int err = hand->ops->write(hand, path, value);

    if (err != -ENOSPC)
        return err == 0 || step_fail(error, err, "write", path);
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_FAILED,
                "'%s': no room for a BAR of that size in the addresses that "
                "the firmware gave this bus; switch on 'Above 4G Decoding' and "
                "'Resizable BAR' there, or set a smaller pci#.rebar",
                path);
    return false;
}
