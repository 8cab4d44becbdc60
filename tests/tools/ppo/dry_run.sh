# --dry-run: the records with what training would use, checked against the formulas.
. "$ROOT/tests/tools/tiny.inc"
in=$TINY/scored.jsonl
dry() { ppo-step -q --dry-run --policy "$TINY/p0" --critic-init "$TINY/rm" "$@"; }
dry "$in" > white.jsonl
dry --no-whiten "$in" > plain.jsonl
jq_defs='def near($e): . as $p | ($p[0] - $p[1] | fabs) <= $e * (1 + ($p[1] | fabs));
def gae($g; $l): . as $s | reduce range(($s.values | length) - 1; -1; -1) as $t ([];
  ($s.token_rewards[$t] + $g * ($s.values[$t + 1] // 0) - $s.values[$t] + $g * $l * (.[0] // 0)) as $a | [$a] + .);'
agree() { holds "$1" "$jq_defs $2"; }

nothing_made() { [ "$(ls)" = "$(printf 'ok.log\nplain.jsonl\nwhite.jsonl')" ] || { ls; return 1; }; }
ok "no folder is made and no -o is needed" nothing_made
order() {
  jq -c 'del(.values, .advantages, .returns, .token_rewards, .ratio, .policy_loss)' white.jsonl > x
  jq -c . "$in" | cmp - x
}
ok "the records come back in their order with all fields" order
order_shuffled() {
  shuf --random-source="$in" "$in" > shuffled.jsonl
  dry shuffled.jsonl > s.jsonl
  jq -r .id shuffled.jsonl > x
  jq -r .id s.jsonl | cmp - x
  sort s.jsonl > y
  sort white.jsonl | cmp - y
}
ok "shuffled records come back shuffled, with the same numbers" order_shuffled
ok "there is a number for each response token" holds white.jsonl \
  'all((.response_ids | length) as $n | [.values, .advantages, .returns, .token_rewards, .ratio, .policy_loss] |
    all(length == $n))'
ok "all ratios are exactly 1" holds white.jsonl 'all(.ratio | all(. == 1))'
ok "token rewards are the KL penalty, and the reward at the last token" agree white.jsonl \
  'all(. as $s | [range(.logprobs | length)] | all([$s.token_rewards[.],
    (-0.05 * ($s.logprobs[.] - $s.ref_logprobs[.]) + if . == ($s.logprobs | length) - 1 then $s.reward else 0 end)] |
      near(2e-6)))'
kl_beta() {
  dry --kl-beta 0.7 "$in" > beta.jsonl
  agree beta.jsonl 'all(. as $s | [range((.logprobs | length) - 1)] | all([$s.token_rewards[.],
    -0.7 * ($s.logprobs[.] - $s.ref_logprobs[.])] | near(2e-6)))'
}
ok "--kl-beta weighs the penalty" kl_beta
ok "advantages are GAE with gamma 1 and lambda 0.95" agree plain.jsonl \
  'all([gae(1; 0.95), .advantages] | transpose | all(near(1e-5)))'
ok "returns are advantages before whitening plus values" agree plain.jsonl \
  'all([([.advantages, .values] | transpose | map(add)), .returns] | transpose | all(near(1e-5)))'
gamma_lambda() {
  dry --no-whiten --gamma 0.9 --lambda 0.6 "$in" > gl.jsonl
  agree gl.jsonl 'all([gae(0.9; 0.6), .advantages] | transpose | all(near(1e-5)))'
}
ok "--gamma and --lambda stand in the formula" gamma_lambda
lambda_1() {
  dry --no-whiten --lambda 1 "$in" > l1.jsonl
  agree l1.jsonl 'all(. as $s | [range(.returns | length)] | all([$s.returns[.], ($s.token_rewards[.:] | add)] |
    near(1e-5)))'
}
ok "--lambda 1 is the plain return" lambda_1
whitened() {
  holds white.jsonl '[.[].advantages[]] | (add / length) as $m | (map((. - $m) | . * .) | add / length) as $v
    | ($m | fabs) < 1e-5 and ($v - 1 | fabs) < 1e-4'
  holds plain.jsonl '[.[].advantages[]] | (add / length) as $m | ($m | fabs) > 1e-3'
}
ok "whitened advantages have mean 0 and biased variance 1 over all tokens" whitened
returns_stay() {
  jq -c .returns white.jsonl > x
  jq -c .returns plain.jsonl | cmp - x
}
ok "whitening leaves the returns" returns_stay
whiten_rewards() {
  dry --whiten-rewards "$in" > wr.jsonl
  holds wr.jsonl '[.[].token_rewards[]] | (add / length) as $m | (map((. - $m) | . * .) | add / length) - 1 |
    fabs < 1e-3'
  jq -es --slurpfile w white.jsonl '([.[].token_rewards[]] | add / length) as $m | ([$w[].token_rewards[]] |
    add / length) as $n
    | ($m != $n) and ($m > 0) == ($n > 0)' wr.jsonl
}
ok "--whiten-rewards gives token rewards variance 1 and keeps the sign of their mean" whiten_rewards
ok "the policy's loss at ratio 1 is minus the advantage" agree white.jsonl \
  'all([.policy_loss, (.advantages | map(-.))] | transpose | all(.[0] == .[1]))'
