#!/bin/sh
# Runs every test program and every test of the programs, and closes with the sum of their counts. What ends without
# a count, by a crash, is a failure.
# usage: tests/run.sh BUILD_FOLDER [PATTERN]   (PATTERN selects among the tests of the programs: tests/tools/run.sh)
# JOBS in the environment: how many of the latter run at a time; by default one more than there are processors.
set -u
build=$1
jobs=${JOBS:-$(($(nproc) + 1))}
root=$(cd "$(dirname "$0")/.." && pwd)
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
export count='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'

cat > "$results/one" <<'END'
out=$1/$2
case $2 in
  *-bf16) NUDGE_TEST_DTYPE=bf16 "$3/${2%-bf16}" ;;
  *) "$3/$2" ;;
esac > "$out" 2>&1
status=$?
if ! grep -Eq "$count" "$out"; then
  printf '%s: ended with status %s and no count\n0 passed, 1 failed, 0 skipped\n' "$2" $status >> "$out"
  status=1
fi
[ $status = 0 ] || : > "$1/failed"
END
for program in "$build"/test-*; do
  [ -x "$program" ] && [ ! -d "$program" ] || continue
  echo "${program##*/}"
  [ "${program##*/}" != test-law ] || echo test-law-bf16
done > "$results/names"
[ -s "$results/names" ] || { echo "no test programs in $build"; exit 1; }
# The test programs, one after the other, and beside them the programs' tests, many of which wait. The law's tests take
# longest, so they begin first.
(JOBS=$jobs sh "$root/tests/tools/run.sh" "$build" "${2:-*}" > "$results/programs" 2>&1 || : > "$results/failed") &
{ grep law "$results/names"; grep -v law "$results/names"; } |
  xargs -r -I NAME sh "$results/one" "$results" NAME "$build"
wait
while read -r name; do
  echo "== $name"
  cat "$results/$name"
done < "$results/names"
echo "== programs"
cat "$results/programs"
cat $(sed "s|^|$results/|" "$results/names") "$results/programs" > "$results/all"
without=$(grep -c 'skipped.*no oracle folder' "$results/all")
[ "$without" = 0 ] || echo "$without tests skipped: no oracle folder (../shared/oracle or NUDGE_ORACLE)"
awk "/$count/"' { p += $1; f += $3; s += $5 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s }' "$results/all"
[ ! -e "$results/failed" ]
