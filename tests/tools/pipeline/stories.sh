# PPO on a model that was trained on stories: a rule of one line is the reward, and six iterations raise it, also on
# prompts that were never trained on.
needs rollout score ppo-step jq
stories=${NUDGE_ORACLE:-$ROOT/../shared/oracle}/model/stories260K
[ -r "$stories/model.safetensors" ] || skip "no oracle folder"
jq -c '{prompt: .}' > prompts.jsonl <<'END'
"Once upon a time, there was a little girl"
"One day, a boy named Tim"
"Lily and Ben went to the park."
"The dog was sad because"
"Tom had a red ball."
"The sun was warm and"
"A bird sat in a tree."
"Mom said"
END
jq -c '{prompt: .}' > held-out.jsonl <<'END'
"There was a small cat."
"Ben and Mia like to play."
"One day, a girl named Sue"
"The big bear was"
END
sentences() { jq -c '.reward = (.response | [scan("[.!?]")] | length)'; }
for i in 0 1 2 3 4 5; do
  policy=p$i critic=
  [ $i != 0 ] || policy=$stories critic="--critic-init $stories"
  rollout -q --policy "$policy" -n 16 --max-tokens 32 --seed $i prompts.jsonl | sentences |
    score -q --ref "$stories" > scored-$i.jsonl
  # shellcheck disable=SC2086
  ppo-step --policy "$policy" $critic --lr 5e-4 --critic-lr 2e-3 --minibatch 32 --kl-beta 0.05 --records 128 \
    --metrics metrics.jsonl scored-$i.jsonl -o p$((i + 1)) 2> said-$i
done

mean_reward() {  # POLICY
  rollout -q --policy "$1" -n 32 --max-tokens 32 --seed 99 held-out.jsonl | sentences | jq -s 'map(.reward) | add / length'
}
# 128 answers' mean has a standard error of 0.1.
risen() {
  jq -es 'length == 6 and (map(."objective/scores") | .[5] - .[0] > 0.8)' metrics.jsonl ||
    { jq -c '."objective/scores"' metrics.jsonl; return 1; }
}
risen_unseen() {
  before=$(mean_reward "$stories") after=$(mean_reward p6)
  echo "$before before, $after after"
  jq -en --argjson a "$after" --argjson b "$before" '$a - $b > 0.8'
}
on_policy() { [ "$(grep -l 'first ratio min 1 max 1' said-? | wc -l)" = 6 ]; }
held_near() {
  jq -es '.[0]."objective/kl" == 0 and all(."objective/kl" < 30 and ."policy/entropy_avg" > 0.5) and
    (map(."critic/vf_explained_var") | .[0] < 0 and .[5] > 0.3)' metrics.jsonl || { cat metrics.jsonl; return 1; }
}
ok "the reward rises" risen
ok "it rises on prompts that weren't trained on" risen_unseen
ok "every iteration is on policy to the bit" on_policy
ok "the policy stays near the reference, and the critic learns" held_near
