#!/usr/bin/env bash
# tests/bench/build-kvmtool.sh FOLDER - lkvm for the rows that have kvmtool.
#
# No distribution looked at packages kvmtool, so its source tree (git.kernel.org,
# pub/scm/linux/kernel/git/will/kvmtool.git) has to be there already and
# KVMTOOL_SOURCE names it. Builds a copy of it and leaves FOLDER/lkvm. Needs a
# compiler and make.
set -eu
if [ $# -ne 1 ] || [ -z "${KVMTOOL_SOURCE:-}" ]; then
    sed -n "2,7s/^# \{0,1\}//p" "$0" >&2
    exit 2
fi
[ -f "$KVMTOOL_SOURCE/builtin-run.c" ] ||
    { echo "build-kvmtool: no kvmtool source in $KVMTOOL_SOURCE" >&2 && exit 1; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
rm -rf "$folder/kvmtool"
cp -r "$KVMTOOL_SOURCE" "$folder/kvmtool"
make -s -C "$folder/kvmtool" -j"$(nproc)" lkvm
cp "$folder/kvmtool/lkvm" "$folder/lkvm"
ls -l "$folder/lkvm"
