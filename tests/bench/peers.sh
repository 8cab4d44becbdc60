#!/bin/sh
# Peers beside ours, in turn: for each row all programs run ROUNDS times one after the other, and the medians are
# compared. A peer that isn't at hand is named, and has no rows; without PyTorch nothing is measured.
# usage: tests/bench/peers.sh find                        status 1, and why, where there is no PyTorch
#        tests/bench/peers.sh run BUILD ROUNDS [ROW...]   rows of Markdown: softmax, train, ppo, decode, iteration
#
# NUDGE_PYTHON is a command that runs a Python with torch and safetensors (else the first of python3 and /usr/bin/python3
# that has them), NUDGE_PYTHON_ROOT the folder that it sees as /, where it runs in a root of its own. PEERS are the names
# of those to compare with (peers/at_hand.py); with SMALL=1 theirs are tiny models, which only shows that they run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${NUDGE_PYTHON_ROOT:-}
mkdir -p "$root/tmp"
scratch=$(mktemp -d "$root/tmp/nudge-peers.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 75' INT TERM
seen=${scratch#"$root"}  # by that Python
cp "$here"/peers/*.py "$scratch"
python() {  # SCRIPT ARGUMENT...
  script=$1
  shift
  # shellcheck disable=SC2086
  PYTHONDONTWRITEBYTECODE=1 $command "$seen/$script" "$@" 2> "$scratch/err" || { tail -n 20 "$scratch/err" >&2; return 1; }
}
find_python() {
  if [ -n "${NUDGE_PYTHON:-}" ]; then set -- "$NUDGE_PYTHON"; else set -- python3 /usr/bin/python3; fi
  for command; do
    python at_hand.py > "$scratch/hand" 2> /dev/null || continue
    ! grep -q '^pytorch ' "$scratch/hand" || return 0
  done
  why=$(sed -n 's/^absent pytorch: //p' "$scratch/hand")
  echo "bench-peers: ${why:-no Python with torch (Debian: python3-torch)}: nothing was measured"
  return 1
}
find_python || exit 1
[ "$1" = run ] || exit 0
build=$2 rounds=$3
shift 3
rows=${*:-softmax train ppo decode iteration}
for row in $rows; do
  case $row in
    softmax|train|ppo|decode|iteration) ;;
    *) echo "bench-peers: there is no row '$row'; rows: softmax train ppo decode iteration" >&2; exit 64 ;;
  esac
done
peers=$(sed '/^absent /d; s/ .*//' "$scratch/hand")
for peer in ${PEERS:-}; do
  grep -qE "^(absent )?${peer}[: ]" "$scratch/hand" || { echo "bench-peers: there is no peer '$peer'" >&2; exit 64; }
done
wanted() { case " ${PEERS:-$peers} " in *[[:space:]]"$1"[[:space:]]*) echo "$peers" | grep -qx "$1" ;; *) false ;; esac; }

threads=${OMP_NUM_THREADS:-$(nproc)}
export OMP_NUM_THREADS="$threads" OPENBLAS_NUM_THREADS="$threads"
small='' small_tokens='' small_words='' fresh=128
[ -z "${SMALL:-}" ] || {
  small='--shape 2,64,2,1200' small_tokens='--tokens 32' small_words='2 64 2 1200' fresh=16; }

median() { sort -g "$1" | awk '{ x[NR] = $1 } END { print (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2 }'; }
# row_of WHAT: of the tables that our programs print, the figure and its percentage of the limit (0: none is told).
row_of() { awk -F '|' -v row="$1" 'index($2, row) == 2 { print $3 + 0, $5 + 0; n++ } END { exit n != 1 }'; }
# value NAME: of the lines that theirs print.
value() { awk -v name="$1" '$1 == name { print $2; n++ } END { exit n != 1 }'; }

# compare WHAT UNIT PEER...: `ours` prints a figure and its percentage, `theirs PEER` a figure; of seconds less is better.
compare() {
  what=$1 unit=$2
  shift 2
  rm -f "$scratch"/figures.*
  round=0
  while [ $round -lt "$rounds" ]; do
    ours > "$scratch/own"
    cat "$scratch/own" >> "$scratch/figures.ours"
    awk '{ print $2 }' "$scratch/own" >> "$scratch/figures.share"
    for peer in "$@"; do
      ! wanted "$peer" || theirs "$peer" >> "$scratch/figures.$peer"
    done
    round=$((round + 1))
  done
  for peer in "$@"; do
    [ -e "$scratch/figures.$peer" ] || continue
    awk -v what="$what" -v unit="$unit" -v ours="$(median "$scratch/figures.ours")" -v peer="$peer" \
      -v share="$(median "$scratch/figures.share")" -v theirs="$(median "$scratch/figures.$peer")" 'BEGIN {
      printf "| %-44s | %9.1f %-8s | %4s | %-12s | %9.1f %-8s | %5.2f |\n", what, ours, unit,
        (share > 0) ? share "%" : "", peer, theirs, unit, unit == "s" ? theirs / ours : ours / theirs }'
  done
}

