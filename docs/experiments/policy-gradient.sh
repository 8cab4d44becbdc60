#!/bin/bash
# Policy gradient against the clipped objective at equal samples: docs/experiments/policy-gradient.md.
#
# usage: policy-gradient.sh [FOLDER]     works in FOLDER (kept), or in a temporary one (removed)
#
# About 10 minutes on 2 cores. It needs the programs in PATH, jq and awk. What it prints is a function of the
# settings below; the environment changes them (PG_SEEDS="1 2" policy-gradient.sh).
set -eu -o pipefail
: "${PG_JOBS:=$(nproc)}"  # before the next line, which nproc heeds
export LC_ALL=C OMP_NUM_THREADS=1  # the work is parallel over runs

: "${PG_SEEDS:=1 2 3 4 5}"           # the compared runs
: "${PG_RATES:=1e-4 3e-4 1e-3 3e-3}" # the grid of learning rates, tried with seed 0
: "${PG_ARMS:=reinforce baseline once unclipped clip}"
: "${PG_ROUNDS:=10}"                 # of 300 samples: 50 prompts, 6 answers each
: "${PG_PROMPTS:=50}"
: "${PG_POOL:=960}" "${PG_BATCH:=60}" # gradients: samples a seed, and samples a batch
: "${PG_TEXTS:=6000}" "${PG_PAIRS:=2000}" "${PG_HELD:=200}" "${PG_WIDTH:=96}" "${PG_EPOCHS:=3}"
export PG_ROUNDS PG_PROMPTS PG_POOL PG_BATCH

. "$(dirname "$0")/gradients.inc"
DEMO=$(cd "$(dirname "$0")/../demo" && pwd)
export DEMO
if [ $# -ge 1 ]; then
  mkdir -p "$1" && cd "$1"
else
  cd "$(mktemp -d)"
  trap 'rm -rf "$PWD"' EXIT
fi
[ -z "$(ls -A)" ] || { echo "policy-gradient.sh: $PWD is not empty" >&2; exit 73; }
say() { printf '%s\n' "$*" >&2; }

# ---- The task: a language model of reviews, and a reward model from the judge's preferences ----
prompts() { awk -f "$DEMO/reviews.awk" -v mode=prompts -v seed="$1" -v n="$2" -v part="$3"; }
# The gold judge's figure, which no training sees, besides the reward.
judge() { jq -c --arg field gold -f "$DEMO/judge.jq"; }
scored() { score -q "$@" --reward-model rm --ref base --missing-end replace --missing-end-value -2; }
export -f judge scored

task() {
  awk -f "$DEMO/reviews.awk" -v mode=text -v seed=1 -v n="$PG_TEXTS" > text.jsonl
  prompts 2 $((PG_ROUNDS * PG_PROMPTS)) train > prompts.jsonl
  prompts 3 "$PG_HELD" held-out > held.jsonl
  sft-train -q --init new --layers 2 --width "$PG_WIDTH" --heads 3 --context 64 --vocab 700 --epochs "$PG_EPOCHS" \
    --batch 32 --lr 4e-3 --schedule cosine --warmup 20 text.jsonl -o base
  prompts 5 $((PG_PAIRS + PG_PAIRS / 10)) train | rollout -q --policy base -n 4 --max-tokens 32 --seed 7 | judge |
    label -q --by gold -o pairs.jsonl
  head -n "$PG_PAIRS" pairs.jsonl > train.jsonl
  tail -n +$((PG_PAIRS + 1)) pairs.jsonl > test.jsonl
  rm-train -q --init base --lr 2e-3 --epochs 3 --schedule linear --warmup 10 --batch 32 --normalize-std \
    --held-out test.jsonl train.jsonl -o rm
}

# ---- Training: train ARM RATE SEED ----
# All arms use the same prompts and number of samples. Where samples serve one step only, each step has fresh
# ones: 5 steps a round, of a fifth of its prompts. The others make minibatches of a quarter of a round.
train() {
  local arm=$1 rate=$2 seed=$3 out=run-$1-$2-$3 options=() batches=1 i=0 steps=$PG_ROUNDS
  local quarter=$((PG_PROMPTS * 6 / 4))
  case $arm in
    reinforce) options=(--objective reinforce) batches=5 ;;
    baseline) options=(--objective reinforce --baseline) batches=5 ;;
    once) options=(--objective clip --epochs 1) ;;
    unclipped) options=(--objective is --epochs 4) ;;
    clip) options=(--objective clip --epochs 4) ;;
  esac
  [ "$batches" = 5 ] || options+=(--minibatch "$quarter" --critic-init rm --critic-lr 1e-3)
  steps=$((steps * batches))
  local n=$((PG_PROMPTS / batches)) policy=base
  mkdir "$out"
  for ((i = 0; i < steps; ++i)); do
    sed -n "$((i * n + 1)),$(((i + 1) * n))p" prompts.jsonl |
      rollout -q -z --policy "$policy" -n 6 --max-tokens 32 --seed $((seed * 1000 + i)) |
      scored -z -o "$out/samples.zst" --force
    ppo-step -q --policy "$policy" --kl-beta 0.1 "${options[@]}" --lr "$rate" --seed "$seed" \
      --metrics "$out/metrics.jsonl" "$out/samples.zst" -o "$out/p$((i + 1))"
    zstdcat "$out/samples.zst" | judge | jq -r '[.reward, .gold] | @tsv' |
      awk -v OFS='\t' -v round=$((i / batches)) '{print round, $0}' >> "$out/curve"
    if [ $i = $((steps / 2)) ]; then mv "$out/p$i" "$out/half" 2> "$out/log" || cp -r base "$out/half"
    elif [ $i -gt 0 ]; then rm -rf "$out/p$i"; fi
    policy=$out/p$((i + 1))
  done
  # Held out prompts, J = reward - 0.1 (log pi - log pi_ref).
  rollout -q -z --policy "$policy" -n 4 --max-tokens 32 --seed $((seed * 1000 + 999)) held.jsonl | scored | judge |
    jq -r '((.logprobs | add) - (.ref_logprobs | add)) as $kl |
           [.reward - 0.1 * $kl, .reward, .gold, $kl, (.response_ids | length)] | @tsv' |
    awk -v OFS='\t' -v arm="$arm" -v rate="$rate" -v seed="$seed" '
      {for (k = 1; k <= 5; ++k) sum[k] += $k}
      END {print arm, rate, seed, sum[1]/NR, sum[2]/NR, sum[3]/NR, sum[4]/NR, sum[5]/NR}' > "$out/result"
}
export -f train

