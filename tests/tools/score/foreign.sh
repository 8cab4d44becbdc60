# A reward model with another tokenizer than the policy's: texts are encoded again, and the program says so.
. "$ROOT/tests/tools/tiny.inc"
rm-train -q --init "$TINY/alien" --epochs 1 --batch 8 "$TINY/pairs.jsonl" -o alien-rm
# Texts alone say what a foreign model reads; those that are no UTF-8 have none.
jq -c 'select(.response != "" and (.response | contains("\ufffd") | not))' "$TINY/sampled.jsonl" > t.jsonl
[ -s t.jsonl ]
same_as_pairs() {
  expect_status 0 score --reward-model alien-rm t.jsonl
  cp out scored
  n=$(wc -l < t.jsonl)
  expect_stderr "$n trajector.* of another tokenizer encoded again from the texts for the reward model"
  jq -c 'select(.finish == "stop") | {id, prompt, chosen: .response, rejected: "x"}' t.jsonl > p.jsonl
  [ -s p.jsonl ]
  score -q --reward-model alien-rm p.jsonl | jq -c '[.id, .chosen_reward]' > want
  jq -c 'select(.finish == "stop") | [.id, .reward]' scored | cmp - want
}
ok "a response that ended is scored as an answer of a pair with its texts" same_as_pairs
not_ended() {  # no ending token is put behind a response that was cut
  jq -c '.finish = "length"' t.jsonl | score -q --reward-model alien-rm | jq -c .reward > cut
  jq -c '.finish = "stop"' t.jsonl | score -q --reward-model alien-rm | jq -c .reward > ended
  differ cut ended
}
ok "only a response that ended gets an ending token" not_ended
with_reference() {
  score -q --reward-model alien-rm --ref "$TINY/base" t.jsonl > both
  jq -c .reward both > x
  jq -c .reward scored | cmp - x
  score -q --ref "$TINY/base" t.jsonl | jq -c .ref_logprobs > y
  jq -c .ref_logprobs both | cmp - y
}
ok "the reference reads the tokens as they are" with_reference
quiet() {
  expect_status 0 score --reward-model "$TINY/rm" t.jsonl
  ! grep 'encoded again' err
}
ok "with the policy's tokenizer nothing is said" quiet
rendered_anew() {  # by the reward model's template, as a pair with the same messages
  jq -c '.messages = [{role: "user", content: "hi"}] | .prompt = "of another template"' t.jsonl > talk.jsonl
  jq -c 'select(.finish == "stop") | {id, prompt: .messages, chosen: [{role: "assistant", content: .response}],
    rejected: "x"}' talk.jsonl > talk.pairs
  [ -s talk.pairs ]
  score -q --reward-model alien-rm --chat-format zephyr talk.jsonl > got
  score -q --reward-model alien-rm --chat-format zephyr talk.pairs | jq -c '[.id, .chosen_reward]' > want
  jq -c 'select(.finish == "stop") | [.id, .reward]' got | cmp - want
  jq -c '.finish = "length"' talk.jsonl | score -q --reward-model alien-rm --chat-format zephyr | jq -c .reward > cut
  jq -c .reward got > ended
  differ cut ended
  jq -c 'del(.messages)' talk.jsonl | score -q --reward-model alien-rm | jq -c .reward > plain
  score -q --reward-model alien-rm talk.jsonl | jq -c .reward | cmp - plain  # it has no template
  differ plain ended
}
ok "a dialogue is rendered anew by the reward model's template" rendered_anew
