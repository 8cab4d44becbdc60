# The same work gives the same bytes, whatever it runs on and in whatever order records come.
. "$ROOT/tests/tools/rm/data.inc"
unset OMP_NUM_THREADS
train() { folder=$1; shift; rm-train -q --init base $fast "$@" -o "$folder"; }
train one --threads 1 train.jsonl

threads_change_nothing() { for n in 2 3; do train "t$n" --threads $n train.jsonl; diff -r one "t$n"; done; }
micro_batches_change_nothing() { for n in 1 50 100000; do train "m$n" --micro-batch-tokens $n train.jsonl; diff -r one "m$n"; done; }
levels_change_nothing() {
  NUDGE_KERNELS=v3 train v3 train.jsonl
  diff -r one v3
  if NUDGE_KERNELS=v4 rm-train --version > /dev/null 2>&1; then NUDGE_KERNELS=v4 train v4 train.jsonl; diff -r one v4; fi
}
arrival_changes_nothing() {
  sort -r train.jsonl > turned.jsonl
  train turned turned.jsonl
  weights one turned
  cmp one/config.json turned/config.json
}
held_out_changes_nothing() { train h --held-out unseen.jsonl train.jsonl; diff -r one h; }
again_is_there_already() {
  expect_status 0 rm-train --init base $fast train.jsonl -o one
  expect_stderr '^rm-train: one: exists already, from the same inputs and options$'
  expect_status 0 rm-train --init base $fast --held-out unseen.jsonl train.jsonl -o one
  expect_stderr '^rm-train: one: exists already, from the same inputs and options; to measure it: '
  advice=$(sed 's/.*to measure it: //' err)
  expect_status 0 sh -c "$advice"
  expect_stderr 'accuracy .* on 24 pairs'
  expect_status 73 rm-train --init base $fast --seed 3 train.jsonl -o one
  expect_stderr '^rm-train: error: one: exists already, from other inputs or options$'
  expect_status 73 rm-train --init base $fast unseen.jsonl -o one
}
samples_count_as_input() {
  for i in 1 2 3; do echo "{\"prompt_ids\":[70],\"response_ids\":[$i,5]}"; done > s1.jsonl
  for i in 4 5 6; do echo "{\"prompt_ids\":[70],\"response_ids\":[$i,5]}"; done > s2.jsonl
  train on --normalize-on s1.jsonl train.jsonl
  cp s1.jsonl s3.jsonl
  expect_status 0 rm-train --init base $fast --normalize-on s3.jsonl train.jsonl -o on
  expect_status 73 rm-train --init base $fast --normalize-on s2.jsonl train.jsonl -o on
}
force_replaces() { cp -r one forced; train forced --seed 3 --force train.jsonl; differ one forced; }

ok "threads change no byte" threads_change_nothing
ok "micro-batches change no byte" micro_batches_change_nothing
ok "kernel levels change no byte" levels_change_nothing
ok "the order of arrival changes no weight" arrival_changes_nothing
ok "held-out pairs change no byte" held_out_changes_nothing
ok "the same run again has nothing to do, another one is refused" again_is_there_already
ok "the samples of --normalize-on count by their content" samples_count_as_input
again_for_metrics() {
  expect_status 0 rm-train --init base $fast -q --metrics again.m train.jsonl -o one
  expect_stderr '^rm-train: warning: again.m: no metrics were written, because nothing was computed; --force writes one again'
  [ ! -s again.m ]
  cp -r one remade
  printf X | dd of=remade/model.safetensors bs=1 seek=5000 conv=notrunc 2> /dev/null
  expect_status 0 rm-train --init base $fast --metrics again.m --held-out unseen.jsonl --force train.jsonl -o remade
  expect_stderr 'held-out'
  expect_no_warning
  [ "$(wc -l < again.m)" -gt 2 ]
  diff -r one remade
}
ok "--force replaces a folder" force_replaces
ok "--metrics of a run that is done says that there are none; --force makes it again" again_for_metrics
