# Every way in which records and models can be wrong.
. "$ROOT/tests/tools/tiny.inc"
s=$TINY/sampled.jsonl rm=$TINY/rm
# bad PATTERN JQ_FILTER: the third trajectory, changed by the filter, is refused by name.
bad() {
  jq -c "if input_line_number == 3 then ($2) else . end" "$s" > bad.jsonl
  refused 65 "^score: error: bad.jsonl: record 3: $1" score --reward-model "$rm" bad.jsonl -o bad.out
  [ ! -e bad.out ]
}
ok "a token is beyond the vocabulary" bad 'field "response_ids" contains token 300' '.response_ids[1] = 300'
ok "a prompt's token is beyond the vocabulary" bad 'field "prompt_ids" contains token 999' '.prompt_ids[0] = 999'
ok "a token is negative" bad 'field "response_ids"' '.response_ids[0] = -1'
ok "a token is no whole number" bad 'field "response_ids"' '.response_ids[0] = 1.5'
ok "tokens are text" bad 'field "response_ids"' '.response_ids = "x"'
ok "there are no response tokens" bad 'field "response_ids" has no token' '.response_ids = [] | .logprobs = []'
ok "prompt_ids are missing" bad 'field "prompt_ids" is missing' 'del(.prompt_ids)'
ok "the id is missing" bad 'field "id" is missing' 'del(.id)'
ok "it is longer than the context" bad 'prompt and response have 7[0-9] tokens, more than the reward model.s context of 64' \
  '.response_ids = [range(70) | 5] | del(.logprobs)'
ok "the log-probs are of another number of tokens" bad 'field "logprobs" has 1 numbers for' '.logprobs = [-1]'
ok "the temperature is negative" bad 'field "temperature" is negative' '.temperature = -1'
ok "the temperature is too near to 0" bad 'field "temperature" is below 0.001' '.temperature = 1e-42'
ok "the tokenizer is another and the text missing" bad 'field "response" is missing' \
  '.tokenizer = "00" | del(.response)'
ok "the tokenizer is another and the text too long" bad \
  'prompt and response have [0-9]+ tokens, more than the reward model.s context of 64' \
  '.tokenizer = "00" | .response = "zq" * 60'
ok "the tokenizer is another and there is no text" bad 'field "response" has no token for the reward model' \
  '.tokenizer = "00" | .response = "" | .finish = "length"'
ok "it is neither trajectory nor pair" bad 'is neither a trajectory' '{"id": "x", "text": "y"}'
alien_reference() {
  refused 65 'record 1: was tokenised by another tokenizer .* than the reference' score --ref "$TINY/alien" "$s"
  expect_stderr '^score: hint: .*--ref a model with the policy.s tokenizer.*--reward-model may have another'
}
ok "the reference has another tokenizer" alien_reference
pair_without_model() {
  refused 65 'record 1: is a preference pair, which needs --reward-model' score --ref "$TINY/base" "$TINY/pairs.jsonl"
}
ok "a pair is given without a reward model" pair_without_model
long_pair() {
  jq -cn '{prompt: "x", chosen: ([range(90)] | map("zq") | join("")), rejected: "y"}' > long.jsonl
  refused 65 'record 1: prompt and answer have [0-9]+ tokens, more than the model.s context of 64' \
    score --reward-model "$rm" long.jsonl
  expect_stderr '^score: hint: .*--too-long skip'
}
ok "a pair is longer than the context" long_pair
half_a_pair() {
  echo '{"prompt":"x","chosen":"y"}' > half.jsonl
  refused 65 'record 1: field "rejected" is missing' score --reward-model "$rm" half.jsonl
}
ok "a pair has no rejected answer" half_a_pair
neither() {
  expect_status 64 score "$s"
  expect_misuse
  expect_stderr 'nothing to add'
  expect_stderr 'reward-model FOLDER'
}
ok "no model is given" neither
missing_end() {
  expect_status 64 score --reward-model "$rm" --missing-end maybe "$s"
  expect_misuse
  expect_stderr 'keep.*replace.*subtract'
}
ok "--missing-end is no word of its" missing_end
end_without_model() {
  expect_status 64 score --ref "$TINY/base" --missing-end replace "$s"
  expect_misuse
  expect_stderr '--missing-end needs --reward-model'
}
ok "--missing-end has no score to change without a reward model" end_without_model
not_a_reward_model() { refused 65 'base.*(ForSequenceClassification|reward model|score)' score --reward-model \
  "$TINY/base" "$s"; }
ok "the reward model is a language model" not_a_reward_model
not_a_policy() { refused 65 'rm.*(ForSequenceClassification|language)' score --ref "$rm" "$s"; }
ok "the reference is a reward model" not_a_policy
missing_folder() { refused 66 'nowhere' score --reward-model nowhere "$s"; }
ok "the reward model is missing" missing_folder
missing_ref() { refused 66 'nowhere' score --ref nowhere "$s"; }
ok "the reference is missing" missing_ref
missing_file() { refused 66 'none.jsonl' score --ref "$TINY/base" none.jsonl; }
ok "the input is missing" missing_file
zero_std() {
  cp -r "$rm" zero
  jq '.reward_std = 0' "$rm/config.json" > zero/config.json
  refused 65 'zero.*reward_std' score --reward-model zero "$s"
}
ok "the reward model's standard deviation is 0" zero_std
empty() { refused 65 'stdin.*empty' score --ref "$TINY/base"; }
ok "the input is empty" empty
exists() {
  echo mine > kept.jsonl
  refused 73 'kept.jsonl.*exists' score --ref "$TINY/base" "$s" -o kept.jsonl
  [ "$(cat kept.jsonl)" = mine ]
  expect_status 0 score --ref "$TINY/base" "$s" --force -o kept.jsonl
  holds kept.jsonl 'length == 24'
}
ok "-o does not overwrite without --force" exists
full_disk() { refused 74 'No space' sh -c 'score -q --ref "$0" "$1" > /dev/full' "$TINY/base" "$s"; }
[ ! -e /dev/full ] || ok "a full disk is 74" full_disk
closed_pipe() {
  for i in $(seq 40); do sed "s/\"id\":\"/&$i-/" "$s"; done > many.jsonl
  { { score --ref "$TINY/base" many.jsonl 2> err; echo $? > code; } | head -n 1 > /dev/null; } || true
  [ "$(cat code)" = 141 ]
  [ ! -s err ]
}
ok "a reader that leaves ends it quietly" closed_pipe
same_file() {
  cp "$s" self.jsonl
  refused 64 'self.jsonl' score --ref "$TINY/base" self.jsonl --force -o self.jsonl
  cmp self.jsonl "$s"
}
ok "an output that is the input is refused" same_file
cut() {
  score -qz --ref "$TINY/base" "$s" > whole.zst
  head -c $(($(wc -c < whole.zst) - 9)) whole.zst > part.zst
  refused 65 'part.zst' score --reward-model "$rm" part.zst -o x.jsonl
  [ ! -e x.jsonl ]
  expect_status 0 score --salvage --reward-model "$rm" part.zst
  expect_stderr '^score: warning: .*part.zst'
  [ "$(wc -l < out)" = 24 ]
}
ok "a stream of ours lacks its end; --salvage takes it" cut
