/* app/verbs/usb.c - carrel usb list | attach | detach | setup:
 * USB devices of this computer in a running machine. DEVICE is a port (1-2) or
 * numbers (046d:c52b). */
#include <stdio.h>
#include <string.h>

#include "app/helper/elevate.h"
#include "app/helper/transaction.h"
#include "app/machines.h"
#include "app/user.h"
#include "app/verbs/run.h"
#include "app/verbs/running.h"
#include "devices/usb/usb-bus.h"
#include "passthrough-wizard/access.h"
#include "passthrough-wizard/usb-list.h"

#define CALL_MS 30000
#define LOOK_MS 1000

/* ---- list ---- */

typedef struct {
    char *name;
    JsonNode *cards; /* what "cards" answered */
} Owner;

static void
owner_free(gpointer data)
{
    Owner *o = data;

    g_free(o->name);
    json_free(o->cards);
    g_free(o);
}

/* Of Owner: the machines that run. */
static GPtrArray *
find_owners(void)
{
    GPtrArray *owners = g_ptr_array_new_with_free_func(owner_free);
    g_auto(GStrv) names = machine_names();

    for (gsize i = 0; names[i] != NULL; i++) {
        g_autoptr(MachineInfo) info = machine_info_offline(names[i]);
        g_autoptr(ControlClient) client =
            info != NULL && info->pid != 0
                ? control_client_open_async(names[i], NULL)
                : NULL;
        JsonNode *cards =
            client != NULL
                ? control_client_call(client, control_request("cards"), LOOK_MS,
                                      NULL, NULL)
                : NULL;
        if (cards == NULL)
            continue; /* it has just gone, or does not answer */
        Owner *o = g_new0(Owner, 1);
        o->name = g_strdup(names[i]);
        o->cards = cards;
        g_ptr_array_add(owners, o);
    }
    return owners;
}

/* The section that has the device; NULL: none. */
static const char *
section_with(const JsonNode *cards, const GPtrArray *all, const char *device)
{
    for (unsigned i = 0; i < json_length(cards); i++) {
        const JsonNode *card = json_at(cards, i);
        const char *has = json_get_string(card, "device", "");
        if (*has != '\0' && usb_list_is_same(all, has, device))
            return json_get_string(card, "section", "");
    }
    return NULL;
}

/* The machine that has it; NULL: none. */
static const char *
owner_of(const GPtrArray *owners, const GPtrArray *all, const UsbListed *u)
{
    for (guint i = 0; i < owners->len; i++) {
        const Owner *o = g_ptr_array_index(owners, i);
        if (section_with(json_get(o->cards, "cards"), all, u->port) != NULL)
            return o->name;
    }
    return NULL;
}

static void
print_plain(const UsbListed *u, const char *owner)
{
    g_autofree char *name = app_clean(u->name);
    g_autofree char *obstacle = usb_list_obstacle(u);

    printf("%-8s %04x:%04x  %s (%s Mbit/s, driver: %s)\n", u->port, u->vendor,
           u->product, name, u->speed,
           *u->drivers != '\0' ? u->drivers : "none");
    if (owner != NULL)
        printf("         machine '%s' has it\n", owner);
    else if (obstacle != NULL)
        printf("         no machine can have it: %s\n", obstacle);
}

static void
put_json(JsonWriter *w, const UsbListed *u, const char *owner)
{
    g_autofree char *id = g_strdup_printf("%04x:%04x", u->vendor, u->product);
    g_autofree char *obstacle = usb_list_obstacle(u);

    json_begin_object(w, NULL);
    json_put_string(w, "port", u->port);
    json_put_string(w, "id", id);
    json_put_string(w, "name", u->name);
    json_put_string(w, "speed", u->speed);
    json_put_string(w, "drivers", u->drivers);
    json_put_string(w, "node", u->node);
    json_put_bool(w, "accessible", u->accessible);
    json_put_optional(w, "obstacle", obstacle);
    json_put_optional(w, "machine", owner);
    json_end(w);
}

static int
list(const App *app)
{
    g_autoptr(GPtrArray) all = usb_list("");
    g_autoptr(GPtrArray) owners = find_owners();

    if (!app->json) {
        for (guint i = 0; i < all->len; i++) {
            const UsbListed *u = g_ptr_array_index(all, i);
            print_plain(u, owner_of(owners, all, u));
        }
        if (all->len == 0)
            app_say(app, "this computer has no USB devices");
        return EXIT_OK;
    }
    JsonWriter *w = json_writer_new();
    json_begin_array(w, NULL);
    for (guint i = 0; i < all->len; i++) {
        const UsbListed *u = g_ptr_array_index(all, i);
        put_json(w, u, owner_of(owners, all, u));
    }
    app_print_json(w);
    return EXIT_OK;
}