# all_runs: each line of stdin is the arguments of a run.
all_runs() { xargs -r -P "$PG_JOBS" -L 1 bash -eu -o pipefail -c '"$0" "$@"'; }

best() { awk -v arm="$1" '$1 == arm && (rate == "" || $4 > most) {most = $4; rate = $2} END {print rate}' grid; }

# ---- Gradients: gradients NAME POLICY SEED ----
# The gradient of one pool of independent samples (one a prompt) and of the batches that it falls into, by three
# estimators, at the policy that sampled them: a step of rate 0, without the value loss, so that the norm is
# the policy's alone, and with --beta1 0, so that the optimizer's first moment is the gradient.
gradients() {
  local name=$1 policy=$2 seed=$3 dir=gradients-$1-$3 estimator file options
  mkdir "$dir"
  sed -n "$(((seed - 1) * PG_POOL + 1)),$((seed * PG_POOL))p" many.jsonl |
    rollout -q -z --policy "$policy" --max-tokens 32 --seed $((seed * 1000 + 500)) | scored > "$dir/pool"
  split -l "$PG_BATCH" -a 3 "$dir/pool" "$dir/batch-"
  for estimator in reinforce baseline clip; do
    case $estimator in
      reinforce) options=(--objective reinforce) ;;
      baseline) options=(--objective reinforce --baseline) ;;
      clip) options=(--objective clip --epochs 1 --minibatch 100000 --c1 0 --critic-init rm --critic-lr 0) ;;
    esac
    for file in "$dir/pool" "$dir"/batch-*; do
      rm -f "$dir/metrics"
      ppo-step -q --policy "$policy" "${options[@]}" --kl-beta 0.1 --lr 0 --beta1 0 --metrics "$dir/metrics" \
        "$file" -o "$dir/step" --force
      # Times the length: the programs divide by tokens, the textbook by trajectories. The mean of the others
      # is the unbiased baseline: n/(n-1) of what --baseline gives.
      jq -r --arg what "$name $estimator $seed $(basename "$file" | sed 's/-.*//')" --arg estimator $estimator \
        --argjson n "$(wc -l < "$file")" '
        (if $estimator == "baseline" then $n / ($n - 1) else 1 end) as $scale |
        "\($what) \(.["actor/grad_norm"] * .["response_length/mean"] * $scale) \($n)"' "$dir/metrics" |
        awk '{$5 = $5 * $5; print}' >> "$dir/norms"
      [ "$file" != "$dir/pool" ] || moments "$dir/step" > "$dir/$estimator"
    done
  done
  rm -rf "$dir/step" "$dir"/batch-*
}

