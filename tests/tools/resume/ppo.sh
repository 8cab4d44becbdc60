# ppo-step is stopped by a signal, and the same command goes on to the same bytes.
. "$ROOT/tests/tools/resume/cut.inc"
# 24 trajectories in minibatches of 10: 3 updates an epoch, 6 in all.
step() {
  $under ppo-step --policy "$TINY/p0" --lr 3e-3 --epochs 2 --minibatch 10 --save-every 1 "$@"
}
own() { step --critic-init "$TINY/rm" --critic-lr 3e-3 "$@" "$scored"; }
shared() { step --critic shared "$@" "$scored"; }
without_critic() { $under ppo-step --policy "$TINY/p0" --objective reinforce --save-every 1 "$@" "$scored"; }

metrics_but_time() { jq -c 'del(.eps, .time)' "$1"; }

# same_again NAME COMMAND [OPTION...]: stopped while its second update is saved, and so on until it is done. (A signal
# while the last one is saved stops it where a pass over the data follows, as it does unless the policy stays.)
same_again() {
  name=$1
  shift
  "$@" -o "$name" --metrics "$name.m" 2> whole.err
  rm -f cut.m
  stops=0
  until cut TERM renameat2 2 "$@" -o "$name-cut" --metrics cut.m --threads $((stops % 3 + 1)) \
    --micro-batch-tokens $((37 * stops + 1)) && [ "$status" = 0 ]; do
    stopped_after "update $((2 * stops + 2))"
    [ ! -e "$name-cut" ]
    stops=$((stops + 1))
    [ $stops -lt 9 ]
  done
  [ "$stops" = "${wanted:-3}" ] || { echo "$stops stops"; return 1; }
  expect_stderr '^ppo-step: resuming after update '
  diff -r "$name" "$name-cut"
  metrics_but_time "$name.m" > one
  metrics_but_time cut.m | diff one -
  [ "$(without_time whole.err)" = "$(without_time err)" ]
  nothing_left "$name-cut"
}
policy_stays() { wanted=2 && same_again "$@"; }
ok "the clipped objective" same_again clip own
ok "the exact KL penalty" same_again kl own --objective kl --policy-kl-control halving
ok "the estimated one" same_again k3 own --objective kl --policy-kl k3
ok "importance sampling" same_again is own --objective is --kl-loss 0.1 --kl-control adaptive
ok "a shared critic" same_again shared shared
ok "a schedule" same_again schedule own --schedule cosine --iterations 3 --warmup 1
ok "the critic's warm-up" policy_stays warmup own --critic-warmup 1
ok "a shared critic's warm-up" policy_stays shared-warmup shared --critic-warmup 1
ok "a line of metrics an update" same_again lines own --metrics-every update
killed() {  # after two updates since its checkpoint, whose lines are there
  k() { own --save-every 2 --metrics-every update "$@"; }
  k -q -o k1 --metrics k1.m
  cut KILL renameat2 2 k -o k2 --metrics k2.m
  [ "$status" != 0 ]
  [ "$(wc -l < k2.m)" = 4 ]
  k -o k2 --metrics k2.m 2> err
  expect_stderr 'resuming after update 2 of 6'
  diff -r k1 k2
  metrics_but_time k1.m > one
  metrics_but_time k2.m | diff one -
}
ok "no line twice after a kill" killed
ok "bf16" same_again bf16 own --dtype bf16 --off-policy
ok "other options of the optimizer" same_again adam own --weight-decay 0.1 --beta2 0.99 --c2 0.01 --recompute
own -q -o first
next_iteration() {  # the critic, the moments and the counts are those of the folder
  rollout -q --policy first -n 4 --max-tokens 8 "$TINY/prompts.jsonl" |
    score -q --reward-model "$TINY/rm" --ref "$TINY/base" > next.jsonl
  second() { $under ppo-step --policy first --epochs 2 --minibatch 10 --save-every 1 next.jsonl "$@"; }
  same_again second second
}
ok "the second iteration" next_iteration
stopped_early() {  # at the fourth minibatch, which makes no update
  wanted=1
  same_again early own --target-kl 0.03 --lr 1e-3
  holds early.m '.[0]["ppo/stopped_early"] == 1 and .[0]["ppo/updates"] == 3'
}
ok "--target-kl" stopped_early

only_one_update() {  # of all trajectories: killed between its checkpoint and its folder
  without_critic -q -o r1
  cut KILL renameat2 2 without_critic -o r2
  [ "$status" != 0 ]
  checkpoint_of r2
  without_critic -o r2 2> err
  expect_stderr 'resuming after update 1 of 1'
  diff -r r1 r2
}
ok "the policy gradient's one update" only_one_update
preparing() {
  cut TERM mkdir 1 own -o soon  # the output's folder is opened after all was read
  [ "$status" = 75 ]
  nothing_left soon
  own -q -o soon
  diff -r clip soon
}
ok "before the first update" preparing
preparing_a_pipe() {  # its records are kept already
  piped() { cat "$scored" | step --critic-init "$TINY/rm" --critic-lr 3e-3 "$@"; }
  cut TERM renameat2 2 piped -o pipe  # the first is of the copy, within its folder
  [ "$status" = 75 ]
  expect_stderr 'error: stopped before the first update; its records are kept$'
  step --critic-init "$TINY/rm" --critic-lr 3e-3 -o pipe < /dev/null
  diff -r clip pipe
}
ok "before the first update of records from a pipe" preparing_a_pipe
dry_run() {  # has nothing to be saved
  expect_status 64 own --dry-run -o d.jsonl
  expect_stderr 'save-every'
}
ok "--save-every is for training" dry_run
