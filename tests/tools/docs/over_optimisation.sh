# docs/experiments/over-optimisation.sh in miniature: its tables, against the programs and sums of another kind.
needs jq awk bash
export OO_SEEDS="1 2" OO_LABELS=noisy OO_SIZES="100 120" OO_ENSEMBLE=120 OO_MEMBERS=2 OO_WEIGHT=0.5 \
  OO_ROUNDS=4 OO_PROMPTS=4 OO_ANSWERS=2 OO_BEST=16 OO_BEST_PROMPTS=3 OO_RATE=3e-3 OO_TEXTS=300 OO_WIDTH=16 OO_HELD=10
export OO_RUNS="120:noisy:0 120:noisy:5 least:noisy:0 uncertainty:noisy:0"
experiment=$ROOT/docs/experiments/over-optimisation.sh
bash "$experiment" work > out 2> err || { cat err; exit 1; }
number='-?[0-9]+\.[0-9]{2,3} ± [0-9]+\.[0-9]{2,3}'
top='([0-9]+\.[0-9]|above 100) \| [0-2] of 2'

printed() {
  expect_stdout "^\| noisy \|( $number \|){2}$"
  for reward in 100 120 mean least uncertainty; do
    expect_stdout "^\| noisy \| $reward \|( $number \|){4}$"
    expect_stdout "^\| noisy \| $reward \|( $number \|){3} $top \|$"
  done
  for run in $OO_RUNS; do
    row=$(echo "$run" | sed 's/:/ \\| /g')
    expect_stdout "^\| $row \|( $number \|){5}$"
    expect_stdout "^\| $row \|( ($number|-) \|){7}$"
    expect_stdout "^\| $row \|( ($number|-) \|){4} $top \|$"
    [ "$run" = 120:noisy:0 ] || expect_stdout "^\| $row \|( ($number|-) \|){3}$"
  done
}
ok "a row for each reward and run in each table, with a number in every cell" printed
arms_differ() {  # each option reaches its program: beyond the first round no run is another
  for run in $OO_RUNS; do sed -n 4p "work/ppo-$run-1/rounds"; done | sort | uniq -d > same
  for reward in 100 120 mean least uncertainty; do sed -n 13p "work/best-noisy-1/$reward"; done | sort | uniq -d >> same
  [ ! -s same ] || { cat same; return 1; }
}
ok "runs and rewards differ" arms_differ
noise() {  # every fourth pair, and no other, is the wrong way round
  [ "$(wc -l < work/noisy-1.jsonl)" = 120 ]
  jq -c '[.id, .chosen, .rejected, .chosen_ids, .rejected_ids]' work/clean-1.jsonl > right
  jq -c '[.id, .rejected, .chosen, .rejected_ids, .chosen_ids]' work/noisy-1.jsonl > turned
  jq -c '[.id, .chosen, .rejected, .chosen_ids, .rejected_ids]' work/noisy-1.jsonl > noisy
  awk 'NR % 4 == 0' turned > fourth
  awk 'NR % 4 == 0' right | cmp - fourth
  awk 'NR % 4' right > others
  awk 'NR % 4' noisy | cmp - others
}
ok "a quarter of the noisy labels is wrong" noise
# What the best of n is worth, over all sets of n answers, for n of 1, 2 and all 16; rewards by score itself.
best() {
  for combine in mean least uncertainty; do
    case $combine in uncertainty) weight='--uncertainty-weight 0.5' ;; *) weight= ;; esac
    score -q --reward-model work/rm-noisy-120-1-1 --reward-model work/rm-noisy-120-2-1 --combine $combine \
      $weight work/samples-1.jsonl | jq -cs 'group_by(.group)[] | .[0].group as $group
        | map([.reward, .gold]) as $a | ($a | length) as $n
        | ([1, $group] + ($a | transpose | map(add / $n))),
          ([2, $group] + ([range($n) as $i | range($i) as $j | [$a[$i], $a[$j]] | max] | (length) as $sets
            | transpose | map(add / $sets))),
          ([$n, $group] + ($a | max)) | @tsv' -r > sets
    while read -r n group reward gold; do
      awk -v n="$n" -v group="$group" -v reward="$reward" -v gold="$gold" '
        function near(a, b) {return a - b < 2e-6 && b - a < 2e-6}
        $1 == n && $2 == group {found = near($3, reward) && near($4, gold)}
        END {exit !found}' work/best-noisy-1/$combine || { echo "$combine: $n $group $reward $gold"; return 1; }
    done < sets
    [ "$(wc -l < sets)" = 9 ]
  done
}
ok "the best of n is the mean over all sets of n answers, by the rewards that score combines" best
means() {  # mean and error over two seeds: half their sum and half their difference
  last=$(for seed in 1 2; do
    tail -n 3 "work/ppo-least:noisy:0-$seed/rounds" | awk '{gold += $2} END {print gold / 3}'
  done |
    awk '{sum += $1; d = $1 - d} END {printf "%.2f ± %.2f", sum / 2, (d < 0 ? -d : d) / 2}')
  expect_stdout "^\| least \| noisy \| 0 \| $number \| $number \| $last \|"
  four=$(for seed in 1 2; do awk '$1 == 4 {gold += $4} END {print gold / 3}' work/best-noisy-$seed/100; done |
    awk '{sum += $1; d = $1 - d} END {printf "%.3f ± %.3f", sum / 2, (d < 0 ? -d : d) / 2}')
  expect_stdout "^\| noisy \| 100 \| $number \| $four \| $number \| $number \|$"
}
ok "cells are means over the seeds, with their standard errors" means
penalty() {  # a heavy penalty keeps the policy near
  awk 'FNR == 4 {d[++n] = $1} END {exit !(d[1] < d[2])}' work/ppo-120:noisy:5-1/rounds work/ppo-120:noisy:0-1/rounds
}
ok "a KL penalty lowers the KL" penalty
pictures() {
  for name in best-of-n-noisy ppo; do
    case $(head -c 100 work/$name.svg) in *'<svg'*) ;; *) echo "$name.svg is none"; return 1 ;; esac
  done
}
ok_with chart "pictures are drawn" pictures
misuse() {
  expect_status 73 bash "$experiment" work
  expect_stderr 'is not empty'
}
ok "a folder that isn't empty is refused" misuse
