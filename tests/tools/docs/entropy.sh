# docs/experiments/entropy.sh in miniature: each penalty and bonus has its rows, and figures are those of the runs.
needs jq awk bash
export ENT_SEEDS="1 2" ENT_BONUSES="0 0.3" ENT_ROUNDS=3 ENT_PROMPTS=6 ENT_ANSWERS=2 ENT_HELD=4 ENT_TEXTS=600 ENT_PAIRS=300 \
  ENT_WIDTH=24
experiment=$ROOT/docs/experiments/entropy.sh
number='-?[0-9]+\.[0-9]{2}'
figure="$number ± [0-9]+\.[0-9]{2}"

printed() {
  expect_status 0 bash "$experiment" work
  expect_stdout "^\| base \| \| $number \| \|( $number \|){5}$"
  for penalty in 0 0.1; do for bonus in 0 0.3; do
    expect_stdout "^\| $penalty \| $bonus \| $figure \| [0-2] of 2(, at [0-9]+)? \|( $figure \|){5}$"
    arm=$bonus
    [ $penalty = 0 ] || arm="$bonus, KL $penalty"
    expect_stdout "^\| $arm \|( $figure \|){3}$"
  done; done
  expect_stdout '^\| entropy by iteration \| 0 \| 1 \| 2 \|$'
}
arms_differ() {
  cat work/run-*-1/result | sort | uniq -d > same
  [ ! -s same ] || { cat same; return 1; }
  jq -es 'length == 3 and all(.[].config; .c2 == 0.3 and ."kl-beta" == 0.1)' work/run-0.1-0.3-2/metrics.jsonl
  jq -es 'all(.[].config; .c2 == 0 and ."kl-beta" == 0)' work/run-0-0-2/metrics.jsonl
}
# A bonus raises the entropy; the first iteration's policy is the base in all runs.
figures() {
  mean() {  # PENALTY BONUS ITERATION
    for seed in 1 2; do
      jq -rs --argjson i "$3" '.[$i] | ."objective/entropy" / ."response_length/mean"' "work/run-$1-$2-$seed/metrics.jsonl"
    done | awk '{sum += $1; d = $1 - d} END {printf "%.2f ± %.2f", sum / 2, (d < 0 ? -d : d) / sqrt(2)}'
  }
  expect_stdout "^\| 0.1 \| 0.3 \| $(mean 0.1 0.3 2) \|"
  expect_stdout "^\| 0.3, KL 0.1 \| $(mean 0 0 0) \| $(mean 0.1 0.3 1) \| $(mean 0.1 0.3 2) \|$"
  awk -v low="$(mean 0 0 2 | cut -d' ' -f1)" -v high="$(mean 0 0.3 2 | cut -d' ' -f1)" 'BEGIN {exit !(high > low)}'
}
# Of made curves: an entropy below half of the first's at iteration 2, and never.
fallen() {
  sed -n '/^fallen()/,/^}/p;/^entropies()/p' "$experiment" > fallen.sh
  printf '{"objective/entropy":%s,"response_length/mean":4}\n' 8 4 3.9 1 > made.jsonl
  mkdir -p made && mv made.jsonl made/metrics.jsonl
  [ "$(bash -c '. ./fallen.sh; fallen made')" = 2 ]
  printf '{"objective/entropy":%s,"response_length/mean":4}\n' 8 4 9 > made/metrics.jsonl
  [ "$(bash -c '. ./fallen.sh; fallen made')" = - ]
}
# Of made answers: "a b", "b a", "a b" are three two-word sequences, two of which differ.
bigrams() {
  sed -n '/^bigrams()/,/^}/p' "$experiment" > bigrams.sh
  near_shown 0.6667 "$(jq -nc '{response: "A b, a."}, {response: "a b"}' | bash -c '. ./bigrams.sh; bigrams')"
}
misuse() {
  expect_status 73 bash "$experiment" work
  expect_stderr 'is not empty'
}
ok "a row for each penalty and bonus in both tables" printed
ok "arms differ, by the options that reached ppo-step" arms_differ
ok "entropies are means over the seeds, and a bonus raises them" figures
ok "the iteration of a fall is the first below half" fallen
ok "two-word sequences that differ are counted" bigrams
ok "a folder in use is refused" misuse