export -f gradients

# gram NAME: inner products of the pools' gradients: NAME estimator seed estimator seed product
gram() {
  local columns=() files=() estimator seed
  for estimator in reinforce baseline clip; do
    for seed in $PG_SEEDS; do
      columns+=("$estimator $seed") files+=("gradients-$1-$seed/$estimator")
    done
  done
  paste "${files[@]}" | awk -v name="$1" -v columns="$(IFS=,; echo "${columns[*]}")" '
    {for (i = 1; i <= NF; ++i) for (j = i; j <= NF; ++j) sum[i, j] += $i * $j}
    END {split(columns, c, ","); for (i = 1; i <= NF; ++i) for (j = i; j <= NF; ++j) print name, c[i], c[j], sum[i, j]}'
}
export -f gram

# ---- Tables ----
# For n samples E|g_n|^2 = |G|^2 + V/n. Batches and pools of two sizes give both, unbiased; the standard errors
# are the jackknife's over seeds.
gradient_table() {
  cat gradients-*/norms gram-* | awk -v batch="$PG_BATCH" '
    $4 ~ /pool|batch/ {size[$4] = $6; sum[$1, $2, $3, $4] += $5; ++count[$1, $2, $3, $4]; seen($1, $3)}
    $4 !~ /pool|batch/ && $3 != $5 {dot[$1, $2, $4, $3, $5] = dot[$1, $4, $2, $5, $3] = $6}
    function seen(p, s) {if (!(p in policy)) {policy[p]; order[++policies] = p}
                         if (!(s in seeds)) {seeds[s]; list[++S] = s}}
    # Mean over seeds but one of the mean |g|^2 of its batches.
    function mean(p, e, kind, without, s, total, n) {
      for (s in seeds) if (s != without) {total += sum[p, e, s, kind] / count[p, e, s, kind]; ++n}
      return total / n}
    function figures(p, e, without, m, M, n, N) {
      n = size["batch"]; N = size["pool"]; m = mean(p, e, "batch", without); M = mean(p, e, "pool", without)
      V = (m - M) / (1/n - 1/N); G = (N*M - n*m) / (N - n)}
    # Products of different seeds only: their noise is independent, so it adds nothing to the mean.
    function product(p, e, f, without, i, j, total) {
      for (i = 1; i <= S; ++i) for (j = 1; j <= S; ++j)
        if (i != j && list[i] != without && list[j] != without) total += dot[p, e, f, list[i], list[j]]
      return total}
    function cosine(p, e, without, a, b) {
      a = product(p, e, e, without); b = product(p, "reinforce", "reinforce", without)
      return a > 0 && b > 0 ? product(p, e, "reinforce", without) / sqrt(a * b) : 0}
    function estimate(what, p, e, without) {
      if (what == "cosine") return cosine(p, e, without)
      figures(p, e, without); return what == "noise" ? V/G : what == "signal" ? G : V}
    # The jackknife: (S-1)/S sum (x_without - mean)^2.
    function error(what, p, e, s, x, n, a, q) {
      for (s in seeds) {x[s] = estimate(what, p, e, s); a += x[s] / S}
      for (s in seeds) q += (x[s] - a)^2
      return sqrt(q * (S - 1) / S)}
    function cell(what, p, e, format) {
      return sprintf(format " ± " format, estimate(what, p, e, ""), error(what, p, e))}
    END {
      print "| policy | estimator | signal \\|G\\|² | variance V of a sample | V/\\|G\\|² (samples) |" \
            " noise/signal at " batch " | cosine to reinforce |"
      print "|---|---|---|---|---|---|---|"
      split("reinforce baseline clip", e, " ")
      for (i = 1; i <= policies; ++i) for (j = 1; j <= 3; ++j) {
        p = order[i]; figures(p, e[j], "")
        printf "| %s | %s | %s | %s | %s | %.2f | %s |\n", p, e[j], cell("signal", p, e[j], "%.3g"), \
          cell("variance", p, e[j], "%.3g"), cell("noise", p, e[j], "%.0f"), (estimate("noise", p, e[j], "") / batch), \
          (j == 1 ? "" : S < 3 ? sprintf("%.2f", cosine(p, e[j], "")) : cell("cosine", p, e[j], "%.2f"))
      }
    }'
}

