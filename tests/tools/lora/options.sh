# Each option of adapters does something, and its folder says what.
. "$ROOT/tests/tools/lora/lora.inc"
tune plain --lora-rank 2

rank_is_obeyed() {
  config plain '.r == 2 and .peft_type == "LORA" and .task_type == "CAUSAL_LM" and .fan_in_fan_out'
  tune three --lora-rank 3
  config three '.r == 3'
  header three | jq -e '."base_model.model.transformer.h.0.attn.c_attn.lora_A.weight".shape == [3, 32] and
    ."base_model.model.transformer.h.1.mlp.c_fc.lora_B.weight".shape == [128, 3]'
  tune whole
  [ -e whole/model.safetensors ] && [ ! -e whole/adapter_config.json ]
}
alpha_is_obeyed() {
  config plain '.lora_alpha == 4'  # twice the rank
  tune told --lora-rank 2 --lora-alpha 4
  diff -r plain told -x provenance.json
  tune more --lora-rank 2 --lora-alpha 6
  config more '.lora_alpha == 6'
  others plain more
}
stabilized_is_obeyed() {  # 8/sqrt(4) = 16/4
  tune stable --lora-rank 4 --lora-alpha 8 --lora-rslora
  tune usual --lora-rank 4 --lora-alpha 16
  config stable '.use_rslora and .lora_alpha == 8'
  weights stable usual
  logprobs stable > one && logprobs usual > two
  expect_same one two
  tune unstable --lora-rank 4 --lora-alpha 8
  others stable unstable
}
modules() { header "$1" | jq -r 'keys[]' | grep -v metadata | sed 's/.*h\.[0-9]*\.//; s/\.lora_..weight//' | sort -u | tr '\n' ' '; }
targets_are_obeyed() {
  [ "$(modules plain)" = 'attn.c_attn attn.c_proj mlp.c_fc mlp.c_proj ' ]
  tune all --lora-rank 2 --lora-targets all
  diff -r plain all -x provenance.json
  tune attention --lora-rank 2 --lora-targets attention
  [ "$(modules attention)" = 'attn.c_attn attn.c_proj ' ]
  tune some --lora-rank 2 --lora-targets c_fc,c_attn,c_fc
  [ "$(modules some)" = 'attn.c_attn mlp.c_fc ' ]
  config some '.target_modules == ["c_attn", "c_fc"]'
  sft-train -q --init new --family llama --layers 1 --width 24 --heads 2 --context 40 --vocab 280 --epochs 0 "$answers" -o llama
  sft-train -q --init llama --lora-rank 2 --lora-targets attention --epochs 0 "$answers" -o on_llama
  config on_llama '.target_modules == ["k_proj", "o_proj", "q_proj", "v_proj"] and (.fan_in_fan_out | not)'
}
base_is_obeyed() {
  cp -r base moved && mv base away
  expect_status 66 score -q --ref plain "$sampled"
  expect_stderr 'error: plain: its base base is not here, nor plain/base$'
  expect_stderr 'hint: give its folder with --base'
  score -q --ref plain --base moved "$sampled" > by_moved
  sft-train -q --init plain --base moved "$answers" -o more_of_it
  rollout -q --policy plain --base moved "$TINY/prompts.jsonl" > rolled
  kl-report -q --new plain --base moved --old moved "$sampled" > report
  mv away base
  score -q --ref plain "$sampled" | cmp - by_moved
}
found_beside() {  # the adapter's folder goes before the place where the program runs
  mkdir -p there/runs && cp -r plain there/runs/a && cp -r base there/b && cp -r p0 b
  sed -i 's|"base"|"../../b"|' there/runs/a/adapter_config.json
  logprobs there/runs/a > one && logprobs plain > two
  expect_same one two
  sed -i 's|"../../b"|"b"|' there/runs/a/adapter_config.json
  refused 65 'there/runs/a: was made on another base than b' score -q --ref there/runs/a "$sampled"
  cp -r base there/runs/a/b
  logprobs there/runs/a > one
  expect_same one two
}
base_name_is_obeyed() {
  config plain '.base_model_name_or_path == "base"'
  tune named --lora-rank 2 --base-name me/base-0.1B
  config named '.base_model_name_or_path == "me/base-0.1B"'
  weights plain named
  refused 66 'named: its base me/base-0.1B is not here, nor named/me/base-0.1B' score -q --ref named "$sampled"
  expect_stderr 'hint: .*hf download me/base-0.1B --local-dir FOLDER'
  sft-train -q --epochs 0 --init named --base base --base-name base -o back
  config back '.base_model_name_or_path == "base"'
  weights back plain
  step s1 --base-name mine
  config s1 '.base_model_name_or_path == "mine"'
  config s1/critic '.base_model_name_or_path == "mine"'
}
merged() {
  sft-train -q --epochs 0 --init plain --merge -o sum
  [ -e sum/model.safetensors ] && [ ! -e sum/adapter_config.json ]
  for model in base plain sum; do logprobs $model > of.$model; done
  below "$(apart of.plain of.sum)" 1e-4
  below 0.01 "$(apart of.plain of.base)"
  cmp sum/tokenizer.json base/tokenizer.json
  tune at_once --lora-rank 2 --merge
  cmp sum/model.safetensors at_once/model.safetensors
  tune small --lora-rank 2 --merge --store bf16
  [ "$(wc -c < small/model.safetensors)" -lt "$(wc -c < sum/model.safetensors)" ]
}
rates() {  # ten times that of full training, unless one is given
  rate() {  # FILE FIELD RATE: of its last line
    jq -es --arg f "$2" --argjson r "$3" '(.[-1][$f] / $r - 1 | fabs) < 1e-6' "$1" && return 0
    echo "$1: $2 is not $3" && return 1
  }
  tune m1 --metrics m1.m && tune m2 --lora-rank 2 --metrics m2.m && tune m3 --lora-rank 2 --lr 1e-4 --metrics m3.m
  sft-train -q --init plain --metrics m4.m "$answers" -o m4
  rate m1.m lr 1e-4 && rate m2.m lr 1e-3 && rate m3.m lr 1e-4 && rate m4.m lr 1e-3
  rm-train -q --init base --metrics m5.m "$pairs" -o m5 && rm-train -q --init base --lora-rank 2 --metrics m6.m "$pairs" -o m6
  rate m5.m lr 1e-5 && rate m6.m lr 1e-4
  step m7 --metrics m7.m
  rate m7.m lr 1e-4 && rate m7.m critic/lr 1e-4
  step m8 --metrics m8.m --lr 2e-5 --critic-lr 3e-5
  rate m8.m lr 2e-5 && rate m8.m critic/lr 3e-5
  ppo-step -q --policy p0 --lora-rank 2 --critic-init rm --metrics m9.m "$scored" -o m9  # a whole critic
  rate m9.m lr 1e-4 && rate m9.m critic/lr 1e-5
}
seed_makes_it() {
  tune seeded --lora-rank 2 --epochs 0 && tune seeded_too --lora-rank 2 --epochs 0 --seed 1
  others seeded seeded_too
}
ok "--lora-rank makes an adapter of that rank" rank_is_obeyed
ok "--lora-alpha scales it; it is twice the rank" alpha_is_obeyed
ok "--lora-rslora divides by the rank's root" stabilized_is_obeyed
ok "--lora-targets chooses the matrices" targets_are_obeyed
ok "--base is the folder of the base" base_is_obeyed
ok "a base is looked for from the adapter's folder, then from here" found_beside
ok "--base-name is what the folder says" base_name_is_obeyed
ok "--merge writes the sum" merged
ok "the rate is ten times that of full training, or what is given" rates
ok "the seed makes a new adapter" seed_makes_it
