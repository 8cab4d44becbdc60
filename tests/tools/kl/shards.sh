# kl-report in shards: records with stored evaluations give the same report as the policies, to the last digit.
. "$ROOT/tests/tools/tiny.inc"
needs kl-report rollout jq zstdcat
p0=$TINY/p0 base=$TINY/base s=$TINY/scored.jsonl
jq -c 'if .id == "cast/1" then .temperature = 0 elif .id == "book/2" then .top_k = 3 elif .id == "song/3" then
  .prompt_ids = [] | .logprobs |= .[1:] | .ref_logprobs |= .[1:] else . end | select(.logprobs != [])' "$s" > odd.jsonl

# The report of a file, under one name.
report() { kl-report -q --json "$@" | sed 's/"file": "[^"]*"/"file": "-"/; s/"files": \["[^]]*"\]/"files": "-"/'; }
same_report() {  # FILE OPTION...
  file=$1
  shift
  report "$@" "$file" > direct
  jq -e '.new != null and (.files[0].old_new.k1.per_token.mean | . != null and . != 0)' direct
  kl-report -q "$@" -o whole.zst --force "$file"
  for i in 0 1 2; do
    kl-report -q "$@" --shard $i/3 "$file" -o part$i.zst --force
    zstdcat part$i.zst > part$i.jsonl
  done
  report whole.zst | expect_same direct -
  for order in '0 1 2' '2 0 1' '1 2 0'; do
    for i in $order; do cat part$i.zst; done > together.zst
    report together.zst | expect_same direct -
    report - < together.zst | expect_same direct -
    for i in $order; do cat part$i.jsonl; done > together.jsonl
    report together.jsonl | expect_same direct -
  done
  sort -R --random-source="$s" "$file" > shuffled.jsonl
  report "$@" shuffled.jsonl | expect_same direct -
}
ok "two policies" same_report "$s" --old "$p0" --new "$base"
ok "a new policy against the recorded log-probs" same_report "$s" --new "$base"
ok "greedy, truncated and promptless responses" same_report odd.jsonl --old "$p0" --new "$base"
in_bf16() {
  rollout -q --policy "$p0" --dtype bf16 -n 2 --max-tokens 6 "$TINY/prompts.jsonl" > bf16.jsonl
  same_report bf16.jsonl --new "$base" --dtype bf16
  same_report bf16.jsonl --old "$p0" --new "$base" --dtype bf16
}
ok "in bf16" in_bf16
tables() {
  kl-report -q --old "$p0" --new "$base" -o t.zst "$s"
  for how in --plot --no-plot --ascii; do
    kl-report -q $how --clip 0.1 t.zst | sed 's/t\.zst/FILE/' > recorded
    kl-report -q $how --clip 0.1 --old "$p0" --new "$base" "$s" | sed "s,$s,FILE," | expect_same - recorded
  done
  grep -q 'outside 1 +- 0.1' recorded
  kl-report -q --html page.html t.zst > /dev/null
  grep -q 'KL(old ‖ new) by position' page.html
}
ok "tables and the page show them" tables
fields() {
  kl-report -q --old "$p0" --new "$base" -o - "$s" > both.jsonl
  kl-report -q --new "$base" -o - "$s" > one.jsonl
  new='["new_logprobs","new_entropies"]'
  old='["old_logprobs","old_entropies","kl_old_new","kl_new_old"]'
  holds both.jsonl "all(. as \$r | ($new + $old)[] | \$r[.] | length == (\$r.response_ids | length))"
  holds both.jsonl 'all(.old_logprobs == .logprobs and .old_policy == .policy and .eval_dtype == "f32" and
    .eval_arith == 1 and .new_policy != .old_policy)'
  holds one.jsonl "all(. as \$r | $old + [\"old_policy\"] | all(. as \$k | \$r | has(\$k) | not)) and
    all(.new_logprobs == .ref_logprobs)"
  for part in both one; do
    jq -c 'del(.new_logprobs, .new_entropies, .old_logprobs, .old_entropies, .kl_old_new, .kl_new_old, .old_policy,
      .new_policy, .eval_dtype, .eval_arith)' $part.jsonl > rest
    jq -c . "$s" | expect_same rest -
  done
}
ok "the records keep all else, and have the evaluation's fields" fields
figures() {  # the exact KLs of the records are those of the report
  kl-report -q --json --old "$p0" --new "$base" "$s" > direct
  jq -s '[.[].kl_old_new[]] | add / length' both.jsonl > got
  jq '.files[0].old_new.exact.per_token.mean' direct | paste got - | awk '{ exit !(($1 - $2) ^ 2 < 1e-12 && $1 > 0) }'
  jq -s '[.[].kl_new_old[]] | add / length' both.jsonl > got
  jq '.files[0].old_new.exact_reverse.per_token.mean' direct | paste got - | awk '{ exit !(($1 - $2) ^ 2 < 1e-12) }'
  jq -s '[.[].old_entropies[]] | add / length' both.jsonl > got
  jq '.files[0].old_new.entropy_old.per_token.mean' direct | paste got - | awk '{ exit !(($1 - $2) ^ 2 < 1e-12) }'
}
ok "the fields are what their names say" figures
once_more() {  # evaluated again, by others: nothing of the first time is left
  kl-report -q --new "$base" -o - both.jsonl > again
  jq -cS . one.jsonl > wanted
  jq -cS . again | expect_same - wanted
  report --old "$base" --new "$p0" both.jsonl > direct
  report --old "$base" --new "$p0" "$s" | expect_same - direct
}
ok "records may be evaluated again" once_more
others() {
  kl-report -q --old "$base" --new "$p0" -o - "$s" > reverse.jsonl
  { head -n 3 both.jsonl; tail -n 2 reverse.jsonl; } > mixed.jsonl
  refused 65 '^kl-report: error: mixed.jsonl: record 4: was evaluated by other policies \(' kl-report mixed.jsonl
  { head -n 3 both.jsonl; tail -n 2 "$s"; } > mixed.jsonl
  refused 65 'mixed.jsonl: record 4: was evaluated by other policies \(none\) than' kl-report mixed.jsonl
  { head -n 1 "$s"; tail -n 2 one.jsonl; } > mixed.jsonl
  refused 65 'mixed.jsonl: record 2: was evaluated by other policies' kl-report mixed.jsonl
  { head -n 1 one.jsonl; tail -n 2 both.jsonl; } > mixed.jsonl
  refused 65 'record 2: was evaluated by other policies' kl-report mixed.jsonl
  { head -n 1 both.jsonl; tail -n 2 both.jsonl | jq -c '.eval_dtype = "bf16"'; } > mixed.jsonl
  refused 65 'record 2: was evaluated by other policies .* in bf16, arithmetic 1' kl-report mixed.jsonl
  { head -n 1 both.jsonl; tail -n 2 both.jsonl | jq -c '.eval_arith = 7'; } > mixed.jsonl
  refused 65 'record 2: was evaluated by other policies .* in f32, arithmetic 7' kl-report mixed.jsonl
  expect_stderr 'evaluate all of them with the same two policies: give --new, and --old$'
  [ ! -s out ]
}
ok "evaluations by different policies in one file are refused" others
other_files() {
  refused 65 '^kl-report: error: reverse.jsonl: was evaluated by other policies .* than both.jsonl' \
    kl-report both.jsonl reverse.jsonl
  refused 65 'was evaluated by other policies \(none\) than both.jsonl' kl-report both.jsonl "$s"
  expect_status 0 kl-report both.jsonl both.jsonl
  expect_status 0 kl-report --new "$p0" both.jsonl reverse.jsonl
}
ok "so are they in several files" other_files
# broken PATTERN FILTER: changes the second record.
broken() {
  jq -c "if input_line_number == 2 then ($2) else . end" both.jsonl > bad.jsonl
  refused 65 "^kl-report: error: bad.jsonl: record 2: $1" kl-report bad.jsonl
}
ok "a list is missing" broken 'field "kl_old_new" is missing' 'del(.kl_old_new)'
ok "a list is short" broken 'field "new_entropies" has [0-9]+ numbers for' '.new_entropies |= .[1:]'
ok "a list is not a list" broken 'field "old_logprobs"' '.old_logprobs = 1'
ok "the dtype is missing" broken 'field "eval_dtype" is missing' 'del(.eval_dtype)'
ok "the digest is not a string" broken 'field "new_policy"' '.new_policy = 1'
no_recorded() {
  jq -c 'del(.logprobs)' one.jsonl > bad.jsonl
  refused 65 'bad.jsonl: record 1: field "logprobs" is missing' kl-report bad.jsonl
  jq -c 'del(.logprobs)' both.jsonl > good.jsonl
  expect_status 0 kl-report good.jsonl
}
ok "recorded log-probs are needed where they are the old ones" no_recorded
misuse() {
  refused 64 'output needs --new' kl-report -o x.zst "$s"
  expect_misuse
  refused 64 'shard needs --output' kl-report --new "$p0" --shard 0/2 "$s"
  expect_misuse
  refused 64 'zstd needs --output' kl-report --new "$p0" -z "$s"
  expect_misuse
  for option in --json --html=x.html --clip=0.1 --plot --no-plot --ascii; do
    refused 64 "output and ${option%=*} exclude each other" kl-report --new "$p0" -o x.zst $option "$s"
    expect_misuse
  done
  cp "$s" mine.jsonl
  refused 64 'is an input as well' kl-report --new "$p0" --force -o mine.jsonl mine.jsonl
  expect_same "$s" mine.jsonl
}
ok "misuse" misuse
twice() {
  refused 65 'record 1: duplicate id "film/0"' kl-report --new "$p0" -o twice.zst "$s" "$s"
  [ ! -e twice.zst ]
}
ok "an id that appears twice is refused" twice
no_finish() {  # with a policy the last token tells what was cut, and the records written back say so
  jq -c 'del(.finish)' "$s" > unfinished.jsonl
  jq -s '[map(.finish) | (map(select(. == "stop")) | length), (map(select(. == "length")) | length)]' "$s" > want
  jq -e 'all(. > 0)' want
  report --new "$p0" unfinished.jsonl | jq '[.files[0].finish | .stop, .length]' | expect_same want -
  kl-report -q --new "$p0" -o told.jsonl unfinished.jsonl
  jq -r .finish "$s" > finishes
  jq -r .finish told.jsonl | expect_same finishes -
  report --new "$p0" unfinished.jsonl > direct
  report told.jsonl | expect_same direct -
}
ok "without finish the policy tells what was cut" no_finish
order() {  # micro-batches pass on every record, in the input's order
  for i in $(seq 40); do sed "s/\"id\":\"/&$i-/" "$s"; done > many.jsonl
  kl-report -q --new "$base" -o - many.jsonl | jq -r .id > got
  jq -r .id many.jsonl | expect_same - got
  kl-report -q --new "$base" -o - --threads 2 many.jsonl | jq -c .new_logprobs | head -n 24 > some
  kl-report -q --new "$base" -o - --threads 1 "$s" | jq -c .new_logprobs | expect_same - some
}
ok "many records keep their order" order
