#!/bin/sh
# PyTorch beside ours, in turn: for each row both programs run ROUNDS times one after the other, and the medians are
# compared. Where there is nobody to compare with it says so and measures nothing.
# usage: tests/bench/peers.sh find               status 1, and why, where a peer is missing
#        tests/bench/peers.sh run BUILD ROUNDS   a row of Markdown for each step
# NUDGE_PEERS names the folder with gpt2_torch.py and softmax_torch.py (else ../shared/peers), NUDGE_PYTHON a Python
# that has torch (else the first of python3 and /usr/bin/python3 that has).
set -eu
peers=${NUDGE_PEERS-../shared/peers}
find_peers() {
  [ -e "$peers/gpt2_torch.py" ] && [ -e "$peers/softmax_torch.py" ] || {
    echo "bench-peers: no peers in the folder '$peers' (NUDGE_PEERS): nothing was measured"
    return 1; }
  for python in ${NUDGE_PYTHON:-python3 /usr/bin/python3}; do
    libraries=$("$python" -c 'import torch; print(open("/proc/self/maps").read())' 2> /dev/null) || continue
    case $libraries in
      */blas/libblas.so*)  # the textbook's loops, tens of times slower than what anybody would run
        echo "bench-peers: torch would multiply by the reference BLAS (Debian: libopenblas0-pthread): nothing was measured"
        return 1 ;;
    esac
    return 0
  done
  echo "bench-peers: no Python with torch (Debian: python3-torch): nothing was measured"
  return 1
}
find_peers || exit 1
[ "$1" = run ] || exit 0
build=$2 rounds=$3

threads=${OMP_NUM_THREADS:-$(nproc)}
export OMP_NUM_THREADS="$threads" OPENBLAS_NUM_THREADS="$threads"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 75' INT TERM
median() { sort -g "$1" | awk '{ x[NR] = $1 } END { print (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2 }'; }
# figure_of ROW: of the tables that our programs print.
figure_of() { awk -F '|' -v row="$1" 'index($2, row) { print $3 + 0; n++ } END { exit n != 1 }'; }

# compare WHAT UNIT OURS THEIRS: the last two are commands that print a figure, of which more is better.
compare() {
  : > "$scratch/ours"; : > "$scratch/theirs"
  round=0
  while [ $round -lt "$rounds" ]; do
    $3 >> "$scratch/ours"
    $4 >> "$scratch/theirs"
    round=$((round + 1))
  done
  awk -v what="$1" -v unit="$2" -v ours="$(median "$scratch/ours")" -v theirs="$(median "$scratch/theirs")" 'BEGIN {
    printf "| %-48s | %9.1f %-8s | %9.1f %-8s | %5.2f |\n", what, ours, unit, theirs, unit, ours / theirs }'
}

our_softmax() { "$build/bench" "$threads" softmax | figure_of "$our_row"; }
# Milliseconds for 512 x 50257 floats, times $passes over them, as GB/s.
their_softmax() {
  "$python" "$peers/softmax_torch.py" "$threads" | awk -v row="$their_row" -v passes="$passes" '
    index($0, "torch " row " ") && match($0, /median +[0-9.]+/) {
      print passes * 4e-6 * 512 * 50257 / substr($0, RSTART + 6, RLENGTH - 6); n++ }
    END { exit n != 1 }'
}
our_steps() { "$build/bench_steps" "$our_dtype" "$our_words" | figure_of "$our_row"; }
their_steps() {  # the words are several
  # shellcheck disable=SC2086
  "$python" "$peers/gpt2_torch.py" $their_words | awk -v before="$their_row" '
    match($0, before " [0-9.]+ tok") { print substr($0, RSTART + length(before), RLENGTH) + 0; n++ }
    END { exit n != 1 }'
}

"$python" -c 'import platform, torch; print("PyTorch %s, Python %s" % (torch.__version__, platform.python_version()))'
printf 'medians of %s rounds, %s threads\n\n' "$rounds" "$threads"
echo '| what | ours | PyTorch | ratio |'
echo '|---|---|---|---|'
our_row='log-sum-exp, log-prob, entropy' their_row='fwd log_softmax+gather+entropy' passes=1
compare "log-prob and entropy of [512, 50257]" GB/s our_softmax their_softmax
our_row="clipped loss's backward" their_row='bwd only clip loss' passes=2
compare "clipped loss's backward of the same" GB/s our_softmax their_softmax
for our_dtype in f32 bf16; do
  their_dtype=$our_dtype
  [ "$our_dtype" != f32 ] || their_dtype=fp32
  our_words=train our_row='training,' their_words="train $their_dtype $threads 4 256" their_row='->'
  compare "training, B=4 T=256, $our_dtype" tokens/s our_steps their_steps
  our_words=ppo our_row='PPO update' their_words="ppo $their_dtype $threads 4 256" their_row='->'
  compare "PPO update, own critic, entropy bonus, $our_dtype" tokens/s our_steps their_steps
  for batch in 1 8 32; do
    our_words=decode-$batch our_row="decode 128" their_words="gen $their_dtype $threads $batch" their_row=decode
    compare "decode 128 + 128, batch $batch, $our_dtype" tokens/s our_steps their_steps
  done
done
