# sft-train is stopped by a signal, and the same command goes on to the same bytes.
. "$ROOT/tests/tools/resume/cut.inc"
# 12 steps, 4 an epoch.
train() {
  $under sft-train --init "$TINY/base" --batch 16 --epochs 3 --lr 3e-3 --schedule cosine --warmup 3 \
    --held-out "$answers" "$answers" "$@"
}
train -o whole --metrics whole.m 2> whole.err

# same_again NAME N SIGNAL [OPTION...]: stopped at its Nth line of metrics and gone on with, all is the same.
same_again() {
  name=$1 n=$2 signal=$3
  shift 3
  only=$PWD/$name.m
  cut "$signal" write "$n" train -o "$name" --metrics "$name.m" "$@"
  stopped_after "step $((n - 1))"
  [ ! -e "$name" ]
  [ "$(wc -l < "$name.m")" = "$n" ]
  train -o "$name" --metrics "$name.m" --threads 2 --micro-batch-tokens 37 2> err
  expect_stderr "^sft-train: resuming after step $((n - 1)) of 12\$"
  diff -r whole "$name"
  expect_same whole.m "$name.m"
  [ "$(without_time whole.err)" = "$(without_time err)" ]
  nothing_left "$name"
}
ok "in the warm-up, by SIGTERM" same_again a 2 TERM
ok "within an epoch, by SIGINT" same_again b 7 INT
ok "at an epoch's end, by SIGUSR1" same_again c 9 USR1
ok "after the last step" same_again d 13 TERM
ok "with micro-batches of one sequence, blocks run again" same_again e 6 TERM --micro-batch-tokens 1 --recompute
ok "with checkpoints on the way" same_again f 6 TERM --save-every 2
ok "with checkpoints at each step" same_again g 6 TERM --save-every 1

again_and_again() {  # a stop after each third step, and other threads each time
  stops=0 only=$PWD/often.m
  until cut TERM write 3 train -o often --metrics often.m --threads $((stops % 3 + 1)) && [ "$status" = 0 ]; do
    [ "$status" = 75 ]
    stops=$((stops + 1))
    [ $stops -lt 20 ]
  done
  [ $stops -ge 4 ]
  diff -r whole often
  expect_same whole.m often.m
  nothing_left often
}
ok "again and again" again_and_again

before_the_first_step() {  # in the held-out pass, whose figures are on the first line
  only=$PWD/early.m
  cut TERM write 1 train -o early --metrics early.m
  [ "$status" = 75 ]
  expect_stderr 'error: stopped before the first step, with nothing to save$'
  nothing_left early
}
ok "before the first step there is nothing to be saved" before_the_first_step
while_it_reads() {
  only=$answers
  cut TERM read 1 train -o early2
  [ "$status" = 75 ]
  expect_stderr '^sft-train: error: stopped before its work began, with nothing to save$'
  expect_stderr '^sft-train: hint: run the same command again to resume$'
  nothing_left early2
}
ok "nor while it reads" while_it_reads
in_a_minibatch() {  # the signal comes while step 2 is saved, and step 3 is begun: it isn't waited for
  cut TERM renameat2 2 train -o within --save-every 1
  stopped_after "step 2"
  train -o within -q
  diff -r whole within
}
ok "a minibatch in hand is given up" in_a_minibatch

other_held_out() {  # other held-out records are measured on the first model, too
  head -n 20 "$answers" > other.jsonl
  other="sft-train --init $TINY/base --batch 16 --epochs 3 --lr 3e-3 --schedule cosine --warmup 3"
  $other --held-out other.jsonl "$answers" -o whole2 --metrics whole2.m 2> whole2.err
  only=$PWD/h.m
  cut TERM write 5 train -o h --metrics h.m
  stopped_after "step 4"
  $other --held-out other.jsonl "$answers" -o h --metrics h2.m 2> err
  diff -r whole h
  [ "$(without_time whole2.err)" = "$(without_time err)" ]
  [ "$(head -n 1 whole2.m)" = "$(head -n 1 h2.m)" ]
}
ok "held-out records may be other ones" other_held_out

another_run() {  # with other options: it doesn't take the checkpoint, and leaves it
  only=$PWD/o.m
  cut TERM write 5 train -o o --metrics o.m
  kept=$(checkpoint_of o)
  train -o o2 --seed 7
  only=$PWD/o3.m
  cut TERM write 4 train -o o --seed 7 --metrics o3.m
  stopped_after "step 3"
  [ -d "$kept" ] && [ "$(left o | wc -l)" = 2 ]
  train -o o --seed 7 2> err
  expect_stderr 'resuming after step 3 of 12'
  diff -r o2 o
  nothing_left o  # the output is complete: no checkpoint of that name can be needed
}
ok "another run for the same output is not mixed up with it" another_run
replaced() {  # with --force, an output of other options
  rm -rf o && cp -r o2 o
  only=$PWD/f.m
  cut TERM write 5 train -o o --force --metrics f.m
  stopped_after "step 4"
  diff -r o2 o
  train -o o --force 2> err
  expect_stderr 'resuming after step 4 of 12'
  diff -r whole o
  nothing_left o
}
ok "an output that is to be replaced stays until then" replaced

damaged() {
  only=$PWD/x.m
  cut TERM write 5 train -o x --metrics x.m
  printf X | dd of="$(checkpoint_of x)/$1" bs=1 seek="$2" conv=notrunc 2> /dev/null
  train -o x 2> err
  expect_stderr '^sft-train: warning: .*/?\.x\.checkpoint.* is damaged and was removed; its work is recomputed$'
  expect_stderr 'sequences, 12 steps'
  if grep 'resuming' err; then return 1; fi
  diff -r whole x
  rm -r x
}
for file in model.safetensors model-optimizer.safetensors state.json digest; do
  ok "a checkpoint whose $file is damaged is not taken" damaged $file 20
done

bf16() {
  train -o b1 --dtype bf16 -q
  only=$PWD/b.m
  cut TERM write 6 train -o b2 --dtype bf16 --metrics b.m
  stopped_after "step 5"
  train -o b2 --dtype bf16 -q
  diff -r b1 b2
  differ b1/model.safetensors whole/model.safetensors
}
ok "in bf16" bf16
new_model() {
  make() {
    $under sft-train --init new --layers 1 --width 32 --heads 2 --context 64 --vocab 290 --batch 8 --store bf16 \
      --weight-decay 0.1 "$TINY/texts.jsonl" "$@"
  }
  make -o n1
  only=$PWD/n.m
  cut TERM write 3 make -o n2 --metrics n.m
  stopped_after "step 3"
  make -o n2
  diff -r n1 n2
}
ok "a new model, stored in bf16" new_model
