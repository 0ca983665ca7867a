/* passthrough-wizard/usb-list.c - see usb-list.h. */
#include "passthrough-wizard/usb-list.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HUB_CLASS 9u

static void
listed_free(gpointer data)
{
    UsbListed *u = data;

    g_free(u->port);
    g_free(u->node);
    g_free(u->name);
    g_free(u->speed);
    g_free(u->drivers);
    g_free(u->use);
    g_free(u);
}

/* A file's text without the end of line; "" when it is not there. Only what can
 * be shown: a device says what it likes. */
static char *
read_text(const char *folder, const char *file)
{
    g_autofree char *path = g_build_filename(folder, file, NULL);
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return g_strdup("");
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_free(text);
    for (char *c = valid; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c))
            *c = ' ';
    return g_strdup(g_strstrip(valid));
}

static guint
read_number(const char *folder, const char *file, guint base)
{
    g_autofree char *text = read_text(folder, file);

    return (guint) g_ascii_strtoull(text, NULL, base);
}

static char *
find_name(const char *folder, const UsbListed *u)
{
    g_autofree char *maker = read_text(folder, "manufacturer");
    g_autofree char *product = read_text(folder, "product");

    if (*product == '\0')
        return g_strdup_printf("device %04x:%04x", u->vendor, u->product);
    if (*maker == '\0' || g_str_has_prefix(product, maker))
        return g_strdup(product);
    return g_strdup_printf("%s %s", maker, product);
}

/* Interfaces are folders "1-2:1.0" inside. */
static char *
find_drivers(const char *folder, const char *port)
{
    GString *text = g_string_new(NULL);
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        gsize len = strlen(port);
        if (strncmp(name, port, len) != 0 || name[len] != ':')
            continue;
        g_autofree char *link = g_build_filename(folder, name, "driver", NULL);
        g_autofree char *target = g_file_read_link(link, NULL);
        g_autofree char *driver =
            target != NULL ? g_path_get_basename(target) : NULL;
        if (driver != NULL && strstr(text->str, driver) == NULL)
            g_string_append_printf(text, "%s%s", text->len > 0 ? "," : "",
                                   driver);
    }
    if (dir != NULL)
        g_dir_close(dir);
    return g_string_free(text, FALSE);
}

/* ---- what this host uses of it ---- */

/* The block device's folder if it hangs below the other one, else NULL. */
static char *
find_below(const char *root, const char *device, const char *folder)
{
    g_autofree char *link =
        g_strdup_printf("%s/sys/dev/block/%s", root, device);
    g_autofree char *at = realpath(link, NULL);
    g_autofree char *real = realpath(folder, NULL);

    return at != NULL && real != NULL && g_str_has_prefix(at, real) &&
                   at[strlen(real)] == '/'
               ? g_strdup(at)
               : NULL;
}

/* Disks and partitions below the folder: "8:17" to where sysfs has it. */
static GHashTable *
find_blocks(const char *root, const char *folder)
{
    GHashTable *blocks =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *base = g_strconcat(root, "/sys/dev/block", NULL);
    GDir *dir = g_dir_open(base, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        char *at = find_below(root, name, folder);
        if (at != NULL)
            g_hash_table_insert(blocks, g_strdup(name), at);
    }
    if (dir != NULL)
        g_dir_close(dir);
    return blocks;
}

/* Whether one of them is what /dev calls so, or what a link there leads to. */
static bool
has_node(GHashTable *blocks, const char *root, const char *node)
{
    g_autofree char *path = g_strconcat(root, node, NULL);
    g_autofree char *real = realpath(path, NULL);
    g_autofree char *name = g_path_get_basename(real != NULL ? real : node);
    GHashTableIter i;
    gpointer at;

    if (!g_str_has_prefix(node, "/dev/"))
        return false;
    g_hash_table_iter_init(&i, blocks);
    while (g_hash_table_iter_next(&i, NULL, &at)) {
        g_autofree char *own = g_path_get_basename(at);
        if (strcmp(own, name) == 0)
            return true;
    }
    return false;
}

