# The rate over a run's iterations, and the critic's warm-up. A run's place is the policy folder's "iteration".
. "$ROOT/tests/tools/tiny.inc"
in=$TINY/scored.jsonl
step() {
  ppo-step -q --critic-init "$TINY/rm" --lr 3e-3 --critic-lr 6e-3 --epochs 2 --minibatch 10 "$@"
}
step --policy "$TINY/p0" --epochs 1 "$in" -o p1
rollout -q --policy p1 -n 4 --max-tokens 8 "$TINY/prompts.jsonl" |
  score -q --reward-model "$TINY/rm" --ref "$TINY/base" > next.jsonl

# at ITERATION OPTION...: the step of that iteration, from 0, into the folder at.
at() {
  rm -rf from at at.m
  cp -r p1 from
  jq ".iteration = $1" p1/trainer/state.json > from/trainer/state.json
  shift
  step --policy from --metrics at.m "$@" next.jsonl -o at
}
# rates FACTORS OPTION...: the rates of the iterations from 0 are these parts of the peaks.
rates() {
  rates_i=0
  rates_of=$1
  shift
  for rates_factor in $rates_of; do
    at $rates_i "$@"
    holds at.m ".[0] | (.lr / 3e-3 - $rates_factor | fabs) < 1e-6 and (.[\"critic/lr\"] / 6e-3 - $rates_factor | fabs) < 1e-6"
    rates_i=$((rates_i + 1))
  done
}
# With p = (s - W)/(N - W) for s >= W: 1 - p, and (1 + cos pi p)/2; before, (s + 1)/(W + 1).
ok "constant" rates "1 1 1" --epochs 1
ok "a constant rate after a warm-up" rates "0.3333333333 0.6666666667 1 1" --epochs 1 --warmup 2
ok "linear" rates "1 0.75 0.5 0.25" --epochs 1 --schedule linear --iterations 4
ok "linear after a warm-up" rates "0.3333333333 0.6666666667 1 0.6666666667 0.3333333333" --epochs 1 --schedule linear \
  --iterations 5 --warmup 2
ok "cosine" rates "1 0.8535533906 0.5 0.1464466094" --epochs 1 --schedule cosine --iterations 4
rate_is_used() {  # half of the rate by the schedule, and by the options
  at 2 --schedule linear --iterations 4
  mv at half
  at 2 --lr 1.5e-3 --critic-lr 3e-3
  cmp half/model.safetensors at/model.safetensors
  cmp half/critic/model.safetensors at/critic/model.safetensors
}
ok "policy and critic learn at that rate" rate_is_used
the_run_is_done() {
  rm -rf from
  cp -r p1 from
  jq '.iteration = 4' p1/trainer/state.json > from/trainer/state.json
  for schedule in linear cosine; do
    refused 65 'from: its next iteration would be 5 of 4: the run is done' step --policy from --schedule $schedule \
      --iterations 4 next.jsonl -o done
  done
  refused 65 'its next iteration would be 5 of 4' step --policy from --warmup 1 --iterations 4 next.jsonl -o done
  [ ! -e done ]
}
ok "an iteration beyond the last is refused" the_run_is_done

warm() { step --policy "$TINY/p0" --critic-warmup 2 "$@"; }
warm --metrics w.m "$in" -o w1
policy_stays() {
  cmp "$TINY/p0/model.safetensors" w1/model.safetensors
  jq -e '.iteration == 1 and .steps == 0 and .critic_steps == 6' w1/trainer/state.json
  holds w.m '.[0] | .["val/ratio"] == 1 and .["policy/approxkl_avg"] == 0 and .["policy/kl_step"] == 0
    and .["policy/entropy_avg"] > 0 and .["loss/value_avg"] > 0'
}
ok "in the critic's warm-up the policy and its optimizer stay" policy_stays
critic_learns() {  # as where the policy's rate is 0
  step --policy "$TINY/p0" --lr 0 --max-norm 0 "$in" -o still
  warm --max-norm 0 "$in" -o w1b
  cmp still/critic/model.safetensors w1b/critic/model.safetensors
  cmp still/trainer/critic-optimizer.safetensors w1b/trainer/critic-optimizer.safetensors
}
ok "and the critic learns" critic_learns
same_samples() {  # the next iteration takes those of either folder
  step --policy w1 --critic-warmup 2 "$in" -o w2
  cmp "$TINY/p0/model.safetensors" w2/model.safetensors
  differ w1/critic/model.safetensors w2/critic/model.safetensors
  step --policy w2 --critic-warmup 2 "$in" -o w3
  differ w2/model.safetensors w3/model.safetensors
  jq -e '.iteration == 3 and .steps == 6 and .critic_steps == 18' w3/trainer/state.json
}
ok "for so many iterations; samples of either policy will do" same_samples
controllers_stay() {
  warm --kl-control adaptive --kl-beta 0.3 --objective kl --policy-kl-control halving --policy-beta 3 "$in" -o c1
  jq -e '.reward_kl_beta == 0.3 and .objective_kl_beta == 3' c1/trainer/state.json
}
ok "so do the controllers" controllers_stay

shared() { ppo-step -q --critic shared --lr 3e-3 --epochs 2 --minibatch 10 --critic-warmup 2 "$@"; }
trunk_stays() {
  shared --policy "$TINY/p0" "$in" -o s1
  cmp "$TINY/p0/model.safetensors" s1/model.safetensors
  jq -e '.iteration == 1 and .steps == 0 and .critic_steps == 6' s1/trainer/state.json
  shared --policy s1 "$in" -o s2
  cmp "$TINY/p0/model.safetensors" s2/model.safetensors
  differ s1/critic/shared.safetensors s2/critic/shared.safetensors
  jq -e '.critic_steps == 12' s2/trainer/state.json
  # Without the head's moments the second iteration ends elsewhere.
  cp -r s1 s1b
  rm s1b/trainer/critic-optimizer.safetensors
  shared --policy s1b "$in" -o s2b
  differ s2/critic/shared.safetensors s2b/critic/shared.safetensors
}
ok "a shared critic's trunk stays, and its head goes on" trunk_stays
then_all_learn() {
  shared --policy s2 "$in" -o s3
  differ s2/model.safetensors s3/model.safetensors
  differ s2/critic/shared.safetensors s3/critic/shared.safetensors
  jq -e '.steps == 6 and .critic_steps == 0' s3/trainer/state.json
  [ ! -e s3/trainer/critic-optimizer.safetensors ]
}
ok "after it, policy and shared head learn together" then_all_learn
head_moments_count() {
  expect_status 0 ppo-step --critic shared --lr 3e-3 --epochs 2 --minibatch 10 --critic-warmup 2 --policy s1 "$in" -o s2
  expect_stderr 'exists already, from the same inputs'
  refused 73 'from other inputs' shared --policy s1b "$in" -o s2
}
ok "other moments of the head are not the same run" head_moments_count
misuse() {
  expect_status 64 step --policy "$TINY/p0" "$@" "$in" -o no
  expect_misuse
}
while read -r options; do
  # shellcheck disable=SC2086
  ok "$options is misuse" misuse $options
done <<'EOF'
--schedule linear
--schedule cosine --warmup 2
--schedule constant --iterations 4
--iterations 4
--schedule linear --iterations 4 --warmup 5
--warmup 5 --iterations 4
EOF
