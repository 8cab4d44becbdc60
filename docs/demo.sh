#!/usr/bin/env bash
# The whole loop on a small task, in plain pipelines: teach a model to go on with film reviews, have answers
# judged, train a reward model on the pairs, and let PPO make the reviews kinder. About a minute on two cores.
#
#   docs/demo.sh [FOLDER]      every intermediate file stays in FOLDER (build/demo)
#
# DEMO_SHUFFLE=1 is the control: rewards are dealt to the wrong answers, and the gold reward must not rise.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)/demo
run=${1:-build/demo}
iterations=${DEMO_ITERATIONS:-10} texts=${DEMO_TEXTS:-6000} pairs=${DEMO_PAIRS:-2000}
[ ! -e "$run" ] || [ -e "$run/.demo" ] || { echo "demo.sh: $run exists and is not a demo's folder" >&2; exit 73; }
rm -rf "$run"; mkdir -p "$run"; cd "$run"; touch .demo

reviews() { awk -f "$here/reviews.awk" -v "mode=$1" -v "seed=$2" -v "n=$3" -v "part=${4:-train}"; }
# Any program can be the reward: this one parses the review, clause by clause, in jq.
judge() { jq -c --arg field gold -f "$here/judge.jq"; }
say() {  # in bold where a terminal shows it
  case ${TERM:-dumb} in dumb) bold= plain= ;; *) bold=$(printf "\033[1m") plain=$(printf "\033[0m") ;; esac
  [ -t 1 ] || bold= plain=
  printf "\n%s%s%s\n" "$bold" "$*" "$plain"
}

say '1. A base model that writes film reviews'
reviews text 1 "$texts" | zstd -q > text.jsonl.zst
reviews prompts 2 $((iterations * 50)) > prompts.jsonl
reviews prompts 3 200 held-out > held-out.jsonl
sft-train --init new --layers 2 --width 96 --heads 3 --context 64 --vocab 700 \
  --epochs 3 --lr 4e-3 --schedule cosine --warmup 20 text.jsonl.zst -o base

say '2. Four answers a prompt, judged, as preference pairs; a reward model from them'
reviews prompts 5 $((pairs + 200)) | rollout --policy base -n 4 --max-tokens 32 --seed 7 | judge > answers.jsonl
label --by gold answers.jsonl -o pairs.jsonl
head -n "$pairs" pairs.jsonl > pairs-train.jsonl
tail -n +$((pairs + 1)) pairs.jsonl > pairs-held-out.jsonl
rm-train --init base --lr 2e-3 --epochs 3 --schedule linear --warmup 10 --normalize-std \
  --held-out pairs-held-out.jsonl pairs-train.jsonl -o rm

say "3. $iterations iterations of PPO"
# Gives each answer the reward of the one half a file further on.
deal_wrongly() { jq -cs '[.[].reward] as $r | to_entries[] | .value + {reward: $r[(.key + ($r | length / 2 | floor)) % ($r | length)]}'; }
[ "${DEMO_SHUFFLE:-0}" = 1 ] || deal_wrongly() { cat; }
cp -r base p0
for ((i = 0; i < iterations; i++)); do
  sed -n "$((i * 50 + 1)),$((i * 50 + 50))p" prompts.jsonl > prompts-$i.jsonl
  rollout -z --policy p$i -n 6 --max-tokens 32 --seed "$i" prompts-$i.jsonl \
    | score -z --reward-model rm --ref base --missing-end replace --missing-end-value -2 | tee scored-$i.jsonl.zst \
    | zstdcat | deal_wrongly \
    | ppo-step --policy p$i --critic-init rm --minibatch 75 --lr 3e-4 --critic-lr 1e-3 --kl-beta 0.1 \
        --metrics metrics.jsonl --shed-moments -o p$((i + 1))
done

say '4. What it did'
# The gold judge again, and how varied the answers are: the share of two-word sequences that differ.
judged=()
for ((i = 0; i < iterations; i++)); do
  judged+=("judged-$i.jsonl")
  zstdcat scored-$i.jsonl.zst | judge > judged-$i.jsonl
  jq -cs --argjson iteration "$i" '
    def mean: add / length;
    [.[].response | ascii_downcase | [scan("[a-z]+")] | [.[:-1], .[1:]] | transpose | .[] | join(" ")] as $bigrams
    | {iteration: $iteration, gold: (map(.gold) | mean), bigrams: ($bigrams | (unique | length) / (length + 1e-9))}' judged-$i.jsonl
done > gold.jsonl
{
  echo 'iteration reward gold KL/sequence entropy/token clip.fraction first.ratio length distinct.bigrams'
  jq -r --slurpfile gold gold.jsonl '$gold[.iteration] as $g
    | [.iteration, ."objective/scores", $g.gold, ."objective/kl", ."policy/entropy_avg", ."policy/clipfrac_avg",
       (."val/first_ratio_min" | tostring) + "-" + (."val/first_ratio_max" | tostring), ."response_length/mean", $g.bigrams]
    | map(if type == "number" then . * 1000 | round / 1000 else . end) | @tsv' metrics.jsonl
} | column -t
kl-report --plot -q scored-*.jsonl.zst | sed -n '/^Reward/,/^Entropy/p' | sed '$d'

middle=$((iterations / 2))
for p in 0 $middle $iterations; do
  rollout -q --policy "p$p" -n 4 --max-tokens 32 --seed 99 held-out.jsonl | judge > held-out-p$p.jsonl
done
say 'Five answers to held-out prompts, before and after'
for p in 0 $iterations; do
  jq -r --arg p "p$p" 'select(.id | endswith("/0")) | "\($p)  \(.gold * 100 | round / 100)  \(.prompt) |\(.response)"' \
    held-out-p$p.jsonl | sed -n '1~40p'
done
say 'Gold reward on held-out prompts'
# Samples of one prompt are not independent: the error is that of the prompts' mean differences.
jq -n -r --slurpfile before held-out-p0.jsonl --slurpfile after "held-out-p$iterations.jsonl" '
  def mean: add / length;
  def by_prompt: group_by(.group) | map(map(.gold) | mean);
  ($before | by_prompt) as $b | ($after | by_prompt) as $a
  | [range($b | length) | $a[.] - $b[.]] as $d | ($d | mean) as $m
  | ($d | map((. - $m) * (. - $m)) | add / (length - 1) / length | sqrt) as $se
  | {before: ($b | mean), after: ($a | mean), rise: $m, standard_error: $se, in_standard_errors: ($m / $se)}' | tee result.json
kl-report -q --html run.html --metrics metrics.jsonl --tokenizer base --samples held-out-p0.jsonl \
  --samples held-out-p$middle.jsonl --samples held-out-p$iterations.jsonl "${judged[@]}" > report.txt
cat <<END

The run as a page for a browser: $run/run.html (report.txt has its tables)

Look into any file:
  zstdcat $run/scored-0.jsonl.zst | jq -c '{id, reward, response}' | head
  jq -c '[.iteration, ."objective/scores", ."objective/kl"]' $run/metrics.jsonl
  peek -n 2 $run/scored-0.jsonl.zst
  peek --html $run/answers.html --tokenizer $run/base $run/held-out-p0.jsonl $run/held-out-p$iterations.jsonl
  kl-report --old $run/p0 --new $run/p1 $run/scored-0.jsonl.zst
END
if [ "${DEMO_SHUFFLE:-0}" = 1 ]; then limit='(.in_standard_errors | fabs) <= 2'; else limit='.in_standard_errors > 5'; fi
jq -e "$limit" result.json > /dev/null || { echo "demo.sh: the gold reward did not do what it must: $limit" >&2; exit 1; }
