/* ui/vnc/library.c - see library.h. */
#include "ui/vnc/library.h"

#include <dlfcn.h>

#include "vmm/core/sysutil.h"

#define SONAME "libvncserver.so.1" /* since 0.9.12 */

/* clang-format off */
#define ROW(field, name) { #name, G_STRUCT_OFFSET(VncLibrary, field) }
static const SysLateFunction functions[] = {
    ROW(client_connection_gone, rfbClientConnectionGone),
    ROW(close_client,           rfbCloseClient),
    ROW(encrypt_bytes,          rfbEncryptBytes),
    ROW(get_screen,             rfbGetScreen),
    ROW(mark_rect_as_modified,  rfbMarkRectAsModified),
    ROW(new_client,             rfbNewClient),
    ROW(new_framebuffer,        rfbNewFramebuffer),
    ROW(process_client_message, rfbProcessClientMessage),
    ROW(screen_cleanup,         rfbScreenCleanup),
    ROW(set_translate_function, rfbSetTranslateFunction),
    ROW(update_client,          rfbUpdateClient),
    ROW(write_exact,            rfbWriteExact),
};
#undef ROW
/* clang-format on */

/* One a process, as the library's own state is; written inside the once. */
static struct {
    VncLibrary functions;
    bool loaded;
    char *why;
} library;

static void
be_silent(const char *format, ...)
{
}

static void
load(void)
{
    if (!sys_late_functions(SONAME, functions, G_N_ELEMENTS(functions),
                            &library.functions)) {
        library.why =
            g_strdup_printf("cannot load the VNC library (Debian package "
                            "libvncserver1): %s",
                            dlerror());
        return;
    }
    rfbLogProc *log = sys_late_function(SONAME, "rfbLog");
    rfbLogProc *err = sys_late_function(SONAME, "rfbErr");
    if (log != NULL)
        *log = be_silent;
    if (err != NULL)
        *err = be_silent;
    library.loaded = true;
}

const VncLibrary *
vnc_library(const char **ret_why)
{
    static gsize once;

    if (g_once_init_enter(&once)) {
        load();
        g_once_init_leave(&once, 1);
    }
    if (!library.loaded && ret_why != NULL)
        *ret_why = library.why;
    return library.loaded ? &library.functions : NULL;
}
