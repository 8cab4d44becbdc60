# docs/real-model.sh as a whole with a small model, offline: its loop evaluates and keeps the best policy, ends in the
# same bytes however it is killed, and leaves nothing else. The downloads are stand-ins.
needs jq awk bash zstd flock rollout
. "$ROOT/tests/tools/goldens.inc"
script=$ROOT/docs/real-model.sh
export OMP_NUM_THREADS=1 DTYPE=f32 PAIRS=10 PROMPTS=3 ANSWERS=2 MAX_TOKENS=10 ANSWER_CHARS=200 ITERATIONS=2 EVERY=2 \
  HELD_PROMPTS=4 HELD_ANSWERS=2 FINAL_PROMPTS=4 HELD_PAIRS=8 MISSING_END=keep RM_LR=1e-3 SFT_LR=1e-4 LR=3e-4 CRITIC_LR=2e-3 \
  MINIBATCH=4 TRIAL=4
export LC_ALL=C

# Pairs: of two answers the one with more sentences' ends, and with equal ones the longer.
data() {
  set_story
  export MODEL="$story" DATA="$PWD/data"
  mkdir -p data
  jq -nc '("Tom", "Ann", "Ben", "Mia", "Sam", "Mom") as $who | ("dog", "cat", "hat", "girl", "boy", "ball") as $what
    | {prompt: "\($who) saw a \($what)"}' > asked
  rollout -q --policy "$story" -n 2 --max-tokens 12 asked |
    jq -cs 'group_by(.group)[] | sort_by([.response | scan("[.!?]")] | length)
      | {prompt: .[0].prompt, chosen: .[1].response, rejected: .[0].response}' > pairs
  sed 1,28!d pairs > data/train.jsonl
  sed 29,36!d pairs | zstd -q -o data/test.jsonl.zst
}
with_goldens data

# All that a run makes is in these; what depends on the clock is in estimate, in run.html and in two fields of metrics.
same_run() {  # FOLDER FOLDER
  for folder in "$1" "$2"; do (cd "$folder" && find . -mindepth 1 | sort) > "$folder.list"; done
  expect_same "$1.list" "$2.list"
  diff -r -x estimate -x 'run.html' -x 'metrics*' "$1" "$2"
  for file in "$1"/metrics*; do
    for folder in "$1" "$2"; do jq -cS 'del(.eps, .time)' "$folder/${file##*/}" > "$folder.metrics"; done
    expect_same "$1.metrics" "$2.metrics"
  done
}

