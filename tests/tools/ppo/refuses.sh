# What ppo-step does not train on, with what to do about it.
. "$ROOT/tests/tools/tiny.inc"
in=$TINY/scored.jsonl
step() { ppo-step --policy "$TINY/p0" --critic-init "$TINY/rm" --epochs 1 "$@"; }
# bad PATTERN FILTER [OPTION...]: with record 3 changed by the jq filter it is refused by name, without a folder.
bad() {
  bad_pattern=$1
  jq -c "if input_line_number == 3 then ($2) else . end" "$in" > bad.jsonl
  shift 2
  refused 65 "^ppo-step: error: bad.jsonl: record 3: $bad_pattern" step "$@" bad.jsonl -o bad
  [ "$(ls -A | grep -c '^\.*bad$\|^\.bad')" = 0 ] || { ls -A; return 1; }
}
# good FILTER OPTION...: with the same change the options make it work.
good() {
  jq -c "if input_line_number == 3 then ($1) else . end" "$in" > good.jsonl
  shift
  rm -rf good
  expect_status 0 step "$@" good.jsonl -o good
  [ -f good/model.safetensors ]
}
hint() { expect_stderr "^ppo-step: hint: .*$1"; }

other_policy() { bad 'was sampled by policy 00, this one is [0-9a-f]{32}' '.policy = "00"'; hint '--off-policy'; }
ok "another policy sampled it" other_policy
ok "--off-policy accepts that" good '.policy = "00"' --off-policy
unnamed() { bad 'was sampled by policy \(unnamed\)' 'del(.policy)'; hint '--off-policy'; }
ok "no policy is named" unnamed
altered() {
  bad 'the log-prob of response token 1 is not the one that this policy gives' '.logprobs[1] -= 1e-5'
  hint '--off-policy'
}
ok "a log-prob was changed in its last digits" altered
off_policy_ratio() {
  jq -c '.logprobs |= map(. + 0.5)' "$in" > older.jsonl
  expect_status 0 step --off-policy older.jsonl -o older
  expect_stderr 'first ratio min 0\.6065[0-9]* max 0\.6065'
}
ok "--off-policy takes the recorded log-probs as the ratio's denominator" off_policy_ratio
cold() { bad 'was sampled at temperature 0' '.temperature = 0'; hint '--temperature 1'; }
ok "it was sampled at temperature 0" cold
ok "--off-policy does not help against temperature 0" bad 'was sampled at temperature 0' '.temperature = 0' --off-policy
ok "it was sampled at another temperature than it says" bad 'the log-prob of response token 0' '.temperature = 2'
top_k() { bad 'was sampled with top-k or top-p' '.top_k = 5'; hint '--allow-truncated'; }
ok "it was sampled with top-k" top_k
ok "it was sampled with top-p" bad 'was sampled with top-k or top-p' '.top_p = 0.9'
ok "--allow-truncated accepts top-k" good '.top_k = 5' --allow-truncated
ok "--allow-truncated accepts top-p" good '.top_p = 0.9' --allow-truncated
ok "its dtype is another" bad 'was sampled in dtype bf16' '.dtype = "bf16"'
ok "its arithmetic is another" bad '.*arithmetic 99' '.arith = 99'
no_reward() { bad 'field "reward" is missing' 'del(.reward)'; hint 'score --reward-model'; }
ok "its reward is missing" no_reward
ok "its reward is null" bad 'field "reward" is null' '.reward = null'
ok "its logprobs are null" bad 'field "logprobs" is null' '.logprobs = null'
ok "its ref_logprobs are null" bad 'field "ref_logprobs" is null' '.ref_logprobs = null'
ok "its group is a list" bad 'field "group" must be a string or an integer, not \[1\]' '.group = [1]'
ok "its reward is text" bad 'field "reward"' '.reward = "1"'
no_ref() { bad 'field "ref_logprobs" is missing' 'del(.ref_logprobs)'; hint '--kl-beta 0'; }
ok "its ref_logprobs are missing" no_ref
ok "--kl-loss needs them, too" bad 'field "ref_logprobs" is missing' 'del(.ref_logprobs)' --kl-beta 0 --kl-loss 0.1
ok "its logprobs are missing" bad 'field "logprobs" is missing' 'del(.logprobs)'
ok "its ref_logprobs are of another length" bad 'field "ref_logprobs" has 1 numbers for' '.ref_logprobs = [-1]'
ok "its rewards are of another length" bad 'field "rewards" has 2 numbers for' '.rewards = [0, 1]'
ok "a token is beyond the vocabulary" bad 'field "response_ids" contains token 300' '.response_ids[0] = 300'
long() { bad 'prompt and response have .* context of 64' '.prompt_ids = [range(64) | 5]'; hint 'drop such records'; }
ok "it is longer than the context" long
ok "its response is empty" bad 'field "response_ids" has no token' '.response_ids = []'
ok "its id is missing" bad 'field "id" is missing' 'del(.id)'
twice() { bad 'duplicate id "film/1", also in .*record 2' '.id = "film/1"'; }
ok "its id is another's" twice
not_a_number() {  # NUMBER
  awk -v x="$1" 'NR == 3 { sub(/"reward":[-0-9.e]+/, "\"reward\":" x) } { print }' "$in" > bad.jsonl
  grep -q "\"reward\":$1" bad.jsonl
  refused 65 '^ppo-step: error: bad.jsonl: record 3: ' step bad.jsonl -o bad
  [ ! -e bad ]
}
ok "its reward is NaN" not_a_number NaN
ok "its reward is 1e999" not_a_number 1e999
ok "its reward is 1e300, beyond float32" not_a_number 1e300
ok "its reward is Infinity" not_a_number Infinity
too_big() { refused 65 'not finite|finite' sh -c "jq -c '.reward = 3e38' '$in' |
  ppo-step --policy '$TINY/p0' --critic-init '$TINY/rm' --no-whiten -o bad"; [ ! -e bad ]; }
ok "rewards overflow in training" too_big
empty() { refused 65 'stdin.*empty' step -o bad; [ ! -e bad ]; }
ok "the input is empty" empty
records() {
  refused 65 'the input has 24 records, not the 25 of --records' step --records 25 "$in" -o bad
  [ ! -e bad ]
  expect_status 0 step --records 24 "$in" -o counted
}
ok "--records is not the number of records" records
prompt_records() { refused 65 'record 1: field ".*" is missing' step "$TINY/prompts.jsonl" -o bad; }
ok "the records are prompts" prompt_records
metrics_in_input() {
  cp "$in" own.jsonl
  refused 64 'own.jsonl: is an input as well' step --metrics own.jsonl own.jsonl -o bad
  refused 64 'own.jsonl: is an input as well' step --metrics own.jsonl --dry-run own.jsonl
  cmp "$in" own.jsonl
  [ ! -e bad ]
}
ok "the metrics would go into the input" metrics_in_input
compressed_model() { refused 64 'zstd needs --dry-run' step -z "$in" -o bad; [ ! -e bad ]; }
ok "-z is given with nothing to compress" compressed_model
cut() {
  zstd -qc "$in" | head -c 700 > cut.zst
  refused 65 'cut.zst' step cut.zst -o bad
  [ ! -e bad ]
}
ok "the input is cut" cut
salvage() {
  score -qz --ref "$TINY/base" "$in" > whole.zst
  head -c $(($(wc -c < whole.zst) - 9)) whole.zst > part.zst
  refused 65 'part.zst' step part.zst -o bad
  expect_status 0 step --salvage part.zst -o salvaged
  expect_stderr '^ppo-step: warning: .*part.zst'
}
ok "a stream of ours lacks its end; --salvage takes it" salvage
ok "the input is missing" refused 66 'none.jsonl' step none.jsonl -o bad
short_horizon() {
  refused 64 'the KL horizon is too short for a batch of 24 sequences' \
    step --kl-control adaptive --kl-horizon 1 --metrics never.jsonl "$in" -o bad
  [ ! -e bad ]
  [ ! -s never.jsonl ]
}
ok "the controller's horizon is too short for the batch" short_horizon
adaptive_0() { refused 64 'must start above 0' step --kl-control adaptive --kl-beta 0 "$in" -o bad; }
ok "a beta that adapts begins at 0" adaptive_0
halving_0() {
  refused 64 'must start above 0' step --objective kl --policy-kl-control halving --policy-beta 0 "$in" -o bad
}
ok "so does the objective's" halving_0
diverged() {
  refused 65 'the gradient is not finite' step --lr 1e3 --weight-decay 1e30 --epochs 9 --minibatch 4 "$in" -o bad
  expect_stderr 'hint: lower --lr'
  [ ! -e bad ]
}
ok "training diverges" diverged
infinite() {
  refused 65 'training has diverged: .* is not finite' step --lr 1e3 --weight-decay 1e38 --minibatch 99 "$in" -o bad
  [ ! -e bad ]
}
ok "training diverges in its last update" infinite
ok "it was tokenised by another tokenizer" bad 'was tokenised by another tokenizer' '.tokenizer = "00"' --off-policy
ok "its finish is no word of ours" bad 'field "finish" is neither' '.finish = "STOP"'
far_off() { bad 'the log-prob of response token 0 is so far' '.logprobs[0] = -200' --off-policy; }
ok "its log-probs are beyond any ratio" far_off
