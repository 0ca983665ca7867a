/* ui/vnc/rfb-lib.c - see rfb-lib.h. */
#define RFB_LIB_NO_NAMES
#include "ui/vnc/rfb-lib.h"

#include <dlfcn.h>

#define LIBRARY "libvncserver.so.1"

static struct {
    GMutex lock; /* L2 guards loaded and lib until it is loaded */
    bool loaded;
    RfbLib lib;
} state;

static bool
find(void *handle, const char *name, void *ret_address)
{
    void *address = dlsym(handle, name);

    *(void **) ret_address = address;
    return address != NULL;
}

static bool
find_all(void *handle, RfbLib *lib)
{
    bool ok = find(handle, "rfbLog", &lib->log_) &&
              find(handle, "rfbErr", &lib->err_);

#define RFB_LIB_FIND(name) ok = ok && find(handle, #name, &lib->name##_);
    RFB_LIB_FUNCTIONS(RFB_LIB_FIND)
#undef RFB_LIB_FIND
    return ok;
}

bool
rfb_lib_load(GError **error)
{
    g_mutex_lock(&state.lock);
    if (!state.loaded) {
        /* never closed: viewers may be on its stack until the process ends */
        void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
        state.loaded = handle != NULL && find_all(handle, &state.lib);
    }
    bool loaded = state.loaded;
    g_mutex_unlock(&state.lock);
    if (!loaded)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                    "VNC needs " LIBRARY ", which this host does not have "
                    "(Debian, Ubuntu: libvncserver1); install it or set "
                    "vnc.enabled=false");
    return loaded;
}

const RfbLib *
rfb_lib(void)
{
    return &state.lib;
}
