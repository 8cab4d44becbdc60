#!/bin/bash
# Over-optimisation of learned rewards, by best-of-n and PPO: docs/experiments/over-optimisation.md.
#
# usage: over-optimisation.sh [FOLDER]   works in FOLDER (kept), or in a temporary one (removed)
#
# It needs the programs in PATH, jq and awk. What it prints is a function of the settings below; the environment changes
# them (OO_SEEDS="1 2" over-optimisation.sh). FOLDER then holds the pictures, best-of-n.svg and ppo.svg.
set -eu -o pipefail
: "${OO_JOBS:=$(nproc)}"  # before the next line, which nproc heeds
export LC_ALL=C OMP_NUM_THREADS=1  # the work is parallel over runs
: "${OO_SEEDS:=1 2 3 4 5}"  # each has pairs, reward models, prompts and answers of its own
: "${OO_SIZES:=250 1000 4000}" "${OO_LABELS:=clean noisy}"  # noisy: every fourth pair is the wrong way round
: "${OO_ENSEMBLE:=1000}" "${OO_MEMBERS:=5}" "${OO_WEIGHT:=1}"  # pairs of its members, how many, lambda
# Runs of PPO: the reward (pairs, mean, least or uncertainty), labels, and beta of the KL penalty.
: "${OO_RUNS:=250:clean:0 1000:clean:0 4000:clean:0 1000:clean:0.03 1000:clean:0.1 1000:clean:0.3 least:clean:0 \
uncertainty:clean:0 least:clean:0.03 1000:noisy:0 least:noisy:0 uncertainty:noisy:0}"
: "${OO_ROUNDS:=20}" "${OO_PROMPTS:=32}" "${OO_ANSWERS:=4}" "${OO_RATE:=3e-4}"
: "${OO_BEST:=1024}" "${OO_BEST_PROMPTS:=16}"
: "${OO_TEXTS:=6000}" "${OO_WIDTH:=64}" "${OO_HELD:=400}"
export OO_SIZES OO_ENSEMBLE OO_MEMBERS OO_WEIGHT OO_ROUNDS OO_PROMPTS OO_ANSWERS OO_RATE OO_BEST OO_BEST_PROMPTS OO_HELD

. "$(dirname "$0")/reviews.inc"
export -f reviews
if [ $# -ge 1 ]; then
  mkdir -p "$1" && cd "$1"
else
  cd "$(mktemp -d)"
  trap 'rm -rf "$PWD"' EXIT
fi
[ -z "$(ls -A)" ] || { echo "over-optimisation.sh: $PWD is not empty" >&2; exit 73; }
say() { printf '%s\n' "$*" >&2; }
# all_runs: each line of stdin is a function and its arguments.
# shellcheck disable=SC2016
all_runs() { xargs -r -P "$OO_JOBS" -L 1 bash -euc -o pipefail '"$0" "$@"'; }

# ---- The task ----
largest() { tr ' ' '\n' <<< "$OO_SIZES" | sort -g | tail -n 1; }
# pairs SEED: the best and the worst of four answers, by the judge.
pairs() {
  reviews prompts $((100 + $1)) $(($(largest) + OO_HELD)) |
    rollout -q --policy base -n 4 --max-tokens 32 --seed $(($1 * 1000 + 900)) | judge |
    label -q --by gold -o "pairs-$1.jsonl"
  head -n "$(largest)" "pairs-$1.jsonl" > "clean-$1.jsonl"
  tail -n +$(($(largest) + 1)) "pairs-$1.jsonl" > "held-$1.jsonl"
  jq -c 'if input_line_number % 4 == 0 then . as $pair | .chosen = $pair.rejected | .rejected = $pair.chosen
    | .chosen_ids = $pair.rejected_ids | .rejected_ids = $pair.chosen_ids else . end' \
    "clean-$1.jsonl" > "noisy-$1.jsonl"
  rm "pairs-$1.jsonl"
}
# sample SEED: many answers to few prompts, with the judge's figure.
sample() {
  reviews prompts $((200 + $1)) "$OO_BEST_PROMPTS" held-out |
    rollout -q --policy base -n "$OO_BEST" --max-tokens 32 --seed $(($1 * 1000 + 950)) | judge > "samples-$1.jsonl"
}
# reward_model LABELS PAIRS MEMBER SEED: members see the same pairs from another start and in another order.
reward_model() {
  head -n "$2" "$1-$4.jsonl" | rm-train -q --init base --epochs 3 --lr 2e-3 --schedule linear --warmup 10 \
    --normalize-std --seed $(($4 * 100 + $3)) -o "rm-$1-$2-$3-$4"
  score -q --reward-model "rm-$1-$2-$3-$4" "held-$4.jsonl" |
    jq -s 'map(if .chosen_reward > .rejected_reward then 1 else 0 end) | add / length' > "rm-$1-$2-$3-$4/accuracy"
}
members() { for ((m = 1; m <= OO_MEMBERS; ++m)); do echo "$m"; done; }
# models REWARD LABELS SEED: the options of score that make this reward.
models() {
  local m
  case $1 in
    mean | least | uncertainty)
      for m in $(members); do echo "--reward-model m$m=rm-$2-$OO_ENSEMBLE-$m-$3"; done
      echo "--combine $1"
      [ "$1" != uncertainty ] || echo "--uncertainty-weight $OO_WEIGHT" ;;
    *) echo "--reward-model rm-$2-$1-1-$3" ;;
  esac
}
export -f largest pairs sample reward_model members models

