# Samples of another policy: how they are weighed, how old they may be, what is told of them.
. "$ROOT/tests/tools/tiny.inc"
in=$TINY/scored.jsonl
# As another policy would have recorded them: ratios of e^-0.4, 1 and e^0.4, in turn.
jq -c '.logprobs |= [to_entries[] | .value + (.key % 3 - 1) * 0.4]' "$in" > stale.jsonl
step() {
  ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --lr 3e-3 --critic-lr 3e-3 --epochs 2 --minibatch 10 "$@"
}
off() { step --off-policy "$@"; }
model() { md5sum < "$1/model.safetensors"; }

off stale.jsonl -o none
all_differ() {
  off --correct truncate stale.jsonl -o truncate
  off --correct truncate --correct-bound 1.2 stale.jsonl -o bound
  off --correct mask --correct-bound 0.7,1.2 stale.jsonl -o mask
  off --correct mask --correct-bound 0.6,1.2 stale.jsonl -o wider
  off --correct mask --correct-bound 0.6,1.6 stale.jsonl -o all
  off --correct truncate --correct-level sequence stale.jsonl -o sequence
  off --correct mask --correct-level sequence --correct-bound 0.5,1.2 stale.jsonl -o mask-sequence
  for folder in none truncate bound mask wider sequence mask-sequence; do model "$folder"; done | sort | uniq -d > same
  [ ! -s same ]
  cmp truncate/model.safetensors all/model.safetensors # no weight is beyond these bounds
  off --correct truncate --correct-bound 2 stale.jsonl -o default
  cmp truncate/model.safetensors default/model.safetensors
}
ok "each correction, bound and level makes another policy" all_differ
on_policy() {  # then every weight is 1 and both denominators are the same
  step "$in" -o fresh
  off --correct truncate --correct-bound 1 "$in" -o f1
  off --correct mask --correct-bound 1,1.5 --correct-level sequence "$in" -o f2
  cmp fresh/model.safetensors f1/model.safetensors
  cmp fresh/model.safetensors f2/model.safetensors
}
ok "samples of this policy are trained on as without a correction" on_policy
denominator() {
  off --epochs 1 --minibatch 24 --correct truncate --metrics m1 stale.jsonl -o d1
  off --epochs 1 --minibatch 24 --metrics m0 stale.jsonl -o d0
  holds m1 '.[0] | .["val/ratio"] == 1 and .["policy/approxkl_avg"] == 0'
  holds m0 '.[0] | .["val/ratio"] != 1 and (has("offpolicy/cut_share") | not)'
}
ok "the policy before the step is the ratio's denominator" denominator
# figure NAME JQ: the metric of the file m is what jq makes of $fresh and $stale, whose log-probs differ as the policies do.
figure() {
  jq -es --slurpfile fresh "$in" --slurpfile stale stale.jsonl \
    "([\$fresh, \$stale] | transpose | map([.[0].logprobs, .[1].logprobs] | transpose | map(.[0] - .[1]))) as \$x
     | def kish: (add * add) / (map(. * .) | add);
     .[0][\"$1\"] as \$got | ($2) as \$want
     | if (\$got - \$want | fabs) <= 1e-5 * (\$want | fabs) + 1e-9 then true else error(\"\(\$got) \(\$want)\") end" m
}
off --correct mask --correct-bound 0.7,1.2 --metrics m stale.jsonl -o told
ok "offpolicy/ess_tokens is Kish's number of tokens" figure offpolicy/ess_tokens '$x | add | map(exp) | kish'
ok "offpolicy/ess_sequences is that of sequences" figure offpolicy/ess_sequences '$x | map(add | exp) | kish'
ok "offpolicy/weight_max is the largest weight before the cut" figure offpolicy/weight_max '$x | add | map(exp) | max'
ok "offpolicy/cut_share is the share of tokens left out" figure offpolicy/cut_share \
  '$x | add | (map(select(exp < 0.7 or exp > 1.2)) | length) / length'
rewards() {
  off --dry-run stale.jsonl | jq -c .token_rewards > r0
  off --dry-run --correct mask stale.jsonl | jq -c .token_rewards > r1
  cmp r0 r1
}
ok "the penalty in the rewards keeps the recorded log-probs" rewards
misuse() {  # PATTERN OPTION...
  misuse_pattern=$1
  shift
  refused 64 "$misuse_pattern" step "$@" stale.jsonl -o bad
  [ ! -e bad ]
}
ok "--correct needs --off-policy" misuse 'only --off-policy accepts' --correct mask
ok "--max-age needs --off-policy" misuse 'only --off-policy accepts' --max-age 1
ok "--correct-bound needs a correction" misuse 'weighs nothing' --off-policy --correct-bound 2
ok "--correct-level needs a correction" misuse 'weighs nothing' --off-policy --correct-level sequence
ok "mask takes two bounds" misuse 'takes two numbers' --off-policy --correct mask --correct-bound 2
ok "truncate takes one bound" misuse 'takes one number' --off-policy --correct truncate --correct-bound 0.5,2
ok "three bounds are too many" misuse 'takes two numbers' --off-policy --correct mask --correct-bound 0.5,2,3
ok "a bound is a number" misuse "'x' is not a number" --off-policy --correct mask --correct-bound 0.5,x
ok "a bound is not missing" misuse "'' is not a number" --off-policy --correct mask --correct-bound 0.5,
ok "bounds are in order" misuse 'no weight is within' --off-policy --correct mask --correct-bound 2,0.5
ok "a largest weight of 0 leaves none" misuse 'no weight is within' --off-policy --correct truncate --correct-bound 0
target_kl() {
  refused 64 'approxkl is 0' ppo-step --policy "$TINY/p0" --objective reinforce --off-policy --correct mask \
    --target-kl 1 stale.jsonl -o bad
}
ok "reinforce has no use for --target-kl where samples are corrected" target_kl

# Three policies, one from the other.
step --epochs 1 "$in" -o p1
ppo-step -q --policy p1 --off-policy --epochs 1 "$in" -o p2
digest_of() { rollout -q --policy "$1" -n 1 --max-tokens 1 "$TINY/prompts.jsonl" | jq -r .policy | head -n 1; }
remembered() {
  [ "$(jq -c .policies p1/trainer/state.json)" = "[\"$(digest_of "$TINY/p0")\"]" ]
  [ "$(jq -c .policies p2/trainer/state.json)" = "[\"$(digest_of p1)\",\"$(digest_of "$TINY/p0")\"]" ]
}
ok "the trainer's state names the policies before, newest first" remembered
aged() { ppo-step --policy p2 --off-policy --epochs 1 "$@"; }
old() {
  refused 65 'record 1: was sampled by the policy of 2 iterations ago, --max-age is 1' aged --max-age 1 "$in" -o bad
  expect_stderr 'hint: .*raise --max-age'
  [ ! -e bad ]
  expect_status 0 aged --max-age 2 "$in" -o young
}
ok "--max-age refuses older records by name" old
unknown() {
  jq -c 'if input_line_number == 3 then .policy = "00" else . end' "$in" > unknown.jsonl
  refused 65 'record 3: was sampled by a policy that is none of the last 2 before this one' \
    aged --max-age 100 unknown.jsonl -o bad
  jq -c 'del(.policy)' "$in" > unnamed.jsonl
  refused 65 'record 1: was sampled by a policy that is none' aged --max-age 100 unnamed.jsonl -o bad
}
ok "a policy that isn't known is older than all" unknown
own() { expect_status 0 step --off-policy --max-age 0 "$in" -o own; }
ok "this policy's samples have age 0" own
at_most() { refused 64 'max-age' aged --max-age 101 "$in" -o bad; }
ok "no more policies are remembered than 100" at_most