whole() {
  bash "$script" whole > said 2> told || { cat said told; return 1; }
  number='-?[0-9]+\.[0-9]+'
  [ "$(grep -cE "^[0-9]+ +$number +$number +$number +$number +$number +[0-9]+$" said)" = 2 ]
  [ "$(awk '$1 ~ /^[0-9]+$/ { printf "%s ", $1 }' said)" = '0 2 ' ]
  # Each row, from its file.
  for k in 0 2; do
    jq -rs '(map((.logprobs | add) - (.ref_logprobs | add)) | add / length) as $kl
      | [(map(.reward) | add / length), (map(.judge) | add / length), $kl, (map(.judge) | add / length) - 0.05 * $kl,
         (map(select(.finish == "stop")) | length) / length] | @tsv' "whole/held-$k.jsonl" > row
    set -- $(awk -v k=$k '$1 == k' said)
    near_shown "$2" "$(cut -f 1 row)"
    near_shown "$3" "$(cut -f 2 row)"
    near_shown "$4" "$(cut -f 3 row)"
    near_shown "$5" "$(cut -f 4 row)"
    near_shown "$6" "$(cut -f 5 row)"
  done
}
ok "it runs to its table, whose numbers are those of the answers" whole
best_is_kept() {
  best=$(awk '$1 ~ /^[0-9]+$/ { print $5, -$1 }' said | sort -g | tail -n 1 | cut -d ' ' -f 2 | tr -d -)
  rollout -q --policy whole/best --max-tokens 1 whole/held.jsonl | head -n 1 | jq -r .policy > a
  jq -r .policy "whole/held-$best.jsonl" | sort -u | expect_same a -
  [ ! -e whole/best/critic ]
  [ ! -e whole/best/trainer ]
  [ "$(jq -r .policy whole/held-*[0-9].jsonl | sort -u | wc -l)" = 2 ]
}
ok "the best policy by held-out evaluation is kept, without critic and moments" best_is_kept
judges() {  # two reward models of different pairs; the judge's reward is not the one learnt by
  expect_status 1 cmp whole/rm/model.safetensors whole/judge/model.safetensors
  jq -es 'map(select(.reward != .judge)) | length > 2' whole/held-2.jsonl
  cat whole/pairs-rm.jsonl whole/pairs-judge.jsonl | jq -r .id | sort -n | uniq -d > twice
  [ ! -s twice ]
  right=$(zstdcat whole/accuracy-rm.zst | jq -s 'map(if .chosen_reward > .rejected_reward then 1 else 0 end) | add / length')
  near_shown "$(grep -oE '^[^±]*' whole/rm.txt | grep -oE '[0-9.]+')" "$right"
}
ok "the judge learnt from other pairs, and accuracy is that of the held-out pairs" judges
options() {
  jq -es 'length == 2 and all(.config | .lr == 3e-4 and ."critic-lr" == 2e-3 and .epochs == 2 and .minibatch == 4
    and ."kl-beta" == 0.05 and .seed == 1)' whole/metrics.jsonl
  for k in 0 1; do
    zstdcat "whole/scored-$k.zst" | jq -es 'length == 6 and all((.response_ids | length) <= 10) and all(.temperature == 1)'
  done
  cat whole/scored-?.zst | zstdcat | jq -r .prompt | sort | uniq -c | awk '{ if ($1 != 2 && $1 != 4) bad = 1 } END { exit bad || NR < 5 }'
  cat whole/final.jsonl whole/held.jsonl | jq -r .prompt | sort > unseen
  cat whole/train.jsonl | jq -r .prompt | sort -u | comm -12 - unseen > seen
  [ ! -s seen ]
  [ "$(wc -l < unseen)" = 8 ]
}
ok "the options reach the programs, and what is held out is in nothing else" options
told() {
  grep -qE '^an iteration +2 x +[0-9.]+ s +[0-9.]+ GiB  \(sampling [0-9.]+, scoring [0-9.]+, step [0-9.]+\)$' whole/estimate
  grep -qE '^in all [0-9.]+ hours; memory [0-9.]+ GiB of [0-9.]+ free; disk at most [0-9.]+ GB of [0-9.]+ free, in the end' whole/estimate
  [ "$(grep -cE '^[a-z -]+ [0-9]+ x +[0-9.]+ s +[0-9.]+ GiB' whole/estimate)" = 5 ]
  sed -n '/^what it takes/,/^in all/p' told | grep -qxF "$(tail -n 1 whole/estimate)"
}
ok "time, memory and disk are told before it begins" told
nothing_left() {
  find whole -name '*.part*' -o -name '.*.part' -o -name 'trial*' -o -name '*checkpoint*' > left
  [ ! -s left ] || { cat left; return 1; }
  [ "$(cd whole && echo */)" = 'base/ best/ judge/ model/ p2/ rm/' ] || { ls whole; return 1; }
  du -sk whole/best whole/p2 | awk 'NR == 1 { best = $1 } END { exit !(best < $1 / 2) }'
}
ok "nothing else is left over" nothing_left

# The arithmetic of the estimate, from profiles made by hand: a program takes 2 s and 2.5 s more for each of 4 answers, or
# each quarter of the characters; the small trial with one has 4.5 s. In sft both trials took the same, as where other work
# slowed the small one: half of its 12 s is taken to grow.
estimated() {
  mkdir -p made/whole made/quarter made/model
  (
    cd made
    for program in sft rm rollout score step; do
      told='x: processor time: 1 s, memory: at most 2,097,152 KiB\nx: profile of %s s; limits now: x\n'
      printf "$told" 12 > whole/$program.log
      printf "$told" 4.5 > quarter/$program.log
    done
    printf "$told" 13 > quarter/sft.log
    echo 100 > whole/characters; echo 25 > quarter/characters; echo 4 > whole/answers; echo 1 > quarter/answers
    sed -n '/^estimated() {/,/^}/p' "$script" > part.sh
    cat > set.sh <<'END'
characters() { cat > /dev/null; echo 400; }
part() { :; }
size() { echo 1000; }
PROMPTS=2 ANSWERS=4 ITERATIONS=10 EVERY=5 HELD_PROMPTS=2 HELD_ANSWERS=2 FINAL_PROMPTS=4 SFT_EPOCHS=3 RM_EPOCHS=1 pairs=4
END
    bash -euc '. ./set.sh; . ./part.sh; estimated whole quarter' > ../estimated
  )
  cat estimated
  grep -E '^fine-tuning +1 x +78.0 s +2.0 GiB$' estimated
  grep -E '^a reward model +2 x +42.0 s' estimated
  grep -E '^an iteration +10 x +66.0 s +2.0 GiB  \(sampling 22.0, scoring 22.0, step 22.0\)$' estimated
  grep -E '^an evaluation +3 x +30.0 s' estimated
  grep -E '^the comparison +1 x +110.0 s' estimated
  # 78 + 84 + 660 + 90 + 110 = 1,022 s; six folders and ten iterations of twice the records are 26,000 KiB, the step's two
  # more, 28,000 at most.
  grep -E '^in all 0.3 hours; memory 2.0 GiB of .* disk at most 0.03 GB of .* in the end 0.03 GB$' estimated
}
ok "the estimate: what both trials take once, what grows with the work" estimated

