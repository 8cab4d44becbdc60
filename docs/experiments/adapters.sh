#!/bin/bash
# Low-rank adapters beside full training on the demo's task: docs/experiments/adapters.md.
#
# usage: adapters.sh [FOLDER]   works in FOLDER (kept), or in a temporary one (removed)
#
# It needs the programs in PATH, jq and awk. What it prints is a function of the settings below; the environment changes
# them (LORA_SEEDS="1 2" adapters.sh).
set -eu -o pipefail
: "${LORA_JOBS:=$(nproc)}"  # before the next line, which nproc heeds
export LC_ALL=C OMP_NUM_THREADS=1  # the work is parallel over runs
: "${LORA_SEEDS:=1 2 3 4 5}"  # the compared runs; the rate of each arm is the best of its three with seed 0
: "${LORA_ARMS:=full freeze all attention rank1}" "${LORA_FACTORS:=1 3 10}"
: "${LORA_ROUNDS:=10}" "${LORA_PROMPTS:=50}" "${LORA_ANSWERS:=6}"
: "${LORA_TEXTS:=6000}" "${LORA_PAIRS:=2000}" "${LORA_HELD:=100}" "${LORA_WIDTH:=96}"
export LORA_ROUNDS LORA_PROMPTS LORA_ANSWERS

. "$(dirname "$0")/reviews.inc"
if [ $# -ge 1 ]; then
  mkdir -p "$1" && cd "$1"
else
  cd "$(mktemp -d)"
  trap 'rm -rf "$PWD"' EXIT
fi
[ -z "$(ls -A)" ] || { echo "adapters.sh: $PWD is not empty" >&2; exit 73; }
say() { printf '%s\n' "$*" >&2; }
# All arms have the same reward, that of the reward model that was trained whole.
rewarded() { score -q --reward-model critic --ref base --missing-end replace --missing-end-value -2; }
export -f rewarded

# train ARM FACTOR SEED: rates are 1e-4 (an adapter's: 1e-3) times the factor, the critic's three times that.
train() {
  local out=run-$1-$2-$3 options=() scale=1 policy=base i rate
  case $1 in
    full) options=(--critic-init critic) ;;
    freeze) options=(--critic-init critic --freeze 1) ;;
    all) options=(--critic-init critic-all --lora-rank 8); scale=10 ;;
    attention) options=(--critic-init critic-attention --lora-rank 8 --lora-targets attention); scale=10 ;;
    rank1) options=(--critic-init critic-rank1 --lora-rank 1); scale=10 ;;
  esac
  rate=$(awk -v f="$2" -v s=$scale 'BEGIN {print 1e-4 * f * s}')
  mkdir "$out"
  for ((i = 0; i < LORA_ROUNDS; ++i)); do
    sed -n "$((i * LORA_PROMPTS + 1)),$(((i + 1) * LORA_PROMPTS))p" prompts.jsonl |
      rollout -q --policy "$policy" -n "$LORA_ANSWERS" --max-tokens 32 --seed $(($3 * 1000 + i)) | rewarded |
      ppo-step -q --policy "$policy" "${options[@]}" --kl-beta 0.1 --lr "$rate" --critic-lr "$(awk -v r="$rate" 'BEGIN {print 3 * r}')" \
        --seed "$3" --minibatch $((LORA_PROMPTS * LORA_ANSWERS / 4)) --metrics "$out/metrics.jsonl" -o "$out/p$((i + 1))"
    [ $i = 0 ] || rm -rf "$out/p$i"
    policy=$out/p$((i + 1))
  done
  rollout -q --policy "$policy" -n 8 --max-tokens 32 --seed 99 held.jsonl | rewarded | judge | result > "$out/result"
  du -sk "$policy" | cut -f1 > "$out/size"
  rm -rf "$policy"
}
export -f train

best_factor() {  # ARM: by J of seed 0
  for f in $LORA_FACTORS; do printf '%s %s\n' "$(cut -f1 "run-$1-$f-0/result")" "$f"; done | sort -g | tail -n 1 |
    cut -d' ' -f2
}

say 'making the task'
make_reviews $((LORA_ROUNDS * LORA_PROMPTS)) "$LORA_TEXTS" "$LORA_PAIRS" "$LORA_HELD" "$LORA_WIDTH"
train_reward critic-all --lora-rank 8 --lr 2e-2
train_reward critic-attention --lora-rank 8 --lora-targets attention --lr 2e-2
train_reward critic-rank1 --lora-rank 1 --lr 2e-2
say 'choosing rates with seed 0'
for arm in $LORA_ARMS; do for f in $LORA_FACTORS; do echo "$arm $f 0"; done; done |
  xargs -P "$LORA_JOBS" -L 1 bash -euc -o pipefail 'train "$@"' train
say 'the compared runs'
for arm in $LORA_ARMS; do for seed in $LORA_SEEDS; do echo "$arm $(best_factor "$arm") $seed"; done; done |
  xargs -P "$LORA_JOBS" -L 1 bash -euc -o pipefail 'train "$@"' train

# Mean ± standard deviation of each column of stdin, as cells.
cells() {
  awk '{for (k = 1; k <= NF; ++k) {sum[k] += $k; squares[k] += $k * $k}; n = NF}
    END {
      for (k = 1; k <= n; ++k) {
        mean = sum[k] / NR; variance = NR > 1 ? (squares[k] - NR * mean * mean) / (NR - 1) : 0
        printf " %.2f ± %.2f |", mean, sqrt(variance < 0 ? 0 : variance)
      }
      printf "\n"
    }'
}
runs() { for seed in $LORA_SEEDS; do echo "run-$1-$2-$seed"; done; }  # ARM FACTOR
echo '| arm | factor | J | reward | gold | KL | folder, KB |'
echo '|---|---|---|---|---|---|---|'
for arm in $LORA_ARMS; do
  factor=$(best_factor "$arm")
  printf '| %s | %s |%s %s |\n' "$arm" "$factor" "$(for run in $(runs "$arm" "$factor"); do cat "$run/result"; done | cells)" \
    "$(cat "run-$arm-$factor-0/size")"
done
printf '\n| reward by iteration |'; for ((i = 0; i < LORA_ROUNDS; ++i)); do printf ' %s |' $i; done
printf '\n|---|'; for ((i = 0; i < LORA_ROUNDS; ++i)); do printf -- '---|'; done; echo
for arm in $LORA_ARMS; do
  for run in $(runs "$arm" "$(best_factor "$arm")"); do jq -rs 'map(."objective/scores") | @tsv' "$run/metrics.jsonl"; done |
    cells | sed "s/^/| $arm |/"
done
