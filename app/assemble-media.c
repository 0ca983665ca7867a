/* app/assemble-media.c - changing the disk in a drive while the guest runs. */
#include <string.h>

#include "app/assemble-internal.h"
#include "devices/storage/fdc.h"
#include "devices/storage/mmc.h"
#include "devices/storage/piix3-ide.h"
#include "vmm/block/block.h"
#include "vmm/core/error.h"
#include "vmm/loop/loop.h"

#define CLOSE_POLL_US 1000
/* An old image on a dead file system is not waited for any longer. */
#define CLOSE_POLLS 5000

typedef struct {
    Machine *m;
    Drive *drive;
    Block *block;
    bool force, ok;
    GError *error;
} MediaChange;

static void
change_on_loop(void *data)
{
    MediaChange *c = data;

    if (c->drive->kind == DRIVE_FLOPPY)
        c->ok =
            fdc_set_media(c->m->pc.fdc, c->drive->unit, c->block, &c->error);
    else if (c->drive->bus != DRIVE_ON_BOARD)
        c->ok =
            machine_change_unit(c->m, c->drive, c->block, c->force, &c->error);
    else
        c->ok = piix3_ide_set_media(c->m->pc.ide, c->drive->unit, c->block,
                                    c->force, &c->error);
}

/* ---- images that no drive has any more ---- */

typedef struct {
    Machine *m;
    Block *block;
} Retirement;

static void
close_idle(void *data)
{
    Machine *m = data;

    for (guint i = m->retired->len; i-- > 0;) {
        Block *block = g_ptr_array_index(m->retired, i);
        if (!block_is_idle(block))
            continue;
        g_ptr_array_remove_index_fast(m->retired, i);
        block_close(block);
    }
}

/* Its last batch of requests closes it, be it now or hours later. */
static void
retire_on_loop(void *data)
{
    Retirement *r = data;
    Machine *m = r->m;

    if (m->retired == NULL)
        m->retired = g_ptr_array_new();
    g_ptr_array_add(m->retired, r->block);
    block_set_batch_done(r->block, close_idle, m);
    close_idle(m);
}

void
machine_retire_block(Machine *m, Block *block)
{
    Retirement r = {m, block};

    if (block == NULL)
        return;
    for (unsigned i = 0; i < CLOSE_POLLS && !block_is_idle(block); i++)
        g_usleep(CLOSE_POLL_US);
    loop_call(vm_loop(m->vm), retire_on_loop, &r);
}

void
machine_close_retired(Machine *m)
{
    if (m->retired == NULL)
        return;
    close_idle(m);
    for (guint i = 0; i < m->retired->len; i++) /* the process ends with them */
        block_set_batch_done(g_ptr_array_index(m->retired, i), NULL, NULL);
    g_clear_pointer(&m->retired, g_ptr_array_unref);
}

/* ---- drives ---- */

void
machine_add_drive(Machine *m, const Drive *drive)
{
    g_mutex_lock(&m->path_lock);
    Drive *d = &m->drives[m->n_drives++];
    *d = *drive;
    d->path = g_strdup(d->block != NULL ? block_path(d->block) : NULL);
    g_mutex_unlock(&m->path_lock);
}

void
machine_close_drive(Machine *m, const char *name)
{
    Drive gone = {.name = NULL};

    g_mutex_lock(&m->path_lock);
    for (unsigned i = 0; i < m->n_drives && gone.name == NULL; i++) {
        if (strcmp(m->drives[i].name, name) != 0)
            continue;
        gone = m->drives[i];
        m->n_drives--;
        memmove(&m->drives[i], &m->drives[i + 1],
                (m->n_drives - i) * sizeof gone);
    }
    g_mutex_unlock(&m->path_lock);
    machine_retire_block(m, gone.block);
    g_free(gone.name);
    g_free(gone.path);
}

static Drive *
find_drive(Machine *m, const char *name, GError **error)
{
    for (unsigned i = 0; i < m->n_drives; i++) {
        if (strcmp(m->drives[i].name, name) != 0)
            continue;
        if (m->drives[i].kind != DRIVE_DISK && m->drives[i].kind != DRIVE_USB)
            return &m->drives[i];
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "%s is a fixed disk; only floppies and CDs can be changed "
                    "while the machine runs",
                    name);
        return NULL;
    }
    g_autofree char *all = machine_describe_drives(m);
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND,
                "machine '%s' has no drive '%s'; it has:\n%s", m->name, name,
                all);
    return NULL;
}

static Block *
open_medium(Machine *m, const Drive *d, const char *path, bool read_only,
            GError **error)
{
    BlockSpec spec = {
        .path = path,
        .format = d->kind == DRIVE_CD ? "iso" : "raw",
        .read_only = read_only || d->read_only,
        .snapshot = d->snapshot,
    };

    return block_open(&spec, vm_loop(m->vm), error);
}

static void
drive_set_path(Machine *m, Drive *d)
{
    g_mutex_lock(&m->path_lock);
    g_free(d->path);
    d->path = g_strdup(d->block != NULL ? block_path(d->block) : NULL);
    g_mutex_unlock(&m->path_lock);
}

static bool
change_media(Machine *m, Drive *d, const char *path, bool read_only, bool force,
             GError **error)
{
    MediaChange c = {.m = m, .drive = d, .force = force};

    if (path != NULL) {
        c.block = open_medium(m, d, path, read_only, error);
        if (c.block == NULL)
            return false;
    }
    loop_call(vm_loop(m->vm), change_on_loop, &c);
    if (!c.ok) {
        g_propagate_error(error, c.error);
        machine_retire_block(m, c.block);
        return false;
    }
    Block *old = d->block;
    d->block = c.block;
    drive_set_path(m, d);
    machine_retire_block(m, old);
    return true;
}

bool
machine_change_media(Machine *m, const char *drive, const char *path,
                     bool read_only, bool force, GError **error)
{
    g_mutex_lock(&m->media_lock);
    Drive *d = find_drive(m, drive, error);
    bool ok = d != NULL && change_media(m, d, path, read_only, force, error);
    g_mutex_unlock(&m->media_lock);
    return ok;
}

static unsigned
tray_of(const Machine *m, const Drive *d)
{
    if (d->kind != DRIVE_CD)
        return 0;
    if (d->bus != DRIVE_ON_BOARD)
        return machine_unit_tray(m, d->bus, d->unit);
    return m->pc.ide != NULL ? piix3_ide_tray(m->pc.ide, d->unit) : 0;
}

char *
machine_describe_drives(Machine *m)
{
    GString *out = g_string_new(NULL);

    g_mutex_lock(&m->path_lock);
    for (unsigned i = 0; i < m->n_drives; i++) {
        const Drive *d = &m->drives[i];
        unsigned tray = tray_of(m, d);
        g_string_append_printf(
            out, "%s: %s%s%s\n", d->name, d->path ? d->path : "(empty)",
            tray & MMC_TRAY_OPEN ? " (tray open)" : "",
            tray & MMC_TRAY_LOCKED ? " (locked by the guest)" : "");
    }
    g_mutex_unlock(&m->path_lock);
    return g_string_free(out, FALSE);
}
