# --too-long skip: prompts that leave no room are left out; all else is as if they had never been there, but for numbers.
. "$ROOT/tests/tools/stop/stop.inc"
long=$(printf 'zq%.0s' $(seq 40))
awk -v long="$long" 'BEGIN { for (i = 0; i < 12; ++i) printf "{\"prompt\":\"%s\",\"own\":%d}\n",
  i % 3 == 1 ? long : "the film " i " was", i }' > prompts.jsonl
roll() { rollout --policy "$TINY/p0" -n 3 --max-tokens 8 "$@"; }
roll -q --too-long skip prompts.jsonl -o whole.jsonl
roll -q --too-long skip prompts.jsonl -o whole.jsonl.zst

told() {
  expect_status 0 roll --too-long skip prompts.jsonl
  expect_same out whole.jsonl
  expect_stderr '^rollout: warning: the input: 4 of 12 records are too long and were left out$'
  expect_stderr '^rollout: 24 trajectories, .* 4 too long, '
}
ok "how many are left out is told" told
numbers() {
  holds whole.jsonl 'map(.group) == ([0, 2, 3, 5, 6, 8, 9, 11] | map(tostring | ., ., .)) and map(.own) == map(.group | tonumber)'
  jq -c --arg long "$long" 'select(.prompt == $long | not)' prompts.jsonl |
    awk '{ n = int((NR - 1) / 2) * 3 + (NR % 2 ? 0 : 2); sub(/^{/, "{\"id\":\"" n "\","); print }' | roll -q > alone.jsonl
  expect_same alone.jsonl whole.jsonl
}
ok "the others keep their numbers, and with them their samples" numbers
fails() {
  refused 65 '^rollout: error: prompts.jsonl: record 2: prompt has [0-9]+ tokens' roll prompts.jsonl -o not
  expect_stderr '^rollout: hint: drop such records with --too-long skip'
  refused 65 'record 2: prompt has' roll --too-long fail prompts.jsonl -o not
  [ ! -e not ]
}
ok "without it, and with fail, they are errors" fails
nothing_to_skip() {
  jq -c 'select(.own % 3 != 1)' prompts.jsonl > short.jsonl
  roll -q short.jsonl > x
  expect_status 0 roll --too-long skip short.jsonl
  expect_no_warning
  expect_same x out
  if grep 'too long' err; then return 1; fi
}
ok "where none is too long nothing is said" nothing_to_skip
same_with_slots() {
  for way in '--slots 1' '--slots 2 --threads 2' '--slots 7 --max-tokens-in-flight 128'; do
    # shellcheck disable=SC2086
    roll -q --too-long skip $way prompts.jsonl | expect_same - whole.jsonl
  done
}
ok "whatever slots, threads and tokens in flight" same_with_slots
shards() {
  for i in 0 1 2 3 4; do roll -q --too-long skip --shard $i/5 prompts.jsonl -o part-$i.jsonl.zst; done
  zstdcat part-?.jsonl.zst | sort > together
  sort whole.jsonl | expect_same - together
  score -q --ref "$TINY/base" part-?.jsonl.zst > x
  [ "$(wc -l < x)" = 24 ]
}
ok "shards as a set hold the records of the unsharded file" shards
all_of_a_shard() {
  expect_status 0 roll --too-long skip --shard 1/3 prompts.jsonl -o none.jsonl.zst
  expect_stderr 'the input: 4 of 4 records are too long'
  for i in 0 2; do roll -q --too-long skip --shard $i/3 prompts.jsonl -o three-$i.jsonl.zst; done
  expect_status 0 peek --verify none.jsonl.zst three-?.jsonl.zst
}
ok "a shard may have nothing else" all_of_a_shard
all() {
  jq -c 'select(.own % 3 == 1)' prompts.jsonl > long.jsonl
  refused 65 '^rollout: error: nothing succeeded: every record is too long' roll --too-long skip long.jsonl -o no.jsonl
  [ ! -e no.jsonl ]
}
ok "the whole may not: zero successes are a failure" all
double() {
  printf '{"id":"a","prompt":"%s"}\n{"id":"a","prompt":"x"}\n' "$long" > double.jsonl
  refused 65 'double.jsonl: record 2: duplicate id "a"' roll --too-long skip double.jsonl
}
ok "an id that was left out is taken" double
in_flight() {  # --max-tokens-in-flight changes no bit, so that it leaves nothing out
  printf '{"prompt":"the film was"}\n{"prompt":"%s"}\n' "$(printf 'zq%.0s' $(seq 20))" > flight.jsonl
  refused 65 'record 2: .* tokens in flight' rollout --policy "$TINY/p0" --max-tokens 2 --max-tokens-in-flight 32 \
    --too-long skip flight.jsonl
}
ok "too many tokens in flight stay an error" in_flight
other_work() {
  roll -qz --too-long skip prompts.jsonl > x
  roll -qz --too-long fail short.jsonl > y
  refused 73 'exists already' roll --too-long fail short.jsonl -o whole.jsonl.zst
}
ok "it is part of what the output is" other_work

stopped_and_resumed() {  # behind prompts that are left out, and between
  for lines in 4 5 6 7; do
    rm -f "$1"
    begin rollout --policy "$TINY/p0" -n 3 --max-tokens 8 --too-long skip --slots 1 -o "$1"
    give $lines prompts.jsonl
    asleep
    stopped TERM $((3 * (lines - (lines + 1) / 3))) "$1"
    expect_status 0 roll --too-long skip prompts.jsonl -o "$1"
    expect_stderr 'resuming after'
    expect_stderr '4 of 12 records are too long'
    cmp "$1" "whole${1#cut}"
    [ "$(leftovers "$1")" = 0 ]
  done
}
ok "stopped, it goes on to the same bytes, plain" stopped_and_resumed cut.jsonl
ok "stopped, it goes on to the same bytes, zstd" stopped_and_resumed cut.jsonl.zst
not_waited_for() {  # one that is left out, and then none for a while: what is drawn of those before it comes out
  output_pipe
  begin rollout --policy "$TINY/p0" --max-tokens 8 --too-long skip -o named
  give 2 prompts.jsonl
  has_come 1 ''
  ends
  [ "$status" = 0 ]
  wait $taker
  head -n 1 whole.jsonl | expect_same - taken
}
ok "samples don't wait behind a prompt that is left out" not_waited_for