rate_table() {
  awk -v arms="$PG_ARMS" -v rates="$PG_RATES" '
    {J[$1, $2] = $4}
    END {a = split(arms, arm, " "); r = split(rates, rate, " ")
      printf "| arm |"; for (j = 1; j <= r; ++j) printf " %s |", rate[j]
      printf "\n|---|"; for (j = 1; j <= r; ++j) printf "---|"
      printf "\n"
      for (i = 1; i <= a; ++i) {
        printf "| %s |", arm[i]; for (j = 1; j <= r; ++j) printf " %.2f |", J[arm[i], rate[j]]
        printf "\n"}}' grid
}

# file ARM SEED NAME: of the compared run.
file() { echo "run-$1-$(best "$1")-$2/$3"; }

# The worst fall: how far a round's mean score lies below the best round's before it, at most.
result_table() {
  { cat base-result
    for arm in $PG_ARMS; do for seed in $PG_SEEDS; do
      cat "$(file "$arm" "$seed" result)"
      awk -v arm="$arm" -v seed="$seed" '{sum[$1] += $2; ++n[$1]; last = $1}
        END {
          for (r = 0; r <= last; ++r) {
            x = sum[r]/n[r]
            if (r == 0 || x > top) top = x
            if (top - x > fall) fall = top - x}
          print "fall", arm, seed, fall + 0}' "$(file "$arm" "$seed" curve)"
    done; done; } | awk '
    $1 == "fall" {add($2, 9, $4); next}
    {if (!($1 in rate)) {rate[$1] = $2; order[++arms] = $1}; ++n[$1]; for (k = 4; k <= 8; ++k) add($1, k, $k)}
    function add(arm, k, x) {sum[arm, k] += x; square[arm, k] += x*x}
    function cell(arm, k, m, v) {
      m = sum[arm, k]/n[arm]; v = square[arm, k]/n[arm] - m*m; if (v < 0) v = 0
      return n[arm] < 2 ? sprintf(" %.2f |", m) : sprintf(" %.2f ± %.2f |", m, sqrt(v/(n[arm] - 1)))}
    END {
      print "| arm | rate | J | reward model | gold judge | KL to base, nats | tokens | worst fall |"
      print "|---|---|---|---|---|---|---|---|"
      for (i = 1; i <= arms; ++i) {
        printf "| %s | %s |", order[i], rate[order[i]]
        for (k = 4; k <= 9; ++k) printf "%s", order[i] == "base" && k == 9 ? " |" : cell(order[i], k)
        printf "\n"}}'
}

