/* app/tui-host-look.c - the look at the host for the terminal interface, on a
 * thread of its own; the answer comes on the main one. CARREL_HOST_ROOT names a
 * recorded host to look at instead of this one. */
#include <string.h>

#include "app/helper/elevate.h"
#include "app/helper/transaction.h"
#include "app/machines.h"
#include "app/session/session-dir.h"
#include "app/tui-host-internal.h"
#include "passthrough-wizard/checks.h"
#include "passthrough-wizard/sriov.h"
#include "passthrough-wizard/usb-list.h"
#include "profiles/schema.h"

#define CARDS_MS 1000
#define MAX_PLUG 16 /* of a kind, in a machine */

typedef struct {
    char *machine;
    char **names;     /* of all machines */
    GPtrArray *plugs; /* as their files say; read on the main thread */
    guint64 memory;
    UiLooked done;
    void *data;
    UiHostLook *look;
    GError *error;
} Job;

static void
job_free(gpointer data)
{
    Job *job = data;

    g_free(job->machine);
    g_strfreev(job->names);
    if (job->plugs != NULL)
        g_ptr_array_unref(job->plugs);
    ui_host_look_free(job->look);
    g_clear_error(&job->error);
    g_free(job);
}

static gboolean
answer(gpointer data)
{
    Job *job = data;

    job->done(job->data, g_steal_pointer(&job->look), job->error);
    return G_SOURCE_REMOVE;
}

/* ---- which machine has what ---- */

static void
add_plug(GPtrArray *plugs, const char *machine, const char *section,
         const char *device, bool running)
{
    char bdf[HOST_BDF_SIZE];
    bool pci = g_str_has_prefix(section, "pci");

    if (device == NULL || *device == '\0' ||
        (pci ? !pci_address_parse(device, bdf) : !usb_list_is_spec(device)))
        return;
    g_ptr_array_add(plugs,
                    ui_plug_new(machine, section, pci ? bdf : device, running));
}

static void
plugs_of_profile(GPtrArray *plugs, const char *name)
{
    static const char *const kinds[] = {"pci", "usb"};
    g_autoptr(Profile) profile = machine_profile(name, NULL);

    for (unsigned i = 0; profile != NULL && i < 2 * MAX_PLUG; i++) {
        g_autofree char *section =
            g_strdup_printf("%s%u", kinds[i / MAX_PLUG], i % MAX_PLUG);
        g_autofree char *key = g_strconcat(section, ".host", NULL);
        if (schema_find_full(key) != NULL)
            add_plug(plugs, name, section, profile_get_string(profile, key),
                     false);
    }
}

/* What a running machine has now takes the place of what its file says. */
static void
plugs_of_running(GPtrArray *plugs, const char *name)
{
    g_autoptr(ControlClient) client = control_client_open(name, NULL);
    g_autoptr(JsonNode) answer =
        client != NULL ? control_client_call(client, control_request("cards"),
                                             CARDS_MS, NULL, NULL)
                       : NULL;
    const JsonNode *cards = answer != NULL ? json_get(answer, "cards") : NULL;

    for (guint i = plugs->len; cards != NULL && i-- > 0;) {
        const UiPlug *plug = g_ptr_array_index(plugs, i);
        if (strcmp(plug->machine, name) == 0)
            g_ptr_array_remove_index(plugs, i);
    }
    for (unsigned i = 0; cards != NULL && i < json_length(cards); i++) {
        const JsonNode *card = json_at(cards, i);
        const char *section = json_get_string(card, "section", "");
        if (g_str_has_prefix(section, "pci") ||
            g_str_has_prefix(section, "usb"))
            add_plug(plugs, name, section,
                     json_get_string(card, "device", NULL), true);
    }
}

static gpointer
look(gpointer data)
{
    Job *job = data;
    const CheckWants wants = {.memory = job->memory, .machine = job->machine};
    HostRoot *root = host_root_open(g_getenv("CARREL_HOST_ROOT"), &job->error);

    if (root != NULL) {
        bool live = host_root_is_live(root);
        job->look = g_new0(UiHostLook, 1);
        job->look->root = root;
        job->look->pci = host_pci_read(root, NULL); /* none: pci is NULL */
        job->look->checks =
            checks_run(root, job->look->pci, live ? &wants : NULL);
        HostHand hand = transaction_hand(root);
        if (job->look->pci != NULL)
            job->look->vfs = sriov_read(&hand, job->look->pci);
        job->look->usb = live ? usb_list("") : NULL;
        for (gsize i = 0; job->names[i] != NULL; i++)
            if (session_is_running(job->names[i], NULL))
                plugs_of_running(job->plugs, job->names[i]);
        job->look->plugs = g_steal_pointer(&job->plugs);
        job->look->hand = hand.ops;
        job->look->can_change = live;
        job->look->user = live ? elevate_user() : -1;
    }
    g_idle_add_full(G_PRIORITY_DEFAULT, answer, job, job_free);
    return NULL;
}

void
tui_host_look(const char *machine, guint64 memory, UiLooked done, void *data)
{
    Job *job = g_new0(Job, 1);

    job->machine = g_strdup(machine);
    job->names = machine_names();
    job->plugs = g_ptr_array_new_with_free_func((GDestroyNotify) ui_plug_free);
    for (gsize i = 0; job->names[i] != NULL; i++)
        plugs_of_profile(job->plugs, job->names[i]);
    job->memory = memory;
    job->done = done;
    job->data = data;
    g_thread_unref(g_thread_new("look", look, job));
}
