# A reward model learns what decides, reports it, and knows its normalisation.
. "$ROOT/tests/tools/rm/data.inc"
rm-train --init base $fast --epochs 4 --held-out unseen.jsonl --metrics m.jsonl train.jsonl -o rm > out 2> err

it_is_right_on_unseen_pairs() { jq -es '.[-1] | .["held_out/pairs"] == 24 and .["held_out/accuracy"] > 0.9 and .["held_out/loss"] < 0.4' m.jsonl; }
figures_agree() {
  # The error of a share is sqrt(a (1 - a)/n); the counts of the bins are both orders of each pair.
  jq -es '.[-1] | (.["held_out/accuracy"] as $a | (.["held_out/accuracy_error"] - (($a * (1 - $a) / 24) | sqrt) | fabs) < 1e-9)
          and ([to_entries[] | select(.key | test("calibration/.*/count")) | .value] | length == 10 and add == 48)
          and .["held_out/calibration_error"] >= 0 and .["held_out/margin"] > 0' m.jsonl
}
steps_have_their_figures() {
  jq -es 'map(select(has("loss"))) | length == 24 and .[-1].epoch == 4 and .[0].loss < 2 and
          (map(.num_tokens) | . == sort) and
          all(.min_reward <= .mean_reward and .mean_reward <= .max_reward and .accuracy >= 0 and .accuracy <= 1 and
              .lr > 0.00199 and .grad_norm > 0 and has("margin"))' m.jsonl
}
report_is_on_stderr() {
  grep -Eq '^rm-train: held-out: 24 pairs, accuracy [0-9.]+ \+- [0-9.e-]+, margin [0-9.]+ \+- [0-9.]+, log loss [0-9.e-]+ \+- [0-9.e-]+, Brier' err
  grep -Eq 'expected calibration error [0-9.]+' err
  [ "$(grep -Ec '^rm-train:   0\.[0-9] to [01]\.[0-9] ' err)" = 10 ]
  grep -Eq '^rm-train: 48 rankings, 24 steps, [0-9,]+ tokens, reward mean -?[0-9.]+ \+- [0-9.]+, std 1, last epoch.s loss [0-9.]+ \+- [0-9.]+ and accuracy [01][0-9.]* \+- [0-9.]+, ' err
  [ ! -s out ]
}
lengths_are_told() {
  jq -es '.[-1] | . as $m
    | (["chosen_longer", "same_length", "chosen_shorter"] | map("held_out/" + .)) as $lengths
    | ([range(1; 5) | tostring] | map("held_out/margin_quarter/" + .)) as $quarters
    | all($lengths, $quarters; (map($m[. + "/count"]) | add) == 24
        and ((map($m[. + "/count"] * ($m[. + "/accuracy"] // 0)) | add / 24) - $m["held_out/accuracy"] | fabs) < 1e-9)
    and ($quarters | map($m[. + "/greatest"]) | . == sort)
    and $m["held_out/length_correlation"] >= -1 and $m["held_out/length_correlation"] <= 1' m.jsonl
  grep -Eq '^rm-train: correlation of reward with length within pairs -?[0-9.]+; accuracy by length and margin:$' err
  grep -E '^rm-train:   (chosen|of the|.margin)' err | sed 's/^rm-train: //' > told
  score --reward-model rm unseen.jsonl 2>&1 > x | grep -E '^score:   (chosen|of the|.margin)' | sed 's/^score: //' > scored
  [ "$(wc -l < told)" -ge 5 ]
  expect_same told scored
}
quiet_is_quiet() { rm-train -q --init base $fast --held-out unseen.jsonl train.jsonl -o hushed > hush 2>&1; [ ! -s hush ]; }
folder_is_whole() {
  for f in config.json model.safetensors tokenizer.json tokenizer_config.json generation_config.json trainer/provenance.json; do
    [ -s rm/$f ] || { echo "$f is missing"; return 1; }
  done
  jq -e '.architectures == ["GPT2ForSequenceClassification"] and (.reward_mean != 0) and .reward_std == 1' rm/config.json
}
goes_on_from_a_reward_model() {
  rm-train -q --init rm --epochs 0 --held-out unseen.jsonl --metrics again.m --no-normalize train.jsonl -o again
  weights rm again
  [ "$(jq '.["held_out/loss"]' again.m)" = "$(jq -s '.[-1]["held_out/loss"]' m.jsonl)" ]
  rm-train -q --init rm --epochs 0 train.jsonl -o anew
  diff rm/config.json anew/config.json
}
rankings_are_learnt() {
  jq -c '{id, prompt, responses: [.chosen, " fair", .rejected]}' train.jsonl > ranks.jsonl
  rm-train -q --init base $fast --epochs 4 --held-out ranks.jsonl --metrics ranks.m ranks.jsonl -o ranks
  jq -es '.[-1] | .["held_out/pairs"] == 144 and .["held_out/accuracy"] > 0.8' ranks.m
}

ok "it is right on unseen pairs" it_is_right_on_unseen_pairs
ok "the held-out figures agree with each other" figures_agree
ok "each step has its figures" steps_have_their_figures
ok "the report is on stderr, stdout is empty" report_is_on_stderr
ok "accuracy by length and margin is told, in metrics and words, as score tells it" lengths_are_told
ok "-q silences the report" quiet_is_quiet
ok "the folder is whole" folder_is_whole
ok "training goes on from a reward model" goes_on_from_a_reward_model
ok "rankings are learnt" rankings_are_learnt
