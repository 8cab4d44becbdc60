#!/bin/bash
# The first ratio: of the trainer's probability of a sampled token to the sampler's, before any update; ours and
# PyTorch's: docs/experiments/first-ratio.md.
#
# usage: first-ratio.sh [FOLDER]     works in FOLDER (kept), or in a temporary one (removed)
#
# It needs the programs in PATH, jq and awk, and for the columns of PyTorch a Python with torch and transformers:
# NUDGE_PYTHON is a command that runs one (else python3, if it has them), NUDGE_PYTHON_ROOT the folder that it sees as /,
# where it runs in a root of its own. FIRST_STORIES names the folder of a trained model, such as stories260K; without it,
# that model is left out. The environment changes the other settings, too (FIRST_SEEDS="1 2" first-ratio.sh). In the
# folder, picture.tsv is the picture's data: series, distance, share; where the program `chart` is, picture.svg is the
# picture.
set -eu -o pipefail
export LC_ALL=C OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
: "${FIRST_SEEDS:=1 2 3 4 5}" "${FIRST_TOKENS:=32}"
: "${FIRST_STORIES:=}" "${FIRST_TEXTS:=6000}" "${FIRST_WIDTH:=96}" "${FIRST_PROMPTS:=2}"
# The model with random weights has the shape of Pythia 160M. Its logits would be nearly equal: they are divided by this
# temperature, so that they spread as those of a trained model do. It draws half of FIRST_TOKENS.
: "${FIRST_SHAPE:=--layers 12 --width 768 --heads 12 --vocab 50304}" "${FIRST_WORDS:=60000}" "${FIRST_TEMPERATURE:=0.14}"
here=$(cd "$(dirname "$0")" && pwd)
[ -z "$FIRST_STORIES" ] || FIRST_STORIES=$(cd "$FIRST_STORIES" && pwd)

. "$here/reviews.inc"
. "$here/runs.inc"
enter_folder first-ratio.sh "$@"

# ---- PyTorch, if there is one ----
root=${NUDGE_PYTHON_ROOT:-}
mkdir -p "$root/tmp"
scratch=$(mktemp -d "$root/tmp/nudge-first-ratio.XXXXXX")
trap 'rm -rf "$scratch"; [ $# -ge 1 ] || rm -rf "$PWD"' EXIT
cp "$here/first_ratio.py" "$scratch"
# shellcheck disable=SC2086
python() { PYTHONDONTWRITEBYTECODE=1 ${NUDGE_PYTHON:-python3} "${scratch#"$root"}/first_ratio.py" "$@"; }
peer=$(python find 2> /dev/null) || peer=
echo "${peer:-no Python with torch and transformers: our columns alone}"
echo

# ---- Models, in folders of their names, and prompts ----
make_models() {
  reviews text 1 "$FIRST_TEXTS" > text.jsonl
  reviews prompts 3 "$FIRST_PROMPTS" held-out > reviews.jsonl
  sft-train -q --init new --layers 2 --width "$FIRST_WIDTH" --heads 3 --context 64 --vocab 700 --epochs 3 --lr 4e-3 \
    --schedule cosine --warmup 20 text.jsonl -o reviews
  models='reviews'
  if [ -n "$FIRST_STORIES" ]; then
    cp -r "$FIRST_STORIES" stories
    jq -nc --argjson n "$FIRST_PROMPTS" '["Once upon a time, there was a little girl", "One day, a boy named Tim",
      "Lily and Ben went to the park.", "The dog was sad because"][:$n][] | {prompt: .}' > stories.jsonl
    models+=' stories'
  fi
  # Words without meaning, each three times: text from which byte-level BPE can learn a vocabulary of this size.
  awk -v n="$FIRST_WORDS" 'BEGIN { x = 1; for (i = 0; i < n; i++) {
    w = ""; letters = 0
    do { x = (x * 16807) % 2147483647; w = w sprintf("%c", 97 + x % 26); letters++ }
    while (letters < 4 || (letters < 12 && x % 5))
    printf "{\"text\":\"%s %s %s\"}\n", w, w, w } }' > words.jsonl
  # shellcheck disable=SC2086
  sft-train -q --init new --family gpt_neox $FIRST_SHAPE --context 256 --epochs 0 words.jsonl -o random
  jq -sc '{prompt: (map(.text) | join(" "))}' < <(head -n 3 words.jsonl) > random.jsonl
  models+=' random'
}

