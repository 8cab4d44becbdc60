# Warnings of what is not healthy, and --strict.
. "$ROOT/tests/tools/tiny.inc"
in=$TINY/scored.jsonl
step() {
  ppo-step --policy "$TINY/p0" --critic-init "$TINY/rm" --lr 1e-4 --critic-lr 1e-4 --epochs 2 --minibatch 10 "$@"
}
# warned PATTERN [OPTION...] FILE: a warning, status 0; and with --strict 65 and no output. The same figures without the
# warning where `without` names an option.
warned() {
  warned_pattern=$1
  shift
  rm -rf fine
  expect_status 0 step "$@" -o fine
  expect_stderr "^ppo-step: warning: .*$warned_pattern"
  [ -s fine/model.safetensors ]
  expect_status 65 step --strict --save-every 1 "$@" -o strict
  expect_stderr "^ppo-step: warning: .*$warned_pattern"
  expect_stderr '^ppo-step: error: [0-9]+ warnings?, and --strict was given: nothing is written$'
  [ "$(ls -A | grep -c strict)" = 0 ] || { ls -A; return 1; }
}
quiet() {
  rm -rf fine
  expect_status 0 step --strict "$@" -o fine
  expect_no_warning
}
# with FILTER: the records, changed.
with() { jq -c "$1" "$in" > with.jsonl; }

