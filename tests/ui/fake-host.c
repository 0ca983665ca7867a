/* fake-host.c - see fake-host.h. The console's screen is a DOS session, with
 * the key codes it received on its last line but one. */
#include "tests/ui/fake-host.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "passthrough-wizard/checks.h"
#include "passthrough-wizard/sriov.h"
#include "passthrough-wizard/usb-list.h"

#define COLS 80
#define ROWS 25

typedef struct {
    FakeHostOptions options;
    GHashTable *states; /* name -> UiMachineState + 1, changed by actions */
    GHashTable *gone;
    GPtrArray *plugs; /* of UiPlug */
    GPtrArray *cards; /* of char *, in whatever runs */
    void (*changed)(void *data);
    void *data;
} FakeHost;

struct UiConsole {
    FakeHost *host;
    UiConsoleEvents events;
    void *data;
    guint8 *map;
    gsize len;
    GString *keys;
};

typedef struct {
    const char *name, *summary, *reason, *display, *notes;
    UiMachineState state;
    double cpu;
    guint64 memory_mib, disk_rate, net_rate;
    gint64 uptime_s;
    bool is_protected;
} FakeRow;

/* clang-format off */
static const FakeRow rows[] = {
    {"dev-debian", "Linux (BIOS)", "", "", "22->2222", UI_STATE_PAUSED,
     0, 2048, 0, 0, 61, false},
    {"dos622", "DOS", "", "", "A: boot", UI_STATE_OFF, 0, 16, 0, 0, 0, false},
    {"gaming", "Windows 11", "", "vnc unix", "", UI_STATE_RUNNING,
     61, 16384, 12582912, 3145728, 8040, false},
    {"haiku", "Haiku R1", "", "", "", UI_STATE_OFF, 0, 1024, 0, 0, 0, true},
    {"win11-work", "Windows 11", "vCPU 3: emulation failure at 0x1a3c",
     "", "see L", UI_STATE_CRASHED, 0, 8192, 0, 0, 0, false},
    {"win98", "Windows 98 SE", "", "vnc :5900", "sb16 ne2k", UI_STATE_RUNNING,
     4, 64, 0, 0, 59, false},
};
/* clang-format on */

static GPtrArray *fake_plugs(void);

void *
fake_host_new(const FakeHostOptions *options)
{
    FakeHost *host = g_new0(FakeHost, 1);

    host->options = *options;
    host->states = g_hash_table_new(g_str_hash, g_str_equal);
    host->gone = g_hash_table_new(g_str_hash, g_str_equal);
    host->plugs = fake_plugs();
    host->cards = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(host->cards, g_strdup("cd0"));
    g_ptr_array_add(host->cards, g_strdup("net0"));
    return host;
}

static void
set_text(char **field, const char *text)
{
    g_free(*field);
    *field = g_strdup(text);
}

static UiMachine *
make_machine(FakeHost *host, const FakeRow *row)
{
    UiMachine *m = ui_machine_new(row->name);
    gpointer state = g_hash_table_lookup(host->states, row->name);

    set_text(&m->summary, row->summary);
    set_text(&m->reason, row->reason);
    set_text(&m->display, row->display);
    set_text(&m->notes, host->options.hostile
                            ? "\033]52;c;ZXZpbA==\a\xe2\x80\xae\xc2\x9b"
                              "2J\xff\a"
                            : row->notes);
    m->state = state != NULL ? (UiMachineState) (GPOINTER_TO_INT(state) - 1)
                             : row->state;
    m->cpu = row->cpu;
    m->memory = row->memory_mib << 20;
    if (host->options.broken && strcmp(row->name, "dos622") == 0) {
        m->memory = 0;
        set_text(&m->reason, "invalid: line 3: 'lots' is no size");
        set_text(&m->notes, m->reason);
    }
    m->memory_used = row->memory_mib << 19;
    m->disk_rate = row->disk_rate;
    m->net_rate = row->net_rate;
    m->uptime_s = row->uptime_s;
    m->pid = row->uptime_s > 0 ? 4312 : 0;
    m->is_protected = row->is_protected;
    return m;
}

