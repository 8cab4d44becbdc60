# What must not change a byte of the folder that ppo-step writes.
. "$ROOT/tests/tools/tiny.inc"
in=$TINY/scored.jsonl
step() {
  ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --lr 3e-3 --critic-lr 3e-3 --epochs 2 --minibatch 10 "$@"
}
step "$in" -o base
# same NAME OPTION...: the folder is the same, to the last file.
same() {
  rm -rf again
  step "$@" -o again
  diff -r base again
}
ok "the same command gives the same folder" same "$in"
ok "--threads 1 changes no byte" same --threads 1 "$in"
ok "--threads 2 changes no byte" same --threads 2 "$in"
ok "--threads 3 changes no byte" same --threads 3 "$in"
ok "--micro-batch-tokens 1 changes no byte" same --micro-batch-tokens 1 "$in"
ok "--micro-batch-tokens 61 changes no byte" same --micro-batch-tokens 61 "$in"
ok "--micro-batch-tokens 1000000 changes no byte" same --micro-batch-tokens 1000000 "$in"
levels() {
  for level in v3 v4; do
    NUDGE_KERNELS=$level ppo-step --version > /dev/null 2>&1 || continue
    export NUDGE_KERNELS=$level
    same "$in"
  done
}
ok "the levels v3 and v4 of the kernels give the same folder" levels
shuffled() {
  shuf --random-source="$in" "$in" > shuffled.jsonl
  differ "$in" shuffled.jsonl
  same shuffled.jsonl
}
ok "the order of the records changes no byte" shuffled
reversed() { tac "$in" > reversed.jsonl; same reversed.jsonl; }
ok "the reverse order changes no byte" reversed
compressed() { zstd -q "$in" -o in.bin; same in.bin; }
ok "zstd input changes no byte" compressed
split_input() { head -n 7 "$in" > a.jsonl; tail -n +8 "$in" > b.jsonl; same b.jsonl a.jsonl; }
ok "input in several files changes no byte" split_input
elsewhere() {
  cp -r "$TINY/p0" moved
  cp -r "$TINY/rm" critic
  ppo-step -q --policy moved --critic-init critic --lr 3e-3 --critic-lr 3e-3 --epochs 2 --minibatch 10 "$in" -o again2
  diff -r base again2
}
ok "the names of folders leave no trace" elsewhere
no_trace() {
  if grep -r -e "$PWD" -e "$TINY" -e "$(uname -n)" --include='*.json' base; then return 1; fi
  if grep -ri -e thread -e v3 -e v4 base/trainer/*.json; then return 1; fi
}
ok "the folder holds no path, host, thread count or kernel level" no_trace
objectives() {
  for objective in clip kl is; do
    rm -rf one two
    step --objective $objective "$in" -o one
    step --objective $objective --threads 3 --micro-batch-tokens 1 shuffled.jsonl -o two
    diff -r one two
  done
  rm -rf one two
  reinforce="ppo-step -q --policy $TINY/p0 --objective reinforce --lr 3e-3"
  $reinforce "$in" -o one
  $reinforce --threads 3 --micro-batch-tokens 1 shuffled.jsonl -o two
  diff -r one two
}
ok "threads, micro-batch and order change no byte with any objective" objectives
shared() {
  rm -rf one two
  ppo-step -q --policy "$TINY/p0" --critic shared --lr 3e-3 --minibatch 10 "$in" -o one
  ppo-step -q --policy "$TINY/p0" --critic shared --lr 3e-3 --minibatch 10 --threads 3 --micro-batch-tokens 1 shuffled.jsonl \
    -o two
  diff -r one two
}
ok "nor with a shared critic" shared
warmup() {
  for critic in "--critic-init $TINY/rm" "--critic shared"; do
    rm -rf one two
    options="--critic-warmup 1 --schedule cosine --iterations 3 --warmup 1 --lr 3e-3 --minibatch 10"
    ppo-step -q --policy "$TINY/p0" $critic $options "$in" -o one
    ppo-step -q --policy "$TINY/p0" $critic $options --threads 3 --micro-batch-tokens 1 shuffled.jsonl -o two
    diff -r one two
  done
}
ok "nor in a critic's warm-up, nor with a schedule" warmup
first_ratio() {
  expect_status 0 step_loud
  expect_stderr '^ppo-step: 24 trajectories, [0-9,]+ tokens, reward .*, first ratio min 1 max 1, '
}
step_loud() { ppo-step --policy "$TINY/p0" --critic-init "$TINY/rm" "$in" -o loud; }
ok "the first ratio is exactly 1, and the tally says so" first_ratio
other_sampling() {
  rollout -q --policy "$TINY/p0" -n 3 --temperature 1.9 --seed 5 --stop a "$TINY/prompts.jsonl" |
    score -q --ref "$TINY/base" --reward-model "$TINY/rm" > warm.jsonl
  ppo-step --policy "$TINY/p0" --critic-init "$TINY/rm" warm.jsonl -o warm 2> err
  expect_stderr 'first ratio min 1 max 1,'
}
ok "the first ratio is exactly 1 at another temperature, too" other_sampling
