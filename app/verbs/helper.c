/* app/verbs/helper.c - carrel helper: the few changes of the host that need
 * root. A closed list; each shows exactly what it will do, is written to a
 * journal first, and can be undone. */
#include <stdio.h>
#include <string.h>

#include "app/helper/host-net.h"
#include "app/helper/transaction.h"
#include "app/user.h"
#include "app/verbs/run.h"
#include "vmm/core/sysutil.h"

typedef struct {
    const char *action, *undo;
    bool bridge, lower; /* options that it needs */
    /* One line: what will be done, in the words of ip(8). */
    char *(*describe)(const JournalRecord *r);
    int (*apply)(const JournalRecord *r); /* -errno */
} ActionRow;

static char *
describe_tap(const JournalRecord *r)
{
    return g_strdup_printf("ip tuntap add dev %s mode tap user %d vnet_hdr%s\n"
                           "ip link set dev %s master %s up",
                           r->name, (int) r->user,
                           r->queues > 1 ? " multi_queue" : "", r->name,
                           r->bridge);
}

static int
make_tap(const JournalRecord *r)
{
    return host_net_make_tap(r->name, r->bridge, (uid_t) r->user,
                             (unsigned) r->queues);
}

static char *
describe_macvtap(const JournalRecord *r)
{
    return g_strdup_printf(
        "ip link add link %s name %s address %s type macvtap mode bridge\n"
        "ip link set dev %s up\n"
        "chown %d /dev/tapN of %s",
        r->lower, r->name, r->mac, r->name, (int) r->user, r->name);
}

static int
make_macvtap(const JournalRecord *r)
{
    guint8 mac[6];

    for (unsigned i = 0; i < 6; i++)
        mac[i] = (guint8) (g_ascii_xdigit_value(r->mac[3 * i]) << 4 |
                           g_ascii_xdigit_value(r->mac[3 * i + 1]));
    return host_net_make_macvtap(r->name, r->lower, (uid_t) r->user, mac);
}

static char *
describe_delete(const JournalRecord *r)
{
    return g_strdup_printf("ip link delete dev %s", r->name);
}

static int
delete_tap(const JournalRecord *r)
{
    return host_net_delete(r->name, "tun");
}

static int
delete_macvtap(const JournalRecord *r)
{
    return host_net_delete(r->name, "macvtap");
}

/* clang-format off */
static const ActionRow actions[] = {
    { "tap-create",     "tap-delete",     true,  false, describe_tap,     make_tap },
    { "tap-delete",     "tap-create",     false, false, describe_delete,  delete_tap },
    { "macvtap-create", "macvtap-delete", false, true,  describe_macvtap, make_macvtap },
    { "macvtap-delete", "macvtap-create", false, false, describe_delete,  delete_macvtap },
};
/* clang-format on */

static const ActionRow *
find_action(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(actions); i++)
        if (strcmp(actions[i].action, name) == 0)
            return &actions[i];
    return NULL;
}

static bool
is_ifname(const char *text)
{
    gsize len = strlen(text);

    return len > 0 && len < 16 && text[0] != '.' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789._-") == len;
}

static bool
is_mac(const char *text)
{
    if (strlen(text) != 17)
        return false;
    for (unsigned i = 0; i < 17; i++)
        if (i % 3 == 2 ? text[i] != ':' : !g_ascii_isxdigit(text[i]))
            return false;
    return !(g_ascii_xdigit_value(text[1]) & 1);
}

static const char *
what_is_wrong(const ActionRow *row, const JournalRecord *r)
{
    if (!host_net_is_ours(r->name))
        return "the name must be one that `carrel start` asked for, such as "
               "cr0a1b2c3d-0";
    if (row->bridge && !is_ifname(r->bridge))
        return "--bridge=BRIDGE is missing, such as br0";
    if (row->lower && !is_ifname(r->lower))
        return "--on=INTERFACE is missing, such as eth0";
    if (row->lower && !is_mac(r->mac))
        return "--mac=52:54:00:12:34:56 is missing";
    if ((row->bridge || row->lower) && r->user < 0)
        return "--user=NAME is missing, who may open it";
    if (r->queues < 1 || r->queues > NET_MAX_QUEUES)
        return "--queues is 1 to 8";
    return NULL;
}

static const char *
why(int err)
{
    switch (err) {
    case -EEXIST: return "there is one of that name already";
    case -ENODEV:
    case -ENOENT: return "there is no such interface";
    case -ENOTTY: return "that interface is no bridge";
    case -EPERM: return "not permitted, or not an interface of Carrel's";
    default: return g_strerror(-err);
    }
}

static int
perform(const App *app, const ActionRow *row, JournalRecord *r)
{
    g_autoptr(GError) error = NULL;
    const char *wrong = what_is_wrong(row, r);

    if (wrong != NULL)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL, "helper %s: %s",
                        row->action, wrong);
    g_autofree char *text = row->describe(r);
    app_say(app, "%s", text);
    if (app->dry_run)
        return EXIT_OK;
    if (!host_net_may_change())
        return app_fail(app, EXIT_PRIVILEGE, "permission",
                        "run it with sudo; --dry-run shows what it would do",
                        NULL, "helper %s changes this host's network",
                        row->action);
    CARREL_AUTO_FD int lock = journal_lock(&error); /* ids are given once */
    if (lock < 0 || !journal_begin(r, &error))
        return app_fail_error(app, error);
    int err = row->apply(r);
    if (!journal_end(r, err == 0 ? "done" : "failed", &error))
        app_warn(app, "%s", error->message);
    if (err < 0)
        return app_fail(app, err == -EPERM ? EXIT_PRIVILEGE : EXIT_FAILED,
                        "failed", NULL, NULL, "helper %s %s: %s", row->action,
                        r->name, why(err));
    app_say(app,
            "done; `carrel helper undo %" G_GUINT64_FORMAT "` takes it "
            "back",
            r->id);
    return EXIT_OK;
}

