# docs/recipes.md, Reward programs: what a judge that fails does to a bare pipeline, to the bounded one and to shards.
. "$ROOT/tests/tools/docs/recipes.inc"
cd set
bash -euo pipefail "../$(cd .. && with 'cat > judge ')"
mv judge good
sed 's/timeout 60/timeout 4/' "../$(cd .. && with 'records=$(')" > first.sh
sed 's/timeout 60/timeout 4/' "../$(cd .. && with 'judged()')" > only_shards.sh
cat first.sh only_shards.sh > shards.sh
sed -i '1i records=48' only_shards.sh
sed -E 's/timeout 4 //; s/ -z / /; s/--records "[^"]+" //' first.sh > bare.sh
[ "$(grep -cE 'timeout|-z|--records' bare.sh)" = 0 ]
[ "$(grep -c 'timeout 4' first.sh)" = 1 ]
faulty() { printf '#!/bin/sh\n%s\n' "$1" > judge; chmod +x judge; }
differ() {
  [ -s "$1" ] && [ -s "$2" ] || { echo "$1 or $2 is missing or empty"; return 1; }
  if cmp -s "$1" "$2"; then echo "$1 and $2 are the same"; return 1; fi
}
# run NAME: the block, with what it makes removed before; $status, out, err.
run() { rm -rf p1 p1-shards sampled* shard-* part-* judged-*; status_of bash -euo pipefail "$1.sh"; }
ends() { [ "$status" = "$1" ] || { echo "status $status, not $1"; cat err; return 1; }; }

faulty './good'
run bare; ends 0; mv p1 right
same_step() { for part in . critic; do cmp p1/$part/model.safetensors right/$part/model.safetensors; done; }
good() {
  run first; ends 0; same_step
  run shards; ends 0; same_step
  cmp p1-shards/model.safetensors right/model.safetensors
}
ok "a good one" good
another_step() { differ p1/model.safetensors right/model.safetensors; }
by_records() {
  run first; ends 65; [ ! -e p1 ]
  expect_stderr "ppo-step: error: the input has $1 records, not the 48 of --records"
}

hangs() {
  faulty './good | (head -n 10; exec sleep 60)'
  rm -rf p1 sampled*
  expect_status 124 timeout 4 bash -euo pipefail bare.sh
  [ ! -e p1 ]
  by_records 10
}
ok "it hangs" hangs
dies() {
  faulty './good | head -n 10; exit 3'
  run bare; ends 3; another_step
  by_records 10
}
ok "it dies between two lines" dies
dies_within() {
  faulty './good | head -c 3000; exit 3'
  run bare
  [ "$status" != 0 ]
  expect_stderr 'score: error: stdin: after record [0-9]+, byte 3000: the input ends in the middle of a line'
  run first; ends 65; [ ! -e p1 ]
  expect_stderr 'byte 3000: the input ends in the middle of a line'
  expect_stderr 'ppo-step: error: stdin: .*(end mark|empty)'
}
ok "it dies within a line" dies_within
drops() {
  faulty './good | sed 5d'
  run bare; ends 0; another_step
  by_records 47
}
ok "it drops a record" drops
doubles() {
  faulty './good | sed 5p'
  for way in bare first; do run $way; ends 65; [ ! -e p1 ]; expect_stderr 'record 6: duplicate id "'; done
}
ok "it doubles a record" doubles
reorders() {
  faulty './good | tac'
  for way in bare first; do run $way; ends 0; same_step; done
}
ok "it reorders records" reorders
for number in NaN Infinity 1e999; do
  no_number() {
    faulty "./good | sed '5s/\"reward\":[01]/\"reward\":$1/'"
    for way in bare first; do run $way; ends 65; [ ! -e p1 ]; expect_stderr "(score|ppo-step): error: stdin: record 5: .*$1"; done
  }
  ok "it prints $number" no_number $number
done
for number in null '"1"' none; do
  no_reward() {
    case $1 in none) faulty "./good | jq -c 'if .id == \"1-1/2\" then del(.reward) else . end'" ;;
      *) faulty "./good | jq -c 'if .id == \"1-1/2\" then .reward = $1 else . end'" ;; esac
    for way in bare first; do
      run $way; ends 65; [ ! -e p1 ]
      expect_stderr '(score|ppo-step): error: stdin: record 3: field "reward" (is null|is missing|must be a number)'
    done
  }
  ok "its reward is $number" no_reward "$number"
done
gives_to_others() {
  faulty "./good | jq -cs '(map(.reward) | reverse) as \$r | to_entries[] | .value + {reward: \$r[.key]}'"
  for way in bare first; do run $way; ends 0; another_step; done
}
ok "it gives a record another's reward" gives_to_others

# The fault comes once, in the shard that is judged second; then in every try.
for fault in 'head -n 10' 'head -c 3000' 'sed 5d' 'sed 5p' "sed '5s/\"reward\":[01]/\"reward\":NaN/'" \
  "sed '5s/\"reward\":[01]/\"reward\":null/'" '(head -n 5; exec sleep 60)' 'head -n 0' '(cat; exit 1)'; do
  in_shards() {
    faulty "./good | if mkdir \"turn-\$(ls -d turn-* | wc -l)\" && [ -d turn-2 ] && [ ! -d turn-3 ]; then $1; else cat; fi"
    rm -rf turn-* && mkdir turn-x
    run only_shards
    expect_stderr '^shard 1: try 1 failed'
    ends 0
    cmp p1-shards/model.safetensors right/model.safetensors
    faulty "./good | $1"
    run only_shards
    [ "$status" != 0 ]
    for made in p1-shards judged-0.jsonl judged-1.jsonl; do [ ! -e $made ]; done
    for try in 1 2 3; do expect_stderr "^shard 1: try $try failed"; done
  }
  ok "in shards: $fault" in_shards "$fault"
done
