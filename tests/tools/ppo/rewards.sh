# --reward-scale, --reward-clip and --cut: what of a score enters the rewards.
. "$ROOT/tests/tools/tiny.inc"
. "$ROOT/tests/tools/ppo/unread.inc"
in=$TINY/scored.jsonl
dry() { ppo-step -q --dry-run --policy "$TINY/p0" --critic-init "$TINY/rm" --kl-beta 0 "$@"; }
group() { ppo-step -q --policy "$TINY/p0" --advantage group --lr 1e-3 --epochs 1 --minibatch 12 "$@"; }
deviation='def deviation: (add / length) as $m | map(. - $m | . * .) | add / (length - 1) | sqrt;'

clipped() {
  dry --reward-clip 0.5 --metrics c.jsonl "$in" > clip.jsonl
  holds clip.jsonl 'all((.token_rewards[-1] - ([[.reward, 0.5] | min, -0.5] | max) | fabs) < 1e-6)'
  holds clip.jsonl 'any(.reward > 0.5) and any(.reward < -0.5) and any(.reward | fabs < 0.5)'
  jq -es --slurpfile r clip.jsonl '($r | map(.reward) | add / length) as $raw | ($r | map(.token_rewards[-1]) | add / length)
    as $used | .[0] | (.["objective/scores"] - $raw | fabs) < 1e-5 and (.["objective/scores_used"] - $used | fabs) < 1e-5
    and .["objective/non_score_reward"] == 0 and (has("objective/score_scale") | not)' c.jsonl
}
ok "--reward-clip clips the score to -X .. X, and the metrics have both" clipped
scaled() {
  dry --reward-scale running --metrics s.jsonl "$in" > scale.jsonl
  holds scale.jsonl "$deviation"' (map(.reward) | deviation) as $s | all((.token_rewards[-1] - .reward / $s | fabs) < 1e-5)'
  jq -es --slurpfile r "$in" "$deviation"' ($r | map(.reward) | deviation) - .[0]["objective/score_scale"] | fabs < 1e-6' \
    s.jsonl
}
ok "--reward-scale running divides by the deviation of the scores" scaled
both() {
  dry --reward-scale running --reward-clip 0.5 "$in" > both.jsonl
  jq -es --slurpfile s scale.jsonl '[., $s] | transpose | all((.[0].token_rewards[-1] -
    ([[.[1].token_rewards[-1], 0.5] | min, -0.5] | max) | fabs) < 1e-6)' both.jsonl
}
ok "what is clipped is the scaled score" both
ppo_step_again() {  # POLICY OUTPUT OPTION...: off-policy, the same records with half the rewards
  again_policy=$1 again_output=$2
  shift 2
  jq -c '.reward /= 2' "$in" | ppo-step -q --off-policy --policy "$again_policy" --advantage group --epochs 1 "$@" \
    -o "$again_output"
}
travels() {
  group --reward-scale running "$in" -o s1
  jq -e '.["scores/count"] == 24' s1/trainer/state.json
  ppo_step_again s1 s2 --reward-scale running --metrics t.jsonl
  jq -e '.["scores/count"] == 48' s2/trainer/state.json
  jq -es --slurpfile r "$in" "$deviation"' ($r | map(.reward, .reward / 2) | deviation) - .[0]["objective/score_scale"]
    | fabs < 1e-6' t.jsonl
}
ok "the trainer's state carries the scores of earlier iterations" travels
handed_on() {
  ppo_step_again s1 s3
  jq -e '.["scores/count"] == 24' s3/trainer/state.json
  group "$in" -o plain
  jq -e 'has("scores/count") | not' plain/trainer/state.json
  differ plain/model.safetensors s1/model.safetensors
}
ok "an iteration without it hands them on, and a run without it has none" handed_on
any_order() {
  tac "$in" | group --reward-scale running --reward-clip 0.7 -o backward
  group --reward-scale running --reward-clip 0.7 "$in" -o forward
  cmp backward/model.safetensors forward/model.safetensors
  cmp backward/trainer/state.json forward/trainer/state.json
}
ok "the order of the records changes no bit" any_order
equal() {
  jq -c '.reward = 2' "$in" | dry --reward-scale running > e.jsonl
  holds e.jsonl 'all(.token_rewards[-1] == 2)'
}
ok "equal scores have no scale" equal
damaged() {  # FILTER PATTERN
  rm -rf broken
  cp -r s1 broken
  jq "$1" s1/trainer/state.json > broken/trainer/state.json
  refused 65 "$2" ppo-step --off-policy --policy broken --advantage group --reward-scale running "$in" -o never
  expect_stderr 'hint: remove the folder trainer/'
}
ok "a count below 0 in the state" damaged '.["scores/count"] = -1' 'field "scores/count" must be 0 or more'
ok "squares below 0 in the state" damaged '.["scores/squares"] = -1' 'field "scores/squares" must be 0 or more'
ok "a part of the scores is missing in the state" damaged 'del(.["scores/mean"])' 'field "scores/mean" is missing'

