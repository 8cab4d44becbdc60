#!/bin/bash
# The cliff: the surrogate without a bound, clipped, and with a penalty, over learning rates: docs/experiments/cliff.md.
#
# usage: cliff.sh [FOLDER]     works in FOLDER (kept), or in a temporary one (removed)
#
# It needs the programs in PATH, jq and awk. What it prints is a function of the settings below; the environment changes
# them (CLIFF_SEEDS="1 2" cliff.sh). In the folder, picture.tsv is the picture's data: arm, rate, J, deviation; where the
# program `chart` is, picture.svg is the picture.
set -eu -o pipefail
: "${CLIFF_JOBS:=$(nproc)}"  # before the next line, which nproc heeds
export LC_ALL=C OMP_NUM_THREADS=1  # the work is parallel over runs
: "${CLIFF_SEEDS:=1 2 3 4 5}"
: "${CLIFF_RATES:=1e-4 3e-4 1e-3 3e-3 1e-2 3e-2}"
: "${CLIFF_ARMS:=none clip kl adaptive}"
: "${CLIFF_ROUNDS:=8}" "${CLIFF_PROMPTS:=40}" "${CLIFF_ANSWERS:=4}"
: "${CLIFF_TEXTS:=4000}" "${CLIFF_PAIRS:=2000}" "${CLIFF_HELD:=100}" "${CLIFF_WIDTH:=48}"
export CLIFF_ROUNDS CLIFF_PROMPTS CLIFF_ANSWERS

. "$(dirname "$0")/reviews.inc"
. "$(dirname "$0")/runs.inc"
enter_folder cliff.sh "$@"

# train ARM RATE SEED
train() {
  local options
  case $1 in
    none) options=(--objective is) ;;
    clip) options=(--objective clip) ;;
    kl) options=(--objective kl --policy-beta 1) ;;
    adaptive) options=(--objective kl --policy-beta 1 --policy-kl-control halving --policy-kl-target 0.01) ;;
  esac
  ppo_run "run-$1-$2-$3" "$3" "$CLIFF_ROUNDS" "$CLIFF_PROMPTS" "$CLIFF_ANSWERS" --epochs 4 --kl-beta 0.1 --lr "$2" \
    "${options[@]}"
}
export -f train

# figures ARM RATE SEED: J, reward, gold and KL of the held-out prompts; whether J is below base's (or the run failed);
# the worst fall of a round's mean reward below an earlier round's; the mean size of a step, nats a token.
figures() {
  local run=run-$1-$2-$3
  if [ -e "$run/failed" ]; then printf -- '- - - -'; else tr '\t' ' ' < "$run/result" | tr -d '\n'; fi
  awk -v base="$base" -v result="$(cat "$run/result" 2> /dev/null)" '
    {sum[$1] += $2; ++n[$1]; last = $1}
    END {
      for (r = 0; r <= last; ++r) {
        x = sum[r] / n[r]
        if (r == 0 || x > top) top = x
        if (top - x > fall) fall = top - x
      }
      split(result, j)
      printf " %d %.9g", result == "" || j[1] < base, fall
    }' "$run/scores"
  jq -rs '" \([.[]."policy/kl_step"] | add / length)"' "$run/metrics.jsonl"
}

say 'making the task'
make_reviews $((CLIFF_ROUNDS * CLIFF_PROMPTS)) "$CLIFF_TEXTS" "$CLIFF_PAIRS" "$CLIFF_HELD" "$CLIFF_WIDTH"
rollout -q --policy base -n "$CLIFF_ANSWERS" --max-tokens 32 --seed 99 held.jsonl | rewarded | judge | result > base-result
base=$(cut -f 1 base-result)
say 'the runs'
for seed in $CLIFF_SEEDS; do for rate in $CLIFF_RATES; do for arm in $CLIFF_ARMS; do echo "$arm $rate $seed"; done; done; done |
  xargs -P "$CLIFF_JOBS" -L 1 bash -euc -o pipefail 'train "$@"' train
for arm in $CLIFF_ARMS; do for rate in $CLIFF_RATES; do for seed in $CLIFF_SEEDS; do
  echo "$arm $rate $(figures "$arm" "$rate" "$seed")"
done; done; done > figures

# Mean ± standard deviation over the seeds; a run that failed is in the share of the collapsed alone.
awk -v picture=picture.tsv '
  function add(k, x) {if (x != "-") {sum[k] += x; square[k] += x * x; ++n[k]}}
  function mean(k) {return n[k] ? sum[k] / n[k] : 0}
  function deviation(k, v) {v = n[k] > 1 ? (square[k] - n[k] * mean(k) ^ 2) / (n[k] - 1) : 0; return v > 0 ? sqrt(v) : 0}
  function cell(k, digits) {return n[k] ? sprintf(" %." digits "f ± %." digits "f |", mean(k), deviation(k)) : " - |"}
  {
    key = $1 " | " $2
    if (!(key in runs)) order[++rows] = key
    ++runs[key]
    for (k = 3; k <= 9; ++k) add(key SUBSEP k, $k)
  }
  END {
    print "| arm | rate | J | reward | gold | KL | collapsed | worst fall | step, nats a token |"
    print "|---|---|---|---|---|---|---|---|---|"
    for (i = 1; i <= rows; ++i) {
      key = order[i]
      printf "| %s |", key
      for (k = 3; k <= 6; ++k) printf "%s", cell(key SUBSEP k, 2)
      printf " %d of %d |%s%s\n", sum[key SUBSEP 7], runs[key], cell(key SUBSEP 8, 2), cell(key SUBSEP 9, 3)
      split(key, part, " [|] ")
      if (n[key SUBSEP 3]) printf "%s\t%s\t%.4f\t%.4f\n", part[1], part[2], mean(key SUBSEP 3), deviation(key SUBSEP 3) > picture
    }
  }' figures
awk '{printf "\nbase: J %.2f, gold %.2f\n", $1, $3}' base-result
if command -v chart > /dev/null; then
  # What fell far lies below the picture.
  awk -F '\t' -v OFS='\t' '{if ($3 < -5) {$3 = -5; $4 = 0} print}' picture.tsv |
    chart -q --title 'J after training, cut off at -5' --x 'learning rate' --y 'J' --log-x > picture.svg
fi