static GPtrArray *
fake_list(void *data)
{
    FakeHost *host = data;
    GPtrArray *out =
        g_ptr_array_new_with_free_func((GDestroyNotify) ui_machine_free);

    for (gsize i = 0; i < G_N_ELEMENTS(rows) && !host->options.empty; i++)
        if (!g_hash_table_contains(host->gone, rows[i].name))
            g_ptr_array_add(out, make_machine(host, &rows[i]));
    return out;
}

static void
fake_watch(void *data, void (*changed)(void *data), void *changed_data)
{
    FakeHost *host = data;

    host->changed = changed;
    host->data = changed_data;
}

static void
set_state(FakeHost *host, const char *name, UiMachineState state)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            g_hash_table_insert(host->states, (gpointer) rows[i].name,
                                GINT_TO_POINTER((int) state + 1));
}

static void
fake_action(void *data, const char *name, UiAction action, UiDone done,
            void *done_data)
{
    FakeHost *host = data;
    g_autoptr(GError) error = NULL;

    if (action == UI_START && strcmp(name, "haiku") == 0)
        error = g_error_new(G_FILE_ERROR, G_FILE_ERROR_ACCES,
                            "disk0.path: /disks/haiku.img: permission denied");
    else if (action == UI_DELETE)
        g_hash_table_add(host->gone, g_strdup(name));
    else if (action == UI_RESTORE)
        g_hash_table_remove(host->gone, name);
    else
        set_state(host, name,
                  action == UI_PAUSE ? UI_STATE_PAUSED
                  : action == UI_STOP || action == UI_FORCE_OFF
                      ? UI_STATE_OFF
                      : UI_STATE_RUNNING);
    done(done_data, error);
}

static void
fake_create(void *data, const char *name, const char *template_id,
            const char *const *settings, bool start, UiDone done,
            void *done_data)
{
    done(done_data, NULL);
}

static char *
fake_preview(void *data, const char *name, const char *template_id,
             const char *const *settings, GError **error)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "# %s from %s\n", name, template_id);
    for (; *settings != NULL; settings++) {
        if (strcmp(*settings, "machine.memory=lots") == 0) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                        "machine.memory: 'lots' is no size; write for example "
                        "64M or 2G");
            g_string_free(out, TRUE);
            return NULL;
        }
        if (strcmp(*settings, "machine.memory=vast") == 0) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                        "machine.memory: 'vast' is no size; this message has "
                        "more lines than a low terminal has left for it, and "
                        "what is below the form has to stay what it is, too");
            g_string_free(out, TRUE);
            return NULL;
        }
        g_string_append_printf(out, "%s\n", *settings);
    }
    return g_string_free(out, FALSE);
}

static void
put_text(UiConsole *c, unsigned row, unsigned col, const char *text, guint8 fg,
         guint8 bg)
{
    ScreenHeader *h = (ScreenHeader *) (void *) c->map;
    Cell *cells = (Cell *) (void *) (c->map + h->cells_offset);

    for (; *text != '\0' && col < COLS; text = g_utf8_next_char(text), col++) {
        Cell *cell = &cells[row * COLS + col];
        cell->codepoint = g_utf8_get_char(text);
        cell->glyph = (guint8) cell->codepoint;
        cell->fg = fg;
        cell->bg = bg;
    }
}

