/* tests/unit/test-display.c - frames, damage, viewers and the text of a
 * screen. */
#include "tests/unit/cu-main.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/core/sysutil.h"
#include "vmm/display/damage.h"
#include "vmm/display/display.h"
#include "vmm/display/screen.h"
#include "vmm/display/text.h"

static void
count_call(void *data)
{
    ++*(int *) data;
}

static void
test_before_mode(void)
{
    Display *d = display_new();
    Viewer *v = display_attach(d, -1);
    Rect rects[4];
    unsigned n = 9;

    CU_ASSERT_PTR_NULL(viewer_begin(v, rects, 4, &n));

    CU_ASSERT_EQUAL(n, 0);
    CU_ASSERT_PTR_NULL(display_text(d));
    CU_ASSERT_PTR_NULL(display_header(d));
    viewer_detach(v);
    display_free(d);
}

static void
test_limits(void)
{
    Display *d = display_new();

    CU_ASSERT_PTR_NULL(display_set_mode(d, 0, 10));
    CU_ASSERT_PTR_NULL(display_set_mode(d, SCREEN_MAX_W + 1, 10));
    CU_ASSERT_PTR_NULL(display_set_mode(d, 10, -1));
    CU_ASSERT_PTR_NULL(display_set_text_mode(d, 2000, 25, 9, 16));
    CU_ASSERT_PTR_NULL(display_set_text_mode(d, 80, 0, 9, 16));
    CU_ASSERT_PTR_NULL(display_header(d));
    display_free(d);
}

static void
test_new_viewer_sees_all(void)
{
    Display *d = display_new();
    Rect r[4];
    unsigned n;
    display_set_mode(d, 320, 200);
    Viewer *v = display_attach(d, -1);

    const Frame *f = viewer_begin(v, r, 4, &n);

    CU_ASSERT_EQUAL(f->width, 320);
    CU_ASSERT_EQUAL(f->stride, 1280);
    CU_ASSERT_EQUAL(n, 1);
    CU_ASSERT_EQUAL(r[0].w, 320);
    CU_ASSERT_EQUAL(r[0].h, 200);
    viewer_detach(v);
    display_free(d);
}

static void
test_old_frame_stays(void)
{
    Display *d = display_new();
    Rect r[4];
    unsigned n;
    guint8 *pixels = display_set_mode(d, 16, 16);
    pixels[0] = 0x5a;
    Viewer *v = display_attach(d, -1);
    const Frame *old = viewer_begin(v, r, 4, &n);
    guint64 serial = old->serial;

    display_set_mode(d, 32, 32);

    CU_ASSERT_EQUAL(old->pixels[0], 0x5a);
    CU_ASSERT_EQUAL(old->width, 16);
    viewer_end(v);
    const Frame *now = viewer_begin(v, r, 4, &n);
    CU_ASSERT_EQUAL(now->width, 32);
    CU_ASSERT_TRUE(now->serial > serial);
    CU_ASSERT_EQUAL(r[0].w, 32);
    viewer_detach(v);
    display_free(d);
}

static void
test_wake_once(void)
{
    Display *d = display_new();
    CARREL_AUTO_FD int fd = sys_eventfd(NULL);
    Rect r[4];
    unsigned n;
    display_set_mode(d, 100, 100);
    Viewer *v = display_attach(d, fd);
    viewer_begin(v, r, 4, &n);
    viewer_end(v);
    sys_eventfd_drain(fd);

    display_damage(d, (Rect){1, 1, 5, 5});
    display_damage(d, (Rect){50, 50, 5, 5});

    CU_ASSERT_EQUAL(sys_eventfd_drain(fd), 1);
    viewer_begin(v, r, 4, &n);
    CU_ASSERT_EQUAL(n, 2);
    viewer_detach(v);
    display_free(d);
}

static void
test_damage_clipped(void)
{
    Display *d = display_new();
    Rect r[4];
    unsigned n;
    display_set_mode(d, 100, 100);
    Viewer *v = display_attach(d, -1);
    viewer_begin(v, r, 4, &n);
    guint32 seq = display_header(d)->seq;

    display_damage(d, (Rect){-10, 90, 20, G_MAXINT});
    display_damage(d, (Rect){200, 0, 5, 5});
    display_damage(d, (Rect){0, 0, 0, 5});

    CU_ASSERT_EQUAL(display_header(d)->seq, seq + 1);
    viewer_begin(v, r, 4, &n);
    CU_ASSERT_EQUAL(n, 1);
    CU_ASSERT_EQUAL(r[0].x, 0);
    CU_ASSERT_EQUAL(r[0].y, 90);
    CU_ASSERT_EQUAL(r[0].w, 10);
    CU_ASSERT_EQUAL(r[0].h, 10);
    viewer_detach(v);
    display_free(d);
}

