# Adam's moments, which only the next step reads: left out of the output, or removed when that step is done.
. "$ROOT/tests/tools/resume/cut.inc"
in=$TINY/scored.jsonl
first() { $under ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --epochs 1 --minibatch 10 "$in" "$@"; }
first -o p1
rollout -q --policy p1 -n 4 --max-tokens 8 "$TINY/prompts.jsonl" |
  score -q --reward-model "$TINY/rm" --ref "$TINY/base" > next.jsonl
# second POLICY [OPTION...]: the step after the first.
second() { policy=$1; shift; $under ppo-step -q --policy "$policy" --epochs 1 --minibatch 10 next.jsonl "$@"; }
second p1 -o p2

left_out() {
  first --no-moments -o n1
  diff -r -x '*optimizer.safetensors' -x provenance.json p1 n1
  [ "$(ls n1/trainer | tr '\n' ' ')" = 'provenance.json state.json ' ]
  second n1 -o n2
  differ n2/model.safetensors p2/model.safetensors
  cp -r p1 f1 && rm f1/trainer/*optimizer.safetensors
  second f1 -o f2
  diff -r n2 f2
}
ok "--no-moments leaves them out, and the next step begins with fresh ones" left_out
other_output() { refused 73 'n1: exists already, from other inputs or options' first -o n1; }
ok "an output without them is another one" other_output
handed_on() {
  ppo-step -q --policy p1 --objective reinforce --no-moments next.jsonl -o h
  [ -f h/critic/model.safetensors ]
  [ ! -e h/trainer/critic-optimizer.safetensors ]
}
ok "--no-moments hands on no critic's either" handed_on

shed() {
  cp -r p1 s1
  second s1 --shed-moments -o s2
  diff -r p2 s2
  [ "$(ls s1/trainer | tr '\n' ' ')" = 'critic-optimizer.shed optimizer.shed provenance.json state.json ' ]
  diff -r -x trainer p1 s1
  for option in '' --shed-moments; do
    expect_status 0 ppo-step --policy s1 --epochs 1 --minibatch 10 $option next.jsonl -o s2
    expect_stderr 's2: exists already, from the same inputs and options'
  done
}
ok "--shed-moments removes those of the policy; the same command still finds its output" shed
another_step() {
  refused 65 's1/trainer/optimizer.safetensors: was removed by --shed-moments' second s1 --seed 3 -o other
  expect_stderr 'hint: .*remove s1/trainer/optimizer.shed to start with a fresh optimizer'
  second s1 --dry-run -o dry.jsonl
  rm s1/trainer/*.shed
  second s1 --seed 3 -o other
}
ok "another step from there is refused, until it is to begin anew" another_step
nothing_there() {
  cp -r "$TINY/p0" b0
  ppo-step -q --policy b0 --critic-init "$TINY/rm" --epochs 1 --minibatch 10 --shed-moments "$in" -o b1
  diff -r p1 b1
  diff -r b0 "$TINY/p0"
}
ok "a policy without moments stays as it is" nothing_there
new_adapter() {
  cp -r p1 a1
  ppo-step -q --policy a1 --lora-rank 2 --epochs 1 --shed-moments next.jsonl -o a2
  cmp p1/trainer/optimizer.safetensors a1/trainer/optimizer.safetensors
  [ ! -e a1/trainer/critic-optimizer.safetensors ]
}
ok "those of a whole model are none that a new adapter has read" new_adapter
killed() {  # CALL N, while they are removed: what is left of them is found by the same command
  rm -rf k1 k2 && cp -r p1 k1
  cut KILL "$1" "$2" second k1 --shed-moments -o k2
  [ "$status" != 0 ]
  diff -r p2 k2
  second k1 --shed-moments -o k2 2> err
  [ ! -e k1/trainer/optimizer.safetensors ]
  [ ! -e k1/trainer/critic-optimizer.safetensors ]
  nothing_left k2
}
kills() { for n in 1 2; do killed rename $n && killed unlink $n; done; }
ok "killed meanwhile, the same command goes on" kills
kept() {
  rm -rf k1 k2 && cp -r p1 k1
  strace -f -qq -o trace -e trace=unlink -P k1/trainer/optimizer.safetensors -e inject=unlink:error=EACCES \
    ppo-step -q --policy k1 --epochs 1 --minibatch 10 --shed-moments next.jsonl -o k2 2> err
  expect_stderr "^ppo-step: warning: k1/trainer/optimizer.safetensors: can't be removed: Permission denied"
  diff -r p2 k2
}
ok "where they can't be removed, a warning tells" kept
training() { for o in --no-moments --shed-moments; do expect_status 64 second p1 --dry-run $o -o d; done; }
ok "both are for training" training
