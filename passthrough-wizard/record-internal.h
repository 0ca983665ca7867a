/* passthrough-wizard/record-internal.h - the parts of a recording: record.c
 * copies files, record-private.c writes anew what holds private words. */
#pragma once

#include "passthrough-wizard/record.h"

typedef struct {
    const HostRoot *root;
    const HostPci *host;
    GString *out;
} Recorder;

void record_file(Recorder *r, const char *name, const char *text);
/* As it is: F for one line, T for several, P when it may not be read. */
void record_copy(Recorder *r, const char *path);
void record_link(Recorder *r, const char *path, const char *target);
void record_copy_link(Recorder *r, const char *path);

void record_cpu(Recorder *r);
void record_kernel(Recorder *r);
void record_disks(Recorder *r);
void record_network(Recorder *r);
void record_keyboards(Recorder *r);
void record_user(Recorder *r);
void record_rules(Recorder *r);
void record_names(Recorder *r);
void record_open_nodes(Recorder *r);

/* Zeroes the serial number in configuration space. */
void record_hide_serial(guint8 *config, gsize len);
