/* app/sandbox/sandbox-compile.c - a program of the build: the tables as filters
 * for the kernel, in C. libseccomp needs milliseconds for that, which every
 * start of a machine would have to spend. */
#include "app/sandbox/sandbox-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>

#define SOCKET_TYPE 0xfu /* without SOCK_CLOEXEC and SOCK_NONBLOCK */

/* clang-format off */
static const struct {
    unsigned n;
    struct scmp_arg_cmp args[2];
} checks[] = {
    [SANDBOX_ANY]           = { 0, { { 0 } } },
    [SANDBOX_NOT_EXEC]      = { 1, { { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } } },
    [SANDBOX_NOT_WRITE]     = { 1, { { 2, SCMP_CMP_MASKED_EQ, PROT_WRITE, 0 } } },
    [SANDBOX_THREAD]        = { 1, { { 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD } } },
    [SANDBOX_OWN]           = { 1, { { 0, SCMP_CMP_EQ, SANDBOX_OWN_MARK, 0 } } },
    [SANDBOX_AF_UNIX]       = { 1, { { 0, SCMP_CMP_EQ, AF_UNIX, 0 } } },
    [SANDBOX_NETLINK_ROUTE] = { 2, { { 0, SCMP_CMP_EQ, AF_NETLINK, 0 },
                                     { 2, SCMP_CMP_EQ, NETLINK_ROUTE, 0 } } },
    [SANDBOX_INET_STREAM]   = { 2, { { 0, SCMP_CMP_EQ, AF_INET, 0 },
                                     { 1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE, SOCK_STREAM } } },
    [SANDBOX_INET_DGRAM]    = { 2, { { 0, SCMP_CMP_EQ, AF_INET, 0 },
                                     { 1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE, SOCK_DGRAM } } },
    [SANDBOX_INET6_STREAM]  = { 2, { { 0, SCMP_CMP_EQ, AF_INET6, 0 },
                                     { 1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE, SOCK_STREAM } } },
    [SANDBOX_INET6_DGRAM]   = { 2, { { 0, SCMP_CMP_EQ, AF_INET6, 0 },
                                     { 1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE, SOCK_DGRAM } } },
    [SANDBOX_READ_ONLY]     = { 1, { { 2, SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY } } },
    [SANDBOX_STDERR]        = { 1, { { 0, SCMP_CMP_EQ, STDERR_FILENO, 0 } } },
};
/* clang-format on */

static int
add_call(scmp_filter_ctx filter, const SandboxRule *rule, const char *name)
{
    struct scmp_arg_cmp args[2];
    unsigned n = checks[rule->check].n;
    int number = seccomp_syscall_resolve_name(name);
    guint32 action =
        rule->refuse == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(rule->refuse);

    if (number < 0) /* not on this architecture */
        return 0;
    memcpy(args, checks[rule->check].args, sizeof args);
    if (rule->check == SANDBOX_READ_ONLY && strcmp(name, "open") == 0)
        args[0].arg = 1; /* of open(); of openat() it is 2 */
    return seccomp_rule_add_array(filter, action, number, n, args);
}

static int
add_rule(scmp_filter_ctx filter, const SandboxRule *rule)
{
    g_auto(GStrv) names = g_strsplit(rule->names, " ", -1);
    int rc = 0;

    for (gsize i = 0; rc == 0 && names[i] != NULL; i++)
        rc = add_call(filter, rule, names[i]);
    return rc;
}

static int
make_filter(scmp_filter_ctx filter, SandboxClass kind)
{
    int rc = 0;

    for (unsigned i = 0; rc == 0 && i < sandbox_n_rules; i++)
        if (sandbox_rules[i].kinds & SANDBOX_BIT(kind))
            rc = add_rule(filter, &sandbox_rules[i]);
    /* calls of other architectures have other numbers */
    if (rc == 0)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
                              SCMP_ACT_KILL_PROCESS);
    /* a tree: a call is found in a few steps; older libraries have a list */
    if (rc == 0)
        (void) seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return rc;
}

static bool
print_filter(FILE *bpf, SandboxClass kind)
{
    struct sock_filter code;

    printf("static const struct sock_filter filter_%d[] = {\n", (int) kind);
    rewind(bpf);
    while (fread(&code, sizeof code, 1, bpf) == 1)
        printf("    {0x%02x, %u, %u, 0x%08x},\n", code.code, code.jt, code.jf,
               code.k);
    printf("};\n\n");
    return ferror(bpf) == 0;
}

static bool
compile(SandboxClass kind)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
    FILE *bpf = tmpfile();
    bool ok = filter != NULL && bpf != NULL && make_filter(filter, kind) == 0 &&
              seccomp_export_bpf(filter, fileno(bpf)) == 0 &&
              print_filter(bpf, kind);

    if (bpf != NULL)
        (void) fclose(bpf);
    if (filter != NULL)
        seccomp_release(filter);
    return ok;
}

int
main(void)
{
    printf("/* Made by sandbox-compile. */\n"
           "#include \"app/sandbox/sandbox-internal.h\"\n\n");
    for (int kind = 0; kind < SANDBOX_CLASSES; kind++)
        if (!compile((SandboxClass) kind))
            return 1;
    printf("const SandboxFilter sandbox_filters[SANDBOX_CLASSES] = {\n");
    for (int kind = 0; kind < SANDBOX_CLASSES; kind++)
        printf("    {filter_%d, G_N_ELEMENTS(filter_%d)},\n", kind, kind);
    printf("};\n");
    return 0;
}