# ours MODEL DTYPE SEED: adds to ours-MODEL a line {"job", "id", "decode1", "decode8", "pass1", "pass8"} a record, by
# rollout with 1 and 8 sequences at a time and score with 1 and all in a micro-batch, and in bf16 "other", the latter in
# f32; the records, each with its job, to records-MODEL; and what ppo-step finds as first ratios to first-ratios.
ours() {
  local model=$1 dtype=$2 job=$2-$3 temperature=1 most=$FIRST_TOKENS
  [ "$model" != random ] || { temperature=$FIRST_TEMPERATURE; most=$((FIRST_TOKENS / 2)); }
  for slots in 1 8; do
    rollout -q --dtype "$dtype" --policy "$model" -n 8 --slots $slots --max-tokens "$most" \
      --temperature "$temperature" --seed "$3" "$model.jsonl" > decoded-$slots
  done
  score -q --dtype "$dtype" --ref "$model" --micro-batch-tokens 1 decoded-8 > passed-1
  score -q --dtype "$dtype" --ref "$model" --micro-batch-tokens 100000 decoded-8 > passed-8
  # The programs refuse to mix types, by the record's `dtype`.
  if [ "$dtype" = f32 ]; then : > other; else
    jq -c 'del(.dtype)' decoded-8 | score -q --dtype f32 --ref "$model" --micro-batch-tokens 100000 > other
  fi
  # Where one sequence at a time drew another token than eight, there is nothing to compare.
  jq -nc --arg job "$job" --slurpfile one decoded-1 --slurpfile eight decoded-8 --slurpfile p passed-1 \
    --slurpfile q passed-8 --slurpfile other other '
    range($eight | length) | . as $i | $eight[$i] as $r | {job: $job, id: $r.id,
      decode1: (if $one[$i].response_ids == $r.response_ids then $one[$i].logprobs else [$r.logprobs[] | null] end),
      decode8: $r.logprobs, pass1: $p[$i].ref_logprobs, pass8: $q[$i].ref_logprobs}
      + if $other == [] then {} else {other: $other[$i].ref_logprobs} end' >> "ours-$model"
  jq -c --arg job "$job" '.job = $job' decoded-8 >> "records-$model"
  for tokens in 1 100000; do
    jq -c '.reward = (.response | length)' passed-8 |
      ppo-step -q --dry-run --policy "$model" --advantage rloo --micro-batch-tokens $tokens 2> log > dry ||
      { cat log >&2; exit 1; }
    jq -r --arg model "$model" '.ratio[] | "\($model) \(.)"' dry >> first-ratios
  done
  rm decoded-1 decoded-8 passed-1 passed-8 other dry log
}
theirs() {
  cp -r "$1" "$scratch/$1"
  python "${scratch#"$root"}/$1" < "records-$1" > "theirs-$1"
  rm -rf "${scratch:?}/$1"
}
say 'making the models'
make_models
for model in $models; do
  say "$model"
  for dtype in f32 bf16; do for seed in $FIRST_SEEDS; do ours "$model" $dtype "$seed"; done; done
  [ -z "$peer" ] || theirs "$model"
done

# differences WHO MODEL DTYPE FROM TO: of each token its job and the log ratio, TO's log-prob less FROM's.
differences() {
  jq -r --arg dtype "$3" --arg from "$4" --arg to "$5" 'select(.job | startswith($dtype + "-"))
    | .job as $job | [.[$from], .[$to]] | transpose[]
    | "\($job) \(if .[0] == null or .[1] == null then 1e9 else .[1] - .[0] end)"' "$1-$2"
}
# ratio_cells WHO MODEL DTYPE FROM TO: mean ± deviation over the seeds of the share of tokens whose ratio lies outside 0.9
# to 1.1, and of those whose two log-probs differ in any bit, in %; and the largest |log ratio|.
ratio_cells() {
  differences "$@" | awk '
    {
      ++n[$1]
      if ($2 > log(1.1) || $2 < log(0.9)) ++outside[$1]
      if ($2 != 0) ++unequal[$1]
      x = $2 < 0 ? -$2 : $2; if (x > most) most = x
    }
    function cell(count, s, p, sum, square, k, v) {
      for (s in n) {p = 100 * count[s] / n[s]; sum += p; square += p * p; ++k}
      v = k > 1 ? (square - sum * sum / k) / (k - 1) : 0
      return sprintf("%.2f ± %.2f", sum / k, v > 1e-9 ? sqrt(v) : 0)
    }
    END {printf " %s | %s | %s |", cell(outside), cell(unequal), most == 0 ? "0" : sprintf("%.2g", most)}'
}
whose=ours
[ -z "$peer" ] || whose='ours theirs'
printf '| model | from | to |'
for who in $whose; do printf ' %s: outside, %% | unequal, %% | largest |' "$([ $who = ours ] && echo ours || echo PyTorch)"; done
printf '\n|---|---|---|---|---|---|%s\n' "${peer:+---|---|---|}"
for model in $models; do for dtype in f32 bf16; do
  for pair in decode8:pass8 decode8:pass1 decode1:decode8 pass1:pass8 decode8:other; do
    from=${pair%:*} to=${pair#*:}
    [ "$dtype$to" != f32other ] || continue
    printf '| %s | %s, %s | %s |' "$model" "$dtype" "$from" "$([ $to = other ] && echo 'f32, pass8' || echo "$dtype, $to")"
    for who in $whose; do ratio_cells $who "$model" $dtype $from $to; done
    echo
  done
done; done

printf '\n| model | tokens | nats a token | first ratio by ppo-step |\n|---|---|---|---|\n'
for model in $models; do
  jq -r 'select(.dtype == "f32") | .logprobs[]' "records-$model" |
    awk -v model="$model" '{sum -= $1} END {printf "| %s | %d | %.2f |", model, NR, sum / NR}'
  awk -v model="$model" '$1 == model {if (n++ == 0 || $2 < least) least = $2; if ($2 > most) most = $2}
    END {printf " %.9g to %.9g |\n", least, most}' first-ratios
done

# The share of tokens, over all seeds, whose |log ratio| is above x, in %.
[ -z "$peer" ] || {
  for model in $models; do for dtype in f32 bf16; do
    differences theirs "$model" "$dtype" decode8 pass8 | awk -v OFS='\t' -v name="$model, $dtype" '
      {x = $2 < 0 ? -$2 : $2; for (k = -14; k <= 0 && x > 10 ^ (k / 2); ++k) ++above[k]}
      END {for (k = -14; k <= 0; ++k) printf "%s\t%.3g\t%.4g\n", name, 10 ^ (k / 2), 100 * above[k] / NR}'
  done; done
} > picture.tsv
if [ -n "$peer" ] && command -v chart > /dev/null; then
  chart -q --title 'PyTorch: tokens whose first ratio is further from 1' --x '|log ratio|' --y '% of tokens' --log-x \
    picture.tsv > picture.svg
fi
