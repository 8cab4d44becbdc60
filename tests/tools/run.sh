#!/bin/sh
# Runs the tests of the programs: tests/tools/AREA/NAME.sh, described in tests/tools/lib.sh, several at a time. Prints
# what failed and closes with "N passed, N failed, N skipped".
# usage: tests/tools/run.sh BUILD_FOLDER [PATTERN]   (PATTERN selects by AREA/NAME, such as 'common/*')
# JOBS in the environment: how many run at a time; by default one more than there are processors.
set -u
[ $# -ge 1 ] || { echo "usage: tests/tools/run.sh BUILD_FOLDER [PATTERN]" >&2; exit 64; }
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BIN=$(cd "$1/bin" && pwd) || exit 66
pattern=${2:-*}
PATH=$BIN:$PATH
LC_ALL=C.UTF-8
SHELL=/bin/sh
export ROOT BIN PATH LC_ALL SHELL
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
trap 'exit 75' INT TERM

for path in "$ROOT"/tests/tools/*/*.sh; do
  name=${path#"$ROOT"/tests/tools/}
  name=${name%.sh}
  # shellcheck disable=SC2254
  case $name in $pattern) echo "$name" ;; esac
done > "$results/found"
# Those that take longest begin first, so that the end isn't one of them alone.
longest='^(ranks|demo|docs|resume)/'
{ grep -E "$longest" "$results/found"; grep -vE "$longest" "$results/found"; } > "$results/names"
xargs -r -P "${JOBS:-$(($(nproc) + 1))}" -n 1 sh "$ROOT/tests/tools/one.sh" "$results" < "$results/names"
while read -r name; do
  out=$results/$(echo "$name" | tr / .)
  [ ! -e "$out.report" ] || cat "$out.report" >&2
  [ -e "$out.counts" ] || { echo "FAILED: $name ended without a count" >&2; echo 0 1 0; continue; }
  cat "$out.counts"
done < "$results/names" 2>&1 > "$results/counts"
awk '{ p += $1; f += $2; s += $3 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit (f > 0) }' \
  "$results/counts"
