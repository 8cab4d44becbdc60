# score stopped by a signal: the same command goes on to the same bytes and figures.
. "$ROOT/tests/tools/stop/stop.inc"
in=$TINY/sampled.jsonl pairs=$TINY/pairs.jsonl
both() { score --reward-model "$TINY/rm" --ref "$TINY/base" "$@"; }
start() { begin score --reward-model "$TINY/rm" --ref "$TINY/base" "$@"; }
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
    expect_stderr "^score: $1: resuming after 10 records of an unfinished run\$"
    expect_stderr 'mean reward'
    same_tally
    cmp "$1" "whole${1#cut}"
    [ "$(leftovers "$1")" = 0 ]
  done
}
ok "each signal, plain" each_signal cut.jsonl
ok "each signal, zstd" each_signal cut.jsonl.zst

several() {
  rm -f cut.*
  for n in 2 3 9 10 20; do
    start --threads $((n % 3 + 1)) --micro-batch-tokens $((n * n)) -o "$1"
    give $n "$in"
    asleep
    stopped TERM $n "$1"
  done
  expect_status 0 both --micro-batch-tokens 37 "$in" -o "$1"
  same_tally
  cmp "$1" "whole${1#cut}"
}
ok "several stops, plain" several cut.jsonl
ok "several stops, zstd" several cut.jsonl.zst

of_pairs() {
  score --reward-model "$TINY/rm" "$pairs" -o whole.pairs 2> undisturbed
  begin score --reward-model "$TINY/rm" -o cut.pairs
  give 10 "$pairs"
  asleep
  stopped TERM 10 cut.pairs
  expect_status 0 score --reward-model "$TINY/rm" "$pairs" -o cut.pairs
  expect_stderr 'accuracy .* on 24 pairs'
  same_tally
  cmp cut.pairs whole.pairs
}
ok "pairs, with their accuracy over all of them" of_pairs

several_models() {  # of trajectories and pairs
  { head -n 9 "$in"; cat "$pairs"; } > kinds.jsonl
  score --reward-model "$TINY/rm" --reward-model "again=$TINY/rm" kinds.jsonl -o whole.two 2> undisturbed
  begin score --reward-model "$TINY/rm" --reward-model "again=$TINY/rm" -o cut.two
  give 15 kinds.jsonl
  asleep
  stopped TERM 15 cut.two
  expect_status 0 score --reward-model "$TINY/rm" --reward-model "again=$TINY/rm" kinds.jsonl -o cut.two
  expect_stderr 'resuming after 15 records'
  same_tally
  cmp cut.two whole.two
}
ok "with several reward models" several_models

mixed() {  # pairs among trajectories, some of another tokenizer, and a field that is there before
  {
    sed 's/"tokenizer":"[^"]*"/"tokenizer":"00"/' "$in" | head -n 6
    jq -c '.reward = 5' "$in" | tail -n 6
    head -n 6 "$pairs"
  } | sort > mixed.jsonl
  score --reward-model "$TINY/rm" mixed.jsonl -o whole.mixed 2> undisturbed
  begin score --reward-model "$TINY/rm" -o cut.mixed
  give 15 mixed.jsonl
  asleep
  stopped USR1 15 cut.mixed
  expect_status 0 score --reward-model "$TINY/rm" mixed.jsonl -o cut.mixed
  expect_stderr '^score: 6 trajectories of another tokenizer encoded again'
  same_tally
  cmp cut.mixed whole.mixed
}
ok "pairs and trajectories, encoded again or scored before" mixed

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

streams() {
  start -z
  give 5 "$in"
  asleep
  stop TERM
  [ "$status" = 75 ]
  expect_stderr '^score: error: stdout: stopped after 5 records: incomplete$'
  mv out stream.zst
  refused 65 'end mark is missing' label --by reward stream.zst
}
ok "a stream ends without its mark, and words say so" streams

as_they_come() {
  output_pipe
  start -o named
  give 3 "$in"
  asleep
  has_come 3 ''
  sed -n 4,9p "$in" >&9
  asleep
  has_come 9 ''
  ends
  [ "$status" = 0 ]
  wait "$taker"
  head -n 9 whole.jsonl | cmp - taken
}
ok "a record is scored before the next is there" as_they_come

# changed KEPT JQ_FILTER, as of rollout: behind 10 records.
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
ok "a field that passes through is another" changed 8 'if input_line_number == 9 then .own = 1 else . end'
ok "records are in another order" changed 0 'if input_line_number == 1 then .id = "x" else . end'
ok "there are fewer" changed 4 'select(input_line_number <= 4)'

twice() {
  start -o twice.jsonl
  give 10 "$in"
  asleep
  stopped TERM 10 twice.jsonl
  sed 12p "$in" > double.jsonl
  refused 65 'record 13: duplicate id .*' both double.jsonl -o twice.jsonl
  { cat "$in"; sed -n 2p "$in"; } > double.jsonl
  refused 65 'record 25: duplicate id .*' both double.jsonl -o twice.jsonl
  expect_status 0 both "$in" -o twice.jsonl
  expect_stderr 'resuming after'
  cmp twice.jsonl whole.jsonl
}
ok "an id that comes twice is found, also one that was kept" twice

other_models() {
  start -o other.jsonl
  give 10 "$in"
  asleep
  stopped TERM 10 other.jsonl
  expect_status 0 score --reward-model "$TINY/rm" "$in" -o other.jsonl
  if grep -E 'resuming|warning' err; then return 1; fi
  score -q --reward-model "$TINY/rm" "$in" | cmp - other.jsonl
}
ok "other models begin anew" other_models
