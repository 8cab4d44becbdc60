# Reward models as other software leaves them: the line that an error gives mends the folder.
. "$ROOT/tests/tools/tiny.inc"
other_class() {  # OpenRLHF's name for the class, its mean and deviation, no pad
  cp -R "$TINY/rm" other
  jq '.mean = .reward_mean | .std = .reward_std | .normalize_reward = true | del(.reward_mean, .reward_std, .pad_token_id) |
    .architectures = ["RewardModel"]' "$TINY/rm/config.json" > other/config.json
  expect_status 65 score --reward-model other "$TINY/sampled.jsonl"
  expect_stderr '"architectures" names RewardModel, which is not supported'
  sed -n "s/.*config.json: \(jq '.*'\)\$/\1/p" err > line
  [ -s line ]
  eval "$(cat line) other/config.json" > mended && cp mended other/config.json
  # Without a pad it reads the last token, as OpenRLHF does; with one that no text has, so does ours.
  cp -R "$TINY/rm" last && jq '.pad_token_id = null' "$TINY/rm/config.json" > last/config.json
  score -q --reward-model last "$TINY/sampled.jsonl" | jq -c .reward > want.last
  score -q --reward-model other "$TINY/sampled.jsonl" | jq -c .reward | cmp - want.last
}
ok "OpenRLHF's reward models, by the line of jq that the error gives" other_class
named_pad() {
  cp -R "$TINY/rm" padded && jq '.pad_token_id = .eos_token_id' "$TINY/rm/config.json" > padded/config.json
  jq -c 'select(.response_ids | length > 1)' "$TINY/sampled.jsonl" > some.jsonl
  score -q --reward-model padded some.jsonl | jq -c .reward > by_pad
  # Responses that stopped are scored as they would be without their last token.
  jq -c 'if .finish == "stop" then .response_ids |= .[:-1] else . end | del(.logprobs)' some.jsonl > shorter.jsonl
  score -q --reward-model padded shorter.jsonl | jq -c .reward | cmp - by_pad
  score -q --reward-model last some.jsonl | jq -c .reward > by_last
  differ by_pad by_last
}
ok "with the ending token as the pad, the token before it is read" named_pad
hub_name() {
  expect_status 66 score --ref HuggingFaceTB/SmolLM2-135M "$TINY/sampled.jsonl"
  expect_stderr 'HuggingFaceTB/SmolLM2-135M: no such model folder'
  expect_stderr 'hf download HuggingFaceTB/SmolLM2-135M --local-dir FOLDER'
}
ok "a name on the hub is no folder, and how to get one is said" hub_name
