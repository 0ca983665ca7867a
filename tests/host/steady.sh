#!/usr/bin/env bash
# tests/host/steady.sh COMMAND... - runs a test; where the host's KVM emulates
# the guest's instructions (neither VT-x nor AMD-V, see lib.sh) one that failed
# is tried a second time: also the firmware's few steps may be late there. The
# first attempt is printed behind "# |".
set -u
if grep -qwE 'vmx|svm' /proc/cpuinfo; then
    exec "$@"
fi
said=$(mktemp)
trap 'rm -f "$said"' EXIT
"$@" >"$said" 2>&1
status=$?
if [ $status != 0 ]; then
    echo "# UNSTEADY: a host without VT-x or AMD-V; the first try:"
    sed 's/^/# | /' "$said"
    "$@" >"$said" 2>&1
    status=$?
fi
cat "$said"
exit $status
