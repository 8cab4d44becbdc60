# peek: what it tells of whole and damaged files, its samples and its colours.
needs peek jq zstd script

cat > t.jsonl <<'END'
{"schema":"trajectory/1","id":"0/0","response_ids":[5,6],"logprobs":[-0.1,-9],"ref_logprobs":[-1,-2],"advantages":[2,-2],"reward":0.5}
{"schema":"trajectory/1","id":"0/1","response_ids":[7],"logprobs":[-0.1],"ref_logprobs":[-0.1],"advantages":[0],"reward":-1.5}
{"id":"other"}
END
zstd -q t.jsonl

tells_the_figures() {
  expect_status 0 peek t.jsonl
  expect_stdout '^t.jsonl: plain, 3 records, [0-9]+ bytes, whole$'
  expect_stdout '^trajectory/1: 2 records$'
  expect_stdout '^no schema: 1 record$'
  expect_stdout '^  reward +number in 2: -1.5 to 0.5, mean -0.5, sd 1$'
  expect_stderr '^peek: 3 records, whole$'
}
reads_zstd_and_stdin() {
  expect_status 0 peek t.jsonl.zst t.jsonl
  expect_stdout '^t.jsonl.zst: zstd, 3 records'
  expect_stdout '^trajectory/1: 4 records$'
  peek < t.jsonl.zst > out 2> err
  expect_stdout '^stdin: zstd, 3 records'
}
writes_json() {
  expect_status 0 peek --json t.jsonl -n 2
  [ "$(jq .fields.reward.values.mean out)" = -0.5 ]
  [ "$(jq '.samples | length' out)" = 2 ]
  [ "$(jq -r '.files[0].format' out)" = plain ]
}
shows_samples() {
  expect_status 0 peek t.jsonl -n 0
  ! grep -q '"0/0"' out || return 1
  expect_status 0 peek t.jsonl -n 2
  expect_stdout '^  id: "0/1"$'
  ! grep -q '"other"' out
}
draws_by_the_seed() {
  for i in $(seq 200); do echo "{\"n\":$i}"; done > n.jsonl
  peek n.jsonl -n 3 --random > a 2> err
  peek n.jsonl -n 3 --random --seed 1 > b 2> err
  peek n.jsonl -n 3 --random --seed 1 > c 2> err
  ! cmp -s a b || return 1
  expect_same b c
  expect_status 64 peek n.jsonl --seed 1
}
escape=$(printf '\033')
colours() {
  expect_status 0 peek t.jsonl --color always
  expect_stdout "${escape}\\[30;48;5;203m6 "
  expect_status 0 peek t.jsonl --color always --by advantages
  expect_stdout "${escape}\\[30;48;5;77m5 ${escape}\\[0m${escape}\\[30;48;5;203m6 "
  expect_status 0 peek t.jsonl --color always --by kl
  expect_stdout "5;194m5 ${escape}\\[0m${escape}\\[30;48;5;203m6 "
  for colour in auto never; do
    expect_status 0 peek t.jsonl --color $colour
    ! grep -q "$escape" out || return 1
  done
}
colours_of_a_terminal() {
  on_terminal peek t.jsonl | grep -q "$escape\[30;48;5;203m6 "
  NO_COLOR='' on_terminal peek t.jsonl | grep -q "$escape"
  ! NO_COLOR=1 on_terminal peek t.jsonl | grep -q "$escape" || return 1
  on_terminal env TERM=dumb peek t.jsonl > dumb
  ! grep -q "$escape" dumb || return 1
  NO_COLOR=1 on_terminal peek --color always t.jsonl | grep -q "$escape"
  NO_COLOR=1 on_terminal peek --by kl t.jsonl | grep -q 'warning: --by does nothing unless stdout is a terminal that shows'
}
colours_that_are_not_shown() {
  for words in "--color never --by kl" "--color never --tokenizer ." "-n 0 --random" "-n 0 --by kl" "-n 0 --color always" \
               "-n 0 --tokenizer ."; do
    # shellcheck disable=SC2086
    expect_status 64 peek $words t.jsonl
    expect_misuse
  done
  expect_status 0 peek --by kl t.jsonl
  expect_stderr '^peek: warning: --by does nothing unless stdout is a terminal that shows colours; --color always shows the tokens$'
  expect_status 0 peek --by kl --color always t.jsonl
  expect_no_warning
}
damage_is_65_and_what_is_whole_is_shown() {
  head -c 200 t.jsonl > cut.jsonl
  expect_status 65 peek cut.jsonl
  expect_stdout '^cut.jsonl: plain, 1 record, 200 bytes, DAMAGED$'
  expect_stdout '^  reward '
  expect_stderr '^peek: error: cut.jsonl: after record 1, byte 200: the input ends in the middle of a line$'
  head -c 60 t.jsonl.zst > cut.zst
  expect_status 65 peek --json cut.zst
  [ "$(jq '.files[0].whole' out)" = false ]
}
nothing_to_read() {
  expect_status 66 peek absent.jsonl
  expect_status 66 peek .
  : > empty
  expect_status 65 peek empty
  expect_stderr 'empty: empty input'
}
full_disk() {
  status=0
  peek t.jsonl > /dev/full 2> err || status=$?
  [ "$status" = 74 ]
}
json_is_plain() {  # what only words have is not taken and ignored
  for option in --color=always --by=kl --tokenizer=.; do
    expect_status 64 peek --json $option t.jsonl
    expect_misuse
    expect_stderr "${option%=*} and --json exclude each other"
  done
}
tokenizer_first() {  # before the input is waited for
  status=0
  mkfifo never
  timeout 20 peek --tokenizer absent never 2> err || status=$?
  [ "$status" = 66 ]
}

ok "tells format, schemas and statistics" tells_the_figures
ok "reads zstd, several files and stdin" reads_zstd_and_stdin
ok "writes JSON for scripts" writes_json
ok "--json excludes what only words have" json_is_plain
ok "a tokenizer that is missing is told before the input is read" tokenizer_first
ok "shows the first n records" shows_samples
ok "draws samples by the seed" draws_by_the_seed
ok "colours tokens by log-prob, advantage and KL" colours
ok "on a terminal tokens are coloured, unless NO_COLOR or TERM=dumb" colours_of_a_terminal
ok "options of colours that are not shown are told" colours_that_are_not_shown
ok "shows what is whole of damaged files and exits with 65" damage_is_65_and_what_is_whole_is_shown
ok "missing, folder and empty inputs" nothing_to_read
ok "a full disk is 74" full_disk

texts_of_tokens() {
  . "$ROOT/tests/tools/tiny.inc"
  expect_status 0 peek "$TINY/sampled.jsonl" --color always --tokenizer "$TINY/p0"
  response=$(head -n 1 "$TINY/sampled.jsonl" | jq -r .response)
  tail -n 1 out | sed "s/$escape\\[[0-9;]*m//g" | grep -F -e "$response"
  expect_status 66 peek "$TINY/sampled.jsonl" --color always --tokenizer absent
}
ok "shows tokens as text with a tokenizer" texts_of_tokens
