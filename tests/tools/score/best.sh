# score --best: of each prompt's responses those with the highest rewards.
. "$ROOT/tests/tools/stop/stop.inc"
s=$TINY/sampled.jsonl  # 6 groups of 4
score -q --reward-model "$TINY/rm" "$s" -o scored.jsonl
best() { score --reward-model "$TINY/rm" --best "$@"; }

chosen() {  # the N of each group by a sort of its own, in input order
  best "$1" -q "$s" > best.jsonl
  jq -c --argjson n "$1" -s 'to_entries | map(.value + {at: .key}) | group_by(.group) | map(sort_by(-.reward) | .[:$n]) |
    add | sort_by(.at)[] | del(.at)' scored.jsonl > want
  jq -c 'del(.best_of, .best_among)' best.jsonl | cmp - want
  [ "$(wc -l < best.jsonl)" = $(($1 * 6)) ]
}
ok "--best 1" chosen 1
ok "--best 3" chosen 3
all_kept() {
  best 9 -q "$s" > nine.jsonl
  jq -c 'del(.best_of, .best_among)' nine.jsonl > x
  jq -c . scored.jsonl | cmp - x
  holds nine.jsonl 'all(.best_of == 1)'
}
ok "a group with fewer keeps all, and was not chosen from" all_kept
marks() {
  best 1 -q "$s" > one.jsonl
  holds one.jsonl 'all(.best_of == 4) and (map(.best_among) | unique | length) == 6'
  head -n 7 "$s" | best 2 -q > few.jsonl
  holds few.jsonl 'map(.best_of) == [4, 4, 3, 3]'
}
ok "best_of is the number that a response was chosen from" marks
ties() {  # of equal rewards the lesser id
  head -n 1 "$s" | jq -c '(.id = "x/11"), (.id = "x/9"), (.id = "x/10") | .group = "x"' | best 2 -q > tied.jsonl
  holds tied.jsonl 'map(.id) == ["x/9", "x/10"]'
}
ok "equal rewards: the lesser id" ties
by_id() {  # without the field the id up to its last / is the group
  jq -c 'del(.group)' "$s" | best 1 -q | jq -c .id > x
  jq -c .id one.jsonl | cmp - x
}
ok "without group the id tells it" by_id
tally() {
  expect_status 0 best 1 "$s"
  mean=$(jq -s 'map(.reward) | add / length' one.jsonl)
  expect_stderr '^score: 6 records, best 1 of 4 in 6 groups, KL to the policy at most 0\.6363 nats, mean reward '
  near_shown "$(sed -n 's/.* mean reward \([-0-9.]*\) .*/\1/p' err)" "$mean"
  head -n 7 "$s" > seven.jsonl
  expect_status 0 best 1 seven.jsonl
  expect_stderr '^score: 2 records, best 1 of 3 to 4 in 2 groups, mean reward '
}
ok "the tally has the choice, its bound and the mean of what was kept" tally
with_reference() {
  best 1 -q --ref "$TINY/base" "$s" | jq -c 'del(.best_of, .best_among)' > x
  jq -c .id one.jsonl > ids
  score -q --reward-model "$TINY/rm" --ref "$TINY/base" "$s" | jq -c --slurpfile ids ids 'select(.id | IN($ids[]))' | cmp - x
}
ok "with --ref only the chosen have log-probs, the same" with_reference
no_bits() {
  for tokens in 1 37 100000; do best 2 -q --micro-batch-tokens $tokens --threads 2 "$s"; done > x
  best 2 -q "$s" > two.jsonl
  cat two.jsonl two.jsonl two.jsonl | cmp - x
}
ok "micro-batch and threads change no byte" no_bits
shards_of_prompts() {
  for i in 0 1; do rollout -qz --policy "$TINY/p0" -n 4 --max-tokens 8 --shard $i/2 "$TINY/prompts.jsonl" > part$i.zst; done
  cat part0.zst part1.zst | best 1 -q | sort > x
  rollout -q --policy "$TINY/p0" -n 4 --max-tokens 8 "$TINY/prompts.jsonl" | best 1 -q | sort | cmp - x
  refused 65 'shard' best 1 part0.zst
}
ok "all shards of rollout are read, one alone is refused" shards_of_prompts
shards_of_groups() {
  for i in 0 1 2 3; do best 2 -qz --shard $i/4 "$s" -o group$i.zst; done
  zstd -dcq group1.zst | jq -r .group | sort -u > x
  jq -r .group "$s" | uniq | sed -n '2p; 6p' | sort | cmp - x
  cat group3.zst group0.zst group2.zst group1.zst | kl-report -q --json | jq -e '.files[0].responses == 12'
  zstd -dcq group0.zst group1.zst group2.zst group3.zst | sort > x
  sort two.jsonl | cmp - x
  { head -n 5 "$s"; sed -n 4p "$s" | jq -c '.id += "x"'; } > back.jsonl
  for i in 0 1; do refused 65 'record 6: group "film" ended before' best 1 --shard $i/2 back.jsonl; done
  expect_status 0 best 1 --shard 7/9 "$s"
  [ ! -s out ]
}
ok "a shard takes groups, and the shards are the whole" shards_of_groups
too_long() {
  jq -c 'if input_line_number == 3 then .response_ids = [range(70) | 5] | .logprobs = [range(70) | -1] else . end' "$s" > long.jsonl
  expect_status 0 best 1 --too-long skip long.jsonl
  holds out 'map(.best_of) == [3, 4, 4, 4, 4, 4]'
}
ok "a response that is too long is none of its group" too_long
stopped_at() {
  best 2 -q "$s" -o "whole.$1"
  best 2 "$s" -o whole.again 2> undisturbed
  rm -f "cut.$1"
  begin score --reward-model "$TINY/rm" --best 2 -o "cut.$1"
  give 10 "$s"  # two groups, and half of one
  asleep
  stopped TERM 4 "cut.$1"
  expect_status 0 best 2 "$s" -o "cut.$1"
  expect_stderr 'resuming after 4 records'
  same_tally
  cmp "cut.$1" "whole.$1"
  rm -f whole.again
}
ok "stopped, it goes on to the same bytes, plain" stopped_at jsonl
ok "and compressed" stopped_at jsonl.zst
within_a_group() {  # killed where one of a group's two was written
  best 2 -q "$s" -o whole.jsonl --force
  rm -f cut.jsonl
  begin score --reward-model "$TINY/rm" --best 2 -o cut.jsonl
  give 10 "$s"
  asleep
  stopped TERM 4 cut.jsonl
  part=$(find . -maxdepth 1 -name '.cut.jsonl.*.part')
  [ -f "$part" ]
  head -n 3 "$part" > shorter
  cat shorter > "$part"
  expect_status 0 best 2 "$s" -o cut.jsonl
  expect_stderr 'resuming after 3 records'
  cmp cut.jsonl whole.jsonl
}
ok "and where a group was cut" within_a_group
other_input() {  # a response that was not kept is another now, and is the best
  rm -f cut.jsonl
  begin score --reward-model "$TINY/rm" --best 2 -o cut.jsonl
  give 10 "$s"
  asleep
  stopped TERM 4 cut.jsonl
  lost=$(jq -r .id two.jsonl | head -n 4 > kept; jq -r .id "$s" | head -n 8 | grep -vxF -f kept | tail -n 1)
  jq -c --arg id "$lost" 'if .id == $id then .own = 1 else . end' "$s" > other.jsonl
  expect_status 0 best 2 other.jsonl -o cut.jsonl
  expect_stderr 'the input no longer gives [12] records? of an unfinished run'
  best 2 -q other.jsonl | cmp - cut.jsonl
}
ok "a change of a response that was not kept is seen" other_input
returns() {
  { head -n 5 "$s"; sed -n 8p "$s"; sed -n 4p "$s" | jq -c '.id += "x"'; } > apart.jsonl
  refused 65 'apart.jsonl: record 7: group "film" ended before' best 1 apart.jsonl
  expect_stderr '^score: hint: sort by group first'
  jq -sc 'sort_by(.group)[]' apart.jsonl | best 1 -q > x
  [ "$(wc -l < x)" = 2 ]
}
ok "a group that comes back is refused with the way out" returns
twice() {
  refused 65 'record 1: field "best_of" is there' best 1 one.jsonl
  expect_stderr 'hint: choose once'
}
ok "what was chosen is not chosen from again" twice
no_trajectory() { refused 65 'record 1: is not a trajectory' best 1 "$TINY/pairs.jsonl"; }
ok "pairs are refused" no_trajectory
duplicate() {
  { head -n 2 "$s"; sed -n 2p "$s"; } > double.jsonl
  refused 65 'record 3: duplicate id' best 1 double.jsonl
}
ok "an id that comes twice is refused, kept or not" duplicate
misuse() {  # pattern words...
  pattern=$1
  shift
  expect_status 64 score "$@" "$s"
  expect_misuse
  expect_stderr "$pattern"
}
ok "--best 0" misuse '--best' --reward-model "$TINY/rm" --best 0
ok "--best without rewards" misuse '--best needs --reward-model' --ref "$TINY/base" --best 1
