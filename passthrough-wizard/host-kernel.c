/* passthrough-wizard/host-kernel.c - the kernel's options and arguments. */
#include "passthrough-wizard/host-kernel.h"

#include <string.h>
#include <zlib.h>

char *
host_kernel_argument(const char *cmdline, const char *name)
{
    g_auto(GStrv) words = g_strsplit_set(cmdline, " \t\n", 512);
    gsize len = strlen(name);
    char *value = NULL;

    for (unsigned i = 0; words[i] != NULL; i++) {
        if (strncmp(words[i], name, len) != 0)
            continue;
        if (words[i][len] != '\0' && words[i][len] != '=')
            continue;
        g_free(value);
        value = g_strdup(words[i][len] == '=' ? words[i] + len + 1 : "");
    }
    return value;
}

/* The whole of a gzip file, at most HOST_ROOT_MAX_FILE bytes of it. */
static char *
unpack(const char *data, gsize len)
{
    enum { GZIP = 16 + MAX_WBITS };
    z_stream z = {.next_in = (Bytef *) data, .avail_in = (uInt) len};
    g_autofree char *out = g_malloc(HOST_ROOT_MAX_FILE + 1);

    if (inflateInit2(&z, GZIP) != Z_OK)
        return NULL;
    z.next_out = (Bytef *) out;
    z.avail_out = HOST_ROOT_MAX_FILE;
    int rc = inflate(&z, Z_FINISH);
    gsize size = z.total_out;
    (void) inflateEnd(&z); /* fails only for a stream that is none */
    if (rc != Z_STREAM_END)
        return NULL;
    out[size] = '\0';
    return g_steal_pointer(&out);
}

char *
host_kernel_config(const HostRoot *root, const char *release)
{
    g_autofree char *boot = g_strdup_printf("/boot/config-%s", release);
    g_autofree char *modules =
        g_strdup_printf("/lib/modules/%s/config", release);
    gsize len = 0;
    char *text = host_root_read(root, boot, HOST_ROOT_MAX_FILE, NULL, NULL);

    if (text == NULL)
        text = host_root_read(root, modules, HOST_ROOT_MAX_FILE, NULL, NULL);
    if (text != NULL)
        return text;
    g_autofree char *packed =
        host_root_read(root, "/proc/config.gz", HOST_ROOT_MAX_FILE, &len, NULL);
    return packed != NULL ? unpack(packed, len) : NULL;
}

HostTri
host_kernel_option(const char *config, const char *name)
{
    gsize len = strlen(name);

    if (config == NULL)
        return HOST_UNKNOWN;
    for (const char *at = config; (at = strstr(at, name)) != NULL; at++)
        if ((at == config || at[-1] == '\n') && at[len] == '=')
            return at[len + 1] == 'y' || at[len + 1] == 'm' ? HOST_YES
                                                            : HOST_NO;
    return HOST_NO;
}

char *
host_kernel_builtin(const HostRoot *root, const char *release)
{
    g_autofree char *path =
        g_strdup_printf("/lib/modules/%s/modules.builtin", release);

    return host_root_read(root, path, HOST_ROOT_MAX_FILE, NULL, NULL);
}
