/* app/verbs.c - the table of verbs. A new verb adds one row here, one
 * prototype in app/verbs/run.h and one file in app/verbs/. */
#include "app/verbs.h"

#include <string.h>

#include "app/verbs/run.h"
#include "profiles/schema.h"

#define CHANGES VERB_CHANGES
#define NAME    VERB_NAME
#define HIDDEN  VERB_HIDDEN

/* clang-format off */
static const Verb verbs[] = {
    /* machines on disk */
    { "new",        "create", "NAME [--from TEMPLATE] [MEDIA] [section.key=value...]", "Make a machine", verb_new, CHANGES },
    { "show",       NULL,  "NAME", "Show every setting of a machine and where it comes from", verb_show, NAME },
    { "get",        NULL,  "NAME [section.key...]", "Print settings of a machine", verb_get, NAME },
    { "set",        NULL,  "NAME section.key=value... [--unset KEY]", "Change settings of a machine", verb_set, CHANGES | NAME },
    { "edit",       NULL,  "NAME", "Edit machine.ini in $VISUAL or $EDITOR, checked before it is saved", verb_edit, CHANGES | NAME },
    { "check",      NULL,  "[NAME|FILE...]", "Look for mistakes in machines, with file and line", verb_check, NAME },
    { "advise",     NULL,  "NAME", "Say what each device of a machine could be, and should", verb_advise, NAME },
    { "clone",      NULL,  "NAME NEW-NAME", "Copy a machine with the disks in its folder", verb_clone, CHANGES | NAME },
    { "rename",     NULL,  "NAME NEW-NAME", "Give a machine another name", verb_rename, CHANGES | NAME },
    { "protect",    NULL,  "NAME on|off", "Guard a machine against delete, rename and overwrite", verb_protect, CHANGES | NAME },
    { "delete",     "rm",  "NAME...", "Move machines to the trash", verb_delete, CHANGES | NAME },
    { "trash",      NULL,  "list|restore NAME|empty", "Look into, restore from or empty the trash", verb_trash, 0 },
    { "disk",       NULL,  "create FILE SIZE | info|check FILE | convert FILE NEW-FILE | resize FILE [+]SIZE", "Make, look into, check, copy or resize disk images", verb_disk, 0 },
    { "templates",  NULL,  "[SEARCH]", "List what a new machine can start from", verb_templates, 0 },
    { "template",   NULL,  "show ID | check FILE...", "Show or check one template", verb_template, 0 },

    /* running machines */
    { "list",       "ls",  "", "List all machines and what they do", verb_list, 0 },
    { "status",     NULL,  "NAME", "Print the state of a machine in one word", verb_status, NAME },
    { "run",        NULL,  "[floppy=|cd=|disk=]FILE...", "Start a throw-away machine from images", verb_run, CHANGES },
    { "demo",       NULL,  "", "Start the bundled guest, to see what this is", verb_demo, CHANGES },
    { "start",      NULL,  "NAME", "Start a machine in a process of its own", verb_start, CHANGES | NAME },
    { "stop",       NULL,  "NAME", "Ask the guest to power off, and wait for it", verb_stop, CHANGES | NAME },
    { "restart",    NULL,  "NAME", "Stop a machine and start it again", verb_restart, CHANGES | NAME },
    { "reset",      NULL,  "NAME", "Press the reset button", verb_reset, CHANGES | NAME },
    { "pause",      NULL,  "NAME", "Let a machine stand still", verb_pause, CHANGES | NAME },
    { "resume",     NULL,  "NAME", "Let a paused machine go on", verb_resume, CHANGES | NAME },
    { "wake",       NULL,  "NAME", "Wake a machine that suspended itself", verb_wake, CHANGES | NAME },
    { "console",    NULL,  "NAME", "Work with the screen or a serial port in this terminal", verb_console, NAME },
    { "view",       NULL,  "NAME", "Print where a VNC viewer connects, or start one", verb_view, NAME },
    { "send",       NULL,  "NAME keys KEY... | text TEXT | mouse MOVE | serial TEXT", "Type, move the mouse, write to a serial port", verb_send, CHANGES | NAME },
    { "expect",     NULL,  "NAME REGEX", "Wait for text on the screen or a serial port", verb_expect, NAME },
    { "screenshot", NULL,  "NAME [FILE|-]", "Save the screen as PNG or text", verb_screenshot, NAME },
    { "media",      NULL,  "NAME [list | insert DRIVE FILE | eject DRIVE]", "Change floppies and CDs of a running machine", verb_media, NAME },
    { "attach",     NULL,  "NAME SECTION [KEY=VALUE...]", "Plug a disk, network card, console, ... into a running machine", verb_attach, CHANGES | NAME },
    { "detach",     NULL,  "NAME SECTION", "Take a device out of a running machine", verb_detach, CHANGES | NAME },
    { "memory",     NULL,  "NAME", "Print how much memory a machine uses, or set its balloon", verb_memory, NAME },
    { "speed",      NULL,  "NAME [full|286|386|486|pentium|pentium2|PERCENT%]", "Print how fast a running machine is, or change it", verb_speed, NAME },
    { "net",        NULL,  "list NAME | forward add|remove NAME RULE | capture NAME on FILE | capture NAME off | link NAME NET up|down", "Look at and change the networks of a running machine", verb_net, 0 },
    { "logs",       NULL,  "NAME", "Print what a machine, its firmware or its serial port wrote", verb_logs, NAME },
    { "events",     NULL,  "[NAME]", "Print the states of machines, and their changes", verb_events, NAME },
    { "wait",       NULL,  "NAME off|running|paused|suspended|crashed", "Wait for a state", verb_wait, NAME },
    { "__net",      NULL,  "WORD...", "Be the process of a user network", verb_net_role, HIDDEN },
    { "__switch",   NULL,  "PATH", "Be the process of a switch", verb_switch_role, HIDDEN },
    { "__usb",      NULL,  "DEVICE", "Look after a USB device that a machine has", verb_usb_role, HIDDEN },
    { "usb",        NULL,  "list | attach|detach NAME DEVICE | setup [DEVICE...]", "USB devices of this computer, and which machine has them", verb_usb, 0 },
    { "__bench-boot", NULL, "START DIR", "Be a machine of which the start is measured", verb_bench_boot, HIDDEN },
    { "__machine",  NULL,  "NAME", "Be the process of a machine", verb_machine, HIDDEN },

    /* the program */
    { "info",       NULL,  "", "Print where things are and what the host offers", verb_info, 0 },
    { "bench",      NULL,  "[boot|exit|disk|net|mem]... [--reps N]", "Measure emulated and virtio devices on this host", verb_bench, 0 },
    { "helper",     NULL,  "tap-create|tap-delete|macvtap-create|macvtap-delete NAME | list | undo ID", "Change this host's network for machines, as root", verb_helper, CHANGES },
    { "doctor",     NULL,  "[--root DIR] [--record FILE | --fix[=ID,...]]", "Look at whether this host is ready for machines and passthrough", verb_doctor, 0 },
    { "passthrough", NULL, "list | groups | explain ADDRESS | plan|rehearse|bind|apply|unbind ADDRESS... | confirm | undo [ID] | vf list|create|set|remove", "Show which host devices a machine can have; bind and give back", verb_passthrough, 0 },
    { "keys",       NULL,  "", "Print the keys of the terminal interface", verb_keys, 0 },
    { "help",       NULL,  "[VERB | settings [SECTION]]", "Explain a verb, or list the settings of machine.ini", verb_help, 0 },
    { "completion", NULL,  "bash|zsh|fish", "Print the completion script for a shell", verb_completion, 0 },
    { "version",    NULL,  "[--features]", "Print the version, and what was built in", verb_version, 0 },
    { "__complete", NULL,  "WORD...", "Answer a shell's completion", verb_complete, HIDDEN },
    { "__schema-man", NULL, "", "Print carrel.ini(5)", verb_schema_man, HIDDEN },
};
/* clang-format on */

const Verb *
verbs_all(unsigned *ret_n)
{
    *ret_n = G_N_ELEMENTS(verbs);
    return verbs;
}

const Verb *
verb_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0 ||
            (verbs[i].alias != NULL && strcmp(verbs[i].alias, name) == 0))
            return &verbs[i];
    return NULL;
}

/* One slip of the finger. The first letter is right, or changed places with the
 * second: "top" is another program's word, not "stop" without its s. */
static bool
is_slip(const char *word, const char *name)
{
    return schema_distance(word, name) == 1 &&
           (word[0] == name[0] ||
            (word[0] == name[1] && word[0] != '\0' && word[1] == name[0]));
}

const Verb *
verb_nearest(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (!(verbs[i].flags & VERB_HIDDEN) && is_slip(name, verbs[i].name))
            return &verbs[i];
    return NULL;
}
