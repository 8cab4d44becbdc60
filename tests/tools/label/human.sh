# label without --by: a human at a terminal, played by script(1).
needs label jq script

for k in 0 1 2 3; do
  for a in 0 1; do
    printf '{"schema":"trajectory/1","id":"%s/%s","group":"%s","prompt":"prompt %s","response":"answer %s %s"}\n' \
      "$k" "$a" "$k" "$k" "$k" "$a"
  done
done > in.jsonl

# play KEYS ARGUMENTS...: runs label with these arguments and types the keys; its output is in the file screen.
play() {
  keys=$1
  shift
  status=0
  printf %s "$keys" | TERM=xterm timeout 60 script -qec "exec label $*" /dev/null > screen || status=$?
}
expect_played() {  # STATUS KEYS WORDS...
  wanted=$1
  shift
  play "$@"
  [ "$status" = "$wanted" ] || { echo "status $status, not $wanted"; cat -v screen; return 1; }
}
ids() { jq -r .id "$1" | tr '\n' ' '; }
notes() { jq -r '.id + " " + .decision' "$1.notes" | tr '\n' ' '; }

decides() {
  expect_played 0 lrts -o d.jsonl in.jsonl
  [ "$(ids d.jsonl)" = "0/0-1 1/0-1 " ]
  [ "$(notes d.jsonl)" = "2/0-1 tie 3/0-1 skip " ]
  [ "$(jq -r .labeler d.jsonl | sort -u)" = human ]
  grep -q '2 pairs, 2 ties and skips' screen
  grep -q 'prompt 0' screen
}
choice_is_what_stood_there() {
  expect_played 0 llll -o left.jsonl in.jsonl
  expect_played 0 rrrr -o right.jsonl in.jsonl
  jq -c '[.id, .chosen, .rejected]' left.jsonl > a
  jq -c '[.id, .rejected, .chosen]' right.jsonl > b
  expect_same a b
}
seed_changes_sides() {
  for seed in 1 2 3 4 5 6; do
    expect_played 0 llll --seed $seed -o "s$seed.jsonl" in.jsonl
    jq -c .chosen "s$seed.jsonl" | cksum
  done > sums
  [ "$(sort -u sums | wc -l)" -gt 1 ]
}
quits_and_goes_on() {
  expect_played 75 lq -o q.jsonl in.jsonl
  grep -q '1 pairs and 0 ties and skips of 4 are saved' screen
  [ "$(ids q.jsonl)" = "0/0-1 " ]
  expect_played 75 tq -o q.jsonl in.jsonl
  expect_played 0 rl -o q.jsonl in.jsonl
  expect_played 0 ltrl -o once.jsonl in.jsonl
  expect_same once.jsonl q.jsonl
  expect_same once.jsonl.notes q.jsonl.notes
}
undoes() {
  expect_played 0 lltuusrts -o u.jsonl in.jsonl
  [ "$(ids u.jsonl)" = "0/0-1 2/0-1 " ]
  [ "$(notes u.jsonl)" = "1/0-1 skip 3/0-1 tie " ]
}
undoes_the_last_of_all() {
  expect_played 0 lllluts -o w.jsonl in.jsonl
  grep -q 'all 4 pairs are decided' screen
  [ "$(ids w.jsonl)" = "0/0-1 1/0-1 2/0-1 " ]
  [ "$(notes w.jsonl)" = "3/0-1 tie " ]
  expect_played 0 ulq -o w.jsonl in.jsonl
  [ "$(ids w.jsonl)" = "0/0-1 1/0-1 2/0-1 3/0-1 " ]
}
undoes_an_earlier_session() {
  expect_played 75 llq -o e.jsonl in.jsonl
  expect_played 0 utts -o e.jsonl in.jsonl
  [ "$(ids e.jsonl)" = "0/0-1 " ]
  [ "$(notes e.jsonl)" = "1/0-1 tie 2/0-1 tie 3/0-1 skip " ]
}
other_keys_mean_nothing() {
  expect_played 0 'xL1l zr~tt' -o k.jsonl in.jsonl
  [ "$(ids k.jsonl)" = "0/0-1 1/0-1 " ]
}
end_of_terminal_stops() {
  expect_played 75 l -o z.jsonl in.jsonl
  [ "$(ids z.jsonl)" = "0/0-1 " ]
}
all_pairs_are_asked() {
  sed 's/"group":"1"/"group":"0"/; s/prompt 1/prompt 0/' in.jsonl > four.jsonl
  expect_played 0 llllllll --pairs all -o p.jsonl four.jsonl
  [ "$(ids p.jsonl | wc -w)" = 8 ]
}
reads_a_pipe() {
  printf llll | TERM=xterm script -qec 'cat in.jsonl | label --labeler kim -o pipe.jsonl' /dev/null > screen
  [ "$(jq -r .labeler pipe.jsonl | sort -u)" = kim ]
}
control_c_stops() {
  # Typed once the first decision is saved: before that, the terminal itself would handle it. A shell that stayed in the
  # foreground (no exec) would die of the signal first.
  { printf l; n=0; while [ ! -s c.jsonl ] && [ $n -lt 600 ]; do sleep 0.05; n=$((n + 1)); done; printf '\003'; } |
    TERM=xterm script -qec 'exec label -o c.jsonl in.jsonl' /dev/null > screen || status=$?
  [ "$status" = 75 ]
  [ "$(ids c.jsonl)" = "0/0-1 " ]
}
other_controls_are_no_keys() {  # control-\ and control-Z, typed after the terminal's mode was set
  { printf l; n=0; while [ ! -s controls.jsonl ] && [ $n -lt 600 ]; do sleep 0.05; n=$((n + 1)); done
    printf '\034\032rrr'; } |
    TERM=xterm script -qec 'exec label -o controls.jsonl in.jsonl' /dev/null > screen || status=$?
  [ "$(ids controls.jsonl | wc -w)" = 4 ] || { cat -v screen; return 1; }
}
killed_in_a_line() {
  expect_played 75 llq -o cut.jsonl in.jsonl
  size=$(wc -c < cut.jsonl)
  head -c "$((size - 20))" cut.jsonl > cut2.jsonl
  expect_played 0 ltt -o cut2.jsonl in.jsonl
  grep -q 'warning: cut2.jsonl: the last line was cut off' screen
  [ "$(ids cut2.jsonl)" = "0/0-1 1/0-1 " ]
}
escapes_do_not_reach_the_screen() {
  jq -c '.response += "\u001b]0;owned\u0007"' in.jsonl > evil.jsonl
  expect_played 75 q -o evil.out evil.jsonl
  grep -q '\\x1b\]0;owned\\x07' screen
}
no_terminal() {
  expect_status 64 setsid -w label -o n.jsonl in.jsonl
  expect_stderr 'there is no terminal to ask on'
  [ ! -e n.jsonl ]
}
misuse() {
  expect_status 64 label in.jsonl
  expect_misuse
  expect_stderr 'error: -o FILE is required'
  expect_status 64 label -o x.jsonl.zst in.jsonl
  expect_status 64 label --pairs best-worst -o x.jsonl in.jsonl
  for words in --force -z '--min-margin 1'; do
    # shellcheck disable=SC2086
    expect_status 64 label $words -o x.jsonl in.jsonl
    expect_stderr 'needs --by'
  done
  [ ! -e x.jsonl ]
}
foreign_file_is_left_alone() {
  echo precious > f.jsonl
  expect_played 73 l -o f.jsonl in.jsonl
  [ "$(cat f.jsonl)" = precious ]
}
only_ties_fail() {
  expect_played 65 ttts -o t.jsonl in.jsonl
  grep -q 'nothing succeeded: 0 pairs' screen
}

ok "keys decide: pairs in the file, ties and skips in the notes" decides
ok "the chosen answer is the one that stood there" choice_is_what_stood_there
ok "the seed draws the sides" seed_changes_sides
ok "q stops with 75 and the same command goes on" quits_and_goes_on
ok "u takes decisions back" undoes
ok "u takes back the decision that completed the work" undoes_the_last_of_all
ok "u takes back a decision of an earlier session" undoes_an_earlier_session
ok "other keys mean nothing" other_keys_mean_nothing
ok "the end of the terminal stops with the work saved" end_of_terminal_stops
ok "--pairs all shows every pair" all_pairs_are_asked
ok "trajectories may come from a pipe" reads_a_pipe
ok "control-C stops with the work saved" control_c_stops
ok "control-backslash and control-Z do nothing" other_controls_are_no_keys
ok "a line cut off by a crash is asked again" killed_in_a_line
ok "escape sequences in answers do not reach the terminal" escapes_do_not_reach_the_screen
ok "without a terminal it says so and leaves nothing" no_terminal
ok "misuse is told before anything is made" misuse
ok "a file that holds something else is left alone" foreign_file_is_left_alone
ok "a session without a preference is a failure" only_ties_fail
