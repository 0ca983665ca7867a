#!/usr/bin/env bash
# What lib.sh promises of a test that ends early: a check that failed and a
# command that is not there fail the test, one that was asked for does not.
. "$(dirname "$0")/lib.sh"
lib=$(dirname "$0")/lib.sh

# ended STATUS SCRIPT - a test of these lines ends with this status and a plan.
ended() {
    local status=0
    bash -c '. "$1" "$2" none; eval "$3"' test "$lib" "$carrel" "$2" \
        >"$home/said" 2>/dev/null </dev/null || status=$?
    cat "$home/said"
    [ $status = "$1" ] && grep -q '^1\.\.[1-9]' "$home/said"
}

check "all is well" ended 0 'check a true; finish'
check "a check fails" ended 1 'check a false; check b true; finish'
check "a helper is gone" ended 1 \
    'check a true; exec 2>"$home/err"; waits_for_it || finish; finish'
check "a check's command is not there" ended 1 'check a no-such-program; finish'
check "a program may be missing" ended 0 \
    'check a true; no-such-program 2>/dev/null || finish'
finish
