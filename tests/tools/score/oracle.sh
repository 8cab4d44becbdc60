# Scores and log-probs against an independent implementation in float64, text to number.
. "$ROOT/tests/tools/tiny.inc"
. "$ROOT/tests/tools/goldens.inc"
# near FILE: |got - want| of each line [got, want] is below 10 times what honest float32 differs by.
near() { jq -es "length > 10 and all((.[0] - .[1] | fabs) < $tolerance)" "$1" > /dev/null || { sort "$1" |
  head -5; return 1; }; }
family_agrees() {
  m=$GOLDENS/model/dev/$family
  tolerance=$(jq --arg f "dev/$family" '.[$f].logits_max_abs * 10' "$GOLDENS/model/TOLERANCES.json")
  jq -c '.pairs | to_entries[] | {id: (.key | tostring), prompt: .value.prompt, chosen: .value.chosen,
    rejected: .value.rejected, want: [.value.chosen_out.rm_score_separate, .value.rejected_out.rm_score_separate]}' \
    "$m/e2e.json" > pairs.jsonl
  jq -c '.pairs | to_entries[] | .key as $k | (.value.chosen_out, .value.rejected_out)
    | {id: "\($k)/\(.response_ids | length)/\(.rm_score_separate)", prompt_ids, response_ids, want: .rm_score_separate,
       wanted: .logprobs_policy}' "$m/e2e.json" > trajectories.jsonl
  pairs_agree() {
    score -q --reward-model "$m/rm" pairs.jsonl > p.jsonl
    [ "$(wc -l < p.jsonl)" = "$(jq '.pairs | length' "$m/e2e.json")" ]
    jq -c '[.chosen_reward, .want[0]], [.rejected_reward, .want[1]]' p.jsonl > got
    near got
  }
  trajectories_agree() {
    score -q --reward-model "$m/rm" trajectories.jsonl | jq -c '[.reward, .want]' > got
    near got
  }
  logprobs_agree() {
    score -q --ref "$m/policy" trajectories.jsonl > l.jsonl
    holds l.jsonl 'all((.ref_logprobs | length) == (.wanted | length))'
    jq -c '[.ref_logprobs, .wanted] | transpose[]' l.jsonl > got
    near got
  }
  ok "$(whose), $family: rewards of pairs, from their texts" pairs_agree
  ok "$(whose), $family: rewards of trajectories, from their tokens" trajectories_agree
  ok "$(whose), $family: log-probs of the reference" logprobs_agree
}
all_agree() { for family in $(families); do family_agrees; done; }
with_goldens all_agree
