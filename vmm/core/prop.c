/* vmm/core/prop.c - see prop.h. */
#include "vmm/core/prop.h"

#include <string.h>

#include "vmm/core/device.h"
#include "vmm/core/error.h"

static const PropDesc *
prop_find(const Device *dev, const char *name)
{
    for (const PropDesc *p = dev->klass->props; p && p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    g_error("device class %s has no option '%s'", dev->klass->name, name);
}

static void *
prop_at(const Device *dev, const PropDesc *p)
{
    return (guint8 *) dev + p->offset;
}

static void
prop_store(Device *dev, const PropDesc *p, guint64 value)
{
    switch (p->type) {
    case PROP_BOOL: *(bool *) prop_at(dev, p) = value != 0; break;
    case PROP_U32: *(guint32 *) prop_at(dev, p) = (guint32) value; break;
    case PROP_U64: *(guint64 *) prop_at(dev, p) = value; break;
    case PROP_ENUM: *(int *) prop_at(dev, p) = (int) value; break;
    case PROP_STRING:
    case PROP_LINK:
    default: g_assert_not_reached();
    }
}

void
prop_apply_defaults(Device *dev)
{
    for (const PropDesc *p = dev->klass->props; p && p->name; p++) {
        if (p->type == PROP_STRING)
            *(char **) prop_at(dev, p) = g_strdup(p->def_string);
        else if (p->type != PROP_LINK)
            prop_store(dev, p, p->def);
    }
}

void
prop_clear(Device *dev)
{
    for (const PropDesc *p = dev->klass->props; p && p->name; p++)
        if (p->type == PROP_STRING)
            g_clear_pointer((char **) prop_at(dev, p), g_free);
}

bool
device_set_u64(Device *dev, const char *name, guint64 value, GError **error)
{
    const PropDesc *p = prop_find(dev, name);

    g_assert(!device_is_realized(dev));
    g_assert(p->type != PROP_STRING && p->type != PROP_LINK);
    if (p->type != PROP_ENUM && (value < p->min || value > p->max)) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID,
                    "%s: %s is %" G_GUINT64_FORMAT
                    " but must be %" G_GUINT64_FORMAT "..%" G_GUINT64_FORMAT
                    "%s%s",
                    dev->id, name, value, p->min, p->max, p->unit ? " " : "",
                    p->unit ? p->unit : "");
        return false;
    }
    prop_store(dev, p, value);
    return true;
}

static bool
prop_set_enum(Device *dev, const PropDesc *p, const char *value, GError **error)
{
    for (int i = 0; p->values[i] != NULL; i++) {
        if (strcmp(p->values[i], value) == 0) {
            prop_store(dev, p, (guint64) i);
            return true;
        }
    }
    g_autofree char *allowed = g_strjoinv(", ", (char **) p->values);
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID,
                "%s: %s is '%s' but must be one of: %s", dev->id, p->name,
                value, allowed);
    return false;
}

bool
device_set_string(Device *dev, const char *name, const char *value,
                  GError **error)
{
    const PropDesc *p = prop_find(dev, name);

    g_assert(!device_is_realized(dev));
    if (p->type == PROP_ENUM)
        return prop_set_enum(dev, p, value, error);
    g_assert(p->type == PROP_STRING);
    g_free(*(char **) prop_at(dev, p));
    *(char **) prop_at(dev, p) = g_strdup(value);
    return true;
}

void
device_set_link(Device *dev, const char *name, gpointer target)
{
    const PropDesc *p = prop_find(dev, name);

    g_assert(!device_is_realized(dev));
    g_assert(p->type == PROP_LINK);
    *(gpointer *) prop_at(dev, p) = target;
}

bool
prop_check_links(const Device *dev, GError **error)
{
    for (const PropDesc *p = dev->klass->props; p && p->name; p++) {
        if (p->type == PROP_LINK && p->required &&
            *(gpointer *) prop_at(dev, p) == NULL) {
            g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID,
                        "%s: '%s' is not connected (%s)", dev->id, p->name,
                        p->help ? p->help : "");
            return false;
        }
    }
    return true;
}
