# Errors that end in a hint: what the user most likely did, and the line that helps, which is run here as it is printed.
. "$ROOT/tests/tools/tiny.inc"
needs label ppo-step kl-report peek
base=$TINY/base p0=$TINY/p0 rm=$TINY/rm

# The programs as a hint calls them, "sft-train ...": in a folder of scripts that add what the dots stand for.
real=$PATH
mkdir with_options
named() { printf '#!/bin/sh\nPATH=%s\nshift\nrm -rf new\nexec %s\n' "'$real'" "$2" > "with_options/$1"; chmod +x "with_options/$1"; }
named sft-train "sft-train -q --init $base --epochs 0 -o new \"\$@\""
named rm-train "rm-train -q --init $base --epochs 0 -o new \"\$@\""
named rollout "rollout -q --policy $p0 --max-tokens 2 \"\$@\""
named score "score -q --reward-model $rm \"\$@\""
hint() { sed -n 's/^[a-z-]*: hint: //p' err; }
# mends PROGRAM WANTED LINE...: the program refuses the lines, and the hint's line makes records of them that it takes;
# WANTED is a filter, over all of them, that is true of what comes out of jq.
mends() {
  program=$1 wanted=$2
  shift 2
  printf '%s\n' "$@" > theirs.jsonl
  case $program in
    sft-train) refused 65 'theirs.jsonl: record 1: ' sft-train --init "$base" theirs.jsonl -o never ;;
    rm-train) refused 65 'theirs.jsonl: record 1: ' rm-train --init "$base" theirs.jsonl -o never ;;
    rollout) refused 65 'theirs.jsonl: record 1: ' rollout --policy "$p0" theirs.jsonl ;;
    score) refused 65 'theirs.jsonl: record 1: ' score --reward-model "$rm" theirs.jsonl ;;
  esac
  hint | sed -n 's/^make it one: //p' > line
  grep -q "^jq .* theirs.jsonl | $program \.\.\.\$" line || { echo "no line:"; cat err; return 1; }
  sh -c "$(sed 's/ | [a-z-]* \.\.\.$//' line)" > ours.jsonl
  holds ours.jsonl "$wanted"
  (PATH=$PWD/with_options:$PATH && eval "$(cat line)") > taken
}

# sft-train
ok "question and answer" mends sft-train '. == [{prompt: "q", completion: "a"}]' '{"question":"q","answer":"a","x":1}'
ok "instruction, input and output" mends sft-train \
  '. == [{prompt: "do\nthis", completion: "a"}, {prompt: "do", completion: "b"}, {prompt: "do", completion: "c"}]' \
  '{"instruction":"do","input":"this","output":"a"}' '{"instruction":"do","input":"","output":"b"}' \
  '{"instruction":"do","input":null,"output":"c"}'
ok "instruction, context and response" mends sft-train '. == [{prompt: "do\nthis", completion: "a"}]' \
  '{"instruction":"do","context":"this","response":"a","category":"qa"}'
ok "input and target" mends sft-train '. == [{prompt: "q", completion: "a"}]' '{"input":"q","target":"a"}'
ok "prompt and response" mends sft-train '. == [{prompt: "q", completion: "a"}]' '{"prompt":"q","response":"a"}'
ok "a prompt with a completion of null" mends sft-train '. == [{prompt: "q", completion: "a"}]' \
  '{"prompt":"q","completion":null,"output":"a"}'
ok "source and target" mends sft-train '. == [{prompt: "q", completion: "a"}]' '{"source":"q","target":"a"}'
ok "content in place of text" mends sft-train '. == [{text: "t"}]' '{"content":"t","url":"u"}'
ok "pairs: the better answers" mends sft-train '. == [{prompt: "q", completion: "a"}]' \
  '{"prompt":"q","chosen":"a","rejected":"b"}'
