#!/bin/bash
# A language model made better by preferences, from start to end: fine-tuning, two reward models, PPO with evaluation,
# and a blind comparison with the start. docs/real-model.md explains it.
#
# usage: real-model.sh FOLDER     stop it or kill it at any point: the same command goes on where it was
#
# It needs the programs in PATH, jq, zstd and awk; to download also hf (pip install huggingface_hub), and python3 with
# pyarrow. What it makes is a function of the settings below, which the environment changes (LR=3e-6 real-model.sh run).
set -eu -o pipefail
export LC_ALL=C
: "${MODEL:=HuggingFaceTB/SmolLM2-135M-Instruct}"     # a folder, or a name on the hub
: "${DATA:=HuggingFaceH4/ultrafeedback_binarized}"    # a folder with train.jsonl and test.jsonl, or this on the hub
: "${CHAT_FORMAT=}"                                   # for dialogues and a model without a template of its own
: "${LORA_RANK:=0}"                                   # 0 trains all weights
: "${DTYPE:=bf16}" "${SEED:=1}"
: "${PROMPT_CHARS:=600}" "${PAIRS:=1500}"             # of each reward model
: "${PROMPTS:=16}" "${ANSWERS:=4}" "${MAX_TOKENS:=128}" "${ITERATIONS:=100}"
: "${ANSWER_CHARS:=$((4 * MAX_TOKENS))}"
: "${SFT_EPOCHS:=1}" "${SFT_LR:=2e-5}" "${RM_EPOCHS:=1}" "${RM_LR:=5e-5}"
: "${EPOCHS:=2}" "${MINIBATCH:=32}" "${LR:=1e-5}" "${CRITIC_LR:=1e-5}" "${KL_BETA:=0.05}" "${MISSING_END:=replace}"
: "${EVERY:=10}" "${HELD_PROMPTS:=64}" "${HELD_ANSWERS:=2}" "${FINAL_PROMPTS:=100}" "${HELD_PAIRS:=500}"
: "${PPO_OPTIONS=}" "${TRAIN_OPTIONS=}"               # further ones, of ppo-step, and of all three that train
: "${TRIAL:=16}"                                      # records of the trial that the estimate comes from

[ $# = 1 ] || { sed -n '5s/# //p' "$0" >&2; exit 64; }
fail() { echo "real-model.sh: $2" >&2; exit "$1"; }
say() { printf '\n%s\n' "$*" >&2; }
for program in sft-train rm-train rollout score ppo-step label peek kl-report jq zstdcat awk flock; do
  command -v $program > /dev/null || fail 66 "$program is not in PATH"
done
[ ! -d "$MODEL" ] || MODEL=$(realpath "$MODEL")
[ ! -d "$DATA" ] || DATA=$(realpath "$DATA")
[ ! -e "$1" ] || [ -e "$1/settings" ] || [ -z "$(ls -A "$1")" ] || fail 73 "$1 is not empty and not a run's folder"
mkdir -p "$1" && cd "$1"
exec 9> .lock
flock -n 9 || { say "waiting for the run that is at work in $PWD"; flock 9; }

# More iterations may be asked for later; anything else would mix two runs.
settings() {
  for name in MODEL DATA CHAT_FORMAT LORA_RANK DTYPE SEED PROMPT_CHARS ANSWER_CHARS PAIRS PROMPTS ANSWERS MAX_TOKENS \
    SFT_EPOCHS SFT_LR RM_EPOCHS RM_LR EPOCHS MINIBATCH LR CRITIC_LR KL_BETA MISSING_END EVERY HELD_PROMPTS \
    HELD_ANSWERS FINAL_PROMPTS HELD_PAIRS PPO_OPTIONS TRAIN_OPTIONS; do printf '%s=%s\n' $name "${!name}"; done
}
[ -e settings ] || { settings > settings.part && mv settings.part settings; }
settings | diff settings - >&2 || fail 73 "$PWD was begun with other settings (<): take these, or another folder"

# go COMMAND...: runs it so that a signal to this script alone reaches it, too; it saves its work and ends with 75.
child='' stopped='' cut=''
trap 'stopped=1 cut=1; [ -z "$child" ] || kill -TERM "$child" 2> /dev/null || true' TERM INT HUP USR1
go() {
  [ -z "$stopped" ] || exit 75
  "$@" &
  child=$!
  [ -z "$stopped" ] || kill -TERM "$child" 2> /dev/null || true  # it came before the trap knew the child
  # A signal ends the wait, not the program.
  until cut='' status=0; wait $child || status=$?; [ -z "$cut" ]; do :; done
  child=''
  # 143: stopped before it began; else bash may not know how a program ended just when the signal came.
  case $status in 143 | 127 | -1) [ -z "$stopped" ] || status=75 ;; esac
  [ "$status" = 0 ] || exit "$status"
}
# made FILE COMMAND...: FILE is what the command prints, there when it is whole.
made() {
  [ ! -e "$1" ] || return 0
  local file=$1
  shift
  "$@" > "$file.part"
  mv "$file.part" "$file"
}

