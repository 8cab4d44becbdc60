# Trained models of Llama's shape with SentencePiece's kind of tokenizer, against what transformers 5.12 has of them in
# float64 (golden.json): ids, greedy texts, log-probs.
needs rollout score jq
. "$ROOT/tests/tools/goldens.inc"

# all_of FILE CONDITION: it holds of every record, of all the golden's cases.
all_of() {
  jq -es --argjson n "$(jq '.cases | length' "$story/golden.json")" "length == \$n and all($2)" "$1" > /dev/null &&
    return 0
  jq -c "select($2 | not) | {prompt, prompt_ids, response_ids, response, want}" "$1" | cut -c 1-600
  return 1
}
# Honest float32 differs by 4e-6 here; a token more or less, or another rotation, by more than 1e-2.
near() { echo "([$1, .want.logprobs] | transpose | all(.[0] - .[1] | fabs < 2e-5))"; }
given_tokens() {
  jq -c '{id, prompt, prompt_ids: .want.prompt_ids, response_ids: .want.greedy_ids, want}' prompts.jsonl |
    score -q --ref "$story" > given.jsonl
  all_of given.jsonl "$(near .ref_logprobs)"
}
greedy_texts() {
  set_story
  jq -c '.cases | to_entries[] | {id: "\(.key)", prompt: .value.prompt, want: .value}' "$story/golden.json" \
    > prompts.jsonl
  tokens=$(jq '[.cases[].greedy_ids | length] | max' "$story/golden.json")
  rollout -q --policy "$story" --temperature 0 --max-tokens "$tokens" prompts.jsonl > greedy.jsonl
  ok "$(whose): the prompts' ids" all_of greedy.jsonl '.prompt_ids == .want.prompt_ids'
  ok "$(whose): the greedy tokens" all_of greedy.jsonl '.response_ids == .want.greedy_ids'
  ok "$(whose): their log-probs" all_of greedy.jsonl "$(near .logprobs)"
  ok "$(whose): prompt and response together are the text" all_of greedy.jsonl '.prompt + .response == .want.text'
  ok "$(whose): score's log-probs of the given tokens" given_tokens
}
with_goldens greedy_texts
