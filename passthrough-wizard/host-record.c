/* passthrough-wizard/host-record.c - the tree in a recording. The format is in
 * host-record.h. Links are followed within the tree, at most LINKS_MAX of them,
 * and ".." never leads above its root. */
#include "passthrough-wizard/host-record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "passthrough-wizard/host-root-internal.h"

enum {
    LINKS_MAX = 40,
    PATH_LIMIT = 1024,
    NAME_LIMIT = 255,
    DEPTH_MAX = 64,
    ZEROES_MAX = 65536
};

typedef enum { DIRECTORY, REGULAR, SYMLINK, DEVICE, DENIED } NodeKind;

typedef struct Node Node;
struct Node {
    NodeKind kind;
    Node *parent;         /* the root's is itself */
    GHashTable *children; /* name -> Node; directories */
    GString *data;        /* contents or target */
    guint mode;
    guint32 uid, gid;
    bool can_read, can_write;
};

struct HostTree {
    Node *root;
    unsigned n_nodes;
};

static void
node_free(gpointer data)
{
    Node *node = data;

    if (node->children != NULL)
        g_hash_table_destroy(node->children);
    if (node->data != NULL)
        g_string_free(node->data, TRUE);
    g_free(node);
}

static Node *
node_new(HostTree *tree, Node *parent, NodeKind kind)
{
    Node *node = g_new0(Node, 1);

    node->kind = kind;
    node->parent = parent != NULL ? parent : node;
    node->mode = kind == DIRECTORY ? 0755 : 0644;
    node->can_read = true;
    if (kind == DIRECTORY)
        node->children =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, node_free);
    else
        node->data = g_string_new(NULL);
    tree->n_nodes++;
    return node;
}

/* ---- looking up ---------------------------------------------------------- */

static Node *walk(Node *root, Node *at, const char *path, bool follow_last,
                  unsigned *links);

static Node *
step(Node *root, Node *at, const char *name, bool follow, unsigned *links)
{
    if (*name == '\0' || strcmp(name, ".") == 0)
        return at;
    if (strcmp(name, "..") == 0)
        return at->parent;
    Node *child =
        at->kind == DIRECTORY ? g_hash_table_lookup(at->children, name) : NULL;
    if (child == NULL || child->kind != SYMLINK || !follow)
        return child;
    if (++*links > LINKS_MAX)
        return NULL;
    return walk(root, at, child->data->str, true, links);
}

static Node *
walk(Node *root, Node *at, const char *path, bool follow_last, unsigned *links)
{
    char name[NAME_LIMIT + 1];

    if (*path == '/')
        at = root;
    while (at != NULL && *path != '\0') {
        gsize len = strcspn(path, "/");
        if (len > NAME_LIMIT)
            return NULL;
        memcpy(name, path, len);
        name[len] = '\0';
        path += len;
        bool last = *path == '\0';
        path += strspn(path, "/");
        at = step(root, at, name, !last || follow_last, links);
    }
    return at;
}

static Node *
find(const HostTree *tree, const char *path, bool follow)
{
    unsigned links = 0;
    return walk(tree->root, tree->root, path, follow, &links);
}

bool
host_tree_stat(const HostTree *tree, const char *path, HostNode *ret)
{
    const Node *node = find(tree, path, true);

    if (node == NULL)
        return false;
    *ret = (HostNode){.kind = node->kind == DIRECTORY ? HOST_NODE_DIR
                              : node->kind == DEVICE  ? HOST_NODE_DEVICE
                                                      : HOST_NODE_FILE,
                      .mode = node->mode,
                      .uid = node->uid,
                      .gid = node->gid,
                      .can_read = node->can_read,
                      .can_write = node->can_write};
    return true;
}

const char *
host_tree_data(const HostTree *tree, const char *path, gsize *ret_len)
{
    const Node *node = find(tree, path, true);

    if (node == NULL || node->kind != REGULAR) {
        errno = node == NULL ? ENOENT : node->kind == DENIED ? EACCES : EINVAL;
        return NULL;
    }
    *ret_len = node->data->len;
    return node->data->str;
}

const char *
host_tree_link(const HostTree *tree, const char *path)
{
    const Node *node = find(tree, path, false);
    return node != NULL && node->kind == SYMLINK ? node->data->str : NULL;
}

GPtrArray *
host_tree_names(const HostTree *tree, const char *path)
{
    GPtrArray *names = g_ptr_array_new();
    const Node *node = find(tree, path, true);
    GHashTableIter iter;
    gpointer name;

    if (node == NULL || node->kind != DIRECTORY)
        return names;
    g_hash_table_iter_init(&iter, node->children);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_ptr_array_add(names, g_strdup(name));
    return names;
}

void
host_tree_free(HostTree *tree)
{
    if (tree == NULL)
        return;
    node_free(tree->root);
    g_free(tree);
}

