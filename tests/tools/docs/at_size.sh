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
gemma() {
  SIZE_SMALL=1 SIZE_GEMMA=1 bash "$ROOT/docs/at-size.sh" gemma > table 2> err || { cat err; return 1; }
  [ "$(awk '$1 == "gemma" { print $2 }' table | paste -sd ' ')" = 'rm-train rollout score ppo-step' ]
  jq -e '.model_type == "gemma3_text" and .head_dim == 16 and .num_key_value_heads == 1' gemma/next/config.json
}
ok "with SIZE_GEMMA the programs are told for Gemma 3's shape" gemma
planned() {
  OMP_NUM_THREADS=2 SIZE_SMALL=1 SIZE_PLAN='smollm2 qwen2 llama' bash "$ROOT/docs/at-size.sh" planned > table 2> err || { cat err; return 1; }
  [ "$(awk '$2 ~ /rollout|score|ppo-step/ { print $1 "/" $2 }' table | wc -l)" = 9 ]
  [ "$(grep -cE '^\| (smollm2|qwen2|llama) \| (2|(1|4|8|16|32|64) \(paper\)) \|' table)" = 21 ]
  jq -e '.r == 8' planned/next/adapter_config.json
}
ok "with SIZE_PLAN an iteration of each named model and a table of cores are told" planned
# Of made profiles: 10 s on the disk, 8 s at the memory's rate, 6 s shared by the cores; of it sampling 4 and 2 s.
modelled() {
  mkdir -p made && cd made
  line() { printf '%s:   %-21s %9.3f s %5.1f%% %8.1f %-7s %4.0f%% of the limit\n' "$1" "$2" "$3" 10 1 GB/s 5; }
  for model in smollm2 qwen2 llama; do
    { line rollout 'products forward' 4; line rollout 'sampling' 2; line rollout 'loading models' 1
      echo 'rollout: processor time: 1.0 s, memory: at most 917,504 KiB'; } > profile.$model.rollout
    { line ppo-step 'products backward' 4; line ppo-step 'optimizer' 4; line ppo-step 'saving models' 9
      echo 'ppo-step: processor time: 1.0 s, memory: at most 3,145,728 KiB'; } > profile.$model.ppo-step
    echo 500 > size.$model
  done
  awk '/^plan\(\)/, /^}/' "$ROOT/docs/at-size.sh" > plan.sh
  OMP_NUM_THREADS=2 SIZE_PLAN='smollm2 qwen2' answer=128 bash -c '. ./plan.sh; plan' > whole
  [ "$(grep -c '^| smollm2 ' whole)" = 7 ]
  ! grep -q llama whole
  grep qwen2 whole > table
  # 1: 10 + 2 (8 + 6) = 38; 16: 10 + 1 + 6/8 = 11.75; 64: 10 + 1 + 6/32 = 11.1875; sampled: 2048 / (1 + 12), ...
  cat > expected <<'END'
| qwen2 | 1 (paper) | 158 | 0.63 | 3.0 | 500 |
| qwen2 | 2 | 293 | 0.40 | 3.0 | 500 |
| qwen2 | 4 (paper) | 512 | 0.28 | 3.0 | 500 |
| qwen2 | 8 (paper) | 819 | 0.23 | 3.0 | 500 |
| qwen2 | 16 (paper) | 1170 | 0.20 | 3.0 | 500 |
| qwen2 | 32 (paper) | 1260 | 0.19 | 3.0 | 500 |
| qwen2 | 64 (paper) | 1311 | 0.19 | 3.0 | 500 |
END
  expect_same expected table
}
ok "cores share what is computed, the memory's rate has an end, the disk's stays" modelled
