# The loops of docs/formats.md: they go on after a stop, and ^C, which the terminal sends to the loop and its program, ends
# them with the work saved.
. "$ROOT/tests/tools/stop/stop.inc"
awk -v to=block -f "$ROOT/tests/tools/docs/extract.awk" "$ROOT/docs/formats.md"
cp -r "$TINY/p0" "$TINY/base" .
cp "$TINY/texts.jsonl" text.jsonl
awk 'BEGIN { for (i = 0; i < 9000; ++i) printf "{\"prompt\":\"the film was %d\"}\n", i }' | zstd -q > prompts.jsonl.zst
loop() {  # TEXT: the file with the loop that has it
  set -- "$(grep -l "$1" block-*.sh)"
  grep -q '^until ' "$1"
  cp "$1" loop.sh
}

# interrupted OUTPUT: (a background job would ignore SIGINT) the loop in a process group of its own gets SIGINT once the program has something to save.
interrupted() {
  setsid env --default-signal=INT bash loop.sh > out 2> err &
  pid=$!
  for _ in $(seq 200); do
    [ "$(leftovers "$1")" = 0 ] || break
    sleep 0.02
  done
  sleep 0.2
  kill -INT "-$pid"
  status=0
  wait "$pid" || status=$?
  [ "$status" = 130 ] || { echo "status $status"; cat err; return 1; }
  expect_stderr "error: .*stopped"
  [ ! -e "$1" ]
}
loop 'rollout --policy p0 -n 4 prompts.jsonl.zst -o samples.jsonl.zst'
ok "^C ends the loop of samples" interrupted samples.jsonl.zst

trained() {
  loop 'timeout .* 600'
  sed 's/ 600 / 0.5 /; s/--epochs 4/--epochs 400/' loop.sh > short.sh
  ! cmp -s loop.sh short.sh
  cp short.sh loop.sh
  interrupted p2
  sed 's/--epochs 400/--epochs 40/; s/-o p2/-o p3/' short.sh > loop.sh
  expect_status 0 bash loop.sh
  [ -e p3/model.safetensors ]
}
ok "the loop of a training: ^C, and slices of time" trained
