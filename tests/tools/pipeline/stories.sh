# PPO on a model that was trained: a rule of one line is the reward, and six iterations raise it, also on prompts that
# were never trained on.
needs rollout score ppo-step jq
. "$ROOT/tests/tools/goldens.inc"

tales_prompts() {
  jq -nc '"Tom had a", "One day Ann", "The dog was", "Ben saw", "Mom", "A girl had a", "Mia was", "A cat"
    | {prompt: .}' > prompts.jsonl
  jq -nc '"Ann saw a", "The dog had", "One day Mom", "Tom was" | {prompt: .}' > held-out.jsonl
}
stories_prompts() {
  jq -nc '"Once upon a time, there was a little girl", "One day, a boy named Tim", "Lily and Ben went to the park.",
    "The dog was sad because", "Tom had a red ball.", "The sun was warm and", "A bird sat in a tree.", "Mom said"
    | {prompt: .}' > prompts.jsonl
  jq -nc '"There was a small cat.", "Ben and Mia like to play.", "One day, a girl named Sue", "The big bear was"
    | {prompt: .}' > held-out.jsonl
}
sentences() { jq -c '.reward = (.response | [scan("[.!?]")] | length)'; }
improve() {  # LR CRITIC_LR
  for i in 0 1 2 3 4 5; do
    policy=p$i critic=
    [ $i != 0 ] || policy=$story critic="--critic-init $story"
    rollout -q --policy "$policy" -n 16 --max-tokens 32 --seed $i prompts.jsonl | sentences |
      score -q --ref "$story" > scored-$i.jsonl
    # shellcheck disable=SC2086
    ppo-step --policy "$policy" $critic --lr "$1" --critic-lr "$2" --minibatch 32 --kl-beta 0.05 --records 128 \
      --metrics metrics.jsonl scored-$i.jsonl -o p$((i + 1)) 2> said-$i
  done
}

mean_reward() {  # POLICY
  rollout -q --policy "$1" -n 32 --max-tokens 32 --seed 99 held-out.jsonl | sentences | jq -s 'map(.reward) | add / length'
}
# 128 answers' mean has a standard error of 0.1.
risen() {
  jq -es 'length == 6 and (map(."objective/scores") | .[5] - .[0] > 0.8)' metrics.jsonl ||
    { jq -c '."objective/scores"' metrics.jsonl; return 1; }
}
risen_unseen() {
  before=$(mean_reward "$story") after=$(mean_reward p6)
  echo "$before before, $after after"
  jq -en --argjson a "$after" --argjson b "$before" '$a - $b > 0.8'
}
on_policy() { [ "$(grep -l 'first ratio min 1 max 1' said-? | wc -l)" = 6 ]; }
held_near() {
  jq -es '.[0]."objective/kl" == 0 and all(."objective/kl" < 30 and ."policy/entropy_avg" > 0.5) and
    (map(."critic/vf_explained_var") | .[0] < 0 and .[5] > 0.3)' metrics.jsonl || { cat metrics.jsonl; return 1; }
}
learns() {
  set_story
  rm -rf p? metrics.jsonl
  if [ "$(whose)" = tree ]; then
    tales_prompts
    improve 1e-3 1e-2
  else
    stories_prompts
    improve 5e-4 2e-3
  fi
  ok "$(whose): the reward rises" risen
  ok "$(whose): it rises on prompts that weren't trained on" risen_unseen
  ok "$(whose): every iteration is on policy to the bit" on_policy
  ok "$(whose): the policy stays near the reference, and the critic learns" held_near
}
with_goldens learns
