#!/usr/bin/env bash
# Time and peak memory of the programs with random models of real sizes, as their -v tells: one iteration of PPO with
# GPT-2-124M's shape, 32 responses of 64 tokens; one with SmolLM2-135M's, 4 responses of 256, and the training of its
# reward model. The figures stand in docs/performance.md.
#
#   docs/at-size.sh [FOLDER]     needs 10 GB of disk in FOLDER (build/at-size), 12 GiB of memory, some minutes
#
# SIZE_ADAPTERS=1 measures adapters in bf16 instead, with Qwen2.5-0.5B's and Llama-3.2-1B's shapes: an update of policy and
# critic by 4 responses of 256 tokens. SIZE_PLAN='smollm2 qwen2 llama', or some of these, measures the iteration in bf16 that
# planning a night starts from: 4 prompts of 4 responses of 128 tokens, rollout, score and one epoch in minibatches of 8, with
# SmolLM2's shape (all weights), Qwen2.5's and Llama's (adapters of rank 8 for policy, critic and reward model); and makes a
# table for 1 to 64 cores of it.
# SIZE_GEMMA=1 measures the programs in bf16 with Gemma-3-270M's shape, whose vocabulary is 170 of its 270 million weights.
# SIZE_SMALL=1 takes tiny models: it shows only that the script runs.
set -euo pipefail
run=${1:-build/at-size}
mkdir -p "$run"; cd "$run"

gpt2=(--layers 12 --width 768 --heads 12 --context 1024 --vocab 50257)
smollm2=(--family llama --layers 30 --width 576 --heads 9 --kv-heads 3 --inner 1536 --context 2048 --vocab 49152)
qwen2=(--family qwen2 --layers 24 --width 896 --heads 14 --kv-heads 2 --inner 4864 --context 2048 --vocab 151936)
llama=(--family llama --layers 16 --width 2048 --heads 32 --kv-heads 8 --inner 8192 --context 2048 --vocab 128256)
gemma=(--family gemma3_text --layers 18 --width 640 --heads 4 --kv-heads 1 --head-dim 256 --inner 2048 --context 2048
  --vocab 262144)
words=60000 short=64 long=256
[ -z "${SIZE_ADAPTERS:-}${SIZE_PLAN:-}" ] || words=190000
[ -z "${SIZE_GEMMA:-}" ] || words=330000
if [ -n "${SIZE_SMALL:-}" ]; then
  gpt2=(--layers 1 --width 24 --heads 2 --context 512 --vocab 300)
  smollm2=(--family llama --layers 1 --width 24 --heads 6 --kv-heads 2 --inner 40 --context 512 --vocab 300)
  qwen2=(--family qwen2 --layers 1 --width 24 --heads 6 --kv-heads 2 --inner 40 --context 512 --vocab 300)
  llama=("${smollm2[@]}")
  gemma=(--family gemma3_text --layers 6 --width 24 --heads 3 --kv-heads 1 --head-dim 16 --inner 40 --context 512 --vocab 300)
  words=200 short=8 long=16
fi

# Words without meaning, each three times: text from which byte-level BPE can learn a vocabulary of this size.
awk -v n=$words 'BEGIN { x = 1; for (i = 0; i < n; i++) {
  w = ""; letters = 0
  do { x = (x * 16807) % 2147483647; w = w sprintf("%c", 97 + x % 26); letters++ }
  while (letters < 4 || (letters < 12 && x % 5))
  printf "{\"text\":\"%s %s %s\"}\n", w, w, w } }' > words.jsonl
head -n 8 words.jsonl | jq -c '{prompt: .text}' > prompts.jsonl
head -n 1 prompts.jsonl > prompt.jsonl
jq -c '{prompt: .text, chosen: (.text * 8), rejected: (.text * 7)}' < <(head -n 16 words.jsonl) > pairs.jsonl