/* ---- list and undo ---- */

static int
list(const App *app)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) records = journal_read(&error);
    JsonWriter *w = NULL;

    if (records == NULL)
        return app_fail_error(app, error);
    if (app->json) {
        w = json_writer_new();
        json_begin_array(w, NULL);
    }
    for (guint i = 0; i < records->len; i++) {
        const JournalRecord *r = g_ptr_array_index(records, i);
        if (w == NULL) {
            printf("%" G_GUINT64_FORMAT " %s %s: %s%s\n", r->id, r->action,
                   r->name, r->state, r->undone_by != 0 ? ", undone" : "");
            continue;
        }
        json_begin_object(w, NULL);
        json_put_u64(w, "id", r->id);
        json_put_int(w, "time", r->time);
        json_put_string(w, "action", r->action);
        json_put_string(w, "name", r->name);
        json_put_string(w, "state", r->state);
        json_put_bool(w, "undone", r->undone_by != 0);
        json_end(w);
    }
    if (w != NULL)
        app_print_json(w);
    return EXIT_OK;
}

/* The newest record that made what this one deleted: its options. */
static const JournalRecord *
find_maker(GPtrArray *records, const JournalRecord *r, const char *action)
{
    for (guint i = records->len; i > 0; i--) {
        const JournalRecord *other = g_ptr_array_index(records, i - 1);
        if (other->id < r->id && strcmp(other->action, action) == 0 &&
            strcmp(other->name, r->name) == 0)
            return other;
    }
    return NULL;
}

static int
undo(const App *app, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) records = journal_read(&error);
    guint64 id = 0;
    const JournalRecord *r = NULL;

    if (records == NULL)
        return app_fail_error(app, error);
    (void) g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT64, &id, NULL);
    for (guint i = 0; i < records->len; i++)
        if (((JournalRecord *) g_ptr_array_index(records, i))->id == id)
            r = g_ptr_array_index(records, i);
    if (r != NULL && r->plan != NULL) {
        g_autoptr(HostRoot) root = host_root_open(NULL, NULL);
        HostHand hand = transaction_hand(root);
        return transaction_undo(app, &hand, id);
    }
    const ActionRow *done = r != NULL ? find_action(r->action) : NULL;
    const ActionRow *row = done != NULL ? find_action(done->undo) : NULL;
    if (row == NULL)
        return app_fail(app, EXIT_NOT_FOUND, "not-found", NULL,
                        "carrel helper list", "there is no change '%s'", text);
    if (r->undone_by != 0 || strcmp(r->state, "failed") == 0)
        return app_fail(
            app, EXIT_STATE, "wrong-state", NULL, NULL, "change %s %s", text,
            r->undone_by != 0 ? "is undone already" : "had no effect");
    bool makes = row->bridge || row->lower;
    const JournalRecord *from = makes ? find_maker(records, r, row->action) : r;
    if (from == NULL)
        return app_fail(app, EXIT_STATE, "wrong-state", NULL, NULL,
                        "the journal does not say how '%s' was made", r->name);
    JournalRecord next = {.action = (char *) row->action,
                          .name = r->name,
                          .bridge = from->bridge,
                          .lower = from->lower,
                          .mac = from->mac,
                          .user = from->user,
                          .queues = from->queues,
                          .undoes = (gint64) id};
    return perform(app, row, &next);
}

int
verb_helper(App *app, int argc, char **argv)
{
    g_autofree char *bridge = NULL, *lower = NULL, *mac = NULL, *who = NULL;
    gint64 user = -1;
    int queues = 1;
    const GOptionEntry entries[] = {{"bridge", 0, 0, G_OPTION_ARG_STRING,
                                     &bridge, "tap-create: the bridge", "br0"},
                                    {"on", 0, 0, G_OPTION_ARG_STRING, &lower,
                                     "macvtap-create: the host's card", "eth0"},
                                    {"mac", 0, 0, G_OPTION_ARG_STRING, &mac,
                                     "macvtap-create: the guest's address",
                                     "MAC"},
                                    {"user", 0, 0, G_OPTION_ARG_STRING, &who,
                                     "Who may open it", "NAME|UID"},
                                    {"queues", 0, 0, G_OPTION_ARG_INT, &queues,
                                     "tap-create: queue pairs", "N"},
                                    {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 1, 2, &args);

    if (code >= 0)
        return code;
    if (strcmp(args[0], "list") == 0 && args[1] == NULL)
        return list(app);
    if (strcmp(args[0], "undo") == 0 && args[1] != NULL)
        return undo(app, args[1]);
    const ActionRow *row = find_action(args[0]);
    if (row == NULL || args[1] == NULL)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "helper: tap-create, tap-delete, macvtap-create or "
                        "macvtap-delete with NAME, list, or undo ID");
    code = user_option(app, who, &user);
    if (code >= 0)
        return code;
    JournalRecord r = {.action = args[0],
                       .name = args[1],
                       .bridge = bridge != NULL ? bridge : (char *) "",
                       .lower = lower != NULL ? lower : (char *) "",
                       .mac = mac != NULL ? mac : (char *) "",
                       .user = user,
                       .queues = queues};
    return perform(app, row, &r);
}
