# Null is absence: exporters write every column of every record. A program does with such records what it does without
# these fields, and passes them on where it writes records. Ids and groups may be integers.
. "$ROOT/tests/tools/tiny.inc"
needs label ppo-step kl-report peek
base=$TINY/base p0=$TINY/p0 rm=$TINY/rm
# with_nulls FILE FIELD...: the records with these fields, where they lack them, of null.
with_nulls() {
  with_nulls_of=$1
  shift
  jq -c '. as $r | reduce $ARGS.positional[] as $f ($r; if has($f) then . else .[$f] = null end)' --args "$@" \
    < "$with_nulls_of" > nulls.jsonl
  grep -q null nulls.jsonl
}
same_models() { cmp "$1/model.safetensors" "$2/model.safetensors"; cmp "$1/config.json" "$2/config.json"; }

texts() {
  with_nulls "$TINY/texts.jsonl" id prompt completion messages chosen rejected
  sft-train -q --init "$base" "$TINY/texts.jsonl" -o t && sft-train -q --init "$base" nulls.jsonl -o tn
  same_models t tn
}
ok "sft-train: texts" texts
answers() {
  with_nulls "$TINY/answers.jsonl" id text messages
  sft-train -q --init "$base" "$TINY/answers.jsonl" -o a && sft-train -q --init "$base" nulls.jsonl -o an
  same_models a an
}
ok "sft-train: prompts and completions" answers
pairs() {
  jq -c 'del(.id)' "$TINY/pairs.jsonl" > plain.jsonl
  with_nulls plain.jsonl id margin responses messages tokenizer prompt_ids chosen_ids rejected_ids
  rm-train -q --init "$base" plain.jsonl -o r && rm-train -q --init "$base" nulls.jsonl -o rn
  same_models r rn
  expect_status 0 rm-train -q --init "$base" --margin 1 nulls.jsonl -o rn --force
  expect_stderr "^rm-train: warning: --margin did nothing: no pair has"
  score -q --reward-model "$rm" plain.jsonl > x
  score -q --reward-model "$rm" nulls.jsonl > y
  jq -c 'with_entries(select(.value != null))' y | jq -S . > z
  jq -S . x | expect_same - z
  holds y 'all(has("margin") and .margin == null and has("id"))'
}
ok "rm-train and score: pairs" pairs
whole_answers() {  # without a prompt the others are whole
  jq -c '{chosen: (.prompt + .chosen), rejected: (.prompt + .rejected)}' "$TINY/pairs.jsonl" > whole.jsonl
  with_nulls whole.jsonl prompt
  score -q --reward-model "$rm" whole.jsonl | jq -c '[.chosen_reward, .rejected_reward]' > x
  score -q --reward-model "$rm" nulls.jsonl | jq -c '[.chosen_reward, .rejected_reward]' | expect_same x -
}
ok "score: pairs whose prompt is null" whole_answers
rankings() {
  jq -c '{prompt, responses: [.chosen, .rejected]}' "$TINY/pairs.jsonl" > ranked.jsonl
  with_nulls ranked.jsonl id chosen rejected margin
  rm-train -q --init "$base" ranked.jsonl -o k && rm-train -q --init "$base" nulls.jsonl -o kn
  same_models k kn
}
ok "rm-train: rankings" rankings
prompts() {
  jq -c 'del(.id)' "$TINY/prompts.jsonl" > plain.jsonl
  with_nulls plain.jsonl id messages text completion reward seed finish own
  rollout -q --policy "$p0" --max-tokens 4 plain.jsonl > x
  rollout -q --policy "$p0" --max-tokens 4 nulls.jsonl > y
  jq -c 'with_entries(select(.value != null))' y > z
  jq -c . x | expect_same - z
  holds y 'all(has("own") and has("messages") and .own == null and (has("reward") | not))'
}
ok "rollout: prompts" prompts
dialogues() {
  echo '{"messages":[{"role":"user","content":"x"}]}' > plain.jsonl
  with_nulls plain.jsonl prompt id
  rollout -q --policy "$p0" --chat-format chatml --max-tokens 2 plain.jsonl | jq -cS . > x
  rollout -q --policy "$p0" --chat-format chatml --max-tokens 2 nulls.jsonl | jq -cS . | expect_same x -
  echo '{"prompt":[{"role":"user","content":"x"}],"messages":null}' | rollout -q --policy "$p0" --chat-format chatml \
    --max-tokens 2 | jq -cS . | expect_same x -
}
ok "rollout: dialogues in one field and null in the other" dialogues
optional="temperature top_k top_p dtype arith finish tokenizer policy reward rewards ref_logprobs logprobs"
trajectories() {
  jq -c '{id, prompt, response, prompt_ids, response_ids}' "$TINY/sampled.jsonl" > plain.jsonl
  # shellcheck disable=SC2086
  with_nulls plain.jsonl $optional
  score -q --reward-model "$rm" --ref "$base" --missing-end replace plain.jsonl | jq -cS '[.reward, .ref_logprobs]' > x
  score -q --reward-model "$rm" --ref "$base" --missing-end replace nulls.jsonl > y
  jq -cS '[.reward, .ref_logprobs]' y | expect_same x -
  grep -q '"finish":null,"tokenizer":null' y  # the others stand where they stood
}
ok "score: trajectories" trajectories
steps() {
  jq -c 'del(.temperature, .top_k, .top_p, .dtype, .arith, .finish, .tokenizer)' "$TINY/scored.jsonl" > plain.jsonl
  # shellcheck disable=SC2086
  with_nulls plain.jsonl $optional
  ppo-step -q --policy "$p0" --critic-init "$rm" --epochs 1 plain.jsonl -o p
  ppo-step -q --policy "$p0" --critic-init "$rm" --epochs 1 nulls.jsonl -o pn
  same_models p pn
  kl-report --old "$p0" --new "$base" --json plain.jsonl > x
  kl-report --old "$p0" --new "$base" --json nulls.jsonl | sed 's/nulls.jsonl/plain.jsonl/' | expect_same x -
  kl-report -q --old "$p0" --new "$base" nulls.jsonl -o evaluated.jsonl
  holds evaluated.jsonl 'all(.finish == "stop" or .finish == "length")'
  kl-report --json evaluated.jsonl | sed 's/evaluated.jsonl/plain.jsonl/' | expect_same x -
}
ok "ppo-step and kl-report: trajectories" steps

