/* tests/unit/acpica.h - ACPICA's programs on a table, where they are
 * installed. */
#pragma once

#include <glib/gstdio.h>

/* Runs program with options on the table in a folder of its own, and has what
 * it says, and the source that iasl makes, in ret_output. False when it is not
 * installed. */
static inline bool
acpica_run(const char *program, const char *options, const guint8 *table,
           gsize len, char **ret_output)
{
    g_autofree char *path = g_find_program_in_path(program);

    if (path == NULL)
        return false;
    g_autofree char *dir = g_dir_make_tmp("carrel-acpi-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(dir, "dsdt.aml", NULL);
    g_autofree char *command = g_strdup_printf(
        "sh -c 'cd %s && %s %s dsdt.aml 2>&1; cat dsdt.dsl 2>/dev/null; "
        "rm -rf %s'",
        dir, program, options, dir);
    g_assert(
        g_file_set_contents(file, (const char *) table, (gssize) len, NULL));
    g_assert(g_spawn_command_line_sync(command, ret_output, NULL, NULL, NULL));
    return true;
}
