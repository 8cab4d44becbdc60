# --shard slurm: the task of a job array is the shard that one would name by hand, to the byte.
. "$ROOT/tests/tools/tiny.inc"
needs rollout score label kl-report zstdcat

# as_task ID MIN STEP COUNT COMMAND...: in the surroundings that Slurm gives a task of an array.
as_task() {
  (
    export SLURM_ARRAY_TASK_ID="$1" SLURM_ARRAY_TASK_MIN="$2" SLURM_ARRAY_TASK_STEP="$3" SLURM_ARRAY_TASK_COUNT="$4"
    shift 4
    "$@"
  )
}
same_as_by_hand() {  # COMMAND..., without output and shard
  rm -f by-hand.zst by-task.zst
  "$@" --shard 1/3 -o by-hand.zst
  as_task 5 3 2 3 "$@" --shard slurm -o by-task.zst
  expect_same by-hand.zst by-task.zst
  grep -aq '"shard":1,"shards":3' by-task.zst
  if grep -a slurm by-task.zst; then return 1; fi
}
ok "rollout" same_as_by_hand rollout -q --policy "$TINY/p0" --max-tokens 4 "$TINY/prompts.jsonl"
ok "score" same_as_by_hand score -q --reward-model "$TINY/rm" "$TINY/sampled.jsonl"
ok "label" same_as_by_hand label -q --by reward "$TINY/scored.jsonl"
ok "kl-report" same_as_by_hand kl-report -q --new "$TINY/base" "$TINY/sampled.jsonl"
missing() {
  refused 64 "^score: error: --shard: 'slurm': SLURM_ARRAY_TASK_ID is not set$" \
    score --reward-model "$TINY/rm" --shard slurm "$TINY/sampled.jsonl"
  expect_misuse
  refused 64 "^score: error: --shard: 'slurm': SLURM_ARRAY_TASK_MIN is not set$" \
    env SLURM_ARRAY_TASK_ID=1 score --reward-model "$TINY/rm" --shard slurm "$TINY/sampled.jsonl"
  expect_misuse
}
ok "outside of an array it is misuse" missing
inconsistent() {
  refused 64 'task 9 of 3, from 0 to 2 by 1, is not from a regular array' \
    as_task 9 0 1 3 score --reward-model "$TINY/rm" --shard slurm "$TINY/sampled.jsonl"
  expect_misuse
}
ok "of an array that is none it is misuse" inconsistent