static void
test_damage_merges(void)
{
    Damage d = {.n = 0};
    Rect out[DAMAGE_MAX];

    for (int i = 0; i < 1000; i++)
        damage_add(&d, (Rect){(i * 37) % 640, (i * 91) % 480, 2, 2});

    CU_ASSERT_TRUE(d.n <= DAMAGE_MAX);
    CU_ASSERT_EQUAL(damage_take(&d, out, 1), 1);
    CU_ASSERT_TRUE(out[0].w >= 630 && out[0].h >= 470);
    CU_ASSERT_EQUAL(d.n, 0);
}

static void
test_damage_bands_join(void)
{
    Damage d = {.n = 0};

    damage_add(&d, (Rect){0, 0, 640, 16});
    damage_add(&d, (Rect){0, 32, 640, 16});
    damage_add(&d, (Rect){0, 16, 640, 16});

    CU_ASSERT_EQUAL(d.n, 1);
    CU_ASSERT_EQUAL(d.rects[0].h, 48);
}

static void
test_take_with_no_room(void)
{
    Damage d = {.n = 0};
    damage_add(&d, (Rect){0, 0, 4, 4});

    CU_ASSERT_EQUAL(damage_take(&d, NULL, 0), 0);

    CU_ASSERT_EQUAL(d.n, 1);
}

static void
test_hooks(void)
{
    Display *d = display_new();
    int viewers = 0, refreshes = 0;
    display_set_viewers_hook(d, count_call, &viewers);
    display_set_refresh_hook(d, count_call, &refreshes);

    Viewer *v = display_attach(d, -1);
    CU_ASSERT_TRUE(display_has_viewers(d));
    viewer_detach(v);
    display_refresh_now(d);

    CU_ASSERT_FALSE(display_has_viewers(d));
    CU_ASSERT_EQUAL(viewers, 2);
    CU_ASSERT_EQUAL(refreshes, 1);
    display_free(d);
}

static void
test_wants_refresh(void)
{
    Display *d = display_new();
    CARREL_AUTO_FD int fd = sys_eventfd(NULL);
    Rect r[4];
    unsigned n;
    display_set_mode(d, 100, 100);
    CU_ASSERT_FALSE(display_wants_refresh(d));

    Viewer *v = display_attach(d, fd);
    CU_ASSERT_FALSE(display_wants_refresh(d)); /* all of it is to be taken */
    viewer_begin(v, r, 4, &n);
    viewer_end(v);
    CU_ASSERT_TRUE(display_wants_refresh(d));
    display_damage(d, (Rect){1, 1, 5, 5});
    CU_ASSERT_FALSE(display_wants_refresh(d));
    Viewer *silent = display_attach(d, -1);
    CU_ASSERT_TRUE(display_wants_refresh(d));

    viewer_detach(silent);
    viewer_detach(v);
    display_free(d);
}

static void
put_text(Display *d, int at, const char *s)
{
    Cell *cells = display_cells(d);

    for (int i = 0; s[i] != '\0'; i++)
        cell_store(&cells[at + i], (Cell){cp437_to_unicode((guint8) s[i]), 7, 0,
                                          0, (guint8) s[i]});
}

static void
test_text_trimmed(void)
{
    Display *d = display_new();
    display_set_text_mode(d, 10, 3, 9, 16);

    put_text(d, 0, "A:\\>  \xff");
    put_text(d, 21, "\xb3\x01");
    g_autofree char *text = display_text(d);

    CU_ASSERT_STRING_EQUAL(text, "A:\\>\n\n \xe2\x94\x82\xe2\x98\xba\n");
    display_free(d);
}

static void
test_text_bad_codepoint(void)
{
    Display *d = display_new();
    display_set_text_mode(d, 2, 1, 8, 8);

    display_cells(d)[0].codepoint = 0xd800; /* a surrogate */
    display_cells(d)[1].codepoint = 'x';
    g_autofree char *text = display_text(d);

    CU_ASSERT_STRING_EQUAL(text, " x\n");
    display_free(d);
}

