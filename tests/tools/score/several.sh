# Several reward models: a field of each, and one reward combined from them.
. "$ROOT/tests/tools/tiny.inc"
s=$TINY/sampled.jsonl pairs=$TINY/pairs.jsonl
rm-train -q --init "$TINY/base" --seed 3 --lr 2e-3 --batch 6 "$pairs" -o second
rm-train -q --init "$TINY/alien" --epochs 1 --batch 8 "$pairs" -o alien
one() { score -q --reward-model "$1" "$s" | jq .reward > "$2"; }
one "$TINY/rm" first.rewards
one second second.rewards
two() { score --reward-model "$TINY/rm" --reward-model second "$@"; }

fields() {
  two -q "$s" > two.jsonl
  jq .reward_1 two.jsonl | cmp - first.rewards
  jq .reward_2 two.jsonl | cmp - second.rewards
  holds two.jsonl 'all((.reward - (.reward_1 + .reward_2) / 2 | fabs) < 1e-6)'
  jq -c 'del(.reward, .reward_1, .reward_2)' two.jsonl > x
  jq -c . "$s" | cmp - x
}
ok "each model has its field, and the reward is their mean" fields
least() {
  two -q --combine least "$s" > least.jsonl
  holds least.jsonl 'all(.reward == ([.reward_1, .reward_2] | min)) and any(.reward_1 < .reward_2) and any(.reward_1 > .reward_2)'
}
ok "--combine least takes the least" least
uncertainty() {
  for weight in 0.1 0 2; do
    if [ $weight = 0.1 ]; then two -q --combine uncertainty "$s" > unsure.jsonl
    else two -q --combine uncertainty --uncertainty-weight $weight "$s" > unsure.jsonl; fi
    holds unsure.jsonl "all(((.reward_1 + .reward_2) / 2 - $weight * (.reward_1 - .reward_2) * (.reward_1 - .reward_2) / 4
      - .reward | fabs) < 1e-5)"
  done
  two -q --combine mean "$s" | cmp - two.jsonl
}
ok "--combine uncertainty takes their variance off, times --uncertainty-weight" uncertainty
names() {
  score -q --reward-model kind=second --reward-model "$TINY/rm" --reward-model "a-b_3=$TINY/rm" "$s" > named.jsonl
  jq .reward_kind named.jsonl | cmp - second.rewards
  jq .reward_2 named.jsonl | cmp - first.rewards
  holds named.jsonl 'all(.["reward_a-b_3"] == .reward_2 and (.reward - (.reward_kind + 2 * .reward_2) / 3 | fabs) < 1e-6)'
  cp -r second odd=name
  score -q --reward-model ./odd=name "$s" | jq .reward | cmp - second.rewards
}
ok "NAME=FOLDER names the field" names
of_pairs() {
  expect_status 0 two --combine least "$pairs"
  holds out 'all(.chosen_reward == ([.chosen_reward_1, .chosen_reward_2] | min)
    and .rejected_reward == ([.rejected_reward_1, .rejected_reward_2] | min))'
  want=$(jq -s 'map(if .chosen_reward > .rejected_reward then 1 else 0 end) | add / length' out)
  near_shown "$(sed -n 's/^score: 24 records, accuracy \([0-9.]*\) .*/\1/p' err)" "$want"
  cp out combined
  score -q --reward-model second "$pairs" | jq -c '[.chosen_reward, .rejected_reward]' > want
  jq -c '[.chosen_reward_2, .rejected_reward_2]' combined | cmp - want
}
ok "pairs have both, and the accuracy is of the combined reward" of_pairs
other_tokenizer() {
  jq -c 'select(.response != "" and (.response | contains("\ufffd") | not))' "$s" > t.jsonl
  expect_status 0 score --reward-model "$TINY/rm" --reward-model far=alien t.jsonl
  expect_stderr "^score: $(wc -l < t.jsonl) trajector.* of another tokenizer encoded again"
  cp out both.jsonl
  score -q --reward-model alien t.jsonl | jq .reward > want
  jq .reward_far both.jsonl | cmp - want
}
ok "one may have another tokenizer" other_tokenizer
missing_end() {
  two -q --missing-end subtract --missing-end-value 2 "$s" > cut.jsonl
  jq -es --slurpfile plain two.jsonl '[., $plain] | transpose | all((.[1].reward - .[0].reward -
    (if .[0].finish == "length" then 2 else 0 end) | fabs) < 1e-6 and .[0].reward_1 == .[1].reward_1)' cut.jsonl
}
ok "--missing-end changes the combined reward alone" missing_end
no_bits() {
  two -q --micro-batch-tokens 1 --threads 3 "$s" | cmp - two.jsonl
  for i in 0 1 2; do two -q --shard $i/3 "$s"; done | sort > x
  sort two.jsonl | cmp - x
}
ok "micro-batch, threads and shards change no byte" no_bits
names_count() {  # names are part of what made an output
  score -q --reward-model a=second --reward-model "b=$TINY/rm" "$s" -o named.zst
  expect_status 0 score -q --reward-model a=second --reward-model "b=$TINY/rm" "$s" -o named.zst
  expect_status 73 score -q --reward-model c=second --reward-model "b=$TINY/rm" "$s" -o named.zst
  expect_status 73 score -q --reward-model a=second --reward-model "b=$TINY/rm" --combine least "$s" -o named.zst
}
ok "an output of other names or another combination is another" names_count
misuse() {  # pattern words...
  pattern=$1
  shift
  expect_status 64 score "$@" "$s"
  expect_misuse
  expect_stderr "$pattern"
}
ok "--combine of one model" misuse '--combine: there is one reward model' --reward-model second --combine least
ok "--combine without a model" misuse '--combine needs --reward-model' --ref "$TINY/base" --combine least
ok "--uncertainty-weight without its combination" misuse '--uncertainty-weight: only --combine uncertainty uses it' \
  --reward-model second --reward-model "$TINY/rm" --uncertainty-weight 1
ok "a weight below 0" misuse '--uncertainty-weight' --reward-model second --reward-model "$TINY/rm" --combine uncertainty \
  --uncertainty-weight -1
ok "a name of a single model" misuse 'a name is for one of several reward models' --reward-model a=second
ok "a name given twice" misuse 'the name a was given before' --reward-model a=second --reward-model "a=$TINY/rm"
ok "a name that a place has" misuse 'the name 2 was given before' --reward-model 2=second --reward-model "$TINY/rm"
ok "a name with blanks" misuse 'a name has letters' --reward-model 'a b=second' --reward-model "$TINY/rm"
ok "a name without a folder" misuse 'the folder is missing' --reward-model a= --reward-model "$TINY/rm"
