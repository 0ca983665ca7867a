/* tests/unit/test-paths.c - where things are, and private folders. */
#include "profiles/paths.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "tests/unit/cu-main.h"

static void
clear_environment(void)
{
    static const char *const names[] = {
        "CARREL_CONFIG_DIR", "CARREL_MACHINES_DIR", "CARREL_TRASH_DIR",
        "CARREL_STATE_DIR",  "CARREL_RUNTIME_DIR",  "CARREL_DATADIR",
        "XDG_CONFIG_HOME",   "XDG_DATA_HOME",       "XDG_STATE_HOME",
        "XDG_RUNTIME_DIR"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        g_unsetenv(names[i]);
}

static bool
equal_and_free(char *path, const char *expected)
{
    bool equal = strcmp(path, expected) == 0;

    g_free(path);
    return equal;
}

static void
xdg_variables_move_everything(void)
{
    clear_environment();
    g_setenv("XDG_CONFIG_HOME", "/c", TRUE);
    g_setenv("XDG_DATA_HOME", "/d", TRUE);
    g_setenv("XDG_STATE_HOME", "/s", TRUE);
    g_setenv("XDG_RUNTIME_DIR", "/r", TRUE);

    CU_ASSERT_TRUE(equal_and_free(paths_config_dir(), "/c/carrel"));
    CU_ASSERT_TRUE(equal_and_free(paths_machine_file("a"),
                                  "/d/carrel/machines/a/machine.ini"));
    CU_ASSERT_TRUE(equal_and_free(paths_trash_dir(), "/d/carrel/trash"));
    CU_ASSERT_TRUE(equal_and_free(paths_machine_state("a"), "/s/carrel/a"));
    CU_ASSERT_TRUE(equal_and_free(paths_machine_runtime("a"), "/r/carrel/a"));
}

static void
own_variables_win_over_xdg(void)
{
    clear_environment();
    g_setenv("XDG_DATA_HOME", "/d", TRUE);
    g_setenv("CARREL_MACHINES_DIR", "/my/machines", TRUE);
    g_setenv("CARREL_RUNTIME_DIR", "/my/run", TRUE);

    CU_ASSERT_TRUE(equal_and_free(paths_machine_dir("a"), "/my/machines/a"));
    CU_ASSERT_TRUE(equal_and_free(paths_runtime_dir(), "/my/run"));
}

static void
relative_xdg_variables_are_ignored(void)
{
    clear_environment();
    g_setenv("XDG_CONFIG_HOME", "here", TRUE);
    g_autofree char *expected =
        g_build_filename(g_get_home_dir(), ".config", "carrel", NULL);

    CU_ASSERT_TRUE(equal_and_free(paths_config_dir(), expected));
}

static void
shared_data_is_found_in_the_given_folder_first(void)
{
    g_autofree char *folder = g_dir_make_tmp("carrel-test-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(folder, "thing", NULL);
    clear_environment();
    g_setenv("CARREL_DATADIR", folder, TRUE);
    g_file_set_contents(file, "x", 1, NULL);

    CU_ASSERT_TRUE(equal_and_free(paths_find_data("thing"), file));
    CU_ASSERT_PTR_NULL(paths_find_data("no-such-thing"));
    g_remove(file);
    g_rmdir(folder);
}

static void
a_runtime_folder_is_made_private(void)
{
    g_autofree char *top = g_dir_make_tmp("carrel-test-XXXXXX", NULL);
    struct stat st;
    clear_environment();
    g_setenv("XDG_RUNTIME_DIR", top, TRUE);
    mode_t old = umask(0);

    g_autofree char *dir = paths_make_runtime("a", NULL);
    umask(old);

    CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
    CU_ASSERT_EQUAL(stat(dir, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0700);
    g_autofree char *parent = g_path_get_dirname(dir);
    g_rmdir(dir);
    g_rmdir(parent);
    g_rmdir(top);
}

static void
an_open_folder_of_ours_is_closed_and_a_link_refused(void)
{
    g_autofree char *top = g_dir_make_tmp("carrel-test-XXXXXX", NULL);
    g_autofree char *open = g_build_filename(top, "open", NULL);
    g_autofree char *link = g_build_filename(top, "link", NULL);
    g_autofree char *file = g_build_filename(top, "file", NULL);
    g_autoptr(GError) error = NULL;
    struct stat st;
    CU_ASSERT_EQUAL(g_mkdir(open, 0755), 0);
    CU_ASSERT_EQUAL(symlink("open", link), 0);
    g_file_set_contents(file, "", 0, NULL);

    CU_ASSERT_TRUE(paths_make_private(open, NULL));
    CU_ASSERT_EQUAL(stat(open, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0700);
    CU_ASSERT_FALSE(paths_make_private(link, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, link));
    CU_ASSERT_FALSE(paths_make_private(file, NULL));
    g_remove(link);
    g_remove(file);
    g_rmdir(open);
    g_rmdir(top);
}

#define CASE(name)                                                             \
    {                                                                          \
#name, name                                                            \
    }

CU_MAIN("paths", CASE(xdg_variables_move_everything),
        CASE(own_variables_win_over_xdg),
        CASE(relative_xdg_variables_are_ignored),
        CASE(shared_data_is_found_in_the_given_folder_first),
        CASE(a_runtime_folder_is_made_private),
        CASE(an_open_folder_of_ours_is_closed_and_a_link_refused))
