/* app/ladder/advice.c - see advice.h. */
#include "app/ladder/advice.h"

#include <string.h>

#include "app/json.h"
#include "app/ladder/proof.h"
#include "profiles/schema.h"

/* clang-format off */
static const struct {
    const char *what;
    Rung rung;
    const char *gives;
    const char *value; /* NULL: any */
} texts[] = {
    { "disk", RUNG_EMULATED, "every system for a PC knows it; one request at a time, each with several stops of the guest", NULL },
    { "disk", RUNG_VIRTIO, "many requests at once, with one stop or none, a queue for each processor; the guest needs a driver", NULL },
    { "disk", RUNG_PASSED_THROUGH, "the guest drives a controller of the host itself; no images, no snapshots, and the host loses it", NULL },
    { "cd", RUNG_EMULATED, "every system for a PC knows it; fast enough for an installation", NULL },
    { "cd", RUNG_VIRTIO, "no slow transfers by the processor; the guest needs a driver before it can read its installer", NULL },
    { "cd", RUNG_PASSED_THROUGH, "the guest drives the host's burner, with its controller", NULL },
    { "net", RUNG_EMULATED, "systems since 2002 know it, most without a driver disk; checksums and segmentation left to the host, each packet costs some stops of the guest", "e1000" },
    { "net", RUNG_EMULATED, "systems since 1999 know it; drivers that know its C+ mode leave checksums and segmentation to the host", "rtl8139" },
    { "net", RUNG_EMULATED, "for systems of the ISA time; the processor moves each word of a packet by a stop of the guest", "ne2000" },
    { "net", RUNG_EMULATED, "an NE2000 on PCI; the processor moves each packet by itself", "rtl8029" },
    { "net", RUNG_EMULATED, "systems before 2008 know it; every packet costs stops of the guest", NULL },
    { "net", RUNG_VIRTIO, "many packets at once, checksums and segmentation left to the host; the guest needs a driver", NULL },
    { "net", RUNG_PASSED_THROUGH, "a card of the host, or a share of one (SR-IOV), without the host between; no capture, no forwards, no moving", NULL },
    { "display", RUNG_EMULATED, "every system draws on it, text modes are shown exactly; no acceleration", NULL },
    { "display", RUNG_VIRTIO, "drawn in the host's memory; the guest needs a driver, firmware shows nothing without one", NULL },
    { "display", RUNG_PASSED_THROUGH, "a real graphics card with its own monitor; the host loses it", NULL },
    { "keyboard", RUNG_EMULATED, "every system for a PC knows it", NULL },
    { "keyboard", RUNG_VIRTIO, "keys without the PS/2 controller's waiting; PS/2 stays beside it for firmware", NULL },
    { "keyboard", RUNG_PASSED_THROUGH, "a USB keyboard of the host, with its controller", NULL },
    { "pointer", RUNG_EMULATED, "every system for a PC knows it; moves by steps, so it runs away from the viewer's", NULL },
    { "pointer", RUNG_VIRTIO, "moves by steps, as the PS/2 mouse, which stays beside it", "virtio-mouse" },
    { "pointer", RUNG_VIRTIO, "a tablet points where the viewer points; the PS/2 mouse stays beside it", NULL },
    { "pointer", RUNG_PASSED_THROUGH, "a USB mouse of the host, with its controller", NULL },
    { "rng", RUNG_VIRTIO, "the host's random numbers: keys are made without waiting at the first start", NULL },
    { "balloon", RUNG_VIRTIO, "memory that the guest does not use goes back to the host", NULL },
};
/* clang-format on */

static void
option_free(gpointer data)
{
    AdviceOption *option = data;

    g_free(option->value);
    g_free(option->why);
    g_free(option);
}

static void
figure_free(gpointer data)
{
    AdviceFigure *figure = data;

    g_free(figure->metric);
    g_free(figure->unit);
    g_free(figure->device);
    g_free(figure);
}

static void
device_free_advice(gpointer data)
{
    AdviceDevice *d = data;

    g_ptr_array_unref(d->options);
    g_ptr_array_unref(d->figures);
    g_free(d->key);
    g_free(d->now);
    g_free(d->because);
    g_free(d->command);
    g_free(d);
}

void
advice_free(Advice *advice)
{
    if (advice == NULL)
        return;
    g_ptr_array_unref(advice->devices);
    guest_look_free(advice->look);
    g_free(advice->why);
    g_free(advice->bench_date);
    g_free(advice);
}

const char *
can_name(Can can)
{
    static const char *const names[] = {"yes", "maybe", "no"};

    return names[can];
}

typedef struct {
    const char *name;
    const Profile *profile;
    Advice *advice;
    const JsonNode *bench;
} Making;

static const char *
gives_of(const char *what, Rung rung, const char *value)
{
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        if (texts[i].rung == rung && strcmp(texts[i].what, what) == 0 &&
            (texts[i].value == NULL || strcmp(texts[i].value, value) == 0))
            return texts[i].gives;
    return NULL;
}

