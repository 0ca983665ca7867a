/* ui/host.h - what the terminal interface needs from the program.
 *
 * The TUI shows and asks; app/ answers by this table (app/tui-host.c over the
 * control sockets, or a fake in tests). Every call is made on the main thread
 * and returns within 10 ms; slow work answers through a callback on the main
 * thread's GMainContext. */
#pragma once

#include "passthrough-wizard/host-hand.h"
#include "passthrough-wizard/host-pci.h"
#include "passthrough-wizard/plan.h"
#include "vmm/display/display.h"
#include "vmm/input/input.h"

typedef enum {
    UI_STATE_OFF,
    UI_STATE_STARTING,
    UI_STATE_RUNNING,
    UI_STATE_PAUSED,
    UI_STATE_STOPPING,
    UI_STATE_CRASHED,
    UI_STATE_SUSPENDED /* by its guest; resumed like a paused one */
} UiMachineState;

/* One row of the machine list; strings are never NULL ("" when unknown). */
typedef struct {
    char *name, *summary; /* summary: template or description */
    UiMachineState state;
    char *reason;                /* why it crashed or stopped */
    guint pid;                   /* 0: not running */
    double cpu;                  /* percent of one host CPU, all threads */
    guint64 memory;              /* guest RAM, bytes */
    guint64 memory_used;         /* resident beside and in guest RAM, bytes */
    guint64 disk_rate, net_rate; /* bytes/s */
    gint64 uptime_s;
    char *display; /* "vnc unix", "vnc :5900" */
    char *notes;   /* "A: boot", "22->2222" */
    bool is_protected, throw_away;
} UiMachine;
UiMachine *ui_machine_new(const char *name);
void ui_machine_free(UiMachine *m);

typedef enum {
    UI_START,
    UI_STOP, /* power button, then asks after the timeout */
    UI_FORCE_OFF,
    UI_RESTART,
    UI_RESET,
    UI_PAUSE,
    UI_RESUME,
    UI_DELETE,  /* to the trash */
    UI_RESTORE, /* out of the trash */
    UI_PROTECT,
    UI_UNPROTECT
} UiAction;

typedef void (*UiDone)(void *data, const GError *error);

/* A device of the host and the machine that has it, or would when it starts. */
typedef struct {
    char *machine, *section; /* "pci0", "usb3" */
    char *device;            /* address; USB: port or numbers */
    bool running;            /* the machine is, and has it */
} UiPlug;
UiPlug *ui_plug_new(const char *machine, const char *section,
                    const char *device, bool running);
void ui_plug_free(UiPlug *plug);

/* What a look at the host found: a value, owned by whoever got it. */
typedef struct {
    HostRoot *root;    /* where it was read; never NULL */
    HostPci *pci;      /* NULL: there is no PCI bus */
    GPtrArray *checks; /* of Check, the doctor's rows */
    GPtrArray *vfs;    /* of SriovVf; NULL: there is no PCI bus */
    GPtrArray *usb;    /* of UsbListed; NULL: a recording, which has none */
    GPtrArray *plugs;  /* of UiPlug; never NULL */
    const HostHandOps *hand; /* for plans: they read by it. Never NULL */
    bool can_change;         /* it is this host, not a recorded one */
    gint64 user;             /* who is to open devices; -1: nobody */
} UiHostLook;
void ui_host_look_free(UiHostLook *look);
/* look is the callee's; NULL with error set. */
/* sections: names such as "disk1", ends with NULL; NULL with error. */
typedef void (*UiCards)(void *data, const char *const *sections,
                        const GError *error);
typedef void (*UiLooked)(void *data, UiHostLook *look, const GError *error);

/* An attached console: the machine's screen and keyboard. */
typedef struct UiConsole UiConsole;
typedef struct {
    void (*changed)(void *data); /* new frame or damage: draw soon */
    void (*closed)(void *data, const char *reason);
} UiConsoleEvents;

