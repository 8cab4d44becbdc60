#!/bin/sh
# Runs every test program and every test of the programs, and closes with the sum of their counts. What ends without
# a count, by a crash, is a failure.
# usage: tests/run.sh BUILD_FOLDER
set -u
build=$1
log=$(mktemp)
trap 'rm -f "$log" "$log.1"' EXIT
status=0
count='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'
run() {  # name command...
  name=$1
  shift
  echo "== $name"
  ended=0
  "$@" > "$log.1" 2>&1 || ended=$?
  [ "$ended" = 0 ] || status=1
  grep -Eq "$count" "$log.1" || {
    status=1
    echo "$name: ended with status $ended and no count" >> "$log.1"
    echo "0 passed, 1 failed, 0 skipped" >> "$log.1"
  }
  cat "$log.1"
  cat "$log.1" >> "$log"
}
found=0
for t in "$build"/test-*; do
  [ -x "$t" ] && [ ! -d "$t" ] || continue
  found=1
  run "${t##*/}" "$t"
done
[ ! -x "$build/test-law" ] || run "test-law in bf16" env NUDGE_TEST_DTYPE=bf16 "$build/test-law"
[ $found = 1 ] || { echo "no test programs in $build"; exit 1; }
[ ! -e tests/tools/run.sh ] || run programs sh tests/tools/run.sh "$build"
awk "/$count/"' { p += $1; f += $3; s += $5 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s }' "$log"
exit $status