static void
test_cp437(void)
{
    CU_ASSERT_EQUAL(cp437_to_unicode(0), ' ');
    CU_ASSERT_EQUAL(cp437_to_unicode('A'), 'A');
    CU_ASSERT_EQUAL(cp437_to_unicode(0x7f), 0x2302);
    CU_ASSERT_EQUAL(cp437_to_unicode(0xc9), 0x2554);
    CU_ASSERT_EQUAL(cp437_to_unicode(0xdb), 0x2588);
    CU_ASSERT_EQUAL(cp437_to_unicode(0xe1), 0xdf);
    CU_ASSERT_EQUAL(cp437_to_unicode(0xff), 0xa0);
    CU_ASSERT_EQUAL(cp437_to_ascii(0xc9), '+');
    CU_ASSERT_EQUAL(cp437_to_ascii(0xb0), '#');
    CU_ASSERT_EQUAL(cp437_to_ascii('~'), '~');
    CU_ASSERT_EQUAL(cp437_to_ascii(0x81), 'u');
}

static void
test_memfd_sealed(void)
{
    Display *d = display_new();
    Rect r[1];
    unsigned n;
    display_set_text_mode(d, 80, 25, 9, 16);
    Viewer *v = display_attach(d, -1);
    const Frame *f = viewer_begin(v, r, 1, &n);

    CU_ASSERT_EQUAL(ftruncate(f->memfd, 0), -1);
    CU_ASSERT_EQUAL(write(f->memfd, "x", 1), -1);
    void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, f->memfd, 0);
    CU_ASSERT_PTR_NOT_EQUAL(map, MAP_FAILED);
    CU_ASSERT_EQUAL(((ScreenHeader *) map)->magic, SCREEN_MAGIC);
    munmap(map, 4096);
    viewer_detach(v);
    display_free(d);
}

static ScreenHeader
good_header(void)
{
    return (ScreenHeader){.magic = SCREEN_MAGIC,
                          .version = SCREEN_VERSION,
                          .text = 1,
                          .width = 16,
                          .height = 8,
                          .stride = 64,
                          .pixels_offset = 4096,
                          .cells_offset = 4608,
                          .cols = 2,
                          .rows = 1,
                          .cell_w = 8,
                          .cell_h = 8};
}

static void
test_validate(void)
{
    const gsize len = 4608 + 16;
    ScreenHeader h = good_header();
    CU_ASSERT_TRUE(screen_validate(&h, len));
    CU_ASSERT_FALSE(screen_validate(&h, len - 1));
    CU_ASSERT_FALSE(screen_validate(&h, 10));

    h.height = 9; /* still inside the mapping, pixels overlap the cells */
    CU_ASSERT_FALSE(screen_validate(&h, 4608 + 15));
    h = good_header();
    h.stride = 60;
    CU_ASSERT_FALSE(screen_validate(&h, len));
    h = good_header();
    h.pixels_offset = 0xfffffffc;
    CU_ASSERT_FALSE(screen_validate(&h, len));
    h = good_header();
    h.cols = 0x80000000u;
    CU_ASSERT_FALSE(screen_validate(&h, len));
    h = good_header();
    h.cell_h = 0;
    CU_ASSERT_FALSE(screen_validate(&h, len));
    h = good_header();
    h.cells_offset = 4; /* inside the header */
    CU_ASSERT_FALSE(screen_validate(&h, len));
    h = good_header();
    h.magic = 0;
    CU_ASSERT_FALSE(screen_validate(&h, len));
}

CU_MAIN("display", {"a_viewer_before_any_mode_gets_nothing", test_before_mode},
        {"modes_beyond_the_limits_change_nothing", test_limits},
        {"a_new_viewer_starts_with_everything_damaged",
         test_new_viewer_sees_all},
        {"an_old_frame_stays_readable_until_its_viewer_ends",
         test_old_frame_stays},
        {"wake_is_signalled_only_when_damage_was_empty", test_wake_once},
        {"damage_is_clipped_and_empty_damage_ignored", test_damage_clipped},
        {"any_amount_of_damage_fits_and_stays_covered", test_damage_merges},
        {"touching_bands_become_one_rectangle", test_damage_bands_join},
        {"taking_into_no_room_keeps_the_damage", test_take_with_no_room},
        {"hooks_tell_of_viewers_and_refresh", test_hooks},
        {"only_a_viewer_that_took_its_damage_wants_more", test_wants_refresh},
        {"text_rows_lose_trailing_blanks", test_text_trimmed},
        {"an_invalid_codepoint_reads_as_a_blank", test_text_bad_codepoint},
        {"code_page_437_maps_to_unicode_and_ascii", test_cp437},
        {"the_screen_descriptor_is_sealed", test_memfd_sealed},
        {"a_header_that_points_outside_is_refused", test_validate})
