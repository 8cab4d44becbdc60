# docs/experiments/cliff.sh in miniature: each arm and rate has its row, and its figures are those of the runs.
needs jq awk bash
export CLIFF_SEEDS="1 2" CLIFF_RATES="3e-4 0.3" CLIFF_ROUNDS=2 CLIFF_PROMPTS=6 CLIFF_ANSWERS=2 CLIFF_HELD=4 CLIFF_TEXTS=400 \
  CLIFF_PAIRS=200 CLIFF_WIDTH=24
experiment=$ROOT/docs/experiments/cliff.sh
number='-?[0-9]+\.[0-9]{2}'
figure="$number ± [0-9]+\.[0-9]{2}"

printed() {
  expect_status 0 bash "$experiment" work
  for arm in none clip kl adaptive; do for rate in 3e-4 0.3; do
    expect_stdout "^\| $arm \| $rate \|( $figure \|){4} [0-2] of 2 \| $figure \| [0-9]+\.[0-9]{3} ± [0-9]+\.[0-9]{3} \|$"
  done; done
  expect_stdout "^base: J $number, gold $number$"
  [ "$(wc -l < out)" = 12 ]
}
# Each arm's options reach ppo-step, and so do the rates.
arms_differ() {
  cat work/run-*-1/result | sort | uniq -d > same
  [ ! -s same ] || { cat same; return 1; }
  for arm in none:is clip:clip kl:kl adaptive:kl; do
    jq -es --arg is "${arm#*:}" 'length == 2 and all(.[].config; .objective == $is and .lr == 0.3 and .epochs == 4)' \
      "work/run-${arm%:*}-0.3-2/metrics.jsonl"
  done
  jq -es 'all(.[].config; ."policy-kl-control" == "halving" and ."policy-beta" == 1 and ."policy-kl-target" == 0.01)' \
    work/run-adaptive-3e-4-1/metrics.jsonl
  jq -es 'all(.[].config; ."policy-kl-control" == "fixed" and ."policy-beta" == 1)' work/run-kl-3e-4-1/metrics.jsonl
}
# J, the collapsed and the worst fall, from the runs' files: 12 answers a round.
figures() {
  for arm in none clip kl; do for rate in 3e-4 0.3; do
    mean=$(cat "work/run-$arm-$rate-1/result" "work/run-$arm-$rate-2/result" | awk '
      {sum += $1; d = $1 - d} END {printf "%.2f ± %.2f", sum / 2, (d < 0 ? -d : d) / sqrt(2)}')
    below=$(cat work/base-result "work/run-$arm-$rate-1/result" "work/run-$arm-$rate-2/result" |
      awk 'NR == 1 {base = $1} NR > 1 && $1 < base {++n} END {print n + 0}')
    fall=$(for seed in 1 2; do cut -f 2 "work/run-$arm-$rate-$seed/scores" | paste -sd ' ' | awk '
      {for (k = 1; k <= 12; ++k) {first += $k / 12; second += $(12 + k) / 12}
       print (first > second ? first - second : 0)}'; done | awk '{sum += $1} END {printf "%.2f", sum / 2}')
    expect_stdout "^\| $arm \| $rate \| $mean \|.* \| $below of 2 \| $fall ± "
  done; done
}
picture() {
  [ "$(wc -l < work/picture.tsv)" = 8 ]
  grep -q "$(printf '^clip\t3e-4\t-*[0-9.]*\t[0-9.]*$')" work/picture.tsv
}
misuse() {
  expect_status 73 bash "$experiment" work
  expect_stderr 'is not empty'
}
ok "a row for each arm and rate" printed
ok "arms and rates differ, by the options that reached ppo-step" arms_differ
ok "J, the collapsed and the falls are those of the runs' files" figures
ok "the picture's data has each mean" picture
ok "a folder in use is refused" misuse
