# Each option does something: other values make other weights or another normalisation.
. "$ROOT/tests/tools/rm/data.inc"
jq -c '. + {margin: 2}' train.jsonl > margins.jsonl
tune() { folder=$1; shift; rm-train -q --init base $fast "$@" -o "$folder"; }
tune plain train.jsonl

changes() { n=$(echo "$*" | tr -dc a-z0-9); tune "$n" "$@" train.jsonl; differ plain "$n"; }
for option in "--epochs 2" "--batch 9" "--lr 1e-3" "--schedule linear" "--schedule cosine" "--warmup 3" "--beta1 0.8" \
              "--beta2 0.9" "--eps 1e-3" "--weight-decay 0.3" "--max-norm 0.01" "--seed 1" "--centering 0.1" "--label-smoothing 0.1"; do
  ok "$option makes other weights" changes $option
done

least_rate_is_kept() {
  tune lin --schedule linear --metrics lin.m train.jsonl
  tune min --schedule linear --min-lr 0.5 --metrics min.m train.jsonl
  differ lin min
  jq -es '(.[-1].lr / 2e-3 - (0.5 + 0.5 / length) | fabs) < 1e-6' min.m
}
margins_count_by_their_weight() {
  tune none margins.jsonl
  weights none plain
  tune some --margin 1 margins.jsonl
  differ some plain
  tune other --margin 0.5 margins.jsonl
  differ some other
}
defaults_are_as_told() {
  rm-train -q --init base train.jsonl -o bare
  rm-train -q --init base --epochs 1 --batch 32 --lr 1e-5 --schedule constant --warmup 0 --min-lr 0 --beta1 0.9 --beta2 0.999 \
    --eps 1e-8 --weight-decay 0 --max-norm 1 --margin 0 --centering 0 --label-smoothing 0 --seed 0 --too-long fail --dtype f32 train.jsonl -o told
  weights bare told
  cmp bare/config.json told/config.json
}
mean_is_that_of_the_training_answers() {
  # At a rate of 0 every step sees the same weights, so the steps' mean rewards make up the training answers' mean.
  tune still --lr 0 --metrics still.m train.jsonl
  mean=$(jq .reward_mean still/config.json)
  jq -es "(map(.mean_reward) | add / length) - $mean | fabs < 1e-6" still.m
  jq -e '.reward_std == 1' still/config.json
}
deviation_too() {
  tune wide --lr 0 --normalize-std train.jsonl
  jq -e ".reward_mean == $(jq .reward_mean still/config.json) and .reward_std > 0 and .reward_std != 1" wide/config.json
}
nothing_is_normalised() { tune raw --no-normalize train.jsonl; weights raw plain; jq -e '.reward_mean == 0 and .reward_std == 1' raw/config.json; }
normalised_on_samples() {
  for i in 1 2 3 4 5 6 7 8; do echo "{\"id\":\"s$i\",\"prompt_ids\":[70,71],\"response_ids\":[$i,$((i * 9)),5]}"; done > samples.jsonl
  tune on --normalize-on samples.jsonl train.jsonl
  weights on plain
  jq -e ".reward_mean != $(jq .reward_mean plain/config.json) and .reward_std > 0 and .reward_std != 1" on/config.json
  sort -r samples.jsonl > turned.jsonl
  tune turned --normalize-on turned.jsonl train.jsonl
  cmp on/config.json turned/config.json
  # Two samples of scores a and b: mean (a + b)/2, deviation |a - b|/2; one of them alone has no deviation.
  head -n 1 samples.jsonl > single.jsonl
  expect_status 65 rm-train --init base --normalize-on single.jsonl train.jsonl -o single
  expect_stderr 'all scores are equal'
  absent single
}
normalisations_exclude_each_other() {
  expect_status 64 rm-train --init base --no-normalize --normalize-std train.jsonl -o bad
  expect_misuse
  expect_status 64 rm-train --init base --no-normalize --normalize-on train.jsonl train.jsonl -o bad
  expect_status 64 rm-train --init base --normalize-std --normalize-on train.jsonl train.jsonl -o bad
}
too_long_is_skipped() {
  { cat train.jsonl; echo "{\"id\":\"long\",\"prompt\":\"a\",\"chosen\":\"$(printf 'x%.0s' $(seq 60))\",\"rejected\":\"b\"}"; } > long.jsonl
  expect_status 65 rm-train --init base $fast long.jsonl -o long
  expect_stderr "long.jsonl: record 49: prompt and answer have 6[0-9] tokens, more than the model's context of 40"
  expect_stderr '^rm-train: hint: .*--too-long skip'
  absent long
  expect_status 0 rm-train --init base $fast --too-long skip long.jsonl -o long
  expect_stderr 'warning: the input: 1 of 49 records are too long'
  weights long plain
  expect_status 65 rm-train --init base $fast --held-out long.jsonl train.jsonl -o unseen
  expect_status 0 rm-train --init base $fast --too-long skip --held-out long.jsonl train.jsonl -o unseen
  expect_stderr 'warning: long.jsonl: 1 of 49 records are too long'
  expect_stderr 'held-out: 48 pairs'
  { for i in 1 2; do echo "{\"prompt_ids\":[70,71],\"response_ids\":[$i,5]}"; done
    jq -nc '{prompt_ids: [70], response_ids: [range(60)]}'; } > wordy.jsonl
  expect_status 65 rm-train --init base $fast --normalize-on wordy.jsonl train.jsonl -o wordy
  expect_status 0 rm-train --init base $fast --too-long skip --normalize-on wordy.jsonl train.jsonl -o wordy
  expect_stderr 'warning: wordy.jsonl: 1 of 3 records are too long'
}
salvage_takes_what_is_whole() {
  { cat train.jsonl; printf '{"id": "cut o'; } > cut.jsonl
  expect_status 65 rm-train --init base $fast cut.jsonl -o salvaged
  expect_status 0 rm-train --init base $fast --salvage cut.jsonl -o salvaged
  expect_stderr warning
  weights salvaged plain
}

