/* vmm/display/display.c - see display.h.
 *
 * A frame (FrameBuf) is one sealed memfd, counted by the display while it is
 * the current one and by each viewer between begin and end. */
#include "vmm/display/display.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/core/sysutil.h"
#include "vmm/display/damage.h"
#include "vmm/display/text.h"

#define FRAME_ALIGN 4096u

typedef struct {
    gint refs; /* atomic */
    int fd;
    guint8 *map;
    gsize len;
    Frame frame;
} FrameBuf;

struct Viewer {
    Display *display;
    int wake_fd;    /* borrowed; -1: none */
    Damage damage;  /* guarded by display->lock */
    FrameBuf *held; /* between begin and end; the viewer's thread */
};

struct Display {
    GMutex lock; /* L2 guards current, viewers and their damage */
    FrameBuf *current;
    GPtrArray *viewers;
    guint n_viewers; /* atomic copy of viewers->len */
    guint64 last_serial;
    GMutex hook_lock; /* L2 guards the viewers hook; held while it runs, so
                         that none is under way once it was replaced: the
                         hook may only arm a timer */
    void (*on_viewers)(void *data);
    void *on_viewers_data;
    void (*refresh)(void *data); /* loop thread only */
    void *refresh_data;
};

/* ---- frames ---- */

static void
frame_unref(FrameBuf *f)
{
    if (f == NULL || !g_atomic_int_dec_and_test(&f->refs))
        return;
    if (f->map != NULL)
        munmap(f->map, f->len);
    sys_close(&f->fd);
    g_free(f);
}

static FrameBuf *
frame_ref(FrameBuf *f)
{
    g_atomic_int_inc(&f->refs);
    return f;
}

/* Viewers in other processes get this descriptor: they can neither shrink it
 * under us nor write to it. */
static int
sealed_memfd(gsize len, guint8 **ret_map)
{
    CARREL_AUTO_FD int fd =
        memfd_create("carrel:screen", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, (off_t) len) < 0)
        return -1;
    void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return -1;
    (void) madvise(map, len, MADV_DONTDUMP); /* advice only */
    /* a kernel before 5.1 has no F_SEAL_FUTURE_WRITE: keep what it has */
    if (fcntl(fd, F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) < 0)
        (void) fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    *ret_map = map;
    return sys_steal_fd(&fd);
}

static gsize
round_up(gsize n)
{
    return (n + FRAME_ALIGN - 1) & ~(gsize) (FRAME_ALIGN - 1);
}

/* NULL when the host has no memory or descriptor left. */
static FrameBuf *
frame_new(int width, int height, int cols, int rows)
{
    gsize stride = (gsize) width * 4;
    gsize pixels = FRAME_ALIGN;
    gsize cells = pixels + round_up(stride * (gsize) height);
    FrameBuf *f = g_new0(FrameBuf, 1);

    f->refs = 1;
    f->len = cells + round_up((gsize) cols * (gsize) rows * sizeof(Cell));
    f->fd = sealed_memfd(f->len, &f->map);
    if (f->fd < 0) {
        g_free(f);
        return NULL;
    }
    ScreenHeader *h = (ScreenHeader *) (void *) f->map;
    *h = (ScreenHeader){.magic = SCREEN_MAGIC,
                        .version = SCREEN_VERSION,
                        .width = (guint32) width,
                        .height = (guint32) height,
                        .stride = (guint32) stride,
                        .pixels_offset = (guint32) pixels};
    f->frame = (Frame){.width = width,
                       .height = height,
                       .stride = (int) stride,
                       .pixels = f->map + pixels,
                       .memfd = f->fd,
                       .header = h};
    if (cols > 0) {
        h->text = 1;
        h->cells_offset = (guint32) cells;
        h->cols = (guint32) cols;
        h->rows = (guint32) rows;
        h->cell_w = (guint32) (width / cols);
        h->cell_h = (guint32) (height / rows);
        f->frame.text = true;
        f->frame.cols = cols;
        f->frame.rows = rows;
        f->frame.cells = (const Cell *) (const void *) (f->map + cells);
    }
    return f;
}

static ScreenHeader *
frame_header(FrameBuf *f)
{
    return (ScreenHeader *) (void *) f->map;
}

/* ---- producer ---- */

Display *
display_new(void)
{
    Display *d = g_new0(Display, 1);

    g_mutex_init(&d->lock);
    g_mutex_init(&d->hook_lock);
    d->viewers = g_ptr_array_new();
    return d;
}

void
display_free(Display *d)
{
    if (d == NULL)
        return;
    g_assert(d->viewers->len == 0);
    frame_unref(d->current);
    g_ptr_array_unref(d->viewers);
    g_mutex_clear(&d->lock);
    g_mutex_clear(&d->hook_lock);
    g_free(d);
}

/* Lock held. */
static void
viewer_damage(Viewer *v, Rect r)
{
    bool was_empty = v->damage.n == 0;

    damage_add(&v->damage, r);
    if (was_empty && v->wake_fd >= 0)
        sys_eventfd_signal(v->wake_fd);
}

/* Lock held. */
static void
damage_everything(Display *d, Viewer *v)
{
    const Frame *f = &d->current->frame;

    damage_clear(&v->damage);
    viewer_damage(v, (Rect){0, 0, f->width, f->height});
}

