#!/bin/bash
# Where the KL to the reference belongs, in the reward or in the loss: docs/experiments/kl-placement.md.
#
# usage: kl-placement.sh [FOLDER]   works in FOLDER (kept), or in a temporary one (removed)
#
# It needs the programs in PATH, jq and awk. What it prints is a function of the settings below; the environment changes
# them (KL_SEEDS="1 2" kl-placement.sh). The numbers of the picture are in FOLDER/kl-placement.tsv.
set -eu -o pipefail
: "${KL_JOBS:=$(nproc)}"  # before the next line, which nproc heeds
export LC_ALL=C OMP_NUM_THREADS=1  # the work is parallel over runs
: "${KL_SEEDS:=1 2 3 4 5}"
# Gradients: how many steps of fine-tuning the policy is away from the reference; the longest response.
: "${KL_STEPS:=4 32 256}" "${KL_TOKENS:=3}"
# PPO: placements, weights, rounds of prompts with answers; the task.
: "${KL_ARMS:=reward k2 k3 exact}" "${KL_BETAS:=0.1 0.3}" "${KL_ROUNDS:=10}" "${KL_PROMPTS:=50}" "${KL_ANSWERS:=6}"
: "${KL_TEXTS:=6000}" "${KL_PAIRS:=2000}" "${KL_HELD:=100}" "${KL_WIDTH:=48}"
export KL_STEPS KL_TOKENS KL_ROUNDS KL_PROMPTS KL_ANSWERS

here=$(cd "$(dirname "$0")" && pwd)
. "$here/reviews.inc"
. "$here/runs.inc"
. "$here/kl.inc"
. "$here/gradients.inc"
enter_folder kl-placement.sh "$@"

