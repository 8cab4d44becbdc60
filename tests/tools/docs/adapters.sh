# docs/experiments/adapters.sh in miniature: its tables are printed, with a number in every cell.
needs jq awk bash
export LORA_SEEDS="1 2" LORA_FACTORS="1 3" LORA_ROUNDS=1 LORA_PROMPTS=6 LORA_ANSWERS=2 LORA_HELD=4 LORA_TEXTS=600 \
  LORA_PAIRS=300 LORA_WIDTH=24
experiment=$ROOT/docs/experiments/adapters.sh
number='-?[0-9]+\.[0-9]{2} ± [0-9]+\.[0-9]{2}'

printed() {
  LORA_ARMS='full freeze all attention rank1' LORA_FACTORS=3 expect_status 0 bash "$experiment" work
  for arm in full freeze all attention rank1; do
    expect_stdout "^\| $arm \| 3 \|( $number \|){4} [0-9]+ \|$"
    expect_stdout "^\| $arm \| $number \|$"
  done
  # Each arm's options reach ppo-step.
  cat work/run-*-3-1/result | sort | uniq -d > same
  [ ! -s same ] || { cat same; return 1; }
}
ok "a row for each arm in both tables, and arms differ" printed
best() {
  LORA_ARMS=all expect_status 0 bash "$experiment" two
  factor=$(for f in 1 3; do printf '%s %s\n' "$(cut -f1 "two/run-all-$f-0/result")" "$f"; done | sort -g | tail -n 1 | cut -d' ' -f2)
  mean=$(cat "two/run-all-$factor-1/result" "two/run-all-$factor-2/result" | awk '
    {sum += $1; d = $1 - d} END {printf "%.2f ± %.2f", sum / 2, (d < 0 ? -d : d) / sqrt(2)}')
  expect_stdout "^\| all \| $factor \| $mean \|"
}
ok "the rate is the best of seed 0, means are over the others" best
misuse() {
  mkdir full && : > full/file
  expect_status 73 bash "$experiment" full
}
ok "a folder that isn't empty is refused" misuse
