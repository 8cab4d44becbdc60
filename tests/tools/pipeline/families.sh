# Every family goes through the whole loop: its own samples are on policy to the bit, at any level and number of threads;
# what is written is of its family, and read again.
needs rollout score ppo-step rm-train sft-train kl-report jq
. "$ROOT/tests/tools/goldens.inc"
printf '%s\n' '{"prompt":"The film was"}' '{"prompt":"What is"}' '{"prompt":"a"}' > prompts.jsonl
jq -nc '{id: "a", prompt: "The film was", chosen: " good.", rejected: " bad."},
        {id: "b", prompt: "The plot was", chosen: " fine and great.", rejected: " dull"}' > pairs.jsonl
jq -nc '{prompt: "The film was", completion: " good."}, {text: "The plot was fine."}' > texts.jsonl

# iteration FOLDER [ASSIGNMENTS...]: $M's policy to the next.
iteration() {
  to=$1
  shift
  env "$@" rollout -q -z --policy "$M/policy" -n 3 --max-tokens 12 prompts.jsonl > sampled.zst
  env "$@" score -q -z --reward-model "$M/rm" --ref "$M/ref" sampled.zst > scored.zst
  env "$@" ppo-step --policy "$M/policy" --critic-init "$M/critic" --epochs 2 -o "$to" scored.zst 2> said
  grep -q 'first ratio min 1 max 1' said || { cat said; return 1; }
}
whole_loop() {
  iteration one OMP_NUM_THREADS=1
  jq -e --slurpfile was "$M/policy/config.json" '.model_type == $was[0].model_type and
    .architectures == $was[0].architectures and .torch_dtype == "float32"' one/config.json
  jq -e '.architectures[0] | endswith("ForSequenceClassification")' one/critic/config.json
  iteration two OMP_NUM_THREADS=3 NUDGE_KERNELS=v3
  cmp one/model.safetensors two/model.safetensors
  cmp one/critic/model.safetensors two/critic/model.safetensors
  kl-report -q --json --old "$M/policy" --new one sampled.zst > report
  jq -e '.files[0].old_new | .exact.per_token.mean > 0 and .exact.per_token.mean < 0.1' report
  rollout -q --policy one -n 1 --max-tokens 4 prompts.jsonl > again
  [ "$(wc -l < again)" = 3 ]
}
other_trainers() {
  rm-train -q --init "$M/policy" -o rm pairs.jsonl
  jq -e '.architectures[0] | endswith("ForSequenceClassification")' rm/config.json
  score -q --reward-model rm pairs.jsonl > /dev/null
  sft-train -q --init "$M/policy" --epochs 1 -o tuned texts.jsonl
  cmp -s tuned/model.safetensors "$M/policy/model.safetensors" && return 1
  rollout -q --policy tuned -n 1 --max-tokens 4 prompts.jsonl > /dev/null
}
all_go_through() {
  for family in $(families); do
    M=$GOLDENS/model/dev/$family
    rm -rf one two rm tuned
    ok "$(whose), $family: rollout, score and ppo-step, the same bytes at any setting" whole_loop
    ok "$(whose), $family: rm-train and sft-train" other_trainers
  done
}
with_goldens all_go_through
