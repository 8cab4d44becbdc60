# Every option that is a number or a word changes the outcome: a table of what must differ from which base.
. "$ROOT/tests/tools/tiny.inc"
. "$ROOT/tests/tools/ppo/unread.inc"
in=$TINY/scored.jsonl
step() {
  ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --lr 3e-3 --critic-lr 3e-3 --epochs 2 --minibatch 10 "$@"
}
# The policy gradient has neither a critic nor passes and minibatches.
reinforce() { ppo-step -q --policy "$TINY/p0" --objective reinforce --lr 3e-3 "$@"; }
# part FOLDER WHAT: prints the digest of its policy, critic or state.
part() {
  case $2 in
    policy) md5sum < "$1/model.safetensors" ;;
    critic) md5sum < "$1/critic/model.safetensors" ;;
    state) md5sum < "$1/trainer/state.json" ;;
  esac
}
# changes WHAT BASE OPTION...: with the options of BASE, a quoted list, the further options change WHAT.
changes() {
  changes_what=$1 changes_base=$2
  shift 2
  changes_folder=base.$(echo "$changes_base" | tr -cd 'a-z0-9.-')
  # shellcheck disable=SC2086
  [ -d "$changes_folder" ] || step $changes_base "$in" -o "$changes_folder"
  rm -rf with
  # shellcheck disable=SC2086
  step $changes_base "$@" "$in" -o with
  part "$changes_folder" "$changes_what" > x
  part with "$changes_what" > y
  differ x y
}
while read -r what base options; do
  [ -n "$what" ] || continue
  base=$(echo "$base" | tr '_' ' ' | sed 's/^none$//')
  # shellcheck disable=SC2086
  ok "${base:+$base: }$options changes the $what" changes "$what" "$base" $options
done <<'EOF'
policy none --objective kl
policy none --objective is
policy --objective_kl --objective is
policy none --objective cispo
policy --objective_cispo --clip 0.01
policy --objective_cispo --clip-high 0.01
policy none --dual-clip 1.0001
policy none --loss-mean sequences
critic none --loss-mean sequences
policy none --loss-mean constant --loss-constant 5
critic none --loss-mean constant --loss-constant 5
policy --loss-mean_constant_--loss-constant_5 --loss-constant 50
policy --kl-loss_0.5 --kl-loss-kind k2
policy none --clip 0.01
policy none --clip-high 0.01
critic none --c1 0.5
policy none --c2 0.1
critic none --value-clip 0.001
critic none --value-clip -1
policy none --kl-loss 0.5
policy --objective_kl --policy-kl k3
policy --objective_kl --policy-beta 5
state --objective_kl --policy-kl-control halving
state --objective_kl_--policy-kl-control_halving --policy-kl-target 100
policy none --kl-beta 0.7
state none --kl-control adaptive
state --kl-control_adaptive --kl-target 2
state --kl-control_adaptive --kl-horizon 77
policy none --gamma 0.7
critic none --gamma 0.7
policy none --lambda 0.3
critic none --lambda 0.3
policy none --no-whiten
policy none --whiten-rewards
policy none --epochs 3
critic none --epochs 3
policy none --minibatch 24
policy none --lr 1e-3
critic none --critic-lr 1e-3
policy none --beta1 0.5
critic none --beta1 0.5
policy none --beta2 0.9
critic none --beta2 0.9
policy none --eps 1e-2
critic none --eps 1e-2
policy none --weight-decay 0.1
critic none --weight-decay 0.1
policy none --max-norm 0.01
policy none --max-norm 0
policy none --target-kl 1e-9
policy none --schedule linear --iterations 4 --warmup 1
policy none --warmup 1
critic none --warmup 1
policy --warmup_1 --warmup 2
policy none --critic-warmup 1
policy none --seed 1
EOF
first=$(ls -d base.* | head -n 1)
mv "$first" all

