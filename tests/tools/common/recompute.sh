# --recompute changes no byte and takes less memory. Of 24 layers of width 32 and some 2,000 tokens the activations take
# 80 MB where they are kept; the weights take a few.
shape="--layers 24 --width 32 --heads 2 --context 600 --vocab 300"
awk 'BEGIN { for (i = 0; i < 8; ++i) { s = ""; for (k = 0; k < 120; ++k) s = s " w" (i * k) % 97; print s } }' > lines
jq -Rc '{text: .}' lines > text.jsonl
jq -Rc '{prompt: "which", chosen: .[:200], rejected: .[:240]}' lines > pairs.jsonl
sft-train -q --init new $shape --epochs 0 text.jsonl -o base
rm-train -q --init base --epochs 0 pairs.jsonl -o rm
head -n 4 lines | jq -Rc '{prompt: .[:2]}' | rollout -q --policy base -n 2 --max-tokens 250 |
  score -q --reward-model rm --ref base > scored.jsonl
# both PROGRAM...: the same folder with and without, at most two thirds of the memory.
memory() { sed -n 's/.*memory: at most \([0-9,]*\) KiB/\1/p' "$1" | tr -d ,; }
both() {
  rm -rf kept again
  "$@" -v -o kept 2> kept.log
  "$@" -v --recompute -o again 2> again.log
  diff -r kept again
  echo "$(memory kept.log) KiB, with --recompute $(memory again.log) KiB"
  sanitized || [ $((3 * $(memory again.log))) -lt $((2 * $(memory kept.log))) ]
}
ok "sft-train --recompute" both sft-train --init base --batch 8 text.jsonl
ok "rm-train --recompute" both rm-train --init base --batch 8 pairs.jsonl
step="ppo-step --policy base --minibatch 8 --epochs 1 scored.jsonl"
ok "ppo-step --recompute" both $step --critic-init rm
ok "ppo-step --critic shared --recompute" both $step --critic shared
