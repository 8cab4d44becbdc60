# The records of all shards, put together, are those of the unsharded run: of every program that works by shards, plain
# and compressed.
. "$ROOT/tests/tools/tiny.inc"
needs rollout score label kl-report zstdcat
p0=$TINY/p0

# A program of the set by name: work NAME [OPTION...] reads its usual input and writes to stdout.
work() {
  work_name=$1
  shift
  case $work_name in
    rollout) rollout -q --policy "$p0" -n 2 --max-tokens 4 "$@" "$TINY/prompts.jsonl" ;;
    score) score -q --reward-model "$TINY/rm" --ref "$TINY/base" "$@" "$TINY/sampled.jsonl" ;;
    label) label -q --by reward --pairs all "$@" "$TINY/scored.jsonl" ;;
    kl-report) kl-report -q --old "$p0" --new "$TINY/base" -o - "$@" "$TINY/scored.jsonl" ;;
  esac
}
same_set() {  # NAME SHARDS
  work "$1" > whole.jsonl
  i=0
  while [ $i -lt "$2" ]; do
    work "$1" --shard $i/"$2" > $i.jsonl
    work "$1" -z --shard $i/"$2" | cat > $i.zst
    zstdcat $i.zst | expect_same - $i.jsonl
    i=$((i + 1))
  done
  [ "$2" = 1 ] || differ whole.jsonl 0.jsonl
  cat ?.jsonl | sort > together
  sort whole.jsonl | expect_same - together
  cat ?.zst > all.zst
  peek --verify all.zst
  zstdcat all.zst | sort | expect_same - together
  rm ?.jsonl ?.zst
}
for name in rollout score kl-report; do
  ok "$name: 3 shards are the whole" same_set $name 3
  ok "$name: 1 shard is the whole" same_set $name 1
done
ok "label: 2 shards are the whole" same_set label 2

of_groups() {  # groups in the order of their first answers: 1 and 3 of film play song book cast plot
  work label > whole.jsonl
  work label --shard 1/2 > odd.jsonl
  jq -r '.id | split("/")[0]' odd.jsonl | uniq > got
  jq -r '.id | split("/")[0]' whole.jsonl | uniq > groups
  [ "$(wc -l < groups)" -ge 3 ]
  while read -r group; do grep -qE "^(play|book|plot)$" got; done < got
  grep -vE '^(film|song|cast)$' groups | expect_same - got
}
ok "label's shards are of groups, in the order of the input" of_groups
of_records() {
  work score --shard 1/4 | jq -r .id > got
  sed -n '2~4p' "$TINY/sampled.jsonl" | jq -r .id | expect_same - got
}
ok "score's shards are of records" of_records
kl_records() {
  work kl-report --shard 2/5 | jq -r .id > got
  sed -n '3~5p' "$TINY/scored.jsonl" | jq -r .id | expect_same - got
}
ok "kl-report's shards are of records" kl_records
none_to_label() {  # more shards than groups: the rest are empty, and whole
  for i in 0 1 2 3 4 5 6; do label -q --by reward --shard $i/7 "$TINY/scored.jsonl" -o $i.pairs.zst; done
  peek --verify ?.pairs.zst
  refused 65 'missing shards: 6 of 7' peek --verify [0-5].pairs.zst
  zstdcat ?.pairs.zst | sort > got
  label -q --by reward "$TINY/scored.jsonl" | sort | expect_same - got
}
ok "a shard without a group or pair is empty and whole" none_to_label
by_hand() {
  refused 64 'shard needs --by' label --shard 0/2 -o pairs.jsonl "$TINY/scored.jsonl"
  expect_misuse
}
ok "a human takes no shard" by_hand
readers() {  # plain or compressed shards, put together in any order, are input
  for i in 0 1; do
    score -q --reward-model "$TINY/rm" --ref "$TINY/base" --shard $i/2 "$TINY/sampled.jsonl" > s$i.jsonl
    score -q --reward-model "$TINY/rm" --ref "$TINY/base" --shard $i/2 "$TINY/sampled.jsonl" -o s$i.zst
  done
  for kind in jsonl zst; do
    cat s1.$kind s0.$kind > all.$kind
    label -q --by reward all.$kind | sort > pairs.$kind
    kl-report -q --json all.$kind | jq '.files[0] | del(.file)' > report.$kind
    ppo-step -q --policy "$p0" --critic-init "$TINY/rm" --epochs 1 all.$kind -o p1.$kind
    score -q --ref "$TINY/base" all.$kind | sort > again.$kind
  done
  ppo-step -q --policy "$p0" --critic-init "$TINY/rm" --epochs 1 "$TINY/scored.jsonl" -o p1
  for kind in jsonl zst; do
    label -q --by reward "$TINY/scored.jsonl" | sort | expect_same - pairs.$kind
    kl-report -q --json "$TINY/scored.jsonl" | jq '.files[0] | del(.file)' | expect_same - report.$kind
    expect_same p1/model.safetensors p1.$kind/model.safetensors
    sort "$TINY/scored.jsonl" | expect_same - again.$kind
  done
}
ok "shards put together are input to every program" readers