/* ---- parsing ------------------------------------------------------------- */

typedef struct {
    HostTree *tree;
    GString *base; /* of relative names: "" or "/sys/..." */
    Node *text;    /* the T that takes lines behind a tab, or NULL */
    unsigned line;
    GError **error;
} Parser;

static bool
malformed(Parser *p, const char *what)
{
    g_set_error(p->error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_FORMAT,
                "line %u of the recording: %s", p->line, what);
    return false;
}

/* A name as a path from the root that is plain: no "..", no empty parts. */
static bool
full_path(Parser *p, const char *name, gsize len, GString *out)
{
    g_string_truncate(out, 0);
    if (len == 0 || memchr(name, '\0', len) != NULL)
        return malformed(p, "a name is missing");
    if (*name != '/')
        g_string_append_printf(out, "%s/", p->base->str);
    g_string_append_len(out, name, (gssize) len);
    if (*out->str != '/')
        g_string_prepend_c(out, '/');
    if (out->len > PATH_LIMIT)
        return malformed(p, "a name is too long");
    for (const char *at = out->str; *at != '\0';) {
        gsize n = strcspn(++at, "/");
        if (n == 0 || n > NAME_LIMIT || (n == 1 && *at == '.') ||
            (n == 2 && strncmp(at, "..", 2) == 0))
            return malformed(p, "a name has an empty or a dotted part");
        at += n;
    }
    return true;
}

/* Makes path and the directories above it; NULL: reported. */
static Node *
make(Parser *p, const char *path, NodeKind kind)
{
    Node *at = p->tree->root;
    unsigned depth = 0;

    while (*path != '\0') {
        gsize len = strcspn(++path, "/");
        g_autofree char *name = g_strndup(path, len);
        path += len;
        if (at->kind != DIRECTORY || ++depth > DEPTH_MAX) {
            malformed(p, "a name lies below what is no directory, or too deep");
            return NULL;
        }
        Node *child = g_hash_table_lookup(at->children, name);
        bool last = *path == '\0';
        if (child != NULL && last &&
            (kind != DIRECTORY || child->kind != kind)) {
            malformed(p, "a name comes twice");
            return NULL;
        }
        if (child == NULL) {
            if (p->tree->n_nodes >= HOST_RECORD_MAX_NODES) {
                malformed(p, "there are too many names");
                return NULL;
            }
            child = node_new(p->tree, at, last ? kind : DIRECTORY);
            g_hash_table_insert(at->children, g_steal_pointer(&name), child);
        }
        at = child;
    }
    return at;
}

/* "+N": N bytes of zero. Returns what follows, NULL: malformed. */
static const char *
take_zeroes(Node *node, const char *at, const char *end)
{
    gsize n = 0;

    for (at++; at < end && g_ascii_isdigit(*at); at++) {
        n = n * 10 + (gsize) g_ascii_digit_value(*at);
        if (n > ZEROES_MAX)
            return NULL;
    }
    if (n == 0 || node->data->len > ZEROES_MAX)
        return NULL;
    gsize old = node->data->len;
    g_string_set_size(node->data, old + n);
    memset(node->data->str + old, 0, n);
    return at;
}

static bool
take_hex(Parser *p, Node *node, const char *text, gsize len)
{
    const char *end = text + len;

    for (const char *at = text; at != NULL && at < end;) {
        if (*at == ' ') {
            at++;
        } else if (*at == '+') {
            at = take_zeroes(node, at, end);
        } else if (end - at >= 2 && g_ascii_isxdigit(at[0]) &&
                   g_ascii_isxdigit(at[1])) {
            g_string_append_c(node->data,
                              (char) (g_ascii_xdigit_value(at[0]) << 4 |
                                      g_ascii_xdigit_value(at[1])));
            at += 2;
        } else {
            at = NULL;
        }
        if (at == NULL)
            return malformed(p, "bytes are pairs of hexadecimal digits, or a "
                                "number of zeroes, such as +100");
    }
    return true;
}

static bool
take_node(Parser *p, Node *node, const char *text, gsize len)
{
    g_autofree char *rest = g_strndup(text, len);
    char access[3] = "";
    unsigned mode = 0, uid = 0, gid = 0;

    int n = sscanf(rest, "%4o %9u %9u %2s", &mode, &uid, &gid, access);
    if (n < 1 || mode > 07777)
        return malformed(p, "a mode is missing, such as 660");
    node->mode = mode;
    node->uid = uid;
    node->gid = gid;
    node->can_read = strchr(access, 'r') != NULL;
    node->can_write = strchr(access, 'w') != NULL;
    return true;
}

