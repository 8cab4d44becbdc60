# The demo itself: it ends well only where the gold reward on held-out prompts rose by more than 5 standard errors. Half
# the texts and pairs are enough for 20; rewards dealt to the wrong answers raise it by 1.
export DEMO_TEXTS=3000 DEMO_PAIRS=800
ok 'the demo raises the gold reward by more than 5 standard errors' bash "$ROOT/docs/demo.sh" "$PWD/demo"

columns() {
  [ "$(jq -s 'length' demo/metrics.jsonl)" = 10 ]
  jq -e '."val/first_ratio_min" == 1 and ."val/first_ratio_max" == 1' demo/metrics.jsonl > all
  [ "$(grep -c true all)" = 10 ]
}
ok 'the first ratio is exactly 1 in each of its ten iterations' columns

kept() { for f in base rm p10 pairs.jsonl scored-9.jsonl.zst metrics.jsonl result.json; do [ -e "demo/$f" ]; done; }
ok 'its intermediate files stay' kept

jq_lines() {
  zstdcat demo/scored-0.jsonl.zst | jq -c '{id, reward, response}' | grep -c '"reward":' | grep -qx 300
  jq -c '[.iteration, ."objective/scores", ."objective/kl"]' demo/metrics.jsonl
  peek -n 2 demo/scored-0.jsonl.zst
  kl-report --old demo/p0 --new demo/p1 demo/scored-0.jsonl.zst
}
ok 'the lines it suggests run' jq_lines

occupied() {
  mkdir mine && touch mine/thesis.txt
  expect_status 73 bash "$ROOT/docs/demo.sh" mine
  [ -e mine/thesis.txt ]
}
ok 'a folder that is not a demo'"'"'s is left alone' occupied
