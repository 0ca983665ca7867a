/* passthrough-wizard/steps-mean.c - what a step is for, in the words of somebody
 * who never wrote to a file of the kernel's. */
#include "passthrough-wizard/plan.h"

#include <string.h>

/* {target}, {from} and {to} are the step's. The first row that fits is it: to is
 * what the value becomes; NULL: any. Kinds without a row say it themselves. */
typedef struct {
    const char *kind, *target, *to, *words;
} MeanRow;

/* clang-format off */
static const MeanRow rows[] = {
    { "module",            NULL,       "",         "Unload {target}, which would keep the card" },
    { "module",            "vfio-pci", NULL,       "Load vfio-pci, the driver that keeps devices for machines" },
    { "module",            NULL,       NULL,       "Load the driver {target}" },
    { "driver-override",   NULL,       "",         "Let any driver take {target}" },
    { "driver-override",   NULL,       NULL,       "Let no driver but {to} take {target}" },
    { "driver",            NULL,       "",         "Take {target} from its driver, {from}" },
    { "driver",            NULL,       NULL,       "Give {target} to {to}" },
    { "vf-count",          NULL,       "0",        "Remove the virtual functions of {target}" },
    { "vf-count",          NULL,       NULL,       "Have {to} virtual functions of {target}" },
    { "vf-autoprobe",      NULL,       "0",        "Keep the host's drivers off new virtual functions" },
    { "vf-autoprobe",      NULL,       NULL,       "Let the host's drivers take new virtual functions" },
    { "huge-pages",        NULL,       NULL,       "Set memory aside for machines: {to} pages of {target}" },
    { "huge-pages-more",   NULL,       NULL,       "Set memory aside for machines: {to} pages of {target}" },
    { "bar-size",          NULL,       NULL,       "Show the guest more of the card's memory at once" },
    { "unsafe-interrupts", NULL,       "Y",        "Go on though a guest could forge interrupts" },
    { "owner",             NULL,       NULL,       "Let the machine's user open the device" },
    { "usb-owner",         NULL,       NULL,       "Let the user open the USB device" },
    { "display-manager",   NULL,       "inactive", "End the desktop: who is logged in there is logged out" },
    { "vtconsole",         NULL,       "0",        "Take the text console off the screen" },
    { "frame-buffer",      NULL,       NULL,       "Let go of the picture that the firmware began" },
};
/* clang-format on */

static bool
fits(const char *want, const char *have)
{
    return want == NULL || strcmp(want, have) == 0;
}

char *
step_mean(const Step *step)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        const MeanRow *row = &rows[i];
        if (!fits(row->kind, step->kind) || !fits(row->target, step->target) ||
            !fits(row->to, step->after))
            continue;
        GString *text = g_string_new(row->words);
        g_string_replace(text, "{target}", step->target, 1);
        g_string_replace(text, "{from}", step->before, 1);
        g_string_replace(text, "{to}", step->after, 1);
        return g_string_free(text, FALSE);
    }
    return NULL;
}
