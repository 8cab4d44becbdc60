# rm-train is stopped by a signal, and the same command goes on to the same bytes.
. "$ROOT/tests/tools/resume/cut.inc"
# 9 steps, 3 an epoch.
train() {
  $under rm-train --init "$TINY/base" --batch 8 --epochs 3 --lr 3e-3 --schedule linear --warmup 2 --centering 0.1 \
    --held-out "$pairs" "$pairs" "$@"
}
train -o whole --metrics whole.m 2> whole.err

# same_again NAME N SIGNAL [OPTION...]: stopped at its Nth line of metrics and gone on with, all is the same.
same_again() {
  name=$1 n=$2 signal=$3
  shift 3
  only=$PWD/$name.m
  cut "$signal" write "$n" train -o "$name" --metrics "$name.m" "$@"
  stopped_after "step $n"
  train -o "$name" --metrics "$name.m" --threads 2 --micro-batch-tokens 37 2> err
  expect_stderr "^rm-train: resuming after step $n of 9\$"
  diff -r whole "$name"
  expect_same whole.m "$name.m"
  timeless='s/, [0-9.]* s\( ([0-9.]* tokens.s)\)\{0,1\}$//'
  grep -v 'resuming' err | sed "$timeless" > said
  sed "$timeless" whole.err | diff - said
  nothing_left "$name"
}
ok "in the warm-up, by SIGTERM" same_again a 1 TERM
ok "within an epoch, by SIGINT" same_again b 4 INT
ok "at an epoch's end, by SIGUSR1" same_again c 6 USR1
ok "after the last step" same_again d 9 TERM --save-every 4

# With a checkpoint at each step: the signal comes while it is saved.
in_the_passes_after() {
  cut TERM renameat2 9 train -o p --save-every 1
  stopped_after "step 9"
  train -o p 2> err
  expect_stderr 'resuming after step 9 of 9'
  diff -r whole p
}
ok "in the passes after the last step" in_the_passes_after
unsaved() {  # the last checkpoint is of step 6, and the signal comes when the pass for the normalisation has begun
  head -n 12 "$TINY/sampled.jsonl" > samples.jsonl
  normalized() { train --normalize-on samples.jsonl "$@"; }
  normalized -o n1 -q
  only=$PWD/n.m
  cut TERM write 9 normalized -o n2 --metrics n.m --save-every 2
  stopped_after "step 9"
  normalized -o n2 -q
  diff -r n1 n2
}
ok "rewards are normalised after that" unsaved
bf16() {
  train -o b1 --dtype bf16 -q
  only=$PWD/b.m
  cut TERM write 5 train -o b2 --dtype bf16 --metrics b.m
  stopped_after "step 5"
  train -o b2 --dtype bf16 -q
  diff -r b1 b2
}
ok "in bf16" bf16