static char **
read_lines(const char *root, const char *file)
{
    g_autofree char *path = g_strconcat(root, file, NULL);
    g_autofree char *text = NULL;

    (void) g_file_get_contents(path, &text, NULL, NULL); /* then it has none */
    return g_strsplit(text != NULL ? text : "", "\n", -1);
}

/* By number, or by source: btrfs has numbers of its own. */
static char *
find_mount(GHashTable *blocks, const char *root)
{
    g_auto(GStrv) lines = read_lines(root, "/proc/self/mountinfo");

    for (unsigned i = 0; lines[i] != NULL; i++) {
        /* id parent major:minor root where options [tags] - type source ... */
        const char *dash = strstr(lines[i], " - ");
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 6);
        g_auto(GStrv) tail = g_strsplit(dash != NULL ? dash + 3 : "", " ", 3);
        if (g_strv_length(words) < 6)
            continue;
        if (g_hash_table_contains(blocks, words[2]) ||
            (g_strv_length(tail) >= 2 && has_node(blocks, root, tail[1])))
            return g_strdup_printf("has it mounted at %s: unmount that",
                                   words[4]);
    }
    return NULL;
}

static char *
find_swap(GHashTable *blocks, const char *root)
{
    g_auto(GStrv) lines = read_lines(root, "/proc/swaps");

    for (unsigned i = 0; lines[i] != NULL; i++) {
        g_autofree char *node = g_strndup(lines[i], strcspn(lines[i], " \t"));
        if (has_node(blocks, root, node))
            return g_strdup_printf("swaps to %s: switch that off (swapoff)",
                                   node);
    }
    return NULL;
}

/* What lies on top: LUKS, LVM and md, mounted or not. */
static char *
find_holder(GHashTable *blocks)
{
    GHashTableIter i;
    gpointer at;

    g_hash_table_iter_init(&i, blocks);
    while (g_hash_table_iter_next(&i, NULL, &at)) {
        g_autofree char *path = g_build_filename(at, "holders", NULL);
        g_autofree char *own = g_path_get_basename(at);
        GDir *dir = g_dir_open(path, 0, NULL);
        g_autofree char *name =
            dir != NULL ? g_strdup(g_dir_read_name(dir)) : NULL;
        if (dir != NULL)
            g_dir_close(dir);
        if (name != NULL)
            return g_strdup_printf("has %s on its %s: close that (cryptsetup "
                                   "close, vgchange -an, mdadm --stop)",
                                   name, own);
    }
    return NULL;
}

/* A mounted btrfs of several disks names one of them as its source. */
static char *
find_btrfs(GHashTable *blocks, const char *root)
{
    g_autofree char *base = g_strconcat(root, "/sys/fs/btrfs", NULL);
    GDir *dir = g_dir_open(base, 0, NULL);
    const char *id;
    char *found = NULL;
    GHashTableIter i;
    gpointer at;

    while (dir != NULL && found == NULL && (id = g_dir_read_name(dir)) != NULL)
        for (g_hash_table_iter_init(&i, blocks);
             found == NULL && g_hash_table_iter_next(&i, NULL, &at);) {
            g_autofree char *own = g_path_get_basename(at);
            g_autofree char *path =
                g_build_filename(base, id, "devices", own, NULL);
            if (g_file_test(path, G_FILE_TEST_EXISTS))
                found = g_strdup_printf("has %s in the mounted btrfs %s: "
                                        "unmount that",
                                        own, id);
        }
    if (dir != NULL)
        g_dir_close(dir);
    return found;
}

static char *
find_use(const char *root, const char *folder)
{
    g_autoptr(GHashTable) blocks = find_blocks(root, folder);
    char *use = NULL;

    if (g_hash_table_size(blocks) == 0)
        return NULL;
    use = find_mount(blocks, root);
    if (use == NULL)
        use = find_swap(blocks, root);
    if (use == NULL)
        use = find_holder(blocks);
    return use != NULL ? use : find_btrfs(blocks, root);
}

