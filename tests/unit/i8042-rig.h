/* tests/unit/i8042-rig.h - a machine with a keyboard controller, and a guest
 * that knows how to talk to it. */
#pragma once

#include <linux/input-event-codes.h>
#include <string.h>

#include "devices/registry.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"
#include "vmm/input/input.h"

typedef struct {
    FakeVm *vm;
    Device *dev;
    guint source;
} Rig;

static inline void
rig_init(Rig *r)
{
    r->vm = fake_vm_new(0x1000);
    r->vm->env.input = input_new(r->vm->env.loop);
    r->source = input_new_source(r->vm->env.input);
    r->dev = device_new(device_class_find("i8042"), "kbc");
    fake_vm_realize(r->vm, r->dev);
}

static inline void
rig_done(Rig *r)
{
    Input *input = r->vm->env.input;

    device_free(r->dev);
    input_free(input);
    fake_vm_free(r->vm);
}

static inline void
rig_command(Rig *r, guint8 value)
{
    fake_out8(r->vm, 0x64, value);
}

/* A byte to the keyboard, or to the mouse. */
static inline void
rig_to_kbd(Rig *r, guint8 value)
{
    fake_out8(r->vm, 0x60, value);
}

static inline void
rig_to_mouse(Rig *r, guint8 value)
{
    fake_out8(r->vm, 0x64, 0xd4);
    fake_out8(r->vm, 0x60, value);
}

/* Everything the devices have to say, as "fa ab 83"; mouse bytes have an "m". */
static inline const char *
rig_read_all(Rig *r)
{
    static char text[1024];
    GString *out = g_string_new(NULL);

    fake_advance(r->vm, 1000000);
    for (unsigned i = 0; i < 300 && (fake_in8(r->vm, 0x64) & 1) != 0; i++) {
        bool mouse = (fake_in8(r->vm, 0x64) & 0x20) != 0;
        g_string_append_printf(out, "%s%02x%s", out->len > 0 ? " " : "",
                               fake_in8(r->vm, 0x60), mouse ? "m" : "");
        fake_advance(r->vm, 1000000);
    }
    g_strlcpy(text, out->str, sizeof text);
    g_string_free(out, TRUE);
    return text;
}

static inline void
rig_post(Rig *r, InputType type, guint16 code, gint32 value)
{
    InputEvent evs[2] = {{type, code, value}, {INPUT_SYNC, 0, 0}};

    input_post(r->vm->env.input, r->source, evs, 2);
    fake_advance(r->vm, 0);
}

static inline void
rig_key(Rig *r, guint16 code)
{
    rig_post(r, INPUT_KEY, code, 1);
    rig_post(r, INPUT_KEY, code, 0);
}

/* As a driver leaves it: both on with interrupts; translation as asked. */
static inline void
rig_mode(Rig *r, guint8 command_byte)
{
    rig_command(r, 0x60);
    fake_out8(r->vm, 0x60, command_byte);
}