# ---- Gradients: a model of four tokens, all of whose responses can be written down ----
# little_endian N: 8 bytes.
little_endian() {
  local n=$1
  # shellcheck disable=SC2059
  for _ in 1 2 3 4 5 6 7 8; do printf "\\$(printf %03o $((n & 255)))"; n=$((n >> 8)); done
}
# tiny FOLDER SEED: a new model that knows the tokens a, b, c and the end, ids 0 to 3: sft-train's smallest has the 256
# bytes, and the last of its tensors is the embeddings, of which 4 rows remain.
tiny() {
  local whole=$1-whole file=$1-whole/model.safetensors length header
  echo '{"text":"a"}' | sft-train -q --init new --layers 1 --width 8 --heads 2 --context 8 --vocab 258 --lr 0 \
    --seed "$2" -o "$whole"
  mkdir "$1"
  jq '.vocab_size = 4 | .eos_token_id = 3 | .bos_token_id = 3 | del(.pad_token_id)' "$whole/config.json" > "$1/config.json"
  echo '{"eos_token_id": 3}' > "$1/generation_config.json"
  jq 'del(.pad_token)' "$whole/tokenizer_config.json" > "$1/tokenizer_config.json"
  jq '.added_tokens |= [.[0] | .id = 3] | .model.vocab = {a: 0, b: 1, c: 2, "<|endoftext|>": 3}' \
    "$whole/tokenizer.json" > "$1/tokenizer.json"
  length=$(od -An -t u8 -N 8 "$file" | tr -d ' ')
  header=$(head -c $((8 + length)) "$file" | tail -c +9 | jq -c '
    ."transformer.wte.weight" |= (.data_offsets[1] = .data_offsets[0] + 4 * 4 * .shape[1] | .shape[0] = 4)')
  while [ $((${#header} % 8)) != 0 ]; do header="$header "; done
  {
    little_endian ${#header}
    printf %s "$header"
    tail -c +$((9 + length)) "$file" | head -c "$(jq '."transformer.wte.weight".data_offsets[1]' <<< "$header")"
  } > "$1/model.safetensors"
  rm -rf "$whole"
}
# texts SEED N SHARE: texts of a prompt and 1 to 5 letters, each a b with this probability, else a or c.
texts() {
  awk -v seed="$1" -v n="$2" -v share="$3" 'BEGIN {
    srand(seed)
    while (n-- > 0) {
      text = "a"
      for (k = 1 + int(rand() * 5); k > 0; --k) text = text (rand() < share ? "b" : rand() < 0.5 ? "a" : "c")
      print "{\"text\":\"" text "\"}"
    }}'
}
# away SEED STEPS FOLDER: the policy after so many steps of fine-tuning on texts that have more b.
away() { head -n $(($2 * 8)) far.jsonl | sft-train -q --init ref --lr 1e-3 --batch 8 --max-norm 0 --seed "$1" -o "$3"; }
# enumerate POLICY SAMPLER: all responses to the prompt "a", with the log-probs of POLICY in `now`, of SAMPLER in `logprobs`,
# of ref in `ref_logprobs`; and reward 0.
enumerate() {
  echo '{"prompt":"a"}' | rollout -q --policy "$2" --max-tokens "$KL_TOKENS" | jq -c --argjson longest "$KL_TOKENS" '
    def all($ids): if $ids[-1] == 3 or ($ids | length) == $longest then $ids else range(4) as $k | all($ids + [$k]) end;
    . as $record | all([]) as $ids | $record | .id = ($ids | map(tostring) | join("-")) | .response_ids = $ids
    | .response = "" | .finish = (if $ids[-1] == 3 then "stop" else "length" end) | .logprobs |= null' |
    jq -c 'del(.logprobs)' | score -q --ref "$1" | jq -c '.now = .ref_logprobs' | score -q --ref "$2" |
    jq -c '.logprobs = .ref_logprobs | .reward = 0' | score -q --ref ref
}
# step POLICY FILE OPTION...: the gradient of FILE's records; the sum over tokens, of the mean over responses.
step() {
  ppo-step -q --policy "$1" --objective is --epochs 1 --minibatch 100000 --loss-mean constant --loss-constant 1 \
    --max-norm 0 --lr 0 --beta1 0 --warn-entropy 0 --warn-equal 1 "${@:3}" "$2" -o step --force 2> step-err ||
    { cat step-err >&2; return 1; }
}
# rows POLICY ALL NAME FILTER OPTION...: NAME has a line for each response, its gradient as ppo-step has it.
rows() {
  local line from='' length=''
  while read -r line; do
    printf '%s\n' "$line" > one
    step "$1" one "${@:5}"
    [ -n "$from" ] || read -r from length < <(moments_at step)  # one stretch, the same for all
    od -An -v -w"$length" -t f4 -j "$from" -N "$length" step/trainer/optimizer.safetensors
  done < <(jq -c "$4" "$2") > "$3"
}
# The placements. reward: by ppo-step's own penalty, each token having the whole return. later: the same without the
# penalties of earlier tokens. k1: as a loss, which ppo-step doesn't offer: its derivative by each log-prob is 1.
gradients() {
  local seed=$1 steps policy later
  later='.advantages = [range(.logprobs | length) as $t | [.logprobs, .ref_logprobs] | transpose | .[$t:]
    | map(.[1] - .[0]) | add]'
  mkdir "gradients-$seed"; cd "gradients-$seed"
  tiny random "$seed"
  texts $((seed * 10)) 320 0.3333 > ref.jsonl
  texts $((seed * 10 + 1)) 4000 0.8 > far.jsonl
  sft-train -q --init random --lr 1e-2 --epochs 5 --schedule linear --seed "$seed" ref.jsonl -o ref
  for steps in $KL_STEPS; do
    policy=p$steps
    away "$seed" "$steps" "$policy"
    away "$seed" $((steps * 3 / 4)) old
    enumerate "$policy" "$policy" > all
    rows "$policy" all reward . --advantage return --kl-beta 1
    rows "$policy" all later "$later" --advantage field
    rows "$policy" all k1 '.advantages = -1' --advantage field
    rows "$policy" all k2 . --advantage return --kl-beta 0 --kl-loss 1 --kl-loss-kind k2
    rows "$policy" all k3 . --advantage return --kl-beta 0 --kl-loss 1 --kl-loss-kind k3
    rows "$policy" all exact . --advantage return --kl-beta 0 --kl-loss 1 --kl-loss-kind exact --ref ref
    weigh all > weights
    figures "$seed" "$steps" weights
    # The same with the samples of the policy a quarter of the steps before, as in PPO's later updates; the reward has
    # the log-probs that it recorded.
    enumerate "$policy" old > all-old
    rows "$policy" all-old reward . --off-policy --advantage return --kl-beta 1
    rows "$policy" all-old later "$later" --off-policy --advantage field
    weigh all-old > weights-old
    figures "$seed" "$steps" weights-old old
    rm -rf old
  done
  check "$seed" "$policy"
}
# weigh FILE: of each response the probability of the sampler and the policy, and log(policy/reference).
weigh() { jq -r '(.now | add) as $now | [(.logprobs | add | exp), ($now | exp), $now - (.ref_logprobs | add)] | @tsv' "$1"; }

# figures SEED STEPS WEIGHTS [old]: seed steps KL name norm cosine bias cosine-of-tokens bias-of-tokens variance, of each
# placement. The truth is enumerated: sum p log(p/ref) grad log p, whose grad log p are the rows of k1. What it is by
# tokens, with prefixes held fixed, is the mean of exact over the policy's own samples.
figures() {
  awk -v seed="$1" -v steps="$2" -v old="${4:-}" '
    FILENAME == "'"$3"'" {sampled[FNR] = $1; p[FNR] = $2; k[FNR] = $3; kl += $2 * $3; between += $1 * log($1 / $2); next}
    FNR == 1 {name[++names] = FILENAME}
    {for (i = 1; i <= NF; ++i) {
       mean[names, i] += sampled[FNR] * $i; squares[names] += sampled[FNR] * $i * $i
       if (FILENAME == "k1") truth[i] += p[FNR] * k[FNR] * $i
       if (FILENAME == "exact") tokens[i] += p[FNR] * $i
     }
     width = NF}
    END {
      for (i = 1; i <= width; ++i) {T += truth[i]^2; P += tokens[i]^2}
      for (n = 1; n <= names; ++n) {
        G = dot = off = part = away = 0
        for (i = 1; i <= width; ++i) {
          g = mean[n, i]; G += g * g; dot += g * truth[i]; off += (g - truth[i])^2
          part += g * tokens[i]; away += (g - tokens[i])^2
        }
        # What is nothing but rounding has no direction.
        none = G < 1e-10 * T
        print (old == "" ? "on" : "old"), seed, steps, kl, between, name[n], sqrt(G / T), (none ? 0 : dot / sqrt(G * T)),
          sqrt(off / T), (none ? 0 : part / sqrt(G * P)), sqrt(away / P), (squares[n] - G) / T
      }
    }' "$3" k1 reward later k2 k3 exact >> "figures${4:+-$4}"
}
# check SEED POLICY: seed, response, change of the enumerated KL between two steps of the policy, along the gradient of a
# response's log-prob and against it, and what the enumerated gradient says of it.
check() {
  local seed=$1 policy=$2 line n=0 sign
  : > kls
  while read -r line; do
    n=$((n + 1))
    [ $((n % 5)) = 1 ] || continue
    for sign in 1 -1; do
      # eps makes Adam a gradient step of rate 1e-3.
      jq -c ".advantages = $sign" <<< "$line" > one
      step "$policy" one --advantage field --lr 1000 --eps 1e6
      mv step moved
      enumerate moved moved | weigh /dev/stdin | awk -v n=$n -v sign=$sign '{kl += $2 * $3} END {printf "%d %d %.9f\n", n, sign, kl}' >> kls
      rm -rf moved
    done
  done < all
  awk -v seed="$seed" '
    FILENAME == "weights" {p[FNR] = $2; k[FNR] = $3; next}
    FILENAME == "k1" {for (i = 1; i <= NF; ++i) {row[FNR, i] = $i; truth[i] += p[FNR] * k[FNR] * $i}; width = NF; next}
    {kl[$1, $2] = $3; if ($2 == -1) {
       expected = 0; for (i = 1; i <= width; ++i) expected += 2e-3 * row[$1, i] * truth[i]
       print seed, $1, kl[$1, 1] - kl[$1, -1], expected}}' weights k1 kls > checked
}
export -f little_endian tiny texts away enumerate step rows gradients weigh figures check

say 'gradients'
printf '%s\n' $KL_SEEDS | xargs -P "$KL_JOBS" -L 1 bash -euc -o pipefail 'gradients "$@"' gradients

# ---- PPO on reviews, each placement with the same weight ----
train() {  # ARM BETA SEED
  local options
  case $1 in
    none) options=(--kl-beta 0) ;;
    reward) options=(--kl-beta "$2") ;;
    exact) options=(--kl-beta 0 --kl-loss "$2" --kl-loss-kind exact --ref base) ;;
    k2 | k3) options=(--kl-beta 0 --kl-loss "$2" --kl-loss-kind "$1") ;;
  esac
  rloo_run "run-$1-$2-$3" "$3" "$KL_ROUNDS" "$KL_PROMPTS" "$KL_ANSWERS" --lr 3e-4 "${options[@]}"
}
export -f train

