# The same work gives the same bytes, whatever it runs on and in whatever order records come.
. "$ROOT/tests/tools/sft/data.inc"
unset OMP_NUM_THREADS
jq -c '. + {id: "r\(input_line_number)"}' text.jsonl > named.jsonl
train() { folder=$1; shift; sft-train -q --init new $small --batch 8 --lr 5e-3 "$@" -o "$folder"; }
train one --threads 1 named.jsonl

threads_change_nothing() { for n in 2 3; do train "t$n" --threads $n named.jsonl; diff -r one "t$n"; done; }
micro_batches_change_nothing() { for n in 1 50 100000; do train "m$n" --micro-batch-tokens $n named.jsonl; diff -r one "m$n"; done; }
levels_change_nothing() {
  NUDGE_KERNELS=v3 train v3 named.jsonl
  diff -r one v3
  if NUDGE_KERNELS=v4 sft-train --version > /dev/null 2>&1; then NUDGE_KERNELS=v4 train v4 named.jsonl; diff -r one v4; fi
}
arrival_changes_nothing() {
  sort -r named.jsonl > turned.jsonl
  ! cmp -s named.jsonl turned.jsonl
  train turned turned.jsonl
  weights one turned
}
compression_changes_nothing() { needs zstd; zstd -q named.jsonl; train z named.jsonl.zst; diff -r one z; }
held_out_changes_nothing() { train h --held-out unseen.jsonl named.jsonl; diff -r one h; }
path_changes_nothing() {
  sft-train -q --init one --threads 1 named.jsonl -o a
  cp -r one elsewhere
  sft-train -q --init elsewhere/ named.jsonl -o b
  diff -r a b
}
again_is_there_already() {
  expect_status 0 sft-train --init new $small --batch 8 --lr 5e-3 named.jsonl -o one
  expect_stderr '^sft-train: one: exists already, from the same inputs and options$'
  expect_status 0 sft-train --init new $small --batch 8 --lr 5e-3 --held-out unseen.jsonl named.jsonl -o one
  expect_stderr '^sft-train: one: exists already, from the same inputs and options; to measure it: '
  advice=$(sed 's/.*to measure it: //' err)
  expect_status 0 sh -c "$advice"
  expect_stderr 'held-out loss'
  expect_status 73 sft-train --init new $small --batch 8 --lr 6e-3 named.jsonl -o one
  expect_stderr '^sft-train: error: one: exists already, from other inputs or options$'
  head -n 5 named.jsonl > few.jsonl
  expect_status 73 sft-train --init new $small --batch 8 --lr 5e-3 few.jsonl -o one
  expect_status 73 sft-train --init one named.jsonl -o one
}
force_replaces() {
  cp -r one forced
  expect_status 0 sft-train --init new $small --batch 8 --lr 6e-3 --force named.jsonl -o forced
  differ one forced
}
metrics_are_the_same() {
  train x1 --threads 1 --metrics x1.m --held-out unseen.jsonl named.jsonl
  train x2 --threads 2 --micro-batch-tokens 64 --metrics x2.m --held-out unseen.jsonl named.jsonl
  cmp x1.m x2.m
}

ok "threads change no byte" threads_change_nothing
ok "micro-batches change no byte" micro_batches_change_nothing
ok "kernel levels change no byte" levels_change_nothing
ok "the order of arrival changes no weight" arrival_changes_nothing
ok "compression of the input changes no byte" compression_changes_nothing
ok "held-out text changes no byte" held_out_changes_nothing
ok "the path of the first model changes no byte" path_changes_nothing
ok "the same run again has nothing to do, another one is refused" again_is_there_already
again_for_metrics() {
  expect_status 0 sft-train --init new $small --batch 8 --lr 5e-3 -q --metrics again.m named.jsonl -o one
  expect_stderr '^sft-train: warning: again.m: no metrics were written, because nothing was computed; --force writes one again'
  [ ! -s again.m ]
  cp -r one remade
  printf X | dd of=remade/model.safetensors bs=1 seek=5000 conv=notrunc 2> /dev/null
  expect_status 0 sft-train --init new $small --batch 8 --lr 5e-3 --metrics again.m --held-out unseen.jsonl --force \
    named.jsonl -o remade
  expect_stderr 'held-out'
  expect_no_warning
  [ "$(wc -l < again.m)" -gt 2 ]
  diff -r one remade
}
ok "--force replaces a folder" force_replaces
ok "--metrics of a run that is done says that there are none; --force makes it again" again_for_metrics
ok "metrics are the same bytes too" metrics_are_the_same
