# --dtype bf16 in every program: its own samples are on policy to the bit at any level, number of threads and
# micro-batch, its figures are others than float32's, and folders hold float32.
needs rollout score ppo-step rm-train sft-train kl-report jq
. "$ROOT/tests/tools/tiny.inc"
p0=$TINY/p0
rm=$TINY/rm
prompts=$TINY/prompts.jsonl

sample() { env "$@" rollout -q --policy "$p0" --dtype bf16 -n 2 --max-tokens 8 "$prompts"; }
sample OMP_NUM_THREADS=1 > sampled
score -q --dtype bf16 --reward-model "$rm" --ref "$p0" sampled > scored
step() { to=$1; shift; env "$@" ppo-step -q --policy "$p0" --critic-init "$rm" --epochs 2 --micro-batch-tokens "${MICRO:-2048}" -o "$to" scored; }
step one

same_samples() {
  sample OMP_NUM_THREADS=3 NUDGE_KERNELS=v3 | cmp - sampled
  jq -es 'all(.dtype == "bf16")' sampled
  rollout -q --policy "$p0" -n 2 --max-tokens 8 "$prompts" > f32
  jq -es 'all(.dtype == "f32")' f32
  jq -c .logprobs sampled > a
  jq -c .logprobs f32 > b
  ! cmp -s a b
}
no_distance() { jq -es 'all(.ref_logprobs == .logprobs)' scored; }
other_scores() {
  score -q --reward-model "$rm" sampled | jq .reward > a
  jq .reward scored > b
  ! cmp -s a b
}
other_reference() {
  expect_status 65 score -q --ref "$p0" sampled
  expect_stderr 'record 1: was sampled in dtype bf16, this run computes in f32'
  expect_stderr '--dtype bf16'
}
on_policy() {
  expect_status 0 ppo-step --policy "$p0" --critic-init "$rm" --dry-run scored
  expect_stderr 'first ratio min 1 max 1'
}
same_step() {
  MICRO=1 step two OMP_NUM_THREADS=3 NUDGE_KERNELS=v3
  cmp one/model.safetensors two/model.safetensors
  cmp one/critic/model.safetensors two/critic/model.safetensors
}
float_masters() {
  jq -e '.torch_dtype == "float32"' one/config.json
  cmp -s one/model.safetensors "$p0/model.safetensors" && return 1
  jq -c '.dtype = "f32"' scored > claimed
  expect_status 0 ppo-step -q --policy "$p0" --critic-init "$rm" --off-policy --epochs 2 claimed -o in-f32
  ! cmp -s in-f32/model.safetensors one/model.safetensors
}
given_dtype() {
  expect_status 65 ppo-step -q --policy "$p0" --critic-init "$rm" --dtype f32 scored -o never
  expect_stderr 'was sampled in dtype bf16 .* this run has f32'
  expect_status 0 ppo-step -q --policy "$p0" --critic-init "$rm" --dtype bf16 --epochs 2 scored -o given
  cmp given/model.safetensors one/model.safetensors
}
mixed() {
  head -n 1 scored > mixed
  tail -n +2 scored | jq -c '.dtype = "f32"' >> mixed
  expect_status 65 ppo-step -q --policy "$p0" --critic-init "$rm" --off-policy mixed -o never
  expect_stderr 'record 2: was sampled in dtype f32, the records before it in bf16'
  expect_status 0 ppo-step -q --policy "$p0" --critic-init "$rm" --off-policy --dtype bf16 --epochs 1 mixed -o ever
}
report() {
  kl-report -q --json --dtype bf16 --old "$p0" --new "$p0" sampled > itself
  jq -e '.files[0].old_new.exact.per_token.mean == 0' itself
  kl-report -q --json --dtype bf16 --new "$p0" sampled > itself
  jq -e '.files[0].old_new.k3.per_token.mean == 0' itself
  expect_status 65 kl-report -q --new "$p0" sampled
  expect_stderr 'was sampled in dtype bf16'
  expect_status 0 kl-report -q --old "$p0" --new one sampled
}
trainers() {
  jq -nc '{id: "a", prompt: "ab", chosen: "cd", rejected: "ef"}, {id: "b", prompt: "g", chosen: "h", rejected: "ijk"}' > pairs
  jq -nc '{prompt: "ab", completion: "cde"}, {text: "fghij"}' > texts
  for t in "rm-train pairs" "sft-train texts"; do
    program=${t% *} records=${t#* }
    "$program" -q --init "$p0" --dtype bf16 --epochs 2 -o "$records-bf16" "$records"
    OMP_NUM_THREADS=3 NUDGE_KERNELS=v3 "$program" -q --init "$p0" --dtype bf16 --epochs 2 --micro-batch-tokens 1 \
      -o "$records-again" "$records"
    cmp "$records-bf16/model.safetensors" "$records-again/model.safetensors"
    "$program" -q --init "$p0" --epochs 2 -o "$records-f32" "$records"
    cmp -s "$records-bf16/model.safetensors" "$records-f32/model.safetensors" && return 1
  done
  sft-train -q --init new --dtype bf16 --epochs 1 -o new-bf16 texts
  sft-train -q --init new --epochs 1 -o new-f32 texts
  ! cmp -s new-bf16/model.safetensors new-f32/model.safetensors
}
ok "rollout gives the same samples at any level and threads, and others than float32's" same_samples
ok "score's reference log-probs are rollout's bits" no_distance
ok "score computes rewards in it" other_scores
ok "score refuses to compare with another dtype" other_reference
ok "ppo-step takes it from the records, and the first ratio is 1" on_policy
ok "ppo-step gives the same bytes at any level, threads and micro-batch" same_step
ok "ppo-step keeps float32 masters" float_masters
ok "ppo-step's --dtype must be the records'" given_dtype
ok "ppo-step wants --dtype for records of two" mixed
ok "kl-report finds no distance of a policy to itself" report
ok "rm-train and sft-train train in it, with the same bytes" trainers