trajectories() {
  mends sft-train 'length == 24 and all(keys == ["completion", "prompt"])' "$(cat "$TINY/sampled.jsonl")"
}
ok "trajectories: what was sampled" trajectories
# A dialogue needs a chat format, which the tiny models lack: what comes out of jq is held against the layout.
dialogue() {  # PROGRAM WANTED LINE
  echo "$3" > theirs.jsonl
  case $1 in
    sft-train) refused 65 'record 1: must have' sft-train --init "$base" theirs.jsonl -o never ;;
    rollout) refused 65 'record 1: field "prompt" is missing' rollout --policy "$p0" theirs.jsonl ;;
  esac
  sh -c "$(hint | sed 's/^make it one: //; s/ | [a-z-]* \.\.\.$//')" > ours.jsonl
  holds ours.jsonl "$2"
  case $1 in
    sft-train) expect_status 0 sft-train --init "$base" --chat-format chatml --epochs 0 ours.jsonl -o dialogue --force ;;
    rollout) expect_status 0 rollout --policy "$p0" --chat-format chatml --max-tokens 1 ours.jsonl ;;
  esac
}
human='{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}'
ok "ShareGPT's conversations" dialogue sft-train \
  '. == [{messages: [{role: "user", content: "a"}, {role: "assistant", content: "b"}]}]' "$human"
ok "messages under another name" dialogue sft-train '.[0].messages[1].content == "b"' \
  '{"conversations":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}'
ok "ShareGPT's conversations as prompts" dialogue rollout '. == [{messages: [{role: "user", content: "a"}]}]' "$human"

ok "members in another order, and spaces" dialogue rollout '. == [{messages: [{role: "user", content: "a"}]}]' \
  '{"conversations": [ { "value": "a", "from": "human" }, { "value": "b", "from": "gpt" } ]}'
ok "messages under another name as prompts" dialogue rollout '. == [{messages: [{role: "user", content: "a"}]}]' \
  '{"conversations":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}'
ok "whole dialogues as prompts" dialogue rollout '. == [{prompt: [{role: "user", content: "a"}]}]' \
  '{"chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"rejected":[{"role":"user","content":"a"}]}'

# rollout
ok "a text as the prompt" mends rollout '. == [{prompt: "t"}]' '{"text":"t","label":1}'
ok "a question as the prompt" mends rollout '. == [{prompt: "q"}]' '{"question":"q","answer":"a"}'
ok "an instruction and its input" mends rollout '. == [{prompt: "do\nthis"}]' \
  '{"instruction":"do","input":"this","output":"a"}'

# rm-train, and score for those that name pairs
ab='. == [{prompt: "q", chosen: "a", rejected: "b"}]'
ok "an answer, its label, unpaired" mends rm-train "$ab" '{"prompt":"q","completion":"a","label":true}' \
  '{"prompt":"q","completion":"b","label":false}' '{"prompt":"z","completion":"c","label":true}'
ok "two responses and the id of the better" mends rm-train "$ab" \
  '{"prompt":"q","response_0":"b","response_1":"a","better_response_id":1}'
ok "two responses and a strength" mends rm-train '. == [{prompt: "q", chosen: "a", rejected: "b"}, {prompt: "q", chosen: "b", rejected: "a"}]' \
  '{"prompt":"q","response_1":"a","response_2":"b","preference_strength":-2}' \
  '{"prompt":"q","response_1":"a","response_2":"b","preference_strength":0}' \
  '{"prompt":"q","response_1":"a","response_2":"b","preference_strength":1}'
ok "two responses and the number of the better" mends rm-train "$ab" \
  '{"prompt":"q","response_1":"b","response_2":"a","preference":2}'
ok "two responses and a winner" mends score "$ab" '{"prompt":"q","response_a":"b","response_b":"a","winner":"model_b"}' \
  '{"prompt":"q","response_a":"b","response_b":"a","winner":"tie"}'
arena() {
  a='[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]' b='[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]'
  for winner in model_a model_b 'tie (bothbad)'; do
    echo "{\"conversation_a\":$a,\"conversation_b\":$b,\"winner\":\"$winner\"}"
  done > theirs.jsonl
  refused 65 'record 1: field "chosen" is missing' rm-train --init "$base" theirs.jsonl -o never
  sh -c "$(hint | sed 's/^make it one: //; s/ | rm-train \.\.\.$//')" > ours.jsonl
  holds ours.jsonl 'map([.chosen[1].content, .rejected[1].content]) == [["a", "b"], ["b", "a"]]'
  score -q --reward-model "$rm" --chat-format chatml ours.jsonl > taken
}
ok "two conversations and a winner" arena
ok "answers of people, A and B" mends score "$ab" '{"history":"q","human_ref_A":"b","human_ref_B":"a","labels":0}'
ok "two responses to a context" mends score "$ab" \
  '{"context":"q","response1":"a","response2":"b","overall_preference":-1}'
