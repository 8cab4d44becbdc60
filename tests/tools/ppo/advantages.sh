# --advantage: what each choice gives a token, under which objectives, with and without a critic, and what it refuses.
. "$ROOT/tests/tools/tiny.inc"
. "$ROOT/tests/tools/ppo/unread.inc"
in=$TINY/scored.jsonl
dry() { ppo-step -q --dry-run --policy "$TINY/p0" "$@"; }
step() { ppo-step -q --policy "$TINY/p0" --lr 3e-3 --epochs 1 --minibatch 10 "$@"; }
# weighs FILE FILTER: of each group's records with .R their returns, the filter, applied to {one, all, others}, is what
# each token of the one weighs.
weighs() {
  holds "$1" 'map(. + {R: (.token_rewards | add)}) | group_by(.group)
    | all(. as $all | all(.[]; . as $one | ($all | map(select(.id != $one.id))) as $others
      | {one: $one.R, all: $all | map(.R), others: $others | map(.R)} | ('"$2"') as $w
      | $one.advantages | all((. - $w | fabs) < 1e-5)))'
}
mean='def mean: add / length; def s: mean as $m | map(. - $m | . * .) | add / (length - 1) | sqrt;'
rloo() { dry --advantage rloo "$in" > rloo.jsonl; weighs rloo.jsonl "$mean .one - (.others | mean)"; }
ok "rloo: the return less the mean of the prompt's other answers" rloo
group() { dry --advantage group "$in" > group.jsonl; weighs group.jsonl "$mean .one - (.all | mean)"; }
ok "group: the return less the mean of the prompt's answers" group
scaled() {
  dry --advantage group --advantage-scale std "$in" > std.jsonl
  weighs std.jsonl "$mean (.one - (.all | mean)) / ((.all | s) + 1e-4)"
  dry --advantage rloo --advantage-scale std "$in" > rstd.jsonl
  weighs rstd.jsonl "$mean (.one - (.others | mean)) / ((.all | s) + 1e-4)"
}
ok "--advantage-scale std divides by the deviation of the prompt's returns" scaled
returned() { dry --advantage return "$in" > return.jsonl; weighs return.jsonl .one; }
ok "return: the return as it is, under --objective clip" returned
same_as_reinforce() {
  dry --objective reinforce "$in" | jq -c .advantages > x
  jq -c .advantages return.jsonl | cmp - x
}
ok "return is what reinforce has by default" same_as_reinforce
whitened() {
  dry --advantage rloo --whiten "$in" > w.jsonl
  holds w.jsonl '[.[].advantages[]] | (add / length) as $m | (map((. - $m) | . * .) | add / length - 1 | fabs < 1e-3)
    and ($m | fabs) < 1e-5'
  holds w.jsonl 'all(.returns != .advantages)'
}
ok "--whiten whitens the advantages of rloo" whitened

field_list() {
  dry --advantage field rloo.jsonl > again.jsonl
  jq -c .advantages rloo.jsonl > x
  jq -c .advantages again.jsonl | cmp - x
  jq -c .returns again.jsonl | cmp - x
}
ok "field takes back the advantages that --dry-run wrote" field_list
field_number() {
  jq -c '.advantages = (.id | length) / 4 | del(.reward, .ref_logprobs)' "$in" | dry --advantage field > number.jsonl
  holds number.jsonl 'all(((.id | length) / 4) as $a | .advantages | unique == [$a])'
}
ok "one number is every token's, and neither reward nor reference is asked for" field_number
ok "field takes --whiten" sh -c "ppo-step -q --dry-run --policy '$TINY/p0' --advantage field --whiten rloo.jsonl |
  jq -es '[.[].advantages[]] | add / length | fabs < 1e-5' > /dev/null"
field_step() {
  step --advantage rloo "$in" -o by-rloo
  step --advantage field rloo.jsonl -o by-field
  cmp by-rloo/model.safetensors by-field/model.safetensors
}
ok "a step by the field is the step by the choice that wrote it" field_step
# bad PATTERN FILTER OPTION...: with record 3 changed it is refused by name.
bad() {
  bad_pattern=$1
  jq -c "if input_line_number == 3 then ($2) else . end" rloo.jsonl > bad.jsonl
  shift 2
  refused 65 "^ppo-step: error: bad.jsonl: record 3: $bad_pattern" dry "$@" bad.jsonl
}
no_field() {
  bad 'field "advantages" is missing, which --advantage field takes' 'del(.advantages)' --advantage field
  expect_stderr '^ppo-step: hint: add a number'
}
ok "a record has no advantages" no_field
ok "its advantages are null" bad 'field "advantages" is null' '.advantages = null' --advantage field
ok "its advantages are of another length" bad 'field "advantages" has 1 numbers for' '.advantages = [1]' \
  --advantage field
ok "its advantages are text" bad 'field "advantages" must be' '.advantages = "1"' --advantage field
alone() {
  bad 'is the only answer of its group "alone"' '.group = "alone"' --advantage rloo
  expect_stderr '^ppo-step: hint: sample several answers a prompt'
  bad 'is the only answer of its group "alone"' '.group = "alone"' --advantage group
}
ok "a group of one" alone

