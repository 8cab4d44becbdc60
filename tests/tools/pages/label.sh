# A judge's session on label's page; label --merge reads what it saves.
. "$ROOT/tests/tools/pages/browser.inc"
needs label jq

t() {  # GROUP K TEXT: TEXT as JSON
  printf '{"schema":"trajectory/1","id":"%s/%s","group":"%s","prompt":"p %s","response":%s' "$1" "$2" "$1" "$1" "$3"
  [ "$1" = 0 ] && printf ',"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello"}]'
  printf ',"prompt_ids":[1],"response_ids":[2,%s]}\n' "$2"
}
evil='</script><script>owned = 1</script><img src=x onerror=owned=1>\u202eabc\u001b[31m'
{
  for g in 0 1 2 4 5; do
    t $g 0 "\"$evil a $g\""
    t $g 1 "\"$evil b \\u00e9 $g\""
  done
  t 3 0 '"short"'
  t 3 1 "\"$(head -c 1000000 /dev/zero | tr "\\0" x)\""
} > in.jsonl
sort in.jsonl > sorted.jsonl
mkdir downloads
label -q --html page.html sorted.jsonl
in_browser label page.html downloads

merges() {
  expect_status 0 label --merge votes.jsonl sorted.jsonl
  expect_stderr '^label: 4 pairs, 1 judge, 5 votes, 1 pair without a majority, 1 skip'
  [ "$(jq -r .labeler out | sort -u)" = 'Kim "K" Lee' ]
  jq -e '.chosen_ids and .rejected_ids and .votes.chosen == 1' out > /dev/null
  expect_status 0 label --merge votes.jsonl lee.jsonl
  expect_stderr "kappa"
}
ok "label --merge reads what was saved" merges
