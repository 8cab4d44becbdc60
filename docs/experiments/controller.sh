#!/bin/bash
# The adaptive KL controller's dynamics by its horizon: docs/experiments/controller.md.
#
# usage: controller.sh [FOLDER]   works in FOLDER (kept), or in a temporary one (removed)
#
# It needs the programs in PATH, jq and awk. What it prints is a function of the settings below; the environment changes
# them (CONTROL_SEEDS="1 2" controller.sh). The numbers of the picture are in FOLDER/controller.tsv.
set -eu -o pipefail
: "${CONTROL_JOBS:=$(nproc)}"  # before the next line, which nproc heeds
export LC_ALL=C OMP_NUM_THREADS=1  # the work is parallel over runs
: "${CONTROL_SEEDS:=1 2 3 4 5}"
: "${CONTROL_HORIZONS:=300 1000 3000 10000}"  # in sequences; besides them a fixed weight
: "${CONTROL_BETA:=0.1}" "${CONTROL_TARGET:=4}"
: "${CONTROL_ROUNDS:=64}" "${CONTROL_PROMPTS:=40}" "${CONTROL_ANSWERS:=4}"
: "${CONTROL_TEXTS:=6000}" "${CONTROL_PAIRS:=2000}" "${CONTROL_HELD:=50}" "${CONTROL_WIDTH:=48}"
export CONTROL_BETA CONTROL_TARGET CONTROL_ROUNDS CONTROL_PROMPTS CONTROL_ANSWERS

here=$(cd "$(dirname "$0")" && pwd)
. "$here/reviews.inc"
. "$here/runs.inc"
. "$here/kl.inc"
enter_folder controller.sh "$@"

train() {  # fixed|HORIZON SEED
  local options=()
  [ "$1" = fixed ] || options=(--kl-control adaptive --kl-target "$CONTROL_TARGET" --kl-horizon "$1")
  rloo_run "run-$1-$2" "$2" "$CONTROL_ROUNDS" "$CONTROL_PROMPTS" "$CONTROL_ANSWERS" --lr 3e-4 --kl-beta "$CONTROL_BETA" \
    "${options[@]}"
}
export -f train

say 'making the task'
make_reviews $((CONTROL_ROUNDS * CONTROL_PROMPTS)) "$CONTROL_TEXTS" "$CONTROL_PAIRS" "$CONTROL_HELD" "$CONTROL_WIDTH"
say 'PPO'
for arm in fixed $CONTROL_HORIZONS; do for seed in $CONTROL_SEEDS; do echo "$arm $seed"; done; done |
  xargs -P "$CONTROL_JOBS" -L 1 bash -euc -o pipefail 'train "$@"' train

# A block is an eighth of the iterations: single ones are noisy. of_run ARM SEED: the KL of the highest block, what the last
# two blocks have of KL and weight, the least and the greatest weight, reward of the last two blocks; clip fraction.
of_run() {
  jq -rs '
    def mean: add / length;
    (length / 8 | ceil) as $block | [.[]."objective/kl"] as $kl | [.[]."objective/kl_beta"] as $beta
    | [range(0; length; $block) as $i | $kl[$i:$i + $block] | mean] as $blocks
    | [($blocks | max), ($blocks[-2:] | mean), ($beta | min), ($beta | max), ($beta[-2 * $block:] | mean),
       ([.[-2 * $block:][]."objective/scores"] | mean), ([.[]."policy/clipfrac_avg"] | mean)] | @tsv' \
    "run-$1-$2/metrics.jsonl"
}
echo '| horizon | highest KL | last KL | least beta | greatest beta | last beta | last reward | clip fraction |'
echo '|---|---|---|---|---|---|---|---|'
for arm in fixed $CONTROL_HORIZONS; do
  for seed in $CONTROL_SEEDS; do of_run "$arm" "$seed"; done | fine_cells | sed "s/^/| $arm |/"
done
# blocks KEY: mean of KEY over each block, by arm.
blocks() {
  for arm in fixed $CONTROL_HORIZONS; do
    for seed in $CONTROL_SEEDS; do
      jq -rs --arg key "$1" '(length / 8 | ceil) as $block | [range(0; length; $block) as $i
        | .[$i:$i + $block] | map(.[$key]) | add / length] | @tsv' "run-$arm-$seed/metrics.jsonl"
    done | fine_cells | sed "s/^/| $arm |/"
  done
}
for key in objective/kl objective/kl_beta; do
  printf '\n| %s from iteration |' "$key"
  jq -rs '(length / 8 | ceil) as $block | [range(0; length; $block) | " \(.) |"] | add' "run-fixed-${CONTROL_SEEDS%% *}/metrics.jsonl"
  echo '|---|---|---|---|---|---|---|---|---|'
  blocks $key
done
# The picture: means of four iterations; mean and standard error over seeds.
{
  printf 'target\t%s\t%s\n' 0 "$CONTROL_TARGET" $((CONTROL_ROUNDS - 1)) "$CONTROL_TARGET"
  for arm in fixed $CONTROL_HORIZONS; do
    for seed in $CONTROL_SEEDS; do
      jq -rs '. as $all | range(0; length; 4) as $i | [$i + 1.5, ([$all[$i:$i + 4][]."objective/kl"] | add / length)] | @tsv' \
        "run-$arm-$seed/metrics.jsonl"
    done | awk -v arm="$arm" '
      !($1 in n) {order[++all] = $1}
      {++n[$1]; sum[$1] += $2; squares[$1] += $2 * $2}
      END {
        for (i = 1; i <= all; ++i) {
          x = order[i]; m = sum[x] / n[x]; v = n[x] > 1 ? (squares[x] / n[x] - m * m) / (n[x] - 1) : 0
          printf "%s\t%s\t%.3f\t%.3f\n", arm == "fixed" ? arm : "horizon " arm, x, m, sqrt(v < 0 ? 0 : v)
        }
      }'
  done
} > controller.tsv
if command -v chart > /dev/null; then
  chart -q --title 'KL to the reference, by the horizon of its controller' --x iteration --y 'KL, nats a response' --zero \
    --curve target controller.tsv -o controller.svg
fi
