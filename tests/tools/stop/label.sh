# label --by stopped by a signal, while it reads and while it writes.
. "$ROOT/tests/tools/stop/stop.inc"
needs label
make_answers() {
  awk -v n="$1" 'BEGIN { for (i = 0; i < n; ++i) for (k = 0; k < 2; ++k) {
    printf "{\"id\":\"g%d/%d\",\"group\":\"g%d\",\"prompt\":\"%0200d\",\"response\":\"answer %d to %d\",", \
      i, k, i, i, k, i * i
    printf "\"reward\":%d}\n", k } }'
}
make_answers 20000 > in.jsonl
label --by reward in.jsonl -o whole.jsonl 2> undisturbed
label -q --by reward in.jsonl -o whole.jsonl.zst

reading() {
  for signal in TERM INT USR1; do
    begin label --by reward -o cut.jsonl
    give 10 in.jsonl
    asleep
    stop $signal
    [ "$status" = 75 ]
    expect_stderr '^label: error: stdin: stopped while it was read$'
    [ ! -e cut.jsonl ]
    [ "$(leftovers cut.jsonl)" = 0 ]
  done
}
ok "a stop while it reads" reading

# begun FILE: waits until frames of it are written, or all.
begun() {
  until [ "$(find . -maxdepth 1 -name ".$1.*.$pid.*.part" -size +8k | wc -l)" = 1 ] || [ -e "$1" ]; do :; done
}
# writing FILE: the signal is sent when the first frame is there; where it comes too late, again.
writing() {
  stops=0 tries=0
  for signal in TERM INT USR1; do
    rm -f "$1"
    while tries=$((tries + 1)); [ $tries -le 30 ]; do
      label --by reward in.jsonl -o "$1" 2> err &
      pid=$!
      begun "$1"
      kill -$signal $pid 2> /dev/null || true
      status=0
      wait $pid || status=$?
      if [ $status = 75 ]; then
        expect_stderr "error: $1: stopped: [0-9,]+ records saved\$"
        [ ! -e "$1" ]
        if grep -q ': stopped: 20,000 ' err; then continue; fi
        stops=$((stops + 1))
        break
      fi
      [ $status = 0 ] || { cat err; return 1; }
      rm "$1"
    done
  done
  [ $stops = 3 ] || { echo "$stops stops in $tries tries"; return 1; }
  expect_status 0 label --by reward in.jsonl -o "$1"
  expect_stderr "^label: $1: resuming after [0-9,]+ records of an unfinished run\$"
  same_tally
  cmp "$1" "whole${1#cut}"
}
ok "a stop while it writes, plain" writing cut.jsonl
rm -f cut.jsonl
ok "a stop while it writes, zstd" writing cut.jsonl.zst

another_input() {
  rm -f cut.jsonl.zst
  label --by reward in.jsonl -o cut.jsonl.zst 2> err &
  pid=$!
  begun cut.jsonl.zst
  kill -9 $pid 2> /dev/null || true
  wait $pid || true
  rm -f cut.jsonl.zst
  head -n 15000 in.jsonl > less.jsonl
  expect_status 0 label --by reward less.jsonl -o cut.jsonl.zst
  if grep -E 'resuming|warning' err; then return 1; fi
  [ "$(leftovers cut.jsonl.zst)" = 0 ]
  label -q --by reward less.jsonl -o fresh.jsonl.zst
  cmp cut.jsonl.zst fresh.jsonl.zst
}
ok "another input begins anew" another_input
