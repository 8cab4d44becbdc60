# Records whose texts are lists of messages: every program that reads them renders them alike, or says what is missing.
. "$ROOT/tests/cli/tiny.inc"
hi='[{"role":"user","content":"hi"}]'
text='<|endoftext|>[INST] hi [/INST]'
roll() { rollout -q --policy "$TINY/p0" --max-tokens 4 "$@"; }

echo "{\"id\":\"a\",\"prompt\":$hi,\"own\":1}" > list.jsonl
echo "{\"id\":\"a\",\"messages\":$hi,\"own\":1}" > messages.jsonl
jq -nc --arg p "$text" '{id: "a", prompt: $p, own: 1}' > text.jsonl
rendered() {
  roll --chat-format llama2 list.jsonl > a
  jq -es --arg p "$text" --argjson m "$hi" '.[0] | .prompt == $p and .messages == $m and .own == 1' a > /dev/null
}
ok "rollout renders a prompt of messages, and keeps the list" rendered
as_text() {
  roll text.jsonl | jq -c 'del(.messages)' > want
  roll --chat-format llama2 list.jsonl | jq -c 'del(.messages)' | cmp - want
  roll --chat-format llama2 messages.jsonl | jq -c 'del(.messages)' | cmp - want
}
ok "the samples are those of the rendered text, from prompt or messages" as_text
special() {  # <|endoftext|> is one token
  eos=$(jq .eos_token_id "$TINY/p0/config.json")
  jq -es --argjson e "$eos" '.[0].prompt_ids | .[0] == $e and index($e) == 0' a > /dev/null
}
ok "special tokens in the rendered text are special tokens" special
other_format() {
  roll --chat-format alpaca list.jsonl > b
  jq -es '.[0].prompt == "<|endoftext|>### Instruction:\nhi\n\n### Response:\n"' b > /dev/null
}
ok "--chat-format chooses the format" other_format
of_the_model() {
  cp -r "$TINY/p0" chatty
  jq '.chat_template = "{% for m in messages %}{{ m[\"role\"] }}: {{ m[\"content\"] }}{% endfor %}"' \
    "$TINY/p0/tokenizer_config.json" > chatty/tokenizer_config.json
  refused 65 'list.jsonl: record 1: field "prompt" is a dialogue, .*: the chat_template .* none of the known formats' \
    rollout --policy chatty list.jsonl
  jq '.chat_template = "{% for m in messages %}{{ bos_token + \"[INST] \" + m[\"content\"].strip() + \" [/INST]\" if
    m[\"role\"] == \"user\" else raise_exception(\"no\") }}{% endfor %}"' \
    "$TINY/p0/tokenizer_config.json" > chatty/tokenizer_config.json
  refused 65 'none of the known formats' rollout --policy chatty list.jsonl
  jq '.chat_template = ("{% for m in messages %}<|im_start|>{{ m[\"role\"] }}\n{{ m[\"content\"] }}<|im_end|>\n" +
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")' \
    "$TINY/p0/tokenizer_config.json" > chatty/tokenizer_config.json
  rollout -q --policy chatty --max-tokens 2 list.jsonl > c
  jq -es '.[0].prompt == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"' c > /dev/null
}
ok "the model's own template is recognised, or refused" of_the_model
template_file() {
  cp -r "$TINY/p0" filed
  jq '.chat_template = "{{ 1 }}"' "$TINY/p0/tokenizer_config.json" > filed/tokenizer_config.json
  jq -rj .chat_template chatty/tokenizer_config.json > filed/chat_template.jinja
  rollout -q --policy filed --max-tokens 2 list.jsonl | cmp - c
  sft-train -q --init filed --epochs 0 -o kept
  cmp filed/chat_template.jinja kept/chat_template.jinja
}
ok "chat_template.jinja stands before tokenizer_config.json, and is kept" template_file
no_format() {
  refused 65 'record 1: field "prompt" is a dialogue, and the model.s chat format .*no chat_template' \
    rollout --policy "$TINY/p0" list.jsonl
  grep -q 'name it with --chat-format, or give the text' err
}
ok "without a format the error names the option" no_format
unknown() {
  for program in "rollout --policy $TINY/p0" "score --reward-model $TINY/rm" "rm-train --init $TINY/base -o x" \
    "sft-train --init $TINY/base -o x"; do
    refused 64 'chat-format: there is no format odd' $program --chat-format odd list.jsonl
  done
}
ok "an unknown format is misuse" unknown
roles() {
  echo '{"prompt":[{"role":"assistant","content":"x"}]}' > bad.jsonl
  refused 65 'record 1: field "prompt" doesn.t end with a message of the user' \
    rollout --policy "$TINY/p0" --chat-format llama2 bad.jsonl
  echo '{"prompt":[{"role":"user"}]}' > bad.jsonl
  refused 65 'record 1: field "prompt" has to be a list of' rollout --policy "$TINY/p0" --chat-format llama2 bad.jsonl
}
ok "roles that have no place, and messages without content, are refused" roles

# unused NAME COMMAND...: --chat-format is told to have done nothing, once, and the status is 0.
unused() {
  unused_program=$1
  shift
  expect_status 0 "$@"
  expect_stderr "^$unused_program: warning: --chat-format llama2 did nothing: no record is a dialogue; leave it out, or give "
  [ "$(grep -c warning err)" = 1 ]
}
no_dialogues() {
  unused rollout rollout -q --policy "$TINY/p0" --max-tokens 2 --chat-format llama2 text.jsonl
  unused score score -q --reward-model "$TINY/rm" --chat-format llama2 "$TINY/pairs.jsonl"
  unused score score -q --reward-model "$TINY/rm" --chat-format llama2 "$TINY/sampled.jsonl"
  unused rm-train rm-train -q --init "$TINY/base" --chat-format llama2 "$TINY/pairs.jsonl" -o u1
  unused sft-train sft-train -q --init "$TINY/base" --chat-format llama2 "$TINY/answers.jsonl" -o u2
  unused sft-train sft-train -q --init "$TINY/base" --epochs 0 --chat-format llama2 -o u3
}
ok "--chat-format without a dialogue says that it did nothing" no_dialogues
without_reward_model() {
  expect_status 64 score --ref "$TINY/base" --chat-format llama2 "$TINY/sampled.jsonl"
  expect_misuse
  expect_stderr '--chat-format needs --reward-model'
}
ok "score's --chat-format is for pairs, which need a reward model" without_reward_model
a_dialogue_among_texts() {  # one is enough, also among the held-out records
  { cat text.jsonl; sed 's/"a"/"b"/' list.jsonl; } > mixed.jsonl
  expect_status 0 rollout -q --policy "$TINY/p0" --max-tokens 2 --chat-format llama2 mixed.jsonl
  expect_no_warning
  echo "{\"prompt\":\"hi\",\"chosen\":[{\"role\":\"assistant\",\"content\":\"x\"}],\"rejected\":\"y\"}" > said
  { cat "$TINY/pairs.jsonl" said; } > mixed
  expect_status 0 score -q --reward-model "$TINY/rm" --chat-format llama2 mixed
  expect_no_warning
  expect_status 0 rm-train -q --init "$TINY/base" --chat-format llama2 --held-out said "$TINY/pairs.jsonl" -o d1
  expect_no_warning
  echo "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"x\"}]}" > talk
  expect_status 0 sft-train -q --init "$TINY/base" --chat-format llama2 --held-out talk "$TINY/answers.jsonl" -o d2
  expect_no_warning
}
ok "with a dialogue nothing is said" a_dialogue_among_texts

answer() { echo "[{\"role\":\"assistant\",\"content\":\"$1\"}]"; }
said() { echo "{\"role\":\"assistant\",\"content\":\"$1\"}"; }
user='{"role":"user","content":"hi"}'
jq -nc --arg p "$text" '{id: "a", prompt: $p, chosen: " good", rejected: " bad"}' > pair.text
echo "{\"id\":\"a\",\"prompt\":$hi,\"chosen\":$(answer good),\"rejected\":$(answer bad)}" > pair.lists
echo "{\"id\":\"a\",\"prompt\":$hi,\"chosen\":\" good\",\"rejected\":[$user,$(said bad)]}" > pair.mixed
echo "{\"id\":\"a\",\"chosen\":[$user,$(said good)],\"rejected\":[$user,$(said bad)]}" > pair.whole
rewards() { score -q --reward-model "$TINY/rm" "$@" | jq -c '[.chosen_reward, .rejected_reward]'; }
pairs_alike() {
  rewards pair.text > want
  for form in lists mixed whole; do rewards --chat-format llama2 pair.$form | cmp - want; done
  rewards --chat-format alpaca pair.lists > other
  differ other want
}
ok "score takes pairs of messages as the texts that they are rendered to" pairs_alike
prefixes_differ() {  # whole dialogues that part earlier have no common prompt
  other='{"role":"user","content":"ho"}'
  echo "{\"chosen\":[$user,$(said good)],\"rejected\":[$other,$(said bad)]}" > apart
  jq -nc --arg a "${text} good" --arg b "<|endoftext|>[INST] ho [/INST] bad" '{chosen: $a, rejected: $b}' > apart.text
  rewards --chat-format llama2 apart > got
  rewards apart.text | cmp - got
}
ok "whole dialogues may differ before their last message" prefixes_differ
pair_errors() {
  refused 65 'pair.whole: record 1: field "chosen" is a dialogue' score --reward-model "$TINY/rm" pair.whole
  grep -q -- '--chat-format' err
  echo "{\"prompt\":$hi,\"chosen\":[$user],\"rejected\":\"b\"}" > bad
  refused 65 'field "chosen" has to be one message of the assistant' \
    score --reward-model "$TINY/rm" --chat-format llama2 bad
  echo "{\"chosen\":[$user],\"rejected\":[$user]}" > bad
  refused 65 'field "chosen" doesn.t end with a message of the assistant' \
    score --reward-model "$TINY/rm" --chat-format llama2 bad
}
ok "pairs of messages that make no sense are refused" pair_errors
trained() {
  rm-train -q --init "$TINY/base" --epochs 1 pair.text -o rm1
  rm-train -q --init "$TINY/base" --epochs 1 --chat-format llama2 pair.lists -o rm2
  rm-train -q --init "$TINY/base" --epochs 1 --chat-format alpaca pair.lists -o rm3
  cmp rm1/model.safetensors rm2/model.safetensors
  differ rm1/model.safetensors rm3/model.safetensors
  refused 65 'pair.lists: record 1: field "prompt" is a dialogue' rm-train --init "$TINY/base" pair.lists -o rm4
}
ok "rm-train learns from them what it learns from the texts" trained
fine_tuned() {
  jq -nc --arg p "$text" '{id: "a", prompt: $p, completion: " good"}' > sft.text
  echo "{\"id\":\"a\",\"prompt\":$hi,\"completion\":$(answer good)}" > sft.lists
  echo "{\"id\":\"a\",\"messages\":[$user,$(said good)]}" > sft.messages
  sft-train -q --init "$TINY/base" --epochs 1 sft.text -o s1
  sft-train -q --init "$TINY/base" --epochs 1 --chat-format llama2 sft.lists -o s2
  sft-train -q --init "$TINY/base" --epochs 1 --chat-format llama2 sft.messages -o s3
  sft-train -q --init "$TINY/base" --epochs 1 --chat-format alpaca sft.messages -o s4
  cmp s1/model.safetensors s2/model.safetensors
  cmp s1/model.safetensors s3/model.safetensors
  differ s1/model.safetensors s4/model.safetensors
  refused 65 'sft.messages: record 1: field "messages" is a dialogue' sft-train --init "$TINY/base" sft.messages -o s5
}
ok "sft-train learns from prompt and completion, or messages" fine_tuned
