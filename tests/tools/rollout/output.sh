# Files, pipes and what happens when they fail.
. "$ROOT/tests/tools/tiny.inc"
in=$TINY/prompts.jsonl
roll() { rollout -q --policy "$TINY/p0" --max-tokens 3 "$@"; }
roll "$in" > plain.jsonl

to_file() { roll "$in" -o a.jsonl; cmp a.jsonl plain.jsonl; }
ok "-o writes what stdout would get" to_file
keeps_existing() {
  echo mine > kept.jsonl
  refused 73 'kept.jsonl.*exists' roll "$in" -o kept.jsonl
  [ "$(cat kept.jsonl)" = mine ]
}
ok "-o does not overwrite" keeps_existing
forced() {
  echo mine > forced.jsonl
  roll "$in" --force -o forced.jsonl
  cmp forced.jsonl plain.jsonl
}
ok "--force overwrites" forced
absent_on_error() {
  { cat "$in"; echo '{"id":"z"}'; } > broken.jsonl
  expect_status 65 roll broken.jsonl -o absent.jsonl
  [ "$(ls -A | grep -c absent)" = 0 ]
}
ok "-o is absent after an error, with its temporary" absent_on_error
no_folder() { refused 73 'no/such' roll "$in" -o no/such/file.jsonl; }
ok "a folder that is missing is 73" no_folder
by_name() {
  roll "$in" -o b.jsonl.zst
  zstd -dcq b.jsonl.zst | cmp - plain.jsonl
  zstd -lv b.jsonl.zst | grep -qi 'XXH64'
}
ok "a name in .zst is compressed, with checksums" by_name
marks() {
  roll -z "$in" > c.bin
  zstd -dcq c.bin | jq -c . | wc -l | grep -qx 6
  head -c 4 c.bin | od -An -tx1 | grep -q '5b 2a 4d 18'
  grep -aq '"mark":"open"' c.bin
  grep -aq '"mark":"close"' c.bin
  grep -aq '"records":6' c.bin
}
ok "-z marks the stream, and zstd and jq do not notice" marks
marked_shard() {
  roll -z --shard 1/4 "$in" > d.bin
  grep -aq '"shard":1,"shards":4' d.bin
}
ok "the marks name the shard" marked_shard
redirected() {
  roll "$in" > e.jsonl.zst
  zstd -dcq e.jsonl.zst | cmp - plain.jsonl
}
ok "stdout redirected to a name in .zst is compressed" redirected
full_disk() { refused 74 'No space' sh -c 'rollout -q --policy "$0" "$1" > /dev/full' "$TINY/p0" "$in"; }
[ ! -e /dev/full ] || ok "a full disk is 74" full_disk
closed_pipe() {
  { { rollout --policy "$TINY/p0" -n 400 --max-tokens 3 "$in" 2> err; echo $? > code; } |
    head -n 1 > /dev/null; } || true
  [ "$(cat code)" = 141 ]
  [ ! -s err ]
}
ok "a reader that leaves ends it quietly" closed_pipe
same_file() {
  cp "$in" self.jsonl
  refused 64 'same file|self.jsonl' roll self.jsonl --force -o self.jsonl
  cmp self.jsonl "$in"
}
ok "an output that is the input is refused" same_file
terminal() {
  expect_status 64 on_terminal rollout -q --policy "$TINY/p0" -z "$in"
  expect_stdout 'terminal'
}
ok_with script "compressed data is not written to a terminal" terminal
tally() {
  expect_status 0 rollout --policy "$TINY/p0" -n 2 "$in"
  tokens=$(jq -s 'map(.response_ids | length) | add' out)
  stopped=$(jq -s 'map(select(.finish == "stop")) | length' out)
  expect_stderr "^rollout: 12 trajectories, $tokens tokens, $stopped stopped, "
  [ "$(wc -l < err)" = 1 ]
}
ok "the tally counts trajectories, tokens and stops" tally
quiet() { expect_status 0 rollout -q --policy "$TINY/p0" "$in"; [ ! -s err ]; }
ok "-q leaves stderr empty" quiet
long_names() {
  roll --samples 2 --output long.jsonl "$in"
  roll -n 2 -o short.jsonl "$in"
  expect_same long.jsonl short.jsonl
  roll --samples 2 --zstd "$in" > long.bin
  roll -n 2 -z "$in" | cmp - long.bin
  zstd -dcq long.bin | cmp - short.jsonl
}
ok "--samples, --output and --zstd are -n, -o and -z" long_names
