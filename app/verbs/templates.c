/* app/verbs/templates.c - carrel templates [SEARCH]; carrel template show ID,
 * carrel template check FILE... */
#include "profiles/templates.h"

#include <stdio.h>
#include <string.h>

#include "app/verbs/run.h"

static bool
matches(const Template *template, const char *search)
{
    g_autofree char *all = g_strjoin(" ", template->id, template->title,
                                     template->summary, template->os, NULL);
    g_autofree char *folded = g_utf8_casefold(all, -1);
    g_autofree char *wanted = g_utf8_casefold(search, -1);

    return strstr(folded, wanted) != NULL;
}

static void
put_template(JsonWriter *w, const Template *template)
{
    g_auto(GStrv) needs = g_strsplit(template->needs, ",", -1);

    json_begin_object(w, NULL);
    json_put_string(w, "id", template->id);
    json_put_string(w, "title", template->title);
    json_put_string(w, "summary", template->summary);
    json_put_string(w, "os", template->os);
    json_put_string(w, "note", template->note);
    json_begin_array(w, "needs");
    for (unsigned i = 0; needs[i] != NULL; i++)
        json_put_string(w, NULL, g_strstrip(needs[i]));
    json_end(w);
    json_put_string(w, "file", template->file);
    json_end(w);
}

static void
print_templates(const App *app, const GPtrArray *found)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new();
    const char *const heads[] = {"ID", "NEEDS", "WHAT"};

    for (unsigned i = 0; i < G_N_ELEMENTS(heads); i++)
        g_ptr_array_add(cells, (gpointer) heads[i]);
    for (guint i = 0; i < found->len; i++) {
        const Template *t = g_ptr_array_index(found, i);
        g_ptr_array_add(cells, t->id);
        g_ptr_array_add(cells, t->needs);
        g_ptr_array_add(cells, *t->summary != '\0' ? t->summary : t->title);
    }
    app_print_table(app, (const char *const *) cells->pdata, found->len + 1,
                    G_N_ELEMENTS(heads));
}

int
verb_templates(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    g_autoptr(GPtrArray) problems = NULL;
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    int code = app_parse(app, argv, NULL, 0, 1, &args);

    if (code >= 0)
        return code;
    g_autoptr(GPtrArray) list = templates_list(&problems);
    g_autoptr(JsonWriter) w = json_writer_new();
    json_begin_array(w, NULL);
    for (guint i = 0; i < list->len; i++) {
        Template *t = g_ptr_array_index(list, i);
        if (args[0] != NULL && !matches(t, args[0]))
            continue;
        g_ptr_array_add(found, t);
        put_template(w, t);
    }
    if (app->json)
        app_print_json(g_steal_pointer(&w));
    else
        print_templates(app, found);
    for (guint i = 0; i < problems->len; i++)
        app_warn(app, "template left out: %s",
                 (char *) g_ptr_array_index(problems, i));
    return EXIT_OK;
}

static int
show(const App *app, const char *id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Template) template = template_find(id, &error);

    if (template == NULL)
        return app_fail_error(app, error);
    g_autofree char *text = profile_to_text(template->profile);
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "id", template->id);
        json_put_string(w, "file", template->file);
        json_put_string(w, "text", text);
        app_print_json(w);
    } else {
        g_autofree char *clean = app_clean(text);
        printf("%s", clean);
    }
    return EXIT_OK;
}

static int
check(const App *app, char **files)
{
    int code = EXIT_OK;

    for (unsigned i = 0; files[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = g_canonicalize_filename(files[i], NULL);
        g_autoptr(Template) template = template_load(path, &error);
        if (template != NULL) {
            app_say(app, "%s: ok", files[i]);
            continue;
        }
        /* a file that is not there has no mistakes */
        int failed = app_fail_error(app, error);
        code = failed == EXIT_NOT_FOUND ? failed : EXIT_PROBLEMS;
    }
    return code;
}

int
verb_template(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 2, -1, &args);

    if (code >= 0)
        return code;
    if (strcmp(args[0], "show") == 0 && args[2] == NULL)
        return show(app, args[1]);
    if (strcmp(args[0], "check") == 0)
        return check(app, args + 1);
    return app_fail(app, EXIT_USAGE, "usage", NULL, "carrel template --help",
                    "template: expected 'show ID' or 'check FILE...'");
}