typedef struct UiHostOps {
    /* GPtrArray of UiMachine (free function set), name order. */
    GPtrArray *(*list)(void *host);
    /* changed(data) runs when list() would answer differently; NULL ends it. */
    void (*watch)(void *host, void (*changed)(void *data), void *data);
    void (*action)(void *host, const char *name, UiAction action, UiDone done,
                   void *data);
    /* settings: NULL-terminated "section.key=value"; "new-disk=SIZE" makes a
     * new disk as `carrel new --new-disk` does. */
    void (*create)(void *host, const char *name, const char *template_id,
                   const char *const *settings, bool start, UiDone done,
                   void *data);
    /* Profile text as it would be written, for the preview; error set when a
     * setting is invalid: the message names the key. */
    char *(*preview)(void *host, const char *name, const char *template_id,
                     const char *const *settings, GError **error);

    UiConsole *(*console_open)(void *host, const char *name,
                               const UiConsoleEvents *events, void *data,
                               GError **error);
    void (*console_close)(UiConsole *console);
    /* The mapped frame, validated, whole mapping len bytes; valid until the
     * next changed() returns. NULL before the guest set a mode. */
    const ScreenHeader *(*console_screen)(UiConsole *console, gsize *ret_len);
    void (*console_input)(UiConsole *console, const InputEvent *events,
                          unsigned n);
    guint (*console_leds)(UiConsole *console);
    /* path NULL ejects. drive: "floppy0", "cd0". */
    void (*console_media)(UiConsole *console, const char *drive,
                          const char *path, UiDone done, void *data);
    void (*console_screenshot)(UiConsole *console, const char *path,
                               UiDone done, void *data);
    /* The drives that take a medium and the serial ports of the machine
     * ("floppy0", "cd0", "serial0"), ends with NULL and is the console's until
     * the next call; NULL: not known yet. */
    const char *const *(*console_parts)(UiConsole *console);
    /* Connected stream of serial port n, or -1 with error set; the caller
     * owns it. */
    int (*console_serial)(UiConsole *console, unsigned n, GError **error);

    /* Paths of the logs of a machine: source "vmm", "serial", "firmware"; the
     * file may not exist yet. */
    char *(*log_path)(void *host, const char *name, const char *source);
    /* Looks at the host's devices, on a thread of its own. */
    void (*look)(void *host, UiLooked done, void *data);
    /* A USB device of the host into a machine (device: its port), or out of it
     * (its section): now when the machine runs, else in its settings. */
    void (*usb)(void *host, const char *name, const char *device, bool in,
                UiDone done, void *data);
    /* Writes section.host=device into a machine's settings, and console=true
     * with console; has is fine, another device there is an error. */
    void (*pci)(void *host, const char *name, const char *section,
                const char *device, bool console, UiDone done, void *data);
    /* Models of a kind that a running machine can get, the best first:
     * "virtio-blk|ahci". kind here and below: "disk", "cd" or "net". */
    const char *(*plug_models)(void *host, const char *kind);
    /* Plugs one into a running machine; settings are such as "path=/x.img". Its
     * number is the first that is free. keep: into its settings, too. */
    void (*plug)(void *host, const char *name, const char *kind,
                 const char *const *settings, bool keep, UiDone done,
                 void *data);
    /* What can be taken out of a running machine. */
    void (*cards)(void *host, const char *name, UiCards done, void *data);
    /* Asks the guest to let go of it, and waits for that; keep: it is to be
     * there again at the next start. */
    void (*unplug)(void *host, const char *name, const char *section, bool keep,
                   UiDone done, void *data);
    /* Starting it asks on a terminal, for devices that root binds: `carrel
     * start` is then run in it. */
    bool (*start_asks)(void *host, const char *name);
    /* What a person should know before all else, above the machines; NULL:
     * nothing. g_free. */
    char *(*notice)(void *host);
    /* `carrel WORD` is something. */
    bool (*is_verb)(void *host, const char *word);
    /* What tells a plan from any other, for `--expect=`; g_free. */
    char *(*plan_sum)(const Plan *plan);
    /* One line for the top right: "host 16c 64G  KVM ok". */
    char *(*host_summary)(void *host);
    /* "" or a path/URL for a VNC viewer. */
    char *(*view_address)(void *host, const char *name);
} UiHostOps;

/* ui/tui/tui.c: runs the interface until the person leaves; returns the
 * program's exit code; what to say then about machines that go on is the
 * caller's. attach: machine whose console opens first, or NULL. */
typedef struct {
    const char *attach;
    bool ascii, no_color, no_mouse, read_only;
    guint refresh_ms; /* between two looks at the machines; 0: 1000 */
} TuiOptions;
int tui_run(const UiHostOps *ops, void *host, const TuiOptions *options);

/* Every key there is, for `carrel keys`: where is a screen ("everywhere",
 * "console": after Ctrl-]), keys are names with blanks between. */
typedef void (*TuiKeyRow)(void *data, const char *where, const char *keys,
                          const char *help);
void tui_each_key(TuiKeyRow row, void *data);
