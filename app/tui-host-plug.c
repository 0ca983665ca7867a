/* app/tui-host-plug.c - cards into and out of a running machine for the terminal
 * interface: `carrel attach` and `carrel detach`, on threads of their own. */
#include <string.h>

#include "app/assemble.h"
#include "app/session/session-error.h"
#include "app/store.h"
#include "app/tui-host-internal.h"

#define CALL_MS   5000
#define MAX_CARDS 8 /* of one kind; the tables allow fewer */

/* What `carrel detach` of this page can name; also the kinds of UiHostOps. */
static const char *const kinds[] = {"disk", "cd", "net"};

/* ---- a verb ---- */

typedef struct {
    char **argv;
    UiDone done;
    void *data;
    GError *error;
} VerbJob;

static gboolean
verb_answer(gpointer data)
{
    VerbJob *job = data;

    job->done(job->data, job->error);
    g_clear_error(&job->error);
    g_strfreev(job->argv);
    g_free(job);
    return G_SOURCE_REMOVE;
}

static gpointer
run_verb(gpointer data)
{
    VerbJob *job = data;
    g_autofree char *said = NULL;
    int status = 0;

    if (g_spawn_sync(NULL, job->argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
                     NULL, NULL, &said, &status, &job->error) &&
        !g_spawn_check_wait_status(status, NULL)) {
        const char *text = g_strstrip(said);
        if (g_str_has_prefix(text, "carrel: "))
            text += strlen("carrel: ");
        g_set_error(&job->error, CARREL_SESSION_ERROR,
                    CARREL_SESSION_ERROR_STATE, "%s", text);
    }
    g_idle_add_full(G_PRIORITY_DEFAULT, verb_answer, job, NULL);
    return NULL;
}

void
tui_host_verb(const char *const *words, UiDone done, void *data)
{
    VerbJob *job = g_new0(VerbJob, 1);
    GPtrArray *argv = g_ptr_array_new();

    g_ptr_array_add(argv, g_strdup("/proc/self/exe"));
    for (unsigned i = 0; words[i] != NULL; i++)
        g_ptr_array_add(argv, g_strdup(words[i]));
    g_ptr_array_add(argv, NULL);
    job->argv = (char **) g_ptr_array_free(argv, FALSE);
    job->done = done;
    job->data = data;
    g_thread_unref(g_thread_new("verb", run_verb, job));
}

/* ---- what is there ---- */

typedef struct {
    char *name;
    UiCards done;
    void *data;
    char **sections; /* NULL: error */
    GError *error;
} CardsJob;

static bool
is_of_a_kind(const char *section)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_str_has_prefix(section, kinds[i]) &&
            g_ascii_isdigit(section[strlen(kinds[i])]))
            return true;
    return false;
}

static gboolean
cards_answer(gpointer data)
{
    CardsJob *job = data;

    job->done(job->data, (const char *const *) job->sections, job->error);
    g_clear_error(&job->error);
    g_strfreev(job->sections);
    g_free(job->name);
    g_free(job);
    return G_SOURCE_REMOVE;
}

static gpointer
ask_cards(gpointer data)
{
    CardsJob *job = data;
    g_autoptr(ControlClient) client =
        control_client_open(job->name, &job->error);
    g_autoptr(JsonNode) answer =
        client != NULL ? control_client_call(client, control_request("cards"),
                                             CALL_MS, NULL, &job->error)
                       : NULL;

    if (answer != NULL) {
        const JsonNode *cards = json_get(answer, "cards");
        GPtrArray *out = g_ptr_array_new();
        for (unsigned i = 0; i < json_length(cards); i++) {
            const char *section =
                json_get_string(json_at(cards, i), "section", "");
            if (is_of_a_kind(section))
                g_ptr_array_add(out, g_strdup(section));
        }
        g_ptr_array_add(out, NULL);
        job->sections = (char **) g_ptr_array_free(out, FALSE);
    }
    g_idle_add_full(G_PRIORITY_DEFAULT, cards_answer, job, NULL);
    return NULL;
}

void
tui_host_cards(void *host, const char *name, UiCards done, void *data)
{
    CardsJob *job = g_new0(CardsJob, 1);

    job->name = g_strdup(name);
    job->done = done;
    job->data = data;
    g_thread_unref(g_thread_new("cards", ask_cards, job));
}

/* ---- in and out ---- */

typedef struct {
    char *name, *kind;
    char **settings;
    bool keep;
    UiDone done;
    void *data;
} PlugJob;

/* The first number that neither the machine nor its settings have; g_free,
 * NULL: none is left. */
static char *
free_section(const PlugJob *job, const char *const *sections)
{
    g_autoptr(Profile) saved = store_load(job->name, NULL);

    for (unsigned i = 0; i < MAX_CARDS; i++) {
        g_autofree char *section = g_strdup_printf("%s%u", job->kind, i);
        if (!g_strv_contains(sections, section) &&
            (saved == NULL || !profile_has_section(saved, section)) &&
            machine_plug_models(section) != NULL)
            return g_steal_pointer(&section);
    }
    return NULL;
}

static void
plug_into(PlugJob *job, const char *section)
{
    GPtrArray *words = g_ptr_array_new();

    g_ptr_array_add(words, (char *) "attach");
    g_ptr_array_add(words, (char *) job->name);
    g_ptr_array_add(words, (char *) section);
    for (unsigned i = 0; job->settings[i] != NULL; i++)
        g_ptr_array_add(words, job->settings[i]);
    if (job->keep)
        g_ptr_array_add(words, (char *) "--keep");
    g_ptr_array_add(words, NULL);
    tui_host_verb((const char *const *) words->pdata, job->done, job->data);
    g_ptr_array_unref(words);
}

static void
on_cards(void *data, const char *const *sections, const GError *error)
{
    PlugJob *job = data;
    g_autofree char *section =
        sections != NULL ? free_section(job, sections) : NULL;
    g_autoptr(GError) full = NULL;

    if (section != NULL) {
        plug_into(job, section);
    } else {
        if (error == NULL)
            full = g_error_new(CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                               "%s has no place for another %s; take one out "
                               "first",
                               job->name, job->kind);
        job->done(job->data, error != NULL ? error : full);
    }
    g_strfreev(job->settings);
    g_free(job->name);
    g_free(job->kind);
    g_free(job);
}

const char *
tui_host_plug_models(void *host, const char *kind)
{
    g_autofree char *first = g_strconcat(kind, "0", NULL);
    const char *models = machine_plug_models(first);

    return models != NULL ? models : "";
}

void
tui_host_plug(void *host, const char *name, const char *kind,
              const char *const *settings, bool keep, UiDone done, void *data)
{
    PlugJob *job = g_new0(PlugJob, 1);

    *job =
        (PlugJob){g_strdup(name), g_strdup(kind), g_strdupv((char **) settings),
                  keep,           done,           data};
    tui_host_cards(host, name, on_cards, job);
}

void
tui_host_unplug(void *host, const char *name, const char *section, bool keep,
                UiDone done, void *data)
{
    tui_host_verb((const char *const[]){"detach", name, section,
                                        keep ? NULL : "--keep", NULL},
                  done, data);
}
