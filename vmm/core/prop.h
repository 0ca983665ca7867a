/* vmm/core/prop.h - typed options of a device, described by a table.
 *
 * One row per option gives its type, range, default, unit and help; setting,
 * checking, showing and documenting it come from the row. */
#pragma once

#include "vmm/types.h"

typedef enum {
    PROP_BOOL,   /* bool */
    PROP_U32,    /* guint32; min..max */
    PROP_U64,    /* guint64; min..max */
    PROP_STRING, /* char *, owned by the device */
    PROP_ENUM,   /* int, index into values[] */
    PROP_LINK    /* pointer to another object, set by the machine, not owned;
                    NULL unless required */
} PropType;

typedef struct PropDesc {
    const char *name;
    PropType type;
    gsize offset;              /* in the struct that embeds Device, bytes */
    guint64 def;               /* default: number, bool or enum index */
    guint64 min, max;          /* U32, U64: allowed range, inclusive */
    const char *const *values; /* ENUM: NULL-terminated names */
    const char *def_string;    /* STRING: default or NULL */
    bool required;             /* LINK: realize fails while it is NULL */
    const char *unit, *help;   /* "bytes", "one line for people" */
} PropDesc;

/* clang-format off */
#define PROP_END { NULL, PROP_BOOL, 0, 0, 0, 0, NULL, NULL, false, NULL, NULL }
#define PROP_DEF_BOOL(S, f, n, d, h) \
    { .name = n, .type = PROP_BOOL, .offset = G_STRUCT_OFFSET(S, f), \
      .def = (d), .max = 1, .help = h }
#define PROP_DEF_U32(S, f, n, d, lo, hi, u, h) \
    { .name = n, .type = PROP_U32, .offset = G_STRUCT_OFFSET(S, f), \
      .def = (d), .min = (lo), .max = (hi), .unit = u, .help = h }
#define PROP_DEF_U64(S, f, n, d, lo, hi, u, h) \
    { .name = n, .type = PROP_U64, .offset = G_STRUCT_OFFSET(S, f), \
      .def = (d), .min = (lo), .max = (hi), .unit = u, .help = h }
#define PROP_DEF_STRING(S, f, n, d, h) \
    { .name = n, .type = PROP_STRING, .offset = G_STRUCT_OFFSET(S, f), \
      .def_string = (d), .help = h }
#define PROP_DEF_ENUM(S, f, n, vals, d, h) \
    { .name = n, .type = PROP_ENUM, .offset = G_STRUCT_OFFSET(S, f), \
      .values = vals, .def = (d), .help = h }
#define PROP_DEF_LINK(S, f, n, req, h) \
    { .name = n, .type = PROP_LINK, .offset = G_STRUCT_OFFSET(S, f), \
      .required = req, .help = h }
/* clang-format on */

/* All three: before realize only.  Setting the wrong type or an unknown name
 * is a programmer error (the machine files know their devices); a value out
 * of range sets error: it may come from a profile. */
bool device_set_u64(Device *dev, const char *name, guint64 value,
                    GError **error);
bool device_set_string(Device *dev, const char *name, const char *value,
                       GError **error); /* STRING copies; ENUM by name */
void device_set_link(Device *dev, const char *name, gpointer target);

/* For device_new() and device_free(): defaults in, owned strings out. */
void prop_apply_defaults(Device *dev);
void prop_clear(Device *dev);
/* False and error set when a required link is missing. */
bool prop_check_links(const Device *dev, GError **error);