cut() {  # the critic begins as the reward model at its scale, so that V after the end is the score again, plus mean/std
  mean=$(jq '.reward_mean / .reward_std' "$TINY/rm/config.json")
  dry --cut bootstrap --no-whiten --lambda 1 --gamma 0.5 --metrics k.jsonl "$in" > cut.jsonl
  holds cut.jsonl 'any(.finish == "length") and any(.finish == "stop")'
  holds cut.jsonl 'all(if .finish == "stop" then .token_rewards[-1] == .reward else .token_rewards[-1] == 0 end)'
  holds cut.jsonl "$mean"' as $m | all((.returns[-1] - (if .finish == "stop" then .reward else (.reward + $m) / 2 end)
    | fabs) < 1e-4)'
  jq -es --slurpfile r cut.jsonl '($r | map(if .finish == "stop" then .reward else 0 end) | add / length) -
    .[0]["objective/scores_used"] | fabs < 1e-5' k.jsonl
}
ok "--cut bootstrap puts the critic's value after a cut response in its score's place" cut
end() {
  dry --cut end "$in" > x
  dry "$in" | cmp - x
  differ cut.jsonl x
}
ok "--cut end is the default" end
masked_end() {  # also behind tokens that do not count
  jq -c 'if .finish == "length" then .loss_mask = (.logprobs | map(1) | .[-1] = 0) else . end' "$in" > m.jsonl
  dry --cut bootstrap --no-whiten --lambda 1 --gamma 0.5 m.jsonl > mc.jsonl
  holds mc.jsonl "$(jq '.reward_mean / .reward_std' "$TINY/rm/config.json")"' as $m | map(select(.finish == "length"))
    | all((.returns[-2] - (.reward + $m) / 2 | fabs) < 1e-4)'
}
ok "the value is behind the whole response, masked tokens included" masked_end
shared() {
  ppo-step -q --policy "$TINY/p0" --critic shared --epochs 1 --cut bootstrap "$in" -o shared
  ppo-step -q --policy "$TINY/p0" --critic shared --epochs 1 "$in" -o shared-end
  differ shared/critic/shared.safetensors shared-end/critic/shared.safetensors
}
ok "a shared critic bootstraps, too" shared

ok "field reads no --reward-scale" unread --reward-scale --advantage field --reward-scale running
ok "field reads no --reward-clip" unread --reward-clip --advantage field --reward-clip 1
ok "without a critic no --cut" unread --cut --advantage rloo --cut bootstrap
ok "reinforce has no critic either" unread --cut --objective reinforce --cut bootstrap
zero() { expect_status 64 ppo-step --policy "$TINY/p0" --reward-clip 0 "$in" -o unread; expect_misuse; }
ok "--reward-clip 0 is misuse" zero
# What it would change is in no record: only `rewards`, one for each token.
per_token() {
  jq -c '.rewards = (.logprobs | map(0.1)) | del(.reward)' "$in" > per-token.jsonl
  expect_status 65 dry "$@" per-token.jsonl
  expect_stderr "no record has a \"reward\", which $1"
  dry per-token.jsonl > out
}
ok "--reward-scale without any reward is an error" per_token --reward-scale running
ok "--reward-clip without any reward is an error" per_token --reward-clip 1
