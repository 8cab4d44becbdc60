# Rewards and reference log-probs of trajectories.
. "$ROOT/tests/tools/tiny.inc"
s=$TINY/sampled.jsonl
cp -r "$TINY/rm" rm
# norm MEAN STD: the reward model's mean and standard deviation are these.
norm() { jq ".reward_mean = $1 | .reward_std = $2" "$TINY/rm/config.json" > rm/config.json; }
norm 0 1
score -q --reward-model rm "$s" > raw.jsonl
raw_rewards() { jq -c .reward raw.jsonl; }
moved() {
  norm 0.5 4
  score -q --reward-model rm "$s" | jq .reward > x
  raw_rewards | jq -s --slurpfile x x '[., $x] | transpose | all(((.[0] - 0.5) / 4 - .[1] | fabs) < 1e-6)' |
    grep -qx true
}
ok "the reward is (score - reward_mean)/reward_std of config.json" moved
ok "rewards vary" holds raw.jsonl '(map(.reward) | unique | length) > 12'
ok "there are no ref_logprobs without --ref" holds raw.jsonl 'all(has("ref_logprobs") | not)'
passes() { jq -c 'del(.reward)' raw.jsonl > x; jq -c . "$s" | cmp - x; }
ok "the order is kept and all other fields pass through" passes
own_fields() {
  jq -c '.own = {"deep": [1, null]} | .reward = 99' "$s" > own.jsonl
  score -q --reward-model rm own.jsonl > o.jsonl
  holds o.jsonl 'all(.own == {"deep": [1, null]} and .reward != 99)'
}
ok "unknown fields stay, an old reward is replaced" own_fields

same_bits() {
  score -q --ref "$TINY/p0" "$s" > self.jsonl
  holds self.jsonl 'all(has("reward") | not)'
  sed 's/.*"logprobs":\[\([^]]*\)\].*/\1/' "$s" > x
  sed 's/.*"ref_logprobs":\[\([^]]*\)\].*/\1/' self.jsonl | cmp - x
}
ok "ref_logprobs of the policy itself are its logprobs, digit for digit" same_bits
same_bits_warm() {
  rollout -q --policy "$TINY/p0" --temperature 1.7 -n 2 "$TINY/prompts.jsonl" > warm.jsonl
  score -q --ref "$TINY/p0" warm.jsonl | jq -c .ref_logprobs > x
  jq -c .logprobs warm.jsonl | cmp - x
}
ok "ref_logprobs are at the recorded temperature" same_bits_warm
greedy_ref() {
  rollout -q --policy "$TINY/p0" --temperature 0 "$TINY/prompts.jsonl" > cold.jsonl
  score -q --ref "$TINY/p0" cold.jsonl | jq -c .ref_logprobs > x
  jq -c .logprobs cold.jsonl | cmp - x
}
ok "ref_logprobs of greedy samples are at temperature 1, as theirs" greedy_ref
other_ref() {
  score -q --ref "$TINY/base" "$s" > base.jsonl
  holds base.jsonl 'all((.ref_logprobs | length) == (.logprobs | length) and .ref_logprobs != .logprobs)'
}
ok "another reference gives other log-probs, one a token" other_ref
both() {
  score -q --ref "$TINY/base" --reward-model "$TINY/rm" "$s" > two.jsonl
  jq -c '[.ref_logprobs, .reward]' two.jsonl > x
  score -q --reward-model "$TINY/rm" base.jsonl | jq -c '[.ref_logprobs, .reward]' | cmp - x
}
ok "both models at once give what each gives alone" both

