#!/bin/sh
# Runs one test of the programs for run.sh, in a folder of its own.
# usage: one.sh RESULTS NAME   (NAME is AREA/NAME). Leaves RESULTS/AREA.NAME.report, what there is to say, and
# RESULTS/AREA.NAME.counts, "PASSED FAILED SKIPPED".
results=$1 name=${2:?}
path=$ROOT/tests/tools/$name.sh
out=$results/$(echo "$name" | tr / .)
mkdir -p "$out/work"
CASES=$out/cases
SHARED=$results  # for what several scripts use
export CASES SHARED
: > "$CASES"
: > "$out/faults"
limit=300  # seconds for a script
[ -z "${NUDGE_CHECK_FAULTS:-}${NUDGE_CHECK_OLD_CPU:-}${NUDGE_CHECK_SLURM:-}${NUDGE_CHECK_ARM64:-}" ] || limit=3000

same_as_file() {  # expected actual what
  [ -e "$1" ] || return 0
  cmp -s "$1" "$2" && return 0
  echo "$3 differs from ${1#"$ROOT"/}:" >> "$out/faults"
  diff "$1" "$2" | head -40 >> "$out/faults"
}

finish() {  # passed failed skipped
  echo "$1 $2 $3" > "$out.counts"
  rm -rf "$out"
  exit 0
}

(cd "$out/work" && exec timeout -k 10 $limit sh -euc '. "$ROOT/tests/tools/lib.sh"; . "$1"' sh "$path") \
  > "$out/stdout" 2> "$out/stderr" < /dev/null
status=$?
if [ $status = 77 ]; then
  echo "$name: $(tail -n 1 "$out/stdout")" > "$out.report"
  finish 0 0 1
fi
[ $status = 0 ] || echo "status $status" >> "$out/faults"
[ $status != 124 ] || echo "it ran longer than $limit s" >> "$out/faults"
same_as_file "${path%.sh}.out" "$out/stdout" stdout
same_as_file "${path%.sh}.err" "$out/stderr" stderr
passed=$(grep -c '^passed' "$CASES")
failed=$(grep -c '^failed' "$CASES")
skipped=$(grep -c '^skipped' "$CASES")
[ ! -s "$out/faults" ] || failed=$((failed + 1))
[ $((passed + failed + skipped)) != 0 ] || passed=1
if [ "$failed" != 0 ]; then
  echo "FAILED: $name" | tee "$out.report"
  sed 's/^/  /' "$out/faults" "$out/stdout" "$out/stderr" >> "$out.report"
fi
[ "$skipped" = 0 ] || sed -n "s|^skipped|$name: &|p" "$CASES" >> "$out.report"
finish "$passed" "$failed" "$skipped"