/* ---- attach, detach ---- */

/* The cards of the machine; NULL: *ret_code is how the verb ends. */
static JsonNode *
ask_cards(const App *app, const char *name, int *ret_code)
{
    GError *error = NULL;
    g_autoptr(ControlClient) client = running_open(app, name, ret_code);

    if (client == NULL)
        return NULL;
    JsonNode *answer = control_client_call(client, control_request("cards"),
                                           CALL_MS, NULL, &error);
    if (answer == NULL)
        *ret_code = running_fail(app, error);
    return answer;
}

static bool
has_section(const JsonNode *cards, const char *section)
{
    for (unsigned i = 0; i < json_length(cards); i++)
        if (strcmp(json_get_string(json_at(cards, i), "section", ""),
                   section) == 0)
            return true;
    return false;
}

/* A port that is free; "": none. */
static char *
free_section(const JsonNode *cards)
{
    for (unsigned i = 0; i < USB_PORTS; i++) {
        g_autofree char *section = g_strdup_printf("usb%u", i);
        if (!has_section(cards, section))
            return g_steal_pointer(&section);
    }
    return g_strdup("");
}

/* Which one has the device, or is called so; NULL: none. As it was attached
 * goes before what that means now: there may be two of a kind. */
static const char *
section_of(const JsonNode *cards, const char *device)
{
    for (unsigned i = 0; i < json_length(cards); i++) {
        const JsonNode *card = json_at(cards, i);
        const char *section = json_get_string(card, "section", "");
        if (strcmp(json_get_string(card, "device", ""), device) == 0 ||
            (g_str_has_prefix(section, "usb") && strcmp(section, device) == 0))
            return section;
    }
    g_autoptr(GPtrArray) all = usb_list("");
    return section_with(cards, all, device);
}

/* "usb0 (046d:c52b), usb1 (1-2)"; "none". */
static char *
name_attached(const JsonNode *cards)
{
    GString *names = g_string_new(NULL);

    for (unsigned i = 0; i < json_length(cards); i++) {
        const JsonNode *card = json_at(cards, i);
        const char *device = json_get_string(card, "device", "");
        if (*device != '\0')
            g_string_append_printf(
                names, "%s%s (%s)", names->len > 0 ? ", " : "",
                json_get_string(card, "section", ""), device);
    }
    if (names->len == 0)
        g_string_append(names, "none");
    return g_string_free(names, FALSE);
}

static int
attach(App *app, const char *name, const char *device, bool keep)
{
    int code = EXIT_OK;

    if (!usb_list_is_spec(device))
        return app_fail(app, EXIT_USAGE, "usage", "carrel usb list shows them",
                        NULL,
                        "'%s' is no USB device: give its port (1-2) or "
                        "its numbers (046d:c52b)",
                        device);
    g_autoptr(JsonNode) answer = ask_cards(app, name, &code);
    if (answer == NULL)
        return code;
    g_autofree char *section = free_section(json_get(answer, "cards"));
    if (*section == '\0')
        return app_fail(app, EXIT_STATE, "busy", "detach one first", NULL,
                        "%s: all %u USB ports are taken", name, USB_PORTS);
    g_autofree char *host = g_strconcat("host=", device, NULL);
    char *argv[] = {(char *) "attach",
                    (char *) name,
                    section,
                    (char *) "model=host",
                    host,
                    keep ? (char *) "--keep" : NULL,
                    NULL};
    return verb_attach(app, keep ? 6 : 5, argv);
}

static int
detach(App *app, const char *name, const char *device, bool keep)
{
    int code = EXIT_OK;
    g_autoptr(JsonNode) answer = ask_cards(app, name, &code);

    if (answer == NULL)
        return code;
    const JsonNode *cards = json_get(answer, "cards");
    const char *section = section_of(cards, device);
    g_autofree char *attached = name_attached(cards);
    if (section == NULL)
        return app_fail(app, EXIT_NOT_FOUND, "not-found", NULL, NULL,
                        "%s has no USB device '%s'; of this computer it has: "
                        "%s",
                        name, device, attached);
    char *argv[] = {(char *) "detach", (char *) name, (char *) section,
                    keep ? (char *) "--keep" : NULL, NULL};
    return verb_detach(app, keep ? 4 : 3, argv);
}

