# What must not change a byte of score's output.
. "$ROOT/tests/tools/tiny.inc"
both() { score -q --reward-model "$TINY/rm" --ref "$TINY/base" "$@"; }
both "$TINY/sampled.jsonl" > whole.jsonl
with() { both "$@" "$TINY/sampled.jsonl" | cmp - whole.jsonl; }
ok "--micro-batch-tokens 1 changes no byte" with --micro-batch-tokens 1
ok "--micro-batch-tokens 37 changes no byte" with --micro-batch-tokens 37
ok "--micro-batch-tokens 100000 changes no byte" with --micro-batch-tokens 100000
former_name() {  # --micro-batch is read, and is the same work
  refused 64 '^score: error: --micro-batch-tokens: 0 is out of bounds: 1 <= N$' both --micro-batch 0 "$TINY/sampled.jsonl"
  refused 64 '^score: error: --micro-batch-tokens: 0 is out of bounds: 1 <= N$' \
    both --micro-batch-tokens 0 "$TINY/sampled.jsonl"
  both -o named.zst --micro-batch 37 "$TINY/sampled.jsonl"
  expect_status 0 score --reward-model "$TINY/rm" --ref "$TINY/base" -o named.zst "$TINY/sampled.jsonl"
  expect_stderr '^score: named.zst: exists already, from the same inputs and options'
}
ok "--micro-batch is --micro-batch-tokens" former_name
ok "--threads 1 changes no byte" with --threads 1
ok "--threads 3 changes no byte" with --threads 3
levels() {
  for level in v3 v4; do
    NUDGE_KERNELS=$level score --version > /dev/null 2>&1 || continue
    NUDGE_KERNELS=$level score -q --reward-model "$TINY/rm" --ref "$TINY/base" "$TINY/sampled.jsonl" | cmp - whole.jsonl
  done
}
ok "the levels v3 and v4 of the kernels give the same bytes" levels
alone() {
  sed -n 5p "$TINY/sampled.jsonl" | both > one
  sed -n 5p whole.jsonl | cmp - one
}
ok "a record alone gets what it gets among others" alone
shards() {
  for i in 0 1 2; do both -z --shard $i/3 "$TINY/sampled.jsonl" > part$i.zst; done
  cat part0.zst part1.zst part2.zst | zstd -dcq | sort > all
  sort whole.jsonl | cmp - all
  zstd -dcq part1.zst | head -n 1 > x
  sed -n 2p whole.jsonl | cmp - x
}
ok "three shards hold, as a set, the records of the whole" shards
many() {  # more than one window
  for i in 1 2 3 4 5 6 7 8 9 10 11 12; do jq -c ".id += \"-$i\"" "$TINY/sampled.jsonl"; done > many.jsonl
  both many.jsonl | jq -c '[.reward, .ref_logprobs]' > x
  for i in 1 2 3 4 5 6 7 8 9 10 11 12; do jq -c '[.reward, .ref_logprobs]' whole.jsonl; done | cmp - x
}
ok "hundreds of records give what few do" many
compressed() {
  zstd -qc "$TINY/sampled.jsonl" | both -z | zstd -dcq | cmp - whole.jsonl
  both -o named.jsonl.zst "$TINY/sampled.jsonl"
  zstd -dcq named.jsonl.zst | cmp - whole.jsonl
}
ok "zstd in and out changes no byte of the text" compressed
