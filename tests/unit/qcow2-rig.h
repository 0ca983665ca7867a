/* tests/unit/qcow2-rig.h - qcow2 images in a temporary directory, and the
 * programs of QEMU as the other opinion. */
#pragma once

#include <stdlib.h>
#include <sys/wait.h>

#include "tests/unit/block-rig.h"
#include "vmm/block/image.h"

/* A directory with nothing in it. */
static inline void
qrig_init(BlockRig *rig)
{
    *rig = (BlockRig){.loop = loop_new_manual()};
    rig->dir = g_dir_make_tmp("carrel-qcow2-XXXXXX", NULL);
    rig->path = g_build_filename(rig->dir, "disk.qcow2", NULL);
}

static inline void
qrig_done(BlockRig *rig)
{
    GDir *dir = g_dir_open(rig->dir, 0, NULL);

    block_close(rig->block);
    loop_free(rig->loop);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(rig->dir, name, NULL);
        (void) g_remove(path);
    }
    g_dir_close(dir);
    (void) g_rmdir(rig->dir);
    g_free(rig->path);
    g_free(rig->dir);
}

static inline bool
qrig_create(BlockRig *rig, BlockCreate create)
{
    g_autoptr(GError) error = NULL;

    if (create.path == NULL)
        create.path = rig->path;
    if (create.format == NULL)
        create.format = "qcow2";
    bool ok = block_image_create(&create, &error);
    if (!ok)
        printf("# %s\n", error->message);
    return ok;
}

static inline BlockImage *
qrig_image(BlockRig *rig, BlockSpec spec)
{
    g_autoptr(GError) error = NULL;

    if (spec.path == NULL)
        spec.path = rig->path;
    if (spec.format == NULL)
        spec.format = "qcow2";
    BlockImage *image = block_image_open(&spec, &error);
    if (image == NULL)
        printf("# %s\n", error->message);
    return image;
}

/* Message of a refused open; NULL: it was opened. */
static inline char *
qrig_refusal(BlockRig *rig, BlockSpec spec)
{
    GError *error = NULL;

    spec.path = rig->path;
    spec.format = "qcow2";
    BlockImage *image = block_image_open(&spec, &error);
    (void) block_image_close(image);
    if (image != NULL)
        return NULL;
    char *message = g_strdup(error->message);
    g_error_free(error);
    return message;
}

static inline BlockCheck
qrig_check(BlockRig *rig, BlockRepair repair)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) messages = g_string_new(NULL);
    BlockCheck check = {.messages = messages};
    const BlockSpec spec = {.path = rig->path, .format = "qcow2"};

    bool ok = block_image_check(&spec, repair, &check, &error);
    CU_ASSERT_TRUE(ok);
    if (!ok)
        printf("# %s\n", error->message);
    g_auto(GStrv) lines = g_strsplit(messages->str, "\n", 4);
    for (unsigned i = 0; i < 3 && lines[i] != NULL && *lines[i]; i++)
        printf("# %s\n", lines[i]);
    check.messages = NULL;
    return check;
}

static inline bool
qrig_have(const char *program)
{
    g_autofree char *path = g_find_program_in_path(program);

    return path != NULL;
}

/* Runs a shell command with $D the directory and $I the image; the exit
 * status, output to the test's own as remarks when it failed. */
static inline int
qrig_shell(BlockRig *rig, const char *command)
{
    g_autofree char *output = NULL;
    int status = -1;
    char *argv[] = {"sh", "-c", (char *) command, NULL};
    g_auto(GStrv) env = g_get_environ();

    env = g_environ_setenv(env, "D", rig->dir, TRUE);
    env = g_environ_setenv(env, "I", rig->path, TRUE);
    g_autofree char *wrapped = g_strdup_printf("{ %s ; } 2>&1", command);
    argv[2] = wrapped;
    if (!g_spawn_sync(rig->dir, argv, env, G_SPAWN_SEARCH_PATH, NULL, NULL,
                      &output, NULL, &status, NULL))
        return -1;
    status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (status != 0) {
        g_auto(GStrv) lines = g_strsplit(output, "\n", 8);
        for (unsigned i = 0; i < 7 && lines[i] != NULL; i++)
            printf("# %s\n", lines[i]);
    }
    return status;
}

/* 0 clean, 2 errors, 3 leaks. */
static inline int
qrig_qemu_check(BlockRig *rig)
{
    return qrig_shell(rig, "qemu-img check -q -f qcow2 \"$I\"");
}

/* Pseudo-random numbers that are the same in every run. */
static inline guint32
qrig_random(guint64 *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (guint32) (*state >> 33);
}

static inline void
qrig_fill(guint64 *state, guint8 *mem, gsize len)
{
    for (gsize i = 0; i < len; i++)
        mem[i] = (guint8) qrig_random(state);
}