/* ---- setup ---- */

typedef struct {
    gboolean keep;
    char *root, *expect, *who;
    gint64 user;
} Options;

static void
options_clear(Options *o)
{
    g_free(o->root);
    g_free(o->expect);
    g_free(o->who);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* Ports are where something is now, and rules are about what it is. */
static char *
numbers_of(const char *device)
{
    g_autoptr(GPtrArray) all = usb_list("");

    for (guint i = 0; i < all->len; i++) {
        const UsbListed *u = g_ptr_array_index(all, i);
        if (strcmp(u->port, device) == 0)
            return g_strdup_printf("%04x:%04x", u->vendor, u->product);
    }
    return g_strdup(device); /* the plan says what is wrong with others */
}

static int
hand_over(const App *app, char **numbers, const Options *o, const Plan *plan)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_autofree char *sum = transaction_sum(plan);
    g_autofree char *expect = g_strconcat("--expect=", sum, NULL);
    g_autofree char *user =
        g_strdup_printf("--user=%" G_GINT64_FORMAT, o->user);

    g_ptr_array_add(words, (char *) "setup");
    for (gsize i = 0; numbers[i] != NULL; i++)
        g_ptr_array_add(words, numbers[i]);
    g_ptr_array_add(words, user);
    g_ptr_array_add(words, (char *) "--yes");
    g_ptr_array_add(words, expect);
    g_ptr_array_add(words, NULL);
    return elevate_run_verb(app, "usb", (const char *const *) words->pdata);
}

static int
setup(const App *app, char **devices, Options *o)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    g_autoptr(HostRoot) root = NULL;

    for (gsize i = 0; devices[i] != NULL; i++)
        g_ptr_array_add(list, numbers_of(devices[i]));
    g_ptr_array_add(list, NULL);
    g_auto(GStrv) numbers =
        (char **) g_ptr_array_free(g_steal_pointer(&list), FALSE);
    if (o->user < 0)
        o->user = elevate_user();
    elevate_arrive();
    root = host_root_open(o->root, &error);
    if (root == NULL)
        return app_fail_error(app, error);
    HostHand hand = transaction_hand(root);
    g_autoptr(Plan) plan =
        access_usb_plan(&hand, o->user, (const char *const *) numbers, &error);
    if (plan == NULL)
        return transaction_fail(app, error);
    if (!transaction_agree(app, &hand, plan, o->expect))
        return EXIT_STATE;
    return app->dry_run || transaction_may(root)
               ? transaction_apply(app, &hand, plan, NULL)
               : hand_over(app, numbers, o, plan);
}

/* ---- the verb ---- */

static int
usage(const App *app)
{
    return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                    "usb: list, attach NAME DEVICE, detach NAME DEVICE, or "
                    "setup [DEVICE...]");
}

int
verb_usb(App *app, int argc, char **argv)
{
    g_auto(Options) o = {.user = -1};
    const GOptionEntry entries[] = {
        {"keep", 'k', 0, G_OPTION_ARG_NONE, &o.keep,
         "attach, detach: also in machine.ini, for the next start", NULL},
        {"user", 0, 0, G_OPTION_ARG_STRING, &o.who, "setup: for whom",
         "NAME|UID"},
        {"root", 0, 0, G_OPTION_ARG_FILENAME, &o.root,
         "setup: the host in that directory", "DIR"},
        {"expect", 0, 0, G_OPTION_ARG_STRING, &o.expect,
         "setup: only if the plan has this sum", "SUM"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 1, -1, &args);

    if (code >= 0)
        return code;
    unsigned n = g_strv_length(args);
    bool in = strcmp(args[0], "attach") == 0;
    bool out = strcmp(args[0], "detach") == 0;
    bool set_up = strcmp(args[0], "setup") == 0;
    if (n == 1 && strcmp(args[0], "list") == 0)
        return list(app);
    if (!set_up && (n != 3 || (!in && !out)))
        return usage(app);
    if (app->read_only)
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "usb %s changes %s", args[0],
                        set_up ? "this host" : "the machine");
    if (set_up) {
        code = user_option(app, o.who, &o.user);
        return code >= 0 ? code : setup(app, args + 1, &o);
    }
    code = running_require(app, args[1]);
    if (code >= 0)
        return code;
    return in ? attach(app, args[1], args[2], o.keep)
              : detach(app, args[1], args[2], o.keep);
}
