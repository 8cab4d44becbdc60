# docs/cluster on a Slurm: a run that nothing disturbs ends in the bytes of one machine's, and so does one in which
# jobs are preempted and a task of an array dies.
. "$ROOT/tests/tools/slurm/cluster.inc"
trap stop_cluster EXIT
trap 'exit 75' INT TERM
start_cluster

calm() {
  make_run calm
  submit calm/settings.sh > submitted
  [ "$(wc -l < submitted)" = 5 ]
  ends 150
  cat calm/log/*
  [ -e calm/p2/model.safetensors ] && grep -q '<svg' calm/report.html
}
ok "a run by jobs" calm

# same_run FOLDER: its folders, records and report are those of the run calm.
same_run() {
  for made in p1 p2; do diff -r calm/$made "$1/$made"; done
  for part in calm/scored-*.zst; do expect_same "$part" "$1/${part#calm/}"; done
  expect_same calm/report.html "$1/report.html"
  [ -z "$(find "$1" -name '.*.part')" ] || { find "$1" -name '.*.part'; return 1; }
}
by_make() {
  make_run alone
  sed -e 's/^iterations := .*/iterations := 2/; s/^shards .*/shards := 3/' \
    -e 's/^rollout_options .*/rollout_options := -n 12 --max-tokens 40/' \
    -e 's/^ppo_options .*/ppo_options := --critic-init rm --minibatch 32 --epochs 1 --groups 4/' \
    "$ROOT/docs/cluster/Makefile.example" > alone/Makefile
  make -C alone -j2
  same_run alone
}
ok "the same by make on one machine" by_make

has_checkpoint() { [ -n "$(find stormy -maxdepth 1 -name ".$1.checkpoint*")" ]; }  # after its first update
preempt() { sbatch --parsable -p high -N2 --exclusive -o /dev/null --wrap 'sleep 1' > high; }
works() { [ -n "$(workers "$1" "$2")" ]; }
# in_the_middle PROGRAM OUTPUT: it has been at work for a second.
in_the_middle() { until_true 60 works "$1" "$2" && sleep 1 && works "$1" "$2"; }

stormy() {
  make_run stormy
  submit stormy/settings.sh > submitted
  in_the_middle rollout sampled-0.0
  preempt
  until_true 60 grep -q 'resuming after' stormy/log/sample-0.0
  grep 'sampled-0.0-of-3.zst: stopped: [0-9,]* records saved' stormy/log/sample-0.0

  in_the_middle rollout sampled-1.1
  # shellcheck disable=SC2046
  kill -9 $(workers rollout sampled-1.1)
  ends 60
  [ -e stormy/p1 ] && [ ! -e stormy/p2 ] && [ ! -e stormy/report.html ]
  [ -e stormy/scored-1.0-of-3.zst ] && [ ! -e stormy/sampled-1.1-of-3.zst ] && [ -e stormy/scored-1.2-of-3.zst ]
}
ok "tasks are preempted and go on; one dies, and what follows is not begun" stormy

again() {
  inodes() { stat -c '%n %i %Y' stormy/p1 stormy/s*-0.[0-2]-of-3.zst stormy/s*-1.[02]-of-3.zst; }
  inodes > before
  submit stormy/settings.sh > submitted
  [ "$(cut -d : -f 1 submitted | tr '\n' ' ')" = 'sample-1 step-1 report ' ]
  until_true 90 has_checkpoint p2
  works ppo-step p2
  preempt
  ends 150
  cat stormy/log/step-1
  grep 'stopped after update [0-9,]* of [0-9,]*, which is saved' stormy/log/step-1
  grep 'resuming after update' stormy/log/step-1
  [ "$(grep -c 'exists already, from the same inputs and options' stormy/log/sample-1.0)" = 2 ]
  inodes > after
  expect_same before after
  same_run stormy
}
ok "submitted again: what is missing is made; a preempted step goes on; the bytes are the same" again
