# A job at its time limit, and one whose node is lost while its programs run on.
. "$ROOT/tests/tools/slurm/cluster.inc"
trap stop_cluster EXIT
trap 'exit 75' INT TERM
start_cluster
# task FOLDER SBATCH_OPTION...: the first array, of one task, alone.
task() {
  (
    cd "$1"
    ln -s base p0
    mkdir log
    shift
    sbatch --parsable --requeue --open-mode=append --output=log/task --array=0 "$@" \
      "$ROOT/docs/cluster/sample.sbatch" "$ROOT/docs/cluster" "$PWD/settings.sh" 0
  )
}
# same_task FOLDER SAMPLES: what it made is what the same commands make here.
same_task() {
  rm -rf calm && make_run calm
  (cd calm && rollout -q --policy base --seed 0 -n "$2" --max-tokens 40 prompts.jsonl.zst --shard 0/1 -o sampled.zst &&
    score -q --reward-model rm --ref base sampled.zst -o scored.zst)
  for file in sampled scored; do expect_same calm/$file.zst "$1/$file-0.0-of-1.zst"; done
}

# Slurm looks every half a minute who must be told of the end.
time_limit() {
  make_run short
  sed -i 's/-n 12/-n 60/' short/settings.sh
  id=$(task short --time=1 --signal=USR1@55)
  until_true 150 test -e short/scored-0.0-of-1.zst
  scancel "$id"
  ends 30
  cat short/log/task
  grep 'stopped: [0-9,]* records saved' short/log/task
  grep 'resuming after' short/log/task
  same_task short 60
}
ok "a time limit with --signal" time_limit

# The controller no longer hears of the node that has the task, and starts it again on the other one, while the old
# copy runs on and writes the same output.
lost_node() {
  make_run lost
  id=$(task lost --time=5)
  until_true 60 has_worker
  old=$(workers rollout sampled-0.0)
  node=$(squeue -h -j "$id" -o %N)
  kill -STOP "$(cat "$cluster/slurmd.$node.pid")" "$old"
  until_true 100 has_another "$old"
  kill -CONT "$old"
  until_true 100 test -e lost/scored-0.0-of-1.zst
  until_true 60 gone "$old"
  kill -CONT "$(cat "$cluster/slurmd.$node.pid")"
  ends 60
  cat lost/log/task
  same_task lost 12
}
has_worker() { [ -n "$(workers rollout sampled-0.0)" ]; }
has_another() { workers rollout sampled-0.0 | grep -qvx "$1"; }
ok "a node is lost and its program runs on: one whole file" lost_node