static bool
take_entry(Parser *p, Node *node, char kind, const char *rest, gsize len)
{
    switch (kind) {
    case 'F':
        g_string_append_len(node->data, rest, (gssize) len);
        g_string_append_c(node->data, '\n');
        return true;
    case 'T': p->text = node; return true;
    case 'X': return take_hex(p, node, rest, len);
    case 'L':
        if (len == 0 || len > PATH_LIMIT || memchr(rest, '\0', len) != NULL)
            return malformed(p, "a link's target is missing or too long");
        g_string_append_len(node->data, rest, (gssize) len);
        return true;
    case 'N':
    case 'P': return take_node(p, node, rest, len);
    default: return true;
    }
}

static bool
take_line(Parser *p, const char *line, gsize len)
{
    static const char letters[] = "DFTXLNP";
    static const NodeKind kinds[] = {DIRECTORY, REGULAR, REGULAR, REGULAR,
                                     SYMLINK,   DEVICE,  DENIED};

    if (len > 0 && *line == '\t') {
        if (p->text == NULL)
            return malformed(p, "a line behind a tab belongs to no file");
        g_string_append_len(p->text->data, line + 1, (gssize) len - 1);
        g_string_append_c(p->text->data, '\n');
        return true;
    }
    p->text = NULL;
    if (len == 0 || *line == '#')
        return true;
    const char *letter = strchr(letters, *line);
    if (len < 3 || line[1] != ' ' || (letter == NULL && *line != '@') ||
        *line == '\0')
        return malformed(p, "it begins with none of @ D F T X L N P # or tab");
    const char *name = line + 2, *end = line + len;
    const char *blank = memchr(name, ' ', (gsize) (end - name));
    gsize name_len = (gsize) ((blank != NULL ? blank : end) - name);
    const char *rest = blank != NULL ? blank + 1 : end;
    g_autoptr(GString) path = g_string_new(NULL);
    if (*line == '@')
        g_string_truncate(p->base, 0);
    if (*line == '@' && name_len == 1 && *name == '/')
        return true;
    if (!full_path(p, name, name_len, path))
        return false;
    if (*line == '@') {
        g_string_assign(p->base, path->str);
        return true;
    }
    Node *node = make(p, path->str, kinds[letter - letters]);
    return node != NULL &&
           take_entry(p, node, *line, rest, (gsize) (end - rest));
}

HostTree *
host_tree_parse(const char *text, gsize len, GError **error)
{
    static const char magic[] = "carrel-host 1\n";
    g_autoptr(HostTree) tree = g_new0(HostTree, 1);
    g_autoptr(GString) base = g_string_new(NULL);
    Parser p = {.tree = tree, .base = base, .line = 1, .error = error};

    tree->root = node_new(tree, NULL, DIRECTORY);
    if (len > HOST_RECORD_MAX_BYTES || len < strlen(magic) ||
        memcmp(text, magic, strlen(magic)) != 0) {
        malformed(&p, "it does not begin with \"carrel-host 1\", or is longer "
                      "than 32 MiB");
        return NULL;
    }
    const char *at = text + strlen(magic), *end = text + len;
    while (at < end) {
        const char *stop = memchr(at, '\n', (gsize) (end - at));
        gsize n = (gsize) ((stop != NULL ? stop : end) - at);
        p.line++;
        if (!take_line(&p, at, n))
            return NULL;
        at += n + 1;
    }
    return g_steal_pointer(&tree);
}

HostRoot *
host_record_parse(const char *text, gsize len, GError **error)
{
    HostTree *tree = host_tree_parse(text, len, error);
    return tree != NULL ? host_root_new_tree(tree, "recording") : NULL;
}

/* ---- expanding ----------------------------------------------------------- */

static bool
expand_node(const Node *node, const char *path, GError **error)
{
    GHashTableIter iter;
    gpointer name, child;

    if (node->kind == SYMLINK || node->kind == DIRECTORY) {
        int rc = node->kind == SYMLINK ? symlink(node->data->str, path)
                                       : g_mkdir_with_parents(path, 0755);
        if (rc != 0) {
            g_set_error(error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_READ,
                        "cannot make %s: %s", path, g_strerror(errno));
            return false;
        }
    } else if (!g_file_set_contents(path, node->data->str,
                                    (gssize) node->data->len, error)) {
        return false;
    } else if (chmod(path, node->mode) != 0) {
        g_set_error(error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_READ,
                    "cannot set the mode of %s: %s", path, g_strerror(errno));
        return false;
    }
    if (node->kind != DIRECTORY)
        return true;
    g_hash_table_iter_init(&iter, node->children);
    while (g_hash_table_iter_next(&iter, &name, &child)) {
        g_autofree char *below = g_build_filename(path, name, NULL);
        if (!expand_node(child, below, error))
            return false;
    }
    return true;
}

bool
host_record_expand(const char *text, gsize len, const char *dir, GError **error)
{
    g_autoptr(HostTree) tree = host_tree_parse(text, len, error);

    return tree != NULL && expand_node(tree->root, dir, error);
}