healthy() { quiet "$in"; }
ok "a healthy step has no warning" healthy
destroyed() {
  warned "the (step's KL|updates' approxkl) is [0-9.e+]+ nats a token .--warn-kl 0.1.: .*lower --lr" --lr 3 "$in"
  differ "$TINY/p0/model.safetensors" fine/model.safetensors
}
ok "--lr 3, which destroys the policy" destroyed
destroyed_by_one_update() {  # whose approxkl is 0
  rm -rf one
  expect_status 0 ppo-step --policy "$TINY/p0" --objective reinforce --lr 3 "$in" -o one
  expect_stderr "warning: the step's KL is "
  expect_status 65 ppo-step --policy "$TINY/p0" --objective reinforce --lr 3 --strict "$in" -o none
  [ ! -e none ]
}
ok "--lr 3 in the one update of reinforce" destroyed_by_one_update
kl_bound() {
  warned "(KL|approxkl) is .*--warn-kl 1e-09" --warn-kl 1e-9 "$in"
  rm -rf fine
  expect_status 0 step --lr 3 --warn-kl 0 --warn-clip 1 --strict "$in" -o fine
}
ok "--warn-kl moves that bound, and 0 takes it away" kl_bound
kl_is_measured() {  # the KL of the step: k3 of the samples under the policy written
  expect_status 0 step --lr 3e-3 --warn-kl 0 --metrics kl.m "$in" -o moved
  score -q --ref moved "$in" > moved.jsonl
  jq -es --slurpfile old "$in" --slurpfile m kl.m '
    ([[.[].ref_logprobs[]], [$old[].logprobs[]]] | transpose | map(.[0] - .[1] | (. | exp) - 1 - .) | add / length) as $k3
    | $m[0]["policy/kl_step"] / $k3 - 1 | fabs < 1e-4' moved.jsonl
}
ok "it is k3 of the samples under the policy that was written" kl_is_measured
clipped() {
  warned 'the ratio was clipped at [0-9.]+% of the tokens .--warn-clip 0.01' --clip 1e-7 --clip-high 1e-7 --warn-clip 0.01 "$in"
  quiet --clip 1e-7 --clip-high 1e-7 --warn-clip 1 "$in"
}
ok "clipped, beyond --warn-clip" clipped
all_cut() { with '.finish = "length"'; warned 'all answers were cut off by the length limit' with.jsonl; }
ok "all answers cut" all_cut
equal() {
  with 'if (.id | startswith("film") or startswith("play")) then . else .reward = 1 end'
  warned 'the same reward in 4 of 6 groups' with.jsonl
  quiet --warn-equal 0.7 with.jsonl
  warned '4 of 6 groups.*--warn-equal 0.6' --warn-equal 0.6 with.jsonl
}
ok "equal rewards, beyond --warn-equal" equal
no_advantage() {
  with '.reward = 0'
  expect_status 65 ppo-step --policy "$TINY/p0" --objective reinforce --kl-beta 0 --strict with.jsonl -o strict
  expect_stderr 'warning: all advantages are 0'
  [ ! -e strict ]
}
ok "no advantage" no_advantage
off_policy() {
  with '.logprobs |= map(. - 0.01)'
  warned 'the first ratio is not 1 but 1.01[0-9]* to 1.01[0-9]*: the samples are not' --off-policy with.jsonl
  expect_status 0 step --strict --off-policy --correct truncate with.jsonl -o corrected
}
ok "another policy's samples" off_policy
hot() {
  jq -c 'if .id == "film/0" then .temperature = 2 else . end' "$in" > with.jsonl
  warned 'sampled at different temperatures, 1 to 2' --off-policy with.jsonl
}
ok "several temperatures" hot
one_token_for_both() {
  cp -r "$TINY/p0" padded
  jq '.pad_token_id = .eos_token_id' "$TINY/p0/config.json" > padded/config.json
  expect_status 0 step --policy padded "$in" -o p.out
  expect_stderr "warning: the policy's folder names one token as end and as padding"
  expect_status 65 step --policy padded --strict "$in" -o p.strict
}
ok "one token for end and padding" one_token_for_both
entropy() {
  step -q "$in" -o p1
  rollout -q --policy p1 -n 4 --max-tokens 8 "$TINY/prompts.jsonl" |
    score -q --reward-model "$TINY/rm" --ref "$TINY/base" > next.jsonl
  next() { expect_status "$1" ppo-step --policy p2 --lr 1e-4 --critic-lr 1e-4 --strict "$2" "$3" next.jsonl -o e; }
  rm -rf p2 e && cp -r p1 p2
  next 0 --warn-entropy 2
  for factor in 2.5 0.4; do
    rm -rf p2 e && cp -r p1 p2
    jq ".entropy *= $factor" p1/trainer/state.json > p2/trainer/state.json
    next 65 --warn-entropy 2
    expect_stderr "warning: the samples' entropy is [0-9.]+ nats a token, the last iteration's was [0-9.]+"
    next 0 --warn-entropy 4
    rm -rf e
    next 0 --warn-entropy 0
  done
}
ok "an entropy far from the last iteration's, by --warn-entropy" entropy
entropy_is_kept() {  # nats a token, of the samples
  step -q --metrics e.m "$in" -o kept
  jq -e --slurpfile m e.m --slurpfile s "$in" '.entropy as $kept
    | $m[0]["objective/entropy"] * ($s | length) / ([$s[].logprobs | length] | add) / $kept - 1 | fabs < 1e-9' \
    kept/trainer/state.json
}
ok "the state keeps the entropy" entropy_is_kept
before_training() {  # known before, so no update is made
  with '.finish = "length"'
  rm -f none.m
  expect_status 65 step --strict --metrics none.m --metrics-every update with.jsonl -o strict
  [ ! -s none.m ]
}
ok "--strict costs no training where the samples tell" before_training
dry() {
  with '.finish = "length"'
  expect_status 0 step --dry-run with.jsonl
  expect_stderr 'warning: all answers were cut'
  expect_status 65 step --dry-run --strict with.jsonl
  [ ! -s out ]
}
ok "--dry-run warns of the samples as well" dry
misuse() { expect_status 64 step "$@" "$in" -o no; expect_misuse; }
ok "--warn-clip where nothing clips is misuse" misuse --objective is --warn-clip 0.5
cispo() { warned 'the ratio was clipped at' --objective cispo --clip 1e-7 --clip-high 1e-7 --warn-clip 0.01 "$in"; }
ok "cispo clips, too" cispo
ok "a factor below 1 is misuse" misuse --warn-entropy 0.5
ok "--warn-kl of a dry run is misuse" misuse --dry-run --warn-kl 1
ok "--warn-clip of a dry run is misuse" misuse --dry-run --warn-clip 0.1

tally() {
  expect_status 0 step --metrics t.m "$in" -o tally
  expect_stderr '^ppo-step: 24 trajectories, [0-9,]+ tokens, reward -?[0-9.]+ \+- [0-9.]+, KL to the reference -?[0-9.]+ \+- [0-9.]+, entropy [0-9.]+ \+- [0-9.]+, explained variance -?[0-9.e-]+, approxkl [0-9.e-]+, clip fraction [0-9.e-]+, step.s KL [0-9.e-]+, first ratio min 1 max 1, [0-9.]+ s \([0-9.]+ tokens/s\)$'
  reward=$(sed -n 's/^ppo-step: 24 .*, reward \([-0-9.]*\) +- .*/\1/p' err)
  error=$(sed -n 's/^ppo-step: 24 .*, reward [-0-9.]* +- \([0-9.]*\), .*/\1/p' err)
  jq -es "map(.reward) | length as \$n | (add / \$n) as \$m | (map(. - \$m | . * .) | add / (\$n - 1) / \$n | sqrt) as \$e
    | (\$m - $reward | fabs) <= \$e / 19 and (\$e / $error - 1 | fabs) < 0.05" "$in"
}
ok "the tally has the figures, with the digits that their errors allow" tally
