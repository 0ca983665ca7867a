/* passthrough-wizard/host-root-internal.h - the two kinds of a root: a
 * directory (host-root.c) and a recording (host-record.c). */
#pragma once

#include "passthrough-wizard/host-root.h"

typedef struct HostTree HostTree;

/* host-record.c: the tree of a recording. All answers as host-root.h says;
 * paths are normalized by the tree itself. */
HostTree *host_tree_parse(const char *text, gsize len, GError **error);
void host_tree_free(HostTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostTree, host_tree_free)
bool host_tree_stat(const HostTree *tree, const char *path, HostNode *ret);
/* Contents, borrowed; NULL with errno set. */
const char *host_tree_data(const HostTree *tree, const char *path,
                           gsize *ret_len);
const char *host_tree_link(const HostTree *tree, const char *path);
GPtrArray *host_tree_names(const HostTree *tree, const char *path);

/* A root over a tree; takes it. */
HostRoot *host_root_new_tree(HostTree *tree, const char *name);
