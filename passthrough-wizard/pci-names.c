/* passthrough-wizard/pci-names.c - names of functions for people: from the udev
 * hardware database on the host itself (libudev, loaded when it is wanted),
 * else from pci.ids. A recording carries the few lines of pci.ids that it
 * needs, so that it reads the same everywhere. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "passthrough-wizard/host-pci-internal.h"

/* ---- classes ------------------------------------------------------------- */

static const struct {
    guint32 mask, value;
    const char *name;
} classes[] = {
    /* clang-format off */
    { 0xffff00, 0x010100, "IDE" },
    { 0xffff00, 0x010400, "RAID" },
    { 0xffff00, 0x010600, "SATA" },
    { 0xffff00, 0x010700, "SAS" },
    { 0xffff00, 0x010800, "NVMe" },
    { 0xff0000, 0x010000, "Storage" },
    { 0xffff00, 0x020000, "Ethernet" },
    { 0xffff00, 0x020700, "InfiniBand" },
    { 0xffff00, 0x028000, "Network" },
    { 0xff0000, 0x020000, "Network" },
    { 0xffff00, 0x030000, "VGA" },
    { 0xffff00, 0x030200, "3D" },
    { 0xff0000, 0x030000, "Display" },
    { 0xffff00, 0x040100, "Audio" },
    { 0xffff00, 0x040300, "Audio" },
    { 0xff0000, 0x040000, "Media" },
    { 0xff0000, 0x050000, "Memory" },
    { 0xff0000, 0x060000, "Bridge" },
    { 0xff0000, 0x070000, "Serial" },
    { 0xff0000, 0x080000, "System" },
    { 0xff0000, 0x090000, "Input" },
    { 0xffff00, 0x0c0300, "USB" },
    { 0xffff00, 0x0c0500, "SMBus" },
    { 0xffff00, 0x0c8000, "USB-C" },
    { 0xff0000, 0x0c0000, "Bus" },
    { 0xff0000, 0x0d0000, "Wireless" },
    { 0xff0000, 0x100000, "Crypto" },
    { 0xff0000, 0x110000, "Signal" },
    { 0xff0000, 0x120000, "Accel" },
    /* clang-format on */
};

static const char *
class_of(guint32 code)
{
    for (gsize i = 0; i < G_N_ELEMENTS(classes); i++)
        if ((code & classes[i].mask) == classes[i].value)
            return classes[i].name;
    return "Other";
}

/* ---- libudev, late ------------------------------------------------------- */

/* Opaque to us; declared here so that its header is no build dependency. */
typedef struct {
    void *library, *udev, *hwdb;
    void *(*udev_new)(void);
    void *(*udev_unref)(void *udev);
    void *(*hwdb_new)(void *udev);
    void *(*hwdb_unref)(void *hwdb);
    void *(*hwdb_get)(void *hwdb, const char *modalias, unsigned flags);
    void *(*entry_next)(void *entry);
    const char *(*entry_name)(void *entry);
    const char *(*entry_value)(void *entry);
} Udev;

static bool
udev_open(Udev *u)
{
    const struct {
        const char *name;
        void **function;
    } rows[] = {
        {"udev_new", (void **) &u->udev_new},
        {"udev_unref", (void **) &u->udev_unref},
        {"udev_hwdb_new", (void **) &u->hwdb_new},
        {"udev_hwdb_unref", (void **) &u->hwdb_unref},
        {"udev_hwdb_get_properties_list_entry", (void **) &u->hwdb_get},
        {"udev_list_entry_get_next", (void **) &u->entry_next},
        {"udev_list_entry_get_name", (void **) &u->entry_name},
        {"udev_list_entry_get_value", (void **) &u->entry_value},
    };

    u->library = dlopen("libudev.so.1", RTLD_NOW | RTLD_LOCAL);
    if (u->library == NULL)
        return false;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        *rows[i].function = dlsym(u->library, rows[i].name);
        if (*rows[i].function == NULL)
            return false;
    }
    u->udev = u->udev_new();
    u->hwdb = u->udev != NULL ? u->hwdb_new(u->udev) : NULL;
    return u->hwdb != NULL;
}

static void
udev_close(Udev *u)
{
    if (u->hwdb != NULL)
        u->hwdb_unref(u->hwdb);
    if (u->udev != NULL)
        u->udev_unref(u->udev);
    /* The library stays: it may have handlers of its own at exit. */
}

