# peek --verify: quiet about what is complete and whole, a line for each fault of what isn't.
. "$ROOT/tests/tools/tiny.inc"
needs rollout peek zstd

for i in 0 1 2 3; do
  rollout -q --policy "$TINY/p0" --max-tokens 4 --shard $i/4 "$TINY/prompts.jsonl" -o $i.zst
done
for i in 0 1; do rollout -q --policy "$TINY/p0" --max-tokens 4 --shard $i/2 "$TINY/prompts.jsonl" -o half$i.zst; done
rollout -q --policy "$TINY/p0" --max-tokens 4 "$TINY/prompts.jsonl" -o whole.zst
zstdcat whole.zst > plain.jsonl

whole() {  # FILE...
  expect_status 0 peek -q --verify "$@"
  [ ! -s out ]
  [ ! -s err ]
}
together_or_concatenated() {
  whole 0.zst 1.zst 2.zst 3.zst
  whole 3.zst 0.zst 2.zst 1.zst
  cat 2.zst 0.zst 1.zst 3.zst > all.zst
  whole all.zst
  whole - < all.zst
  whole whole.zst
  expect_status 0 peek --verify all.zst
  expect_stderr '^peek: 6 records in 4 streams, complete and whole$'
  [ ! -s out ]
}
ok "all shards, in any order, as files or in one" together_or_concatenated

# faulty LINES PATTERN FILE...: 65, and as many lines on stdout, the first of which matches.
faulty() {
  lines=$1 pattern=$2
  shift 2
  expect_status 65 peek -q --verify "$@"
  [ "$(wc -l < out)" = "$lines" ] || { cat out; return 1; }
  head -n 1 out | grep -Eq -e "$pattern" || { cat out; return 1; }
  head -n 1 err | grep -Eq -e "^peek: error: ${pattern#^}" || { cat err; return 1; }
}
missing() {
  faulty 1 '^0.zst: missing shards: 1-2 of 4' 0.zst 3.zst
  faulty 1 '^2.zst: missing shards: 0-1 3 of 4' 2.zst
  cat 0.zst 1.zst 2.zst | faulty 1 '^stdin: missing shards: 3 of 4' -
}
ok "missing shards are named" missing
twice() {
  faulty 3 '^1.zst: shard 1 of 4 appears twice, also in 1.zst' 0.zst 1.zst 2.zst 3.zst 1.zst
  for id in play/0 plot/0; do grep -q "^1.zst: record [12]: duplicate id \"$id\"$" out; done
  grep -q ', and 2 more$' err
}
ok "a shard that appears twice is named, and its ids" twice
ids() {  # of no shard: in two streams that know nothing of each other
  faulty 6 '^whole.zst: record 1: duplicate id "film/0"' whole.zst whole.zst
  awk 'BEGIN { for (i = 0; i < 50; ++i) print "{\"prompt\":\"the \",\"id\":\"" i "\"}" }' > many
  rollout -q --policy "$TINY/p0" --max-tokens 1 many -o many.zst
  faulty 21 '^many.zst: record 1: duplicate id "0/0"' many.zst many.zst
  tail -n 1 out | grep -qx '30 more duplicate ids'
}
ok "ids that are there twice are named, the first of many" ids
cut_in_two_ways() {
  faulty 7 '^0.zst: shards of 4 of an output that is also given as shards of 2, in half0.zst' ?.zst half?.zst
  faulty 7 '^0.zst: shards of 4 of an output that is also given unsharded, in whole.zst' ?.zst whole.zst
}
ok "the same work, cut in two ways, appears twice" cut_in_two_ways
damaged() {
  head -c $(($(wc -c < 1.zst) - 1)) 1.zst > cut.zst
  faulty 3 '^0.zst: missing shards: 1 of 4' 0.zst cut.zst 2.zst 3.zst
  grep -q '^cut.zst: after record 2, byte [0-9]*: truncated within a mark' out
  cp 1.zst flipped.zst
  printf 'X' | dd of=flipped.zst bs=1 seek=$(($(wc -c < 1.zst) / 2)) conv=notrunc 2> dd.log
  expect_status 65 peek --verify 0.zst flipped.zst 2.zst 3.zst
  expect_stdout '^flipped.zst: '
  : > empty
  faulty 1 '^empty: empty input' empty
}
ok "damage is told, and what is missing for it" damaged
unmarked() {
  faulty 1 '^plain.jsonl: 6 records stand outside any marks' plain.jsonl
  zstd -qk plain.jsonl -o foreign.zst
  faulty 1 '^foreign.zst: 6 records stand outside any marks' foreign.zst
  zstdcat 0.zst | head -n 1 | sed 's/"id":"[^"]*"/"id":"other"/' | zstd -q > one.zst
  cat whole.zst one.zst > mixed.zst
  faulty 1 '^mixed.zst: 1 record stands outside any marks' mixed.zst
}
ok "what has no marks proves nothing" unmarked
no_input() { expect_status 66 peek --verify absent.zst; }
ok "a missing file is no input" no_input
alone() {
  for option in --json --samples=1 --random --by=kl --tokenizer=. --color=never; do
    refused 64 "verify and ${option%=*} exclude each other" peek --verify $option whole.zst
    expect_misuse
  done
}
ok "--verify takes no options of the report" alone
escapes() {  # an id can't drive the terminal
  printf '{"prompt":"the ","id":"\\u001b[2J"}\n' > odd
  rollout -q --policy "$TINY/p0" --max-tokens 1 odd -o odd.zst
  faulty 1 '^odd.zst: record 1: duplicate id ".u001b\[2J/0"' odd.zst odd.zst
}
ok "ids are shown escaped" escapes
