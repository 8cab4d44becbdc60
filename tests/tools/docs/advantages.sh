# docs/experiments/advantages.sh in miniature: its tables are printed, with a number in every cell.
needs jq awk
. "$ROOT/tests/tools/goldens.inc"
export ADV_SEEDS="1 2" ADV_ROUNDS=1 ADV_PROMPTS=6 ADV_ANSWERS=2 ADV_HELD=4 ADV_TEXTS=600 ADV_PAIRS=300 ADV_WIDTH=24
experiment=$ROOT/docs/experiments/advantages.sh
number='-?[0-9]+\.[0-9]{2}'
arms='gae return baseline rloo group group-std'

printed() {  # RATE
  expect_stdout "^\| base \| - \|( $number \|){4}$"
  for arm in $arms; do expect_stdout "^\| $arm \| $1 \|( $number ± $number \|){4}$"; done
  [ "$(wc -l < out)" = 9 ]
}
# Each arm's options reach ppo-step: no two end at the same policy, but rloo and group of two answers, which differ by 2.
arms_differ() {
  cat work/run-*-1e-3-1/result | sort | uniq -d > same
  [ ! -s same ] || { cat same; return 1; }
}
reviews() {
  ADV_RATES="1e-4 1e-3" ADV_ARMS='gae rloo' expect_status 0 bash "$experiment" reviews work
  rate=$(for r in 1e-4 1e-3; do printf '%s %s\n' "$(cut -f1 "work/run-rloo-$r-0/result")" "$r"; done | sort -g | tail -n 1 |
    cut -d' ' -f2)
  arms='gae rloo'
  expect_stdout "^\| rloo \| $rate \|( $number ± $number \|){4}$"
  mean=$(cat "work/run-rloo-$rate-1/result" "work/run-rloo-$rate-2/result" | awk '
    {sum += $1; d = $1 - d} END {printf "%.2f ± %.2f", sum / 2, (d < 0 ? -d : d) / sqrt(2)}')
  expect_stdout "^\| rloo \| $rate \| $mean \|"
}
ok "reviews: the rate is the best of seed 0, means are over the others" reviews
stories() {
  set_story
  rm -rf work
  ADV_RATES=1e-3 expect_status 0 bash "$experiment" stories "$story" work
  printed 1e-3
  arms_differ
}
all_of() { ok "stories, $(whose): a row for each arm, and arms differ" stories; }
with_goldens all_of
misuse() {
  expect_status 64 bash "$experiment"
  expect_stderr '^usage: '
  mkdir full && : > full/file
  expect_status 73 bash "$experiment" reviews full
}
ok "misuse is refused, and a folder that isn't empty" misuse
