# Several iterations: what travels from one folder to the next, and what is lost without it.
. "$ROOT/tests/tools/tiny.inc"
iterate() {  # FROM TO OPTION...
  iterate_from=$1 iterate_to=$2
  shift 2
  rollout -qz --policy "$iterate_from" -n 3 --max-tokens 8 "$TINY/prompts.jsonl" |
    score -qz --reward-model "$TINY/rm" --ref "$TINY/base" > "$iterate_to.zst"
  ppo-step -q --policy "$iterate_from" --lr 3e-3 --epochs 2 --minibatch 9 --kl-control adaptive \
    --metrics metrics.jsonl "$@" "$iterate_to.zst" -o "$iterate_to"
}
iterate "$TINY/p0" p1 --critic-init "$TINY/rm" --critic-lr 3e-3
iterate p1 p2 --critic-lr 3e-3
# again FOLDER: the second iteration from a changed p1.
again() {
  rm -rf out2
  ppo-step -q --policy "$1" --lr 3e-3 --critic-lr 3e-3 --epochs 2 --minibatch 9 --kl-control adaptive p2.zst -o out2
}
ok "the second iteration takes the policy's critic, without --critic-init" test -f p2/critic/model.safetensors
counters() {
  jq -e '.iteration == 1 and .episodes == 18 and .steps == 4 and .critic_steps == 4' p1/trainer/state.json
  jq -e '.iteration == 2 and .episodes == 36 and .steps == 8 and .critic_steps == 8' p2/trainer/state.json
}
ok "counters go on" counters
ok "the metrics' counters rise" holds metrics.jsonl 'map([.iteration, .episode]) == [[0, 18], [1, 36]]'
controller() {
  holds metrics.jsonl '.[0]["objective/kl_beta"] == 0.05'
  jq -es --slurpfile s p1/trainer/state.json '$s[0].reward_kl_beta as $b |
    $b != 0.05 and .[1]["objective/kl_beta"] == $b' metrics.jsonl
}
ok "the controller's beta goes on" controller
controller_formula() {  # beta (1 + clip(KL/6 - 1, 0.2) n/10000)
  holds metrics.jsonl '.[0] | length > 0'
  jq -es --slurpfile s p1/trainer/state.json '.[0]["objective/kl"] as $kl
    | ([[$kl / 6 - 1, -0.2] | max, 0.2] | min) as $e | ($s[0].reward_kl_beta / (0.05 * (1 + $e * 18 / 10000)) - 1 |
      fabs) < 1e-9' \
    metrics.jsonl
}
ok "beta moves as Ziegler's formula says" controller_formula
same_from_copy() { cp -r p1 c1; again c1; diff -r p2 out2; }
ok "a copy of the folder goes on to the same bytes" same_from_copy
forgets() {
  cp -r p1 c2
  rm -r c2/trainer
  again c2
  differ p2/model.safetensors out2/model.safetensors
  jq -e '.iteration == 1' out2/trainer/state.json
}
ok "trainer/ may be deleted: the next iteration works, and differs" forgets
no_count() {
  cp -r p1 c10
  rm c10/trainer/state.json
  cp -r out2 without
  again c10
  cmp without/model.safetensors out2/model.safetensors
}
ok "moments without their count begin anew" no_count
other_moments() {
  cp -r p1 c11
  cp p2/trainer/optimizer.safetensors c11/trainer/optimizer.safetensors
  run="--lr 3e-3 --critic-lr 3e-3 --epochs 2 --minibatch 9 --kl-control adaptive p2.zst -o p2"
  expect_status 0 ppo-step --policy p1 $run
  expect_stderr 'exists already, from the same inputs'
  refused 73 'from other inputs' ppo-step --policy c11 $run
}
ok "other moments are not the same run" other_moments
moments() {
  cp -r p1 c3
  rm c3/trainer/optimizer.safetensors
  again c3
  differ p2/model.safetensors out2/model.safetensors
}
ok "the policy's moments go on" moments
critic_moments() {
  cp -r p1 c4
  rm c4/trainer/critic-optimizer.safetensors
  again c4
  differ p2/critic/model.safetensors out2/critic/model.safetensors
}
ok "the critic's moments go on" critic_moments
own_critic() {
  cp -r p1 c5
  rm -r c5/critic
  refused 65 'no critic yet' ppo-step --policy c5 p2.zst -o out5
  rm -rf out5 c5/trainer
  ppo-step -q --policy c5 --critic-init "$TINY/rm" --lr 3e-3 --critic-lr 3e-3 --epochs 2 --minibatch 9 p2.zst -o out5
  differ p2/critic/model.safetensors out5/critic/model.safetensors
}
ok "without critic/ it begins anew, from --critic-init" own_critic
stale_moments() {  # moments of a critic that is gone
  cp -r p1 c10
  rm -r c10/critic
  cp -r c10 c12
  rm c12/trainer/critic-optimizer.safetensors
  for c in c10 c12; do
    ppo-step -q --policy $c --critic-init "$TINY/rm" --lr 3e-3 --critic-lr 3e-3 --epochs 1 p2.zst -o $c.next
  done
  cmp c10.next/critic/model.safetensors c12.next/critic/model.safetensors
}
ok "a new critic does not take the old one's moments" stale_moments
critic_init_is_idle() {
  rm -rf out6
  ppo-step -q --policy p1 --critic-init "$TINY/base" --lr 3e-3 --critic-lr 3e-3 --epochs 2 --minibatch 9 --kl-control \
    adaptive p2.zst -o out6
  cmp out6/critic/model.safetensors p2/critic/model.safetensors
}
ok "--critic-init is only for a policy without critic" critic_init_is_idle
damaged_state() {
  cp -r p1 c7
  echo '{"iteration":' > c7/trainer/state.json
  refused 65 'c7/trainer/state.json: is not a JSON object' ppo-step --policy c7 p2.zst -o out7
  echo '{"iteration":-1}' > c7/trainer/state.json
  refused 65 'c7/trainer/state.json: field "episodes" is missing' ppo-step --policy c7 p2.zst -o out7
  jq '.iteration = -1' p1/trainer/state.json > c7/trainer/state.json
  refused 65 'c7/trainer/state.json: field "iteration" must be 0 or more' ppo-step --policy c7 p2.zst -o out7
  jq '.steps = 1.5' p1/trainer/state.json > c7/trainer/state.json
  refused 65 'c7/trainer/state.json: field "steps" must be an integer below 2.53, not 1.5' ppo-step --policy c7 p2.zst -o out7
}
ok "a damaged state is refused" damaged_state
bad_beta() {
  rm -rf c13 && cp -r p1 c13
  for beta in '"0.7"' 0 -1 null; do
    jq ".reward_kl_beta = $beta" p1/trainer/state.json > c13/trainer/state.json
    case $beta in
      0 | -1) cause='must be above 0' ;;
      null) cause='is null' ;;
      *) cause='must be a number, not "0.7"' ;;
    esac
    refused 65 "c13/trainer/state.json: field \"reward_kl_beta\" $cause" ppo-step --policy c13 p2.zst -o out13
  done
}
ok "a stored beta of another kind is refused" bad_beta
fixed_then_adaptive() {  # a fixed beta is not the controller's state
  step="ppo-step -q --critic-init $TINY/rm --lr 1e-4 --epochs 1"
  $step --policy "$TINY/p0" --kl-beta 0 --objective kl --policy-beta 0 "$TINY/scored.jsonl" -o f1
  jq -e 'has("reward_kl_beta") or has("objective_kl_beta") | not' f1/trainer/state.json
  rollout -q --policy f1 -n 4 --max-tokens 8 "$TINY/prompts.jsonl" | score -q --reward-model "$TINY/rm" --ref \
    "$TINY/base" > f1.jsonl
  $step --policy f1 --kl-control adaptive --kl-beta 0.05 --objective kl --policy-kl-control halving --policy-beta 3 \
    --metrics f.jsonl f1.jsonl -o f2
  holds f.jsonl '.[0] | .["objective/kl_beta"] == 0.05 and .["policy/kl_beta"] == 3'
  jq -e '.reward_kl_beta > 0 and .objective_kl_beta > 0' f2/trainer/state.json
}
ok "a beta that was fixed at 0 does not stop one that adapts" fixed_then_adaptive
damaged_moments() {
  cp -r p1 c8
  head -c 3000 p1/trainer/optimizer.safetensors > c8/trainer/optimizer.safetensors
  refused 65 'c8/trainer/optimizer.safetensors' ppo-step --policy c8 p2.zst -o out8
}
ok "damaged moments are refused" damaged_moments
stale() { refused 65 'was sampled by policy' ppo-step --policy p1 --critic-init "$TINY/rm" p1.zst -o out9; }
ok "the trajectories of the iteration before are refused" stale