# Runs a program and writes a row of the table.
measured() {
  "$@" -v --force 2> log || { cat log >&2; exit 1; }
  awk -v model="$model" -v program="$1" '
    /memory: at most/ { gsub(/,/, "", $(NF - 1)); printf "%-8s %-9s %11s %6.2f\n", model, program, took, $(NF - 1) / 2 ^ 20 }
    { parts = split($0, part, ", "); took = part[parts]; sub(/ \(.*/, "", took) }' log
}
printf '%-8s %-9s %11s %6s\n' model program time GiB

if [ -n "${SIZE_ADAPTERS:-}" ]; then
  for model in qwen2 llama; do
    declare -n shape=$model
    sft-train -q --force --init new "${shape[@]}" --store bf16 --epochs 0 words.jsonl -o "$model"
    measured rollout --dtype bf16 --policy "$model" -n 4 --max-tokens $long prompt.jsonl -o rolled.jsonl.zst
    zstdcat rolled.jsonl.zst | jq -c '.reward = (.id | split("/")[-1] | tonumber)' > judged.jsonl
    for options in '--lora-rank 8 --lora-targets attention' '--lora-rank 16'; do
      # shellcheck disable=SC2086
      measured ppo-step --policy "$model" $options --critic-init "$model" --kl-beta 0 --epochs 1 --minibatch 4 \
        judged.jsonl -o next
      echo "$options: $(($(du -sb next | cut -f1) / 1000000)) MB"
    done
  done
  exit
fi

# From the profiles in profile.MODEL.PROGRAM, measured with `measured` cores, what an iteration takes with others: loading
# and saving go at the disk's rate; decoding's weights and cache, and the optimizer, at the memory's, which grows with the
# cores up to 8 times that of the measurement; all else is shared by the cores.
plan() {
  awk -v measured="${OMP_NUM_THREADS:-$(nproc)}" -v responses=16 -v models="$SIZE_PLAN" -v tokens=$answer '
    { part = substr($0, index($0, ":") + 4, 21); split(FILENAME, file, "."); model = file[2]; program = $1 }
    / memory: at most/ { kib = $(NF - 1); gsub(/,/, "", kib); kib += 0; if (kib > most[model]) most[model] = kib }
    !/ s +[0-9.]+%/ { next }
    { split(substr($0, index($0, part) + 21), figure, " ")
      kind = part ~ /loading|saving/ ? "disk" : \
        part ~ /optimizer/ || (program == "rollout:" && part ~ /products|attention|head/) ? "memory" : "cores"
      s[model, kind] += figure[1]
      if (program == "rollout:") rolled[model, kind] += figure[1] }
    function with(s, model, cores) {
      return s[model, "disk"] + s[model, "memory"] * (cores > 8 * measured ? 1 / 8 : measured / cores) + \
        s[model, "cores"] * measured / cores }
    END {
      print "\n| model | cores | sampled, tokens/s | iteration, minutes | memory, GiB | folder, MB |\n|---|---|---|---|---|---|"
      for (i = 1; i <= split(models, name, " "); i++)
        for (j = 1; j <= split("1 2 4 8 16 32 64", cores, " "); j++) {
          getline size < ("size." name[i])
          close("size." name[i])
          printf "| %s | %s%s | %.0f | %.2f | %.1f | %d |\n", name[i], cores[j], cores[j] == measured ? "" : " (paper)",
            responses * tokens / with(rolled, name[i], cores[j]), with(s, name[i], cores[j]) / 60,
            most[name[i]] / 2 ^ 20, size } }' profile.*
}
if [ -n "${SIZE_PLAN:-}" ]; then
  answer=128
  [ -z "${SIZE_SMALL:-}" ] || answer=16
  head -n 4 prompts.jsonl > four.jsonl
  planned() { measured "$@" -v; cp log "profile.$model.$1"; }
  rm -f profile.* size.*
  for model in $SIZE_PLAN; do
    declare -n shape=$model
    adapters=(--lora-rank 8) store=(--store bf16)
    [ $model != smollm2 ] || adapters=() store=()
    sft-train -q --force --init new "${shape[@]}" "${store[@]}" --epochs 0 words.jsonl -o "$model"
    rm-train -q --force --init "$model" "${adapters[@]}" --epochs 0 pairs.jsonl -o rm
    planned rollout --dtype bf16 --policy "$model" -n 4 --max-tokens $answer four.jsonl -o rolled.jsonl.zst
    planned score --dtype bf16 --reward-model rm --ref "$model" rolled.jsonl.zst -o scored.jsonl.zst
    planned ppo-step --policy "$model" "${adapters[@]}" --critic-init rm --epochs 1 --minibatch 8 scored.jsonl.zst -o next
    echo $(($(du -sb next | cut -f1) / 1000000)) > "size.$model"
  done
  plan
  exit
fi

if [ -n "${SIZE_GEMMA:-}" ]; then
  model=gemma
  sft-train -q --force --init new "${gemma[@]}" --epochs 0 words.jsonl -o base
  jq -r .vocab_size base/config.json
  measured rm-train --dtype bf16 --init base pairs.jsonl -o rm
  measured rollout --dtype bf16 --policy base -n 4 --max-tokens $short prompts.jsonl -o rolled.jsonl.zst
  measured score --dtype bf16 --reward-model rm --ref base rolled.jsonl.zst -o scored.jsonl.zst
  measured ppo-step --policy base --critic-init rm --epochs 1 --minibatch 8 scored.jsonl.zst -o next
  exit
fi

model=gpt2
sft-train -q --force --init new "${gpt2[@]}" --epochs 0 words.jsonl -o base
rm-train -q --force --init base --epochs 0 pairs.jsonl -o rm
measured rollout --policy base -n 4 --max-tokens $short prompts.jsonl -o rolled.jsonl.zst
measured score --reward-model rm --ref base rolled.jsonl.zst -o scored.jsonl.zst
measured ppo-step --policy base --critic-init rm --epochs 1 --minibatch 32 scored.jsonl.zst -o next

model=smollm2
sft-train -q --force --init new "${smollm2[@]}" --epochs 0 words.jsonl -o base
measured rm-train --init base pairs.jsonl -o rm
measured rollout --policy base -n 4 --max-tokens $long prompt.jsonl -o rolled.jsonl.zst
measured score --reward-model rm --ref base rolled.jsonl.zst -o scored.jsonl.zst
measured ppo-step --policy base --critic-init rm --epochs 1 --minibatch 4 scored.jsonl.zst -o next
