# Ranks change no byte: folders and metrics of 1, 2 and 4 are those of one process, with any threads and micro-batches.
. "$ROOT/tests/tools/tiny.inc"
. "$ROOT/tests/tools/ranks/mpi.inc"
sft="sft-train -q --init $TINY/base --lr 1e-3 --batch 10 --groups 4 --held-out $TINY/texts.jsonl $TINY/answers.jsonl"
rm_="rm-train -q --init $TINY/base --lr 1e-3 --batch 7 --groups 4 --held-out $TINY/pairs.jsonl $TINY/pairs.jsonl"
ppo="ppo-step -q --policy $TINY/p0 --lr 1e-3 --epochs 2 --minibatch 10 --groups 4 $TINY/scored.jsonl"
own="--critic-init $TINY/rm --critic-lr 1e-3"

# same_in_ranks COMMAND...: without ranks, then as 1, 2 and 4, each with other threads and micro-batches.
same_in_ranks() {
  rm -rf one ranks one.m ranks.m
  "$@" --metrics one.m -o one
  # Of a step's figures one is of the clock.
  jq -c 'del(.eps, .time)' one.m > one.figures
  [ "$(wc -l < one.figures)" -ge 1 ]
  program=$1
  shift
  for how in '1 --threads 2' '2 --threads 1 --micro-batch-tokens 70' '4 --threads 1 --micro-batch-tokens 1'; do
    in_ranks ${how%% *} "$program" ${how#* } "$@" --metrics ranks.m -o ranks
    diff -r one ranks
    jq -c 'del(.eps, .time)' ranks.m | cmp - one.figures
    rm -rf ranks ranks.m
  done
}
ok "sft-train" same_in_ranks $sft
ok "sft-train in bf16" same_in_ranks $sft --dtype bf16
new() {
  same_in_ranks sft-train -q --init new --layers 1 --width 24 --heads 2 --context 48 --vocab 280 --batch 9 --groups 8 \
    "$TINY/texts.jsonl"
}
ok "sft-train of a new model" new
ok "rm-train" same_in_ranks $rm_
ok "rm-train in bf16, normalised by samples" same_in_ranks $rm_ --dtype bf16 --normalize-on "$TINY/sampled.jsonl"
ok "ppo-step" same_in_ranks $ppo $own
ok "ppo-step with a shared critic" same_in_ranks $ppo --critic shared
bf16() {
  rollout -q --policy "$TINY/p0" -n 4 --dtype bf16 --max-tokens 8 "$TINY/prompts.jsonl" |
    score -q --dtype bf16 --reward-model "$TINY/rm" --ref "$TINY/base" > scored16.jsonl
  same_in_ranks ppo-step -q --policy "$TINY/p0" "$@" --minibatch 10 --groups 4 scored16.jsonl
}
ok "ppo-step in bf16" bf16 $own
ok "ppo-step in bf16 with a shared critic" bf16 --critic shared
for objective in kl is; do
  ok "ppo-step --objective $objective" same_in_ranks $ppo $own --objective $objective
done
ok "ppo-step --objective reinforce" same_in_ranks ppo-step -q --policy "$TINY/p0" --lr 1e-3 --groups 4 \
  --objective reinforce "$TINY/scored.jsonl"
ok "ppo-step with a KL term and a stop by approxkl" same_in_ranks $ppo $own --kl-loss 0.1 --target-kl 1e-3

dry_run() {
  $ppo $own --dry-run > one.jsonl
  in_ranks 2 $ppo $own --dry-run > two.jsonl
  cmp one.jsonl two.jsonl
}
ok "ppo-step --dry-run writes its records once" dry_run
from_stdin() {
  rm -rf a b
  sft-train -q --init "$TINY/base" --groups 2 - < "$TINY/texts.jsonl" -o a
  in_ranks 2 sft-train -q --init "$TINY/base" --groups 2 < "$TINY/texts.jsonl" -o b
  diff -r a b
}
ok "rank 0 reads stdin for all" from_stdin
one_logs() {
  $sft --tensorboard one.log -o one.logged
  in_ranks 2 ${sft% -q *} -q ${sft#* -q } --tensorboard two.log -o two.logged
  for n in one two; do
    python3 "$ROOT/tests/io/read_events.py" $n.log/events.out.tfevents.0.nudge | jq -c 'del(.time)' > $n.events
  done
  expect_same one.events two.events
}
! command -v python3 > /dev/null || ok "rank 0 alone logs events" one_logs
one_voice() {
  rm -rf c
  in_ranks 4 sft-train --init "$TINY/base" --groups 4 "$TINY/answers.jsonl" -o c 2> err
  [ "$(wc -l < err)" = 1 ] || { cat err; return 1; }
  expect_stderr '^sft-train: 64 sequences, 2 steps, '
  in_ranks 4 sft-train --init "$TINY/base" --groups 4 "$TINY/answers.jsonl" -o c 2> err
  [ "$(cat err)" = 'sft-train: c: exists already, from the same inputs and options' ] || { cat err; return 1; }
  in_ranks 2 sft-train --init "$TINY/base" --groups 4 "$TINY/answers.jsonl" -o c 2> err
  expect_stderr 'exists already'
}
ok "one rank speaks; a run that is there is there for any ranks" one_voice
# Open MPI tells what of it is in use. Ranks of one machine leave TCP out, of which Open MPI 5 has words for each pair
# of them, unless the caller asks for it.
in_use() {
  rm -rf d
  in_ranks 2 sft-train -q --init "$TINY/base" --groups 4 "$TINY/answers.jsonl" -o d 2> err || { cat err; return 1; }
  grep -q 'component self ' err
}
no_tcp() {
  export OMPI_MCA_btl_base_verbose=100
  in_use
  ! grep 'component tcp ' err
}
tcp() {
  export OMPI_MCA_btl_base_verbose=100 OMPI_MCA_btl=^absent
  in_use
  grep -q 'component tcp ' err
}
case $launcher in *openmpi)
  ok "ranks of one machine have no TCP" no_tcp
  ok "but where it is asked for" tcp ;;
esac
