#!/bin/sh
# Runs fuzzers one after the other, each from its seeds and from what earlier runs found, in a memory of 1 GiB. What
# breaks a promise is left beside the program as crash-..., timeout-... or oom-..., to become a seed with its cure.
# usage: tests/fuzz/run.sh PROGRAM SECONDS [NAME...]
set -u
[ $# -ge 2 ] || { echo "usage: tests/fuzz/run.sh PROGRAM SECONDS [NAME...]" >&2; exit 64; }
program=$1 seconds=$2
shift 2
[ $# != 0 ] || set -- $(ls tests/fuzz/seeds)
status=0
for name in "$@"; do
  found=${program%/*}/fuzz-$name
  mkdir -p "$found/corpus"
  NUDGE_FUZZ=$name "$program" -max_total_time="$seconds" -rss_limit_mb=1024 -malloc_limit_mb=512 -timeout=20 \
    -max_len=16384 -print_final_stats=1 -artifact_prefix="$found/" "$found/corpus" "tests/fuzz/seeds/$name" \
    > "$found/log" 2>&1
  ended=$?
  awk -v name="$name" -v ended=$ended '
    /number_of_executed_units/ { runs = $2 } /peak_rss_mb/ { peak = $2 } / cov: / { sub(/.* cov: /, ""); edges = $1 }
    END { printf "%s: %s, %d inputs, %d edges, %d MB at most\n", name, ended ? "FAILED" : "passed", runs, edges, peak }
  ' "$found/log"
  [ $ended = 0 ] || { grep -E '^(=|SUMMARY|terminate|  what|.*runtime error)' "$found/log"; ls "$found"/*-* ; status=1; }
done
exit $status
