# Killed at any time the same command goes on to the same bytes, and of two writers of one output one file comes.
. "$ROOT/tests/tools/stop/stop.inc"
awk 'BEGIN { for (i = 0; i < 9000; ++i) printf "{\"prompt\":\"the film was %d\"}\n", i }' > prompts.jsonl
rollout -q --policy "$TINY/p0" --max-tokens 4 prompts.jsonl -o whole.jsonl
rollout -q --policy "$TINY/p0" --max-tokens 4 prompts.jsonl -o whole.jsonl.zst
score -q --ref "$TINY/base" whole.jsonl -o scored.jsonl
score -q --ref "$TINY/base" whole.jsonl -o scored.jsonl.zst

# killed TIMES REFERENCE NAME COMMAND...: so many times, after delays from nothing to its whole time; then to its end.
killed() {
  times=$1 reference=$2 name=$3
  shift 3
  kills=0 kept=0 i=0
  rm -f "$name"
  start=$(date +%s%N)
  "$@" -o "$name" 2> err
  took=$((($(date +%s%N) - start) / 1000000))
  rm "$name"
  while [ $kills -lt "$times" ]; do
    i=$((i + 1))
    [ $i -le $((times * 5)) ] || { echo "$kills kills in $i rounds of $took ms"; return 1; }
    "$@" --threads $((i % 2 + 1)) -o "$name" 2> err &
    pid=$!
    sleep "$(awk -v i=$i -v took=$took 'BEGIN { print i * 67 % 400 / 400 * took / 1000 }')"
    kill -9 $pid 2> /dev/null || true
    status=0
    wait $pid || status=$?
    [ $status != 137 ] || kills=$((kills + 1))
    if grep -q 'resuming after' err; then kept=$((kept + 1)); fi
    if [ -e "$name" ]; then
      cmp "$name" "$reference"
      rm "$name"
    fi
    [ "$(leftovers "$name")" -le 1 ]
  done
  "$@" -o "$name" 2> err
  cmp "$name" "$reference"
  [ "$(leftovers "$name")" = 0 ]
  [ $kept -ge 2 ] || { echo "$kills kills, $kept went on"; return 1; }
}
times=10
[ -z "${NUDGE_CHECK_FAULTS:-}" ] || times=200
for form in jsonl jsonl.zst; do
  ok "rollout, $form" killed "$times" whole.$form cut.$form rollout --policy "$TINY/p0" --max-tokens 4 prompts.jsonl
  ok "score, $form" killed "$times" scored.$form cut.scored.$form score --ref "$TINY/base" whole.jsonl
done

two_writers() {  # the first is asleep while a second does all, as where a scheduler lost sight of it
  rm -f two.jsonl.zst
  begin rollout --policy "$TINY/p0" --max-tokens 4 -o two.jsonl.zst
  give 2000 prompts.jsonl
  asleep
  kill -STOP "$pid"
  expect_status 0 rollout --policy "$TINY/p0" --max-tokens 4 prompts.jsonl -o two.jsonl.zst
  cmp two.jsonl.zst whole.jsonl.zst
  inode=$(ls -i two.jsonl.zst)
  [ "$(leftovers two.jsonl.zst)" = 1 ]
  kill -CONT "$pid"
  tail -n +2001 prompts.jsonl >&9
  ends
  [ "$status" = 0 ] || { cat err; return 1; }
  cmp two.jsonl.zst whole.jsonl.zst
  [ "$(ls -i two.jsonl.zst)" = "$inode" ]
  [ "$(leftovers two.jsonl.zst)" = 0 ]
}
ok "two writers" two_writers
two_stopped() {  # the first is stopped while the second is at work: what it saves is swept in the end
  rm -f two.jsonl.zst
  begin rollout --policy "$TINY/p0" --max-tokens 4 --slots 1 -o two.jsonl.zst
  give 2000 prompts.jsonl
  asleep
  expect_status 0 rollout --policy "$TINY/p0" --max-tokens 4 prompts.jsonl -o two.jsonl.zst
  stop TERM
  [ "$status" = 75 ]
  expect_stderr 'two.jsonl.zst: stopped: 2,000 records saved'
  cmp two.jsonl.zst whole.jsonl.zst
  expect_status 0 rollout --policy "$TINY/p0" --max-tokens 4 --force prompts.jsonl -o two.jsonl.zst
  cmp two.jsonl.zst whole.jsonl.zst
  [ "$(leftovers two.jsonl.zst)" = 0 ]
}
ok "a writer that is stopped beside another" two_stopped