least_rate_without_a_fall() {
  expect_status 64 rm-train --init base --min-lr 0.1 train.jsonl -o bad
  expect_misuse
  expect_stderr "^rm-train: error: --min-lr: --schedule constant doesn't decay"
  absent bad
}
smoothing_below_a_half() {
  for e in 0.5 -0.1; do
    expect_status 64 rm-train --init base --label-smoothing $e train.jsonl -o bad
    expect_misuse
    expect_stderr '^rm-train: error: --label-smoothing: .* is out of bounds: 0 <= X < 0.5$'
    absent bad
  done
}
# Before the first step d is what it is, so the loss of a step at a rate of 0 is the formula's of the held-out pairs' d.
smoothed_loss_is_the_formulas() {
  one="--epochs 1 --batch 48 --lr 0 --no-normalize"
  rm-train -q --init base $one train.jsonl -o still0
  score -q --reward-model still0 train.jsonl > still0.jsonl
  rm-train -q --init still0 $one --label-smoothing 0.2 --metrics smooth.m train.jsonl -o still1
  want=$(jq -s 'map(.chosen_reward - .rejected_reward | (1 + (-. | exp) | log) * 0.8 + (1 + exp | log) * 0.2) | add / length' still0.jsonl)
  jq -es "(.[0].loss - $want | fabs) < 1e-5" smooth.m
}
margins_that_are_not_there() {
  said='^rm-train: warning: --margin did nothing: no pair has a "margin" other than 0; leave it out, or add one'
  expect_status 0 rm-train -q --init base $fast --margin 1 train.jsonl -o m0
  expect_stderr "$said"
  jq -c '. + {margin: 0}' train.jsonl > zero.jsonl
  expect_status 0 rm-train -q --init base $fast --margin 1 zero.jsonl -o m1
  expect_stderr "$said"
  jq -c '{prompt, responses: [.chosen, .rejected], margin: 2}' train.jsonl > rankings.jsonl  # margins are of pairs alone
  expect_status 0 rm-train -q --init base $fast --margin 1 rankings.jsonl -o m2
  expect_stderr "$said"
  { cat train.jsonl; jq -c '.id += "m"' margins.jsonl | head -n 1; } > one.jsonl
  expect_status 0 rm-train -q --init base $fast --margin 1 one.jsonl -o m3
  expect_no_warning
}
# Figures by hand: those of the pairs alone, beside the ones that are no pair of different answers.
identical_answers() {
  jq -c 'select(.id | IN("p1", "p2", "p3", "p4"))' train.jsonl > four.jsonl
  jq -c '.id += "same" | .rejected = .chosen' four.jsonl | head -n 3 > three.jsonl
  cat four.jsonl three.jsonl > seven.jsonl
  # At a rate of 0 one step sees the first model.
  still="--epochs 1 --batch 100 --lr 0"
  expect_status 0 rm-train --init base $still --metrics four.m --held-out four.jsonl four.jsonl -o four
  expect_no_warning
  cp err four.err
  expect_status 0 rm-train --init base $still --metrics seven.m --held-out seven.jsonl seven.jsonl -o seven
  expect_stderr '^rm-train: warning: the input: 3 of 7 pairs have the same answer twice; accuracy ignores them'
  expect_stderr '^rm-train: warning: seven.jsonl: 3 of 7 pairs have the same answer twice'
  expect_stderr '^rm-train: held-out: 7 pairs, 3 of them identical, accuracy '
  accuracy_of() { sed -n 's/.*held-out: .*accuracy \([^,]*\), margin.*/\1/p' "$1"; }
  [ -n "$(accuracy_of err)" ] && [ "$(accuracy_of err)" = "$(accuracy_of four.err)" ]
  jq -es --slurpfile s seven.m '[.[], $s[]] | .[0].accuracy == .[2].accuracy and .[1]["held_out/accuracy"] ==
    .[3]["held_out/accuracy"] and .[1]["held_out/accuracy_error"] == .[3]["held_out/accuracy_error"] and
    .[1]["held_out/identical"] == 0 and .[3]["held_out/identical"] == 3 and .[3]["held_out/pairs"] == 7 and
    (.[3]["held_out/loss"] - (4 * .[1]["held_out/loss"] + 3 * (2 | log)) / 7 | fabs) < 1e-6' four.m
  expect_status 0 rm-train --init base $still --metrics same.m --held-out three.jsonl three.jsonl -o same
  expect_stderr '3 of 3 pairs have'
  expect_stderr 'held-out: 3 pairs, 3 of them identical, accuracy \?, margin 0'
  jq -es '.[0].accuracy == null and .[1]["held_out/accuracy"] == null and .[1]["held_out/accuracy_error"] == null' same.m
  # Of a ranking's 3 pairs one.
  echo '{"prompt":"film 1 was","responses":[" superb"," awful"," awful"]}' > ranking.jsonl
  expect_status 0 rm-train --init base $still ranking.jsonl -o ranking
  expect_stderr 'warning: the input: 1 of 3 pairs has the same answer twice'
}

ok "--min-lr without a schedule that falls is misuse" least_rate_without_a_fall
ok "--label-smoothing is below a half" smoothing_below_a_half
ok "the loss with --label-smoothing is the formula's" smoothed_loss_is_the_formulas
ok "--margin without a margin says that it did nothing" margins_that_are_not_there
ok "identical answers are told, and count in no accuracy" identical_answers
ok "--min-lr is the fraction that the rate falls to" least_rate_is_kept
ok "--margin weighs the records' margins" margins_count_by_their_weight
ok "defaults are what the help says" defaults_are_as_told
ok "the mean stored is that of the training answers" mean_is_that_of_the_training_answers
ok "--normalize-std stores the deviation too" deviation_too
ok "--no-normalize leaves 0 and 1" nothing_is_normalised
ok "--normalize-on takes mean and deviation from samples" normalised_on_samples
ok "normalisations exclude each other" normalisations_exclude_each_other
ok "--too-long skip leaves out and says so, fail names the record" too_long_is_skipped
ok "--salvage takes what is whole and warns" salvage_takes_what_is_whole
