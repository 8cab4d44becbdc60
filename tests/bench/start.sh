#!/bin/sh
# How long each program takes from its start to its end where there is next to nothing to do: a model of two layers of
# width 32, one trajectory of one token. A row of Markdown each: the median of RUNS runs (11).
# usage: tests/bench/start.sh BUILD [RUNS]
set -eu
runs=${2:-11}
bin=$(cd "$1/bin" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 75' INT TERM
cd "$work"
PATH=$bin:$PATH
echo '{"text":"a small text, a small text","prompt":"a","chosen":" b","rejected":" c"}' > text.jsonl
jq -c '{prompt, chosen, rejected}' text.jsonl > pairs.jsonl
sft-train -q --init new --layers 2 --width 32 --heads 2 --context 64 --vocab 300 --epochs 0 text.jsonl -o base
rm-train -q --init base --epochs 0 pairs.jsonl -o rm
rollout -q --policy base --max-tokens 1 text.jsonl -o rolled.jsonl
score -q --reward-model rm --ref base rolled.jsonl -o scored.jsonl

row() {
  i=0
  while [ $i -lt "$runs" ]; do
    begin=$(date +%s%N)
    "$@" > out
    echo $(($(date +%s%N) - begin))
    i=$((i + 1))
  done | sort -n | awk -v program="$1" '{ x[NR] = $1 } END {
    what = "start to end of " program ", a small model"
    printf "| %-52s | %8.1f %-8s | | |\n", what, x[int((NR + 1) / 2)] / 1e6, "ms" }'
}
row rollout -q --policy base --max-tokens 1 pairs.jsonl
row score -q --reward-model rm --ref base rolled.jsonl
row ppo-step -q --policy base --critic-init rm --dry-run scored.jsonl
row kl-report -q --old base --new base rolled.jsonl
row sft-train -q --force --init base --epochs 0 -o again
row rm-train -q --force --init base --epochs 0 pairs.jsonl -o again-rm
row peek -q rolled.jsonl
