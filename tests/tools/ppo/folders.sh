# Policies, critics and outputs: folders in and out.
. "$ROOT/tests/tools/tiny.inc"
in=$TINY/scored.jsonl p0=$TINY/p0
step() { ppo-step -q --policy "$p0" --critic-init "$TINY/rm" --epochs 1 "$@"; }
no_output() {
  expect_status 64 step "$in"
  expect_misuse
  expect_stderr '-o'
}
ok "-o is left out" no_output
no_policy() { expect_status 64 ppo-step "$in" -o x; expect_misuse; }
ok "--policy is left out" no_policy
ok "the policy is missing" refused 66 nowhere ppo-step --policy nowhere "$in" -o x
ok "the critic's beginning is missing" refused 66 nowhere ppo-step --policy "$p0" --critic-init nowhere "$in" -o x
no_critic() {
  refused 65 'the policy has no critic yet' ppo-step --policy "$p0" "$in" -o x
  expect_stderr '--critic-init FOLDER.*--critic shared'
}
ok "there is no critic and nothing to make one from" no_critic
alien() { refused 65 'alien: the critic has another tokenizer' ppo-step --policy "$p0" --critic-init "$TINY/alien" \
  "$in" -o x; }
ok "the critic has another tokenizer" alien
from_language_model() {
  ppo-step -q --policy "$p0" --critic-init "$TINY/base" --epochs 1 "$in" -o lm
  [ -f lm/critic/model.safetensors ]
}
ok "a critic may begin as a language model, with a fresh head" from_language_model

step "$in" -o p1
complete() {
  for f in config.json model.safetensors tokenizer.json critic/config.json critic/model.safetensors \
    critic/tokenizer.json \
    trainer/state.json trainer/provenance.json trainer/optimizer.safetensors trainer/critic-optimizer.safetensors; do
    [ -s "p1/$f" ]
  done
  jq -e '.architectures == ["GPT2LMHeadModel"]' p1/config.json
  jq -e '.architectures[0] | endswith("ForSequenceClassification")' p1/critic/config.json
  cmp p1/tokenizer.json "$p0/tokenizer.json"
}
ok "the folder holds policy, critic and trainer, in Hugging Face's layout" complete
again() {
  find p1 -type f -exec md5sum {} + | sort > x
  expect_status 0 ppo-step --policy "$p0" --critic-init "$TINY/rm" --epochs 1 "$in" -o p1
  expect_stderr 'p1: exists already, from the same inputs and options'
  find p1 -type f -exec md5sum {} + | sort | cmp - x
}
ok "the same run again says that it is there, and succeeds" again
again_shuffled() {
  shuf --random-source="$in" "$in" > shuffled.jsonl
  expect_status 0 ppo-step --policy "$p0" --critic-init "$TINY/rm" --epochs 1 --threads 3 shuffled.jsonl -o p1
  expect_stderr 'exists already, from the same inputs'
}
ok "so does the same run with records in another order" again_shuffled
other_run() {
  refused 73 'p1.*exists already, from other inputs or options' step --seed 3 "$in" -o p1
  refused 73 'p1.*exists already' step --epochs 2 "$in" -o p1
  head -n 23 "$in" > fewer.jsonl
  refused 73 'p1.*exists already' step fewer.jsonl -o p1
}
ok "another seed, option or input is not the same run: 73" other_run
other_critic() { refused 73 'p1.*exists already' ppo-step -q --policy "$p0" --critic-init "$TINY/base" --epochs 1 \
  "$in" -o p1; }
ok "nor is another critic" other_critic
forced() {
  cp -r p1 p1f
  step --seed 3 --minibatch 5 "$in" --force -o p1f
  differ p1/model.safetensors p1f/model.safetensors
}
ok "--force replaces it" forced
again_for_metrics() {
  before=$(find p1 -type f -exec md5sum {} + | sort)
  expect_status 0 ppo-step -q --policy "$p0" --critic-init "$TINY/rm" --epochs 1 --metrics again.m "$in" -o p1
  expect_stderr '^ppo-step: warning: again.m: no metrics were written, because nothing was computed; --force writes p1 again'
  [ ! -s again.m ]
  cp -r p1 p1g
  expect_status 0 step --metrics again.m --force "$in" -o p1g
  expect_no_warning
  holds again.m 'length == 1 and .[0]["ppo/updates"] == 1'
  diff -r p1 p1g
  [ "$before" = "$(find p1 -type f -exec md5sum {} + | sort)" ]
}
ok "--metrics of a run that is done says that there are none; --force makes it again" again_for_metrics
foreign() {
  mkdir mine
  echo precious > mine/file
  refused 73 'mine: exists already' step "$in" -o mine
  [ "$(cat mine/file)" = precious ]
}
ok "a folder of something else is not touched" foreign
another_program() {  # refused before the input is read
  rm -rf made && cp -r "$TINY/rm" made
  refused 73 'made: exists already$' step none.jsonl -o made
  diff -r "$TINY/rm" made
}
ok "nor is a folder that another program made" another_program
slash() { step "$in" -o slashed/; [ -f slashed/config.json ]; }
ok "-o may end in a slash" slash
ok "the parent of -o is missing" refused 73 'no/such' step "$in" -o no/such/p1
usable() {
  rollout -q --policy p1 -n 2 --max-tokens 4 "$TINY/prompts.jsonl" | score -q --ref p1 > s.jsonl
  holds s.jsonl 'all(.logprobs == .ref_logprobs)'
  score -q --reward-model p1/critic "$TINY/sampled.jsonl" > c.jsonl
  holds c.jsonl 'all(has("reward"))'
}
ok "the next policy samples, its critic scores" usable
nothing_left() {
  expect_status 65 step "$TINY/sampled.jsonl" -o gone
  [ "$(ls -A | grep -c gone)" = 0 ]
}
ok "nothing is left after an error" nothing_left