equal() {  # the first group's returns are all equal
  jq -c 'if .group == "film" then .reward = 1 else . end' "$in" > equal.jsonl
  dry --advantage group --kl-beta 0 --metrics e.jsonl equal.jsonl > eq.jsonl
  holds e.jsonl '.[0] | .["groups/number"] == 6 and .["groups/equal"] == 1 and .["groups/left_out"] == 0'
  holds eq.jsonl 'map(select(.group == "film")) | all(.advantages | all(. == 0))'
  dry --advantage group --kl-beta 0 --drop-equal-groups --metrics f.jsonl equal.jsonl > /dev/null
  holds f.jsonl '.[0]["groups/left_out"] == 4'
}
ok "groups of equal returns are counted" equal
left_out() {  # what is left out is as if it were not there
  jq -c 'select(.group != "film")' equal.jsonl > rest.jsonl
  step --advantage group --kl-beta 0 --drop-equal-groups --whiten --minibatch 50 --metrics g.jsonl equal.jsonl -o dropped
  step --advantage group --kl-beta 0 --whiten --minibatch 50 rest.jsonl -o rest
  step --advantage group --kl-beta 0 --whiten --minibatch 50 equal.jsonl -o kept
  cmp dropped/model.safetensors rest/model.safetensors
  differ dropped/model.safetensors kept/model.safetensors
  holds g.jsonl '.[0] | .["episode"] == 24 and .["response_length/clip_ratio"] != null'
}
ok "--drop-equal-groups leaves them out of the update" left_out
nothing_left() {
  jq -c '.reward = 1' "$in" > same.jsonl
  refused 65 'leaves nothing to learn from' step --advantage rloo --kl-beta 0 --drop-equal-groups same.jsonl -o none
  expect_stderr '^ppo-step: hint: sample more answers'
  [ ! -e none ]
}
ok "all groups would be left out" nothing_left

objectives() {
  for objective in clip kl is reinforce; do
    for advantage in return rloo group; do
      ppo-step -q --policy "$TINY/p0" --objective $objective --advantage $advantage "$in" -o o-$objective-$advantage
      [ ! -e o-$objective-$advantage/critic ]
    done
    differ o-$objective-return/model.safetensors o-$objective-rloo/model.safetensors
    differ o-$objective-group/model.safetensors o-$objective-rloo/model.safetensors
  done
}
ok "every objective takes every advantage, without a critic" objectives
reinforce_gae() {
  ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --critic-lr 1e-3 --objective reinforce --advantage gae \
    --metrics rg.jsonl "$in" -o rg
  holds rg.jsonl '.[0] | .["ppo/updates"] == 1 and .["critic/vf_explained_var"] != null and .["loss/value_avg"] > 0'
  [ -f rg/critic/model.safetensors ]
  ppo-step -q --dry-run --policy "$TINY/p0" --critic-init "$TINY/rm" --objective reinforce --advantage gae "$in" > rg.out
  ppo-step -q --dry-run --policy "$TINY/p0" --critic-init "$TINY/rm" "$in" | jq -c .advantages > x
  jq -c .advantages rg.out | cmp - x
}
ok "reinforce with gae has a critic that learns, and whitens" reinforce_gae
handed_on() {
  ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --epochs 1 "$in" -o with
  ppo-step -q --off-policy --policy with --advantage group --epochs 1 "$in" -o without
  cmp with/critic/model.safetensors without/critic/model.safetensors
  cmp with/trainer/critic-optimizer.safetensors without/trainer/critic-optimizer.safetensors
}
ok "without a critic the one that is there is handed on" handed_on

while read -r word options; do
  # shellcheck disable=SC2086
  ok "$options: $word would be unread" unread "$word" $options
done <<'EOF'
--advantage-scale --advantage-scale std
--advantage-scale --advantage return --advantage-scale none
--drop-equal-groups --drop-equal-groups
--drop-equal-groups --advantage field --drop-equal-groups
--baseline --advantage rloo --baseline
--lambda --advantage rloo --lambda 1
--whiten --whiten
--whiten --objective reinforce --advantage gae --whiten
--no-whiten --advantage group --no-whiten
--critic-init --advantage group --critic-init rm
--critic --advantage field --critic shared
--critic-lr --advantage return --critic-lr 1e-3
--c1 --advantage rloo --c1 0.1
--value-clip --advantage rloo --value-clip 0.1
--gamma --advantage field --gamma 0.9
--kl-beta --advantage field --kl-beta 0.1
--kl-control --advantage field --kl-control adaptive
--whiten-rewards --advantage field --whiten-rewards
EOF
ok "the baseline works under every objective" sh -c "ppo-step -q --dry-run --policy '$TINY/p0' --objective is \
  --advantage return --baseline '$in' | jq -es '[.[].advantages[0]] | add / length | fabs < 1e-5' > /dev/null"
