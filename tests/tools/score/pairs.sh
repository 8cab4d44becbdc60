# Preference pairs: two rewards each, and how often they agree with the choice.
. "$ROOT/tests/tools/tiny.inc"
pairs=$TINY/pairs.jsonl
score -q --reward-model "$TINY/rm" "$pairs" > scored.jsonl
ok "both rewards are added, other fields stay, in order" holds scored.jsonl \
  'length == 24 and all((.chosen_reward | type) == "number" and (.rejected_reward | type) == "number")
   and (map(.note) == [range(1; 7) as $i | range(1; 5) as $j | $i * $j])'
passes() { jq -c 'del(.chosen_reward, .rejected_reward)' scored.jsonl > x; jq -c . "$pairs" | cmp - x; }
ok "nothing else changes" passes
accuracy() {
  # Half of the pairs turned round, so that it isn't 1.
  jq -c 'if .note % 3 == 0 then {id, prompt, chosen: .rejected, rejected: .chosen, note} else . end' "$pairs" > \
    mixed.jsonl
  expect_status 0 score --reward-model "$TINY/rm" mixed.jsonl
  want=$(jq -s 'map(if .chosen_reward > .rejected_reward then 1
    elif .chosen_reward == .rejected_reward then 0.5 else 0 end)
    | add / length' out)
  jq -en "$want > 0 and $want < 1"
  shown=$(sed -n 's/^score: 24 records, accuracy \([0-9.]*\) +- [0-9.]* on 24 pairs, .*/\1/p' err)
  error=$(sed -n 's/^score: .* +- \([0-9.]*\) on 24 pairs, .*/\1/p' err)
  jq -en "($shown - $want | fabs) <= $error / 19"  # half of the error's second digit, at most
}
ok "the tally ends with the accuracy" accuracy
also_a_ranking() {
  jq -c '.responses = [.rejected, .chosen]' "$pairs" > both.jsonl
  refused 65 'record 1: has both "chosen" and "responses"' score --reward-model "$TINY/rm" both.jsonl
}
ok "a pair that is a ranking, too, is refused" also_a_ranking
standard_error() {  # sqrt(p (1 - p) / n) or with n - 1: both within the digits of a fifth
  score --reward-model "$TINY/rm" mixed.jsonl > out 2> err
  jq -s 'map(if .chosen_reward > .rejected_reward then 1 else 0 end) | length as $n | add / $n | . * (1 - .) / $n |
    sqrt' out > x
  shown=$(sed -n 's/.*accuracy [0-9.]* +- \([0-9.]*\) on .*/\1/p' err)
  jq -en "($shown / $(cat x) - 1 | fabs) < 0.03"
}
ok "and its standard error" standard_error
identical() {
  jq -c 'select(.note > 4) | .id += "-same" | .rejected = .chosen' "$pairs" > same.jsonl
  n=$(wc -l < same.jsonl)
  cat mixed.jsonl same.jsonl > some.jsonl
  expect_status 0 score --reward-model "$TINY/rm" mixed.jsonl
  expect_no_warning
  want=$(sed -n 's/.*, \(accuracy .* on 24 pairs\), .*/\1/p' err)
  [ -n "$want" ]
  expect_status 0 score --reward-model "$TINY/rm" some.jsonl
  expect_stderr "^score: warning: the input: $n of $((24 + n)) pairs have the same answer twice"
  expect_stderr "^score: $((24 + n)) records, $(echo "$want" | sed 's/[+.]/\\&/g'), "
  holds out "length == $((24 + n)) and all(has(\"chosen_reward\"))"
  expect_status 0 score --reward-model "$TINY/rm" same.jsonl
  expect_stderr "^score: $n records, accuracy \? on 0 pairs, "
}
ok "identical answers are told, and count in no accuracy" identical
identical_ids() {  # by the tokens that are read
  jq -cn --arg t "$(jq -r .tokenizer "$TINY/sampled.jsonl" | head -n 1)" \
    '{prompt: "a", chosen: "b", rejected: "c", prompt_ids: [70], chosen_ids: [5], rejected_ids: [5], tokenizer: $t}' > ids
  expect_status 0 score --reward-model "$TINY/rm" ids
  expect_stderr 'warning: the input: 1 of 1 pair has the same answer twice'
  jq -c '.rejected_ids = [6]' ids > other
  expect_status 0 score --reward-model "$TINY/rm" other
  expect_no_warning
  expect_stderr 'accuracy [01] on 1 pair, '
}
ok "that is by their tokens" identical_ids
of_trajectories() {
  for words in "--missing-end subtract" "--ref $TINY/base"; do
    # shellcheck disable=SC2086
    expect_status 0 score -q --reward-model "$TINY/rm" $words "$pairs"
    expect_stderr "^score: warning: ${words%% *} did nothing: no record is a trajectory; leave it out"
    cat "$pairs" "$TINY/sampled.jsonl" > both
    # shellcheck disable=SC2086
    expect_status 0 score -q --reward-model "$TINY/rm" $words both
    expect_no_warning
  done
}
ok "options that are for trajectories say so of pairs" of_trajectories
normalised() {
  cp -r "$TINY/rm" rm
  jq '.reward_mean = 0 | .reward_std = 1' "$TINY/rm/config.json" > rm/config.json
  score -q --reward-model rm "$pairs" > raw.jsonl
  jq '.reward_mean = 1 | .reward_std = 0.25' "$TINY/rm/config.json" > rm/config.json
  score -q --reward-model rm "$pairs" > n.jsonl
  jq -es --slurpfile n n.jsonl '[., $n] | transpose
    | all((([.[0].chosen_reward, .[0].rejected_reward] | map((. - 1) * 4)) as $w
           | [.[1].chosen_reward, .[1].rejected_reward] | [., $w] | transpose | all((.[0] - .[1] |
             fabs) < 1e-5)))' raw.jsonl
}
ok "rewards of pairs are normalised as those of trajectories" normalised
as_trajectories() {  # prompt and answer encoded separately, the ending token appended
  eos=$(jq .eos_token_id "$TINY/rm/config.json")
  score -q --reward-model "$TINY/rm" "$TINY/sampled.jsonl" | jq -c "select(.finish == \"stop\")
    | select((.response | contains(\"\ufffd\") | not) and (.response | length) > 0)" > t.jsonl
  jq -c '{id, prompt, chosen: .response, rejected: " bad.", t: .reward}' t.jsonl |
    score -q --reward-model "$TINY/rm" > p.jsonl
  # A sample may be another division of its text than the tokenizer's own: those are no comparison.
  jq -c '{id, prompt, completion: .response, ids: .response_ids}' t.jsonl > texts.jsonl
  jq -es 'length > 5 and (map(select(.chosen_reward == .t)) | length) >= length / 2' p.jsonl
}
ok "a pair's answer gets the reward of the trajectory with the same tokens" as_trajectories
by_ids() {
  tok=$(jq -r .tokenizer "$TINY/sampled.jsonl" | head -n 1)
  jq -c 'select(.response_ids | length > 1)' "$TINY/scored.jsonl" > longer.jsonl
  jq -c --arg tok "$tok" --slurpfile s longer.jsonl -n '
    {id: "x", prompt: "p", chosen: "c", rejected: "r", tokenizer: $tok, prompt_ids: $s[0].prompt_ids,
     chosen_ids: $s[0].response_ids, rejected_ids: $s[0].response_ids[:1]}' > ids.jsonl
  score -q --reward-model "$TINY/rm" ids.jsonl > x
  jq -es --slurpfile s longer.jsonl \
    '.[0].chosen_reward == $s[0].reward and .[0].rejected_reward != $s[0].reward' x
  jq -c '.tokenizer = "another"' ids.jsonl | score -q --reward-model "$TINY/rm" > y
  jq -es --slurpfile s longer.jsonl '.[0].chosen_reward != $s[0].reward' y
}
ok "token ids are used where the tokenizer is the model's, texts otherwise" by_ids
without_prompt() {
  jq -c '{id, chosen: (.prompt + .chosen), rejected: (.prompt + .rejected)}' "$pairs" |
    score -q --reward-model "$TINY/rm" > w.jsonl
  holds w.jsonl 'length == 24 and all(has("chosen_reward"))'
}
ok "whole dialogues without a prompt are scored" without_prompt
mixed_kinds() {
  { head -n 2 "$pairs"; head -n 2 "$TINY/sampled.jsonl"; sed -n 3p "$pairs"; } > kinds.jsonl
  score -q --reward-model "$TINY/rm" kinds.jsonl > k.jsonl
  holds k.jsonl 'map(has("reward")) == [false, false, true, true, false]
    and map(has("chosen_reward")) == [true, true, false, false, true]'
  { head -n 2 scored.jsonl; jq -c . "$TINY/scored.jsonl" | head -n 2 |
    jq -c 'del(.ref_logprobs, .ref_policy)'; sed -n 3p scored.jsonl; } | jq -c . > x
  jq -c . k.jsonl | cmp - x
}
ok "pairs and trajectories may be mixed, in order" mixed_kinds
no_bits() {
  score -q --reward-model "$TINY/rm" --micro-batch-tokens 1 --threads 3 "$pairs" | cmp - scored.jsonl
  for i in 0 1 2; do score -q --reward-model "$TINY/rm" --shard $i/3 "$pairs"; done | sort > x
  sort scored.jsonl | cmp - x
}
ok "micro-batch, threads and shards change no byte of pairs" no_bits