ok "answers j and k" mends rm-train "$ab" '{"question":"q","response_j":"a","response_k":"b"}'
ok "j and k" mends score "$ab" '{"prompt":"q","j":"a","k":"b"}'
ok "chosen_response and rejected_response" mends rm-train "$ab" \
  '{"question":"q","chosen_response":"a","rejected_response":"b"}'
ok "ratings, an answer a record" mends rm-train '. == [{prompt: "q", chosen: "b", rejected: "a"}]' \
  '{"prompt":"q","response":"a","helpfulness":1}' '{"prompt":"q","response":"b","helpfulness":4}' \
  '{"prompt":"z","response":"c","helpfulness":4}'
# The records of one of our programs, given to another: the one that comes before.
says() { expect_stderr "^[a-z-]*: hint: .*$1" ; }
samples_to_rm() {
  refused 65 'record 1: field "chosen" is missing' rm-train --init "$base" "$TINY/scored.jsonl" -o never
  says 'label --by reward .*scored.jsonl \| rm-train \.\.\.'
  (PATH=$PWD/with_options:$PATH && eval "$(hint | sed 's/.*: label/label/')")
  refused 65 'record 1: field "chosen" is missing' rm-train --init "$base" "$TINY/sampled.jsonl" -o never
  says 'score --reward-model FOLDER .*sampled.jsonl \| label --by reward \| rm-train'
}
ok "trajectories given to rm-train" samples_to_rm
decisions_to_rm() {
  printf '{"schema":"label-note/1","id":"0/0-1","decision":"tie","labeler":"kim"}\n' > decided.jsonl
  refused 65 'record 1: field "chosen" is missing' rm-train --init "$base" decided.jsonl -o never
  says 'label --merge decided.jsonl \| rm-train \.\.\.'
}
ok "a judge's decisions given to rm-train" decisions_to_rm
prompts() {
  refused 65 'record 1: is neither a trajectory' score --ref "$base" "$TINY/prompts.jsonl"
  says 'sample answers first: rollout --policy FOLDER .*prompts.jsonl \| score \.\.\.'
  refused 65 'record 1: field ".*" is missing' ppo-step --policy "$p0" --critic-init "$rm" "$TINY/prompts.jsonl" -o never
  says 'rollout --policy FOLDER .*prompts.jsonl \| score --reward-model FOLDER --ref FOLDER \| ppo-step \.\.\.'
  refused 65 'record 1: field "prompt_ids" is missing' kl-report "$TINY/prompts.jsonl"
  says 'rollout --policy FOLDER .*prompts.jsonl \| kl-report \.\.\.'
  refused 65 'record 1: field "chosen" is missing' rm-train --init "$base" "$TINY/prompts.jsonl" -o never
  says 'rollout --policy FOLDER -n 2 .*prompts.jsonl.*label -o pairs.jsonl.*rm-train'
}
ok "prompts given to score, ppo-step, kl-report and rm-train" prompts
pairs() {
  refused 65 'record 1: field ".*" is missing' ppo-step --policy "$p0" --critic-init "$rm" "$TINY/pairs.jsonl" -o never
  says 'it is a preference, from which rm-train trains a reward model'
  refused 65 'record 1: field ".*" is missing' label --by reward "$TINY/pairs.jsonl"
  says 'it is a preference'
}
ok "pairs given to ppo-step and label" pairs
unscored() {
  refused 65 'field "reward" is missing' ppo-step --policy "$p0" --critic-init "$rm" "$TINY/sampled.jsonl" -o never
  says 'score --reward-model'
  refused 65 'record 1: field "reward" is missing' label --by reward "$TINY/sampled.jsonl"
  says 'score --reward-model FOLDER .*sampled.jsonl \| label --by reward'
  jq -c '.note = 3' "$TINY/scored.jsonl" > noted.jsonl
  refused 65 'record 1: field "rewrad" is missing' label --by rewrad noted.jsonl
  says "the record.s numbers are .*\"reward\", \"note\""
}
ok "trajectories without a reward, or with another figure" unscored
nameless() {
  jq -c 'del(.id, .group)' "$TINY/scored.jsonl" > bare.jsonl
  refused 65 'record 1: field "id" is missing' label --by reward bare.jsonl
  sh -c "$(hint | sed 's/^name it: //; s/ | label \.\.\.$//')" > called.jsonl
  label -q --by reward called.jsonl > pairs.jsonl
  refused 65 'record 1: field "id" is missing' score --reward-model "$rm" bare.jsonl
  sh -c "$(hint | sed 's/^name it: //; s/ | score \.\.\.$//')" | score -q --reward-model "$rm" > rewards.jsonl
  jq -c .reward "$TINY/scored.jsonl" > x
  jq -c .reward rewards.jsonl | expect_same x -
}
ok "trajectories without names" nameless
unknown() {
  echo '{"left":"a","right":"b","a b":[1]}' > odd.jsonl
  refused 65 'record 1: field "chosen" is missing' rm-train --init "$base" odd.jsonl -o never
  says 'it has "left", "right", "a b"; name its fields: jq -c .{prompt: .FIELD, chosen: .FIELD, rejected: .FIELD}. odd.jsonl'
  says 'docs/data.md'
  echo '{}' | refused 65 'stdin: record 1: must have either' sft-train --init "$base" -o never
  says "the record has no field; name its fields: jq -c '{prompt: .FIELD, completion: .FIELD}' \| sft-train"
}
ok "fields that say nothing are named" unknown
awkward_names() {
  mkdir -p 'a folder'
  echo '{"question":"q","answer":"a"}' > "a folder/it's.jsonl"
  refused 65 'record 1' sft-train --init "$base" "a folder/it's.jsonl" -o never
  sh -c "$(hint | sed 's/^make it one: //; s/ | [a-z-]* \.\.\.$//')" > ours.jsonl
  holds ours.jsonl '.[0].completion == "a"'
  zstd -q "a folder/it's.jsonl" -o packed.zst
  refused 65 'record 1' sft-train --init "$base" packed.zst -o never
  says "zstdcat packed.zst \| jq -c"
}
ok "names that a shell takes apart, and compressed files" awkward_names
both() {
  echo '{"text":"t","prompt":"q","completion":"a"}' > both.jsonl
  refused 65 'record 1: must have either' sft-train --init "$base" both.jsonl -o never
  says "leave one of them out: jq -c 'del\(.text\)'"
}
ok "a text and a completion" both