static void
take_text(char **name, const char *value)
{
    if (*name == NULL && value != NULL && *value != '\0')
        *name = g_utf8_make_valid(value, -1);
}

static void
ask_udev(const Udev *u, HostPciFn *fn)
{
    if (fn->modalias == NULL)
        return;
    void *entry = u->hwdb_get(u->hwdb, fn->modalias, 0);
    for (; entry != NULL; entry = u->entry_next(entry)) {
        const char *name = u->entry_name(entry);
        if (strcmp(name, "ID_VENDOR_FROM_DATABASE") == 0)
            take_text(&fn->vendor_name, u->entry_value(entry));
        else if (strcmp(name, "ID_MODEL_FROM_DATABASE") == 0)
            take_text(&fn->device_name, u->entry_value(entry));
    }
}

/* ---- pci.ids ------------------------------------------------------------- */

/* Four hexadecimal digits and two blanks at the start of a line. */
static bool
take_id(const char *line, guint16 *ret, const char **ret_name)
{
    guint16 id = 0;

    for (unsigned i = 0; i < 4; i++) {
        if (!g_ascii_isxdigit(line[i]))
            return false;
        id = (guint16) (id << 4 | g_ascii_xdigit_value(line[i]));
    }
    if (line[4] != ' ' || line[5] != ' ')
        return false;
    *ret = id;
    *ret_name = line + 6;
    return true;
}

static void
offer(HostPci *host, guint16 vendor, int device, const char *name, gsize len)
{
    for (guint i = 0; i < host->functions->len; i++) {
        HostPciFn *fn = g_ptr_array_index(host->functions, i);
        g_autofree char *text = g_strndup(name, len);
        if (fn->vendor != vendor)
            continue;
        if (device < 0)
            take_text(&fn->vendor_name, text);
        else if (fn->device == device)
            take_text(&fn->device_name, text);
    }
}

static bool
has_vendor(const HostPci *host, guint16 vendor)
{
    for (guint i = 0; i < host->functions->len; i++)
        if (((HostPciFn *) g_ptr_array_index(host->functions, i))->vendor ==
            vendor)
            return true;
    return false;
}

/* One pass: vendors at column 0, devices behind a tab, the rest behind two. */
static void
ask_ids(HostPci *host, const char *text)
{
    guint16 vendor = 0, id = 0;
    bool wanted = false;
    const char *name = NULL;

    for (const char *at = text; *at != '\0';) {
        const char *end = strchrnul(at, '\n');
        if (*at == 'C' && at[1] == ' ')
            return; /* classes follow */
        if (take_id(at, &id, &name)) {
            vendor = id;
            wanted = has_vendor(host, vendor);
            if (wanted)
                offer(host, vendor, -1, name, (gsize) (end - name));
        } else if (wanted && *at == '\t' && take_id(at + 1, &id, &name)) {
            offer(host, vendor, id, name, (gsize) (end - name));
        }
        at = *end != '\0' ? end + 1 : end;
    }
}

static void
fill_from_ids(const HostRoot *root, HostPci *host)
{
    static const char *const places[] = {"/usr/share/misc/pci.ids",
                                         "/usr/share/hwdata/pci.ids",
                                         "/usr/share/pci.ids"};

    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *text =
            host_root_read(root, places[i], HOST_ROOT_MAX_FILE, NULL, NULL);
        if (text == NULL)
            continue;
        ask_ids(host, text);
        return;
    }
}

void
pci_names_fill(const HostRoot *root, HostPci *host)
{
    Udev udev = {0};

    if (host_root_is_live(root) && udev_open(&udev))
        for (guint i = 0; i < host->functions->len; i++)
            ask_udev(&udev, g_ptr_array_index(host->functions, i));
    udev_close(&udev);
    fill_from_ids(root, host);
    for (guint i = 0; i < host->functions->len; i++) {
        HostPciFn *fn = g_ptr_array_index(host->functions, i);
        fn->class_name = g_strdup(class_of(fn->class_code));
        if (fn->vendor_name == NULL)
            fn->vendor_name = g_strdup_printf("vendor %04x", fn->vendor);
        if (fn->device_name == NULL)
            fn->device_name = g_strdup_printf("device %04x", fn->device);
    }
}
