# docs/recipes.md: code that is run in a box. Skipped where there is no bubblewrap, or no user namespaces for it.
. "$ROOT/tests/tools/docs/recipes.inc"
needs bwrap perl
bwrap --unshare-all --ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 /usr/bin/true 2> said ||
  skip "no namespaces for bwrap: $(cat said)"
# shellcheck disable=SC2046
in_order $(boxes | sort -t - -k 2 -n) > all.sh
ok "the commands run" bash all.sh
# boxed REWARD PROGRAM ANSWER
boxed() {
  jq -cn --arg program "$2" --arg answer "$3" '{response: $program, answer: $answer}' | timeout 60 ./run-code > out
  jq -e ".reward == $1" out
}
ok "what prints another answer gets 0" boxed 0 'print 3+5' 7
ok "a number and its text are one" boxed 1 'print "seven"' seven
ok "a program that is none gets 0" boxed 0 'print (' 7
ok "an endless one ends" boxed 0 'print 7; 1 while 1' 8
ok "one that fills the memory ends" boxed 0 '$x .= "x" x 1e8 while 1' 8
ok "one that prints without end is cut" boxed 0 'print "7" x 1000 while 1' 7
ok "it reads nothing of ours" boxed 1 "print -e '$ROOT' || -e '$PWD' || -e '/etc/passwd' || -e '/home' ? 1 : 0" 0
writes() {
  boxed 1 "print open(F, '>/usr/bin/$$') ? 1 : 0; print open(F, '>/tmp/$$') ? 1 : 0; mkdir '/etc'" 01
  [ ! -e "/usr/bin/$$" ] && [ ! -e "/tmp/$$" ]
}
ok "it writes nothing of ours, and has a /tmp of its own" writes
ok "it has no network" boxed 1 'open F, "/proc/net/dev"; @l = grep { !/^\s*lo:/ } <F>; print @l - 2' 0
ok "it sees no other process" boxed 1 '@p = grep { /^\d+$/ && $_ > 9 } map { s,.*/,,r } glob("/proc/*"); print scalar @p' 0
ok "it has no variables of ours" boxed 1 'print exists $ENV{ROOT} ? 1 : 0' 0
several() {
  printf '{"response":"print 1","answer":1}\n{"response":"<STDIN>; print 2","answer":2}\n{"response":"print 3","answer":3}\n' |
    ./run-code > out
  jq -es 'map(.reward) == [1, 1, 1]' out
}
ok "a program doesn't eat the next record" several
