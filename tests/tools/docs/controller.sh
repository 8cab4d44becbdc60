# docs/experiments/controller.sh in miniature: its tables have a number in every cell, and the weights follow the formula.
needs jq awk bash
export CONTROL_SEEDS="1 2" CONTROL_HORIZONS="10 100" CONTROL_ROUNDS=8 CONTROL_PROMPTS=4 CONTROL_ANSWERS=2 CONTROL_TARGET=0.5
export CONTROL_HELD=2 CONTROL_TEXTS=300 CONTROL_PAIRS=120 CONTROL_WIDTH=12
experiment=$ROOT/docs/experiments/controller.sh
expect_status 0 bash "$experiment" work

figure='-?[0-9]+\.[0-9]{3} ± [0-9]+\.[0-9]{3}'
tables() {
  for arm in fixed 10 100; do
    expect_stdout "^\| $arm \|( $figure \|){7}$"
    [ "$(grep -Ec "^\| $arm \|( $figure \|){8}$" out)" = 2 ]
  done
  awk -F '\t' '{++n[$1]} END {exit !(n["target"] == 2 && n["fixed"] == 2 && n["horizon 10"] == 2 && n["horizon 100"] == 2)}' \
    work/controller.tsv
}
# docs/mathematics.md, 4: beta (1 + clip(KL/target - 1, 0.2) n/horizon), with n = 8; fixed, it stays.
law() {
  for horizon in 10 100; do
    jq -r '[."objective/kl", ."objective/kl_beta"] | @tsv' "work/run-$horizon-1/metrics.jsonl" | awk -v horizon=$horizon '
      NR > 1 {
        x = kl / 0.5 - 1; if (x > 0.2) x = 0.2; if (x < -0.2) x = -0.2
        d = $2 / (beta * (1 + x * 8 / horizon)) - 1; if (d < -1e-5 || d > 1e-5) bad = 1
      }
      {kl = $1; beta = $2}
      END {exit bad || NR != 8}'
  done
  [ "$(jq '."objective/kl_beta"' work/run-fixed-2/metrics.jsonl | sort -u)" = 0.1 ]
}
means() {
  mean=$(for seed in 1 2; do tail -n 2 "work/run-10-$seed/metrics.jsonl" | jq -s 'map(."objective/kl") | add / 2'; done |
    awk '{sum += $1; d = $1 - d} END {printf "%.3f ± %.3f", sum / 2, (d < 0 ? -d : d) / sqrt(2)}')
  expect_stdout "^\| 10 \| $figure \| $mean \|"
}
misuse() {
  expect_status 73 bash "$experiment" work
  expect_stderr 'is not empty'
}
ok "tables have a row for each arm, and the picture's numbers are there" tables
ok "the weight follows the formula" law
ok "the rows are means over the seeds" means
ok "a folder in use is refused" misuse
