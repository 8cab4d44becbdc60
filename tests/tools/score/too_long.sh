# --too-long skip: pairs and trajectories that don't fit a model's context are left out, all of each.
. "$ROOT/tests/tools/stop/stop.inc"
rm=$TINY/rm base=$TINY/base
# Records 3, 7 and 8 are too long; the others are as they were.
jq -c 'if ([3, 7, 8] | index(input_line_number)) then .response_ids = [range(70) | 5] | .logprobs = [range(70) | -1]
  else . end' "$TINY/sampled.jsonl" > mixed.jsonl
jq -c 'select(.response_ids | length < 70)' mixed.jsonl > short.jsonl
both() { score --reward-model "$rm" --ref "$base" "$@"; }
both -q short.jsonl -o want.jsonl
both -q --too-long skip mixed.jsonl -o whole.jsonl
both -q --too-long skip mixed.jsonl -o whole.jsonl.zst

told() {
  expect_status 0 both --too-long skip mixed.jsonl
  expect_same out want.jsonl
  expect_same out whole.jsonl
  expect_stderr '^score: warning: the input: 3 of 24 records are too long and were left out$'
  expect_stderr '^score: 21 records, 3 too long, mean reward '
  both short.jsonl 2>&1 > x | grep -o 'mean reward [-0-9.]* +- [0-9.]*' > mean
  grep -q "$(cat mean)," err
}
ok "trajectories: left out, told, and not in the mean" told
each_model() {
  expect_status 0 score --ref "$base" --too-long skip mixed.jsonl
  [ "$(wc -l < out)" = 21 ]
  expect_status 0 score --reward-model "$rm" --too-long skip mixed.jsonl
  [ "$(wc -l < out)" = 21 ]
}
ok "for the reference alone, and the reward model alone" each_model
shorter_model() {  # what fits one model only is left out, too
  rm-train -q --init "$TINY/alien" --epochs 0 "$TINY/pairs.jsonl" -o alien-rm
  jq -c 'if input_line_number == 2 then .response = "zq" * 60 else . end' "$TINY/sampled.jsonl" > wordy.jsonl
  expect_status 0 score --reward-model alien-rm --ref "$base" --too-long skip wordy.jsonl
  expect_stderr '1 of 24 records are too long'
  expect_stderr ' 23 trajectories of another tokenizer encoded again'
  holds out 'length == 23 and all(has("reward") and has("ref_logprobs"))'
}
ok "a record has to fit all models" shorter_model
fails() {
  refused 65 'mixed.jsonl: record 3: prompt and response have .* the reward model.s context of 64' both mixed.jsonl -o not
  expect_stderr '^score: hint: drop such records with --too-long skip'
  refused 65 'record 3: prompt and response have .* the reference.s context of 64' score --ref "$base" mixed.jsonl
  [ ! -e not ]
}
ok "without it they are errors" fails
pairs() {
  jq -c 'if input_line_number == 5 then .chosen = "zq" * 60 elif input_line_number == 6 then .rejected = "zq" * 60
    else . end' "$TINY/pairs.jsonl" > long.jsonl
  sed '5,6d' "$TINY/pairs.jsonl" | score -q --reward-model "$rm" > want.pairs
  expect_status 0 score --reward-model "$rm" --too-long skip long.jsonl
  expect_same out want.pairs
  expect_stderr '2 of 24 records are too long'
  expect_stderr '22 records, 2 too long, accuracy .* on 22 pairs'
  refused 65 'long.jsonl: record 5: prompt and answer have' score --reward-model "$rm" long.jsonl
}
ok "pairs: one answer that is too long leaves out both" pairs
numbers() {  # names of pairs without an id are their numbers: 4 is taken by the one that is left out
  jq -c 'del(.id) | if input_line_number == 6 then .id = "same" else . end' long.jsonl > nameless.jsonl
  { cat nameless.jsonl; echo '{"id":"same","prompt":"x","chosen":"y","rejected":"z"}'; } > double.jsonl
  refused 65 'double.jsonl: record 25: duplicate id "same"' \
    score --reward-model "$rm" --too-long skip double.jsonl
}
ok "an id that was left out is taken" numbers
shards() {
  for i in 0 1 2 3 4; do both -q --too-long skip --shard $i/5 mixed.jsonl -o part-$i.jsonl.zst; done
  zstdcat part-?.jsonl.zst | sort > together
  sort whole.jsonl | expect_same - together
}
ok "shards as a set hold the records of the unsharded file" shards
all() {
  jq -c 'select(.response_ids | length == 70)' mixed.jsonl > long.only
  refused 65 '^score: error: nothing succeeded: every record is too long' both --too-long skip long.only -o no.jsonl
  [ ! -e no.jsonl ]
  expect_status 0 both --too-long skip --shard 0/2 long.only -o no-0.jsonl.zst
}
ok "all of it is a failure, of a shard it is not" all
micro() {
  for n in 1 30 5000; do both -q --too-long skip --micro-batch-tokens $n mixed.jsonl | expect_same - whole.jsonl; done
}
ok "whatever is scored together" micro
stopped_and_resumed() {
  for lines in 2 3 7 9; do
    rm -f "$1"
    begin score --reward-model "$rm" --ref "$base" --too-long skip --micro-batch-tokens 1 -o "$1"
    give $lines mixed.jsonl
    asleep
    stopped TERM $((lines - (lines > 2) - (lines > 6) - (lines > 7))) "$1"
    expect_status 0 both --too-long skip mixed.jsonl -o "$1"
    expect_stderr 'resuming after'
    expect_stderr '3 of 24 records are too long'
    grep -q "$(cat mean)," err
    cmp "$1" "whole${1#cut}"
  done
}
ok "stopped, it goes on to the same bytes, plain" stopped_and_resumed cut.jsonl
ok "stopped, it goes on to the same bytes, zstd" stopped_and_resumed cut.jsonl.zst