numbered() {  # 0, 1, ... in place of the groups' names
  jq -c '.group as $g | (["film","play","song","book","cast","plot"] | index($g)) as $n |
    .group = $n | .id = $n * 100 + (.id | split("/")[1] | tonumber)' "$TINY/scored.jsonl" > numbers.jsonl
  jq -c '.group |= tostring | .id |= tostring' numbers.jsonl > texts.jsonl
}
numbered
integers() {
  label -q --by reward --pairs all numbers.jsonl > x
  label -q --by reward --pairs all texts.jsonl | expect_same x -
  ppo-step -q --policy "$p0" --critic-init "$rm" --epochs 1 numbers.jsonl -o i
  ppo-step -q --policy "$p0" --critic-init "$rm" --epochs 1 texts.jsonl -o it
  same_models i it
  score -q --ref "$base" numbers.jsonl | jq -c .id > x
  jq -c .id numbers.jsonl | expect_same x -  # passed on as they are
  jq -c '{id: (input_line_number + 98), prompt, chosen, rejected}' "$TINY/pairs.jsonl" > numbered.jsonl  # 99, 100, ...
  jq -c '.id |= tostring' numbered.jsonl > named.jsonl
  rm-train -q --init "$base" --batch 5 numbered.jsonl -o n && rm-train -q --init "$base" --batch 5 named.jsonl -o nt
  same_models n nt
  jq -c '{id: input_line_number, text}' "$TINY/texts.jsonl" | sft-train -q --init "$base" --batch 5 -o s
  jq -c '{id: "\(input_line_number)", text}' "$TINY/texts.jsonl" | sft-train -q --init "$base" --batch 5 -o st
  same_models s st
}
ok "integer ids and groups are the texts of them" integers
twice() {
  for p in "sft-train --init $base -o never" "rm-train --init $base -o never" "score --reward-model $rm"; do
    case $p in sft*) line='"text":"t"' ;; *) line='"prompt":"q","chosen":"a","rejected":"b"' ;; esac
    printf '{"id":7,%s}\n{"id":"7",%s}\n' "$line" "$line" > double.jsonl
    refused 65 'double.jsonl: record 2: duplicate id "7"' $p double.jsonl
  done
  { head -n 2 numbers.jsonl; head -n 1 texts.jsonl; } > double.jsonl
  for p in "label --by reward" "kl-report" "ppo-step --policy $p0 --critic-init $rm -o never"; do
    refused 65 'double.jsonl: record [13]: .*id "0"' $p double.jsonl
  done
  refused 65 'double.jsonl: .*more|double.jsonl: record 3: duplicate id "0"' peek --verify double.jsonl
  expect_stdout 'double.jsonl: record 3: duplicate id "0"'
}
ok "an integer and its text are one id" twice
