# docs/cluster: the run by make, uninterrupted, interrupted and repeated. (As Slurm jobs: tests/tools/slurm.)
. "$ROOT/tests/tools/tiny.inc"
needs bash make zstd

make_run() {
  mkdir -p "$1"
  cp -r "$TINY/base" "$TINY/rm" "$1"
  zstd -q "$TINY/prompts.jsonl" -o "$1/prompts.jsonl.zst"
  sed -e 's/^iterations := .*/iterations := 2/; s/^shards .*/shards := 3/' \
    -e 's/^rollout_options .*/rollout_options := -n 4 --max-tokens 8/' "$ROOT/docs/cluster/Makefile.example" > "$1/Makefile"
}
by_hand() {
  mkdir hand
  cp -r "$TINY/base" hand/p0
  for i in 0 1; do
    rollout -q --policy hand/p$i --seed $i -n 4 --max-tokens 8 "$TINY/prompts.jsonl" |
      score -q --reward-model "$TINY/rm" --ref "$TINY/base" > hand/scored-$i.jsonl
    ppo-step -q --policy hand/p$i --critic-init "$TINY/rm" --groups 8 hand/scored-$i.jsonl -o hand/p$((i + 1))
  done
}
whole() {
  make_run run
  make -C run -j2
  by_hand
  for i in 1 2; do for file in model.safetensors critic/model.safetensors; do cmp run/p$i/$file hand/p$i/$file; done; done
  zstdcat run/scored-1.jsonl.zst | jq -r .id | sort > ids
  jq -r .id hand/scored-1.jsonl | sort | expect_same ids -
  grep -q '<svg' run/report.html
  make -C run > again
  grep 'Nothing to be done' again
}
ok "a run by make is that of the commands by hand" whole

# Interrupted after each command in turn, by a program that ends with 75.
cut_short() {
  make_run cut
  mkdir programs
  for program in rollout score ppo-step kl-report; do
    cat > programs/$program <<END
#!/bin/sh
[ ! -e ../left ] || { echo >> ../left; [ "\$(wc -l < ../left)" -le "\$(cat ../most)" ] || exit 75; }
exec "$BIN/$program" "\$@"
END
    chmod +x programs/$program
  done
  cuts=0
  echo 1 > most
  until : > left; status=0; PATH=$PWD/programs:$PATH make -C cut > said 2>&1 || status=$?; [ $status = 0 ]; do
    grep 'Error 75' said
    cuts=$((cuts + 1))
    [ $cuts -lt 40 ]
  done
  [ $cuts -ge 10 ]
  for made in p1 p2 report.html; do diff -r run/$made cut/$made; done
  for part in run/s*.zst; do expect_same "$part" "cut/${part#run/}"; done
}
ok "cut after each command, the same make ends in the same bytes" cut_short

scripts() {
  for script in "$ROOT"/docs/cluster/*.sh "$ROOT"/docs/cluster/*.sbatch; do bash -n "$script"; done
  expect_status 64 bash "$ROOT/docs/cluster/submit.sh"
  expect_stderr '^usage: submit.sh SETTINGS'
}
ok "the scripts for Slurm parse" scripts
# The submitted jobs, their order and dependencies, seen by an sbatch that numbers the jobs.
submitted() {
  mkdir fake shared shared/base
  cat > fake/sbatch <<'END'
#!/bin/sh
echo "$@" >> sbatch.log
wc -l < sbatch.log
END
  chmod +x fake/sbatch
  sed 's/^iterations=.*/iterations=2/' "$ROOT/docs/cluster/settings.sh" > shared/settings.sh
  PATH=$PWD/fake:$PATH bash "$ROOT/docs/cluster/submit.sh" shared/settings.sh --partition=x
  for i in 1 2 3 4; do sed -n "$((i + 1))p" shared/sbatch.log | grep -e "--dependency=afterok:$i --kill-on-invalid-dep=yes"; done
  [ "$(grep -c -e '--requeue .*--signal=USR1@60 .*--partition=x' shared/sbatch.log)" = 5 ]
  [ "$(grep -oE '[a-z]+\.sbatch' shared/sbatch.log | tr '\n' ' ')" = \
    'sample.sbatch step.sbatch sample.sbatch step.sbatch report.sbatch ' ]
  mkdir shared/p1
  rm shared/sbatch.log
  PATH=$PWD/fake:$PATH bash "$ROOT/docs/cluster/submit.sh" shared/settings.sh > said
  [ "$(cut -d : -f 1 said | tr '\n' ' ')" = 'sample-1 step-1 report ' ]
}
ok "what is left of a run is submitted as a chain" submitted
# A step's srun, seen by one that only tells how it was called.
steps() {
  mkdir -p steps/fake
  cat > steps/fake/srun <<'END'
#!/bin/sh
echo "${SRUN_CPUS_PER_TASK:-none} $*"
END
  chmod +x steps/fake/srun
  sed 's/^mpi=pmix /mpi=pmi2 /' "$ROOT/docs/cluster/settings.sh" > steps/settings.sh
  step() { PATH=$PWD/steps/fake:$PATH SLURM_NTASKS=4 bash "$ROOT/docs/cluster/step.sbatch" "$ROOT/docs/cluster" "$PWD/steps/settings.sh" 0; }
  SLURM_CPUS_PER_TASK=8 step > told
  [ "$(grep -c '^8 ' told)" = 2 ]
  grep -e '--mpi=pmi2 ppo-step --ranks 4 --groups 8' told
  step > told
  [ "$(grep -c '^none ' told)" = 2 ]
}
ok "a job's steps have its processors per task, and the MPI of the settings" steps
