# peek --html: what is in the page, and when there is none. tests/tools/pages/viewer.sh looks at it in a browser.
needs peek jq

for i in 0 1 2 3 4 5 6 7 8 9; do
  printf '{"schema":"trajectory/1","id":"r/%d","response_ids":[5,6],"logprobs":[-0.25,-1.23456],"reward":%d}\n' $i $i
done > t.jsonl
# The data in a page.
data() { sed -n 's/^.*<script type="application\/json" id="data">//; t on; b; :on; s/<\/script>.*$//; t end; N; b on; :end; p' "$1"; }

holds_all_records() {
  expect_status 0 peek --html page.html t.jsonl
  expect_stdout '^trajectory/1: 10 records$'
  ! grep '"r/0"' out || return 1
  expect_stderr '^peek: 10 records, whole; the page is page.html$'
  data page.html > d
  [ "$(jq '.records | length' d)" = 10 ]
  [ "$(jq -c '.records[0].tokens | [.ids, .lists["0"]]' d)" = '["5 6","-.25 -1.235"]' ]
  [ "$(jq -r .by d)" = logprobs ]
  peek -q --html again.html t.jsonl > out
  expect_same page.html again.html
}
holds_as_many_as_asked() {
  expect_status 0 peek --html page.html --force -n 3 t.jsonl
  [ "$(data page.html | jq -c '[.records[].record]')" = '[1,2,3]' ]
  for seed in 1 2 1; do peek -q --html $seed.html --force -n 3 --random --seed $seed t.jsonl > out; data $seed.html | jq -c '[.records[].record]'; done > drawn
  [ "$(sort -u drawn | wc -l)" = 2 ]
  [ "$(head -n 1 drawn)" = "$(tail -n 1 drawn)" ]
}
colours_and_texts() {
  jq -c '. + {values: [1, 2]}' t.jsonl > v.jsonl
  expect_status 0 peek --html page.html --force --by values v.jsonl
  expect_no_warning
  [ "$(data page.html | jq -r .by)" = values ]
  [ "$(data page.html | jq -c '[.pieces, (.colours | map(.by))]')" = '[null,["logprobs","values"]]' ]
  grep -q 'tokenizer FOLDER' page.html
  . "$ROOT/tests/tools/tiny.inc"
  expect_status 0 peek --html page.html --force --tokenizer "$TINY/p0" "$TINY/sampled.jsonl"
  expect_no_warning
  ! grep -q 'tokenizer FOLDER' page.html || return 1
  data page.html | jq -c '.pieces as $p | .records[].tokens.ids | split(" ") | map($p[.]) | select(all(type == "string")) |
    map(select(. != "<|endoftext|>")) | join("")' > joined
  jq -c .response "$TINY/sampled.jsonl" > responses
  [ "$(grep -cFx -f responses joined)" = "$(wc -l < joined)" ]
  [ "$(wc -l < joined)" -gt 5 ]
}
compares_prompts() {
  sed 's/"id":"r/"policy":"p0","id":"r/' t.jsonl > p0.jsonl
  sed 's/"id":"r\/\([0-4]\)/"policy":"p1","id":"s\/\1/; s/"id":"r/"policy":"p1","id":"r/' t.jsonl > p1.jsonl
  expect_status 0 peek --html page.html --force p0.jsonl p1.jsonl
  [ "$(data page.html | jq -c '[(.records | length), .compared.prompts]')" = '[20,1]' ]
  expect_status 0 peek --html page.html --force -n 1 p0.jsonl p1.jsonl
  [ "$(data page.html | jq -c '[.records[].group] | unique')" = '["r"]' ]
  expect_stdout '^    minus p0.jsonl: '
  grep -q '<td>.*minus p0.jsonl' page.html
}
whole_or_absent() {
  echo keep > there.html
  expect_status 73 peek --html there.html t.jsonl
  [ "$(cat there.html)" = keep ]
  expect_status 0 peek --html there.html --force t.jsonl
  grep -q '^</html>$' there.html
  expect_status 66 peek --html none.html absent.jsonl
  [ ! -e none.html ]
  head -c 150 t.jsonl > cut.jsonl
  expect_status 65 peek --html cut.html cut.jsonl
  [ "$(data cut.html | jq '.records | length')" = 1 ]
  grep -q '<p class="warning">Damaged: cut.jsonl: after record 1' cut.html
}
misuse() {
  for words in "--html -" "--html t.jsonl --force" "--html x -n 0" "--html x --random" "--html x --json" "--html x --verify" \
               "--html x --color always" --force; do
    # shellcheck disable=SC2086
    expect_status 64 peek $words t.jsonl
    expect_misuse
    [ ! -e x ]
  done
}
can_not_break_out() {
  printf '%s\n' '{"id":"</script><script>alert(1)</script>","prompt":"<!--<script>&amp;","response":"\u2028"}' > '<b>&.jsonl'
  expect_status 0 peek --html page.html --force '<b>&.jsonl'
  [ "$(grep -c '</script>' page.html)" = 2 ]
  grep -q '<title>&lt;b&gt;&amp;.jsonl - peek</title>' page.html
  [ "$(data page.html | jq -r '.prompts[0].prompt')" = '<!--<script>&amp;' ]
}

ok "all records are in the page, the same bytes each time" holds_all_records
ok "-n and --random choose records" holds_as_many_as_asked
ok "--by is the first colour, --tokenizer gives texts" colours_and_texts
ok "several policies are compared, -n counts their prompts" compares_prompts
ok "a page is written whole or not at all, of damaged files what is intact" whole_or_absent
ok "options that would do nothing are refused" misuse
ok "texts stay in their place" can_not_break_out
