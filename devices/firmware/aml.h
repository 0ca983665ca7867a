/* devices/firmware/aml.h - writes AML, the byte code of ACPI's DSDT.
 *
 * What is opened (a scope, device, method, package, "if") lasts until
 * aml_end(). Names are segments of up to four characters joined by dots, with
 * a backslash in front for the root. Set-up thread. */
#pragma once

#include "vmm/types.h"

typedef struct Aml Aml;

Aml *aml_new(void);
/* Everything opened has ended. The bytes; frees aml. */
GBytes *aml_free_to_bytes(Aml *aml);

void aml_scope(Aml *aml, const char *path);
void aml_device(Aml *aml, const char *name);
void aml_method(Aml *aml, const char *name, unsigned n_args);
void aml_package(Aml *aml, guint8 n_elements);
void aml_end(Aml *aml);

/* Name (name, VALUE); aml_name() alone: the value follows by other calls. */
void aml_name(Aml *aml, const char *name);
void aml_name_integer(Aml *aml, const char *name, guint64 value);
void aml_name_string(Aml *aml, const char *name, const char *value);
/* id: "PNP0A08", three letters and four hex digits, as a number. */
void aml_name_eisa(Aml *aml, const char *name, const char *id);

void aml_integer(Aml *aml, guint64 value);
/* Store (path, LocalN): reads a field once. */
void aml_store_local(Aml *aml, const char *path, unsigned local);
/* If (LocalN & mask). */
void aml_if_local_bits(Aml *aml, unsigned local, guint64 mask);
void aml_notify(Aml *aml, const char *path, guint8 value);
/* OperationRegion (name, SystemIO, port, len) and one field of byte access
 * with 8 bits for each of names, NULL at the end. */
void aml_port_fields(Aml *aml, const char *region, guint16 port, guint8 len,
                     const char *const *names);
/* The same with accesses of 32 bits and as many for each name. */
void aml_port_fields32(Aml *aml, const char *region, guint16 port, guint8 len,
                       const char *const *names);
/* The same, of 8 bits, in the configuration space of the PCI function whose
 * device is open. */
void aml_config_fields(Aml *aml, const char *region, guint8 offset, guint8 len,
                       const char *const *names);

/* CreateDWordField (buffer, offset, name). Here and below, what is no number is
 * a path, or "Arg0" and so on, or "Local0". */
#define AML_ARG0 "Arg0"
void aml_dword_field(Aml *aml, const char *buffer, guint8 offset,
                     const char *name);
/* Store (from, to), Store (value, to), And (from, mask, to), Or (from, bits, to),
 * Return (path), If (buffer == {bytes}). */
void aml_store(Aml *aml, const char *from, const char *to);
void aml_store_integer(Aml *aml, guint64 value, const char *to);
void aml_and(Aml *aml, const char *from, guint64 mask, const char *to);
void aml_or(Aml *aml, const char *from, guint64 bits, const char *to);
void aml_return(Aml *aml, const char *path);
void aml_if_equals(Aml *aml, const char *buffer, const guint8 *bytes,
                   guint8 len);
/* The name itself, as an element of a package. */
void aml_reference(Aml *aml, const char *path);

/* Resource descriptors, section 6.4, collected in a GByteArray... */
void aml_res_port(GByteArray *res, guint16 port, guint8 len);
/* level: else edge; active high. */
void aml_res_interrupt(GByteArray *res, guint32 gsi, bool level);
/* One of n, level, shared: what a link device can be set to. */
void aml_res_interrupts(GByteArray *res, const guint8 *gsis, unsigned n);
void aml_res_dma8(GByteArray *res, unsigned channel);
void aml_res_memory_fixed(GByteArray *res, guint32 base, guint32 len);
/* Windows that a bridge passes on; last: inclusive. */
void aml_res_bus_window(GByteArray *res, guint16 first, guint16 last);
void aml_res_port_window(GByteArray *res, guint16 first, guint16 last);
void aml_res_memory_window(GByteArray *res, guint32 first, guint32 last);
void aml_res_memory64_window(GByteArray *res, guint64 first, guint64 last);
/* ...and written as Name (_CRS, Buffer), or by another name. res stays the
 * caller's. */
void aml_name_resources(Aml *aml, const GByteArray *res);
void aml_name_buffer(Aml *aml, const char *name, const GByteArray *res);
