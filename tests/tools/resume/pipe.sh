# Records that came through a pipe are kept from the moment they were read: a run goes on without them.
. "$ROOT/tests/tools/resume/cut.inc"
train() { $under sft-train --init "$TINY/base" --batch 16 --epochs 2 --lr 3e-3 --save-every 2 "$@"; }
train -q "$answers" -o whole
train_piped() { cat "$answers" | train "$@"; }

# stopped NAME: a run with its records from a pipe, stopped after step 3 of 8.
stopped() {
  only=$PWD/$1.m
  cut TERM write 3 train_piped -o "$1" --metrics "$1.m"
  stopped_after "step 3"
  [ -s "$(checkpoint_of "$1")/input.jsonl.zst" ]
}
the_same() {
  expect_stderr 'resuming after step 3 of 8'
  diff -r whole "$1"
  nothing_left "$1"
}
again() { stopped a; train_piped -o a 2> err; the_same a; }
ok "the same pipeline goes on" again
null() {
  stopped b
  train -o b < /dev/null 2> err
  expect_stderr 'sft-train: stdin is empty: using the records saved for b'
  the_same b
}
ok "so it does without its records" null
closed() { stopped c; train -o c <&- 2> err; the_same c; }
ok "and with stdin closed" closed
dash() { stopped d; train - -o d < /dev/null 2> err; the_same d; }
ok "and where stdin is named" dash
from_file() { stopped e; train "$answers" -o e 2> err; the_same e; }
ok "and from a file of the same records" from_file
twice() {
  stopped f
  only=$PWD/f2.m
  cut TERM write 2 train -o f --metrics f2.m
  stopped_after "step 5"
  [ -s "$(checkpoint_of f)/input.jsonl.zst" ]
  train -o f 2> err
  expect_stderr 'resuming after step 5 of 8'
  diff -r whole f
}
ok "several times" twice
read_alone() {  # killed after its records were read, before any step
  cut KILL renameat2 3 train_piped -o g
  [ "$status" != 0 ]
  [ "$(checkpoint_of g | sed 's/.*-\.//')" = 0.0.part ]
  train -o g 2> err
  expect_stderr 'stdin is empty: using the records saved for g'
  diff -r whole g
  nothing_left g
}
ok "records are kept before the first step" read_alone

empty_pipe() {  # that is no missing pipe: what stands before it failed
  stopped h
  expect_status 65 sh -c "true | sft-train --init $TINY/base --batch 16 --epochs 2 --lr 3e-3 -o h"
  expect_stderr 'stdin: empty input'
  train -o h 2> err
  the_same h
}
ok "an empty pipe is an error" empty_pipe
other_options() {
  stopped i
  expect_status 65 train --seed 3 -o i
  expect_stderr 'stdin: empty input'
  expect_status 65 train -o i2
  expect_stderr 'stdin: empty input'
  train -o i 2> err
  the_same i
}
ok "other options or outputs find nothing" other_options
other_records() {
  stopped j
  head -n 40 "$answers" > fewer.jsonl
  cat fewer.jsonl | train -o j2 -q
  only=$PWD/j3.m
  head_piped() { cat fewer.jsonl | train "$@"; }
  cut TERM write 3 head_piped -o j --metrics j3.m
  stopped_after "step 3"
  expect_status 65 train -o j
  expect_stderr 'stdin is empty, and two runs with these options have saved records for j$'
  head_piped -o j -q
  diff -r j2 j
  nothing_left j
}
ok "other records are another run" other_records
failed() {  # what can't be trained on is not kept
  expect_status 65 sh -c "echo '{\"text\":1}' | sft-train --init $TINY/base -o k"
  nothing_left k
  expect_status 64 sh -c "cat $answers | sft-train --init $TINY/base --schedule linear --warmup 999 -o k"
  nothing_left k
  expect_status 65 sh -c "jq -c 'del(.ref_logprobs)' $scored | ppo-step --policy $TINY/p0 --critic-init $TINY/rm -o k"
  expect_stderr 'ref_logprobs'
  nothing_left k
}
ok "records that are refused are not kept" failed
reward() { cat "$pairs" | $under rm-train --init "$TINY/base" --batch 8 --epochs 2 --save-every 1 "$@"; }
step() {
  zstd -qc "$scored" | $under ppo-step --policy "$TINY/p0" --critic-init "$TINY/rm" --minibatch 10 --save-every 1 "$@"
}
others() {
  for run in reward step; do
    $run -q -o $run
    cut TERM renameat2 4 $run -o $run.cut  # of the records, of step 0, of steps 1 and 2
    stopped_after "[a-z]* 2"
  done
  rm-train --init "$TINY/base" --batch 8 --epochs 2 -o reward.cut < /dev/null
  diff -r reward reward.cut
  ppo-step --policy "$TINY/p0" --critic-init "$TINY/rm" --minibatch 10 -o step.cut < /dev/null 2> err
  expect_stderr 'resuming after update 2'
  diff -r step step.cut
}
ok "rm-train and ppo-step likewise" others
other_critic() {
  cut TERM renameat2 4 step -o l
  stopped_after "update 2"
  refused 65 'stdin is empty, and the saved records belong to a run with other models' \
    ppo-step --policy "$TINY/p0" --critic-init "$TINY/base" --minibatch 10 -o l
  ppo-step --policy "$TINY/p0" --critic-init "$TINY/rm" --minibatch 10 -o l -q
  diff -r step l
}
ok "records of a run with another critic are not taken" other_critic