# ---- Best of n: best LABELS SEED ----
# Of N answers sorted by their reward, the highest first, the i-th is the best of n drawn from them with probability
# C(N-i, n-1)/C(N, n). The weighted means are unbiased for each n (Hilton and Gao 2022, "Measuring Goodhart's law",
# openai.com).
# stdin: group, reward, gold; stdout: n, group, reward of the best, its gold
best_of_n() {
  sort -t "$(printf '\t')" -k1,1 -k2,2gr -k3,3g | awk -F '\t' -v OFS='\t' '
    function flush(  n, w, i, r, g) {
      for (n = 1; n <= N; n *= 2) {
        w = n / N; r = g = 0
        for (i = 1; i <= N - n + 1; ++i) {
          r += w * reward[i]; g += w * gold[i]
          if (i < N) w *= (N - i - n + 1) / (N - i)
        }
        printf "%d\t%s\t%.6f\t%.6f\n", n, group, r, g
      }
      N = 0
    }
    $1 != group {flush(); group = $1}
    {reward[++N] = $2; gold[N] = $3}
    END {flush()}'
}
best() {
  local dir=best-$1-$2 reward size m options=()
  mkdir "$dir"
  for size in $OO_SIZES; do [ "$size" = "$OO_ENSEMBLE" ] || options+=(--reward-model "of$size=rm-$1-$size-1-$2"); done
  for m in $(members); do options+=(--reward-model "m$m=rm-$1-$OO_ENSEMBLE-$m-$2"); done
  score -q "${options[@]}" "samples-$2.jsonl" > "$dir/scored"
  awk '{split($0, a, "\"group\":\""); sub(/".*/, "", a[2])} !(a[2] in seen) {seen[a[2]]; print}' \
    "$dir/scored" > "$dir/first"
  for reward in $OO_SIZES mean least uncertainty; do
    jq -r --arg reward "$reward" --arg ensemble "$OO_ENSEMBLE" --argjson weight "$OO_WEIGHT" '
      [to_entries[] | select(.key | startswith("reward_m")) | .value] as $r | (($r | add) / ($r | length)) as $mean
      | [.group, (if $reward == "mean" then $mean elif $reward == "least" then $r | min
          elif $reward == "uncertainty" then $mean - $weight * ($r | map(. - $mean | . * .) | add / length)
          elif $reward == $ensemble then .reward_m1 else .["reward_of" + $reward] end), .gold] | @tsv' "$dir/scored" |
      best_of_n > "$dir/$reward"
    # A record for each prompt and n, whose rewards are these means: kl-report fits them at the KL of best-of-n.
    mkdir "$dir/n"
    jq -c --rawfile means "$dir/$reward" '. as $record | ($means | split("\n")[:-1][] | split("\t")
      | select(.[1] == $record.group)) as $m
      | $record + ($m | {best_of: (.[0] | tonumber), reward: (.[2] | tonumber), gold: (.[3] | tonumber)})' "$dir/first" |
      awk -v dir="$dir/n" '{n = $0; sub(/.*"best_of":/, "", n); sub(/[^0-9].*/, "", n); print > (dir "/" n)}'
    for ((m = 1; m <= OO_BEST; m *= 2)); do echo "$dir/n/$m"; done |
      xargs kl-report -q --json 2> "$dir/err" > "$dir/$reward.json" ||
      { cat "$dir/err" >&2; exit 1; }  # otherwise only warnings that such answers are no samples of the policy
    rm -r "$dir/n"
  done
  rm "$dir/scored" "$dir/first"
}
export -f best_of_n best