# Folders
language_wanted() {
  refused 65 'says that this is a reward model, not a language model' rollout --policy "$rm" "$TINY/prompts.jsonl"
  says 'give a language model; a reward model is for score --reward-model'
  refused 65 'this is a reward model' sft-train --init "$rm" "$TINY/texts.jsonl" -o never
  says 'rm-train --init'
  refused 65 'this is a language model' score --reward-model "$base" "$TINY/sampled.jsonl"
  says "rm-train --init $base pairs.jsonl -o NEW"
}
ok "a model of the other kind" language_wanted
swapped() {
  refused 65 "$base is a language model, not a reward model, and $rm is one" \
    score --reward-model "$base" --ref "$rm" "$TINY/sampled.jsonl"
  score -q $(hint | sed 's/^swap them: //') "$TINY/sampled.jsonl" | expect_same - "$TINY/scored.jsonl"
  refused 65 "$rm is a reward model, not a language model, and $p0 is one" \
    ppo-step --policy "$rm" --critic-init "$p0" "$TINY/scored.jsonl" -o never
  rm -rf new
  expect_status 0 ppo-step $(hint | sed 's/^swap them: //') --epochs 1 "$TINY/scored.jsonl" -o new
}
ok "swapped folders" swapped
ppo-step -q --policy "$p0" --critic-init "$rm" --epochs 1 "$TINY/scored.jsonl" -o p1
ppo-step -q --policy "$p0" --critic shared --epochs 1 "$TINY/scored.jsonl" -o ps
parts() {
  refused 65 'p1/critic//config.json.*this is a reward model' rollout --policy p1/critic/ "$TINY/prompts.jsonl"
  says 'it is the critic of p1: give that folder$'
  (cd p1 && refused 65 'critic/config.json' rollout --policy critic "$TINY/prompts.jsonl" && says 'it is the critic of \.:')
  refused 66 "p1/trainer: is the trainer's state of p1" rollout --policy p1/trainer "$TINY/prompts.jsonl"
  says 'give p1$'
  refused 66 'ps/critic: is the value head on the backbone of ps' score --reward-model ps/critic "$TINY/sampled.jsonl"
  says 'give ps$'
  refused 66 '^rollout: error: \.: is not a model folder, but contains some' rollout --policy . "$TINY/prompts.jsonl"
  says 'give one of them, such as \./'
  mkdir .x.checkpointabc.-.3.0.part && echo '{}' > .x.checkpointabc.-.3.0.part/state.json
  refused 66 'is the checkpoint of an unfinished run' rollout --policy .x.checkpointabc.-.3.0.part "$TINY/prompts.jsonl"
  says 'run its command again'
}
ok "parts of a policy's folder, checkpoints, folders of folders" parts
files_and_folders() {
  refused 66 'prompts.jsonl: is a file, not a model folder' rollout --policy "$TINY/prompts.jsonl" "$base"
  says 'it looks like records, which are given without an option'
  refused 66 'model.safetensors: is a file' rollout --policy "$base/model.safetensors" "$TINY/prompts.jsonl"
  says "give the folder that contains it: $base\$"
  refused 66 'base: is a folder, not a file' rollout --policy "$p0" "$base"
  says 'a model.s folder goes to an option such as --policy'
  mkdir -p data && cp "$TINY/prompts.jsonl" data
  refused 66 'data: is a folder, not a file' peek data
  says 'give the files in it: data/\*$'
}
ok "files in place of folders, folders in place of files" files_and_folders
other_policy() {
  rm -rf new && cp -r "$p0" p0 && cp -r "$base" base
  rollout -q --policy p1 --max-tokens 4 "$TINY/prompts.jsonl" | score -q --reward-model "$rm" --ref base > of-p1.jsonl
  refused 65 'was sampled by policy' ppo-step --policy p1 "$TINY/scored.jsonl" -o never
  says 'that one is p0: give --policy p0, or accept it with --off-policy'
  refused 65 'was sampled by policy' ppo-step --policy ./p0/ --critic-init "$rm" of-p1.jsonl -o never
  says 'that one is p1: give --policy p1'
  refused 65 'was sampled by policy' ppo-step --policy "$PWD/base" --critic-init "$rm" of-p1.jsonl -o never
  says "that one is $PWD/p1: give --policy $PWD/p1"
  jq -c '.policy = "00"' of-p1.jsonl > nobody.jsonl
  refused 65 'was sampled by policy 00' ppo-step --policy p0 --critic-init "$rm" nobody.jsonl -o never
  says 'give the policy that sampled it, or sample again with this one, rollout --policy p0, or accept'
}
ok "trajectories of the policy before, and of the one behind" other_policy

