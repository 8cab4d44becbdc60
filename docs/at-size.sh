#!/usr/bin/env bash
# Time and peak memory of the programs with random models of real sizes, as their -v tells: one iteration of PPO with
# GPT-2-124M's shape, 32 responses of 64 tokens; one with SmolLM2-135M's, 4 responses of 256, and the training of its
# reward model. The figures stand in docs/performance.md.
#
#   docs/at-size.sh [FOLDER]     needs 10 GB of disk in FOLDER (build/at-size), 12 GiB of memory, some minutes
#
# SIZE_SMALL=1 takes tiny models: it shows only that the script runs.
set -euo pipefail
run=${1:-build/at-size}
mkdir -p "$run"; cd "$run"

gpt2=(--layers 12 --width 768 --heads 12 --context 1024 --vocab 50257)
smollm2=(--family llama --layers 30 --width 576 --heads 9 --kv-heads 3 --inner 1536 --context 2048 --vocab 49152)
words=60000 short=64 long=256
if [ -n "${SIZE_SMALL:-}" ]; then
  gpt2=(--layers 1 --width 24 --heads 2 --context 512 --vocab 300)
  smollm2=(--family llama --layers 1 --width 24 --heads 6 --kv-heads 2 --inner 40 --context 512 --vocab 300)
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
