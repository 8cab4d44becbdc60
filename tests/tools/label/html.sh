# label --html: the page's questions, without a browser (tests/tools/pages/label.sh has one).
needs label jq

for k in 0 1 2 3 4 5; do
  for a in 0 1 2; do
    printf '{"schema":"trajectory/1","id":"%s/%s","group":"%s","prompt":"prompt %s","response":"answer %s %s","policy":"secret-p","reward":%s,"prompt_ids":[1],"response_ids":[2]}\n' \
      "$k" "$a" "$k" "$k" "$k" "$a" "$a"
  done
done > in.jsonl

questions() { sed -n 's/.*<script type="application\/json" id="data">\(.*\)<\/script>/\1/p' "$1" | jq -c '.questions[]'; }

same_as_the_terminal() {
  needs script
  for options in '--seed 3' '--seed 4 --pairs all'; do
    rm -f left.jsonl left.jsonl.notes
    # shellcheck disable=SC2086
    label -q --force --html page.html $options in.jsonl
    printf llllllllllllllllll | TERM=xterm script -qec "exec label $options -o left.jsonl in.jsonl" /dev/null > screen
    jq -c '[.id, .prompt, .chosen, .rejected]' left.jsonl > terminal
    questions page.html | jq -c '[.id, (.prompt, .left, .right | fromjson)]' > page
    expect_same terminal page
  done
  [ "$(wc -l < page)" = 18 ]
}
seed_decides() {
  label -q --html a.html --seed 1 in.jsonl
  label -q --html b.html --seed 2 in.jsonl
  label -q --html c.html --seed 1 in.jsonl
  expect_same a.html c.html
  if cmp -s a.html b.html; then return 1; fi
}
nothing_is_told() {
  questions a.html > asked
  [ "$(jq -c keys asked | sort -u)" = '["id","left","pair","prompt","right"]' ]
  if grep -q secret-p a.html; then return 1; fi
}
pairs_are_blind() {
  label -q --by reward in.jsonl > pairs.jsonl
  jq -c '. as $r | .chosen = $r.rejected | .rejected = $r.chosen' pairs.jsonl > turned.jsonl
  label -q --html p.html pairs.jsonl
  label -q --html q.html turned.jsonl
  expect_same p.html q.html
  if grep -q '"margin"' p.html; then return 1; fi
  [ "$(questions p.html | wc -l)" = 6 ]
  expect_status 65 label --force --html p.html pairs.jsonl pairs.jsonl
  expect_stderr 'duplicate id'
}
pairs_at_the_terminal() {
  needs script
  printf llllll | TERM=xterm script -qec 'exec label -o again.jsonl pairs.jsonl' /dev/null > screen
  jq -r '.id + .chosen' again.jsonl > terminal
  questions p.html | jq -r '.id + (.left | fromjson)' > page
  expect_same terminal page
}
against() {
  sed 's/answer/reply/; s/secret-p/secret-q/' in.jsonl > p0.jsonl
  label -q --html vs.html --pairs all --against p0.jsonl in.jsonl
  [ "$(questions vs.html | wc -l)" = 54 ]
  questions vs.html | jq -r '.left | fromjson | split(" ")[0]' | sort | uniq -c > sides
  [ "$(wc -l < sides)" = 2 ]
  if grep -q 'secret-\|p0.jsonl\|in.jsonl' vs.html; then return 1; fi
}
cannot_break_out() {
  jq -c '.response += "</script><script>alert(1)</script><!--"' in.jsonl > evil.jsonl
  label -q --html evil.html evil.jsonl
  [ "$(grep -c '</script>' evil.html)" = "$(grep -c '</script>' a.html)" ]
  [ "$(questions evil.html | jq -r '.left | fromjson' | grep -c '</script><script>alert(1)</script><!--$')" = 6 ]
}
whole_or_not() {
  expect_status 73 label --html a.html in.jsonl
  expect_status 0 label --force --html a.html in.jsonl
  expect_stderr '^label: 6 pairs to judge, 0 groups of equal answers, 0 groups of one answer'
  head -1 in.jsonl > one.jsonl
  expect_status 65 label --html none.html one.jsonl
  expect_stderr 'nothing succeeded: 0 pairs to judge'
  [ ! -e none.html ]
}
misuse() {
  for words in '--by reward' '--labeler me' '-o x.jsonl' '--metrics x.jsonl'; do
    # shellcheck disable=SC2086
    expect_status 64 label --html m.html $words in.jsonl
    expect_stderr 'exclude each other'
  done
  expect_status 64 label --html m.html -z in.jsonl
  expect_status 64 label --html m.html --pairs best-worst in.jsonl
  expect_status 64 label --html - in.jsonl
  expect_status 64 label --force --html in.jsonl in.jsonl
  [ ! -e m.html ]
}

ok "questions, order and sides are the terminal's" same_as_the_terminal
ok "the seed alone decides them" seed_decides
ok "policy and reward are not in the page" nothing_is_told
ok "what a pair's record chose is not in the page" pairs_are_blind
ok "the terminal asks about pairs, too" pairs_at_the_terminal
ok "two policies are not named" against
ok "texts cannot leave their place" cannot_break_out
ok "the page is whole or absent" whole_or_not
ok "misuse is told" misuse