iterate "$TINY/p0" s1 --critic shared
shared_layout() {
  [ -f s1/critic/shared.safetensors ]
  [ ! -e s1/critic/config.json ]
  rollout -q --policy s1 --max-tokens 3 "$TINY/prompts.jsonl" > r.jsonl
  differ s1/model.safetensors "$TINY/p0/model.safetensors"
}
ok "--critic shared trains a head beside the policy, which loads as before" shared_layout
shared_goes_on() {
  iterate s1 s2 --critic shared
  differ s1/critic/shared.safetensors s2/critic/shared.safetensors
  # Without the head it begins anew: another outcome.
  cp -r s1 s1b
  rm -r s1b/critic s1b/trainer/optimizer.safetensors
  ppo-step -q --policy s1b --critic shared --lr 3e-3 --epochs 2 --minibatch 9 --kl-control adaptive s2.zst -o s2b
  differ s2/critic/shared.safetensors s2b/critic/shared.safetensors
}
ok "a shared critic goes on in the next iteration" shared_goes_on
shared_head_counts() {
  cp -r s1 s1c
  cp s2/critic/shared.safetensors s1c/critic/shared.safetensors
  again_shared="--critic shared --lr 3e-3 --epochs 2 --minibatch 9 --kl-control adaptive"
  expect_status 0 ppo-step --policy s1 $again_shared s2.zst -o s2
  expect_stderr 'exists already, from the same inputs'
  refused 73 'from other inputs' ppo-step --policy s1c $again_shared s2.zst -o s2
}
ok "another shared head is not the same run" shared_head_counts
reinforce_hands_on() {
  ppo-step -q --policy p1 --objective reinforce p2.zst -o r2
  diff -r p1/critic r2/critic
  cmp p1/trainer/critic-optimizer.safetensors r2/trainer/critic-optimizer.safetensors
  jq -e '.critic_steps == 4 and .iteration == 2' r2/trainer/state.json
  ppo-step -q --policy s1 --objective reinforce s2.zst -o rs2
  diff -r s1/critic rs2/critic
}
ok "reinforce hands on a critic that it doesn't need" reinforce_hands_on
idle_critic_counts() {
  cp -r p1 c14
  cp p2/critic/model.safetensors c14/critic/model.safetensors
  refused 73 'from other inputs' ppo-step -q --policy c14 --objective reinforce p2.zst -o r2
  cp -r p1 c15
  jq '.eos_token_id = 5' p1/generation_config.json > c15/generation_config.json
  refused 73 'from other inputs' ppo-step -q --policy c15 --objective reinforce p2.zst -o r2
}
ok "a critic that is handed on and generation settings are part of the run" idle_critic_counts
own_to_shared() {
  cp -r p1 c9
  rm -r c9/critic
  ppo-step -q --policy c9 --critic shared p2.zst -o out11
  [ -f out11/critic/shared.safetensors ]
}
ok "from an own critic to a shared one the value head begins anew" own_to_shared
mixed() {
  refused 65 'the policy has a separate critic' ppo-step --policy p1 --critic shared p2.zst -o out10
  refused 65 'the policy has a shared critic' ppo-step --policy s1 --critic-init "$TINY/rm" s2.zst -o out10
}
ok "one kind of critic is not taken for the other" mixed
learns() {  # six iterations: a reward for the letter o
  cp -r "$TINY/p0" q0
  for i in 0 1 2 3 4 5; do
    rollout -q --policy q$i -n 8 --max-tokens 8 --seed $i "$TINY/prompts.jsonl" |
      jq -c '.reward = ([.response | scan("o")] | length)' |
      ppo-step -q --records 48 --policy q$i --critic-init "$TINY/base" --kl-beta 0 --lr 2e-3 --critic-lr 2e-3 \
        --epochs 3 \
        --minibatch 16 --metrics learn.jsonl -o q$((i + 1))
  done
  holds learn.jsonl '.[-1]["objective/scores"] > .[0]["objective/scores"] + 0.5'
}
ok "the reward rises over iterations" learns