static void
fill_text(UiConsole *c)
{
    static const guint32 vga[16] = {0,        0x0000aa, 0x00aa00, 0x00aaaa,
                                    0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
                                    0x555555, 0x5555ff, 0x55ff55, 0x55ffff,
                                    0xff5555, 0xff55ff, 0xffff55, 0xffffff};
    ScreenHeader *h = (ScreenHeader *) (void *) c->map;

    memcpy(h->palette, vga, sizeof vga);
    for (unsigned r = 0; r < ROWS; r++)
        put_text(c, r, 0,
                 "                                                             "
                 "                   ",
                 7, 0);
    put_text(c, 0, 0, "┌─ Disk Doctor ─┐", 15, 1);
    put_text(c, 2, 0, "C:\\>dir", 7, 0);
    put_text(c, 3, 0, " Volume in drive C is DISK1", 7, 0);
    put_text(c, 4, 0, "COMMAND  COM     54,645 05-31-94   6:22a", 14, 0);
    put_text(c, 24, 0, "C:\\>", 7, 0);
    h->cursor_x = 4;
    h->cursor_y = c->host->options.cursor_on_top ? 0 : 24;
    h->cursor_visible = !c->host->options.no_cursor;
    h->cursor_start = 14;
    h->cursor_end = 15;
}

static void
fill_picture(UiConsole *c)
{
    ScreenHeader *h = (ScreenHeader *) (void *) c->map;
    guint32 *pixels = (guint32 *) (void *) (c->map + h->pixels_offset);

    for (unsigned y = 0; y < h->height; y++)
        for (unsigned x = 0; x < h->width; x++)
            pixels[y * h->width + x] = y * 255 / h->height
                                       << (x < h->width / 2 ? 16 : 0);
}

static void
make_screen(UiConsole *c, bool graphics)
{
    ScreenHeader h = {.magic = SCREEN_MAGIC,
                      .version = SCREEN_VERSION,
                      .serial = 1,
                      .text = !graphics,
                      .width = graphics ? 320 : COLS * 9,
                      .height = graphics ? 200 : ROWS * 16,
                      .pixels_offset = 4096,
                      .cols = COLS,
                      .rows = ROWS,
                      .cell_w = 9,
                      .cell_h = 16};

    h.stride = h.width * 4;
    h.cells_offset = h.pixels_offset + h.stride * h.height;
    c->len = h.cells_offset + sizeof(Cell) * COLS * ROWS;
    c->map = g_malloc0(c->len);
    memcpy(c->map, &h, sizeof h);
    if (graphics)
        fill_picture(c);
    else
        fill_text(c);
}

static UiConsole *
fake_console_open(void *data, const char *name, const UiConsoleEvents *events,
                  void *events_data, GError **error)
{
    UiConsole *c = g_new0(UiConsole, 1);

    c->host = data;
    c->events = *events;
    c->data = events_data;
    c->keys = g_string_new("keys:");
    make_screen(c, c->host->options.graphics);
    return c;
}

static void
fake_console_close(UiConsole *c)
{
    g_string_free(c->keys, TRUE);
    g_free(c->map);
    g_free(c);
}

static const ScreenHeader *
fake_console_screen(UiConsole *c, gsize *ret_len)
{
    *ret_len = c->len;
    return (const ScreenHeader *) (const void *) c->map;
}

/* "+30 -30 ." for a press, a release, and a sync. */
static void
fake_console_input(UiConsole *c, const InputEvent *events, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (events[i].type == INPUT_KEY)
            g_string_append_printf(c->keys, " %c%u",
                                   events[i].value ? '+' : '-', events[i].code);
    if (!c->host->options.graphics)
        put_text(c, 23, 0, c->keys->str, 10, 0);
    /* F10 is code 68: the guest powers off. */
    if (n > 0 && events[0].code == 68)
        c->events.closed(c->data, "powered off");
    else
        c->events.changed(c->data);
}

static guint
fake_console_leds(UiConsole *c)
{
    return 2;
}

static void
fake_console_media(UiConsole *c, const char *drive, const char *path,
                   UiDone done, void *data)
{
    done(data, NULL);
}

static void
fake_console_screenshot(UiConsole *c, const char *path, UiDone done, void *data)
{
    done(data, NULL);
}

