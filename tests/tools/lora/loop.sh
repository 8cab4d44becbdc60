# The loop with adapters: an adapter of sft-train, one of rm-train, two iterations of ppo-step, the sum.
. "$ROOT/tests/tools/lora/lora.inc"
cp -r base before
iteration() {  # FROM TO OPTION...
  from=$1 to=$2
  shift 2
  rollout -q --policy "$from" -n 4 --max-tokens 8 "$TINY/prompts.jsonl" |
    score -q --reward-model judge --ref base > "$to.jsonl"
  status_of ppo-step --policy "$from" --lr 3e-3 --epochs 2 --minibatch 10 "$@" "$to.jsonl" -o "$to"
  [ "$status" = 0 ] || cat err
  expect_stderr 'first ratio min 1 max 1, '
}
makes() {
  sft-train -q --init base --lora-rank 4 --lr 3e-3 --batch 16 "$answers" -o first
  rm-train -q --init base --lora-rank 4 --lr 3e-3 --batch 8 --normalize-std "$pairs" -o judge
  config judge '.task_type == "SEQ_CLS" and .modules_to_save == ["score"]'
  iteration first p1 --critic-init judge
  iteration p1 p2
  for folder in p1 p2; do
    [ ! -e $folder/model.safetensors ] && [ ! -e $folder/critic/model.safetensors ]
    config $folder '.base_model_name_or_path == "base" and .r == 4'
    config $folder/critic '.base_model_name_or_path == "base" and .task_type == "SEQ_CLS"'
  done
  others first p1 && others p1 p2 && others p1/critic p2/critic
  jq -e '.iteration == 2 and .steps == 12' p2/trainer/state.json
}
rewards() {  # normalised as rm-train says: mean and deviation are in the file
  score -q --reward-model judge "$pairs" | jq -s '[.[].chosen_reward, .[].rejected_reward] |
    (add / length) as $m | [$m, (map((. - $m) * (. - $m)) | add / length | sqrt)]' > moments
  jq -e '(.[0] | fabs) < 1e-4 and (.[1] - 1 | fabs) < 1e-4' moments
  header judge | jq -e '.__metadata__ | (.reward_std | tonumber) > 0 and (.reward_mean | tonumber) != 0 and
    (.base_digest | test("^[0-9a-f]{32}$"))'
}
base_stays() { diff -r before base; }
no_path() {  # but the base's name
  if grep -r -e "$PWD" -e "$TINY" p1 p2 judge first; then return 1; fi
  if grep -r -e "$(uname -n)" --include='*.json' p1 p2 judge first; then return 1; fi
  header p1 | jq -e '.__metadata__ | keys == ["base_digest", "format"]'
}
small() { [ "$(du -sb p2 | cut -f 1)" -lt $(($(wc -c < base/model.safetensors) * 3)) ]; }
summed() {
  sft-train -q --epochs 0 --init p2 --merge -o whole
  rollout -q --policy whole -n 4 --max-tokens 8 "$TINY/prompts.jsonl" > by_whole.jsonl
  kl-report -q --old p2 --new whole --json p2.jsonl > report.json
  logprobs p2 > one && logprobs whole > two
  below "$(apart one two)" 1e-4
  expect_status 65 ppo-step --policy whole --critic-init judge p2.jsonl -o bad  # sampled by p1
}
fresh() {  # a new adapter takes its base's samples
  expect_status 0 ppo-step --policy p0 --lora-rank 2 --critic-init p0 "$scored" -o fresh
  expect_stderr 'first ratio min 1 max 1, '
  config fresh/critic '.base_model_name_or_path == "p0"'
}
reference_is_base() {  # the policy without its adapter
  iteration first exact --critic-init judge --ref base --kl-loss 0.1 --kl-loss-kind exact
  iteration first without --critic-init judge
  others exact without
}
critics() {
  iteration first shared --critic shared
  iteration shared shared2 --critic shared
  [ -e shared2/critic/shared.safetensors ]
  header shared2 | jq -e 'has("base_model.model.score.weight") | not'
  iteration first full --critic-init rm
  [ -e full/critic/model.safetensors ]
  iteration full full2
  iteration first of_base --critic-init base
  config of_base/critic '.r == 4 and .base_model_name_or_path == "base"'
  iteration first on_p0 --critic-init p0
  config on_p0/critic '.base_model_name_or_path == "p0"'
  iteration on_p0 on_p02
  iteration first none --advantage rloo
  [ ! -e none/critic ]
  iteration p1 handed_on --advantage rloo
  diff -r p1/critic handed_on/critic
}
objectives() {
  for objective in kl is reinforce; do
    rollout -q --policy first -n 4 --max-tokens 8 "$TINY/prompts.jsonl" | score -q --reward-model judge --ref base > o.jsonl
    expect_status 0 ppo-step --policy first --lr 3e-3 --objective $objective $(critic_for $objective) o.jsonl -o "by-$objective"
    expect_stderr 'first ratio min 1 max 1, '
    others first "by-$objective"
  done
}
critic_for() { [ "$1" = reinforce ] || echo '--critic-init judge'; }
with_config() {  # a config.json beside it, as some trainers save
  cp -r p1 beside && cp base/config.json beside/
  score -q --ref beside p2.jsonl | cmp - p2_by_p1 && score -q --ref p1 p2.jsonl | cmp - p2_by_p1
}
in_bf16() {
  rollout -q --policy first -n 4 --max-tokens 8 --dtype bf16 "$TINY/prompts.jsonl" |
    score -q --dtype bf16 --reward-model judge --ref base > b.jsonl
  expect_status 0 ppo-step --policy first --critic-init judge b.jsonl -o b
  expect_stderr 'first ratio min 1 max 1, '
}
on_trained() {  # an adapter on a policy that was trained whole takes its critic and its counts, not its moments
  ppo-step -q --policy p0 --critic-init rm "$scored" -o w1
  iteration w1 w2 --lora-rank 2
  jq -e '.iteration == 2 and .steps == 6' w2/trainer/state.json
  [ -e w2/critic/model.safetensors ] && config w2 '.base_model_name_or_path == "w1"'
  ppo-step -q --policy p0 --critic shared "$scored" -o v1
  iteration v1 v2 --lora-rank 2 --critic shared
  iteration v2 v3 --critic shared
}
ok "two iterations, the first ratio exactly 1" makes
ok "the reward model's adapter keeps mean and deviation" rewards
ok "the base stays as it was" base_stays
ok "the folders hold no path but the base's name" no_path
ok "an iteration's folder is small" small
ok "the sum has its log-probs, and is another policy" summed
ok "a new adapter takes its base's samples" fresh
ok "the reference is the base" reference_is_base
ok "critics of each kind" critics
ok "other objectives" objectives
ok "on a policy that was trained whole" on_trained
score -q --ref p1 p2.jsonl > p2_by_p1
ok "a config.json beside an adapter says nothing" with_config
ok "bf16" in_bf16
