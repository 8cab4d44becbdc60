# rollout stopped by a signal: the same command goes on to the same bytes, whatever its slots and threads.
. "$ROOT/tests/tools/stop/stop.inc"
awk 'BEGIN { for (i = 0; i < 12; ++i)
  printf "{\"id\":\"p%d\",\"prompt\":\"the film %d was\",\"own\":%d}\n", i, i, i }' > prompts.jsonl
roll() { rollout --policy "$TINY/p0" -n 3 --max-tokens 8 "$@"; }
start() { begin rollout --policy "$TINY/p0" -n 3 --max-tokens 8 "$@"; }
roll prompts.jsonl -o whole.jsonl 2> undisturbed
roll -q prompts.jsonl -o whole.jsonl.zst

each_signal() {
  for signal in TERM INT USR1 HUP; do
    rm -f "$1"
    start --slots 1 -o "$1"
    give 5 prompts.jsonl
    asleep
    stopped $signal 15 "$1"
    [ "$(leftovers "$1")" = 1 ]
    expect_status 0 roll prompts.jsonl -o "$1"
    expect_stderr "^rollout: $1: resuming after 15 records of an unfinished run\$"
    same_tally
    cmp "$1" "whole${1#cut}"
    [ "$(leftovers "$1")" = 0 ]
  done
}
ok "each signal, plain" each_signal cut.jsonl
ok "each signal, zstd" each_signal cut.jsonl.zst

several() {
  rm -f "$1"
  for way in '1 --slots 1' '2 --slots 7 --threads 2' '2 --slots 1 --threads 3' \
    '7 --slots 4 --max-tokens-in-flight 128' '11 --slots 2'; do
    # shellcheck disable=SC2086
    start ${way#* } -o "$1"
    give "${way%% *}" prompts.jsonl
    asleep
    stopped TERM $((3 * ${way%% *})) "$1"
    [ "$(leftovers "$1")" = 1 ]
  done
  expect_status 0 roll --slots 5 prompts.jsonl -o "$1"
  same_tally
  cmp "$1" "whole${1#cut}"
}
ok "several stops, each with other slots and threads, plain" several cut.jsonl
ok "several stops, each with other slots and threads, zstd" several cut.jsonl.zst

of_a_shard() {
  roll -q --shard 1/2 prompts.jsonl -o shard.jsonl.zst
  start --slots 1 --shard 1/2 -o cut1.jsonl.zst
  give 5 prompts.jsonl
  asleep
  stopped TERM 6 cut1.jsonl.zst
  expect_status 0 roll --shard 0/2 prompts.jsonl -o cut0.jsonl.zst
  if grep 'resuming' err; then return 1; fi
  expect_status 0 roll --shard 1/2 prompts.jsonl -o cut1.jsonl.zst
  expect_stderr 'resuming after 6 records'
  cmp cut1.jsonl.zst shard.jsonl.zst
}
ok "a shard" of_a_shard

before_anything() {
  start -o none.jsonl
  asleep
  stopped TERM 0 none.jsonl
  expect_status 0 roll prompts.jsonl -o none.jsonl
  if grep 'resuming' err; then return 1; fi
  cmp none.jsonl whole.jsonl
}
ok "a stop before the first record" before_anything

running() {  # in the middle of responses
  rm -f run.jsonl
  start --slots 1 --max-tokens 40 -n 30000 -o run.jsonl
  give 1 prompts.jsonl
  until [ "$(leftovers run.jsonl)" = 1 ]; do sleep 0.01; done
  begun=$(cut -d ' ' -f 14 "/proc/$pid/stat")
  until [ "$(cut -d ' ' -f 14 "/proc/$pid/stat")" -gt $((begun + 5)) ]; do sleep 0.01; done
  stop TERM
  [ "$status" = 75 ]
  expect_stderr 'run.jsonl: stopped: [0-9,]+ records? saved'
  if grep 'stopped: 30,000 ' err; then return 1; fi
  head -n 1 prompts.jsonl > one.jsonl
  expect_status 0 roll --max-tokens 40 -n 30000 one.jsonl -o run.jsonl
  roll -q --max-tokens 40 -n 30000 one.jsonl | cmp - run.jsonl
}
ok "a stop in the middle of a response" running

as_they_come() {  # into a pipe: what was given is answered before more is there, with slots to spare
  for form in '' -z; do
    output_pipe
    # shellcheck disable=SC2086
    start --slots 100 $form -o named
    give 2 prompts.jsonl
    asleep
    has_come 6 "$form"
    sed -n 3,5p prompts.jsonl >&9
    asleep
    has_come 15 "$form"
    ends
    [ "$status" = 0 ]
    wait "$taker"
  done
  head -n 15 whole.jsonl > first
  zstd -dcq taken | cmp - first
}
ok "a prompt is answered before the next is there" as_they_come

behind_a_thread() {  # several reads of input: a thread waits for more, which leaves signals to the program
  awk 'BEGIN { pad = sprintf("%8000s", ""); for (i = 0; i < 120; ++i)
    printf "{\"id\":\"p%d\",\"prompt\":\"the film %d was\",\"own\":\"%s\"}\n", i, i, pad }' > wide.jsonl
  start --slots 1 -o wide.out.jsonl
  give 110 wide.jsonl
  asleep
  [ "$(find "/proc/$pid/task" -maxdepth 1 -mindepth 1 | wc -l)" -ge 2 ]
  stopped TERM 330 wide.out.jsonl
  roll -q wide.jsonl -o wide.out.jsonl
  roll -q wide.jsonl | cmp - wide.out.jsonl
}
ok "a stop while a thread waits for input" behind_a_thread