static const char *const *
fake_console_parts(UiConsole *c)
{
    static const char *const all[] = {"floppy0", "cd0", "serial0", NULL};
    static const char *const none[] = {NULL};

    return c->host->options.bare ? none : all;
}

static int
fake_console_serial(UiConsole *c, unsigned n, GError **error)
{
    static const char text[] =
        "Linux 6.1\r\nlogin: ro\033[31mot\033]0;evil\a\r\n"
        "wrong\b\b\b\b\bright\033[K \r\n# ";
    int fds[2];

    if (n > 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                    "serial%u: this machine has no such port", n);
        return -1;
    }
    (void) !write(fds[1], text, sizeof text - 1); /* fits the socket */
    return fds[0];
}

static char *
fake_log_path(void *data, const char *name, const char *source)
{
    FakeHost *host = data;
    g_autofree char *file = g_strdup_printf("%s-%s.log", name, source);

    return g_build_filename(host->options.log_dir, file, NULL);
}

/* What a driver says of its virtual functions; those of eno2 are set. */
static char *
fake_vf_get(HostHand *hand, const char *ifname, unsigned vf, VfSetting what,
            int *ret_err)
{
    static const char *const values[] = {
        [VF_MAC] = "",      [VF_VLAN] = "100",      [VF_SPOOF] = "on",
        [VF_TRUST] = "off", [VF_RATE] = "100-1000", [VF_LINK] = "auto"};
    static const char *const unset[] = {[VF_MAC] = "00:00:00:00:00:00",
                                        [VF_VLAN] = "0",
                                        [VF_SPOOF] = "on",
                                        [VF_TRUST] = "off",
                                        [VF_RATE] = "0",
                                        [VF_LINK] = "auto"};

    if (what == VF_MAC && vf < 2)
        return g_strdup_printf("52:54:00:12:34:5%u", vf);
    return g_strdup(vf < 2 ? values[what] : unset[what]);
}

static const HostHandOps fake_hand = {.vf_get = fake_vf_get};

static GPtrArray *
fake_plugs(void)
{
    GPtrArray *plugs =
        g_ptr_array_new_with_free_func((GDestroyNotify) ui_plug_free);

    g_ptr_array_add(plugs, ui_plug_new("gaming", "pci0", "0000:1a:02.0", true));
    g_ptr_array_add(plugs, ui_plug_new("haiku", "pci0", "0000:1a:02.1", false));
    g_ptr_array_add(plugs, ui_plug_new("gaming", "usb0", "1-3", true));
    g_ptr_array_add(plugs, ui_plug_new("haiku", "usb1", "046d:c52b", false));
    return plugs;
}

static GPtrArray *
copy_plugs(const GPtrArray *plugs)
{
    GPtrArray *copy =
        g_ptr_array_new_with_free_func((GDestroyNotify) ui_plug_free);

    for (guint i = 0; i < plugs->len; i++) {
        const UiPlug *plug = g_ptr_array_index(plugs, i);
        g_ptr_array_add(copy, ui_plug_new(plug->machine, plug->section,
                                          plug->device, plug->running));
    }
    return copy;
}

/* 1-6 is a device that the machine cannot open after all. */
static void
fake_usb(void *data, const char *name, const char *device, bool in, UiDone done,
         void *done_data)
{
    FakeHost *host = data;
    g_autoptr(GError) error = NULL;

    if (in && strcmp(device, "1-6") == 0)
        error = g_error_new(G_FILE_ERROR, G_FILE_ERROR_FAILED,
                            "usb2: device 1-6 is claimed by another process");
    else if (in)
        g_ptr_array_add(host->plugs, ui_plug_new(name, "usb2", device,
                                                 strcmp(name, "gaming") == 0));
    for (guint i = host->plugs->len; !in && i-- > 0;) {
        const UiPlug *plug = g_ptr_array_index(host->plugs, i);
        if (strcmp(plug->machine, name) == 0 &&
            strcmp(plug->section, device) == 0)
            g_ptr_array_remove_index(host->plugs, i);
    }
    done(done_data, error);
}

