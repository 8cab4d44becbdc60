# What label shows: long answers page by page, help, windows that are small or change, terminals without a cursor.
needs label jq script stty
for k in 0 1; do
  for a in a b; do
    jq -nc --arg k "$k" --arg a "$a" '{schema: "trajectory/1", id: "\($k)/\($a)", group: $k, prompt: "prompt \($k)",
      response: ([range(1; 31) | "\($a) line \(.)"] | join("\n"))}'
  done
done > long.jsonl
head -n 2 long.jsonl > one.jsonl
jq -c '.response = "short " + .id' one.jsonl > short.jsonl
escape=$(printf '\033')

# play ROWS COLUMNS TERM KEYS ARGUMENTS...: label in such a window; its output is in the file screen.
play() {
  window="stty rows $1 cols $2" term=$3 keys=$4
  shift 4
  status=0
  printf %b "$keys" | TERM=$term timeout 60 script -qec "$window; exec label $*" /dev/null > raw || status=$?
  tr -d '\r' < raw > screen
}
# The screens that were drawn, from the file: one a line, its lines separated by |.
screens() { sed "s/$escape\[1m//g; s/$escape\[0m//g" screen | tr '\n' '|' | sed "s/$escape\[H$escape\[2J$escape\[3J/\n/g"; }
drawn() { screens | grep -qF -e "$1" || { echo "not drawn: $1"; screens; return 1; }; }
not_drawn() { ! screens | grep -qF -e "$1" || { echo "drawn: $1"; screens; return 1; }; }
rows() { screens | tail -n +2 | head -n "$1" | tail -n 1 | tr '|' '\n' | wc -l; }

pages() {
  play 10 40 xterm '  b l' -o p.jsonl one.jsonl
  [ "$status" = 0 ]
  drawn 'pair 1 of 1||prompt 0||left|'
  drawn 'lines 1-7 of '
  drawn '  [space] on|[l]eft'
  drawn 'lines 8-14 of '
  drawn 'lines 15-21 of '
  [ "$(screens | grep -c 'lines 8-14 of ')" = 2 ]
  [ "$(jq -r .id p.jsonl)" = 0/a-b ]
  for n in 1 2 3 4 5; do [ "$(rows $n)" -le 10 ] || { screens; return 1; }; done
}
never_scrolls_away() {  # each line of either answer is drawn on some page, and the first page begins with the prompt
  play 12 60 xterm '                  l' -o w.jsonl one.jsonl
  for a in a b; do
    n=1
    while [ $n -le 30 ]; do screens | tr '|' '\n' | grep -qx "$a line $n"; n=$((n + 1)); done
  done
  drawn 'pair 1 of 1||prompt 0||'
}
by_line() {
  play 10 100 xterm "jj\033[B\033OBk\033[Al" -o j.jsonl one.jsonl
  for n in 2-9 3-10 4-11 5-12; do drawn "lines $n of "; done
  [ "$(screens | grep -c 'lines 3-10 of ')" = 2 ]
  [ "$(screens | grep -c 'lines 6-')" = 0 ]
}
page_keys() {
  play 10 100 xterm "\033[6~f\033[5~l" -o k.jsonl one.jsonl
  drawn 'lines 17-24 of '
  [ "$(screens | grep -c 'lines 9-16 of ')" = 2 ]
}
other_escapes_decide_nothing() {  # an arrow to the left or F1 is no l, r, t, s, u or q
  play 24 100 xterm "\033[D\033[1;5C\033OP\033[15~r" -o e.jsonl short.jsonl
  [ "$(jq -r .id e.jsonl)" = 0/a-b ]
}
short_is_whole() {
  play 24 100 xterm l -o s.jsonl short.jsonl
  drawn 'pair 1 of 1||prompt 0||left'
  not_drawn '[space]'
}
help_of_keys() {
  play 24 100 xterm '?lqr' -o h.jsonl short.jsonl
  drawn 'l, r           the left or the right answer is better'
  drawn 'space, b       a page on or back'
  drawn '[q] back to the pair'
  jq -r .chosen h.jsonl > chosen
  play 24 100 xterm 'r' -o r.jsonl short.jsonl
  jq -r .chosen r.jsonl | cmp - chosen  # the l was typed to the help, and decided nothing
}
help_ends() { play 24 100 xterm '?' -o he.jsonl short.jsonl; [ "$status" = 75 ]; }
too_small() {
  play 3 40 xterm 'lrq' -o t.jsonl one.jsonl
  [ "$status" = 75 ]
  drawn 'too small: make the window larger, or [q]uit'
  [ ! -s t.jsonl ]  # what is not seen is not decided
  play 24 12 xterm 'lq' -o t2.jsonl one.jsonl
  [ ! -s t2.jsonl ]
}
follows_the_window() {
  : > raw
  { n=0; until grep -q 'too small' raw || [ $n -gt 600 ]; do sleep 0.05; n=$((n + 1)); done
    : > grown
    n=0; until grep -q 'pair 1 of 1' raw || [ $n -gt 600 ]; do sleep 0.05; n=$((n + 1)); done
    printf l; } |
    TERM=xterm timeout 60 script -qfec "stty rows 3 cols 40
      { until [ -e grown ]; do sleep 0.05; done; stty rows 24 cols 100 < /dev/tty; } & exec label -o g.jsonl short.jsonl" \
      /dev/null > raw || status=$?
  [ "$(jq -r .id g.jsonl)" = 0/a-b ] || { cat -v raw; return 1; }
}
dumb() {  # keys may be followed by Enter
  play 10 40 dumb ' \nb\nl\n' -o d.jsonl one.jsonl
  [ "$(jq -r .id d.jsonl)" = 0/a-b ]
  ! grep -q "$escape" screen
  grep -q '^lines 8-14 of ' screen
  play 10 40 '' 'l\n' -o d2.jsonl one.jsonl
  [ "$(jq -r .id d2.jsonl)" = 0/a-b ]
  ! grep -q "$escape" screen
}
megabyte() {
  jq -c '.response = (.response + " word") * 5000' one.jsonl > huge.jsonl
  [ "$(head -n 1 huge.jsonl | wc -c)" -gt 1000000 ]
  play 24 80 xterm ' l' -o m.jsonl huge.jsonl
  [ "$(jq -r .id m.jsonl)" = 0/a-b ]
  [ "$(wc -c < raw)" -lt 20000 ]
}

ok "answers longer than the screen are shown page by page, the keys below" pages
ok "no line of an answer scrolls away unseen" never_scrolls_away
ok "j, k and arrows move by a line" by_line
ok "page keys move by a page" page_keys
ok "other keys that send l, r, t, s, u or q within do nothing" other_escapes_decide_nothing
ok "short answers are shown whole, without paging" short_is_whole
ok "? shows the keys, and decides nothing" help_of_keys
ok "the end of the terminal ends the help" help_ends
ok "a window too small to see asks for a larger one" too_small
ok "a window that changes its size is drawn again" follows_the_window
ok "TERM=dumb, or none: lines are added, nothing is cleared" dumb
ok "an answer of a megabyte is paged" megabyte
