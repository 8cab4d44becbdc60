# Shards of one work and of several: each shard counts once, and those of another input are another work's.
. "$ROOT/tests/tools/tiny.inc"
needs rollout score label

half() { head -n 3 "$TINY/prompts.jsonl" > first.jsonl; tail -n 3 "$TINY/prompts.jsonl" > second.jsonl; }
half
for in in first second; do
  for i in 0 1; do
    rollout -q --policy "$TINY/p0" --max-tokens 4 -n 2 --shard $i/2 $in.jsonl -o $in.$i.zst
  done
  cat $in.0.zst $in.1.zst > $in.zst
done

of_two_inputs() {
  score -q --reward-model "$TINY/rm" first.?.zst second.?.zst -o all.jsonl
  holds all.jsonl 'length == 12'
}
scored_of_two_inputs() {
  for in in first second; do
    for i in 0 1; do score -q --reward-model "$TINY/rm" --shard $i/2 $in.zst -o $in.scored.$i.zst; done
  done
  label -q --by reward first.scored.?.zst second.scored.?.zst > pairs.jsonl
}
twice() {
  cp first.1.zst copy.zst
  refused 65 '^score: error: copy.zst: shard 1 of 2 appears twice, also in first.1.zst$' \
    score --reward-model "$TINY/rm" first.0.zst first.1.zst copy.zst second.0.zst -o all.zst
  [ ! -e all.zst ]
}
ok "the shards of two rollouts are read together" of_two_inputs
ok "the shards of two scorings are read together" scored_of_two_inputs
ok "a shard that appears twice is refused, by the name of the file that repeats it" twice