norm 0 1
kept() { score -q --reward-model rm --missing-end keep "$s" | cmp - raw.jsonl; }
ok "--missing-end keep keeps the score of a cut response" kept
replaced() {
  score -q --reward-model rm --missing-end replace --missing-end-value -3 "$s" > r.jsonl
  holds r.jsonl 'any(.finish == "length") and all((.finish == "length") == (.reward == -3))'
  jq -c 'select(.finish == "stop")' raw.jsonl > x
  jq -c 'select(.finish == "stop")' r.jsonl | cmp - x
}
ok "--missing-end replace puts --missing-end-value in its place" replaced
subtracted() {
  score -q --reward-model rm --missing-end subtract --missing-end-value 2 "$s" > t.jsonl
  jq -es --slurpfile raw raw.jsonl '[., $raw] | transpose
    | all((.[1].reward - .[0].reward - (if .[0].finish == "length" then 2 else 0 end) | fabs) < 1e-6)' t.jsonl
}
ok "--missing-end subtract takes --missing-end-value off it" subtracted
default_is_minus_one() {
  score -q --reward-model rm --missing-end replace "$s" > r1.jsonl
  holds r1.jsonl 'map(select(.finish == "length").reward) | all(. == -1)'
}
ok "--missing-end-value is -1 by default" default_is_minus_one
penalty_is_one() {
  score -q --reward-model rm --missing-end subtract "$s" > t1.jsonl
  score -q --reward-model rm --missing-end subtract --missing-end-value 1 "$s" | cmp - t1.jsonl
}
ok "the penalty of --missing-end subtract is 1 by default" penalty_is_one
# Without "finish" the last token tells: it is the model's ending token or isn't.
by_last_token() {
  eos=$(jq .eos_token_id "$TINY/rm/config.json")
  holds "$s" "all((.response_ids[-1] == $eos) == (.finish == \"stop\")) and (map(.finish) | unique | length) == 2"
  jq -c 'del(.finish)' "$s" > unfinished.jsonl
  for how in replace subtract; do
    score -q --reward-model rm --missing-end $how --missing-end-value 2 "$s" | jq -c .reward > want
    score -q --reward-model rm --missing-end $how --missing-end-value 2 unfinished.jsonl | jq -c .reward | cmp - want
  done
  score -q --reward-model rm unfinished.jsonl | jq -c .reward > x
  raw_rewards | cmp - x
}
ok "without finish the last token tells whether a response was cut" by_last_token
finish_counts() {  # where it is there, whatever the last token
  jq -c '.finish = "stop"' "$s" | score -q --reward-model rm --missing-end replace | jq -c .reward > x
  raw_rewards | cmp - x
  jq -c '.finish = "length"' "$s" | score -q --reward-model rm --missing-end replace > y
  holds y 'all(.reward == -1)'
}
ok "with finish it doesn't" finish_counts
other_ending() {  # the ending tokens are those of generation_config.json, several if it says so
  cp -r rm two-ends
  jq '.eos_token_id = [5, 6]' rm/generation_config.json > two-ends/generation_config.json
  head -n 3 unfinished.jsonl | jq -c '.response_ids = [input_line_number + 4] | del(.logprobs)' > ends.jsonl
  score -q --reward-model two-ends --missing-end replace ends.jsonl | jq -c '.reward == -1' | tr '\n' ' ' > x
  [ "$(cat x)" = "false false true " ]
}
ok "there may be several ending tokens" other_ending
cant_be_told() {
  jq -c '.tokenizer = "00"' unfinished.jsonl > foreign.jsonl
  refused 65 'foreign.jsonl: record 1: field "finish" is missing, and its last token is of another tokenizer' \
    score --reward-model rm --missing-end replace foreign.jsonl
  expect_stderr '^score: hint: add "finish"'
  expect_status 0 score -q --reward-model rm foreign.jsonl
  jq -c 'select(.response != "") | .finish = "length"' foreign.jsonl > told.jsonl
  score -q --reward-model rm --missing-end replace told.jsonl > z
  holds z 'all(.reward == -1)'
  cp -r rm endless
  jq 'del(.eos_token_id)' rm/config.json > endless/config.json
  rm endless/generation_config.json
  jq '.eos_token = null' rm/tokenizer_config.json > endless/tokenizer_config.json
  jq -c 'del(.tokenizer)' unfinished.jsonl > unnamed.jsonl
  refused 65 'record 1: field "finish" is missing, and the reward model.s folder names no ending token' \
    score --reward-model endless --missing-end subtract unnamed.jsonl
}
ok "where the last token can't tell, --missing-end wants finish" cant_be_told
value_misuse() {
  for words in "--missing-end-value 2" "--missing-end keep --missing-end-value 2" \
               "--missing-end subtract --missing-end-value -1"; do
    # shellcheck disable=SC2086
    expect_status 64 score --reward-model rm $words "$s"
    expect_misuse
    expect_stderr '--missing-end'
  done
}
ok "a value without use and a penalty that rewards are misuse" value_misuse
tally() {
  expect_status 0 score --reward-model rm "$s"
  mean=$(jq -s 'map(.reward) | add / length | . * 1e4 | round / 1e4' raw.jsonl)
  shown=$(sed -n 's/^score: 24 records, mean reward \([-0-9.]*\) +- .*/\1/p' err)
  error=$(sed -n 's/^score: .* +- \([0-9.]*\), .* tokens.s)$/\1/p' err)
  [ -n "$shown" ]
  jq -en "($shown - $mean | fabs) <= $error / 19" > /dev/null
  # Two significant digits of sd/sqrt(n).
  jq -es "map(.reward) | length as \$n | (add / \$n) as \$m | map(. - \$m | . * .) | add / (\$n - 1) / \$n | sqrt
    | ($error / . - 1 | fabs) < 0.05" raw.jsonl > /dev/null
}
ok "the tally tells the mean reward" tally
any_reward() {
  jq -c '.reward = (.response | length) / 4' "$s" | score -q --ref "$TINY/base" > f.jsonl
  holds f.jsonl 'all(.reward == (.response | length) / 4 and has("ref_logprobs"))'
}
ok "a reward by another program stays where only --ref is given" any_reward
