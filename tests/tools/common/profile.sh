# Where a program's time goes: NUDGE_PROFILE=1 and -v -v print it on stderr, nothing else does, and no output changes.
. "$ROOT/tests/tools/tiny.inc"
roll() { rollout --policy "$TINY/p0" -n 3 --max-tokens 9 "$TINY/prompts.jsonl" "$@"; }
roll -q > plain.jsonl
unset NUDGE_PROFILE

# The lines of a profile in the file err: seconds and percents of the parts make up the whole.
adds_up() {
  sed -n 's/^[a-z-]*: profile of \([0-9.]*\) s; limits now: reading memory [1-9].*/\1/p' err > whole
  sed -n 's/^[a-z-]*:   \([a-z ]*[a-z]\)  *\([0-9.]*\) s  *\([0-9.]*\)%.*/\2 \3/p' err > parts
  [ "$(wc -l < whole)" = 1 ]
  [ "$(wc -l < parts)" -ge 3 ]
  awk 'NR == FNR { whole = $1; next } { s += $1; p += $2; n++ }
       END { d = s - whole; if (d < 0) d = -d; exit !(d <= 0.0005 * (n + 1) && p > 99 && p < 101) }' whole parts || {
    cat err; return 1; }
}
has_part() { grep -q "^[a-z-]*:   $1  *[0-9.]* s " err || { echo "no line: $1"; cat err; return 1; }; }

by_environment() {
  NUDGE_PROFILE=1 expect_status 0 roll
  cmp out plain.jsonl
  adds_up
  for part in 'products forward' 'attention forward' 'norms and elementwise' 'head and loss' sampling \
    'reading records' 'writing records' 'loading models' other; do has_part "$part"; done
  expect_stderr ', FMA [1-9][0-9.]* GFLOP/s$'
  expect_stderr '^rollout:   head and loss .* of the limit$'
  ! grep backward err || return 1
}
ok "NUDGE_PROFILE=1 prints the parts of a rollout, and the output is the same" by_environment
by_option() {
  for twice in '-v -v' -vv '--verbose --verbose'; do
    # shellcheck disable=SC2086
    expect_status 0 roll $twice
    cmp out plain.jsonl
    adds_up
    expect_stderr '^rollout: kernels: '
  done
}
ok "-v -v does as well" by_option
quiet() {
  NUDGE_PROFILE=1 expect_status 0 roll -q
  adds_up
  [ "$(grep -vc '^rollout: \(profile of\|  \)' err)" = 0 ]
}
ok "with -q it is all that is said" quiet
without() {
  for words in '' -v '-v -v --verbose=false'; do
    # shellcheck disable=SC2086
    NUDGE_PROFILE=0 expect_status 0 roll $words
    ! grep 'profile\|limit' err || return 1
  done
  NUDGE_PROFILE='' expect_status 0 roll
  expect_status 0 roll
  ! grep 'profile\|limit' err || return 1
}
ok "without them nothing is printed" without
training() {
  sft-train -q --init "$TINY/base" --epochs 1 "$TINY/answers.jsonl" -o plain
  NUDGE_PROFILE=1 expect_status 0 sft-train --init "$TINY/base" --epochs 1 "$TINY/answers.jsonl" -o profiled
  diff -r plain profiled
  adds_up
  for part in 'products backward' 'attention backward' optimizer 'saving models'; do has_part "$part"; done
}
ok "training has backward parts and an optimizer, and makes the same folder" training
no_kernels() {
  NUDGE_PROFILE=1 expect_status 0 peek "$TINY/sampled.jsonl"
  has_part 'reading records'
  ! grep FMA err || return 1
}
ok "a program without kernels has no limit of computing" no_kernels
