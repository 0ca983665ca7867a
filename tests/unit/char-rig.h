/* tests/unit/char-rig.h - a character link, a model at its guest's end and a
 * loop that the test drives. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/unit/cu-main.h"
#include "vmm/char/char.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define RING (256 * 1024)

typedef struct {
    Loop *loop;
    char *dir, *path;
    CharLink *link;
    GString *got; /* by the model */
    gsize room;   /* the model's */
    guint watched;
} CharRig;

static inline gsize
model_can_receive(void *dev)
{
    CharRig *rig = dev;

    return rig->room;
}

static inline void
model_receive(void *dev, const guint8 *data, gsize len)
{
    CharRig *rig = dev;

    CU_ASSERT_TRUE(len > 0 && len <= rig->room);
    g_string_append_len(rig->got, (const char *) data, (gssize) len);
    rig->room -= len;
}

static inline void
model_writable(void *dev)
{
}

static const CharOps model_ops = {
    .can_receive = model_can_receive,
    .receive = model_receive,
    .writable = model_writable,
};

static inline void
rig_init(CharRig *rig)
{
    *rig = (CharRig){.loop = loop_new_manual(), .room = G_MAXSIZE};
    rig->dir = g_dir_make_tmp("carrel-char-XXXXXX", NULL);
    rig->path = g_build_filename(rig->dir, "serial0", NULL);
    rig->got = g_string_new(NULL);
}

static inline void
rig_open(CharRig *rig, const char *kind, const char *arg)
{
    g_autoptr(GError) error = NULL;

    rig->link = char_open(kind, arg, rig->loop, &error);
    if (error != NULL)
        printf("# %s\n", error->message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rig->link);
    char_set_ops(rig->link, &model_ops, rig);
}

static inline void
rig_done(CharRig *rig)
{
    char_close(rig->link);
    loop_free(rig->loop);
    (void) g_remove(rig->path);
    (void) g_rmdir(rig->dir);
    g_free(rig->path);
    g_free(rig->dir);
    g_string_free(rig->got, TRUE);
}

static inline void
run(CharRig *rig)
{
    loop_advance(rig->loop, 0);
}

static inline void
say(CharRig *rig, const char *text)
{
    CU_ASSERT_EQUAL(char_send(rig->link, (const guint8 *) text, strlen(text)),
                    strlen(text));
    run(rig);
}

/* A peer's other end. */
static inline int
attach(CharRig *rig, bool replay)
{
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX,
                                     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                     0, ends),
                          0);
    char_attach_fd(rig->link, ends[1], replay);
    run(rig);
    return ends[0];
}

/* Everything fd has now; "" when nothing. */
static inline char *
heard(int fd)
{
    GString *text = g_string_new(NULL);
    char buf[65536];
    gssize n;

    while ((n = read(fd, buf, sizeof buf)) > 0)
        g_string_append_len(text, buf, n);
    return g_string_free(text, FALSE);
}

static inline bool
hears(int fd, const char *text)
{
    g_autofree char *got = heard(fd);

    return strcmp(got, text) == 0;
}

/* Waits for len bytes: threads and ptys deliver when they like. */
static inline char *
wait_for_text(int fd, gsize len)
{
    GString *text = g_string_new(NULL);
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    char buf[512];

    while (text->len < len && poll(&pfd, 1, 5000) == 1) {
        gssize n = read(fd, buf, sizeof buf);
        if (n <= 0)
            break;
        g_string_append_len(text, buf, n);
    }
    return g_string_free(text, FALSE);
}

static inline bool
types(int fd, const char *text)
{
    return write(fd, text, strlen(text)) == (gssize) strlen(text);
}

/* The message of a char_open() that must fail. */
static inline char *
refusal(CharRig *rig, const char *kind, const char *arg, GQuark domain,
        int code)
{
    GError *error = NULL;
    CharLink *link = char_open(kind, arg, rig->loop, &error);

    CU_ASSERT_PTR_NULL(link);
    char_close(link);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->domain, domain);
    CU_ASSERT_EQUAL(error->code, code);
    char *message = g_strdup(error->message);
    g_error_free(error);
    return message;
}