# curves COLUMN: the mean (over seeds, ± standard error) of the samples of each round, as a table and a plot.
curve_table() {
  for arm in $PG_ARMS; do for seed in $PG_SEEDS; do
    awk -v arm="$arm" -v k="$1" '{sum[$1] += $k; ++n[$1]} END {for (r in sum) print arm, r, sum[r]/n[r]}' \
      "$(file "$arm" "$seed" curve)"
  done; done | awk -v arms="$PG_ARMS" -v rounds="$PG_ROUNDS" -v each=$((PG_PROMPTS * 6)) -v title="$2" '
    {sum[$1, $2] += $3; square[$1, $2] += $3*$3; ++n[$1, $2]}
    function m(a, r) {return sum[a, r]/n[a, r]}
    function se(a, r, v) {v = square[a, r]/n[a, r] - m(a, r)^2; return n[a, r] < 2 || v < 0 ? 0 : sqrt(v/(n[a, r] - 1))}
    END {
      count = split(arms, arm, " "); for (i = 1; i <= count; ++i) letter[i] = toupper(substr(arm[i], 1, 1))
      printf "| samples used |"; for (i = 1; i <= count; ++i) printf " %s |", arm[i]
      printf "\n|---|"; for (i = 1; i <= count; ++i) printf "---|"
      printf "\n"
      for (r = 0; r < rounds; ++r) {
        printf "| %d-%d |", r*each + 1, (r + 1)*each
        for (i = 1; i <= count; ++i) {
          x = m(arm[i], r); printf " %.2f ± %.2f |", x, se(arm[i], r)
          if (low == "" || x < low) low = x
          if (high == "" || x > high) high = x}
        printf "\n"}
      if (high == low) high = low + 1
      rows = 16; wide = 6
      for (i = count; i >= 1; --i) for (r = 0; r < rounds; ++r) {
        y = int((m(arm[i], r) - low) / (high - low) * (rows - 1) + 0.5)
        # Arms that meet stand side by side.
        for (x = r * wide; (y, x) in mark; ++x) ;
        mark[y, x] = letter[i]}
      printf "\n    %s\n", title
      for (y = rows - 1; y >= 0; --y) {
        line = sprintf("    %6.2f |", low + (high - low) * y / (rows - 1))
        for (x = 0; x < rounds * wide; ++x) line = line ((y, x) in mark ? mark[y, x] : " ")
        sub(/ +$/, "", line); print line}
      printf "           +"; for (x = 0; x < rounds * wide; ++x) printf "-"
      printf "\n            "; for (r = 0; r < rounds; ++r) printf "%-6d", r * each
      printf "samples used\n    "; for (i = 1; i <= count; ++i) printf "%s %s  ", letter[i], arm[i]
      printf "\n"}'
}

# ---- The experiment ----
say "making the task"
task
prompts 11 $(($(printf '%s\n' $PG_SEEDS | sort -n | tail -n 1) * PG_POOL)) train > many.jsonl
rollout -q -z --policy base -n 4 --max-tokens 32 --seed 999 held.jsonl | scored | judge |
  jq -r '[.reward, .gold, (.response_ids | length)] | @tsv' |
  awk '{a += $1; b += $2; c += $3} END {print "base", "-", 0, a/NR, a/NR, b/NR, 0, c/NR}' OFS='\t' > base-result

say "the grid of learning rates"
for arm in $PG_ARMS; do for rate in $PG_RATES; do echo "train $arm $rate 0"; done; done | all_runs
cat run-*-0/result > grid

say "the runs"
for seed in $PG_SEEDS; do for arm in $PG_ARMS; do echo "train $arm $(best "$arm") $seed"; done; done | all_runs

say "the gradients"
for seed in $PG_SEEDS; do
  echo "gradients base base $seed"
  echo "gradients half run-clip-$(best clip)-0/half $seed"
done | all_runs
for name in base half; do gram $name > gram-$name; done

printf '## The gradient: %s seeds, pools of %d, batches of %d\n\n' "$(set -- $PG_SEEDS; echo $#)" "$PG_POOL" "$PG_BATCH"
gradient_table
printf '\n## J after training by learning rate, seed 0\n\n'
rate_table
printf '\n## Held-out prompts after %d samples\n\n' $((PG_ROUNDS * PG_PROMPTS * 6))
result_table
printf '\n## Reward model by samples used\n\n'
curve_table 2 "reward"
printf '\n## Gold judge by samples used\n\n'
curve_table 3 "gold"
