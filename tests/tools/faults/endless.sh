# Lines without end and zip bombs: 65 at the stated limit, within bounded memory.
. "$ROOT/tests/tools/tiny.inc"
needs prlimit zstd peek label ppo-step kl-report
# An address sanitizer maps terabytes, which no limit leaves it.
prlimit --as=1000000000 label --version > out 2>&1 || skip "the programs need much address space here"

head -c 400000000 /dev/zero | tr '\0' a > endless
{ head -n 2 "$TINY/scored.jsonl" && cat endless; } > behind
zstd -q --long=27 endless -o bomb.zst  # with the largest window that zstd takes unasked
[ "$(wc -c < bomb.zst)" -lt 100000 ]
# A quarter of a line's limit in each of many frames, of which none ends its line.
head -c 16000000 endless | zstd -q > piece.zst
for _ in 1 2 3 4 5 6 7 8 9 10; do cat piece.zst; done > frames.zst

bounded() { prlimit --as=1000000000 "$@"; }
run() {
  case $1 in
    sft-train) bounded sft-train -q --init "$TINY/base" "$2" -o made ;;
    rm-train) bounded rm-train -q --init "$TINY/base" "$2" -o made ;;
    rollout) bounded rollout -q --policy "$TINY/p0" "$2" -o made ;;
    score) bounded score -q --reward-model "$TINY/rm" "$2" -o made ;;
    label) bounded label -q --by reward "$2" -o made ;;
    ppo-step) bounded ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" "$2" -o made ;;
    kl-report) bounded kl-report -q "$2" ;;
    peek) bounded peek -q "$2" ;;
  esac
}
# refuses PROGRAM INPUT RECORDS: so many came before.
refuses() {
  expect_status 65 run "$1" "$2"
  expect_stderr "^$1: error: $2: after record $3, byte [0-9]*: a line is longer than 67108864 bytes"
  [ ! -e made ] && [ -z "$(ls -d .made* 2> /dev/null)" ]
}
for p in $(programs | grep -v '^chart$'); do
  ok "$p: a line without end" refuses $p endless 0
  ok "$p: a zip bomb" refuses $p bomb.zst 0
done
table() {
  expect_status 65 bounded chart "$1"
  expect_stderr "^chart: error: $2"
  [ ! -s out ]
}
ok "chart: a table without end" table endless 'endless: is larger than 67108864 bytes'
ok "chart: no table" table bomb.zst 'bomb.zst: line 1: '
ok "behind whole records" refuses peek behind 2
ok "frames that never end their line" refuses peek frames.zst 0