say 'making the task'
make_reviews $((KL_ROUNDS * KL_PROMPTS)) "$KL_TEXTS" "$KL_PAIRS" "$KL_HELD" "$KL_WIDTH"
say 'PPO'
arms() { for beta in $KL_BETAS; do for arm in $KL_ARMS; do echo "$arm $beta"; done; done; echo 'none 0'; }
arms | while read -r arm beta; do for seed in $KL_SEEDS; do echo "$arm $beta $seed"; done; done |
  xargs -P "$KL_JOBS" -L 1 bash -euc -o pipefail 'train "$@"' train

# ---- Tables ----
each() { for seed in $KL_SEEDS; do cat "gradients-$seed/$1"; done; }

# gradient_table on|old: mean ± deviation over seeds, by distance and placement.
gradient_table() {
  { if [ "$1" = on ]; then each figures; else each figures-old; fi; } | awk -v which="$1" '
    {if (!($3 in seen)) {seen[$3]; order[++distances] = $3}
     if (!($6 in arm)) {arm[$6]; names[++arms] = $6}
     add($3, "kl", $4); add($3, "between", $5)
     for (c = 7; c <= 12; ++c) add($3 " " $6, c, $c)}
    function add(what, c, x) {++n[what, c]; sum[what, c] += x; squares[what, c] += x * x}
    function cell(what, c, format, m, v) {
      m = sum[what, c] / n[what, c]; v = n[what, c] > 1 ? (squares[what, c] - n[what, c] * m * m) / (n[what, c] - 1) : 0
      return sprintf(" " format " ± " format " |", m, sqrt(v < 0 ? 0 : v))}
    END {
      split("reward later k1 k2 k3 exact", wanted, " ")
      for (d = 1; d <= distances; ++d) for (a = 1; a <= 6; ++a) {
        what = order[d] " " wanted[a]
        printf "|"; if (which == "old") printf "%s", cell(order[d], "between", "%.4f")
        printf "%s %s |%s%s%s", cell(order[d], "kl", "%.3f"), wanted[a], cell(what, 7, "%.3f"), cell(what, 8, "%.4f"), \
          cell(what, 9, "%.3f")
        if (which == "on") printf "%s%s", cell(what, 11, "%.3f"), cell(what, 12, "%.2f")
        printf "\n"
      }
    }'
}
printf '## The gradient of KL(policy||reference), the policy sampling\n\n'
echo '| KL, nats | placement | norm | cosine | bias | bias, tokens | noise |'
echo '|---|---|---|---|---|---|---|'
gradient_table on
printf '\n## The same, with samples of an older policy\n\n'
echo '| KL(older\|\|policy) | KL, nats | placement | norm | cosine | bias |'
echo '|---|---|---|---|---|---|'
gradient_table old
printf '\n## The enumerated gradient against differences of the enumerated KL\n\n'
each checked | awk '{d = $3 - $4; off += d * d; all += $4 * $4}
  END {printf "%d directions: relative difference %.1e\n", NR, sqrt(off / all)}'
