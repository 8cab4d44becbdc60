# One iteration as one line of shell, and what happens when a part of it fails.
. "$ROOT/tests/tools/tiny.inc"
needs bash
export TINY
pipe() { bash -c "set -o pipefail; $1"; }
ppo='ppo-step --policy "$TINY/p0" --critic-init "$TINY/rm" --epochs 1'
roll='rollout -q --policy "$TINY/p0" -n 4 --max-tokens 8 "$TINY/prompts.jsonl"'

whole() {
  pipe "$roll -z | score -qz --reward-model \"\$TINY/rm\" --ref \"\$TINY/base\" | $ppo -q -o piped"
  ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --epochs 1 "$TINY/scored.jsonl" -o filed
  diff -r piped filed
}
ok "rollout | score | ppo-step makes the folder that files make" whole
plain() {
  pipe "$roll | score -q --reward-model \"\$TINY/rm\" --ref \"\$TINY/base\" | $ppo -q -o plain"
  diff -r plain filed
}
ok "plain pipes carry the same records" plain
any_program() {
  pipe "$roll | jq -c '.reward = (.response | length)' | score -q --ref \"\$TINY/base\" | $ppo -q -o judged"
  differ judged/model.safetensors filed/model.safetensors
}
ok "any program is a reward" any_program
any_program_z() {
  pipe "$roll -z | zstd -dcq | jq -c '.reward = (.response | length)' | zstd -qc | score -qz --ref \"\$TINY/base\" |
    $ppo -q -o judged2"
  diff -r judged judged2
}
ok "zstd and jq may stand between the programs" any_program_z
through_floats() {  # jq rewrites every number; the log-probs still are the policy's to the bit
  pipe "$roll | jq -c '.logprobs |= map(. * 1) | .reward = 1' | score -q --ref \"\$TINY/base\" | $ppo -o floats" 2> err
  expect_stderr 'first ratio min 1 max 1'
}
ok "log-probs survive a program that parses and writes them" through_floats
awk_reward() {
  pipe "$roll | awk '{ sub(/}\$/, \",\\\"reward\\\":\" NR % 3 \"}\"); print }' | $ppo -q --kl-beta 0 -o awked"
  [ -f awked/model.safetensors ]
}
ok "a reward by awk, without a reference" awk_reward
sorted_shards() {
  for i in 0 1 2; do
    rollout -q --policy "$TINY/p0" -n 4 --max-tokens 8 --shard $i/3 "$TINY/prompts.jsonl" -o r$i.zst
    score -q --reward-model "$TINY/rm" --ref "$TINY/base" r$i.zst -o s$i.zst
  done
  ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --epochs 1 s2.zst s0.zst s1.zst -o sharded
  diff -r sharded filed
}
ok "three shards of a rollout train the same policy" sorted_shards

cut_upstream() {
  refused 65 'stdin' bash -c "$roll -z | score -qz --reward-model \"\$TINY/rm\" --ref \"\$TINY/base\" | head -c 900 |
    $ppo -o cut"
  [ ! -e cut ]
}
ok "a stream that is cut makes no folder" cut_upstream
killed_upstream() {
  score -qz --reward-model "$TINY/rm" --ref "$TINY/base" "$TINY/sampled.jsonl" > scored.zst
  size=$(wc -c < scored.zst)
  refused 65 'stdin' bash -c "{ head -c $((size - 30)) scored.zst; kill -9 \$BASHPID; } | $ppo -o killed"
  [ ! -e killed ]
}
ok "a writer that is killed makes no folder" killed_upstream
killed_rollout() {
  mkfifo fifo
  rollout -qz --policy "$TINY/p0" -n 100000 --max-tokens 60 "$TINY/prompts.jsonl" > fifo &
  sampler=$!
  ppo-step --policy "$TINY/p0" --critic-init "$TINY/rm" --kl-beta 0 -o killed2 < fifo > out 2> err &
  trainer=$!
  sleep 0.5
  kill -9 $sampler
  status=0
  wait $trainer || status=$?
  [ $status = 65 ]
  [ ! -e killed2 ]
}
ok "a rollout that is killed makes no folder" killed_rollout
failed_upstream() {
  expect_status 65 pipe "rollout -qz --policy nowhere \"\$TINY/prompts.jsonl\" | score -qz --ref \"\$TINY/base\" |
    $ppo -o failed"
  expect_stderr '^rollout: error: nowhere'
  [ ! -e failed ]
}
ok "a program that fails at the beginning makes no folder" failed_upstream
bad_prompt() {
  { cat "$TINY/prompts.jsonl"; echo '{"prompt":""}'; } > bad.jsonl
  expect_status 65 pipe "rollout -qz --policy \"\$TINY/p0\" bad.jsonl |
    score -qz --reward-model \"\$TINY/rm\" --ref \"\$TINY/base\" | $ppo -o failed"
  expect_stderr '^rollout: error: bad.jsonl: record 7: prompt is empty'
  [ ! -e failed ]
}
ok "a bad prompt makes no folder" bad_prompt
guarded() {
  refused 65 'the input has 23 records, not the 24 of --records' pipe \
    "$roll | jq -c '.reward = 1' | head -n 23 | $ppo --kl-beta 0 --records 24 -o lost"
  [ ! -e lost ]
}
ok "--records notices what a foreign filter lost" guarded