/* ---- options ---- */

static void
judge_virtio(const Making *m, const AdviceDevice *d, AdviceOption *option)
{
    static const Can cans[] = {[CHECK_GOOD] = CAN_YES,
                               [CHECK_UNKNOWN] = CAN_MAYBE,
                               [CHECK_BAD] = CAN_NO,
                               [CHECK_NO_TRIAL] = CAN_YES};
    g_autofree char *model = rung_model(d->key, option->value);
    g_autoptr(LadderCheck) check = ladder_check_model(
        m->name, m->profile, model, m->advice->look, m->advice->why);

    option->can = cans[check->result];
    g_ptr_array_add(check->reasons, NULL);
    option->why = g_strjoinv("; ", (char **) check->reasons->pdata);
}

static void
judge_passthrough(const Making *m, const AdviceDevice *d, AdviceOption *option)
{
    const HostFacts *host = &m->advice->host;
    const struct {
        const char *what, *which;
        unsigned n;
    } counts[] = {
        {"disk", "storage controllers", host->n_storage},
        {"cd", "storage controllers", host->n_storage},
        {"net", "network cards", host->n_network},
        {"display", "graphics cards", host->n_display},
        {"keyboard", "USB controllers", host->n_usb},
        {"pointer", "USB controllers", host->n_usb},
    };
    const char *problem = host_facts_problem(host);
    /* no model of this device, but a device beside it */
    const char *how = *option->value == '\0'
                          ? "; one is given as [pci0] host=ADDRESS, see "
                            "'carrel passthrough list'"
                          : "";

    option->can = CAN_NO;
    for (gsize i = 0; i < G_N_ELEMENTS(counts); i++) {
        if (strcmp(counts[i].what, d->row->what) != 0)
            continue;
        if (problem != NULL)
            option->why = g_strdup(problem);
        else
            option->why = g_strdup_printf(
                "the host has %u %s in IOMMU groups%s", counts[i].n,
                counts[i].which, counts[i].n > 0 ? how : "");
        if (problem == NULL && counts[i].n > 0)
            option->can = CAN_MAYBE;
    }
}

static void
add_option(const Making *m, AdviceDevice *d, Rung rung, const char *value)
{
    const char *gives = gives_of(d->row->what, rung, value);

    if (gives == NULL)
        return; /* no such thing: a passed-through balloon */
    AdviceOption *option = g_new0(AdviceOption, 1);
    option->rung = rung;
    option->value = g_strdup(value);
    option->gives = gives;
    if (rung == RUNG_PASSED_THROUGH)
        judge_passthrough(m, d, option);
    else if (*value == '\0')
        option->can = CAN_NO;
    else if (rung == RUNG_VIRTIO)
        judge_virtio(m, d, option);
    if (option->why == NULL)
        option->why =
            g_strdup(*value == '\0' ? "this version has no such model" : "");
    g_ptr_array_add(d->options, option);
}

/* The minimal machine has neither IDE nor VGA. */
static bool
is_offered(const Making *m, const AdviceDevice *d, const char *choice)
{
    const char *chipset = profile_get_string(m->profile, "machine.chipset");
    bool minimal = strcmp(chipset, "pc-virtio") == 0;

    return !minimal || rung_of(choice) != RUNG_EMULATED ||
           strcmp(d->now, choice) == 0;
}

static void
add_options(const Making *m, AdviceDevice *d)
{
    const SchemaKey *key = schema_find_full(d->key);
    g_auto(GStrv) choices = g_strsplit(key->choices, "|", -1);

    for (Rung rung = RUNG_EMULATED; rung <= RUNG_PASSED_THROUGH; rung++) {
        bool any = false;
        for (unsigned i = 0; choices[i] != NULL; i++) {
            if (rung_of(choices[i]) != rung || !is_offered(m, d, choices[i]))
                continue;
            add_option(m, d, rung, choices[i]);
            any = true;
        }
        if (!any)
            add_option(m, d, rung, "");
    }
}

/* ---- figures ---- */

static bool
is_choice(const AdviceDevice *d, const char *device)
{
    for (guint i = 0; i < d->options->len; i++)
        if (strcmp(((AdviceOption *) d->options->pdata[i])->value, device) == 0)
            return true;
    return false;
}

static void
add_figures(const Making *m, AdviceDevice *d)
{
    const JsonNode *rows = json_get(m->bench, "rows");

    for (unsigned i = 0; i < json_length(rows); i++) {
        const JsonNode *r = json_at(rows, i);
        const char *device = json_get_string(r, "device", "");
        if (strcmp(json_get_string(r, "row", ""), d->row->what) != 0 ||
            *device == '\0' || !is_choice(d, device))
            continue;
        AdviceFigure *figure = g_new0(AdviceFigure, 1);
        figure->metric = g_strdup(json_get_string(r, "metric", ""));
        figure->unit = g_strdup(json_get_string(r, "unit", ""));
        figure->device = g_strdup(device);
        figure->value = json_double(json_get(r, "value"), 0);
        figure->more_is_better = json_get_bool(r, "more-is-better", true);
        g_ptr_array_add(d->figures, figure);
    }
}

