# label --by: pairs by a numeric field of the records.
needs label jq zstd

t() {  # id group response reward
  printf '{"schema":"trajectory/1","id":"%s","group":"%s","prompt":"p %s","response":"%s",' "$1" "$2" "$2" "$3"
  printf '"reward":%s,"other":[1]}\n' "$4"
}
{ t a/0 a bad -1; t b/0 b only 3; t a/1 a good 2; t c/0 c same 1; t a/2 a middle 0.5; t c/1 c alike 1; } > in.jsonl

best_and_worst() {
  expect_status 0 label --by reward in.jsonl
  fields='[.schema, .id, .prompt, .chosen, .rejected, .margin, .labeler, .chosen_reward, .rejected_reward]'
  [ "$(jq -c "$fields" out)" = '["preference/1","a/0-1","p a","good","bad",3,"reward",2,-1]' ]
  expect_stderr '^label: 1 pair, 3 groups, 1 tie, 0 pairs below the margin, 1 group of one answer, '
}
all_pairs() {
  expect_status 0 label --by reward --pairs all in.jsonl
  [ "$(jq -c '[.id, .chosen]' out | tr '\n' ' ')" = '["a/0-1","good"] ["a/0-2","middle"] ["a/1-2","good"] ' ]
}
least_margin() {
  expect_status 0 label --by reward --pairs all --min-margin 1.5 in.jsonl
  [ "$(jq -r .id out | tr '\n' ' ')" = "a/0-1 a/0-2 a/1-2 " ]
  expect_status 0 label --by reward --pairs all --min-margin 1.6 in.jsonl
  [ "$(jq -r .id out)" = a/0-1 ]
  expect_stderr ' 2 pairs below the margin'
}
order_does_not_matter() {
  label -q --by reward --pairs all in.jsonl > one
  sort -r in.jsonl | label -q --by reward --pairs all > two
  expect_same one two
}
zero_pairs_fail() {
  grep '"group":"[bc]"' in.jsonl > none.jsonl
  expect_status 65 label --by reward -o none.out none.jsonl
  expect_stderr '^label: error: nothing succeeded: 0 pairs$'
  [ ! -e none.out ]
}
missing_field_names_the_record() {
  jq -c 'if .id == "a/2" then del(.reward) else . end' in.jsonl > lacking.jsonl
  expect_status 65 label --by reward lacking.jsonl
  expect_stderr '^label: error: lacking.jsonl: record 5: .*"reward"'
}
twice_is_refused() {
  expect_status 65 label --by reward in.jsonl in.jsonl
  expect_stderr 'error: in.jsonl: record 1: duplicate id "a/0", also in in.jsonl: record 1$'
}
output_is_whole_and_not_overwritten() {
  expect_status 0 label --by reward -o pairs.jsonl.zst in.jsonl
  zstd -dcq pairs.jsonl.zst > plain
  label -q --by reward in.jsonl > direct
  expect_same direct plain
  expect_status 73 label --by reward --pairs all -o pairs.jsonl.zst in.jsonl
  expect_status 0 label --by reward --force -o pairs.jsonl.zst in.jsonl
}
compressed_stdout() {
  label -q -z --by reward in.jsonl | cat > stream
  zstd -dcq < stream > plain
  label -q --by reward in.jsonl > direct
  expect_same direct plain
}
input_is_not_overwritten() {
  expect_status 64 label --by reward --force -o in.jsonl in.jsonl
  expect_misuse
}
damage_needs_salvage() {
  zstd -q in.jsonl -o cut.zst
  label -q --by reward --pairs all -z in.jsonl | cat > whole
  zstd -q --check < in.jsonl > in.zst
  { cat in.zst; printf 'garbage'; } > damaged.zst
  expect_status 65 label --by reward damaged.zst
  expect_status 0 label --by reward --salvage damaged.zst
  expect_stderr '^label: warning: '
}
quiet_means_quiet() {
  expect_status 0 label -q --by reward in.jsonl
  [ ! -s err ]
}
no_such_input() { expect_status 66 label --by reward nowhere.jsonl; }
human_options_are_refused() {
  for words in '--labeler me' '--seed 1'; do
    # shellcheck disable=SC2086
    expect_status 64 label --by reward $words in.jsonl
    expect_stderr 'exclude each other'
  done
}

ok "the best is paired with the worst" best_and_worst
ok "--pairs all makes every pair" all_pairs
ok "--min-margin leaves close pairs out" least_margin
ok "the order of the input does not matter" order_does_not_matter
ok "no pair at all is a failure without an output" zero_pairs_fail
ok "a record without the field is named" missing_field_names_the_record
ok "a trajectory given twice is refused" twice_is_refused
ok "-o writes a whole file, and overwrites with --force alone" output_is_whole_and_not_overwritten
ok "-z compresses stdout" compressed_stdout
ok "the output may not be the input" input_is_not_overwritten
ok "damage is an error, or a warning with --salvage" damage_needs_salvage
ok "-q says nothing" quiet_means_quiet
ok "a missing input is 66" no_such_input
ok "options for a human are refused with --by" human_options_are_refused