# ---- PPO: ppo REWARD:LABELS:BETA SEED ----
# A round's answers are to prompts of its own, so before the step they tell what the policy is worth.
ppo() {
  local reward labels beta out=ppo-$1-$2 policy=base critic i files=()
  IFS=: read -r reward labels beta <<< "$1"
  mkdir "$out"
  reviews prompts $((300 + $2)) $((OO_ROUNDS * OO_PROMPTS)) > "$out/prompts"
  critic=rm-$labels-$reward-1-$2
  [ -e "$critic" ] || critic=rm-$labels-$OO_ENSEMBLE-1-$2
  for ((i = 0; i < OO_ROUNDS; ++i)); do
    # shellcheck disable=SC2046
    sed -n "$((i * OO_PROMPTS + 1)),$(((i + 1) * OO_PROMPTS))p" "$out/prompts" |
      rollout -q --policy "$policy" -n "$OO_ANSWERS" --max-tokens 32 --seed $(($2 * 1000 + i)) |
      score -q $(models "$reward" "$labels" "$2") --ref base | judge > "$out/$i"
    files+=("$out/$i")
    [ $i != $((OO_ROUNDS - 1)) ] || break
    ppo-step -q --policy "$policy" --critic-init "$critic" --kl-beta "$beta" --lr "$OO_RATE" --critic-lr 1e-3 \
      --seed "$2" --minibatch $((OO_PROMPTS * OO_ANSWERS / 4)) --warn-kl 1000 --warn-entropy 1000 \
      "$out/$i" -o "$out/p$((i + 1))"
    [ $i = 0 ] || rm -rf "$out/p$i"
    policy=$out/p$((i + 1))
  done
  kl-report -q --json "${files[@]}" > "$out/report.json"
  # d, gold, its error, reward: of each round. d is by k1: at tens of nats single tokens make k3 noisy.
  jq -r '.files[] | [(.policy_ref.k1.per_sequence.mean | if . > 0 then sqrt else 0 end), .gold.mean, .gold.se,
    .reward.mean] | @tsv' "$out/report.json" > "$out/rounds"
  rm -rf "$out"/p* "${files[@]}"
}
export -f ppo

say 'making the task'
reviews text 1 "$OO_TEXTS" > text.jsonl
sft-train -q --init new --layers 2 --width "$OO_WIDTH" --heads 2 --context 64 --vocab 700 --epochs 3 --lr 4e-3 \
  --schedule cosine --warmup 20 --threads "$OO_JOBS" text.jsonl -o base
for seed in $OO_SEEDS; do echo "pairs $seed"; echo "sample $seed"; done | all_runs
say 'the reward models'
for size in $(tr ' ' '\n' <<< "$OO_SIZES" | sort -gr); do for labels in $OO_LABELS; do for seed in $OO_SEEDS; do
  for m in $(members); do
    [ "$m" != 1 ] && [ "$size" != "$OO_ENSEMBLE" ] || echo "reward_model $labels $size $m $seed"
  done
done; done; done | all_runs
say 'best of n'
for labels in $OO_LABELS; do for seed in $OO_SEEDS; do echo "best $labels $seed"; done; done | all_runs
say 'PPO'
for run in $OO_RUNS; do for seed in $OO_SEEDS; do echo "ppo $run $seed"; done; done | all_runs

# ---- Tables ----
# Mean ± standard error over the lines of stdin, as cells of so many digits; a column with a gap ("-") is a gap.
cells() {
  awk -v digits="$1" '
    {for (k = 1; k <= NF; ++k) {if ($k == "-") gap[k]; sum[k] += $k; squares[k] += $k * $k}; n = NF}
    END {
      for (k = 1; k <= n; ++k) {
        mean = sum[k] / NR; variance = NR > 1 ? (squares[k] - NR * mean * mean) / (NR - 1) : 0
        if (k in gap) printf " - |"
        else printf " %.*f ± %.*f |", digits, mean, digits, sqrt(variance < 0 ? 0 : variance / NR)
      }
      printf "\n"
    }'
}
header() { printf '|'; printf ' %s |' "$@"; printf '\n|'; for _ in "$@"; do printf -- '---|'; done; echo; }

printf '## Reward models: accuracy on pairs that the judge decided\n\n'
read -ra sizes <<< "$OO_SIZES"
header labels "${sizes[@]/%/ pairs}"
for labels in $OO_LABELS; do
  for seed in $OO_SEEDS; do for size in $OO_SIZES; do cat "rm-$labels-$size-1-$seed/accuracy"; done | xargs; done |
    cells 3 | sed "s/^/| $labels |/"
done

