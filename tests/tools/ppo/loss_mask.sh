# loss_mask: what is masked is context and nothing else, in ppo-step, score and kl-report.
. "$ROOT/tests/tools/tiny.inc"
in=$TINY/scored.jsonl
# Every third token is masked; a response of one token isn't.
jq -c '.loss_mask = (.logprobs | if length == 1 then [1] else to_entries | map(if .key % 3 == 1 then 0 else 1 end) end)' \
  "$in" > masked.jsonl
# The same with other numbers where the mask is 0.
jq -c 'reduce (.loss_mask | to_entries[] | select(.value == 0).key) as $k (.; .logprobs[$k] = 0 | .ref_logprobs[$k] = 7)
  | .rewards = (.loss_mask | map(if . == 0 then 50 else 0.25 end))' masked.jsonl > context.jsonl
jq -c '.rewards = (.loss_mask | map(if . == 0 then -3 else 0.25 end))' masked.jsonl > added.jsonl
step() { ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --lr 3e-3 --epochs 2 --minibatch 10 --kl-loss 0.1 "$@"; }
dry() { ppo-step -q --dry-run --policy "$TINY/p0" --critic-init "$TINY/rm" "$@"; }

unread() {
  step --metrics a.jsonl context.jsonl -o context
  step --metrics b.jsonl added.jsonl -o added
  cmp context/model.safetensors added/model.safetensors
  cmp context/critic/model.safetensors added/critic/model.safetensors
  jq -c 'del(.eps, .time)' a.jsonl > x
  jq -c 'del(.eps, .time)' b.jsonl | cmp - x
}
ok "numbers of masked tokens are in no sum, and their log-probs are not compared" unread
changes() {
  step masked.jsonl -o masked
  step "$in" -o whole
  differ masked/model.safetensors whole/model.safetensors
  differ masked/critic/model.safetensors whole/critic/model.safetensors
}
ok "a mask changes policy and critic" changes
ones() {
  jq -c '.loss_mask = (.logprobs | map(1))' "$in" | step -o ones
  cmp ones/model.safetensors whole/model.safetensors
  cmp ones/critic/model.safetensors whole/critic/model.safetensors
}
ok "a mask of ones is no mask" ones
zeros() {
  dry masked.jsonl > dry.jsonl
  holds dry.jsonl 'all(.loss_mask as $m | [.values, .token_rewards, .advantages, .returns, .ratio, .policy_loss]
    | all((length == ($m | length)) and ([., $m] | transpose | all(.[1] == 1 or .[0] == 0))))'
  holds dry.jsonl 'all([.ratio, .loss_mask] | transpose | all(.[0] == .[1]))'
}
ok "--dry-run writes lists of the response's length, with 0 where the mask is" zeros
last() {  # the score is at the last token that counts
  jq -c 'if (.logprobs | length) > 1 then .loss_mask = (.logprobs | map(1) | .[-1] = 0) else . end' "$in" > tail.jsonl
  dry --kl-beta 0 tail.jsonl > t.jsonl
  holds t.jsonl 'all(if .loss_mask then .token_rewards[-2] == .reward else .token_rewards[-1] == .reward end)'
}
ok "the score is at the last token that counts" last
linked() {  # GAE goes from a token that counts to the next one that does
  dry --no-whiten --lambda 0 masked.jsonl > l.jsonl
  holds l.jsonl 'all([.values, .token_rewards, .advantages, .loss_mask] | transpose | map(select(.[3] == 1)) as $t
    | range($t | length) as $k | ($t[$k][1] + ($t[$k + 1][0] // 0) - $t[$k][0] - $t[$k][2] | fabs) < 1e-5)'
}
ok "GAE links the tokens on either side of masked ones" linked
means() {
  dry --metrics m.jsonl masked.jsonl > /dev/null
  jq -es --slurpfile r masked.jsonl '($r | map(.loss_mask | add) | add / length) as $n
    | .[0]["response_length/mean"] - $n | fabs < 1e-9' m.jsonl
  jq -es --slurpfile r masked.jsonl '($r | map([.logprobs, .ref_logprobs, .loss_mask] | transpose
    | map((.[0] - .[1]) * .[2]) | add) | add / length) as $kl | .[0]["objective/kl"] - $kl | fabs < 1e-5' m.jsonl
}
ok "length and KL are of the tokens that count" means
again() {
  ppo-step -q --dry-run --policy "$TINY/p0" --advantage group masked.jsonl > g.jsonl
  ppo-step -q --dry-run --policy "$TINY/p0" --advantage field g.jsonl | jq -c .advantages > x
  jq -c .advantages g.jsonl | cmp - x
}
ok "--advantage field takes lists with masks back" again

# bad PATTERN FILTER: with record 3 changed it is refused by name.
bad() {
  jq -c "if input_line_number == 3 then ($2) else . end" "$in" > bad.jsonl
  refused 65 "^ppo-step: error: bad.jsonl: record 3: field \"loss_mask\" $1" dry bad.jsonl
}
ok "a mask of another length" bad 'has 1 numbers for' '.loss_mask = [1]'
ok "a mask with another number" bad 'contains 2, which is neither 0 nor 1' '.loss_mask = (.logprobs | map(2))'
ok "a mask that is no list" bad 'must be' '.loss_mask = 1'
ok "a mask of zeros alone" bad 'is 0 for every token' '.loss_mask = (.logprobs | map(0))'

scored() {
  jq -c 'del(.ref_logprobs)' masked.jsonl | score -q --ref "$TINY/base" > s.jsonl
  holds s.jsonl 'all([.ref_logprobs, .loss_mask] | transpose | all((.[1] == 1) or .[0] == 0))'
  jq -c '[[.ref_logprobs, .loss_mask] | transpose[] | select(.[1] == 1)[0]]' s.jsonl > x
  jq -c '[[.ref_logprobs, .loss_mask] | transpose[] | select(.[1] == 1)[0]]' masked.jsonl | cmp - x
}
ok "score --ref writes 0 for masked tokens, and for others what it writes without" scored
figures() { kl-report -q --json "$@" | jq -c '.files[0] | del(.file)'; }
reported() {  # by position they differ, so only sums and means are compared
  jq -c '.loss_mask as $m | del(.loss_mask) | (.logprobs, .ref_logprobs) |= [[., $m] | transpose[] | select(.[1] == 1)[0]]
    | .response_ids = [[.response_ids, $m] | transpose[] | select(.[1] == 1)[0]]' masked.jsonl > short.jsonl
  figures short.jsonl | jq -c '[.tokens, .policy_ref, .entropy_estimate]' > x
  figures masked.jsonl | jq -c '[.tokens, .policy_ref, .entropy_estimate]' | cmp - x
  figures context.jsonl | jq -c '[.tokens, .policy_ref, .entropy_estimate]' | cmp - x
}
ok "kl-report leaves masked tokens out" reported
evaluated() {
  kl-report -q --old "$TINY/p0" --new "$TINY/base" -o e.jsonl masked.jsonl
  holds e.jsonl 'all([.new_logprobs, .kl_old_new, .old_entropies, .loss_mask] | transpose
    | all(.[3] == 1 or .[0:3] == [0, 0, 0]))'
  figures e.jsonl | jq -c .old_new > x
  figures --old "$TINY/p0" --new "$TINY/base" masked.jsonl | jq -c .old_new | cmp - x
  kl-report -q --old "$TINY/p0" --new "$TINY/base" -o f.jsonl "$in"
  figures f.jsonl | jq -c .old_new > y
  differ x y
}
ok "kl-report -o writes 0 for masked tokens and reads its own fields back" evaluated
