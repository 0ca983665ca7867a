#!/bin/sh
# syscalls.sh CC... - the kernel's system calls by number, as a table in C.
set -eu
echo '/* made by syscalls.sh */'
echo '#include "app/sandbox/sandbox-internal.h"'
echo 'const char *const sandbox_syscalls[] = {'
echo '#include <sys/syscall.h>' | "$@" -E -dM -x c - |
    sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9][0-9]*\)$/    [\2] = "\1",/p' |
    sort -u
echo '};'
echo 'const unsigned sandbox_n_syscalls = G_N_ELEMENTS(sandbox_syscalls);'
