#!/bin/sh
# Runs every test program and every test of the programs, and closes with the sum of their counts.
# usage: tests/run.sh BUILD_FOLDER
set -u
build=$1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
for t in "$build"/test-*; do
  [ -x "$t" ] && [ ! -d "$t" ] || continue
  echo "== ${t##*/}"
  "$t" > "$log.1" 2>&1 || status=1
  cat "$log.1"; cat "$log.1" >> "$log"; rm -f "$log.1"
done
if [ -e tests/cli/run.sh ]; then
  echo "== programs"
  sh tests/cli/run.sh "$build" > "$log.1" 2>&1 || status=1
  cat "$log.1"; cat "$log.1" >> "$log"; rm -f "$log.1"
fi
awk '/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p += $1; f += $3; s += $5 }
     END { printf "%d passed, %d failed, %d skipped\n", p, f, s }' "$log"
exit $status
