/* passthrough-wizard/checks.c - runs the rows of checks-system.c and
 * checks-passthrough.c. */
#include "passthrough-wizard/checks.h"

#include <stdio.h>
#include <string.h>

#include "passthrough-wizard/checks-internal.h"

const char *
check_state_word(CheckState state)
{
    static const char *const words[] = {"OK", "HINT", "BAD", "--"};
    return words[state];
}

const char *
check_state_id(CheckState state)
{
    static const char *const ids[] = {"ok", "hint", "bad", "none"};
    return ids[state];
}

static void
check_free(gpointer data)
{
    Check *check = data;

    g_free(check->finding);
    g_free(check->consequence);
    g_free(check->fix);
    g_free(check->command);
    g_free(check->undo);
    g_free(check);
}

void
check_say(CheckCase *c, CheckState state, char *finding)
{
    c->check->state = state;
    g_free(c->check->finding);
    c->check->finding = finding;
}

void
check_advise(CheckCase *c, const char *consequence, const char *fix,
             const char *command, const char *undo)
{
    c->check->consequence = g_strdup(consequence);
    c->check->fix = g_strdup(fix);
    c->check->command = g_strdup(command);
    c->check->undo = g_strdup(undo);
}

char *
check_size(guint64 bytes)
{
    const double gib = 1024.0 * 1024 * 1024;

    return bytes >= 1u << 30
               ? g_strdup_printf("%.*f GiB", bytes % (1u << 30) ? 1 : 0,
                                 (double) bytes / gib)
               : g_strdup_printf("%.0f MiB", (double) bytes * 1024 / gib);
}

bool
check_iommu_works(const CheckCase *c)
{
    return c->host != NULL && c->host->iommu.enabled &&
           c->host->iommu.n_groups > 0;
}

/* The effective user of the process that looks, or that recorded. */
static bool
looks_as_root(const HostRoot *root)
{
    g_autofree char *text =
        host_root_read(root, "/proc/self/status", 65536, NULL, NULL);
    const char *line = text != NULL ? strstr(text, "\nUid:") : NULL;
    unsigned real, effective;

    return line != NULL &&
           sscanf(line, "\nUid: %9u %9u", &real, &effective) == 2 &&
           effective == 0;
}

static void
run_rows(CheckCase *c, const CheckRow *rows, gsize n, GPtrArray *checks)
{
    for (gsize i = 0; i < n; i++) {
        Check *check = g_new0(Check, 1);
        check->id = rows[i].id;
        check->title = rows[i].title;
        g_ptr_array_add(checks, check);
        c->check = check;
        rows[i].look(c);
        if (check->finding == NULL) /* nothing that one has to know */
            g_ptr_array_remove_index(checks, checks->len - 1);
    }
}

GPtrArray *
checks_run(const HostRoot *root, const HostPci *host, const CheckWants *wants)
{
    GPtrArray *checks = g_ptr_array_new_with_free_func(check_free);
    CheckCase c = {.root = root, .host = host};
    gsize n;

    if (wants != NULL)
        c.wants = *wants;
    if (c.wants.memory == 0)
        c.wants.memory = CHECKS_USUAL_MEMORY;
    c.is_root = looks_as_root(root);
    const CheckRow *rows = checks_system(&n);
    run_rows(&c, rows, n, checks);
    rows = checks_passthrough(&n);
    run_rows(&c, rows, n, checks);
    return checks;
}

unsigned
checks_count(const GPtrArray *checks, CheckState state)
{
    unsigned n = 0;

    for (guint i = 0; i < checks->len; i++)
        n += ((const Check *) g_ptr_array_index(checks, i))->state == state;
    return n;
}
