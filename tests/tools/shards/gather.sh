# Programs that gather a work find its shards incomplete; those that go by records take one alone, and say which.
. "$ROOT/tests/tools/tiny.inc"
needs rollout score label kl-report ppo-step rm-train sft-train peek zstdcat
p0=$TINY/p0
for i in 0 1 2; do
  rollout -q --policy "$p0" -n 2 --max-tokens 4 --shard $i/3 "$TINY/prompts.jsonl" -o r$i.zst
  score -q --reward-model "$TINY/rm" --ref "$TINY/base" r$i.zst -o s$i.zst
  label -q --by reward --pairs all --shard $i/3 "$TINY/scored.jsonl" -o l$i.zst
done

# gathers FILE... COMMAND: COMMAND -o out FILE... takes what is whole, refuses gaps, and takes these with --salvage.
gathers() {  # PREFIX COMMAND...
  prefix=$1
  shift
  rm -rf made
  expect_status 0 "$@" -o made "${prefix}2.zst" "${prefix}0.zst" "${prefix}1.zst"
  rm -rf made
  refused 65 "^${1}: error: ${prefix}0.zst: missing shards: 1 of 3" "$@" -o made "${prefix}0.zst" \
    "${prefix}2.zst"
  expect_stderr 'give all of them, each once; --salvage accepts those present$'
  [ ! -e made ]
  cat "${prefix}0.zst" "${prefix}2.zst" > two.zst
  refused 65 "^${1}: error: two.zst: missing shards: 1 of 3" "$@" -o made two.zst
  [ ! -e made ]
  expect_status 0 "$@" --salvage -o made two.zst
  expect_stderr "^${1}: warning: two.zst: missing shards: 1 of 3"
  [ -e made ]
}
no_lone_shard() {  # PREFIX COMMAND...
  prefix=$1
  shift
  refused 65 "${prefix}1.zst: missing shards: 0 2 of 3" "$@" -o alone "${prefix}1.zst"
  [ ! -e alone ]
}
step() { ppo-step --policy "$p0" --critic-init "$TINY/rm" --epochs 1 "$@"; }
both() { gathers "$@"; no_lone_shard "$@"; }
ok "ppo-step" both s ppo-step --policy "$p0" --critic-init "$TINY/rm" --epochs 1
ok "label" both s label --by reward
ok "label by shards" both s label --by reward --shard 0/2
ok "rm-train" both l rm-train --init "$TINY/base"
ok "rollout" both r rollout --policy "$p0" --max-tokens 1
ok "score" gathers r score --reward-model "$TINY/rm"
ok "score by shards" both r score --reward-model "$TINY/rm" --shard 0/2
ok "kl-report -o" gathers s kl-report --new "$p0"
ok "kl-report -o by shards" both s kl-report --new "$p0" --shard 0/2
text() {
  refused 65 'l0.zst: missing shards: 1-2 of 3' rm-train --init "$TINY/base" "$TINY/pairs.jsonl" --held-out \
    l0.zst -o made-rm
  [ ! -e made-rm ]
  refused 65 'r0.zst: missing shards: 1-2 of 3' sft-train --init "$TINY/base" r0.zst -o made-sft
}
ok "sft-train, and the other inputs of trainers" text
report() {  # several files are several iterations
  cat s0.zst s1.zst s2.zst > all.zst
  expect_status 0 kl-report all.zst
  refused 65 '^kl-report: error: s0.zst: missing shards: 1-2 of 3' kl-report s0.zst s1.zst s2.zst
  [ ! -s out ]
  expect_status 0 kl-report --salvage s0.zst
}
ok "kl-report, each of its files" report

# shard_in FILE: the shard of its end mark, as i/n.
shard_in() { peek -q --json "$1" | jq -r '.files[0].marks[-1] | "\(.shard)/\(.shards)"'; }
passed_on() {  # what became of each shard alone is a shard of one work
  for i in 0 1 2; do
    [ "$(shard_in s$i.zst)" = $i/3 ]
    score -q --ref "$p0" - < s$i.zst -o again$i.zst
    kl-report -q --new "$p0" again$i.zst -o k$i.zst
    [ "$(shard_in k$i.zst)" = $i/3 ]
  done
  for set in s again k; do
    peek --verify ${set}0.zst ${set}1.zst ${set}2.zst
    refused 65 '0.zst: missing shards: 2 of 3' peek --verify ${set}0.zst ${set}1.zst
  done
  score -q --reward-model "$TINY/rm" --ref "$TINY/base" r?.zst -o at-once.zst
  [ "$(shard_in at-once.zst)" = 0/1 ]
  zstdcat at-once.zst | sort > at-once
  zstdcat s?.zst | sort | expect_same - at-once
}
ok "a lone shard is passed on, as a shard of one work" passed_on
pipeline() {  # an array's task in one pipe
  for i in 0 1; do
    rollout -qz --policy "$p0" -n 2 --max-tokens 4 --shard $i/2 "$TINY/prompts.jsonl" |
      score -qz --reward-model "$TINY/rm" --ref "$TINY/base" | kl-report -qz --new "$p0" -o - | cat > task$i.zst
    [ "$(shard_in task$i.zst)" = $i/2 ]
  done
  peek --verify task0.zst task1.zst
  refused 65 'missing shards: 0 of 2' step task1.zst -o never
  expect_status 0 step task0.zst task1.zst -o next
}
ok "a pipe of a task passes its shard on" pipeline
others_options() {  # shards scored in two ways are no one work
  score -q --reward-model "$TINY/rm" r1.zst -o without-ref.zst
  refused 65 'missing shards: (1|0 2) of 3' step s0.zst without-ref.zst s2.zst -o never  # of either
}
ok "shards of other options are of another work" others_options
with_a_loss() {  # a part of a shard doesn't pass for it
  rollout -qz --policy "$p0" --max-tokens 1 --shard 0/2 "$TINY/prompts.jsonl" > part.zst
  head -c $(($(wc -c < part.zst) - 9)) part.zst > cut.zst
  expect_status 0 score --salvage --ref "$TINY/base" cut.zst -o salvaged.zst
  [ "$(shard_in salvaged.zst)" = 0/1 ]
}
ok "what is left of a damaged shard is no shard" with_a_loss
beside_plain() {
  head -n 1 "$TINY/sampled.jsonl" | sed 's/"id":"/&more-/' > more.jsonl
  refused 65 'r0.zst: missing shards: 1-2 of 3' score --ref "$TINY/base" r0.zst more.jsonl -o mixed.zst
  expect_status 0 score --ref "$TINY/base" r?.zst more.jsonl -o mixed.zst
  [ "$(shard_in mixed.zst)" = 0/1 ]
}
ok "a shard with other records is no lone shard" beside_plain
