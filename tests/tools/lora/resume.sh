# A stopped run of an adapter goes on to the same bytes.
. "$ROOT/tests/tools/resume/cut.inc"
cp -r "$TINY/base" "$TINY/p0" "$TINY/rm" .
sft() { $under sft-train --init base --lora-rank 2 --batch 10 --save-every 1 "$@" "$answers"; }
rm_() { $under rm-train --init base --lora-rank 2 --batch 7 --save-every 1 "$@" "$pairs"; }
ppo() { $under ppo-step --policy p0 --lora-rank 2 --epochs 2 --minibatch 10 --save-every 1 "$@" "$scored"; }
own() { ppo --critic-init p0 "$@"; }
shared() { ppo --critic shared "$@"; }
exact() { ppo --critic-init rm --ref p0 --kl-loss 0.1 --kl-loss-kind exact "$@"; }

# same_again SIGNAL NAME COMMAND...: cut while its second step is saved, then with other threads to its end.
same_again() {
  signal=$1 name=$2
  shift 2
  "$@" -q -o "$name"
  cut "$signal" renameat2 2 "$@" -o "$name-cut"
  [ "$status" != 0 ]
  [ "$signal" = KILL ] || [ "$status" = 75 ]
  [ ! -e "$name-cut" ]
  "$@" --threads 2 --micro-batch-tokens 37 -o "$name-cut" 2> err
  expect_stderr 'resuming after '
  diff -r "$name" "$name-cut"
  nothing_left "$name-cut"
}
for signal in USR1 KILL; do
  ok "sft-train, $signal" same_again $signal "sft$signal" sft
  ok "rm-train, $signal" same_again $signal "rm$signal" rm_
  ok "ppo-step with its critic on the same base, $signal" same_again $signal "own$signal" own
  ok "ppo-step with a shared critic, $signal" same_again $signal "shared$signal" shared
  ok "ppo-step with a whole critic and the exact KL, $signal" same_again $signal "exact$signal" exact
done