static const char *
fake_plug_models(void *data, const char *kind)
{
    return strcmp(kind, "disk") == 0 ? "virtio-blk|virtio-scsi|ahci"
           : strcmp(kind, "cd") == 0 ? "virtio-scsi|ahci"
                                     : "virtio-net|e1000";
}

/* Into the list of cards, with all that was said: tests look at that. */
static void
fake_plug(void *data, const char *name, const char *kind,
          const char *const *settings, bool keep, UiDone done, void *done_data)
{
    FakeHost *host = data;
    g_autofree char *said = g_strjoinv(" ", (char **) settings);
    g_autoptr(GError) error = NULL;

    if (strstr(said, "missing") != NULL)
        error = g_error_new(G_FILE_ERROR, G_FILE_ERROR_NOENT,
                            "disk1.path: /missing.img: No such file");
    else
        g_ptr_array_add(host->cards, g_strdup_printf("%s1 %s%s", kind, said,
                                                     keep ? " kept" : ""));
    done(done_data, error);
}

static void
fake_cards(void *data, const char *name, UiCards done, void *done_data)
{
    FakeHost *host = data;
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < host->cards->len; i++)
        g_ptr_array_add(names, g_ptr_array_index(host->cards, i));
    g_ptr_array_add(names, NULL);
    done(done_data, (const char *const *) names->pdata, NULL);
}

static void
fake_unplug(void *data, const char *name, const char *section, bool keep,
            UiDone done, void *done_data)
{
    FakeHost *host = data;
    g_autoptr(GError) error = NULL;
    guint i;

    if (strcmp(section, "net0") == 0)
        error =
            g_error_new(G_FILE_ERROR, G_FILE_ERROR_FAILED,
                        "%s: the guest did not let go of net0 in 30 s", name);
    else if (g_ptr_array_find_with_equal_func(host->cards, section, g_str_equal,
                                              &i))
        g_ptr_array_remove_index(host->cards, i);
    done(done_data, error);
}

static void
fake_pci(void *data, const char *name, const char *section, const char *device,
         bool console, UiDone done, void *done_data)
{
    FakeHost *host = data;

    g_ptr_array_add(host->plugs, ui_plug_new(name, section, device, false));
    done(done_data, NULL);
}

static bool
fake_start_asks(void *data, const char *name)
{
    return false;
}

static char *
fake_notice(void *data)
{
    return ((FakeHost *) data)->options.on_trial
               ? g_strdup("booted on trial: `carrel passthrough confirm`, "
                          "or the next start goes back")
               : NULL;
}

static void
free_listed(gpointer data)
{
    UsbListed *u = data;

    g_free(u->node);
    g_free(u);
}

/* Texts are the table's. */
static GPtrArray *
fake_usb_list(void)
{
    static const UsbListed devices[] = {
        {(char *) "1-1", 0x05e3, 0x0610, 1, 2, NULL,
         (char *) "GenesysLogic USB2.1 Hub", (char *) "480", (char *) "hub",
         NULL, 1, true, true},
        {(char *) "1-1.2", 0x046d, 0xc52b, 1, 5, NULL,
         (char *) "Logitech USB Receiver", (char *) "12", (char *) "usbhid",
         NULL, 1, false, true},
        {(char *) "1-2", 0x0951, 0x1666, 1, 3, NULL,
         (char *) "Kingston DataTraveler 3.0", (char *) "480",
         (char *) "usb-storage",
         (char *) "has it mounted at /media/stick: unmount that", 1, false,
         true},
        {(char *) "1-3", 0x1b1c, 0x0a51, 1, 4, NULL,
         (char *) "Corsair VOID Wireless Gaming Headset", (char *) "12",
         (char *) "usbfs", NULL, 1, false, true},
        {(char *) "1-5", 0x1050, 0x0407, 1, 6, NULL, (char *) "Yubico YubiKey",
         (char *) "12", (char *) "usbhid", NULL, 1, false, false},
        {(char *) "1-6", 0x046d, 0x0825, 1, 7, NULL, (char *) "Webcam C270",
         (char *) "480", (char *) "uvcvideo,snd-usb-audio", NULL, 1, false,
         true},
        {(char *) "2-4", 0x045e, 0x0b12, 2, 3, NULL,
         (char *) "Microsoft Xbox Controller", (char *) "12", (char *) "", NULL,
         1, false, true}};
    GPtrArray *list = g_ptr_array_new_with_free_func(free_listed);

    for (gsize i = 0; i < G_N_ELEMENTS(devices); i++) {
        UsbListed *u = g_new(UsbListed, 1);
        *u = devices[i];
        u->node = g_strdup_printf("/dev/bus/usb/%03u/%03u", u->bus, u->address);
        g_ptr_array_add(list, u);
    }
    return list;
}

