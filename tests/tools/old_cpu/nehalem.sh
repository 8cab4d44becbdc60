# As an emulated Nehalem, which lacks AVX2, programs that compute refuse in words; the others work.
needs qemu-x86_64 rollout
if sanitized; then skip "an emulated processor has no time for a sanitizer"; fi
. "$ROOT/tests/tools/tiny.inc"
old() { qemu-x86_64 -cpu Nehalem "$BIN/$1" $2; }
refuses() {
  expect_status 70 old "$1" --version
  expect_stderr "^$1: error: this processor lacks AVX2/FMA; nudge needs x86-64-v3\$"
  expect_stderr "^$1: hint: Intel's processors since Haswell and AMD's since Excavator have them\$"
}
for program in $(programs); do
  case $program in
    chart | label | peek) ok "$program works" expect_status 0 old "$program" "--version" ;;
    *) ok "$program refuses" refuses "$program" ;;
  esac
done
at_work() {
  expect_status 70 old rollout "--policy $TINY/p0 $TINY/prompts.jsonl -o out.jsonl"
  expect_stderr '^rollout: error: this processor lacks AVX2/FMA'
  [ ! -e out.jsonl ]
  expect_status 0 old peek "$TINY/prompts.jsonl"
}
ok "at work, too" at_work
