# What must not change a byte: slots, threads, kernels, shards, how the input is stored.
. "$ROOT/tests/tools/tiny.inc"
roll() { rollout -q --policy "$TINY/p0" -n 5 --max-tokens 9 "$@"; }
roll "$TINY/prompts.jsonl" > whole.jsonl
with() { roll "$@" "$TINY/prompts.jsonl" | cmp - whole.jsonl; }
ok "--slots 1 changes no byte" with --slots 1
ok "--slots 7 changes no byte" with --slots 7
ok "--slots 100 changes no byte" with --slots 100
ok "--threads 1 changes no byte" with --threads 1
ok "--threads 2 changes no byte" with --threads 2
ok "--threads 3 changes no byte" with --threads 3
for n in 64 70 100 1000; do
  ok "--max-tokens-in-flight $n changes no byte" with --max-tokens-in-flight $n
done
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
  score -q --ref "$TINY/base" all.zst | jq -c 'del(.ref_logprobs, .ref_policy)' | sort > y
  jq -c . whole.jsonl | sort | cmp - y
}
ok "compressed shards concatenate, for zstd and for the next program" shards_zstd
shard_of_one() { with --shard 0/1; }
ok "--shard 0/1 is the whole" shard_of_one
empty_shards() {  # of nine over six prompts: whole files without records, for each next program
  for i in 0 1 2 3 4 5 6 7 8; do
    expect_status 0 roll --shard $i/9 -o s$i.zst "$TINY/prompts.jsonl"
    expect_status 0 score -q --ref "$TINY/base" s$i.zst -o t$i.zst
  done
  expect_status 0 rollout --policy "$TINY/p0" --shard 7/9 -o loud.zst "$TINY/prompts.jsonl"
  expect_stderr '^rollout: 0 trajectories'
  cat t?.zst > all.scored
  roll "$TINY/prompts.jsonl" | score -q --ref "$TINY/base" | sort > x
  score -q --ref "$TINY/base" s?.zst | sort | cmp - x
  zstd -dcq all.scored | sort | cmp - x
  peek --json all.scored > y
  holds y '.[0].records == 30'
  expect_status 0 peek s7.zst
  expect_status 65 label --by reward s7.zst -o pairs.zst
  [ ! -e pairs.zst ]
}
ok "a shard without prompts is a whole file without records" empty_shards
empty_shard_piped() {
  roll -z --shard 7/9 "$TINY/prompts.jsonl" > a
  score -q --ref "$TINY/base" -z < a > b
  expect_status 0 score -q --ref "$TINY/base" b
  [ ! -s out ]
  expect_status 0 roll --shard 7/9 -o empty.jsonl "$TINY/prompts.jsonl"
  [ -e empty.jsonl ] && [ ! -s empty.jsonl ]
}
ok "an empty shard goes through pipes and plain files" empty_shard_piped
nothing_left() {  # a shard of what is damaged throughout, and no input at all
  zstd -qc "$TINY/prompts.jsonl" | head -c 30 > damaged
  expect_status 65 roll --salvage --shard 7/9 -o lost.zst damaged
  expect_status 65 roll --shard 7/9 -o lost.zst /dev/null
  expect_status 65 roll --salvage -o lost.zst damaged
  expect_status 65 score --salvage --ref "$TINY/base" -o lost.zst damaged
  [ ! -e lost.zst ]
}
ok "no input, or nothing whole of it, is a failure that leaves no output" nothing_left
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
