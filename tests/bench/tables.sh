#!/bin/sh
# All that the tables of docs/performance.md are filled with, in one file: BUILD/tables.md. One round of the peers; see
# peers.sh for NUDGE_PYTHON, PEERS and ROWS.
# usage: tests/bench/tables.sh BUILD     (make bench-tables, which has built what it runs)
set -eu
build=$1
PATH=$PWD/$build/bin:$PATH
{
  echo "commit $(git rev-parse --short HEAD 2> /dev/null)"
  make --no-print-directory bench bench-growth &&
    make --no-print-directory bench-peers ROUNDS=1 &&
    SIZE_PLAN='smollm2 qwen2 llama' bash docs/at-size.sh "$build/at-size" || echo '(failed)'
} | tee "$build/tables.md"
! grep -qx '(failed)' "$build/tables.md"
