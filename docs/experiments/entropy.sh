#!/bin/bash
# Entropy bonus and collapse, with and without a KL penalty to the reference: docs/experiments/entropy.md.
#
# usage: entropy.sh [FOLDER]     works in FOLDER (kept), or in a temporary one (removed)
#
# It needs the programs in PATH, jq and awk. What it prints is a function of the settings below; the environment changes
# them (ENT_SEEDS="1 2" entropy.sh). In the folder, picture.tsv is the picture's data: arm, iteration, entropy, deviation;
# where the program `chart` is, picture.svg is the picture.
set -eu -o pipefail
: "${ENT_JOBS:=$(nproc)}"  # before the next line, which nproc heeds
export LC_ALL=C OMP_NUM_THREADS=1  # the work is parallel over runs
: "${ENT_SEEDS:=1 2 3 4 5}"
: "${ENT_BONUSES:=0 0.003 0.01 0.03 0.1}" "${ENT_PENALTIES:=0 0.1}" "${ENT_RATE:=3e-4}"
: "${ENT_ROUNDS:=40}" "${ENT_PROMPTS:=20}" "${ENT_ANSWERS:=4}"
: "${ENT_TEXTS:=4000}" "${ENT_PAIRS:=2000}" "${ENT_HELD:=100}" "${ENT_WIDTH:=48}"
export ENT_RATE ENT_ROUNDS ENT_PROMPTS ENT_ANSWERS

. "$(dirname "$0")/reviews.inc"
. "$(dirname "$0")/runs.inc"
enter_folder entropy.sh "$@"

# The share of two-word sequences that differ, over all answers: as in docs/demo.sh.
bigrams() {
  jq -s '[.[].response | ascii_downcase | [scan("[a-z]+")] | [.[:-1], .[1:]] | transpose | .[] | join(" ")]
    | (unique | length) / (length + 1e-9)'
}
# entropies METRICS: nats a token of the policy that sampled, by iteration.
entropies() { jq -r '."objective/entropy" / ."response_length/mean"' "$1"; }
export -f bigrams entropies

# train PENALTY BONUS SEED
train() {
  local run=run-$1-$2-$3
  ppo_run "$run" "$3" "$ENT_ROUNDS" "$ENT_PROMPTS" "$ENT_ANSWERS" --objective clip --epochs 4 --kl-beta "$1" \
    --lr "$ENT_RATE" --c2 "$2"
  [ -e "$run/failed" ] || bigrams < "$run/held" > "$run/bigrams"
}
export -f train

say 'making the task'
make_reviews $((ENT_ROUNDS * ENT_PROMPTS)) "$ENT_TEXTS" "$ENT_PAIRS" "$ENT_HELD" "$ENT_WIDTH"
rollout -q --policy base -n "$ENT_ANSWERS" --max-tokens 32 --seed 99 held.jsonl | rewarded | judge > base-held
say 'the runs'
for seed in $ENT_SEEDS; do for penalty in $ENT_PENALTIES; do for bonus in $ENT_BONUSES; do
  echo "$penalty $bonus $seed"
done; done; done | xargs -P "$ENT_JOBS" -L 1 bash -euc -o pipefail 'train "$@"' train
failed=$(find . -name failed)
[ -z "$failed" ] || { cat "$failed" >&2; exit 1; }

# fallen RUN: the first iteration whose policy has less than half the entropy of the first's, or -.
fallen() {
  entropies "$1/metrics.jsonl" | awk 'NR == 1 {half = $1 / 2} $1 < half && at == "" {at = NR - 1} END {print at == "" ? "-" : at}'
}
echo '| KL penalty | bonus c2 | entropy, nats a token | below half | distinct bigrams | J | reward | gold | KL |'
echo '|---|---|---|---|---|---|---|---|---|'
printf '| base | |'
{ for seed in $ENT_SEEDS; do entropies "run-${ENT_PENALTIES%% *}-${ENT_BONUSES%% *}-$seed/metrics.jsonl" | head -n 1; done |
    awk '{sum += $1} END {print sum / NR}'
  bigrams < base-held; result < base-held; } | paste -s | awk '{printf " %.2f | | %.2f | %.2f | %.2f | %.2f | %.2f |\n", $1, $2, $3, $4, $5, $6}'
for penalty in $ENT_PENALTIES; do for bonus in $ENT_BONUSES; do
  for seed in $ENT_SEEDS; do
    run=run-$penalty-$bonus-$seed
    entropies "$run/metrics.jsonl" | awk -v OFS='\t' '{print NR - 1, $1}' > "$run/entropies"
    { tail -n 1 "$run/entropies" | cut -f 2; fallen "$run"; cat "$run/bigrams" "$run/result"; } | paste -s
  done > columns
  printf '| %s | %s |%s %s |%s\n' "$penalty" "$bonus" "$(cut -f 1 columns | cells)" \
    "$(cut -f 2 columns | awk '$1 != "-" {sum += $1; ++n}
      END {printf "%d of %d", n, NR; if (n) printf ", at %.0f", sum / n}')" "$(cut -f 3- columns | cells)"
done; done

# Entropy by iteration: the table has some, the picture all.
for penalty in $ENT_PENALTIES; do for bonus in $ENT_BONUSES; do
  for seed in $ENT_SEEDS; do cat "run-$penalty-$bonus-$seed/entropies"; done | awk -v OFS='\t' \
    -v arm="$bonus$([ "$penalty" = 0 ] || echo ", KL $penalty")" '
    {sum[$1] += $2; square[$1] += $2 * $2; ++n[$1]; last = $1}
    END {
      for (i = 0; i <= last; ++i) {
        v = n[i] > 1 ? (square[i] - sum[i] ^ 2 / n[i]) / (n[i] - 1) : 0
        printf "%s\t%d\t%.4f\t%.4f\n", arm, i, sum[i] / n[i], (v > 0 ? sqrt(v) : 0)
      }
    }'
done; done > picture.tsv
awk -F '\t' -v rounds="$ENT_ROUNDS" '
  {if (!($1 in seen)) {seen[$1]; order[++arms] = $1}; value[$1, $2] = sprintf("%.2f ± %.2f", $3, $4)}
  END {
    step = int((rounds + 7) / 8)
    printf "\n| entropy by iteration |"; for (i = 0; i < rounds - 1; i += step) printf " %d |", i
    printf " %d |\n|---|---|", rounds - 1; for (i = 0; i < rounds - 1; i += step) printf "---|"
    printf "\n"
    for (a = 1; a <= arms; ++a) {
      printf "| %s |", order[a]; for (i = 0; i < rounds - 1; i += step) printf " %s |", value[order[a], i]
      printf " %s |\n", value[order[a], rounds - 1]
    }
  }' picture.tsv
# The picture has the first bonus and the last two.
if command -v chart > /dev/null; then
  awk -F '\t' -v OFS='\t' -v last=$((ENT_ROUNDS - 1)) -v bonuses="$ENT_BONUSES" '
    BEGIN {n = split(bonuses, b, " "); drawn[b[1]]; drawn[b[n]]; if (n > 1) drawn[b[n - 1]]}
    {split($1, arm, ",")}
    arm[1] in drawn && ($2 % 3 == 0 || $2 == last) {print $1, $2, $3, $4}' picture.tsv |
    chart -q --title 'Entropy under a bonus c2' --x 'iteration' --y 'nats a token' > picture.svg
fi
