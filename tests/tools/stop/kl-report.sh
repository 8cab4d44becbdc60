# kl-report stopped by a signal: with -o the same command goes on to the same bytes, a report begins anew.
. "$ROOT/tests/tools/stop/stop.inc"
in=$TINY/sampled.jsonl
both() { kl-report --old "$TINY/p0" --new "$TINY/base" "$@"; }
start() { begin kl-report --old "$TINY/p0" --new "$TINY/base" "$@"; }
both "$in" -o whole.jsonl 2> undisturbed
both -q "$in" -o whole.jsonl.zst

each_signal() {
  for signal in TERM INT USR1; do
    rm -f "$1"
    start -o "$1"
    give 10 "$in"
    asleep
    stopped $signal 10 "$1"
    expect_status 0 both "$in" -o "$1"
    expect_stderr "^kl-report: $1: resuming after 10 records of an unfinished run\$"
    same_tally
    cmp "$1" "whole${1#cut}"
    [ "$(leftovers "$1")" = 0 ]
  done
}
ok "each signal, plain" each_signal cut.jsonl
ok "each signal, zstd" each_signal cut.jsonl.zst

several() {
  rm -f cut.jsonl.zst
  for n in 2 3 9 10 20; do
    start --threads $((n % 3 + 1)) -o cut.jsonl.zst
    give $n "$in"
    asleep
    stopped TERM $n cut.jsonl.zst
  done
  expect_status 0 both "$in" -o cut.jsonl.zst
  same_tally
  cmp cut.jsonl.zst whole.jsonl.zst
}
ok "several stops" several

of_a_shard() {
  both -q --shard 1/3 "$in" -o whole.shard.zst
  start --shard 1/3 -o cut.shard.zst
  give 20 "$in"
  asleep
  stopped TERM 7 cut.shard.zst
  expect_status 0 both --shard 1/3 "$in" -o cut.shard.zst
  expect_stderr 'resuming after 7 records'
  cmp cut.shard.zst whole.shard.zst
}
ok "a shard" of_a_shard

of_one_policy() {  # over records that hold another evaluation
  kl-report -q --new "$TINY/base" whole.jsonl -o whole.one
  begin kl-report --new "$TINY/base" -o cut.one
  give 9 whole.jsonl
  asleep
  stopped TERM 9 cut.one
  expect_status 0 kl-report --new "$TINY/base" whole.jsonl -o cut.one
  expect_stderr 'resuming after 9 records'
  cmp cut.one whole.one
}
ok "a new policy alone" of_one_policy

changed() {
  rm -f changed.*
  jq -c "$2" "$in" > changed.jsonl
  start -o changed.out.zst
  give 10 "$in"
  asleep
  stopped TERM 10 changed.out.zst
  expect_status 0 both changed.jsonl -o changed.out.zst
  expect_stderr "warning: changed.out.zst: the input no longer gives $((10 - $1)) records? of an unfinished run: they are recomputed"
  rm -f fresh.zst
  both -q changed.jsonl -o fresh.zst
  cmp changed.out.zst fresh.zst
}
ok "a response is another" changed 5 'if input_line_number == 6 then .response_ids[0] = 7 else . end'
ok "there are fewer" changed 4 'select(input_line_number <= 4)'

twice() {
  start -o twice.jsonl
  give 10 "$in"
  asleep
  stopped TERM 10 twice.jsonl
  { cat "$in"; sed -n 2p "$in"; } > double.jsonl
  refused 65 'record 25: duplicate id .*' both double.jsonl -o twice.jsonl
  expect_status 0 both "$in" -o twice.jsonl
  expect_stderr 'resuming after'
  cmp twice.jsonl whole.jsonl
}
ok "an id that comes twice is found, also one that was kept" twice

a_report() {
  start --html page.html
  give 10 "$in"
  asleep
  stop TERM
  [ "$status" = 75 ]
  expect_stderr '^kl-report: error: stopped after 10 responses: there is no report$'
  expect_stderr '^kl-report: hint: run the same command again; with -o FILE it resumes$'
  [ ! -s out ] && [ ! -e page.html ] && [ "$(leftovers page.html)" = 0 ]
}
ok "a report is there whole or not at all" a_report
