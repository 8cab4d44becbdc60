# docs/experiments/policy-gradient.sh in miniature: its tables are printed, with a number in every cell.
needs jq awk zstdcat
export PG_SEEDS="1 2" PG_RATES=1e-3 PG_ARMS="reinforce clip" PG_ROUNDS=2 PG_PROMPTS=10 PG_POOL=24 PG_BATCH=12
export PG_TEXTS=1000 PG_PAIRS=200 PG_HELD=8 PG_WIDTH=24 PG_EPOCHS=1
experiment=$ROOT/docs/experiments/policy-gradient.sh
bash "$experiment" work > out 2> err || { cat err; exit 1; }

number='-?[0-9.]+(e[-+][0-9]+)?'
figure="$number ± $number"
gradients() {
  for policy in base half; do
    expect_stdout "^\| $policy \| reinforce \| $figure \| $figure \| $figure \| $number \|  \|$"
    expect_stdout "^\| $policy \| baseline \| $figure \| $figure \| $figure \| $number \| $number \|$"
    expect_stdout "^\| $policy \| clip \| $figure \| $figure \| $figure \| $number \| $number \|$"
  done
}
results() {
  expect_stdout "^\| base \| - \|( $number \|){5} \|$"
  expect_stdout "^\| reinforce \| 1e-3 \|( $figure \|){6}$"
  expect_stdout "^\| clip \| 1e-3 \|( $figure \|){6}$"
}
# Means over seeds 1 and 2 only, without the run of seed 0, which chose the rate.
means() {
  for arm in reinforce clip; do
    mean=$(cat work/run-$arm-1e-3-1/result work/run-$arm-1e-3-2/result | awk '
      {sum += $4; d = $4 - d} END {printf "%.2f ± %.2f", sum / 2, (d < 0 ? -d : d) / 2}')
    expect_stdout "^\| $arm \| 1e-3 \| $mean \|"
  done
}
rounds() {
  [ "$(grep -Ec "^\| (1-60|61-120) \|( $figure \|){2}$" out)" = 4 ]
  [ "$(grep -c 'R reinforce  C clip' out)" = 2 ]
}
# The norm in --metrics agrees with the gradient read from the optimizer's first moment: the pool's number is |g|^2 times
# the squared mean length.
moments() {
  length=$(jq -s 'map(.response_ids | length) | add / length' work/gradients-base-1/pool)
  awk -v length_="$length" '
    FNR == NR {square += $1 * $1; next}
    $2 == "reinforce" && $4 == "pool" {d = square * length_ * length_ / $5 - 1; exit !(d < 1e-3 && d > -1e-3)}
    ' work/gradients-base-1/reinforce work/gradients-base-1/norms
}
used_folder() {
  expect_status 73 bash "$experiment" work
  expect_stderr 'is not empty'
}
ok "the gradients' table has figures for both policies and all three estimators" gradients
ok "the results' table has figures for the base and each arm" results
ok "the results are means over the seeds, with their standard errors" means
ok "the rounds' tables and plots are there, for the reward and for the judge" rounds
ok "the metrics' norm is that of the gradient in the optimizer's first moment" moments
ok "a folder in use is refused" used_folder
