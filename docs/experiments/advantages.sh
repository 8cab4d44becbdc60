#!/bin/bash
# Advantages at equal samples, by a critic or by comparison of answers: docs/experiments/advantages.md.
#
# usage: advantages.sh reviews [FOLDER]          the demo's task, a reward model as the reward
#        advantages.sh stories MODEL [FOLDER]    a trained model of stories, a rule as the reward
# Works in FOLDER (kept), or in a temporary one (removed).
#
# It needs the programs in PATH, jq and awk. What it prints is a function of the settings below; the environment changes
# them (ADV_SEEDS="1 2" advantages.sh reviews).
set -eu -o pipefail
: "${ADV_JOBS:=$(nproc)}"  # before the next line, which nproc heeds
export LC_ALL=C OMP_NUM_THREADS=1  # the work is parallel over runs

task=${1:-}
case $task in
  reviews) shift; : "${ADV_ROUNDS:=10}" "${ADV_RATES:=1e-4 3e-4 1e-3}" "${ADV_PROMPTS:=50}" "${ADV_ANSWERS:=6}" ;;
  stories) model=$(cd "${2:?a model of stories}" && pwd); shift 2
    : "${ADV_ROUNDS:=6}" "${ADV_RATES:=1e-5 2e-5 5e-5 1e-4}" "${ADV_PROMPTS:=8}" "${ADV_ANSWERS:=16}" ;;
  *) echo 'usage: advantages.sh reviews [FOLDER] | stories MODEL [FOLDER]' >&2; exit 64 ;;
esac
: "${ADV_SEEDS:=1 2 3 4 5}"  # the compared runs; the rate of each arm is its best of ADV_RATES with seed 0
: "${ADV_ARMS:=gae return baseline rloo group group-std}"
: "${ADV_TEXTS:=6000}" "${ADV_PAIRS:=2000}" "${ADV_HELD:=100}" "${ADV_WIDTH:=96}"
export ADV_ROUNDS ADV_PROMPTS ADV_ANSWERS task

. "$(dirname "$0")/reviews.inc"
if [ $# -ge 1 ]; then
  mkdir -p "$1" && cd "$1"
else
  cd "$(mktemp -d)"
  trap 'rm -rf "$PWD"' EXIT
fi
[ -z "$(ls -A)" ] || { echo "advantages.sh: $PWD is not empty" >&2; exit 73; }
say() { printf '%s\n' "$*" >&2; }

# ---- The tasks: folders base and critic, prompts.jsonl, held.jsonl; `rewarded` adds the reward, `gold` a figure that no
# training sees ----
sentences() { jq -c '.reward = (.response | [scan("[.!?]")] | length)'; }
rewarded() {
  if [ "$task" = stories ]; then sentences | score -q --ref base
  else score -q --reward-model critic --ref base --missing-end replace --missing-end-value -2; fi
}
gold() { if [ "$task" = stories ]; then jq -c '.gold = .reward'; else judge; fi; }
export -f sentences rewarded gold

make_stories() {
  ln -s "$model" base
  ln -s "$model" critic
  jq -nc '"Once upon a time, there was a little girl", "One day, a boy named Tim", "Lily and Ben went to the park.",
    "The dog was sad because", "Tom had a red ball.", "The sun was warm and", "A bird sat in a tree.", "Mom said"
    | {prompt: .}' > prompts.jsonl
  jq -nc '"There was a small cat.", "Ben and Mia like to play.", "One day, a girl named Sue", "The big bear was",
    "Sam has a blue car.", "It was a rainy day and" | {prompt: .}' > held.jsonl
}

# ---- Training: train ARM RATE SEED ----
train() {
  local out=run-$1-$2-$3 options=() policy=base i
  case $1 in
    gae) options=(--critic-init critic --critic-lr 1e-3) ;;
    return) options=(--advantage return) ;;
    baseline) options=(--advantage return --baseline) ;;
    rloo) options=(--advantage rloo) ;;
    group) options=(--advantage group) ;;
    group-std) options=(--advantage group --advantage-scale std) ;;
  esac
  mkdir "$out"
  for ((i = 0; i < ADV_ROUNDS; ++i)); do
    awk -v n="$ADV_PROMPTS" -v skip=$((i * ADV_PROMPTS)) '{line[NR - 1] = $0}
      END {for (k = 0; k < n; ++k) print line[(skip + k) % NR]}' prompts.jsonl |
      rollout -q --policy "$policy" -n "$ADV_ANSWERS" --max-tokens 32 --seed $(($3 * 1000 + i)) | rewarded |
      ppo-step -q --policy "$policy" "${options[@]}" --kl-beta 0.1 --lr "$2" --seed "$3" \
        --minibatch $((ADV_PROMPTS * ADV_ANSWERS / 4)) --metrics "$out/metrics.jsonl" -o "$out/p$((i + 1))"
    [ $i = 0 ] || rm -rf "$out/p$i"
    policy=$out/p$((i + 1))
  done
  rollout -q --policy "$policy" -n 8 --max-tokens 32 --seed 99 held.jsonl | rewarded | gold | result > "$out/result"
  rm -rf "$policy"
}
export -f train

best_rate() {  # ARM: by J of seed 0
  for rate in $ADV_RATES; do printf '%s %s\n' "$(cut -f1 "run-$1-$rate-0/result")" "$rate"; done | sort -g | tail -n 1 |
    cut -d' ' -f2
}

say "making the task $task"
if [ "$task" = stories ]; then make_stories
else make_reviews $((ADV_ROUNDS * ADV_PROMPTS)) "$ADV_TEXTS" "$ADV_PAIRS" "$ADV_HELD" "$ADV_WIDTH"; fi
say 'choosing rates with seed 0'
for arm in $ADV_ARMS; do for rate in $ADV_RATES; do echo "$arm $rate 0"; done; done |
  xargs -P "$ADV_JOBS" -L 1 bash -euc -o pipefail 'train "$@"' train
say 'the compared runs'
for arm in $ADV_ARMS; do for seed in $ADV_SEEDS; do echo "$arm $(best_rate "$arm") $seed"; done; done |
  xargs -P "$ADV_JOBS" -L 1 bash -euc -o pipefail 'train "$@"' train

echo '| arm | rate | J | reward | gold | KL |'
echo '|---|---|---|---|---|---|'
rollout -q --policy base -n 8 --max-tokens 32 --seed 99 held.jsonl | rewarded | gold | result |
  awk '{printf "| base | - | %.2f | %.2f | %.2f | %.2f |\n", $1, $2, $3, $4}'
for arm in $ADV_ARMS; do
  rate=$(best_rate "$arm")
  for seed in $ADV_SEEDS; do cat "run-$arm-$rate-$seed/result"; done | awk -v arm="$arm" -v rate="$rate" '
    {for (k = 1; k <= 4; ++k) {sum[k] += $k; squares[k] += $k * $k}}
    END {
      printf "| %s | %s |", arm, rate
      for (k = 1; k <= 4; ++k) {
        mean = sum[k] / NR; variance = NR > 1 ? (squares[k] - NR * mean * mean) / (NR - 1) : 0
        printf " %.2f ± %.2f |", mean, sqrt(variance < 0 ? 0 : variance)
      }
      printf "\n"
    }'
done
