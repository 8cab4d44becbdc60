# --tensorboard: event files with the metrics and some answers, read by an independent parser.
. "$ROOT/tests/tools/tiny.inc"
needs python3 ppo-step
in=$TINY/scored.jsonl name=events.out.tfevents.0.nudge
events() { python3 "$ROOT/tests/io/read_events.py" "$1/$name"; }
# What TensorBoard shows of a file: a start drops what stands there from its step on.
shown() {
  events "$1" | jq -cs 'reduce .[] as $e ([]; if $e.start != null then map(select(.step < $e.start)) else . + [$e] end)
    | map(select(has("step"))) | .[] | del(.time)'
}
# same_as_lines FOLDER FILE STEP: each line of metrics is an event, with all its numbers in single precision but STEP's.
same_as_lines() {
  shown "$1" | jq -c 'select(has("scalars"))' > curves
  jq -es --slurpfile lines "$2" --arg step "$3" '
    def close($a; $b): ($a - $b | fabs) <= ($b | fabs) * 6e-8 + 1e-44;
    ($lines | map(with_entries(select(.value != null and .key != "eps")))) as $lines
    | length == ($lines | length) and length > 0
      and ([., $lines] | transpose | all(. as [$e, $l] | $e.step == $l[$step]
        and (($e.scalars | del(.eps) | keys) == ($l | del(.step, .iteration, .update, .warnings, .time, .config) | keys))
        and all($e.scalars | del(.eps) | to_entries[]; close(.value; $l[.key]))))' curves > /dev/null ||
    { head -c 1500 curves; head -c 1500 "$2"; return 1; }
}
sft() {
  sft-train -q --init "$TINY/base" --batch 16 --held-out "$TINY/texts.jsonl" "$TINY/answers.jsonl" "$@"
}
of_sft() {
  sft -o f1 --metrics f.m --tensorboard logs/f
  [ "$(ls logs/f)" = $name ]
  [ "$(events logs/f | head -n 2 | jq -c .)" = '{"version":"brain.Event:2"}
{"start":0}' ]
  same_as_lines logs/f f.m step
  sft -o f2
  diff -r f1 f2
}
of_rm() {
  rm-train -q --init "$TINY/base" --batch 8 --held-out "$TINY/pairs.jsonl" "$TINY/pairs.jsonl" -o r1 \
    --metrics r.m --tensorboard logs/r
  same_as_lines logs/r r.m step
  holds r.m 'any(.[]; any(.[]; . == null))'  # has no value, and no event
}
step() { ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --epochs 2 --minibatch 10 "$@"; }
# A second iteration, on answers of the first one's policy.
second() {
  [ -e second.jsonl ] || rollout -q --policy p1 -n 4 --max-tokens 8 "$TINY/prompts.jsonl" |
    score -q --reward-model "$TINY/rm" --ref "$TINY/base" > second.jsonl
  ppo-step -q --policy p1 --epochs 2 --minibatch 10 second.jsonl "$@"
}
of_ppo() {
  begin=$(date +%s)
  step --metrics p.m --tensorboard logs/p "$in" -o p1
  second --metrics p.m --tensorboard logs/p -o p2
  same_as_lines logs/p p.m iteration
  [ "$(shown logs/p | jq -r 'select(has("scalars")).step' | tr '\n' ' ')" = '0 1 ' ]
  [ "$(ls logs/p)" = $name ]
  end=$(date +%s)
  events logs/p | jq -es --argjson a "$begin" --argjson b "$end" 'all(.[] | select(has("time"));
    .time >= $a and .time <= $b + 1)' > /dev/null
}
samples() {  # the first four by id: prompt, response and reward, which markdown shows as they are
  shown logs/p | jq -c 'select(has("text")).text' > texts
  [ "$(wc -l < texts)" = 2 ]
  head -n 1 texts | jq -c '.samples' > got
  jq -cs 'def plain: gsub("(?<c>[\\\\`*_{}\\[\\]()#+.!|-])"; "\\" + .c) | gsub("&"; "&amp;") | gsub("<"; "&lt;")
      | gsub(">"; "&gt;") | gsub("\n"; "  \n") | gsub("(?<a>^|\n| |&nbsp;) "; .a + "&nbsp;");
    [["**prompt**", "**response**", "**reward**"]] + (sort_by(.id) | .[:4] | map([.prompt, .response] | map(plain)))' \
    "$in" > want
  jq -n --slurpfile got got --slurpfile want want '$got[0] | map(.[:2])' > a
  jq -n --slurpfile want want '$want[0] | map(.[:2])' | cmp - a || { cat got want; return 1; }
  jq -es --slurpfile got got 'sort_by(.id) | .[:4] | map(.reward) | [., ($got[0][1:] | map(.[2] | gsub("\\\\"; "")
    | tonumber))] | transpose | all(.[0] - .[1] | fabs < 1e-6)' "$in" > /dev/null
}
no_texts() {  # answers of ids alone have none
  jq -c 'del(.response, .prompt)' "$in" > ids.jsonl
  step --tensorboard logs/i ids.jsonl -o i1
  [ "$(shown logs/i | jq -c 'has("scalars")' | tr '\n' ' ')" = 'true ' ]
}
long_texts() {
  jq -c '.prompt = "ä" * 5000' "$in" > long.jsonl
  step --dry-run --tensorboard logs/l long.jsonl > dry.jsonl
  shown logs/l | jq -es '.[0].text.samples[1][0] | length == 2001 and endswith("ä…")' > /dev/null
  step --dry-run --metrics l.m long.jsonl > dry2.jsonl
  cmp dry.jsonl dry2.jsonl
}
updates() {
  rm -rf p1 p2 second.jsonl
  step --metrics u.m --metrics-every update --tensorboard logs/u "$in" -o p1
  second --metrics-every update --tensorboard logs/u -o p2
  [ "$(shown logs/u/updates | jq .step | tr '\n' ' ')" = '1 2 3 4 5 6 7 8 9 10 11 12 ' ]
  jq -c 'select(has("update"))' u.m > lines
  shown logs/u/updates | head -n 6 | jq -es --slurpfile l lines '[., $l] | transpose | all(.[0].step == .[1].update
    and (.[0].scalars["loss/total"] - .[1]["loss/total"] | fabs) < 1e-6)' > /dev/null
  [ "$(shown logs/u | jq 'select(has("scalars")).step' | tr '\n' ' ')" = '0 1 ' ]
  [ ! -e logs/p/updates ]
}
every_of_nothing() { refused 64 'metrics or --tensorboard' step --metrics-every update "$in" -o no; [ ! -e no ]; }
again() {  # a run that is made again is shown once; so is one that was killed within an event
  sft -o g1 --metrics g.m --tensorboard logs/g
  shown logs/g > once
  sft -o g2 --tensorboard logs/g
  shown logs/g | cmp - once
  size=$(wc -c < logs/g/$name)
  head -c $((size - 7)) logs/g/$name > short && cat short > logs/g/$name
  sft -o g3 --tensorboard logs/g
  shown logs/g | cmp - once
}
resumed() {  # what a killed run logged after its last checkpoint is dropped
  sft -o h1 --tensorboard logs/h1
  strace -f -qq -o trace -P "$PWD/logs/h2/$name" -e trace=write -e inject=write:signal=KILL:when=7 \
    sft-train -q --init "$TINY/base" --batch 16 --held-out "$TINY/texts.jsonl" "$TINY/answers.jsonl" --save-every 2 \
    -o h2 --tensorboard logs/h2 2> err || :
  [ ! -e h2 ]
  events logs/h2 | tail -n 1 | jq -e '.step >= 3' > /dev/null
  sft -o h2 --save-every 2 --tensorboard logs/h2
  events logs/h2 | jq -c 'select(has("start"))' | tail -n 1 | jq -e '.start == 3' > /dev/null
  shown logs/h1 > want
  shown logs/h2 | cmp - want
}
in_output() {
  for folder in no no/logs ./no/x/y; do
    refused 64 'is in the output no' sft -o no --tensorboard $folder
    [ ! -e no ]
  done
}
no_folder() {
  echo > file
  refused 73 '^sft-train: error: file/logs: ' sft -o no --tensorboard file/logs
  mkdir -p logs/bad && echo words > logs/bad/$name
  refused 73 "logs/bad/$name: is no event file" sft -o no --tensorboard logs/bad
  [ ! -e no ]
}
too_large() {  # the first event has room, the metrics have not
  status=0
  (ulimit -f 1; step --dry-run --tensorboard logs/full "$in" > /dev/null 2> err) || status=$?
  [ "$status" = 74 ]
  grep -q "^ppo-step: error: logs/full/$name: " err || { cat err; return 1; }
}
nothing_to_do() {
  sft -o f1 --tensorboard logs/f 2> err
  expect_stderr '^sft-train: warning: logs/f: no metrics were written, because nothing was computed; --force writes f1 again'
}

ok "sft-train: its metrics by steps, and the same folder as without" of_sft
ok "rm-train: the same, and nothing where a metric has no value" of_rm
ok "ppo-step: by iterations, in one file" of_ppo
ok "ppo-step: some answers of each iteration" samples
ok "answers without text are no samples" no_texts
ok "long texts are cut, and the records are not" long_texts
ok "--metrics-every update: updates in a folder of their own, counted through the iterations" updates
ok "it needs a place for metrics" every_of_nothing
ok "a run made again is shown once" again
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"  # leaks are not looked for under strace
! strace -qq -o /dev/null true 2> /dev/null || ok "a run that was killed and resumed is shown once" resumed
ok "a folder within the output is misuse, and nothing is made" in_output
ok "a folder that can't be made is 73, before any work" no_folder
ok "a full disk is told" too_large
ok "where nothing is computed, it is told that no metrics were written" nothing_to_do