# Tokens of others
rm-train -q --init "$TINY/alien" --epochs 0 "$TINY/pairs.jsonl" -o alien-rm
foreign() {
  refused 65 'than the policy.s' ppo-step --policy "$TINY/alien" --critic shared "$TINY/scored.jsonl" -o never
  says "give --policy the folder that sampled them, or sample again with this one: rollout --policy $TINY/alien"
  refused 65 'than the new policy.s' kl-report --new "$TINY/alien" "$TINY/sampled.jsonl"
  says 'give --old and --new policies with the tokenizer of the one that sampled'
  refused 65 'than the reward model.s' rm-train --init "$TINY/alien" --normalize-on "$TINY/sampled.jsonl" \
    "$TINY/pairs.jsonl" -o never
  says 'a policy that has the tokenizer of --init, or leave --normalize-on out'
  refused 65 'the critic has another tokenizer' ppo-step --policy "$p0" --critic-init alien-rm "$TINY/scored.jsonl" -o never
  says 'start it from a model with the policy.s tokenizer'
  jq -c '.response_ids[0] = 299 | .tokenizer = null' "$TINY/sampled.jsonl" > large.jsonl
  refused 65 'contains token 29[0-9], the model.s vocabulary has 290' score --ref "$TINY/alien" large.jsonl
  says 'come from another tokenizer: give a model with the tokenizer of the policy that sampled it'
}
ok "another tokenizer" foreign
arithmetic() {
  jq -c '.arith = 99' "$TINY/scored.jsonl" > arith.jsonl
  refused 65 'in dtype f32 and arithmetic 99' ppo-step --policy "$p0" --critic-init "$rm" arith.jsonl -o never
  says 'sample again with this version, or accept it with --off-policy'
  jq -c '.dtype = "bf16"' "$TINY/scored.jsonl" > bf16.jsonl
  refused 65 'was sampled in dtype bf16, this run computes in f32' score --ref "$base" bf16.jsonl
  says 'give --dtype bf16$'
}
ok "another arithmetic" arithmetic