token_rewards() {
  jq -c '.rewards = [.logprobs | keys[] | . / 8]' "$in" | dry > tr.jsonl
  jq -es --slurpfile w white.jsonl '[., $w] | transpose | all([.[0].token_rewards, .[1].token_rewards, .[0].rewards]
    | transpose | all((.[0] - .[1] - .[2] | fabs) < 1e-5))' tr.jsonl
}
ok "rewards per token are added" token_rewards
only_token_rewards() {
  jq -c '.rewards = [.logprobs | keys[] | . / 8] | del(.reward)' "$in" | dry --kl-beta 0 > only.jsonl
  holds only.jsonl 'all(.token_rewards == .rewards)'
}
ok "rewards per token do without a reward of the whole" only_token_rewards
reinforce() {
  ppo-step -q --dry-run --policy "$TINY/p0" --objective reinforce "$in" > re.jsonl
  holds re.jsonl 'all(has("values") | not) and all((.advantages | unique | length) == 1)'
  agree re.jsonl 'all([.advantages[0], (.token_rewards | add)] | near(1e-5))'
  agree re.jsonl 'all([([.advantages, .logprobs] | transpose | map(-.[0] * .[1])), .policy_loss] | transpose |
    all(near(1e-6)))'
}
ok "reinforce weighs each token with the whole return" reinforce
baseline() {
  ppo-step -q --dry-run --policy "$TINY/p0" --objective reinforce --baseline "$in" > ba.jsonl
  jq -es --slurpfile r re.jsonl '($r | map(.advantages[0]) | add / length) as $mean | [., $r] | transpose
    | all((.[1].advantages[0] - .[0].advantages[0] - $mean | fabs) < 1e-5)' ba.jsonl
}
ok "--baseline subtracts the mean return" baseline
off_policy() {
  jq -c '.logprobs |= map(. - 0.1)' "$in" | dry --off-policy > off.jsonl
  holds off.jsonl 'all(.ratio | all((. / 1.1051709 - 1 | fabs) < 1e-5))'
  jq -es 'all([.policy_loss, .advantages, .ratio] | transpose | all((.[0] + .[1] * .[2] | fabs) < 1e-5))' off.jsonl
}
ok "with --off-policy the ratio is new over recorded, the loss minus ratio times advantage" off_policy
clipped() {
  jq -c '.logprobs |= map(. - 0.5)' "$in" | dry --off-policy --clip-high 0.3 > clip.jsonl
  holds clip.jsonl 'all([.policy_loss, .advantages, .ratio] | transpose
    | all(.[0] + ([.[1] * .[2], .[1] * 1.3] | min) | fabs < 1e-5))'
}
ok "the loss is clipped at 1 + --clip-high for positive advantages alone" clipped
clipped_low() {
  jq -c '.logprobs |= map(. + 0.5)' "$in" | dry --off-policy --clip 0.1 > low.jsonl
  holds low.jsonl 'all([.policy_loss, .advantages, .ratio] | transpose
    | all(.[0] + ([.[1] * .[2], .[1] * 0.9] | min) | fabs < 1e-5))'
}
ok "the loss is clipped at 1 - --clip for negative advantages alone" clipped_low
to_file() {
  dry "$in" -o d.jsonl.zst
  zstd -dcq d.jsonl.zst | cmp - white.jsonl
  refused 73 'd.jsonl.zst.*exists' dry "$in" -o d.jsonl.zst
  dry -z "$in" | zstd -dcq | cmp - white.jsonl
}
ok "-o and -z write records" to_file
same_file() {
  cp "$in" self.jsonl
  refused 64 'self.jsonl' dry self.jsonl --force -o self.jsonl
}
ok "an output that is the input is refused" same_file
critic_scale() {  # the critic begins at the reward model's scale: its value at the end is (score)/std
  std=$(jq .reward_std "$TINY/rm/config.json") mean=$(jq .reward_mean "$TINY/rm/config.json")
  jq -c 'select((.response_ids | length) > 1) | .response_ids |= .[:-1] | .logprobs |= .[:-1] |
    del(.reward, .ref_logprobs)' "$in" |
    score -q --reward-model "$TINY/rm" > shorter.jsonl
  jq -es --slurpfile w white.jsonl "map({key: .id, value: .reward}) | from_entries as \$r
    | [\$w[] | select((.response_ids | length) > 1) | .values[-1] - (\$r[.id] + $mean / $std) | fabs] |
      max < 1e-4" shorter.jsonl
}
ok "a value is read before its token, at the scale of the rewards" critic_scale
