/* tests/unit/test-templates.c - templates: those that ship, and a person's. */
#include "profiles/templates.h"

#include <string.h>

#include <glib/gstdio.h>

#include "tests/unit/cu-main.h"

/* A configuration folder with one template file; other folders are empty. */
static char *
make_config(const char *name, const char *text)
{
    char *config = g_dir_make_tmp("carrel-test-XXXXXX", NULL);
    g_autofree char *folder = g_build_filename(config, "templates", NULL);
    g_autofree char *file = g_build_filename(folder, name, NULL);

    g_mkdir(folder, 0700);
    g_file_set_contents(file, text, -1, NULL);
    g_setenv("CARREL_CONFIG_DIR", config, TRUE);
    g_setenv("CARREL_DATADIR", CARREL_SOURCE_SHARE, TRUE);
    return config;
}

static void
remove_config(char *config, const char *name)
{
    g_autofree char *folder = g_build_filename(config, "templates", NULL);
    g_autofree char *file = g_build_filename(folder, name, NULL);

    g_remove(file);
    g_rmdir(folder);
    g_rmdir(config);
    g_free(config);
}

static void
use_shipped_only(void)
{
    g_setenv("CARREL_CONFIG_DIR", "/nonexistent", TRUE);
    g_setenv("CARREL_DATADIR", CARREL_SOURCE_SHARE, TRUE);
}

static void
the_shipped_templates_are_valid(void)
{
    g_autoptr(GPtrArray) problems = NULL;
    use_shipped_only();

    g_autoptr(GPtrArray) list = templates_list(&problems);

    CU_ASSERT_EQUAL(problems->len, 0);
    CU_ASSERT_TRUE(list->len >= 20);
}

static void
a_template_becomes_a_profile_that_names_it(void)
{
    use_shipped_only();
    g_autoptr(Template) t = template_find("dos", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);

    g_autoptr(Profile) p = template_to_profile(t, "/m/machine.ini");

    CU_ASSERT_FALSE(profile_has_section(p, "template"));
    CU_ASSERT_STRING_EQUAL(profile_get_string(p, "machine.template"), "dos");
    CU_ASSERT_EQUAL(profile_get_u64(p, "machine.memory"), 16ull << 20);
    CU_ASSERT_STRING_EQUAL(profile_get_string(p, "machine.rtc"), "localtime");
    CU_ASSERT_TRUE(profile_has_section(p, "floppy0"));
    CU_ASSERT_TRUE(profile_validate(p, NULL));
    CU_ASSERT_STRING_EQUAL(t->needs, "floppy,cd,disk");
}

static void
an_unknown_template_names_those_that_exist(void)
{
    g_autoptr(GError) error = NULL;
    use_shipped_only();

    CU_ASSERT_PTR_NULL(template_find("cpm", &error));
    CU_ASSERT_TRUE(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(error->message, "dos, haiku, linux, linux-bios, "));
}

static void
a_template_of_ones_own_replaces_a_shipped_one(void)
{
    char *config = make_config("dos.ini", "[template]\nid=dos\ntitle=My DOS\n");

    g_autoptr(Template) t = template_find("dos", NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_STRING_EQUAL(t->title, "My DOS");
    remove_config(config, "dos.ini");
}

static void
a_bad_template_is_left_out_and_reported(void)
{
    g_autoptr(GPtrArray) problems = NULL;
    char *config = make_config(
        "bad.ini", "[template]\nid=bad\ntitle=x\n[machine]\nmemory=0\n");

    g_autoptr(GPtrArray) list = templates_list(&problems);

    CU_ASSERT_TRUE(list->len >= 3);
    CU_ASSERT_EQUAL_FATAL(problems->len, 1);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(g_ptr_array_index(problems, 0), "bad.ini:5: machine.memory: "));
    remove_config(config, "bad.ini");
}

static void
a_template_must_be_in_a_file_of_its_name(void)
{
    g_autoptr(GPtrArray) problems = NULL;
    char *config = make_config("one.ini", "[template]\nid=two\ntitle=x\n");

    g_autoptr(GPtrArray) list = templates_list(&problems);

    CU_ASSERT_TRUE(list->len >= 3);
    CU_ASSERT_EQUAL_FATAL(problems->len, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(g_ptr_array_index(problems, 0), "two.ini"));
    remove_config(config, "one.ini");
}

static void
a_profile_without_id_is_no_template(void)
{
    g_autoptr(GPtrArray) problems = NULL;
    char *config = make_config("x.ini", "[machine]\ncpus=1\n");

    g_autoptr(GPtrArray) list = templates_list(&problems);

    CU_ASSERT_TRUE(list->len >= 3);
    CU_ASSERT_EQUAL_FATAL(problems->len, 1);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(g_ptr_array_index(problems, 0), "template.id"));
    remove_config(config, "x.ini");
}

/* What old systems stumble over; see share/doc/period-machines.md. */
static void
old_systems_get_what_they_bear(void)
{
    static const struct {
        const char *id, *cpu_model;
        guint64 most_mib;
    } rows[] = {
        {"dos", "pentium", 64},      {"win31", "pentium", 256},
        {"win95", "pentium", 480},   {"win98", "pentium3", 512},
        {"winme", "pentium3", 512},  {"winnt4", "pentium3", 1024},
        {"os2", "pentium", 64},      {"beos", "pentium3", 1023},
        {"winxp", "pentium3", 3584},
    };

    use_shipped_only();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Template) t = template_find(rows[i].id, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(t);
        CU_ASSERT_STRING_EQUAL(
            profile_get_string(t->profile, "machine.cpu-model"),
            rows[i].cpu_model);
        CU_ASSERT_TRUE(profile_get_u64(t->profile, "machine.memory") >> 20 <=
                       rows[i].most_mib);
        CU_ASSERT_EQUAL(profile_get_u64(t->profile, "machine.cpus"), 1);
        CU_ASSERT_STRING_EQUAL(
            profile_get_string(t->profile, "template.disk-model"), "ide");
    }
}

static void
a_known_fault_is_in_the_note(void)
{
    static const char *const rows[][2] = {
        {"win95", "carrel set NAME machine.speed=full"},
        {"win98", "patcher9x"},
        {"win11", "TPM"},
    };

    use_shipped_only();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Template) t = template_find(rows[i][0], NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(t);
        CU_ASSERT_PTR_NOT_NULL(strstr(t->note, rows[i][1]));
    }
}

#define CASE(name)                                                             \
    {                                                                          \
#name, name                                                            \
    }

CU_MAIN("templates", CASE(the_shipped_templates_are_valid),
        CASE(a_template_becomes_a_profile_that_names_it),
        CASE(an_unknown_template_names_those_that_exist),
        CASE(a_template_of_ones_own_replaces_a_shipped_one),
        CASE(a_bad_template_is_left_out_and_reported),
        CASE(a_template_must_be_in_a_file_of_its_name),
        CASE(a_profile_without_id_is_no_template),
        CASE(old_systems_get_what_they_bear),
        CASE(a_known_fault_is_in_the_note))