shared() {
  ppo-step -q --policy "$TINY/p0" --critic shared --lr 3e-3 --epochs 2 --minibatch 10 "$in" -o shared
  differ shared/model.safetensors all/model.safetensors
}
ok "--critic shared changes the policy" shared
still() { cmp "$TINY/p0/model.safetensors" still/model.safetensors; }
lr_0() { step --lr 0 "$in" -o still; still; }
ok "--lr 0 leaves the policy as it is" lr_0
critic_lr_0() {
  step --critic-lr 0 "$in" -o c1
  step --critic-lr 0 --epochs 1 "$in" -o c2
  cmp c1/critic/model.safetensors c2/critic/model.safetensors
}
ok "--critic-lr 0 leaves the critic as it is" critic_lr_0
one_update() {
  reinforce --metrics u.jsonl "$in" -o r1
  differ all/model.safetensors r1/model.safetensors
  holds u.jsonl '.[0] | .["ppo/updates"] == 1 and .["val/ratio"] == 1'
}
ok "reinforce is one update of all trajectories" one_update
# The run of one_update: the provenance says what was given, not what the objective stands for.
recorded() { grep -q 'no-whiten=false' r1/trainer/provenance.json; }
ok "reinforce leaves --no-whiten as it was given in the provenance" recorded
says_a_folder() { ppo-step --completion zsh | grep -qF '[model folder to write; with --dry-run the output file]:FILE:'; }
ok "-o of ppo-step is a model folder, or a file with --dry-run" says_a_folder
no_critic() { [ ! -e r1/critic ]; }
ok "reinforce needs no critic and makes none" no_critic
changes_reinforce() {  # each is read, so none of them is misuse
  rm -rf rc
  reinforce "$@" "$in" -o rc
  differ r1/model.safetensors rc/model.safetensors
}
for option in --baseline "--gamma 0.7" "--kl-beta 0.7" "--c2 0.1" "--kl-loss 0.5" --whiten-rewards "--max-norm 0.01" \
              "--eps 1e-2" "--weight-decay 0.1" "--groups 2" "--seed 1"; do
  # shellcheck disable=SC2086
  ok "$option changes the policy of reinforce" changes_reinforce $option
done
too_far_for_reinforce() {  # samples of another policy may be beyond it
  jq -c '.logprobs |= map(. - 1)' "$in" > older.jsonl
  refused 65 'approxkl is beyond --target-kl before the first update' \
    reinforce --off-policy --target-kl 0.1 older.jsonl -o older
}
ok "reinforce reads --target-kl of another policy's samples" too_far_for_reinforce
unclipped() {
  step --clip 0.999999 --clip-high 1e20 "$in" -o wide
  step --objective is "$in" -o is
  cmp wide/model.safetensors is/model.safetensors
}
ok "a clip that binds nothing is plain importance sampling" unclipped
no_penalty() {
  step --objective kl --policy-beta 0 --policy-kl k3 "$in" -o free
  cmp free/model.safetensors is/model.safetensors
}
ok "a penalty of weight 0 is plain importance sampling" no_penalty
beta_0() {
  jq -c 'del(.ref_logprobs)' "$in" > noref.jsonl
  step --kl-beta 0 noref.jsonl -o k0
  step --kl-beta 0 "$in" -o k1
  cmp k0/model.safetensors k1/model.safetensors
}
ok "--kl-beta 0 works without ref_logprobs, and does not use them" beta_0
early() {
  step --target-kl 1e-9 --metrics m.jsonl "$in" -o early
  holds m.jsonl '.[0]["ppo/stopped_early"] == 1 and .[0]["ppo/updates"] < 6'
  step --target-kl 1e9 --metrics n.jsonl "$in" -o late
  holds n.jsonl '.[0]["ppo/stopped_early"] == 0 and .[0]["ppo/updates"] == 6'
}
ok "--target-kl stops the passes early" early
too_early() {
  jq -c '.logprobs |= map(. - 1)' "$in" > far.jsonl
  refused 65 'approxkl is beyond --target-kl before the first update' step --off-policy --target-kl 0.1 far.jsonl -o far
  [ ! -e far ]
}
ok "--target-kl before the first update is an error" too_early
while read -r word options; do
  # shellcheck disable=SC2086
  ok "$options: $word would be unread" unread "$word" $options
done <<'EOF'
--baseline --baseline
--clip --objective kl --clip 0.1
--clip-high --objective is --clip-high 0.1
--policy-kl --policy-kl k3
--policy-beta --policy-beta 2
--policy-kl-control --policy-kl-control halving
--policy-kl-target --objective kl --policy-kl-target 0.1
--c1 --objective reinforce --c1 0.1
--value-clip --objective reinforce --value-clip 0.1
--critic-init --critic shared --critic-init rm
--critic-lr --critic shared --critic-lr 1e-3
--kl-target --kl-target 3
--kl-target --kl-control fixed --kl-target 3
--kl-horizon --kl-horizon 500
--kl-horizon --kl-control fixed --kl-horizon 500
--epochs --objective reinforce --epochs 4
--minibatch --objective reinforce --minibatch 8
--critic --objective reinforce --critic shared
--critic --objective reinforce --critic own
--critic-init --objective reinforce --critic-init rm
--critic-lr --objective reinforce --critic-lr 1e-3
--lambda --objective reinforce --lambda 0.9
--no-whiten --objective reinforce --no-whiten
--target-kl --objective reinforce --target-kl 0.1
--clip --objective reinforce --clip 0.1
--iterations --iterations 4
--iterations --schedule constant --iterations 4
--critic-warmup --objective reinforce --critic-warmup 1
--warn-clip --objective kl --warn-clip 0.1
EOF
shared_beats_own() {
  expect_status 64 ppo-step --policy "$TINY/p0" --objective trpo "$in" -o x
  expect_misuse
  expect_stderr 'clip.*kl.*is.*reinforce'
}
ok "an objective of another name is misuse" shared_beats_own