# Killed at many points: programs count their starts. At each of these they kill the script that called them, before
# they begin, in the middle or when they are done.
killed() {
  mkdir programs
  for program in sft-train rm-train rollout score ppo-step label; do
    cat > programs/$program <<END
#!/bin/sh
echo >> ../starts
case \$(wc -l < ../starts) in
  3) timeout -s KILL 0.02 "$BIN/$program" "\$@"; kill -9 \$PPID ;;
  15 | 37) kill -9 \$PPID ;;
  22 | 27 | 40) "$BIN/$program" "\$@"; kill -9 \$PPID ;;
  33) (sleep 0.02; kill -TERM \$PPID) & exec "$BIN/$program" "\$@" ;;
  *) exec "$BIN/$program" "\$@" ;;
esac
END
    chmod +x programs/$program
  done
  : > starts
  kills=0 stops=0
  until
    status=0
    PATH=$PWD/programs:$PATH bash "$script" killed > said_killed 2> told_killed || status=$?
    [ $status = 0 ]
  do
    case $status in
      137) kills=$((kills + 1)) ;;
      75) stops=$((stops + 1)) ;;
      *) echo "status $status"; cat told_killed; return 1 ;;
    esac
    [ $kills -lt 20 ]
  done
  echo "killed $kills times, stopped $stops times"
  [ "$kills-$stops" = 6-1 ]
  expect_same said said_killed
  same_run whole killed
}
ok "killed at any point and run again it ends in the same bytes" killed
# The start made the worst by hand, a later policy is the best whatever PPO did: it is kept and compared.
more() {
  cp -r whole more
  jq -c '.judge = -9' whole/held-0.jsonl > more/held-0.jsonl
  ITERATIONS=3 bash "$script" more > said_more 2> told_more || { cat told_more; return 1; }
  [ "$(awk '$1 ~ /^[0-9]+$/ { printf "%s ", $1 }' said_more)" = '0 2 3 ' ]
  awk '$1 == 2' said_more > a
  awk '$1 == 2' said | tr -s ' ' > b
  tr -s ' ' < a | expect_same b -
  best=$(awk '$1 ~ /^[23]$/ { print $5, -$1 }' said_more | sort -g | tail -n 1 | cut -d ' ' -f 2 | tr -d -)
  grep -q "^best: the policy of iteration $best[.]" said_more
  rollout -q --policy more/best --max-tokens 1 more/held.jsonl | head -n 1 | jq -r .policy > a
  for file in held final; do jq -r .policy "more/$file-$best.jsonl" | sort -u | expect_same a -; done
  [ "$(cd more && echo p*/)" = p3/ ]
  # The win rate by jq from both files, and a question for each prompt with different answers.
  jq -n --slurpfile a more/final-0.jsonl --slurpfile b "more/final-$best.jsonl" '[$b[] as $x | $a[]
    | select(.group == $x.group and .response != $x.response)
    | if $x.judge > .judge then 1 elif $x.judge < .judge then 0 else 0.5 end] | add / length' > rate
  near_shown "$(sed -n "s/^The judge prefers iteration $best to the start in \([0-9.]*\) .*/\1/p" said_more)" "$(cat rate)"
  questions=$(grep -o '"pair":' more/blind.html | wc -l)
  [ "$questions" -gt 0 ] && [ "$questions" -le 4 ]
  [ -s more/answers.html ] && [ -s more/run.html ]
}
ok "more iterations go on from the last one, and the best policy is compared with the start" more
refused() {
  LR=1e-3 expect_status 73 bash "$script" whole
  expect_stderr '^> LR=1e-3$'
  mkdir mine && : > mine/precious
  expect_status 73 bash "$script" mine
  [ "$(ls -A mine)" = precious ]
  DATA=$PWD/mine expect_status 66 bash "$script" none
  expect_stderr 'has no train.jsonl$'
  PATH=/usr/bin:/bin expect_status 66 /bin/bash "$script" none
  expect_stderr 'is not in PATH$'
  expect_status 64 bash "$script"
  expect_stderr '^usage: real-model.sh FOLDER'
}
ok "other settings, other folders and missing things are refused" refused
# With dialogues, as in UltraFeedback, for a model without a template.
adapters() {
  mkdir chats
  for part in train test; do
    zstdcat -f data/$part.jsonl* | jq -c '. as $r | [{role: "user", content: .prompt}] as $asked
      | {prompt, chosen: ($asked + [{role: "assistant", content: $r.chosen}]),
         rejected: ($asked + [{role: "assistant", content: $r.rejected}])}' > chats/$part.jsonl
  done
  DATA=$PWD/chats CHAT_FORMAT=alpaca LORA_RANK=2 ITERATIONS=1 bash "$script" adapters > said_adapters 2> told_adapters ||
    { cat told_adapters; return 1; }
  jq -e '.r == 2' adapters/p1/adapter_config.json
  jq -e '.r == 2' adapters/best/adapter_config.json
  jq -e '.r == 2 and .task_type == "SEQ_CLS"' adapters/p1/critic/adapter_config.json
  zstdcat adapters/scored-0.zst | jq -es 'length == 6 and all(.prompt | test("### Instruction:\n.* saw a .*### Response:"; "m"))'
  cmp adapters/best/chat_template.jinja adapters/rm/chat_template.jinja
}
ok "with LORA_RANK policy, critic and reward models are adapters, and dialogues have their template" adapters