printf '\n## PPO\n\n'
echo '| KL in | beta | J | reward | gold | KL |'
echo '|---|---|---|---|---|---|'
arms | while read -r arm beta; do
  printf '| %s | %s |' "$arm" "$beta"
  for seed in $KL_SEEDS; do
    awk -v OFS='\t' -v beta="$beta" '{print $2 - beta * $4, $2, $3, $4}' "run-$arm-$beta-$seed/result"
  done | cells
done
# The picture: bias over the distance, mean and deviation over seeds.
each figures | awk -v OFS='\t' '
  BEGIN {
    title["reward"] = "k1 in the reward"; title["exact"] = "exact as a loss"
    for (k = 1; k <= 3; ++k) title["k" k] = "k" k " as a loss"
  }
  $6 in title {
    key = title[$6] SUBSEP $3
    if (!(key in n)) keys[++all] = key
    ++n[key]; kl[key] += $4; sum[key] += $9; squares[key] += $9 * $9
  }
  END {
    for (i = 1; i <= all; ++i) {
      key = keys[i]; split(key, part, SUBSEP); m = sum[key] / n[key]
      v = n[key] > 1 ? (squares[key] - n[key] * m * m) / (n[key] - 1) : 0
      printf "%s\t%.4f\t%.4f\t%.4f\n", part[1], kl[key] / n[key], m, sqrt(v < 0 ? 0 : v)
    }
  }' > kl-placement.tsv
if command -v chart > /dev/null; then
  chart -q --title 'Bias of the gradient of KL(policy||reference)' --x 'KL, nats a response' \
    --y 'distance to the enumerated gradient, over its norm' --log-x kl-placement.tsv -o kl-placement.svg
fi
