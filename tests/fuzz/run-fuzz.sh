#!/bin/sh
# run-fuzz.sh TARGET [SEEDS] - one libFuzzer target for FUZZ_SECONDS (default
# 5) from its seeds; one TAP line. A crashing input is kept beside TARGET.
set -u
target=$1
name=$(basename "$target")
corpus=$(mktemp -d)
log=$(mktemp)
trap 'rm -rf "$corpus" "$log"' EXIT
shift
if [ "$#" -gt 0 ]; then cp "$1"/* "$corpus" 2>/dev/null; fi

if "$target" -max_total_time="${FUZZ_SECONDS:-5}" -timeout=10 \
    -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 -verbosity=1 \
    -artifact_prefix="$target-" "$corpus" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "ok 1 - $name: $runs inputs"
    status=0
else
    echo "not ok 1 - $name"
    grep -vE '^#|^INFO|^stat::' "$log" | tail -n 60 | sed 's/^/# /'
    status=1
fi
echo 1..1
exit $status