# The page's commands, with this run's names.
looked_at() {
  awk '/^```console/ { on = 1; next } /^```/ { on = 0 } on && /^(jq|peek|kl-report|label) /' "$ROOT/docs/real-model.md" > commands
  [ "$(wc -l < commands)" = 4 ]
  best=$(ls more/final-[1-9]*.jsonl | grep -oE '[0-9]+')
  # What the page would save: a decision about each question, for the best policy's answer.
  label -q --by judge --pairs all --against more/final-0.jsonl "more/final-$best.jsonl" |
    jq -c 'del(.prompt_ids, .chosen_ids, .rejected_ids, .tokenizer, .margin) | .labeler = "Kim"' > labels-Kim.jsonl
  sed "s|run/|more/|g; s|BEST|$best|; s|scored-9|scored-1|" commands > commands.sh
  bash -euc -o pipefail '. ./commands.sh' > looked 2> looked.err || { cat looked looked.err; return 1; }
  [ "$(grep -cE '^[0-2]'"$(printf '\t')" looked)" = 3 ]
  [ -s now.html ] && [ -s judged.jsonl ]
}
ok "the page's commands look at a run" looked_at

# What hf and pyarrow deliver: the set's layout, a row of JSON a line in place of Parquet.
fetched() {
  mkdir -p hub pyarrow
  cat > hub/hf <<'END'
#!/bin/sh
echo "$@" >> ../asked_hf
name=$2
while [ "$1" != --local-dir ]; do shift; done
mkdir -p "$2"
case $name in
  Some/Model) cp -r ../hub/model/. "$2" ;;
  *) cp -r ../hub/set/. "$2" ;;
esac
END
  printf '#!/bin/sh\nexit 9\n' > hub/sft-train
  chmod +x hub/hf hub/sft-train
  mkdir -p hub/set/data
  cp -r "$MODEL" hub/model
  : > pyarrow/__init__.py
  cat > pyarrow/parquet.py <<'END'
import json
class ParquetFile:
    def __init__(self, name): self.rows = [json.loads(line) for line in open(name)]
    def iter_batches(self): return [self]
    def to_pylist(self): return self.rows
END
  jq -nc 'def row($p; $c; $r; $x; $y): {prompt: $p, prompt_id: "x", score_chosen: $x, score_rejected: $y,
      chosen: [{role: "user", content: $p}, {role: "assistant", content: $c}], messages: [],
      rejected: [{role: "user", content: $p}, {role: "assistant", content: $r}]};
    row("One?"; "good"; "bad"; 8; 3), row("A tie?"; "good"; "bad"; 5; 5), row("Same?"; "good"; "good"; 8; 3),
    row("Long?"; "good" * 60; "bad"; 8; 3), (range(20) | row("Question \(.)?"; "good"; "bad"; 4; 3.5))' \
    > hub/set/data/train_prefs-00000-of-00001.parquet
  cp hub/set/data/train_prefs-00000-of-00001.parquet hub/set/data/test_prefs-00000-of-00001.parquet
  export MODEL=Some/Model DATA=Some/Set PYTHONPATH="$PWD"
  PATH=$PWD/hub:$PATH PAIRS=6 CHAT_FORMAT=chatml expect_status 9 bash "$script" fetched
  grep -F 'download Some/Model --exclude onnx/*' asked_hf
  grep -F 'download Some/Set --repo-type dataset --include data/*_prefs-*' asked_hf
  [ ! -e fetched/data ]
  [ -s fetched/model/model.safetensors ]
  jq -es 'length == 21 and .[0] == {id: "0", prompt: [{role: "user", content: "One?"}],
      chosen: [{role: "assistant", content: "good"}], rejected: [{role: "assistant", content: "bad"}]}
    and .[1].prompt[0].content == "Question 0?" and .[1].id == "1"' fetched/train.jsonl
  expect_same fetched/train.jsonl fetched/test.jsonl
}
ok_with python3 "what is downloaded becomes pairs: no ties, nothing long" fetched
