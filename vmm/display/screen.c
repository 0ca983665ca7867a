/* vmm/display/screen.c - see screen.h. */
#include "vmm/display/screen.h"

#include <string.h>

static bool
range_fits(guint64 offset, guint64 size, guint64 align, gsize len)
{
    return offset >= sizeof(ScreenHeader) && offset % align == 0 &&
           offset <= len && size <= len - offset;
}

static bool
text_is_valid(const ScreenHeader *h, gsize len)
{
    if (h->cols < 1 || h->rows < 1 || h->cell_w < 1 || h->cell_h < 1)
        return false;
    if (h->cols > SCREEN_MAX_W || h->rows > SCREEN_MAX_H)
        return false;
    if (h->cell_w > SCREEN_MAX_W / h->cols ||
        h->cell_h > SCREEN_MAX_H / h->rows)
        return false;
    return range_fits(h->cells_offset,
                      (guint64) h->cols * h->rows * sizeof(Cell), sizeof(Cell),
                      len);
}

bool
screen_validate(const ScreenHeader *h, gsize len)
{
    if (len < sizeof *h)
        return false;
    if (h->magic != SCREEN_MAGIC || h->version != SCREEN_VERSION)
        return false;
    if (h->width < 1 || h->width > SCREEN_MAX_W || h->height < 1 ||
        h->height > SCREEN_MAX_H)
        return false;
    if (h->stride % 4 != 0 || h->stride / 4 < h->width ||
        h->stride > 4 * SCREEN_MAX_W)
        return false;
    if (!range_fits(h->pixels_offset, (guint64) h->stride * h->height, 4, len))
        return false;
    return h->text == 0 || (h->text == 1 && text_is_valid(h, len));
}

bool
screen_snapshot(const ScreenHeader *map, gsize len, ScreenHeader *ret_header)
{
    ScreenHeader copy;

    if (len < sizeof copy)
        return false;
    memcpy(&copy, map, sizeof copy);
    if (!screen_validate(&copy, len))
        return false;
    *ret_header = copy;
    return true;
}
