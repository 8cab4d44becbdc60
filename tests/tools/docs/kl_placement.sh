# docs/experiments/kl-placement.sh in miniature: the gradients are those of the mathematics, and the tables have a number in
# every cell.
needs jq awk bash
export KL_SEEDS="1 2" KL_STEPS=16 KL_TOKENS=2 KL_BETAS=0.3 KL_ROUNDS=1 KL_PROMPTS=6 KL_ANSWERS=2
export KL_HELD=4 KL_TEXTS=300 KL_PAIRS=120 KL_WIDTH=12
experiment=$ROOT/docs/experiments/kl-placement.sh
expect_status 0 bash "$experiment" work

number='-?[0-9]+\.[0-9]+'
figure="$number ± $number"
tables() {
  for arm in reward later k1 k2 k3 exact; do
    expect_stdout "^\| $figure \| $arm \|( $figure \|){5}$"
    expect_stdout "^\| $figure \| $figure \| $arm \|( $figure \|){3}$"
  done
  for arm in reward k2 k3 exact; do expect_stdout "^\| $arm \| 0\.3 \|( $figure \|){4}$"; done
  expect_stdout "^\| none \| 0 \|( $figure \|){4}$"
  [ "$(wc -l < work/kl-placement.tsv)" = 5 ]
}
# Of two tokens of four, each but the end going on: 1 + 3 * 4 responses, whose probabilities add up to 1.
enumerated() {
  for seed in 1 2; do
    [ "$(jq -s 'map(.response_ids) | unique | length' "work/gradients-$seed/all")" = 13 ]
    awk '{p += $1; q += $2} END {exit !(NR == 13 && p > 0.99999 && p < 1.00001 && q > 0.99999 && q < 1.00001)}' \
      "work/gradients-$seed/weights"
  done
}
# docs/mathematics.md, 12: the reward's gradient is that of the whole responses' KL; k2's and exact's that with prefixes
# held fixed, and the same; k3's is another; k1's is none.
placements() {
  awk '
    {bias = $9; tokens = $11; norm = $7}
    $6 == "reward" || $6 == "later" {good += bias < 1e-4 && tokens > 1e-3}
    $6 == "k2" || $6 == "exact" {good += bias > 1e-3 && bias < 0.5 && tokens < 1e-4}
    $6 == "k3" {good += bias > 1e-3 && tokens > 1e-3 && tokens < 0.5}
    $6 == "k1" {good += norm < 1e-4}
    END {exit !(NR == 12 && good == 12)}' work/gradients-1/figures work/gradients-2/figures
}
# The derivative of the enumerated KL along directions, from log-probs alone, against the gradients.
differences() {
  cat work/gradients-1/checked work/gradients-2/checked |
    awk '{d = $3 - $4; off += d * d; all += $4 * $4} END {exit !(NR == 6 && all > 0 && off < 1e-4 * all)}'
}
means() {
  mean=$(awk '{j = $2 - 0.3 * $4; sum += j; d = j - d} END {printf "%.2f ± %.2f", sum / 2, (d < 0 ? -d : d) / sqrt(2)}' \
    work/run-k2-0.3-1/result work/run-k2-0.3-2/result)
  expect_stdout "^\| k2 \| 0\.3 \| $mean \|"
  # Each arm's options reach ppo-step. In the first round the reward has no KL yet: this one is none.
  for run in work/run-*-1/metrics.jsonl; do jq -c '.config | [."kl-beta", ."kl-loss", ."kl-loss-kind"]' "$run"; done |
    sort -u > options
  [ "$(wc -l < options)" = 5 ]
}
misuse() {
  expect_status 73 bash "$experiment" work
  expect_stderr 'is not empty'
}
ok "tables have a row for each placement" tables
ok "the responses are all there" enumerated
ok "each placement has the gradient of the mathematics" placements
ok "the enumerated gradient is the derivative of the enumerated KL" differences
ok "PPO's rows are means over the seeds, and arms differ" means
ok "a folder in use is refused" misuse