static bool
fake_is_verb(void *data, const char *word)
{
    return strcmp(word, "passthrough") == 0;
}

static char *
fake_plan_sum(const Plan *plan)
{
    return g_strdup_printf("sum-of-%u-steps", plan->steps->len);
}

typedef struct {
    FakeHost *host;
    UiLooked done;
    void *data;
} FakeLook;

static gboolean
answer_look(gpointer data)
{
    g_autofree FakeLook *job = data;
    g_autoptr(GError) error = NULL;
    const char *file = job->host->options.host_file;
    HostRoot *root = host_root_open(file != NULL ? file : "/none", &error);
    UiHostLook *look = NULL;

    if (root != NULL) {
        look = g_new0(UiHostLook, 1);
        look->root = root;
        look->pci = host_pci_read(root, NULL);
        look->checks = checks_run(root, look->pci, NULL);
        HostHand hand = {.root = root, .ops = &fake_hand};
        if (look->pci != NULL)
            look->vfs = sriov_read(&hand, look->pci);
        look->plugs = copy_plugs(job->host->plugs);
        look->usb = job->host->options.live ? fake_usb_list() : NULL;
        look->hand = &fake_hand;
        look->can_change = job->host->options.live;
        look->user = -1;
    }
    job->done(job->data, look, error);
    return G_SOURCE_REMOVE;
}

static void
fake_look(void *data, UiLooked done, void *done_data)
{
    FakeLook *job = g_new0(FakeLook, 1);
    gint64 until = g_get_monotonic_time();

    *job = (FakeLook){data, done, done_data};
    until += (gint64) job->host->options.busy_ms * G_TIME_SPAN_MILLISECOND;
    while (g_get_monotonic_time() < until) {
    }
    g_idle_add(answer_look, job);
}

static char *
fake_host_summary(void *data)
{
    return g_strdup("host 16c 64G  KVM ok");
}

static char *
fake_view_address(void *data, const char *name)
{
    return g_strdup("vnc://127.0.0.1:5900");
}

const UiHostOps fake_host_ops = {
    .list = fake_list,
    .watch = fake_watch,
    .action = fake_action,
    .create = fake_create,
    .preview = fake_preview,
    .console_open = fake_console_open,
    .console_close = fake_console_close,
    .console_screen = fake_console_screen,
    .console_input = fake_console_input,
    .console_leds = fake_console_leds,
    .console_media = fake_console_media,
    .console_screenshot = fake_console_screenshot,
    .console_parts = fake_console_parts,
    .console_serial = fake_console_serial,
    .log_path = fake_log_path,
    .look = fake_look,
    .usb = fake_usb,
    .plug_models = fake_plug_models,
    .plug = fake_plug,
    .cards = fake_cards,
    .unplug = fake_unplug,
    .pci = fake_pci,
    .start_asks = fake_start_asks,
    .notice = fake_notice,
    .is_verb = fake_is_verb,
    .plan_sum = fake_plan_sum,
    .host_summary = fake_host_summary,
    .view_address = fake_view_address,
};
