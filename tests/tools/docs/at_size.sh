# docs/at-size.sh in miniature: a row per program and model, with time and peak memory.
needs jq awk bash
runs() {
  SIZE_SMALL=1 bash "$ROOT/docs/at-size.sh" work > table 2> err || { cat err; return 1; }
  [ "$(awk 'NR > 1 { print $1 "/" $2 }' table | paste -sd ' ')" = \
    'gpt2/rollout gpt2/score gpt2/ppo-step smollm2/rm-train smollm2/rollout smollm2/score smollm2/ppo-step' ]
  awk 'NR > 1 && !(/ [0-9.]+ s +[0-9]+[.][0-9][0-9]$/ && $NF > 0) { bad = 1; print } END { exit bad }' table
}
models() {
  jq -e '.model_type == "llama" and .num_key_value_heads == 2 and .intermediate_size == 40' work/next/config.json
  [ "$(zstdcat work/scored.jsonl.zst | jq -s 'length')" = 4 ]
}
ok "every program's time and memory are told" runs
ok "the second model is of SmolLM2's kind" models
adapters() {
  SIZE_SMALL=1 SIZE_ADAPTERS=1 bash "$ROOT/docs/at-size.sh" adapted > table 2> err || { cat err; return 1; }
  [ "$(grep -v '^--' table | awk 'NR > 1 { print $1 "/" $2 }' | paste -sd ' ')" = \
    'qwen2/rollout qwen2/ppo-step qwen2/ppo-step llama/rollout llama/ppo-step llama/ppo-step' ]
  [ "$(grep -c '^--lora-rank .* MB$' table)" = 4 ]
  jq -e '.r == 16' adapted/next/adapter_config.json
  jq -e '.r == 16 and .task_type == "SEQ_CLS"' adapted/next/critic/adapter_config.json
}
ok "with SIZE_ADAPTERS policy and critic are adapters, and their folders' sizes are told" adapters