/* ---- what is advised ---- */

static const AdviceOption *
find_virtio(const AdviceDevice *d)
{
    for (guint i = 0; i < d->options->len; i++) {
        const AdviceOption *option = d->options->pdata[i];
        if (option->rung == RUNG_VIRTIO && *option->value != '\0')
            return option;
    }
    return NULL;
}

static void
leave(AdviceDevice *d, const char *because)
{
    d->advised = d->now;
    d->because = g_strdup(because);
}

/* What is not worth the change for most people. */
static bool
is_for_the_few(const AdviceDevice *d)
{
    return strcmp(d->row->what, "keyboard") == 0 ||
           strcmp(d->row->what, "balloon") == 0;
}

static bool
is_blank(const Making *m)
{
    return m->advice->look != NULL && m->advice->look->kind == GUEST_BLANK;
}

static void
climb(const Making *m, AdviceDevice *d, const AdviceOption *to)
{
    bool windows =
        m->advice->look != NULL && m->advice->look->kind == GUEST_WINDOWS;
    bool prepare = d->row->replaces && windows;

    d->advised = to->value;
    d->command = g_strdup_printf("carrel set %s %s=%s%s", m->name, d->key,
                                 to->value, prepare ? " --prepare" : "");
    if (prepare)
        d->because = g_strdup("Windows installs a driver for a disk that it "
                              "sees: first start it with both (the virtio-win "
                              "CD has the drivers)");
    else if (!d->row->replaces)
        d->because = g_strdup("nothing is taken away");
    else if (is_blank(m))
        d->because = g_strdup("there is no trial while nothing is installed: "
                              "what installs the system needs the driver, as "
                              "Linux' installers have it");
    else if (to->can == CAN_YES)
        d->because = g_strdup("the guest has the driver; the next start is a "
                              "trial all the same");
    else
        d->because = g_strdup("a trial will tell: what does not work is taken "
                              "back by itself");
}

static void
advise(const Making *m, AdviceDevice *d)
{
    const AdviceOption *virtio = find_virtio(d);

    if (rung_of(d->now) == RUNG_PASSED_THROUGH)
        leave(d, "nothing is nearer to the hardware");
    else if (rung_of(d->now) == RUNG_VIRTIO)
        leave(d, "the fastest that is possible here");
    else if (virtio == NULL)
        leave(d, "there is nothing else here");
    else if (virtio->can == CAN_NO)
        leave(d, "the guest could not use another one");
    else if (is_blank(m) && strcmp(d->row->what, "cd") == 0)
        leave(d, "what installs the system must be able to read its CD");
    else if (is_for_the_few(d))
        leave(d, "worth a change only for who needs it");
    else if (!d->row->replaces && virtio->can != CAN_YES)
        leave(d, "whether the guest would use another one is not known");
    else
        climb(m, d, virtio);
}

static void
add_device(const Making *m, const RungKey *row, const char *section)
{
    AdviceDevice *d = g_new0(AdviceDevice, 1);

    d->row = row;
    d->key = g_strdup_printf("%s.%s", section, row->key);
    d->now = g_strdup(profile_get_string(m->profile, d->key));
    d->options = g_ptr_array_new_with_free_func(option_free);
    d->figures = g_ptr_array_new_with_free_func(figure_free);
    add_options(m, d);
    add_figures(m, d);
    advise(m, d);
    g_ptr_array_add(m->advice->devices, d);
}

static void
add_devices(const Making *m)
{
    unsigned n;
    const RungKey *rows = rung_keys(&n);

    for (unsigned i = 0; i < n; i++) {
        const char *number = strchr(rows[i].section, '#');
        if (number == NULL)
            add_device(m, &rows[i], rows[i].section);
        for (unsigned k = 0; number != NULL && k < 10; k++) {
            g_autofree char *section = g_strdup_printf(
                "%.*s%u", (int) (number - rows[i].section), rows[i].section, k);
            if (profile_has_section(m->profile, section))
                add_device(m, &rows[i], section);
        }
    }
}

Advice *
advice_new(const char *name, const Profile *profile, const HostFacts *host,
           const char *bench)
{
    g_autoptr(JsonNode) node =
        bench != NULL ? json_parse(bench, strlen(bench), NULL) : NULL;
    Advice *advice = g_new0(Advice, 1);
    const char *date = json_get_string(node, "date", NULL);
    bool known = json_get_int(node, "version", 0) == 1 && date != NULL;

    advice->host = *host;
    advice->look = ladder_look(profile, &advice->why);
    advice->bench_date = known ? g_strdup(date) : NULL;
    advice->devices = g_ptr_array_new_with_free_func(device_free_advice);
    const Making m = {name, profile, advice, known ? node : NULL};
    add_devices(&m);
    return advice;
}
