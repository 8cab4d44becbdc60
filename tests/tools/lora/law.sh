# What must not change a byte of an adapter's folder.
. "$ROOT/tests/tools/lora/lora.inc"
shuf --random-source="$scored" "$scored" > shuffled.jsonl
differ "$scored" shuffled.jsonl
# same COMMAND...: threads, micro-batches and levels change no byte of FOLDER one.
same() {
  rm -rf one two
  "$@" -o one
  for how in '--threads 3 --micro-batch-tokens 1' '--threads 2 --micro-batch-tokens 61' --recompute; do
    "$@" $how -o two
    diff -r one two
    rm -rf two
  done
  for level in v3 v4; do
    NUDGE_KERNELS=$level "$1" --version > said 2>&1 || continue
    NUDGE_KERNELS=$level "$@" -o two
    diff -r one two
    rm -rf two
  done
}
ppo() { same ppo-step -q --policy p0 --lora-rank 2 --epochs 2 --minibatch 10 "$@" "$scored"; }
ordered() {
  ppo --critic-init p0
  scored=shuffled.jsonl
  step two
  diff -r one two
}
ok "sft-train" same sft-train -q --init base --lora-rank 3 --batch 10 "$answers"
ok "sft-train in bf16" same sft-train -q --init base --lora-rank 3 --batch 10 --dtype bf16 "$answers"
ok "rm-train" same rm-train -q --init base --lora-rank 3 --batch 7 "$pairs"
ok "ppo-step, and the order of the records" ordered
ok "ppo-step with a shared critic" ppo --critic shared
ok "ppo-step with the exact KL to its base" ppo --critic-init rm --ref p0 --kl-loss 0.1 --kl-loss-kind exact
sampling() {
  tune a --lora-rank 2 --lr 1e-2
  rollout -q --policy a -n 3 --threads 1 --slots 1 "$TINY/prompts.jsonl" > by_one
  rollout -q --policy a -n 3 --threads 3 --slots 7 "$TINY/prompts.jsonl" > by_three
  cmp by_one by_three
  score -q --ref a by_one | jq -es 'all(.logprobs == .ref_logprobs)' > said
  kl-report -q --old a --new a --json by_one > report.json
}
ok "an adapter samples what it scores" sampling
merged() {
  same sft-train -q --init base --lora-rank 3 --batch 10 --merge "$answers"
  rollout -q --policy one -n 3 --slots 2 "$TINY/prompts.jsonl" > s && score -q --ref one s | jq -es 'all(.logprobs == .ref_logprobs)' > said
}
ok "the sum" merged