static guint8 *
publish_frame(Display *d, FrameBuf *f)
{
    FrameBuf *old;

    if (f == NULL)
        return NULL;
    g_mutex_lock(&d->lock);
    f->frame.serial = frame_header(f)->serial = ++d->last_serial;
    old = d->current;
    d->current = f;
    for (guint i = 0; i < d->viewers->len; i++)
        damage_everything(d, g_ptr_array_index(d->viewers, i));
    g_mutex_unlock(&d->lock);
    frame_unref(old);
    return f->map + frame_header(f)->pixels_offset;
}

guint8 *
display_set_mode(Display *d, int width, int height)
{
    if (width < 1 || height < 1 || width > SCREEN_MAX_W ||
        height > SCREEN_MAX_H)
        return NULL;
    return publish_frame(d, frame_new(width, height, 0, 0));
}

guint8 *
display_set_text_mode(Display *d, int cols, int rows, int cell_w, int cell_h)
{
    if (cols < 1 || rows < 1 || cell_w < 1 || cell_h < 1)
        return NULL;
    if (cols > SCREEN_MAX_W || rows > SCREEN_MAX_H ||
        cell_w > SCREEN_MAX_W / cols || cell_h > SCREEN_MAX_H / rows)
        return NULL;
    return publish_frame(d,
                         frame_new(cols * cell_w, rows * cell_h, cols, rows));
}

/* Only the loop thread replaces d->current, so its own reads need no lock. */

ScreenHeader *
display_header(Display *d)
{
    return d->current != NULL ? frame_header(d->current) : NULL;
}

Cell *
display_cells(Display *d)
{
    ScreenHeader *h = display_header(d);

    if (h == NULL || !h->text)
        return NULL;
    return (Cell *) (void *) (d->current->map + h->cells_offset);
}

int
display_stride(const Display *d)
{
    return d->current != NULL ? d->current->frame.stride : 0;
}

void
display_damage(Display *d, Rect r)
{
    if (d->current == NULL)
        return;
    r = rect_clip(r, d->current->frame.width, d->current->frame.height);
    if (r.w == 0)
        return;
    __atomic_add_fetch(&frame_header(d->current)->seq, 1, __ATOMIC_RELEASE);
    g_mutex_lock(&d->lock);
    for (guint i = 0; i < d->viewers->len; i++)
        viewer_damage(g_ptr_array_index(d->viewers, i), r);
    g_mutex_unlock(&d->lock);
}

bool
display_has_viewers(Display *d)
{
    return __atomic_load_n(&d->n_viewers, __ATOMIC_ACQUIRE) > 0;
}

bool
display_wants_refresh(Display *d)
{
    bool wanted = false;

    g_mutex_lock(&d->lock);
    for (guint i = 0; i < d->viewers->len && !wanted; i++) {
        const Viewer *v = g_ptr_array_index(d->viewers, i);
        wanted = v->wake_fd < 0 || v->damage.n == 0;
    }
    g_mutex_unlock(&d->lock);
    return wanted;
}

void
display_set_viewers_hook(Display *d, void (*on_viewers)(void *data), void *data)
{
    g_mutex_lock(&d->hook_lock);
    d->on_viewers = on_viewers;
    d->on_viewers_data = data;
    g_mutex_unlock(&d->hook_lock);
}

void
display_set_refresh_hook(Display *d, void (*refresh)(void *data), void *data)
{
    d->refresh = refresh;
    d->refresh_data = data;
}

void
display_refresh_now(Display *d)
{
    if (d->refresh != NULL)
        d->refresh(d->refresh_data);
}

/* ---- consumer ---- */

static void
tell_producer(Display *d)
{
    g_mutex_lock(&d->hook_lock);
    if (d->on_viewers != NULL)
        d->on_viewers(d->on_viewers_data);
    g_mutex_unlock(&d->hook_lock);
}

Viewer *
display_attach(Display *d, int wake_fd)
{
    Viewer *v = g_new0(Viewer, 1);

    v->display = d;
    v->wake_fd = wake_fd;
    g_mutex_lock(&d->lock);
    g_ptr_array_add(d->viewers, v);
    __atomic_store_n(&d->n_viewers, d->viewers->len, __ATOMIC_RELEASE);
    if (d->current != NULL)
        damage_everything(d, v);
    g_mutex_unlock(&d->lock);
    tell_producer(d);
    return v;
}

const Frame *
viewer_begin(Viewer *v, Rect *ret_rects, unsigned cap, unsigned *ret_n)
{
    Display *d = v->display;

    viewer_end(v);
    *ret_n = 0;
    g_mutex_lock(&d->lock);
    if (d->current != NULL) {
        v->held = frame_ref(d->current);
        *ret_n = damage_take(&v->damage, ret_rects, cap);
    }
    g_mutex_unlock(&d->lock);
    return v->held != NULL ? &v->held->frame : NULL;
}

void
viewer_end(Viewer *v)
{
    frame_unref(v->held);
    v->held = NULL;
}

void
viewer_detach(Viewer *v)
{
    if (v == NULL)
        return;
    Display *d = v->display;

    viewer_end(v);
    g_mutex_lock(&d->lock);
    g_ptr_array_remove(d->viewers, v);
    __atomic_store_n(&d->n_viewers, d->viewers->len, __ATOMIC_RELEASE);
    g_mutex_unlock(&d->lock);
    g_free(v);
    tell_producer(d);
}

char *
display_text(Display *d)
{
    FrameBuf *f = NULL;
    char *text = NULL;

    g_mutex_lock(&d->lock);
    if (d->current != NULL)
        f = frame_ref(d->current);
    g_mutex_unlock(&d->lock);
    if (f != NULL)
        text = screen_text(frame_header(f), f->len);
    frame_unref(f);
    return text;
}