static UsbListed *
read_device(const char *root, const char *base, const char *port)
{
    g_autofree char *folder = g_build_filename(base, port, NULL);
    UsbListed *u = g_new0(UsbListed, 1);

    u->port = g_strdup(port);
    u->vendor = (guint16) read_number(folder, "idVendor", 16);
    u->product = (guint16) read_number(folder, "idProduct", 16);
    u->bus = read_number(folder, "busnum", 10);
    u->address = read_number(folder, "devnum", 10);
    u->configuration = read_number(folder, "bConfigurationValue", 10);
    u->hub = read_number(folder, "bDeviceClass", 16) == HUB_CLASS;
    u->speed = read_text(folder, "speed");
    u->name = find_name(folder, u);
    u->drivers = find_drivers(folder, port);
    u->node =
        g_strdup_printf("%s/dev/bus/usb/%03u/%03u", root, u->bus, u->address);
    u->accessible = access(u->node, R_OK | W_OK) == 0;
    u->use = find_use(root, folder);
    return u;
}

static gint
by_port(gconstpointer a, gconstpointer b)
{
    const UsbListed *const *x = a, *const *y = b;

    return g_strcmp0((*x)->port, (*y)->port);
}

/* "1-2", not "usb1" nor "1-2:1.0". */
static bool
is_port(const char *name)
{
    return g_ascii_isdigit(name[0]) && strchr(name, '-') != NULL &&
           strspn(name, "0123456789-.") == strlen(name);
}

GPtrArray *
usb_list(const char *root)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(listed_free);
    g_autofree char *base = g_strconcat(root, "/sys/bus/usb/devices", NULL);
    GDir *dir = g_dir_open(base, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        if (is_port(name))
            g_ptr_array_add(list, read_device(root, base, name));
    if (dir != NULL)
        g_dir_close(dir);
    g_ptr_array_sort(list, by_port);
    return list;
}

static bool
parse_id(const char *spec, guint *ret_vendor, guint *ret_product)
{
    if (strlen(spec) != 9 || spec[4] != ':')
        return false;
    for (unsigned i = 0; i < 9; i++)
        if (i != 4 && !g_ascii_isxdigit(spec[i]))
            return false;
    *ret_vendor = (guint) g_ascii_strtoull(spec, NULL, 16);
    *ret_product = (guint) g_ascii_strtoull(spec + 5, NULL, 16);
    return true;
}

bool
usb_list_is_spec(const char *spec)
{
    guint vendor, product;

    return is_port(spec) || parse_id(spec, &vendor, &product);
}

const UsbListed *
usb_list_find(const GPtrArray *list, const char *spec)
{
    guint vendor = 0, product = 0;
    bool id = parse_id(spec, &vendor, &product);

    for (guint i = 0; i < list->len; i++) {
        const UsbListed *u = g_ptr_array_index(list, i);
        if (id ? u->vendor == vendor && u->product == product
               : strcmp(u->port, spec) == 0)
            return u;
    }
    return NULL;
}

bool
usb_list_is_same(const GPtrArray *list, const char *a, const char *b)
{
    const UsbListed *u = usb_list_find(list, a);

    return g_ascii_strcasecmp(a, b) == 0 ||
           (u != NULL && u == usb_list_find(list, b));
}

char *
usb_list_obstacle(const UsbListed *u)
{
    if (u->hub)
        return g_strdup("it is a hub: name what is plugged into it");
    if (u->use != NULL)
        return g_strdup_printf("this host %s", u->use);
    if (!u->accessible)
        return g_strdup_printf("this user may not open %s; `carrel usb setup "
                               "%04x:%04x` lets it",
                               u->node, u->vendor, u->product);
    return NULL;
}
