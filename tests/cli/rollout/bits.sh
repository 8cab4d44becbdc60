# What must not change a byte: slots, threads, kernels, shards, how the input is stored.
. "$ROOT/tests/cli/tiny.inc"
roll() { rollout -q --policy "$TINY/p0" -n 5 --max-tokens 9 "$@"; }
roll "$TINY/prompts.jsonl" > whole.jsonl
with() { roll "$@" "$TINY/prompts.jsonl" | cmp - whole.jsonl; }
ok "--slots 1 changes no byte" with --slots 1
ok "--slots 7 changes no byte" with --slots 7
ok "--slots 100 changes no byte" with --slots 100
ok "--threads 1 changes no byte" with --threads 1
ok "--threads 2 changes no byte" with --threads 2
ok "--threads 3 changes no byte" with --threads 3
levels() {
  for level in v3 v4; do
    NUDGE_KERNELS=$level rollout --version > version 2> why || { grep -q 'NUDGE_KERNELS\|processor' why; continue; }
    grep -q "^kernels: $level" version
    NUDGE_KERNELS=$level rollout -q --policy "$TINY/p0" -n 5 --max-tokens 9 "$TINY/prompts.jsonl" | cmp - whole.jsonl
  done
}
ok "the levels v3 and v4 of the kernels give the same bytes" levels
shards_plain() {
  for i in 0 1 2; do roll --shard $i/3 "$TINY/prompts.jsonl" > part$i.jsonl; done
  cat part0.jsonl part1.jsonl part2.jsonl | sort > all
  sort whole.jsonl | cmp - all
  holds part1.jsonl '(map(.group) | unique) == ["cast", "play"]'
}
ok "three shards hold, as a set, the records of the whole" shards_plain
shards_zstd() {
  for i in 0 1 2; do roll --shard $i/3 -o part$i.jsonl.zst "$TINY/prompts.jsonl"; done
  cat part0.jsonl.zst part1.jsonl.zst part2.jsonl.zst > all.zst
  zstd -dcq all.zst | sort > x
  sort whole.jsonl | cmp - x
  score -q --ref "$TINY/base" all.zst | jq -c 'del(.ref_logprobs)' | sort > y
  jq -c . whole.jsonl | sort | cmp - y
}
ok "compressed shards concatenate, for zstd and for the next program" shards_zstd
shard_of_one() { with --shard 0/1; }
ok "--shard 0/1 is the whole" shard_of_one
empty_shard() { refused 65 'nothing succeeded|0 trajectories' roll --shard 7/9 "$TINY/prompts.jsonl"; }
ok "a shard without prompts is a failure" empty_shard
stored() {
  zstd -q "$TINY/prompts.jsonl" -o prompts.bin
  roll prompts.bin | cmp - whole.jsonl
}
ok "zstd input is told by its content, not its name" stored
misnamed() {
  cp "$TINY/prompts.jsonl" plain.zst
  roll plain.zst | cmp - whole.jsonl
}
ok "plain input named .zst is read" misnamed
by_pipe() { zstd -qc "$TINY/prompts.jsonl" | roll | cmp - whole.jsonl; }
ok "standard input may be zstd" by_pipe
dash() { roll - < "$TINY/prompts.jsonl" | cmp - whole.jsonl; }
ok "- is standard input" dash
twice() { roll "$TINY/prompts.jsonl" | cmp - whole.jsonl; }
ok "the same command gives the same bytes" twice
windows() {  # more samples than a window of 8 slots' worth
  rollout -q --policy "$TINY/p0" -n 40 --max-tokens 3 --slots 2 "$TINY/prompts.jsonl" > x
  rollout -q --policy "$TINY/p0" -n 40 --max-tokens 3 --slots 64 "$TINY/prompts.jsonl" | cmp - x
}
ok "windows of prompts leave no trace" windows
many_samples() {  # written as they are drawn, not after the last of a million
  timeout 60 rollout -q --policy "$TINY/p0" --samples 1000000 --max-tokens 1 --slots 8 "$TINY/prompts.jsonl" |
    head -n 1 > x
  holds x '.[0].id == "film/0"'
  rollout -q --policy "$TINY/p0" -n 300 --max-tokens 2 --slots 8 -o many.jsonl "$TINY/prompts.jsonl"
  holds many.jsonl 'map(.id) == [("film", "play", "song", "book", "cast", "plot") as $p | range(300) | "\($p)/\(.)"]'
  holds many.jsonl 'all(.group as $g | .prompt == "the \($g) was")'
}
ok "more samples of a prompt than a window holds" many_samples
longest() {  # as far as the context goes
  roll --max-tokens 1048576 "$TINY/prompts.jsonl" > x
  roll --max-tokens 64 "$TINY/prompts.jsonl" | cmp - x
}
ok "the greatest --max-tokens is the context's end" longest