# The model, and pairs {id, prompt, chosen, rejected} for training and for testing.
fetched() {  # FOLDER NAME OPTION...
  [ ! -e "$1" ] || return 0
  command -v hf > /dev/null || fail 66 "$2 is no folder here; to download it: pip install huggingface_hub"
  go hf download "$2" "${@:3}" --local-dir "$1.part"
  mv "$1.part" "$1"
}
if [ ! -e model ]; then
  if [ -d "$MODEL" ]; then ln -s "$MODEL" model; else fetched model "$MODEL" --exclude 'onnx/*'; fi
fi
parquet() {
  python3 -c 'import json, sys
import pyarrow.parquet
for name in sys.argv[1:]:
    for batch in pyarrow.parquet.ParquetFile(name).iter_batches():
        for row in batch.to_pylist():
            print(json.dumps(row, default=str))' "$@"
}
records() {  # train|test
  if [ -e "$DATA/$1.jsonl" ]; then
    cat "$DATA/$1.jsonl"
  elif [ -e "$DATA/$1.jsonl.zst" ]; then
    zstdcat "$DATA/$1.jsonl.zst"
  elif [ -d "$DATA" ]; then
    fail 66 "$DATA has no $1.jsonl"
  else
    parquet "data/data/$1"_prefs-*.parquet
  fi
}
# Dialogues as two answers to one dialogue, texts as they are; of rated answers those that differ; nothing long.
pairs_of() {
  records "$1" | jq -cn --argjson prompt "$PROMPT_CHARS" --argjson answer "$ANSWER_CHARS" '
    def turn: {role, content};
    def size: if type == "string" then length else map(.content | length) | add // 0 end;
    def pair:
      select((.score_chosen // 1) > (.score_rejected // 0) or .score_chosen == null)
      | if (.chosen | type) == "string" then {prompt, chosen, rejected}
        elif (.prompt | type) == "array" and (.chosen | length) == 1 then
          {prompt: (.prompt | map(turn)), chosen: (.chosen | map(turn)), rejected: (.rejected | map(turn))}
        else select(.chosen[:-1] == .rejected[:-1])
          | {prompt: (.chosen[:-1] | map(turn)), chosen: [.chosen[-1] | turn], rejected: [.rejected[-1] | turn]} end
      | select(.chosen != .rejected and (.prompt | size) > 0 and (.prompt | size) <= $prompt
          and all(.chosen, .rejected | size; . > 0 and . <= $answer));
    foreach (inputs | pair) as $pair (-1; . + 1; {id: tostring} + $pair)'
}
[ -d "$DATA" ] || [ -e test.jsonl ] || fetched data "$DATA" --repo-type dataset --include 'data/*_prefs-*'
made train.jsonl pairs_of train
made test.jsonl pairs_of test
rm -rf data
lines=$(wc -l < train.jsonl)
pairs=$PAIRS
[ "$lines" -ge $((2 * pairs + PROMPTS)) ] || pairs=$((lines * 2 / 5))
if [ "$pairs" -lt 2 ] || [ ! -s test.jsonl ]; then
  fail 65 "$lines pairs are left for training, $(wc -l < test.jsonl) for testing: raise PROMPT_CHARS and ANSWER_CHARS"
fi
[ "$pairs" = "$PAIRS" ] || say "only $lines pairs are as short as that: each reward model learns from $pairs of them"
part() { sed -n "$2,$3p" "$1"; }
sft_of() { part train.jsonl 1 "$1" | jq -c '{id, prompt, completion: .chosen}'; }
prompts_of() {  # FILE FIRST LAST MOST [LEFT_OUT]: of these lines' prompts, each once, as many; less the first ones
  part "$1" "$2" "$3" | jq -cn --argjson most "$4" --argjson left_out "${5:-0}" '
    foreach inputs as $r ({n: 0}; ($r.prompt | tojson) as $p | .new = (.seen[$p] | not) | .seen[$p] = true
        | if .new then .n += 1 else . end;
      select(.new and .n <= $most and .n > $left_out) | $r | {id, prompt})'
}
made prompts.jsonl prompts_of train.jsonl $((2 * pairs + 1)) "$lines" "$lines"
made held.jsonl prompts_of test.jsonl 1 '$' "$HELD_PROMPTS"
made final.jsonl prompts_of test.jsonl 1 '$' $((HELD_PROMPTS + FINAL_PROMPTS)) "$HELD_PROMPTS"
[ -s final.jsonl ] || fail 65 "test has no more than HELD_PROMPTS=$HELD_PROMPTS prompts: lower that"

# The programs with their options. An adapter's reward model starts from the model, as the policy's adapter does.
chat=(${CHAT_FORMAT:+--chat-format "$CHAT_FORMAT"})
read -ra training <<< "--dtype $DTYPE --seed $SEED $TRAIN_OPTIONS"
read -ra ppo <<< "$PPO_OPTIONS"
lora=() of_base=base
[ "$LORA_RANK" = 0 ] || lora=(--lora-rank "$LORA_RANK") of_base=model
fine_tune() {  # FILE OUTPUT OPTION...
  local epochs=(--epochs "$SFT_EPOCHS" "$1")
  [ "$SFT_EPOCHS" != 0 ] || epochs=(--epochs 0)
  go sft-train --init model "${chat[@]}" "${lora[@]}" "${training[@]}" --lr "$SFT_LR" --schedule linear \
    --too-long skip "${@:3}" "${epochs[@]}" -o "$2"
}
reward_model() {  # FILE INIT OUTPUT OPTION...
  go rm-train --init "$2" "${chat[@]}" "${lora[@]}" "${training[@]}" --lr "$RM_LR" --schedule linear \
    --epochs "$RM_EPOCHS" --normalize-std --too-long skip "${@:4}" "$1" -o "$3"
}
sample() {  # POLICY PROMPTS ANSWERS SEED OUTPUT OPTION...
  go rollout --policy "$1" --dtype "$DTYPE" -n "$3" --max-tokens "$MAX_TOKENS" --too-long skip --seed "$4" "${@:6}" \
    "$2" -o "$5"
}
rewards() {  # MODEL INPUT OUTPUT OPTION...
  go score --reward-model "$1" --dtype "$DTYPE" --missing-end "$MISSING_END" "${@:4}" "$2" -o "$3"
}
step() {  # POLICY REWARD_MODEL INPUT OUTPUT OPTION...
  go ppo-step --policy "$1" --critic-init "$2" "${lora[@]}" "${training[@]}" --epochs "$EPOCHS" \
    --minibatch "$MINIBATCH" --lr "$LR" --critic-lr "$CRITIC_LR" --kl-beta "$KL_BETA" "${ppo[@]}" "${@:5}" "$3" -o "$4"
}

# What it will take, from two trials of every program, one with a quarter of the other's records, with this model on this
# machine: what both take is once, what grows is a record's.
characters() { jq -n '[inputs | .prompt, .prompt, .chosen, .rejected | if type == "string" then length
  else map(.content | length) | add // 0 end] | add // 1'; }
size() { du -sLk "$1" | cut -f 1; }
tried() {  # FOLDER RECORDS
  mkdir "$1"
  local n=$(($2 < pairs ? $2 : pairs)) many=$((($2 + ANSWERS - 1) / ANSWERS)) from=$1/base
  part train.jsonl 1 "$n" > "$1/pairs.jsonl"
  sft_of "$n" > "$1/sft.jsonl"
  head -n "$many" prompts.jsonl > "$1/prompts.jsonl"
  [ "$LORA_RANK" = 0 ] || from=model
  fine_tune "$1/sft.jsonl" "$1/base" -v -v 2> "$1/sft.log"
  reward_model "$1/pairs.jsonl" "$from" "$1/rm" -v -v 2> "$1/rm.log"
  sample "$1/base" "$1/prompts.jsonl" "$ANSWERS" 1 "$1/sampled.zst" -v -v 2> "$1/rollout.log"
  rewards "$1/rm" "$1/sampled.zst" "$1/scored.zst" --ref "$1/base" -v -v 2> "$1/score.log"
  step "$1/base" "$1/rm" "$1/scored.zst" "$1/p1" -v -v 2> "$1/step.log"
  characters < "$1/pairs.jsonl" > "$1/characters"
  zstdcat "$1/scored.zst" | wc -l > "$1/answers"
}
# estimated WHOLE QUARTER: the text, from these folders of trials.
estimated() {
  local of_model=0
  [ -L model ] || of_model=$(size model)
  awk -v pairs="$(part train.jsonl 1 "$pairs" | characters)" -v tried="$(cat "$1/characters")" \
    -v tried_less="$(cat "$2/characters")" -v answers="$(cat "$1/answers")" -v answers_less="$(cat "$2/answers")" \
    -v batch=$((PROMPTS * ANSWERS)) -v iterations="$ITERATIONS" -v every="$EVERY" -v held=$((HELD_PROMPTS * HELD_ANSWERS)) \
    -v final=$((FINAL_PROMPTS * HELD_ANSWERS)) -v sft_epochs="$SFT_EPOCHS" -v rm_epochs="$RM_EPOCHS" \
    -v of_model="$of_model" -v base="$(size "$1/base")" -v rm="$(size "$1/rm")" -v policy="$(size "$1/p1")" \
    -v records="$(size "$1/scored.zst")" -v whole_trial="$1/" \
    -v free="$(df -k --output=avail . | tail -n 1)" -v memory="$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)" '
    { program = FILENAME; gsub(/.*\/|\.log/, "", program); large = index(FILENAME, whole_trial) == 1 }
    / memory: at most / && large { kib = $(NF - 1); gsub(/,/, "", kib); gib[program] = kib / 2 ^ 20 }
    / profile of / { took = $0; sub(/.* profile of /, "", took); if (large) all_took[program] = took + 0; else less_took[program] = took + 0 }
    # Of trials of x and x_less in a machine with other work, the growth is between half of the whole and all of it.
    function seconds(program, x, x_less, work,   all, slope) {
      all = all_took[program] / x
      slope = x > x_less ? (all_took[program] - less_took[program]) / (x - x_less) : all
      if (slope > all) slope = all
      if (slope < all / 2) slope = all / 2
      return all_took[program] + slope * (work - x)
    }
    function of_answers(program, work) { return seconds(program, answers, answers_less, work) }
    function of_pairs(program, work) { return seconds(program, tried, tried_less, work) }
    function most(a, b) { return a > b ? a : b }
    function row(name, times, each, gib, note) {
      printf "%-16s %4d x %8.1f s  %5.1f GiB%s\n", name, times, each, gib, note
      whole += times * each
    }
    END {
      sampling = of_answers("rollout", batch); scoring = of_answers("score", batch); stepping = of_answers("step", batch)
      evaluating = of_answers("rollout", held) + 1.5 * of_answers("score", held)
      finally = 2 * (of_answers("rollout", final) + 1.5 * of_answers("score", final))
      row("fine-tuning", 1, of_pairs("sft", sft_epochs * pairs), gib["sft"])
      row("a reward model", 2, of_pairs("rm", rm_epochs * pairs), gib["rm"])
      row("an iteration", iterations, sampling + scoring + stepping,
        most(gib["rollout"], most(gib["score"], gib["step"])),
        sprintf("  (sampling %.1f, scoring %.1f, step %.1f)", sampling, scoring, stepping))
      row("an evaluation", 1 + int((iterations + every - 1) / every), evaluating, most(gib["rollout"], gib["score"]))
      row("the comparison", 1, finally, most(gib["rollout"], gib["score"]))
      need = most(gib["sft"], most(gib["rm"], gib["step"]))
      kept = of_model + 2 * base + 2 * rm + policy + iterations * records * batch / answers
      printf "in all %.1f hours; memory %.1f GiB of %.1f free; disk at most %.2f GB of %.2f free, in the end %.2f GB\n",
        whole / 3600, need, memory / 2 ^ 20, (kept + 2 * policy) * 1.024e-6, free * 1.024e-6, kept * 1.024e-6
      if (need > memory / 2 ^ 20)
        print "warning: that is more memory than is free: LORA_RANK=8 or TRAIN_OPTIONS=--recompute needs less"
      if (kept + 2 * policy > free) print "warning: that is more disk than is free"
    }' "$1"/*.log "$2"/*.log
}
trial() {
  rm -rf trial trial-less
  tried trial-less $(((TRIAL + 3) / 4))
  tried trial "$TRIAL"
  estimated trial trial-less > estimate.part
  mv estimate.part estimate
}
if [ ! -e estimate ]; then
  say "a trial with $TRIAL records of each kind, for an estimate"
  trial
fi
rm -rf trial trial-less
say "what it takes, by a trial on this machine as it was then ($TRIAL records each, so roughly):"
cat estimate >&2

say "1. the start, and two reward models: one to learn by, one to judge by"
made sft.jsonl sft_of "$pairs"
made pairs-rm.jsonl part train.jsonl 1 "$pairs"
made pairs-judge.jsonl part train.jsonl $((pairs + 1)) $((2 * pairs))
made held-pairs.jsonl part test.jsonl 1 "$HELD_PAIRS"
fine_tune sft.jsonl base
for name in rm judge; do
  reward_model pairs-$name.jsonl $of_base $name
  go score -q --reward-model $name --dtype "$DTYPE" --too-long skip held-pairs.jsonl -o accuracy-$name.zst
  zstdcat accuracy-$name.zst | jq -rs --arg name $name 'map(.chosen_reward - .rejected_reward
      | if . > 0 then 1 elif . < 0 then 0 else 0.5 end) | length as $n | (add / $n) as $right
    | "\($name): \($right * 1000 | round / 1000) ± \(($right * (1 - $right) / $n | sqrt) * 1000 | round / 1000
      ) of \($n) pairs that no training saw are in the right order"' | tee $name.txt >&2
done

say "2. PPO"
policy() { [ "$1" = 0 ] && echo base || echo "p$1"; }
# answered NAME POLICY PROMPTS: NAME.jsonl, with the reward that is learnt by, and the judge's as `judge`.
answered() {
  if [ ! -e "$1.jsonl" ]; then
    sample "$2" "$3" "$HELD_ANSWERS" $((1000 * SEED)) "$1.sampled.zst" -q
    rewards rm "$1.sampled.zst" "$1.scored.zst" --ref base -q
    rewards judge "$1.scored.zst" "$1.judged.zst" -q
    join() {
      jq -c --slurpfile judged <(zstdcat "$1.judged.zst" | jq -c '{key: .id, value: .reward}') \
        '($judged | from_entries) as $by | . + {judge: $by[.id]}' < <(zstdcat "$1.scored.zst")
    }
    made "$1.jsonl" join "$1"
  fi
  rm -f "$1".{sampled,scored,judged}.zst
}
# evaluations: a line for each: iteration, reward, judge, KL, J = judge - beta KL, share of answers that end, tokens.
evaluations() {
  for file in held-*.jsonl; do
    [ "$file" != held-pairs.jsonl ] || continue
    jq -rs --arg file "$file" --argjson beta "$KL_BETA" 'def mean: add / length;
      (map([.logprobs, .ref_logprobs] | transpose | map(.[0] - .[1]) | add) | mean) as $kl
      | (map(.judge) | mean) as $judge
      | [($file | capture("held-(?<k>[0-9]+)").k | tonumber), (map(.reward) | mean), $judge, $kl, $judge - $beta * $kl,
         (map(if .finish == "stop" then 1 else 0 end) | mean), (map(.response_ids | length) | mean)] | @tsv' "$file"
  done | sort -n
}
best_of() { sort -t "$(printf '\t')" -k 5,5gr -k 1,1n evaluations.tsv | awk 'NR == 1 { print $1 }'; }
# keep K: best is the policy of iteration K, without critic and moments; links, so it costs no disk while p$K is there.
keep() {
  rm -rf best.part && mkdir best.part
  for file in "$(policy "$1")"/*; do
    case ${file##*/} in
      critic | trainer) ;;
      *) cp -rl "$file" best.part 2> /dev/null || cp -r "$file" best.part ;;
    esac
  done
  rm -rf best && mv best.part best
}
evaluate() {  # K
  answered "held-$1" "$(policy "$1")" held.jsonl
  evaluations > evaluations.part && mv evaluations.part evaluations.tsv
  [ "$(best_of)" != "$1" ] || keep "$1"
  awk -v k="$1" -v best="$(best_of)" '$1 == k {
    printf "held out, iteration %d: reward %.3f, judge %.3f, KL %.2f, J %.3f, %.0f%% end, %.0f tokens; best is %d\n",
      $1, $2, $3, $4, $5, 100 * $6, $7, best }' evaluations.tsv >&2
}
last=0
for folder in p*/; do
  case $folder in p[0-9]*) k=${folder#p}; k=${k%/}; [ "$k" -le "$last" ] || last=$k ;; esac
done
# A step that was killed between its folder and its metrics is made again; what it began with is still there.
if [ "$last" -gt 0 ] && [ ! -s "metrics-$((last - 1)).jsonl" ]; then
  rm -rf "p$last"
  last=$((last - 1))
fi
for ((k = last; ; ++k)); do
  if [ $((k % EVERY)) = 0 ] || [ "$k" -ge "$ITERATIONS" ]; then evaluate "$k"; fi
  for folder in p*/; do
    case $folder in "p$k/") ;; p[0-9]*) rm -rf "${folder%/}" ;; esac
  done
  [ "$k" -lt "$ITERATIONS" ] || break
  awk -v first=$((k * PROMPTS)) -v take="$PROMPTS" -v n="$(wc -l < prompts.jsonl)" \
    '((NR - 1 - first) % n + n) % n < take' prompts.jsonl > batch.jsonl
  if [ ! -e "scored-$k.zst" ]; then
    sample "$(policy $k)" batch.jsonl "$ANSWERS" $((1000 * SEED + k + 1)) "sampled-$k.zst" -q
    rewards rm "sampled-$k.zst" "scored-$k.zst" --ref base -q
  fi
  rm -f "sampled-$k.zst" "metrics-$k.jsonl"
  step "$(policy $k)" rm "scored-$k.zst" "p$((k + 1))" --metrics "metrics-$k.jsonl"