printf '\n## Best of n: gold\n\n'
shown() { for ((n = 1; n <= OO_BEST; n *= 4)); do echo $n; done; }
# means COLUMN: of the prompts, for each n that is shown, a line
means() {
  awk -F '\t' -v k="$1" '{sum[$1] += $k; ++count[$1]} END {for (n = 1; n in sum; n *= 4) print sum[n] / count[n]}'
}
# shellcheck disable=SC2046
header labels reward $(shown | sed 's/^/n=/') "reward at $OO_BEST"
for labels in $OO_LABELS; do for reward in $OO_SIZES mean least uncertainty; do
  for seed in $OO_SEEDS; do
    echo "$(means 4 < "best-$labels-$seed/$reward" | xargs) $(means 3 < "best-$labels-$seed/$reward" | tail -n 1)"
  done |
    cells 3 | sed "s/^/| $labels | $reward |/"
done; done

# fitted FORM FILE: alpha, beta, chi squared over its freedom, the KL of the top, of the gold reward's curve
fitted() {
  jq -r --arg form "$1" '.curves[] | select(.of == "gold") | .fits[] | select(.form | contains($form))
    | [.alpha.mean, .beta.mean, .chi_squared / .freedom, (.top.kl.mean // "none")] | join(" ")' "$2"
}
# tops MOST: of the lines of stdin the median, where none is above all, and how many are at most MOST
tops() {
  sed 's/none/1e300/' | sort -g | awk -v most="$1" '
    {kl[NR] = $1; if ($1 + 0 <= most + 0) ++within}
    END {
      median = (kl[int((NR + 1) / 2)] + kl[int((NR + 2) / 2)]) / 2
      printf " %s | %d of %d |\n", (median > 100 ? "above 100" : sprintf("%.1f", median)), within, NR
    }'
}
printf '\n## Best of n: gold = start + d (α − β d), d² = ln n − (n−1)/n\n\n'
header labels reward α β 'χ² by freedom' 'KL of the top' 'within the data'
for labels in $OO_LABELS; do for reward in $OO_SIZES mean least uncertainty; do
  for seed in $OO_SEEDS; do fitted 'beta d' "best-$labels-$seed/$reward.json"; done > fits
  printf '| %s | %s |%s%s\n' "$labels" "$reward" "$(cut -d' ' -f1-3 fits | cells 3)" \
    "$(cut -d' ' -f4 fits | tops "$(awk -v n="$OO_BEST" 'BEGIN {print log(n) - (n - 1) / n}')")"
done; done

# curve REWARD:LABELS:BETA SEED AT...: gold and reward at those d, means of the run's rounds within 0.5 of them, in turn
at() {
  awk -v at="${*:3}" '{d[NR] = $1; gold[NR] = $2; reward[NR] = $4}
    END {
      k = split(at, x, " ")
      for (j = 1; j <= k; ++j) {
        n = g = r = 0
        for (i = 1; i <= NR; ++i) if (d[i] >= x[j] - 0.5 && d[i] <= x[j] + 0.5) {++n; g += gold[i]; r += reward[i]}
        print n ? g / n : "-", n ? r / n : "-"
      }
    }' "ppo-$1-$2/rounds"
}
printf '\n## PPO: the best of three rounds in a row, and the last three\n\n'
header reward labels 'β of KL' 'best gold' 'its KL' 'last gold' 'last reward' 'last KL'
named() { echo "| $1 |" | sed 's/:/ | /g'; }
for run in $OO_RUNS; do
  for seed in $OO_SEEDS; do
    awk '{kl[NR] = $1 * $1; gold[NR] = $2; reward[NR] = $4}
      function of(a, i) {return (a[i] + a[i - 1] + a[i - 2]) / 3}
      END {for (i = 3; i <= NR; ++i) if (i == 3 || of(gold, i) > of(gold, best)) best = i
        print of(gold, best), of(kl, best), of(gold, NR), of(reward, NR), of(kl, NR)}' "ppo-$run-$seed/rounds"
  done | cells 2 | sed "s/^/$(named "$run")/"
done
printf '\n## PPO: gold at d = √KL\n\n'
header reward labels 'β of KL' d=0 d=1 d=2 d=3 d=4 d=5 d=6
for run in $OO_RUNS; do
  for seed in $OO_SEEDS; do at "$run" "$seed" 0 1 2 3 4 5 6 | cut -d' ' -f1 | xargs; done | cells 2 |
    sed "s/^/$(named "$run")/"
done
# The last five rounds less the run of one reward model, or of the same, without a penalty at the same d and seed.
printf '\n## PPO: the last five rounds, less one reward model without a penalty at the same KL\n\n'
header reward labels 'β of KL' d gold 'its reward'
for run in $OO_RUNS; do
  IFS=: read -r reward labels beta <<< "$run"
  [ "$run" != "$OO_ENSEMBLE:$labels:0" ] || continue
  case " $OO_RUNS " in *" $OO_ENSEMBLE:$labels:0 "*) ;; *) continue ;; esac
  for seed in $OO_SEEDS; do
    tail -n 5 "ppo-$run-$seed/rounds" | while read -r d gold _ proxy; do
      echo "$d $gold $proxy $(at "$OO_ENSEMBLE:$labels:0" "$seed" "$d")"
    done | awk '$4 != "-" {++n; d += $1; gold += $2 - $4; reward += $3 - $5}
      END {if (n) print d / n, gold / n, reward / n; else print "- - -"}'
  done | cells 2 | sed "s/^/$(named "$run")/"
