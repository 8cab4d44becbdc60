# Progress on a terminal, with a total where the input tells it, and the rate of the tokens in the last line. The first
# line is drawn at once, others at most five times a second, so only patterns that any of them has are looked for.
. "$ROOT/tests/tools/tiny.inc"
needs script ppo-step kl-report
scored=$TINY/scored.jsonl prompts=$TINY/prompts.jsonl
score -q --ref "$TINY/base" "$scored" -o all.jsonl.zst
head -n 9 "$scored" > some.jsonl
jq -c ".id += \"-again\"" some.jsonl > others.jsonl
# shows PATTERN COMMAND...: on a terminal.
shows() {
  shows_pattern=$1
  shift
  on_terminal "$@" > screen
  grep -Eq -e "$shows_pattern" screen || { cat -v screen; return 1; }
}
ok "score: the lines of a plain file" shows '[0-9]+ of 24 records \([0-9]+%\)' score --ref "$TINY/base" "$scored" -o s1
ok "the mark of a compressed one" shows ' of 24 records \(' score --ref "$TINY/base" all.jsonl.zst -o s2
ok "several files" shows ' of 33 records \(' score --ref "$TINY/base" all.jsonl.zst others.jsonl -o s3
ok "a shard's part" shows ' of 5 records \(' score --ref "$TINY/base" --shard 0/2 some.jsonl -o s4
ok "rollout: trajectories, and the tokens" shows ' of 24 trajectories \(.*[0-9] tokens' \
  rollout --policy "$TINY/p0" -n 4 --max-tokens 8 --slots 1 "$prompts" -o r1
ok "kl-report" shows ' of 24 responses \(' kl-report --old "$TINY/base" --new "$TINY/p0" "$scored" -o k1
ok "and its report" shows ' of 24 responses \(' kl-report "$scored"
# shellcheck disable=SC2086
step="ppo-step --policy $TINY/p0 --critic-init $TINY/rm --minibatch 10 --epochs 2 $scored"
ok "ppo-step: updates, and the loss" shows '[0-9] of 6 updates \([0-9]+%\).*, loss -?[0-9]' $step -o p1
ok "and what it reads, by --records" shows ' of 24 trajectories \(' $step --records 24 -o p2
no_total() {  # a stream has none
  cat "$scored" | score --ref "$TINY/base" -o s5 2> err
  expect_stderr '^score: 24 records, '
}
ok "a stream has no total" no_total
rate() { expect_status 0 "$@"; expect_stderr ', [0-9.]+ s \([0-9.]+ tokens/s\)$'; }
ok "rollout ends with tokens/s" rate rollout --policy "$TINY/p0" --max-tokens 4 "$prompts"
ok "score does" rate score --ref "$TINY/base" "$scored"
ok "score of pairs does" rate score --reward-model "$TINY/rm" "$TINY/pairs.jsonl"
ok "ppo-step does" rate $step -o p3
ok "kl-report does" rate kl-report "$scored"
ok "kl-report -o does" rate kl-report --old "$TINY/base" --new "$TINY/p0" "$scored" -o k2
ok "sft-train does" rate sft-train --init "$TINY/base" "$TINY/texts.jsonl" -o f1
ok "rm-train does" rate rm-train --init "$TINY/base" "$TINY/pairs.jsonl" -o f2
plain() { on_terminal env TERM=dumb score --ref "$TINY/base" "$scored" -o s6 > screen; ! grep -q 'of 24 records' screen; }
ok "TERM=dumb: no line is overwritten" plain
no_time() { ! grep -rqE 'tokens/s' p3 f1 f2 k2; }
ok "no file holds a rate" no_time
