# --metrics: a line an iteration, with the names that others use.
. "$ROOT/tests/tools/tiny.inc"
in=$TINY/scored.jsonl
step() {
  ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --lr 3e-3 --critic-lr 3e-3 --epochs 2 --minibatch 10 "$@"
}
step --metrics m.jsonl "$in" -o p1
for name in eps objective/kl objective/entropy objective/non_score_reward objective/rlhf_reward objective/scores \
  policy/approxkl_avg policy/clipfrac_avg policy/entropy_avg loss/policy_avg loss/value_avg val/clipfrac_avg val/ratio \
  val/ratio_var val/num_eos_tokens lr episode critic/vf_explained_var response_length/clip_ratio actor/grad_norm; do
  ok "$name is a number" holds m.jsonl ".[0][\"$name\"] | type == \"number\""
done
ok "it is one line" holds m.jsonl 'length == 1'
same_everywhere() {
  step --metrics t.jsonl --threads 3 --micro-batch-tokens 1 "$in" -o p2
  jq -c 'del(.eps, .time)' m.jsonl > x
  jq -c 'del(.eps, .time)' t.jsonl | cmp - x
}
ok "all but eps are the same for any threads and micro-batch" same_everywhere
# figure NAME JQ TOLERANCE: the metric is what jq makes of the records.
figure() {
  jq -es --slurpfile s "$in" --slurpfile d dry.jsonl --argjson e "$3" ".[0][\"$1\"] as \$got | ($2) as \$want
    | if (\$got - \$want | fabs) <= \$e then true else error(\"\(\$got) \(\$want)\") end" m.jsonl
}
ppo-step -q --dry-run --no-whiten --policy "$TINY/p0" --critic-init "$TINY/rm" "$in" > dry.jsonl
mean='add / length'
ok "objective/scores is the mean reward" figure objective/scores "\$s | map(.reward) | $mean" 1e-6
ok "objective/kl is the mean over sequences of the summed log-ratio" figure objective/kl \
  "\$s | map((.logprobs | add) - (.ref_logprobs | add)) | $mean" 1e-5
ok "objective/non_score_reward is -beta KL" figure objective/non_score_reward \
  "-0.05 * (\$s | map((.logprobs | add) - (.ref_logprobs | add)) | $mean)" 1e-5
no_finish() {  # the last token tells then whether a response ended
  jq -c 'del(.finish)' "$in" > unfinished.jsonl
  step --metrics u.jsonl unfinished.jsonl -o u1
  holds u.jsonl '.[0]["val/num_eos_tokens"] > 0 and .[0]["val/num_eos_tokens"] < 24'
  for key in val/num_eos_tokens response_length/clip_ratio; do
    [ "$(jq ".[\"$key\"]" u.jsonl)" = "$(jq ".[\"$key\"]" m.jsonl)" ]
  done
}
ok "without finish the last token tells what was cut" no_finish
undiscounted() {
  step --kl-beta 0 --gamma 0.9 --whiten-rewards --metrics g.jsonl "$in" -o g1
  holds g.jsonl '.[0] | (.["objective/non_score_reward"] | fabs) < 1e-9 and (.["objective/kl"] | type) == "number"'
}
ok "without a penalty non_score_reward is 0, whatever the discount, and the KL is told all the same" undiscounted
small() {
  step --lr 1e-6 --metrics k.jsonl "$in" -o k1
  holds k.jsonl '.[0] | .["policy/kl_old_new_avg"] > 0 and .["policy/kl_old_new_avg"] < 1e-4'
}
ok "a small KL is not lost in rounding" small
ok "objective/rlhf_reward is both" figure objective/rlhf_reward "\$d | map(.token_rewards | add) | $mean" 1e-5
ok "val/num_eos_tokens counts the responses that ended" figure val/num_eos_tokens '$s |
  map(select(.finish == "stop")) | length' 0
ok "response_length/clip_ratio is the share of the others" figure response_length/clip_ratio \
  '($s | map(select(.finish == "length")) | length) / ($s | length)' 1e-9
ok "critic/vf_explained_var is 1 - var(R - V)/var(R)" figure critic/vf_explained_var \
  'def var: (add / length) as $m | map((. - $m) | . * .) | add / length;
   1 - ([$d[] | [.returns, .values] | transpose[] | .[0] - .[1]] | var) / ([$d[].returns[]] | var)' 1e-4
ok "lr is --lr" figure lr 3e-3 0
ok "episode counts sequences" figure episode 24 0
ok "the number of updates is epochs times minibatches" figure ppo/updates 6 0
still() {
  step --lr 0 --critic-lr 0 --metrics z.jsonl "$in" -o p3
  holds z.jsonl '.[0] | .["val/ratio"] == 1 and .["val/ratio_var"] == 0 and .["policy/approxkl_avg"] == 0
    and .["policy/clipfrac_avg"] == 0
    and .["val/clipfrac_avg"] == 0 and .["val/first_ratio_min"] == 1 and .["val/first_ratio_max"] == 1'
}
ok "without learning the ratio stays 1 and nothing is clipped" still
moved() { holds m.jsonl '.[0] | .["val/ratio"] != 1 and .["policy/approxkl_avg"] > 0 and .["actor/grad_norm"] > 0'; }
ok "with learning they move" moved
appends() {
  step --metrics m2.jsonl "$in" -o a1
  step --seed 4 --metrics m2.jsonl "$in" -o a2
  [ "$(wc -l < m2.jsonl)" = 2 ]
}
ok "a line is appended a run" appends
each_update() {
  step --metrics every.m --metrics-every update "$in" -o every
  cmp every/model.safetensors p1/model.safetensors
  holds every.m 'length == 7 and (map(.update) | .[:6]) == [1, 2, 3, 4, 5, 6] and (.[6] | has("update") | not)
    and all(.iteration == 0)'
  jq -c 'select(has("eps")) | del(.eps, .time)' every.m > x
  jq -c 'del(.eps, .time)' m.jsonl | cmp - x
  # The iteration's figures are the means of these.
  holds every.m '.[6] as $all | .[:6] | length as $n | [["loss/policy", "loss/policy_avg"],
    ["loss/value", "loss/value_avg"], ["loss/total", "loss/total_avg"], ["policy/approxkl", "policy/approxkl_avg"],
    ["policy/clipfrac", "policy/clipfrac_avg"], ["policy/entropy", "policy/entropy_avg"],
    ["val/clipfrac", "val/clipfrac_avg"], ["val/ratio", "val/ratio"], ["actor/grad_norm", "actor/grad_norm"]] as $names
    | . as $updates | all($names[]; . as [$one, $mean]
      | ($updates | map(.[$one]) | add / $n) - $all[$mean] | fabs < 1e-9)'
  step --metrics only.m --metrics-every iteration "$in" -o only
  holds only.m 'length == 1'
}
ok "--metrics-every update tells each update as well" each_update
every_what() { expect_status 64 step --metrics-every update "$in" -o b0; expect_misuse; expect_stderr '--metrics'; }
ok "--metrics-every without --metrics is misuse" every_what
no_place() { refused 73 'no/m.jsonl' step --metrics no/m.jsonl "$in" -o b1; [ ! -e b1 ]; }
ok "a file that cannot be written is 73, before any work" no_place
full() { refused 74 'full' step --metrics /dev/full "$in" -o b2; }
[ ! -e /dev/full ] || ok "a full disk is 74" full
no_eps_in_folder() { ! grep -rq '"eps"' p1/trainer/*.json; }
ok "no time stands in the folder" no_eps_in_folder
facts() {  # what stderr warns of, and the options, stand in the line of the iteration
  step --warn-kl 1e-9 --warn-clip 1 --warn-entropy 0 --warn-equal 1 --metrics w.jsonl "$in" -o w1 2> warned
  holds w.jsonl '.[0].warnings | length == 1 and (.[0] | test("--warn-kl 1e-09"))'
  jq -r '.warnings[]' w.jsonl > told
  sed -n 's/^ppo-step: warning: //p' warned | expect_same - told
  step --warn-kl 0 --warn-clip 1 --warn-entropy 0 --warn-equal 1 --metrics q.jsonl "$in" -o q1
  holds q.jsonl '.[0] | has("warnings") | not'
  holds q.jsonl '.[0].config | .lr == 0.003 and .epochs == 2 and .objective == "clip" and .whiten == false'
}
ok "a line has its iteration's warnings and options" facts
