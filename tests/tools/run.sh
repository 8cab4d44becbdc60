#!/bin/sh
# Runs the tests of the programs: tests/tools/AREA/NAME.sh, described in tests/tools/lib.sh. Prints what failed and
# closes with "N passed, N failed, N skipped".
# usage: tests/tools/run.sh BUILD_FOLDER [PATTERN]   (PATTERN selects by AREA/NAME, such as 'common/*')
set -u
[ $# -ge 1 ] || { echo "usage: tests/tools/run.sh BUILD_FOLDER [PATTERN]" >&2; exit 64; }
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BIN=$(cd "$1/bin" && pwd) || exit 66
pattern=${2:-*}
PATH=$BIN:$PATH
LC_ALL=C.UTF-8
SHELL=/bin/sh
export ROOT BIN PATH LC_ALL SHELL
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 75' INT TERM
CASES=$scratch/cases
export CASES
passed=0 failed=0 skipped=0
limit=300  # seconds for a script
[ -z "${NUDGE_CHECK_FAULTS:-}${NUDGE_CHECK_OLD_CPU:-}${NUDGE_CHECK_SLURM:-}" ] || limit=3000

same_as_file() {  # expected actual what
  [ -e "$1" ] || return 0
  cmp -s "$1" "$2" && return 0
  echo "$3 differs from ${1#"$ROOT"/}:" >> "$scratch/report"
  diff "$1" "$2" | head -40 >> "$scratch/report"
  return 1
}

run_script() {  # path name
  rm -rf "$scratch/work" && mkdir "$scratch/work" && : > "$CASES" && : > "$scratch/report"
  (cd "$scratch/work" && exec timeout -k 10 $limit sh -euc '. "$ROOT/tests/tools/lib.sh"; . "$1"' sh "$1") \
    > "$scratch/stdout" 2> "$scratch/stderr" < /dev/null
  status=$?
  if [ $status = 77 ]; then
    skipped=$((skipped + 1))
    echo "$2: $(tail -n 1 "$scratch/stdout")"
    return
  fi
  [ $status = 0 ] || echo "status $status" >> "$scratch/report"
  [ $status != 124 ] || echo "it ran longer than $limit s" >> "$scratch/report"
  same_as_file "${1%.sh}.out" "$scratch/stdout" stdout
  same_as_file "${1%.sh}.err" "$scratch/stderr" stderr
  good=$(grep -c passed "$CASES")
  bad=$(grep -c failed "$CASES")
  [ ! -s "$scratch/report" ] || bad=$((bad + 1))
  [ $((good + bad)) != 0 ] || good=1
  passed=$((passed + good)) failed=$((failed + bad))
  [ "$bad" = 0 ] && return
  echo "FAILED: $2"
  sed 's/^/  /' "$scratch/report" "$scratch/stdout" "$scratch/stderr"
}

for path in "$ROOT"/tests/tools/*/*.sh; do
  [ -e "$path" ] || continue
  name=${path#"$ROOT"/tests/tools/}
  name=${name%.sh}
  # shellcheck disable=SC2254
  case $name in $pattern) run_script "$path" "$name" ;; esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
