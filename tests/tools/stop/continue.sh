# rollout --continue stopped by a signal: the same command goes on to the same bytes.
. "$ROOT/tests/tools/stop/stop.inc"
rollout -q --policy "$TINY/p0" -n 8 --max-tokens 16 --stop a "$TINY/prompts.jsonl" |
  jq -c 'if .finish == "stop" and (.response | contains("a")) then .continuation = " dull" else . end' > in.jsonl
[ "$(grep -c '"continuation"' in.jsonl)" -gt 9 ]
[ "$(grep -vc '"continuation"' in.jsonl)" -gt 9 ]
roll() { rollout --policy "$TINY/p0" --max-tokens 16 --continue "$@"; }
start() { begin rollout --policy "$TINY/p0" --max-tokens 16 --continue "$@"; }
roll in.jsonl -o whole.jsonl 2> undisturbed
roll -q in.jsonl -o whole.jsonl.zst

several() {
  rm -f "$1"
  for way in '1 --slots 1' '2 --slots 7 --threads 2' '11 --slots 2' '23 --slots 30' '40 --slots 4 --max-tokens-in-flight 128'; do
    # shellcheck disable=SC2086
    start ${way#* } -o "$1"
    give "${way%% *}" in.jsonl
    asleep
    stopped TERM "${way%% *}" "$1"
    [ "$(leftovers "$1")" = 1 ]
  done
  expect_status 0 roll --slots 5 in.jsonl -o "$1"
  expect_stderr "^rollout: $1: resuming after 40 records of an unfinished run\$"
  same_tally
  cmp "$1" "whole${1#cut}"
}
ok "several stops, plain" several cut.jsonl
ok "several stops, zstd" several cut.jsonl.zst

as_they_come() {  # whatever was given is written before more is there, done or continued
  for form in '' -z; do
    output_pipe
    # shellcheck disable=SC2086
    start --slots 100 $form -o named
    for n in 1 9 30; do
      if [ $n = 1 ]; then give 1 in.jsonl; else sed -n "$((last + 1)),${n}p" in.jsonl >&9; fi
      last=$n
      asleep
      has_come $n "$form"
    done
    ends
    [ "$status" = 0 ]
    wait "$taker"
  done
  head -n 30 whole.jsonl > first
  zstd -dcq taken | cmp - first
}
ok "a record is written before the next is there" as_they_come

# changed JQ_FILTER: after a stop behind 20 records the input is another; what it gives no longer is made anew.
changed() {
  rm -f changed.*
  jq -c --argjson first "$(grep -n '"continuation"' in.jsonl | sed -n 's/:.*//; 4p')" "$1" in.jsonl > changed.jsonl
  start -o changed.out
  give 20 in.jsonl
  asleep
  stopped TERM 20 changed.out
  expect_status 0 roll changed.jsonl -o changed.out
  expect_stderr "the input no longer gives [0-9]+ records? of an unfinished run: they are recomputed"
  rm -f fresh
  roll -q changed.jsonl -o fresh
  cmp changed.out fresh
}
ok "a continuation is another" changed 'if .continuation and input_line_number >= $first then .continuation = " warm" else . end'
ok "a response is another" changed 'if input_line_number >= $first then .response_ids |= [5] + .[1:] else . end'
ok "a log-prob is another" changed 'if input_line_number >= $first then .logprobs[0] = -1 else . end'
ok "what passes through is another" changed 'if .continuation then . else .own = 1 end'
ok "a record is no longer done" changed 'if .continuation then . else .continuation = "" end'
