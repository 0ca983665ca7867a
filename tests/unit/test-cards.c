/* tests/unit/test-cards.c - where what a profile plugs in is on the bus. */
#include <string.h>

#include "app/assemble-internal.h"
#include "tests/unit/cu-main.h"

/* With a stick in the first port, that firmware may start from. */
static Profile *
with_uhci(const char *chipset)
{
    g_autofree char *text =
        g_strdup_printf("[machine]\nchipset=%s\nusb=uhci\n"
                        "[usb0]\nmodel=storage\npath=stick.img\n",
                        chipset);
    g_autoptr(GError) error = NULL;
    Profile *p = profile_parse(text, strlen(text), "/m/machine.ini", &error);

    if (error != NULL)
        g_printerr("# %s\n", error->message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    return p;
}

/* One that has no function 0 is not looked at: there is one in slot 1 only
 * where a PIIX3 is. */
static void
test_uhci(void)
{
    static const struct {
        const char *chipset;
        unsigned slot, function;
        const char *path;
    } boards[] = {
        {"pc-i440fx", 1, 2, "usb@1,2/"},
        {"pc-q35", 10, 0, "usb@a/"},
        {"pc-virtio", 10, 0, "usb@a/"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(boards); i++) {
        g_autoptr(Profile) p = with_uhci(boards[i].chipset);
        g_autofree Machine *m = g_new0(Machine, 1);
        PcCards cards = {0};
        bool found = false;
        g_mutex_init(&m->path_lock);
        CU_ASSERT_TRUE(machine_plug_cards(m, p, &cards, NULL));
        for (unsigned n = 0; n < cards.n_cards; n++) {
            const PcCard *card = &cards.cards[n];
            if (strcmp(card->dev->id, "usb") != 0)
                continue;
            found = true;
            CU_ASSERT_EQUAL(card->slot, boards[i].slot);
            CU_ASSERT_EQUAL(card->function, boards[i].function);
        }
        CU_ASSERT_TRUE(found);
        CU_ASSERT_EQUAL_FATAL(cards.n_boot, 1);
        CU_ASSERT_TRUE(g_str_has_prefix(cards.boot[0].path, boards[i].path));
        pc_cards_clear(&cards);
        g_mutex_clear(&m->path_lock);
    }
}

CU_MAIN("cards", {"a_uhci_is_where_a_guest_of_the_board_looks", test_uhci})
