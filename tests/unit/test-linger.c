/* tests/unit/test-linger.c - who goes on when a desktop ends, by the files of
 * systemd-logind. Needs no systemd. */
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "app/linger.h"
#include "app/store.h"
#include "tests/unit/cu-main.h"

static void
put_below(const char *home, const char *path, const char *text)
{
    g_autofree char *file = g_build_filename(home, path, NULL);
    g_autofree char *dir = g_path_get_dirname(file);

    CU_ASSERT_EQUAL(g_mkdir_with_parents(dir, 0700), 0);
    CU_ASSERT_TRUE(g_file_set_contents(file, text, -1, NULL));
}

/* Where nothing keeps the login, what it started ends with the desktop. */
static void
a_desktops_end_is_outlived_by_some(void)
{
    g_autofree char *home = g_dir_make_tmp("carrel-linger-XXXXXX", NULL);
    g_autofree char *fifo =
        g_build_filename(home, "run/systemd/sessions/2.ref", NULL);

    CU_ASSERT_TRUE(linger_outlives_desktop(home));
    put_below(home, "proc/self/cgroup", "0::/system.slice/cron.service\n");
    CU_ASSERT_TRUE(linger_outlives_desktop(home));
    put_below(home, "proc/self/cgroup",
              "0::/user.slice/user-0.slice/user@0.service/app.slice/x.scope\n");
    CU_ASSERT_FALSE(linger_outlives_desktop(home));
    put_below(home, "run/systemd/sessions/2",
              "UID=0\nSTATE=active\nREMOTE=0\nTYPE=wayland\nCLASS=user\n");
    CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
    CU_ASSERT_FALSE(linger_outlives_desktop(home)); /* the desktop's own */
    put_below(home, "run/systemd/sessions/3",
              "UID=1\nSTATE=active\nREMOTE=1\nTYPE=tty\nCLASS=user\n");
    CU_ASSERT_FALSE(linger_outlives_desktop(home)); /* somebody else's */
    put_below(home, "run/systemd/sessions/4",
              "UID=0\nSTATE=closing\nREMOTE=1\nTYPE=tty\nCLASS=user\n");
    CU_ASSERT_FALSE(linger_outlives_desktop(home)); /* about to go */
    put_below(home, "run/systemd/sessions/4",
              "UID=0\nSTATE=active\nREMOTE=1\nTYPE=tty\nCLASS=user\n");
    CU_ASSERT_TRUE(linger_outlives_desktop(home)); /* by SSH */
    put_below(home, "run/systemd/sessions/4", "");
    CU_ASSERT_FALSE(linger_outlives_desktop(home));
    put_below(home, "var/lib/systemd/linger/root", "");
    CU_ASSERT_TRUE(linger_outlives_desktop(home));
    store_remove_tree(home, NULL);
}

CU_MAIN("linger", {"a_desktops_end_is_outlived_by_some",
                   a_desktops_end_is_outlived_by_some})
