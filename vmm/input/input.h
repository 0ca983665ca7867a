/* vmm/input/input.h - keyboard, pointer and tablet events on their way in. */
#pragma once

#include "vmm/types.h"

/* clang-format off */
typedef enum { INPUT_KEY, INPUT_REL, INPUT_ABS, INPUT_BUTTON, INPUT_WHEEL,
               INPUT_SYNC } InputType;
/* clang-format on */
#define INPUT_BIT(type) (1u << (type))

/* code: Linux evdev KEY_* / BTN_* / REL_X.. / ABS_X..; the only key numbering
 * inside Carrel. value: 1 press, 0 release; REL and WHEEL: counts; ABS:
 * 0..32767 of the display's width or height. */
typedef struct {
    InputType type;
    guint16 code;
    gint32 value;
} InputEvent;

typedef struct {
    /* Loop thread. false when the model is full: the seat keeps the event and
     * retries on input_ready(); releases are never dropped. */
    bool (*event)(void *dev, const InputEvent *ev);
    guint32 wants; /* INPUT_BIT per InputType */
} InputSinkOps;

Input *input_new(Loop *loop);
void input_free(Input *in);
/* Set-up thread: pressed is called on the loop for each key that goes down,
 * whether a keyboard takes it or not. */
void input_set_key_hook(Input *in, void (*pressed)(void *data), void *data);

/* Front ends, any thread: posts a batch that ends in INPUT_SYNC. source
 * separates two viewers, so one's disconnect releases only its own keys. */
guint input_new_source(Input *in);
void input_post(Input *in, guint source, const InputEvent *evs, unsigned n);
void input_release_all(Input *in, guint source);

/* Models, loop thread. The newest activated sink of a kind gets the events:
 * a USB tablet outranks a PS/2 mouse once the guest has configured it. */
void input_add_sink(Input *in, const InputSinkOps *ops, void *dev);
void input_remove_sink(Input *in, void *dev);
void input_activate(Input *in, void *dev, bool active);
void input_ready(Input *in, void *dev); /* any thread */

/* Keyboard LEDs as the guest set them: bit 0 scroll, 1 num, 2 caps. */
void input_set_leds(Input *in, guint leds); /* any thread */
guint input_leds(Input *in);                /* any thread */
/* True when an active sink takes INPUT_ABS. Any thread. */
bool input_has_absolute(Input *in);
