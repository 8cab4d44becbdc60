# What stands in a trajectory.
. "$ROOT/tests/tools/tiny.inc"
s=$TINY/sampled.jsonl
ok "the schema is trajectory/1" holds "$s" 'all(.schema == "trajectory/1")'
ok "texts are texts" holds "$s" 'all([.id, .group, .prompt, .response, .policy, .dtype, .finish] |
  all(type == "string"))'
ok "seed, arith, temperature, top_k and top_p are recorded as they were" holds "$s" \
  'all([.seed, .temperature, .top_k, .top_p, .arith] == [0, 1, 0, 1, 1] and .dtype == "f32")'
ok "token ids are whole numbers below the vocabulary" holds "$s" \
  'all((.prompt_ids + .response_ids) | all(type == "number" and . == floor and . >= 0 and . < 300))'
ok "there is a log-prob for each response token, below 0" holds "$s" \
  'all((.logprobs | length) == (.response_ids | length) and (.logprobs | all(. < 0 and . > -30)))'
ok "finish is stop or length, and both occur" holds "$s" '(map(.finish) | unique) == ["length", "stop"]'
stop_is_eos() {
  eos=$(jq .eos_token_id "$TINY/p0/config.json")
  holds "$s" "all((.finish == \"stop\") == (.response_ids[-1] == $eos)) and all(.response_ids[:-1] | all(. != $eos))"
}
ok "finish is stop exactly where the last token is the ending one" stop_is_eos
ok "a response cut by its length has --max-tokens tokens" holds "$s" \
  'map(select(.finish == "length").response_ids | length) | all(. == 8)'
no_special_tokens() { holds "$s" 'all(.response | contains("<|") | not)'; }
ok "the ending token is not in the text" no_special_tokens

# The decode by hand: vocabulary entries joined, each character standing for a byte (ASCII stands for itself).
decoded_by_hand() {
  jq -c --slurpfile t "$TINY/p0/tokenizer.json" '
    ($t[0].model.vocab | with_entries({key: (.value | tostring), value: .key})) as $text
    | ($t[0].added_tokens | map(.id)) as $special
    | {r: .response, d: ([.response_ids[] | select(. as $i | $special | index($i) | not) | $text[tostring]] | join("")
                         | gsub("Ġ"; " "))}
    | select(.d | test("^[ -~]*$"))' "$s" > decoded.jsonl
  [ "$(wc -l < decoded.jsonl)" -ge 12 ]
  holds decoded.jsonl 'all(.r == .d)'
}
ok "response is the decode of response_ids" decoded_by_hand
bad_bytes() {
  rollout -q --policy "$TINY/p0" -n 40 --temperature 50 --max-tokens 12 "$TINY/prompts.jsonl" > wild.jsonl
  holds wild.jsonl 'any(.response | contains("\ufffd"))'
  iconv -f UTF-8 -t UTF-8 wild.jsonl > again
  expect_same wild.jsonl again
}
ok "bytes that are no UTF-8 become U+FFFD, the ids stay" bad_bytes
unicode_prompt() {
  printf '{"prompt":"caf\\u00e9 \\ud83d\\ude00 \\u0000 end"}\n' > odd.jsonl
  rollout -q --policy "$TINY/p0" --max-tokens 2 odd.jsonl > odd.out
  holds odd.out '.[0].prompt == "café 😀 \u0000 end" and (.[0].prompt_ids | length) > 8'
}
ok "any Unicode text is a prompt" unicode_prompt
digest_is_the_weights() {
  cp -r "$TINY/p0" copy
  rm -rf copy/trainer
  rollout -q --policy copy --max-tokens 2 "$TINY/prompts.jsonl" | jq -r .policy | sort -u > x
  jq -r .policy "$s" | sort -u > y
  expect_same x y
  rollout -q --policy "$TINY/base" --max-tokens 2 "$TINY/prompts.jsonl" | jq -r .policy | sort -u > z
  differ x z
}
ok "policy names the weights, not the folder" digest_is_the_weights
tokenizer_is_named() { holds "$s" '(map(.tokenizer) | unique | length) == 1 and (.[0].tokenizer | type) == "string"'; }
ok "the tokenizer's digest is recorded" tokenizer_is_named