how_of() { [ "$1" != compiled ] || echo --compile; }
softmax_rows() {
  ours() { "$build/bench" "$threads" softmax | row_of "$our_row"; }
  # shellcheck disable=SC2086
  theirs() { python softmax.py ${SMALL:+16 600} > "$scratch/out" && value "$their_row" < "$scratch/out"; }
  our_row='log-sum-exp, log-prob, entropy' their_row=log-prob
  compare 'log-prob and entropy of [512, 50257]' GB/s pytorch
  our_row="clipped loss's backward" their_row=backward
  compare "clipped loss's backward of the same" GB/s pytorch
}
step_row() {  # WHAT OUR_ROW STEP PEER...
  what=$1 our_row=$2 step=$3
  shift 3
  ours() { "$build/bench_steps" "$dtype" "$step" | row_of "$our_row"; }
  theirs() {
    # shellcheck disable=SC2086,SC2046
    case $1 in
      transformers) python transformers_decode.py "$dtype" "${step#*-}" $small $small_tokens ;;
      llama)
        gguf=$scratch/model.$dtype.gguf
        [ -e "$gguf" ] || python llama.py convert "$seen/model" "${gguf#"$root"}" "$dtype" > "$scratch/out"
        python llama.py decode "${gguf#"$root"}" "$dtype" "${step#*-}" $fresh ;;
      *) python steps.py "$dtype" "$step" $(how_of "$1") $small $small_tokens ;;
    esac > "$scratch/out" && value tokens/s < "$scratch/out"
  }
  compare "$what, $dtype" tokens/s "$@"
}
decode_rows() {
  if wanted llama && [ ! -e "$scratch/model" ]; then
    # shellcheck disable=SC2086
    "$build/bench_iteration" model "$scratch/model" $small_words
  fi
  for batch in 1 8 32; do
    step_row "decode 128 + 128, batch $batch" 'decode 128' decode-$batch pytorch compiled transformers llama
  done
}
# What they print is kept for the table of parts: with the row's last round.
iteration_rows() {
  ours() {
    # shellcheck disable=SC2086
    "$build/bench_iteration" "$dtype" $small_words > "$scratch/parts.ours.$dtype"
    row_of 'the iteration' < "$scratch/parts.ours.$dtype"
  }
  theirs() {
    parts=$scratch/parts.$1.$dtype script=iteration.py
    [ "$1" != trl ] || script=trl_iteration.py
    rm -rf "$scratch/next"
    mkdir "$scratch/next"
    # shellcheck disable=SC2086,SC2046
    python $script "$dtype" "$seen/next" $(how_of "$1") $small > "$parts" && value seconds < "$parts"
  }
  compare "an iteration, $dtype" s pytorch compiled trl
}
parts_table() {
  printf '\n| an iteration, seconds | rollout | score | step and saving | peak memory, GiB |\n|---|---|---|---|---|\n'
  for dtype in f32 bf16; do
    ours=$scratch/parts.ours.$dtype
    printf '| ours, %s' $dtype
    for row in 'rollout,' 'score,' 'ppo-step,' "ppo-step's peak memory"; do
      row_of "$row" < "$ours" | awk '{ printf " | %.1f", $1 }'
    done
    echo ' |'
    for peer in pytorch compiled trl; do
      parts=$scratch/parts.$peer.$dtype
      [ ! -e "$parts" ] || awk -v what="$peer, $dtype" '{ x[$1] = $2 } END {
        printf "| %s | %s | %s | %s | %.1f |\n", what, "rollout" in x ? sprintf("%.1f", x["rollout"]) : "",
          "score" in x ? sprintf("%.1f", x["score"]) : "",
          "step" in x ? sprintf("%.1f", x["step"] + x["saving"]) : sprintf("%.1f in all", x["seconds"]), x["GiB"] }' "$parts"
    done
  done
}

echo 'at hand:'
sed 's/^/- /' "$scratch/hand"
printf '\nmedians of %s rounds, %s threads\n\n' "$rounds" "$threads"
echo '| what | ours | of the limit | peer | its figure | ratio |'
echo '|---|---|---|---|---|---|'
case " $rows " in *' softmax '*) softmax_rows ;; esac
for dtype in f32 bf16; do
  for row in $rows; do
    case $row in
      train) step_row 'training, B=4 T=256' 'training,' train pytorch compiled ;;
      ppo) step_row 'PPO update, own critic, entropy bonus' 'PPO update' ppo pytorch compiled ;;
      decode) decode_rows ;;
      iteration) iteration_rows ;;
    esac
  done
done
case " $rows " in *' iteration '*) parts_table ;; esac
