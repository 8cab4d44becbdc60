# Adapters that PEFT wrote (tests/goldens/model/adapters): the base is found from their folder, and training goes on with
# them where the options name the same rank, scale and modules, however they are written.
cp -RL "$ROOT/tests/goldens/model" model
adapters=model/adapters
jq -nc '{text: "The film was good"}' > texts.jsonl
go_on() {  # ADAPTER OUTPUT OPTION...
  adapter=$1 output=$2
  shift 2
  sft-train -q --init "$adapters/$adapter" --lr 1e-3 texts.jsonl -o "$output" "$@"
}

the_base_is_found() {
  go_on gpt2-all-linear out.model
  [ ! -e out.model/config.json ]
  [ "$(jq -r .base_model_name_or_path out.model/adapter_config.json)" = ../../dev/gpt2/policy ]
}
ok "the base is found from the adapter's folder" the_base_is_found
ok "every linear layer is what \"all\" names" \
  go_on gpt2-all-linear all.model --lora-rank 2 --lora-alpha 3 --lora-targets all
ok "a pattern is what a list of names names" \
  go_on llama-pattern names.model --lora-rank 3 --lora-alpha 5 --lora-rslora --lora-targets q_proj,v_proj

other_modules() {
  expect_status 64 go_on gpt2-all-linear other.model --lora-rank 2 --lora-alpha 3 --lora-targets attention
  expect_stderr "its adapter has other targets, not what --lora-targets asks for"
}
ok "other modules are refused" other_modules
a_layer_is_not_both() {
  expect_status 64 go_on qwen2-bf16 layer.model --lora-rank 4 --lora-alpha 7 --lora-targets k_proj,o_proj,down_proj
  expect_stderr "its adapter has other targets"
}
ok "a module of one layer is not that of all" a_layer_is_not_both

refused() {
  mkdir -p refused
  jq '.use_dora = true' "$adapters/gpt2-all-linear/adapter_config.json" > refused/adapter_config.json
  cp "$adapters/gpt2-all-linear/adapter_model.safetensors" refused
  expect_status 65 sft-train -q --init refused texts.jsonl -o refused.model
  expect_stderr '"use_dora" is true, which is not supported'
  expect_stderr 'merge_and_unload'
}
ok "what isn't built is refused by its name" refused