streams() {
  for form in '' -z; do
    # shellcheck disable=SC2086
    start --slots 1 $form
    give 5 prompts.jsonl
    asleep
    stop TERM
    [ "$status" = 75 ]
    expect_stderr '^rollout: error: stdout: stopped after 15 records: incomplete$'
    expect_stderr '^rollout: hint: a stream starts over; with -o FILE the same command resumes$'
    mv out "stream$form"
  done
  head -n 15 whole.jsonl | cmp - stream
  zstd -dcq stream-z | cmp - stream
  refused 65 'end mark is missing' score -q --ref "$TINY/base" stream-z
  output_pipe
  begin rollout --policy "$TINY/p0" --slots 1 -o named
  give 2 prompts.jsonl
  asleep
  stop TERM
  wait "$taker"
  [ "$status" = 75 ]
  expect_stderr 'error: named: stopped after 2 records: incomplete$'
  [ "$(wc -l < taken)" = 2 ]
}
ok "a stream ends without its mark, and words say so" streams

# changed KEPT JQ_FILTER: after a stop behind 15 records the input is another; what it gives no longer is made anew.
changed() {
  rm -f changed.jsonl changed.out.*
  jq -c "$2" prompts.jsonl > changed.jsonl
  for name in changed.out.jsonl changed.out.jsonl.zst; do
    start --slots 1 -o $name
    give 5 prompts.jsonl
    asleep
    stopped TERM 15 $name
    expect_status 0 roll changed.jsonl -o $name
    if [ "$1" = 15 ]; then
      if grep 'warning' err; then return 1; fi
    else
      expect_stderr "^rollout: warning: $name: the input no longer gives $((15 - $1)) records of an unfinished run: they are recomputed"
    fi
    [ "$1" = 0 ] || expect_stderr "^rollout: $name: resuming after $1 records of an unfinished run\$"
    rm -f fresh.*
    roll -q changed.jsonl -o "fresh${name#changed.out}"
    cmp $name "fresh${name#changed.out}"
  done
}
ok "a prompt is another" changed 6 'if .id == "p2" then .prompt = "the play was" else . end'
ok "the first is another" changed 0 'if .id == "p0" then .prompt = "the play was" else . end'
ok "an id is another" changed 12 'if .id == "p4" then .id = "x" else . end'
ok "a field that passes through is another" changed 3 'if .id == "p1" then .own = 5 else . end'
ok "prompts that were not yet read are others" changed 15 'if .own > 4 then .prompt = "the play was" else . end'
ok "there are fewer prompts" changed 9 'select(.own < 3)'

other_options() {
  start --slots 1 -o other.jsonl
  give 5 prompts.jsonl
  asleep
  stopped TERM 15 other.jsonl
  expect_status 0 roll --seed 1 prompts.jsonl -o other.jsonl
  if grep -E 'resuming|warning' err; then return 1; fi
  [ "$(leftovers other.jsonl)" = 0 ]
  roll -q --seed 1 prompts.jsonl | cmp - other.jsonl
}
ok "other options begin anew" other_options

errors_keep() {
  start --slots 1 -o kept.jsonl
  give 5 prompts.jsonl
  asleep
  stopped TERM 15 kept.jsonl
  sed '8s/.*/{"prompt":""}/' prompts.jsonl > empty.jsonl
  refused 65 'record 8: prompt is empty' roll empty.jsonl -o kept.jsonl
  sed '8s/.*/{"id":"p1","prompt":"x"}/' prompts.jsonl > double.jsonl
  refused 65 'record 8: duplicate id "p1"' roll double.jsonl -o kept.jsonl
  [ ! -e kept.jsonl ]
  expect_status 0 roll prompts.jsonl -o kept.jsonl
  expect_stderr 'resuming after (1[5-9]|2[0-9]) records'
  cmp kept.jsonl whole.jsonl
}
ok "an error leaves what an earlier run saved, and ids that come twice are found" errors_keep

quiet() {
  start --slots 1 -o quiet.jsonl
  give 5 prompts.jsonl
  asleep
  stopped TERM 15 quiet.jsonl
  expect_status 0 roll -q prompts.jsonl -o quiet.jsonl
  [ ! -s err ]
}
ok "-q goes on without words" quiet
