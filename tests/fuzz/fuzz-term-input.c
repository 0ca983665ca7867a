/* tests/fuzz/fuzz-term-input.c - what a terminal sends: escape sequences,
 * pastes, curses' codes and mouse reports, in pieces. The functions of curses
 * that term-input.c calls are here and give the fuzzer's bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ui/tui/term-internal.h"

#define MAX_KEYS 65536

/* The reader has no argument for it: what is left of the input. */
static struct {
    const uint8_t *data;
    size_t left;
} typed;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned
next_byte(void)
{
    if (typed.left == 0)
        return 0;
    typed.left--;
    return *typed.data++;
}

/* 0xff: nothing yet; 0xfe: a code of curses; 0xfd: any character. */
int
wget_wch(WINDOW *window, wint_t *c)
{
    if (typed.left == 0)
        return ERR;
    unsigned byte = next_byte();
    *c = byte;
    if (byte == 0xff)
        return ERR;
    if (byte == 0xfe) {
        *c = KEY_MIN + (next_byte() | next_byte() << 8) % 0x300;
        return KEY_CODE_YES;
    }
    if (byte == 0xfd)
        *c = (next_byte() | next_byte() << 8 | next_byte() << 16) % 0xd800;
    return OK;
}

int
getmouse(MEVENT *event)
{
    if ((next_byte() & 3) == 0)
        return ERR;
    *event = (MEVENT){.x = (int) next_byte() - 2, .y = (int) next_byte() - 2};
    event->bstate = (mmask_t) (next_byte() | next_byte() << 8 |
                               next_byte() << 16 | next_byte() << 24);
    return OK;
}

static void
check_key(const Key *key)
{
    char name[KEY_NAME_MAX];

    if (key->key == TK_NONE)
        abort();
    (void) keys_name(key, name);
    if (memchr(name, '\0', sizeof name) == NULL)
        abort();
    if (key->key == TK_PASTE && !g_utf8_validate(key->text, -1, NULL))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Term term = {.paste = g_string_new(NULL)};
    Key key;

    typed.data = data;
    typed.left = size;
    for (unsigned i = 0; typed.left > 0 && i < MAX_KEYS; i++)
        if (term_read_key(&term, &key))
            check_key(&key);
    /* Whatever came, the end of a paste brings the keyboard back. */
    typed.data = (const uint8_t *) "\033[201~k";
    typed.left = 7;
    key = (Key){.key = TK_NONE};
    for (unsigned i = 0; typed.left > 0 && i < 16; i++)
        (void) term_read_key(&term, &key);
    if (key.key != TK_CHAR || key.ch != 'k')
        abort();
    g_string_free(term.paste, TRUE);
    return 0;
}
