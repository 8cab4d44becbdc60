# Ranks change no byte of an adapter's folder.
. "$ROOT/tests/tools/lora/lora.inc"
. "$ROOT/tests/tools/ranks/mpi.inc"
same_in_ranks() {
  rm -rf one two
  "$@" -o one
  in_ranks 2 "$@" --micro-batch-tokens 70 -o two
  diff -r one two
}
ok "sft-train" same_in_ranks sft-train -q --init base --lora-rank 2 --batch 10 --groups 2 "$answers"
ok "rm-train" same_in_ranks rm-train -q --init base --lora-rank 2 --batch 7 --groups 2 "$pairs"
ppo="ppo-step -q --policy p0 --lora-rank 2 --epochs 2 --minibatch 10 --groups 2"
ok "ppo-step with its critic on the same base" same_in_ranks $ppo --critic-init p0 "$scored"
ok "ppo-step with a shared critic" same_in_ranks $ppo --critic shared "$scored"
