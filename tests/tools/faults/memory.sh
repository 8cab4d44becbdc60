# Memory that the system refuses: 71 and no output, whatever it is refused for; with more, the same bytes.
. "$ROOT/tests/tools/tiny.inc"
needs label peek sft-train prlimit zstd
# An address sanitizer maps terabytes, which no limit leaves it.
prlimit --as=1000000000 label --version > out 2>&1 || skip "the programs need much address space here"

# refused_below STEP COMMAND...: under address spaces that grow by STEP KiB, until one suffices. What is below 8 MB the
# loader needs. With some tens of KiB more than that, the libraries' initialisers find none, before there is a main that
# could say so: CLI11's throw, and not even the exception can be had.
refused_below() {
  step=$1
  shift
  space=8000 refusals=0
  while rm -rf made && status_of prlimit --as=$((space * 1024)) "$@" && [ "$status" != 0 ]; do
    if [ "$status" = 134 ] && [ $refusals = 0 ] && grep -qx 'terminate called without an active exception' err; then
      [ ! -e made ] && [ -z "$(ls -d .made* 2> /dev/null)" ] || { echo "something was left"; return 1; }
    elif [ "$status" != 127 ]; then
      [ "$status" = 71 ] || { echo "status $status under $space KiB"; cat err; return 1; }
      expect_stderr "^$1: error: .*memory"
      [ ! -e made ] && [ -z "$(ls -d .made* 2> /dev/null)" ] || { echo "something was left"; return 1; }
      refusals=$((refusals + 1))
    fi
    space=$((space + step))
    [ $space -lt 1000000 ] || { echo "1 GB does not suffice"; return 1; }
  done
  [ $refusals -gt 0 ] || { echo "it was never refused"; return 1; }
}
awk 'BEGIN { for (i = 0; i < 6000; ++i) for (k = 0; k < 2; ++k)
  printf "{\"id\":\"g%d/%d\",\"group\":\"g%d\",\"prompt\":\"p\",\"response\":\"answer %d to %d\",\"reward\":%d}\n", \
    i, k, i, k, i * i, k }' > many.jsonl
zstd -q many.jsonl

reading() { refused_below 512 peek many.jsonl.zst; }
writing() {
  label -q --by reward many.jsonl -z -o whole
  refused_below 512 label -q --by reward many.jsonl -z -o made
  expect_same whole made
}
training() {
  sft-train -q --init "$TINY/base" "$TINY/answers.jsonl" -o whole.folder
  refused_below 2048 sft-train -q --init "$TINY/base" "$TINY/answers.jsonl" -o made
  diff -r whole.folder made
}
ok "reading" reading
ok "writing" writing
ok "training" training
