# The policy's loss: what its options refuse, and the exact KL to a reference.
. "$ROOT/tests/tools/tiny.inc"
in=$TINY/scored.jsonl
step() {
  ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --lr 3e-3 --critic-lr 3e-3 --epochs 2 --minibatch 10 "$@"
}
misuse() {  # PATTERN OPTION...
  misuse_pattern=$1
  shift
  refused 64 "$misuse_pattern" step "$@" "$in" -o bad
  [ ! -e bad ]
}
ok "is has no clip" misuse 'only --objective clip and cispo clip' --objective is --clip 0.1
ok "cispo has no dual clip" misuse 'only --objective clip uses it' --objective cispo --dual-clip 2
ok "a dual clip is above 1" misuse 'dual-clip' --dual-clip 1
ok "a ratio of sequences refuses GAE" misuse 'wants one advantage a sequence' --ratio sequence
no_ratio() {
  refused 64 'has no ratio' ppo-step --policy "$TINY/p0" --objective reinforce --ratio sequence "$in" -o bad
}
ok "reinforce has no ratio" no_ratio
ok "a constant is missing" misuse 'is missing' --loss-mean constant
ok "a constant has no use" misuse 'only --loss-mean constant' --loss-constant 5
ok "a kind of no KL" misuse 'only --kl-loss uses it' --kl-loss-kind k2
ok "a reference of no KL" misuse 'only --kl-loss uses it' --ref "$TINY/base"
ok "a reference of an estimate" misuse 'only --kl-loss-kind exact' --kl-loss 1 --ref "$TINY/base"
ok "the exact KL without a reference" misuse 'the reference is missing' --kl-loss 1 --kl-loss-kind exact

step --kl-loss 0.5 "$in" -o k3
exact() { step --kl-loss 0.5 --kl-loss-kind exact "$@"; }
other() {
  exact --ref "$TINY/base" "$in" -o exact
  differ k3/model.safetensors exact/model.safetensors
  exact --ref "$TINY/base" --threads 3 --micro-batch-tokens 1 "$in" -o threads
  cmp exact/model.safetensors threads/model.safetensors
}
ok "the exact KL is another loss than k3, with the same bits for any threads and micro-batch" other
from_folder() {  # the records' ref_logprobs are not read
  jq -c 'del(.ref_logprobs)' "$in" > noref.jsonl
  exact --kl-beta 0 --ref "$TINY/base" noref.jsonl -o n0
  exact --kl-beta 0 --ref "$TINY/base" "$in" -o n1
  cmp n0/model.safetensors n1/model.safetensors
}
ok "the exact KL needs no ref_logprobs" from_folder
itself() {  # in the first update KL(p || p) is flat
  step --epochs 1 --minibatch 24 "$in" -o i0
  step --epochs 1 --minibatch 24 --kl-loss 0.5 --kl-loss-kind exact --ref "$TINY/p0" "$in" -o i1
  cmp i0/model.safetensors i1/model.safetensors
}
ok "the policy itself as reference has no gradient in the first update" itself
inputs() {
  run="--policy $TINY/p0 --critic-init $TINY/rm --epochs 1 --kl-loss 0.5 --kl-loss-kind exact"
  # shellcheck disable=SC2086
  ppo-step -q $run --ref "$TINY/base" "$in" -o one
  cp -r "$TINY/base" moved
  # shellcheck disable=SC2086
  expect_status 0 ppo-step $run --ref moved "$in" -o one
  expect_stderr 'exists already, from the same inputs'
  # shellcheck disable=SC2086
  refused 73 'from other inputs' ppo-step $run --ref "$TINY/p0" "$in" -o one
}
ok "the reference is an input by its content" inputs
alien() {
  refused 65 'alien: the reference has another tokenizer or vocabulary' exact --ref "$TINY/alien" "$in" -o bad
  refused 65 'rm' exact --ref "$TINY/rm" "$in" -o bad
  [ ! -e bad ]
}
ok "a reference with another tokenizer, or that is no language model" alien
short() {
  sft-train -q --init new --layers 1 --width 32 --heads 2 --context 32 --vocab 300 --epochs 0 "$TINY/texts.jsonl" -o short
  refused 65 "short: the reference's context is shorter" exact --ref short "$in" -o bad
}
ok "a reference with a shorter context" short
norms() {  # each is clipped by its own norm: the critic's scale leaves the policy as it is
  step --max-norm 0.05 --metrics m "$in" -o s0
  step --max-norm 0.05 --c1 500 "$in" -o s1
  cmp s0/model.safetensors s1/model.safetensors
  holds m '.[0] | .["actor/grad_norm"] > 0.05 and .["critic/grad_norm"] > 0.05'
  ppo-step -q --policy "$TINY/p0" --critic shared --epochs 1 --metrics shared.m "$in" -o shared
  holds shared.m '.[0] | .["actor/grad_norm"] > 0 and (has("critic/grad_norm") | not)'
}
ok "the gradients of policy and critic are clipped each by its own norm" norms
# A ratio of sequences, with an advantage that has one number a sequence.
group() { ppo-step -q --policy "$TINY/p0" --advantage group --lr 3e-3 --epochs 2 --minibatch 10 "$@"; }
sequences() {
  group "$in" -o g0
  group --ratio sequence "$in" -o g1
  group --ratio sequence --threads 3 --micro-batch-tokens 1 "$in" -o g2
  differ g0/model.safetensors g1/model.safetensors
  cmp g1/model.safetensors g2/model.safetensors
  jq -c '.logprobs |= [to_entries[] | .value + (.key % 3 - 1) * 0.4]' "$in" > stale.jsonl
  refused 64 'wants one weight a sequence' ppo-step --policy "$TINY/p0" --advantage group --ratio sequence --off-policy \
    --correct mask stale.jsonl -o bad
  group --dry-run --off-policy --ratio sequence stale.jsonl > dry.jsonl
  jq -es --slurpfile fresh "$in" --slurpfile stale stale.jsonl '[., $fresh, $stale] | transpose | all(
    ([.[1].logprobs, .[2].logprobs] | transpose | map(.[0] - .[1]) | add / length | exp) as $s
    | .[0].ratio | all(. - $s | fabs < 1e-5))' dry.jsonl
}
ok "--ratio sequence is the geometric mean of a sequence's ratios" sequences
by_token() {
  jq -c '.advantages = [range(.logprobs | length)]' "$in" > by-token.jsonl
  refused 65 'record [0-9]*: its tokens have different advantages' \
    ppo-step --policy "$TINY/p0" --advantage field --ratio sequence by-token.jsonl -o bad
  [ ! -e bad ]
}
ok "a field with an advantage a token is refused by name" by_token
