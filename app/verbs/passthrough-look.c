/* app/verbs/passthrough-look.c - carrel passthrough list: the devices of this
 * host, or of a recorded one. */
#include <stdio.h>

#include "app/verbs/passthrough.h"

HostPci *
passthrough_look(const App *app, const char *dir, HostRoot **ret_root,
                 int *ret_code)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HostRoot) root = host_root_open(dir, &error);
    HostPci *host = root != NULL ? host_pci_read(root, &error) : NULL;

    if (host == NULL)
        *ret_code = app_fail_error(app, error);
    else if (ret_root != NULL)
        *ret_root = g_steal_pointer(&root);
    return host;
}

static void
put_fn(JsonWriter *w, const HostPciFn *fn)
{
    json_begin_object(w, NULL);
    json_put_string(w, "address", fn->bdf);
    json_put_string(w, "class", fn->class_name);
    json_put_string(w, "vendor", fn->vendor_name);
    json_put_string(w, "device", fn->device_name);
    json_put_optional(w, "driver", fn->driver);
    json_put_int(w, "group", fn->group);
    json_end(w);
}

static void
print_list(const App *app, const HostPci *host)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    static const char *const heads[] = {"ADDRESS", "GROUP", "DRIVER", "CLASS",
                                        "NAME"};

    for (gsize i = 0; i < G_N_ELEMENTS(heads); i++)
        g_ptr_array_add(cells, g_strdup(heads[i]));
    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(host->functions, i);
        g_ptr_array_add(cells, g_strdup(fn->bdf));
        g_ptr_array_add(cells, fn->group < 0
                                   ? g_strdup("-")
                                   : g_strdup_printf("%d", fn->group));
        g_ptr_array_add(cells, g_strdup(fn->driver != NULL ? fn->driver : "-"));
        g_ptr_array_add(cells, g_strdup(fn->class_name));
        g_ptr_array_add(
            cells, g_strdup_printf("%s %s", fn->vendor_name, fn->device_name));
    }
    app_print_table(app, (const char *const *) cells->pdata,
                    host->functions->len + 1, G_N_ELEMENTS(heads));
}

int
passthrough_list(App *app, int argc, char **argv)
{
    g_autofree char *dir = NULL;
    const GOptionEntry entries[] = {PASSTHROUGH_ROOT_OPTION(dir),
                                    {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 1, 1, &args);

    if (code >= 0)
        return code;
    g_autoptr(HostPci) host = passthrough_look(app, dir, NULL, &code);
    if (host == NULL)
        return code;
    if (!app->json) {
        print_list(app, host);
        return EXIT_OK;
    }
    JsonWriter *w = json_writer_new();
    json_begin_array(w, NULL);
    for (guint i = 0; i < host->functions->len; i++)
        put_fn(w, g_ptr_array_index(host->functions, i));
    app_print_json(w);
    return EXIT_OK;
}
