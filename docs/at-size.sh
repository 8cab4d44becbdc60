#!/usr/bin/env bash
# One iteration of PPO with random models of GPT-2-124M's shape: 32 responses of 64 tokens, scored and trained on.
# Says time and peak memory of each program (needs GNU time). The figures stand in docs/performance.md.
#
#   docs/at-size.sh [FOLDER]     needs 5 GB of disk in FOLDER (build/at-size), 12 GiB of memory, some minutes
set -euo pipefail
run=${1:-build/at-size}
layers=${SIZE_LAYERS:-12} width=${SIZE_WIDTH:-768} vocab=${SIZE_VOCAB:-50257}
rm -rf "$run/words.jsonl"; mkdir -p "$run"; cd "$run"
measured() { command time -f "%C: %e s, %M KiB" -- "$@"; }

# Words without meaning, each three times: text from which byte-level BPE can learn a vocabulary of this size.
awk 'BEGIN { x = 1; for (i = 0; i < 60000; i++) {
  w = ""; n = 0
  do { x = (x * 16807) % 2147483647; w = w sprintf("%c", 97 + x % 26); n++ } while (n < 4 || (n < 12 && x % 5))
  printf "{\"text\":\"%s %s %s\"}\n", w, w, w } }' > words.jsonl
sft-train --init new --layers "$layers" --width "$width" --heads 12 --context 1024 --vocab "$vocab" --epochs 0 \
  words.jsonl -o base --force
head -n 2 words.jsonl | jq -c '{prompt: .text, chosen: "a", rejected: "b"}' | rm-train --init base --epochs 0 -o rm --force
head -n 8 words.jsonl | jq -c '{prompt: .text}' > prompts.jsonl

measured rollout --policy base -n 4 --max-tokens 64 prompts.jsonl -o rolled.jsonl.zst --force
measured score --reward-model rm --ref base rolled.jsonl.zst -o scored.jsonl.zst --force
measured ppo-step --policy base --critic-init rm --epochs 1 --minibatch 32 scored.jsonl.zst -o next --force
