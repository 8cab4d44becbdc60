#!/usr/bin/env bash
# Real preferences: reward models from scratch on pairs of film reviews and on pairs of a chat assistant's answers,
# measured on pairs that neither they nor their base models have seen. docs/real-data.md says what came out.
#
#   docs/real-data.sh [FOLDER]      every intermediate file stays in FOLDER (build/real-data)
#
# The data are no part of the project: NUDGE_ORACLE names the folder that holds them (../shared/oracle).
# NUDGE_REAL_TUNE=1 leaves the held-out pairs alone and measures on a part of the training pairs: how the options
# were chosen. NUDGE_REAL_SMALL=1 takes a few records and tiny models: it shows only that the script runs.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
data=${NUDGE_ORACLE:-$root/../shared/oracle}/data
run=${1:-build/real-data}
[ -r "$data/MANIFEST.json" ] || { echo "real-data.sh: $data: no data here, nothing done" >&2; exit 66; }
data=$(cd "$data" && pwd)
[ ! -e "$run" ] || [ -e "$run/.real-data" ] || { echo "real-data.sh: $run exists and is not a run's folder" >&2; exit 73; }
rm -rf "$run"; mkdir -p "$run"; cd "$run"; touch .real-data

records=1,\$ size=(--layers 3 --width 128 --heads 4 --vocab 3000)
[ -z "${NUDGE_REAL_SMALL:-}" ] || records=1,260 size=(--layers 1 --width 16 --heads 2 --vocab 300)
held='. < 20' train='. >= 20'
[ -z "${NUDGE_REAL_TUNE:-}" ] || held='. >= 20 and . < 35' train='. >= 35'

original() { zstdcat "$data/$1.train.jsonl.zst" | sed -n "${records}p"; }
say() {  # in bold where a terminal shows it
  case ${TERM:-dumb} in dumb) bold= plain= ;; *) bold=$(printf "\033[1m") plain=$(printf "\033[0m") ;; esac
  [ -t 1 ] || bold= plain=
  printf "\n%s%s%s\n" "$bold" "$*" "$plain"
}

say '1. Pairs: a fifth is held out, by a hash'
# split_pairs NAME FILE KEY: no value of KEY, a jq expression, is on both sides.
split_pairs() {
  original "$2" | jq -c "
    def bucket: reduce explode[] as \$c (7; (. * 31 + \$c) % 1000003) % 100;
    . + {bucket: ($3 | bucket)}" > "$1.all.jsonl"
  jq -c "select(.bucket | $train)" "$1.all.jsonl" > "$1.train.jsonl"
  jq -c "select(.bucket | $held)" "$1.all.jsonl" > "$1.held-out.jsonl"
  wc -l "$1.train.jsonl" "$1.held-out.jsonl" | sed '$d'
}
# Each sentence of a film review is in one pair only, so any of them keys the pair. Conversations that begin alike
# are taken as one.
split_pairs film-prefix rt-polarity.pairs-prefix .chosen
split_pairs film-free rt-polarity.pairs-free .chosen
split_pairs chat hh-harmless.pairs '.prompt | split("\n\nAssistant:")[0]'

say '2. Base models, on text without the held-out pairs'
jq -r "select(.bucket | $train | not) | .prompt + .chosen, .prompt + .rejected" film-*.all.jsonl > film.unseen
original rt-polarity | jq -r .text | { grep -vxFf film.unseen || true; } | jq -cR '{text: .}' > film.text.jsonl
# An answer is judged by the last question alone: no worse for so small a model, and half the tokens.
for part in train held-out; do
  jq -c '.prompt |= "\n\nHuman:" + (split("\n\nHuman:") | .[-1])' chat.$part.jsonl > chat-last.$part.jsonl
done
{
  jq -c '{text: .prompt}' chat.train.jsonl
  jq -c '{text: (.prompt + (.chosen, .rejected))}' chat-last.train.jsonl
} > chat.text.jsonl
# base NAME OPTION...
base() { sft-train --init new "${size[@]}" --lr 1e-3 --weight-decay 0.1 "${@:2}" "$1.text.jsonl" -o "$1.base"; }
base film --context 128 --epochs 4
base chat --context 512 --epochs 4 --batch 8

say '3. Reward models'
# reward_model NAME BASE OPTION...
reward_model() {
  rm-train --init "$2.base" --too-long skip --held-out "$1.held-out.jsonl" --metrics "$1.metrics.jsonl" "${@:3}" \
    "$1.train.jsonl" -o "$1.rm"
}
falling=(--lr 1e-3 --schedule linear --warmup 10)
reward_model film-prefix film --epochs 3 "${falling[@]}" --weight-decay 3 --centering 0.03
reward_model film-free film --epochs 2 "${falling[@]}" --weight-decay 1 --centering 0.1
reward_model chat-last chat --epochs 1 --lr 3e-4 --schedule linear

say '4. Accuracy on the held-out pairs, beside bags of words'
# The yardstick sees the answers as words in lower case, on the very same split.
words() { jq -r '[.chosen, .rejected] | map(ascii_downcase | gsub("[^a-z0-9\u0027?!.,]+"; " ")) | @tsv' "$1"; }
for name in film-prefix film-free chat-last; do
  for part in train held-out; do words $name.$part.jsonl > $name.$part.words; done
  jq -sc --arg name $name --argjson words "$(awk -f "$root/docs/real-data/words.awk" $name.{train,held-out}.words)" \
    --argjson held "$(wc -l < $name.held-out.jsonl)" '
    .[-1] | {name: $name, held: $held, measured: ."held_out/pairs", accuracy: ."held_out/accuracy",
             error: ."held_out/accuracy_error", words: $words, log_loss: ."held_out/loss",
             calibration_error: ."held_out/calibration_error"}' $name.metrics.jsonl
done > result.jsonl
{
  echo 'data held.out measured accuracy error words log.loss calibration.error'
  jq -r '[.[]] | map(if type == "number" then . * 1000 | round / 1000 else . end) | @tsv' result.jsonl
} | column -t