done
printf '\n## PPO: gold = start + d (α − β ln d), and χ² with β d in the place of β ln d\n\n'
header reward labels 'β of KL' α β 'χ² by freedom' 'with β d' 'KL of the top' 'within 50'
for run in $OO_RUNS; do
  for seed in $OO_SEEDS; do
    echo "$(fitted 'ln d' "ppo-$run-$seed/report.json") $(fitted 'beta d' "ppo-$run-$seed/report.json")"
  done > fits
  printf '%s%s%s\n' "$(named "$run")" "$(cut -d' ' -f1-3,7 fits | cells 2)" "$(cut -d' ' -f4 fits | tops 50)"
done

# ---- Pictures ----
command -v chart > /dev/null || { say 'no chart in PATH: no pictures'; exit 0; }
# points SERIES X: of the values of stdin a line of chart: their mean and its error
points() {
  awk -v OFS='\t' -v series="$1" -v x="$2" '$1 == "-" {gap = 1} {sum += $1; squares += $1 * $1}
    END {
      variance = NR > 1 ? (squares - sum * sum / NR) / (NR - 1) : 0
      if (NR && !gap) print series, x, sum / NR, sqrt(variance < 0 ? 0 : variance / NR)
    }'
}
# best_points SERIES LABELS REWARD COLUMN DIVISOR
best_points() {
  for ((n = 1; n <= OO_BEST; n *= 2)); do
    for seed in $OO_SEEDS; do
      awk -F '\t' -v n=$n -v k="$4" -v by="$5" '$1 == n {sum += $k; ++count} END {print sum / count / by}' \
        "best-$2-$seed/$3"
    done | points "$1" "$(awk -v n=$n 'BEGIN {print sqrt(log(n) - (n - 1) / n)}')"
  done
}
for labels in $OO_LABELS; do
  {
    for size in $OO_SIZES; do best_points "gold, $size pairs" "$labels" "$size" 4 1; done
    best_points 'gold, least of five' "$labels" least 4 1
    best_points "a fifth of the reward, $OO_ENSEMBLE pairs" "$labels" "$OO_ENSEMBLE" 3 5
  } > "best-of-n-$labels.tsv"
  chart --title "Best of n, $labels labels" --x 'd = √KL, √nats' --y reward "best-of-n-$labels.tsv" \
    -o "best-of-n-$labels.svg"
done
# ppo_points SERIES RUN COLUMN DIVISOR
ppo_points() {
  local x
  for x in 0 0.5 1 1.5 2 2.5 3 3.5 4 4.5 5 5.5 6 6.5 7; do
    for seed in $OO_SEEDS; do at "$2" "$seed" $x | cut -d' ' -f"$3"; done |
      awk -v by="$4" '{print $1 == "-" ? "-" : $1 / by}' | points "$1" $x
  done
}
for run in $OO_RUNS; do
  IFS=: read -r reward labels beta <<< "$run"
  [ "$labels" = "${OO_LABELS%% *}" ] && [ "$reward" != uncertainty ] || continue  # six colours
  case $beta in
    0) case $reward in [0-9]*) name="gold, $reward pairs" ;; *) name="gold, $reward" ;; esac
      ppo_points "$name" "$run" 1 1 ;;
    *) [ "$reward" = "$OO_ENSEMBLE" ] || continue
      for seed in $OO_SEEDS; do tail -n 5 "ppo-$run-$seed/rounds"; done |
        awk -v OFS='\t' '{d += $1; gold += $2} END {print "gold, KL penalty", d / NR, gold / NR}' ;;
  esac
  [ "$run" != "$OO_ENSEMBLE:$labels:0" ] || ppo_points "a fifth of the reward, $reward pairs" "$run" 2 5
done > ppo.tsv
chart --title "PPO, ${OO_LABELS%% *} labels" --x 'd = √KL, √nats' --y reward --points 'gold, KL penalty' ppo.tsv \
  -o ppo.svg
