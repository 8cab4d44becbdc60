# What is refused about adapters, and what to do about it.
. "$ROOT/tests/tools/lora/lora.inc"
tune a --lora-rank 2 --epochs 0
rm-train -q --init base --lora-rank 2 --epochs 0 --no-normalize "$pairs" -o ra
misuse() {
  misuse_line=$1
  shift
  expect_status 64 "$@"
  expect_misuse
  expect_stderr "error: $misuse_line"
  absent bad
}
hint() { expect_stderr "hint: .*$1"; }

without_rank() {
  for option in '--lora-alpha 4' '--lora-targets all' --lora-rslora; do
    misuse "${option%% *}: without --lora-rank no adapter is made" sft-train --init base $option "$answers" -o bad
    misuse "${option%% *}: without --lora-rank no adapter is made" rm-train --init base $option "$pairs" -o bad
    misuse "${option%% *}: without --lora-rank no adapter is made" ppo-step --policy p0 $option "$scored" -o bad
  done
}
names() {
  misuse '--lora-targets: a name is empty' sft-train --init base --lora-rank 2 --lora-targets c_fc,,c_attn "$answers" -o bad
  refused 65 'no linear layer of a gpt2 block is called "q_proj"' \
    sft-train --init base --lora-rank 2 --lora-targets q_proj "$answers" -o bad
  hint 'there are c_attn, c_proj, c_fc, c_proj'
  absent bad
}
another_kind() {
  misuse 'a: its adapter has rank 2, not what --lora-rank asks for' sft-train --init a --lora-rank 3 "$answers" -o bad
  hint 'leave the options of adapters out'
  misuse 'a: its adapter has another scale, not what --lora-alpha asks for' \
    sft-train --init a --lora-rank 2 --lora-alpha 1 "$answers" -o bad
  misuse 'a: its adapter has other targets, not what --lora-targets asks for' \
    sft-train --init a --lora-rank 2 --lora-targets c_fc "$answers" -o bad
  expect_status 0 sft-train -q --init a --lora-rank 2 --epochs 0 "$answers" -o same
}
base_of_none() {
  none='--base: no model that was given is an adapter'
  misuse "$none" sft-train --init base --base base "$answers" -o bad
  misuse "$none" sft-train --init base --base base --lora-rank 2 "$answers" -o bad
  misuse "$none" rm-train --init base --base base "$pairs" -o bad
  misuse "$none" ppo-step --policy p0 --base base --critic-init rm "$scored" -o bad
  misuse "$none" rollout --policy base --base base "$TINY/prompts.jsonl"
  misuse "$none" score --reward-model rm --ref base --base base "$sampled"
  misuse "$none" kl-report --new base --base base "$sampled"
  misuse '--base-name: base is no adapter' sft-train --init base --base-name x "$answers" -o bad
}
critics_base() {  # of a whole policy's critic
  sed 's/"base"/"gone"/' -i ra/adapter_config.json
  refused 66 'ra: its base gone is not here' ppo-step --policy p0 --critic-init ra "$scored" -o bad
  expect_status 0 ppo-step -q --policy p0 --critic-init ra --base base "$scored" -o of_whole
  [ -e of_whole/model.safetensors ] && [ -e of_whole/critic/adapter_config.json ]
  sed 's/"gone"/"base"/' -i ra/adapter_config.json
}
new_models() {
  new="sft-train --init new --layers 1 --width 16 --heads 2 --context 40 --vocab 270 --epochs 0"
  misuse '--lora-rank: a new model has nothing worth keeping' $new --lora-rank 2 "$answers" -o bad
  misuse "--freeze: a new model's blocks are random numbers" $new --freeze 1 "$answers" -o bad
  misuse '--merge: a new model is no adapter' $new --merge "$answers" -o bad
  misuse '--base: a new model is no adapter' $new --base base "$answers" -o bad
  misuse '--base-name: a new model is no adapter' $new --base-name x "$answers" -o bad
}
merging() {
  misuse '--merge: base is no adapter' sft-train --init base --merge "$answers" -o bad
  misuse '--store: an adapter is stored as f32 in one file' sft-train --init a --store bf16 "$answers" -o bad
  misuse '--shard-size: an adapter is stored as f32 in one file' sft-train --init base --lora-rank 2 --shard-size 1 "$answers" -o bad
}
heads() {
  refused 65 'a/adapter_config.json: "task_type" says that this is a language model, not a reward model' \
    rm-train --init a "$pairs" -o bad
  hint 'sft-train --epochs 0 --merge --init a -o NEW'
  refused 65 'ra/adapter_config.json: "task_type" says that this is a reward model, not a language model' \
    rollout --policy ra "$TINY/prompts.jsonl"
  refused 65 'rm: is a reward model, on which no adapter is made' rm-train --init rm --lora-rank 2 "$pairs" -o bad
  hint 'give the language model that it was made from'
  refused 65 'rm/config.json: "architectures" says that this is a reward model, not a language model' \
    sft-train --init rm --lora-rank 2 "$answers" -o bad
  refused 65 'a: is an adapter, where a base is needed' sft-train --init a --base a "$answers" -o bad
}
bases() {
  refused 66 '--base nowhere: no such model folder' score --ref a --base nowhere "$sampled"
  refused 65 'a: was made on another base than p0' score --ref a --base p0 "$sampled"
  hint 'give the right one with --base'
  cp -r a nameless && jq 'del(.base_model_name_or_path)' a/adapter_config.json > nameless/adapter_config.json
  refused 65 'nameless/adapter_config.json: names no base' score --ref nameless "$sampled"
  expect_status 0 score -q --ref nameless --base base "$sampled"
}
changed_base() {
  cp -r base changed && tune on_changed --epochs 0 --lora-rank 2 --base-name changed
  expect_status 0 score -q --ref on_changed "$sampled"
  rm -r changed && cp -r p0 changed
  refused 65 'on_changed: was made on another base than changed' score -q --ref on_changed "$sampled"
}
files() {
  cp -r a torn && head -c 300 a/adapter_model.safetensors > torn/adapter_model.safetensors
  refused 65 'torn/adapter_model.safetensors: ' score --ref torn "$sampled"
  cp -r a other && jq '.r = 3' a/adapter_config.json > other/adapter_config.json
  refused 65 'other/adapter_model.safetensors: tensor .* differs in shape from what adapter_config.json describes' \
    score --ref other "$sampled"
  jq '.target_modules = ["c_attn"]' a/adapter_config.json > other/adapter_config.json
  refused 65 'other/adapter_model.safetensors: tensor .* is not one of the adapter' score --ref other "$sampled"
  jq '.peft_type = "IA3"' a/adapter_config.json > other/adapter_config.json
  refused 65 'other/adapter_config.json: "peft_type" is "IA3", not "LORA", which alone is supported' score --ref other "$sampled"
  cp -r a half && rm half/adapter_config.json
  refused 65 'half/adapter_config.json: is missing beside adapter_model.safetensors' score --ref half "$sampled"
  cp -r a pickled && mv pickled/adapter_model.safetensors pickled/adapter_model.bin
  refused 65 'pickled/adapter_model.bin: is a PyTorch pickle' score --ref pickled "$sampled"
  cp -r a empty && rm empty/adapter_model.safetensors
  refused 66 'empty/adapter_model.safetensors: ' score --ref empty "$sampled"
  cp -r ra odd && LC_ALL=C sed -i 's/"reward_std":"1"/"reward_std":"x"/' odd/adapter_model.safetensors
  refused 65 'odd/adapter_model.safetensors: metadata "reward_std" is not a number' score --reward-model odd "$sampled"
}
other_policy() {  # the advice finds adapters, too
  mkdir run && cp -r p0 run/ && step run/p1 --base-name p0
  rollout -q --policy run/p1 "$TINY/prompts.jsonl" | score -q --reward-model rm > of_p1.jsonl
  refused 65 'was sampled by policy' ppo-step --policy run/p0 --critic-init rm of_p1.jsonl -o bad
  hint 'that one is run/p1: give --policy run/p1'
}
records() {
  refused 66 'a: is a folder, not a file' score --ref base a
  hint "a model's folder goes to an option"
  refused 65 "a/adapter_config.json: is an adapter's adapter_config.json, not records" score --ref base a/adapter_config.json
}
ok "an adapter is no record" records
ok "options of a new adapter without one are misuse" without_rank
ok "names of targets that there are not" names
ok "an adapter of another kind than the options'" another_kind
ok "--base and --base-name where there is no adapter" base_of_none
ok "--base is for any adapter, a whole policy's critic, too" critics_base
ok "new models are no adapters" new_models
ok "--merge, --store and --shard-size where they'd do nothing" merging
ok "heads of the other kind, with what helps" heads
ok "bases that are missing, wrong or not named" bases
ok "a base that changed" changed_base
ok "damaged and foreign folders" files
ok "the adapter that sampled is named" other_policy
