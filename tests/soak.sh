#!/bin/sh
# 200 iterations of PPO of the demo's size. No iteration takes more memory, descriptors or disk than the first ones, each
# one's folders load, and a second run, whose programs are cut 20 times by signals and kill -9 and begun again, ends in
# the same bytes.
# usage: tests/soak.sh BUILD [ITERATIONS [CUTS]]
set -eu
[ $# -ge 1 ] || { echo "usage: tests/soak.sh BUILD [ITERATIONS [CUTS]]" >&2; exit 64; }
demo=$(cd "$(dirname "$0")/../docs/demo" && pwd)
PATH=$(cd "$1/bin" && pwd):$PATH
iterations=${2:-200} cuts_wanted=${3:-20}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 75' INT TERM
cd "$work"
reviews() { awk -f "$demo/reviews.awk" -v "mode=$1" -v "seed=$2" -v "n=$3" -v part=train; }
fail() { echo "soak: $*" >&2; exit 1; }

reviews text 1 2000 > text.jsonl
sft-train -q --init new --layers 2 --width 96 --heads 3 --context 64 --vocab 700 --epochs 1 --lr 4e-3 text.jsonl -o base
reviews prompts 5 200 | rollout -q --policy base -n 2 --max-tokens 32 |
  jq -c --arg field gold -f "$demo/judge.jq" | label -q --by gold -o pairs.jsonl
rm-train -q --init base --lr 2e-3 --normalize-std pairs.jsonl -o rm
reviews prompts 2 $((iterations * 50)) > prompts.jsonl

# What a program has said of its memory: KiB.
peak_of() { sed -n 's/.* memory: at most \([0-9,]*\) KiB$/\1/p' "$1" | tr -d ,; }
# cut_off SECONDS SIGNAL PROGRAM...: ends it then, if it still runs, and begins it again; then $cuts is one more.
cuts=0
cut_off() {
  after=$1 signal=$2 status=0
  shift 2
  timeout --preserve-status -s "$signal" "$after" "$@" 2> "$1.said" || status=$?
  [ $status != 0 ] || return 0
  case $status in 75 | 137) ;; *) cat "$1.said"; fail "status $status: $*" ;; esac
  cuts=$((cuts + 1))
  "$@" 2> "$1.said" || { cat "$1.said"; fail "begun again: $*"; }
}
whole() { shift 2; "$@" 2> "$1.said" || { cat "$1.said"; fail "$*"; }; }

# iterate FOLDER: the run in that folder; under few descriptors, so that none may stay open.
iterate() (
  mkdir "$1"
  cd "$1"
  ulimit -n 24
  ln -s ../base p0
  i=0
  while [ $i -lt "$iterations" ]; do
    how=whole
    # Each program in its turn, by TERM and KILL, a little later each time.
    if [ "$1" = cut ] && [ $cuts -lt "$cuts_wanted" ]; then how=cut_off; fi
    turn=$((i % 3)) signal=TERM
    [ $((i % 2)) = 0 ] || signal=KILL
    after=0.$((10 + i * 7 % 40))
    sed -n "$((i * 50 + 1)),$((i * 50 + 50))p" ../prompts.jsonl > prompts.jsonl
    next=$((i + 1))
    by() { if [ "$how" = cut_off ] && [ $turn = "$1" ]; then echo cut_off; else echo whole; fi; }
    $(by 0) $after $signal rollout -v --policy p$i -n 6 --max-tokens 32 --seed $i prompts.jsonl -o sampled.zst
    $(by 1) $after $signal score -v --reward-model ../rm --ref ../base --missing-end replace --missing-end-value -2 \
      sampled.zst -o scored.zst
    $(by 2) $after $signal ppo-step -v --policy p$i --critic-init ../rm --minibatch 75 --lr 3e-4 --critic-lr 1e-3 \
      --kl-beta 0.1 --save-every 3 scored.zst -o p$next
    echo "$i $(for p in rollout score ppo-step; do peak_of $p.said; done | tr '\n' ' ')$(du -sk p$next | cut -f 1)" >> figures
    [ -z "$(find . -name '.*.part')" ] || fail "iteration $i left $(find . -name '.*.part')"
    rm -rf sampled.zst scored.zst
    [ $i = 0 ] || rm -rf p$i
    i=$next
  done
  echo $cuts > cuts
)
begin=$(date +%s)
iterate whole
middle=$(date +%s)
# KiB of the three programs and of the folder: none of the last tenth above the most of iterations 2 to 20 by 5%.
awk -v n="$iterations" '
  NF != 5 { print "no figures: " $0; exit 1 }
  { for (k = 2; k <= 5; ++k) {
      if (NR > 1 && NR <= n / 10 && $k > early[k]) early[k] = $k
      if (NR > n - n / 10 && $k > late[k]) late[k] = $k } }
  END { split("rollout score ppo-step folder", name)
        for (k = 2; k <= 5; ++k) { printf "soak: %s: %s at first, %s at last\n", name[k - 1], early[k], late[k]
                                   if (late[k] > 1.05 * early[k]) bad = 1 }
        exit bad }' whole/figures || fail "grows"
iterate cut
[ "$(cat cut/cuts)" = "$cuts_wanted" ] || fail "cut $(cat cut/cuts) times"
diff -r "whole/p$iterations" "cut/p$iterations" || fail "the runs differ"
echo "soak: $iterations iterations in $((middle - begin)) s; cut $cuts_wanted times the same bytes in $(($(date +%s) - middle)) s"
