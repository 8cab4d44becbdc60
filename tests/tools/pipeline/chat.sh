# Records whose texts are lists of messages: every program that reads them renders them alike, or says what is missing.
. "$ROOT/tests/tools/tiny.inc"
user='{"role":"user","content":"hi"}'
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
  rollout -q --policy chatty --max-tokens 2 list.jsonl > c
  jq -es '.[0].prompt == "user: hi"' c > /dev/null
  jq '.chat_template = "{% for m in messages %}{{ raise_exception(\"only tools, please\") }}{% endfor %}"' \
    "$TINY/p0/tokenizer_config.json" > chatty/tokenizer_config.json
  refused 65 'list.jsonl: record 1: field "prompt" is a dialogue that can.t be rendered .*only tools, please' \
    rollout --policy chatty list.jsonl
  grep -q 'name another with --chat-format' err
  jq '.chat_template = "{% odd %}"' "$TINY/p0/tokenizer_config.json" > chatty/tokenizer_config.json
  refused 65 'can.t be rendered: the chat_template can.t be read: .*odd' rollout --policy chatty list.jsonl
  jq '.chat_template = ("{% for m in messages %}<|im_start|>{{ m[\"role\"] }}\n{{ m[\"content\"] }}<|im_end|>\n" +
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")' \
    "$TINY/p0/tokenizer_config.json" > chatty/tokenizer_config.json
  rollout -q --policy chatty --max-tokens 2 list.jsonl > c
  jq -es '.[0].prompt == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"' c > /dev/null
}
ok "the model's own template renders, or says why not" of_the_model
template_file() {
  cp -r "$TINY/p0" filed
  jq '.chat_template = "{{ 1 }}"' "$TINY/p0/tokenizer_config.json" > filed/tokenizer_config.json
  jq -rj .chat_template chatty/tokenizer_config.json > filed/chat_template.jinja
  rollout -q --policy filed --max-tokens 2 list.jsonl | cmp - c
  sft-train -q --init filed --epochs 0 -o kept
  cmp filed/chat_template.jinja kept/chat_template.jinja
  mkdir filed/additional_chat_templates
  echo 'used by tools' > filed/additional_chat_templates/tool_use.jinja
  sft-train -q --init filed --epochs 0 -o kept2
  cmp filed/additional_chat_templates/tool_use.jinja kept2/additional_chat_templates/tool_use.jinja
  jq -c '.tools = []' list.jsonl > tools.jsonl
  rollout -q --policy kept2 --max-tokens 2 tools.jsonl | jq -es '.[0].prompt == "used by tools"' > /dev/null
  rollout -q --policy kept2 --max-tokens 2 list.jsonl | cmp - c
  mv filed/additional_chat_templates/tool_use.jinja filed/additional_chat_templates/default.jinja
  rollout -q --policy filed --max-tokens 2 list.jsonl | jq -es '.[0].prompt == "used by tools"' > /dev/null
}
ok "chat_template.jinja stands before tokenizer_config.json, and is kept" template_file
no_format() {
  refused 65 'record 1: field "prompt" is a dialogue that can.t be rendered: the model.s folder has no chat_template' \
    rollout --policy "$TINY/p0" list.jsonl
  grep -q 'name one with --chat-format, or give the text' err
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
  echo "{\"prompt\":[$user,{\"role\":\"assistant\",\"content\":\"x\"}]}" > bad.jsonl
  refused 65 'record 1: field "prompt" ends with an assistant message' \
    rollout --policy "$TINY/p0" --chat-format llama2 bad.jsonl
  hint=$(sed -n "s/.*message: \(jq .*\)/\1/p" err)
  eval "$hint" bad.jsonl > mended.jsonl
  jq -c '.prompt' mended.jsonl | grep -qx "\[$user\]"
  rollout -q --policy "$TINY/p0" --chat-format llama2 --max-tokens 2 mended.jsonl > /dev/null
  echo '{"prompt":[{"role":"user"}]}' > bad.jsonl
  refused 65 'record 1: field "prompt" must be a list of' rollout --policy "$TINY/p0" --chat-format llama2 bad.jsonl
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
jq -nc --arg p "$text" '{id: "a", prompt: $p, chosen: " good ", rejected: " bad "}' > pair.text
echo "{\"id\":\"a\",\"prompt\":$hi,\"chosen\":$(answer good),\"rejected\":$(answer bad)}" > pair.lists
echo "{\"id\":\"a\",\"prompt\":$hi,\"chosen\":\" good \",\"rejected\":[$user,$(said bad)]}" > pair.mixed
echo "{\"id\":\"a\",\"chosen\":[$user,$(said good)],\"rejected\":[$user,$(said bad)]}" > pair.whole
jq -c '{prompt: "hi", prompt_id: "x"} + . + {messages: .chosen, score_chosen: 8.5}' pair.whole > pair.ultrafeedback
rewards() { score -q --reward-model "$TINY/rm" "$@" | jq -c '[.chosen_reward, .rejected_reward]'; }
pairs_alike() {
  rewards pair.text > want
  for form in lists mixed whole ultrafeedback; do rewards --chat-format llama2 pair.$form | cmp - want; done
  rewards --chat-format alpaca pair.lists > other
  differ other want
}
ok "score takes pairs of messages as the texts that they are rendered to" pairs_alike
prefixes_differ() {  # whole dialogues that part earlier have no common prompt
  other='{"role":"user","content":"ho"}'
  echo "{\"chosen\":[$user,$(said good)],\"rejected\":[$other,$(said bad)]}" > apart
  jq -nc --arg a "${text} good " --arg b "<|endoftext|>[INST] ho [/INST] bad " '{chosen: $a, rejected: $b}' > apart.text
  rewards --chat-format llama2 apart > got
  rewards apart.text | cmp - got
}
ok "whole dialogues may differ before their last message" prefixes_differ
pair_errors() {
  refused 65 'pair.whole: record 1: field "chosen" is a dialogue that can.t be rendered' score --reward-model "$TINY/rm" pair.whole
  grep -q -- '--chat-format' err
  echo "{\"prompt\":$hi,\"chosen\":[$user],\"rejected\":\"b\"}" > bad
  refused 65 'field "chosen" doesn.t end with an assistant message' \
    score --reward-model "$TINY/rm" --chat-format llama2 bad
  echo "{\"chosen\":[$user],\"rejected\":[$user]}" > bad
  refused 65 'field "chosen" doesn.t end with an assistant message' \
    score --reward-model "$TINY/rm" --chat-format llama2 bad
}
ok "pairs of messages that make no sense are refused" pair_errors
trained() {
  rm-train -q --init "$TINY/base" --epochs 1 pair.text -o rm1
  rm-train -q --init "$TINY/base" --epochs 1 --chat-format llama2 pair.lists -o rm2
  rm-train -q --init "$TINY/base" --epochs 1 --chat-format alpaca pair.lists -o rm3
  cmp rm1/model.safetensors rm2/model.safetensors
  differ rm1/model.safetensors rm3/model.safetensors
  refused 65 'pair.lists: record 1: field "chosen" is a dialogue' rm-train --init "$TINY/base" pair.lists -o rm4
}
ok "rm-train learns from them what it learns from the texts" trained
fine_tuned() {
  jq -nc --arg p "$text" '{id: "a", prompt: $p, completion: " good "}' > sft.text
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

ranked() {  # answers of a ranking are messages as those of a pair are
  echo "{\"id\":\"a\",\"prompt\":$hi,\"responses\":[$(answer good),[$user,$(said bad)],[$(said ugly)]]}" > ranking
  echo "{\"id\":\"a\",\"responses\":[[$user,$(said good)],[$user,$(said bad)],[$user,$(said ugly)]]}" > ranking.whole
  jq -nc --arg p "$text" '{id: "a", prompt: $p, responses: [" good ", " bad ", " ugly "]}' > ranking.text
  rm-train -q --init "$TINY/base" ranking.text -o r1
  rm-train -q --init "$TINY/base" --chat-format llama2 ranking -o r2
  rm-train -q --init "$TINY/base" --chat-format llama2 ranking.whole -o r3
  cmp r1/model.safetensors r2/model.safetensors
  cmp r1/model.safetensors r3/model.safetensors
  echo "{\"responses\":[[$user,$(said good)],[{\"role\":\"user\",\"content\":\"ho\"},$(said bad)]]}" > bad
  refused 65 'field "responses" has answers to different prompts' \
    rm-train --init "$TINY/base" --chat-format llama2 bad -o r4
}
ok "rankings may be of messages" ranked

in_folder() {  # what made the records text goes with the model
  sft-train -q --init "$TINY/base" --epochs 0 --chat-format llama2 -o with
  rollout -q --policy with --max-tokens 2 list.jsonl > got
  jq -es --arg p "$text" '.[0].prompt == $p' got > /dev/null
  sft-train -q --init chatty --epochs 0 --chat-format chatml -o chatml
  jq -e '.chat_template == null' chatml/tokenizer_config.json > /dev/null
  cmp chatml/chat_template.jinja s5c/chat_template.jinja
  rm-train -q --init "$TINY/base" --chat-format llama2 pair.lists -o rm5
  cmp rm5/chat_template.jinja with/chat_template.jinja
  score -q --reward-model rm5 pair.lists > /dev/null
}
sft-train -q --init "$TINY/base" --epochs 1 --chat-format chatml sft.messages -o s5c
ok "sft-train and rm-train write the template into the folder" in_folder
own_file() {
  echo '{{ bos_token }}{% for m in messages %}[INST] {{ m.content }} [/INST]{% endfor %}' > own.jinja
  roll --chat-format own.jinja list.jsonl | cmp - a
  refused 66 'none.jinja' rollout --policy "$TINY/p0" --chat-format none.jinja list.jsonl
}
ok "--chat-format takes a template's file" own_file
the_day() {
  echo "{{ messages[0].content }} on {{ strftime_now('%d %b %Y') }}" > dated.jinja
  roll --chat-format dated.jinja list.jsonl > got
  jq -es '.[0] | .chat_date == "2024-07-26" and .prompt == "hi on 26 Jul 2024"' got > /dev/null
  roll --chat-format dated.jinja --chat-date 2026-11-30 list.jsonl > got
  jq -es '.[0] | .chat_date == "2026-11-30" and .prompt == "hi on 30 Nov 2026"' got > /dev/null
  jq -es '.[0] | has("chat_date") | not' a > /dev/null
  for day in 2026-02-30 30.11.2026 2026-1-1 today; do
    refused 64 "chat-date: $day is not a date" rollout --policy "$TINY/p0" --chat-date $day list.jsonl
  done
  expect_status 0 rollout -q --policy "$TINY/p0" --max-tokens 2 --chat-format llama2 --chat-date 2026-11-30 list.jsonl
  expect_stderr "warning: --chat-date 2026-11-30 did nothing: the chat template doesn't use the date"
}
ok "--chat-date is the day that templates are told, and is recorded" the_day
more() {
  echo '{{ messages[0].content }}{{ " a" if deep is defined and deep else " b" }}' > deep.jinja
  roll --chat-format deep.jinja list.jsonl | jq -es '.[0].prompt == "hi b"' > /dev/null
  roll --chat-format deep.jinja --chat-kwargs '{"deep":true}' list.jsonl | jq -es '.[0].prompt == "hi a"' > /dev/null
  jq -c '.chat_template_kwargs = {deep: false}' list.jsonl > shallow.jsonl
  roll --chat-format deep.jinja --chat-kwargs '{"deep":true}' shallow.jsonl | jq -es '.[0].prompt == "hi b"' > /dev/null
  refused 64 'chat-kwargs' rollout --policy "$TINY/p0" --chat-kwargs '[1]' list.jsonl
  refused 64 'chat-kwargs: messages comes from the records' \
    rollout --policy "$TINY/p0" --chat-kwargs '{"messages":1}' list.jsonl
  expect_status 0 rollout -q --policy "$TINY/p0" --max-tokens 2 --chat-format deep.jinja --chat-kwargs '{"dep":1}' list.jsonl
  expect_stderr 'warning: --chat-kwargs: "dep" did nothing: the chat template doesn.t use it'
  unused_kwargs=$(rollout -q --policy "$TINY/p0" --max-tokens 2 --chat-kwargs '{"dep":1}' text.jsonl 2>&1 > /dev/null)
  case $unused_kwargs in *"--chat-kwargs did nothing: no record is a dialogue"*) ;; *) return 1 ;; esac
}
ok "--chat-kwargs and chat_template_kwargs are told to the template" more
parts() {
  echo '{"id":"a","prompt":[{"role":"user","content":[{"type":"text","text":"h"},{"type":"text","text":"i"}]}],"own":1}' \
    > parts.jsonl
  roll --chat-format llama2 parts.jsonl | jq -es --arg p "$text" '.[0].prompt == $p' > /dev/null
  echo '{"prompt":[{"role":"user","content":[{"type":"image"}]}]}' > image.jsonl
  refused 65 'has a part of the type "image"' rollout --policy "$TINY/p0" --chat-format llama2 image.jsonl
}
ok "contents may be lists of texts" parts
turns() {
  echo "{\"messages\":[$user,$(said good),$user,$(said bad)]}" > two
  talk='<|user|>\nhi<|endoftext|>\n<|assistant|>\n'
  jq -nc "{prompt: (\"$talk\" + \"good<|endoftext|>\\n$talk\"), completion: \"bad\"}" > two.text
  sft-train -q --init "$TINY/base" --epochs 1 --chat-format zephyr two -o t1
  sft-train -q --init "$TINY/base" --epochs 1 two.text -o t2
  sft-train -q --init "$TINY/base" --epochs 1 --chat-format zephyr --learn last two -o t3
  sft-train -q --init "$TINY/base" --epochs 1 --chat-format zephyr --learn all --metrics m.all two -o t4
  cmp t1/model.safetensors t2/model.safetensors
  cmp t1/model.safetensors t3/model.safetensors
  differ t1/model.safetensors t4/model.safetensors
  refused 65 'field "messages" is a dialogue that is changed by a later turn' \
    sft-train --init "$TINY/base" --chat-format qwen3 --learn all two -o t5
  grep -q -- '--learn last' err
  expect_status 0 sft-train -q --init "$TINY/base" --learn all "$TINY/answers.jsonl" -o t6
  expect_stderr 'warning: --learn did nothing: no record has {"messages"}'
  expect_status 64 sft-train --init "$TINY/base" --loss-on all --learn all two -o t7
  expect_misuse
}
ok "--learn all learns all messages of the assistant" turns
from_nothing() {  # the tokenizer is learnt from what the messages say
  for n in 1 2 3; do echo "{\"messages\":[{\"role\":\"user\",\"content\":\"brillig\"},$(said slithy)]}"; done > poem
  sft-train -q --init new --layers 1 --width 16 --heads 2 --vocab 280 --chat-format chatml poem -o n1
  jq -e '.model.vocab | has("brillig") or has("slithy")' n1/tokenizer.json > /dev/null
  rollout -q --policy n1 --max-tokens 2 list.jsonl | jq -es '.[0].prompt | endswith("<|im_start|>assistant\n")' > /dev/null
}
ok "a new model learns from messages, its tokenizer too" from_nothing