done
rm -f batch.jsonl

say "3. the best policy against the start, on prompts that were in nothing so far"
best=$(best_of)
answered final-0 base final.jsonl
answered "final-$best" best final.jsonl
for file in final-*.jsonl; do
  case $file in final-0.jsonl | "final-$best.jsonl") ;; *) rm "$file" ;; esac
done
{
  echo 'iteration reward judge KL J end tokens'
  awk '{ printf "%d %.3f %.3f %.2f %.3f %.2f %.0f\n", $1, $2, $3, $4, $5, $6, $7 }' evaluations.tsv
} | column -t
numbers=$(seq 0 $((ITERATIONS - 1)))
for k in $numbers; do cat "metrics-$k.jsonl"; done > metrics.jsonl
# shellcheck disable=SC2046,SC2086
kl-report -q --html run.html --force --gold judge --metrics metrics.jsonl --tokenizer base --samples held-0.jsonl \
  --samples "held-$best.jsonl" $(printf 'scored-%s.zst ' $numbers) > report.txt
if [ "$best" = 0 ]; then
  echo 'No policy was better than the start.'
  exit
fi
told=$(label --by judge --pairs all --against final-0.jsonl "final-$best.jsonl" --force -o preferred.jsonl 2>&1) ||
  fail 1 "$told"
echo "$told" | sed -n "s/.*, wins \(.*\) against .*/The judge prefers iteration $best to the start in \1./p"
label -q --html blind.html --seed "$SEED" --force --against final-0.jsonl "final-$best.jsonl"
peek -q --html answers.html --tokenizer base --force final-0.jsonl "final-$best.jsonl" > answers.txt
echo "best: the policy of iteration $best. For a browser: blind.html to judge, answers.html to read, run.html of the run"
