#!/bin/sh
# nudge and transformers, each with what the other writes: tiny folders of every family that transformers makes give its
# ids, greedy texts, log-probs, rewards and dialogues here, and what nudge writes loads there without a warning and
# gives ours.
# The same of adapters and PEFT, where the Python has it (adapters.sh): offline, put src/peft of
# https://github.com/huggingface/peft on its path; transformers, accelerate and safetensors are all that it needs.
# docs/data.md's lines read Parquet that pyarrow writes (data-parquet; parquet.sh). TensorBoard's own reader reads what
# --tensorboard writes (tensorboard; events.sh), where it is beside that Python.
# Prints what failed and closes with "N passed, N failed, N skipped".
# usage: tests/ecosystem/run.sh BUILD_FOLDER [PATTERN]   (PATTERN selects cases by name, such as 'llama-*'; cases.py)
#
# NUDGE_PYTHON is a command that runs a Python with transformers, torch and tokenizers, such as python3;
# NUDGE_PYTHON_ROOT the folder that it sees as /, where it runs in a root of its own. Without the first all is skipped.
set -eu
[ $# -ge 1 ] || { echo "usage: tests/ecosystem/run.sh BUILD_FOLDER [PATTERN]" >&2; exit 64; }
if [ -z "${NUDGE_PYTHON:-}" ]; then
  echo "skipped: NUDGE_PYTHON names no Python with transformers"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
fi
# shellcheck disable=SC2086
$NUDGE_PYTHON -c 'import tokenizers, torch, transformers
print("transformers", transformers.__version__, "tokenizers", tokenizers.__version__, "torch", torch.__version__)' || {
  echo "run.sh: NUDGE_PYTHON runs no Python with transformers, torch and tokenizers" >&2
  exit 66
}
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BIN=$(cd "$1/bin" && pwd)
pattern=${2:-*}
PATH=$BIN:$PATH
python_root=${NUDGE_PYTHON_ROOT:-}
mkdir -p "$python_root/tmp"
scratch=$(mktemp -d "$python_root/tmp/nudge-ecosystem.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 75' INT TERM
CASES=$scratch/passed-and-failed
export ROOT BIN PATH CASES
: > "$CASES"
# Models so small gain nothing from threads.
OMP_NUM_THREADS=1
export OMP_NUM_THREADS
. "$ROOT/tests/tools/lib.sh"
cp "$ROOT"/tests/ecosystem/*.py "$scratch"
cd "$scratch"
python() {  # SCRIPT ARGUMENT...
  script=$1
  shift
  # shellcheck disable=SC2086
  $NUDGE_PYTHON "${scratch#"$python_root"}/$script" "$@"
}

# all_of FILE CONDITION: a jq condition holds of every record; there is one at least.
all_of() {
  jq -es "length > 0 and all($2)" "$1" > /dev/null && return 0
  jq -c "select($2 | not) | {prompt, prompt_ids, response_ids, response, reward, logprobs, ref_logprobs, want}" "$1" |
    head -n 4 | cut -c 1-900
  return 1
}
# Honest float32 differs from float64 by 1e-5 at most in these models.
near() { echo "(($1) - ($2) | fabs < 5e-5)"; }
all_near() { echo "((($1) | length) == (($2) | length) and ([$1, $2] | transpose | all(.[0] - .[1] | fabs < 5e-5)))"; }

greedy_is_theirs() {
  rollout -q --policy "made/$1/model" --temperature 0 --max-tokens 10 "made/$1/greedy.jsonl" > got
  all_of got ".prompt_ids == .want.prompt_ids and .response_ids == .want.ids"
  all_of got "$(all_near .logprobs .want.logprobs)"
}
text_is_theirs() { all_of got ".want.text == null or .response == .want.text"; }
logprobs_are_theirs() {
  score -q --ref "made/$1/model" "made/$1/given.jsonl" > got
  all_of got "$(all_near .ref_logprobs .want)"
}
ids_are_theirs() {
  rollout -q --policy "made/$1/model" --max-tokens 1 "made/$1/ids.jsonl" > got
  all_of got ".prompt_ids == .want"
}
dialogues_are_theirs() {
  rollout -q --policy "made/$1/model" --max-tokens 1 "made/$1/dialogues.jsonl" > got
  all_of got ".prompt == .want.text and .prompt_ids == .want.ids"
}
dialogues_of_a_day_are_theirs() {
  rollout -q --policy "made/$1/model" --max-tokens 1 --chat-date 2026-11-30 "made/$1/dated.jsonl" > got
  all_of got ".prompt == .want.text and .prompt_ids == .want.ids and .chat_date == \"2026-11-30\""
}
refuses_what_theirs_refuses() {
  while read -r line; do
    printf '%s\n' "$line" > refused.jsonl
    jq -r .want refused.jsonl > words
    expect_status 65 rollout -q --policy "made/$1/model" --max-tokens 1 refused.jsonl
    grep -qFf words err || { jq -c .prompt refused.jsonl; cat words err; return 1; }
  done < "made/$1/refused.jsonl"
}
rewards_are_theirs() {
  score -q --reward-model "made/$1/model" "made/$1/scores.jsonl" > got
  all_of got "$(near .reward .want) and $(near .reward .want_batched)"
}
refused_by_name() {
  expect_status 65 rollout -q --policy "made/$1/model" "made/$1/greedy.jsonl"
  expect_stderr "$(cat "made/$1/refusal")"
}
is_read() { rollout -q --policy "made/$1/model" --max-tokens 1 "made/$1/greedy.jsonl" > got 2>&1; }
pairs_are_theirs() {
  score -q --reward-model "made/$1/model" "made/$1/pairs.jsonl" > got
  all_of got "$(near .chosen_reward '.want[0]') and $(near .rejected_reward '.want[1]')"
}
read_case() {
  if [ -e "made/$1/not-made" ]; then
    echo "failed" >> "$CASES"
    echo "failed: $1: transformers doesn't take it: $(cut -c 1-300 "made/$1/not-made")"
  elif [ -e "made/$1/refusal" ] && ! is_read "$1"; then
    ok "$1: refused by name" refused_by_name "$1"
  elif [ -e "made/$1/scores.jsonl" ]; then
    ok "$1: rewards, single and in a batch" rewards_are_theirs "$1"
    ok "$1: rewards of pairs" pairs_are_theirs "$1"
  else
    ok "$1: greedy tokens and their log-probs" greedy_is_theirs "$1"
    ok "$1: the text of the response" text_is_theirs "$1"
    ok "$1: log-probs of given tokens" logprobs_are_theirs "$1"
    ok "$1: ids of texts" ids_are_theirs "$1"
    [ -e "made/$1/dialogues.jsonl" ] || return 0
    ok "$1: texts and ids of dialogues" dialogues_are_theirs "$1"
    [ ! -s "made/$1/refused.jsonl" ] || ok "$1: dialogues that are refused" refuses_what_theirs_refuses "$1"
    [ ! -e "made/$1/dated.jsonl" ] || ok "$1: dialogues of a day" dialogues_of_a_day_are_theirs "$1"
  fi
}

# The other direction: what nudge writes, with records of it for load_folders.py, in written/NAME.
tuned='--lr 1e-3 --epochs 1 --batch 8'
make_texts() {
  jq -nc '("film", "play", "book", "song", "cast", "end") as $noun | ("good", "bad", "fine", "dull") as $word
    | {text: "The \($noun) was \($word), and the \($word) \($noun) was Käse."}' > texts.jsonl
  jq -nc '("film", "play", "book") as $noun
    | {prompt: "The \($noun) was", chosen: " good.", rejected: " bad, \($noun)"}' > pairs.jsonl
  jq -nc '"The film was", "A song", "Brötchen", "The play was good, and" | {prompt: .}' > prompts.jsonl
}
sampled() {  # NAME: a language model
  rollout -q --policy "$1/model" -n 2 --max-tokens 8 --seed 3 prompts.jsonl -o "$1/sampled.jsonl"
  rollout -q --policy "$1/model" --temperature 0 --max-tokens 10 prompts.jsonl -o "$1/greedy.jsonl"
}
# What reward models judge: answers that end with each of a few tokens, the special ones among them.
scored() {  # NAME [CONFIG]: a reward model, and the config.json of its base
  jq -nc --slurpfile c "${2:-$1/model/config.json}" '
    [[], [$c[0].eos_token_id | if type == "array" then .[0] else . end], [$c[0].pad_token_id]] as [$plain, $eos, $pad]
    | [(5, 9, 40) as $n | ($plain, $eos, $pad, $eos + $pad) as $last | {$n, $last}] | to_entries[]
    | {id: "\(.key)", prompt_ids: [range(10; 10 + .value.n)], finish: "stop",
       response_ids: ([21, 22, 23] + (.value.last | map(select(. != null and . >= 0))))}' |
    score -q --reward-model "$1/model" > "$1/scored.jsonl"
}
into() { mkdir -p "written/$1"; echo "written/$1/model"; }

write_anew() {  # CASE: its folder as sft-train and rm-train write it without a step
  if [ -e "made/$1/scores.jsonl" ]; then
    rm-train -q --init "made/$1/model" --epochs 0 pairs.jsonl -o "$(into "$1")"
    scored "written/$1"
  else
    sft-train -q --init "made/$1/model" --epochs 0 -o "$(into "$1")"
    sampled "written/$1"
    [ ! -e "made/$1/dialogues.jsonl" ] || chatted "written/$1" "made/$1/dialogues.jsonl"
  fi
}
chatted() {  # NAME RECORDS OPTION...: dialogues as the language model in it has them
  name=$1 records=$2
  shift 2
  rollout -q --policy "$name/model" --max-tokens 1 "$@" "$records" > "$name/chats.jsonl"
}
carry_template_on() {  # CASE: in a policy and a reward model from it
  write_policy "$1-policy" "made/$1/model" --critic shared
  chatted "written/$1-policy" "made/$1/dialogues.jsonl"
  rm-train -q --init "made/$1/model" --epochs 0 pairs.jsonl -o "$(into "$1-rm")"
  scored "written/$1-rm"
  cp "written/$1/chats.jsonl" "written/$1-rm"
}
write_format() {  # CASE FORMAT: another template in the place of its own
  sft-train -q --init "made/$1/model" --epochs 0 --chat-format "$2" -o "$(into "$1-as-$2")"
  [ -s "written/$1-as-$2/model/chat_template.jinja" ]
  sampled "written/$1-as-$2"
  jq -nc 'def said(f): [foreach f as $x (-1; . + 1; {role: ["user", "assistant"][. % 2], content: $x})];
    {role: "system", content: " Be kind. "} as $kind
    | said("Hi", "<think>\nhm\n</think>\n\nHello. ", " How?\n") as $three
    | said(" Hi "), [$kind] + said("Hi"), $three, [$kind] + $three | {prompt: ., asked: {prompt: .}}' > plain.jsonl
  chatted "written/$1-as-$2" plain.jsonl
  rollout -q --policy "made/$1/model" --chat-format "$2" --max-tokens 1 plain.jsonl | jq -c .prompt > want
  jq -c .prompt "written/$1-as-$2/chats.jsonl" | cmp - want
}
write_in_other_ways() {  # FAMILY FOLDER: a language model
  for store in bf16 f16; do
    sft-train -q --init "$2" --epochs 0 --store $store -o "$(into "$1-in-$store")"
    sampled "written/$1-in-$store"
  done
  # shellcheck disable=SC2086
  sft-train -q --init "$2" $tuned texts.jsonl -o "$(into "$1-tuned")"
  sampled "written/$1-tuned"
}
# Gemma 3's sixth layer is the first without a window; transformers warns of a model that has none.
layers_of() { case $1 in gemma3_text) echo 6 ;; *) echo 2 ;; esac; }
write_new() {  # FAMILY
  # shellcheck disable=SC2086
  sft-train -q --init new --family "$1" --layers "$(layers_of "$1")" --width 64 --heads 4 --context 64 --vocab 300 $tuned texts.jsonl \
    -o "$(into "new-$1")"
  sampled "written/new-$1"
}
write_shards() {  # FAMILY
  sft-train -q --init new --family "$1" --layers "$(layers_of "$1")" --width 160 --heads 4 --context 64 --vocab 300 --epochs 0 \
    texts.jsonl -o "large-$1"
  sft-train -q --init "large-$1" --epochs 0 --shard-size 1 -o "$(into "new-$1-shards")"
  [ -e "written/new-$1-shards/model/model.safetensors.index.json" ]
  sampled "written/new-$1-shards"
  sft-train -q --init "large-$1" --epochs 0 --shard-size 1 --store bf16 -o "$(into "new-$1-bf16-shards")"
  sampled "written/new-$1-bf16-shards"
}
write_reward_models() {  # NAME FOLDER: from a language model, and from that reward model
  # shellcheck disable=SC2086
  rm-train -q --init "$2" $tuned pairs.jsonl -o "$(into "$1-rm")"
  # shellcheck disable=SC2086
  rm-train -q --init "written/$1-rm/model" $tuned --normalize-std pairs.jsonl -o "$(into "$1-rm-again")"
  scored "written/$1-rm"
  scored "written/$1-rm-again"
}
write_policy() {  # NAME FOLDER OPTION...: an iteration of PPO from a language model
  name=$1 policy=$2
  shift 2
  rollout -q --policy "$policy" -n 2 --max-tokens 8 prompts.jsonl |
    jq -c '.reward = (.response | length)' > rolled.jsonl
  ppo-step -q --policy "$policy" --kl-beta 0 "$@" rolled.jsonl -o "$(into "$name")"
  sampled "written/$name"
  [ -e "written/$name/model/critic/config.json" ] || return 0
  mkdir "written/$name-critic"
  ln -s "../$name/model/critic" "written/$name-critic/model"
  scored "written/$name-critic"
  rollout -q --policy "written/$name/model" --max-tokens 8 prompts.jsonl | jq -c '.reward = 1' |
    ppo-step -q --policy "written/$name/model" --kl-beta 0 --dry-run > "written/$name-critic/values.jsonl"
}

mkdir made written
skipped=0
ok "transformers makes folders" python make_folders.py "${scratch#"$python_root"}/made" "$pattern"
names=$(ls made)
for name in $names; do
  read_case "$name"
done

make_texts
for name in $names; do
  [ -e "made/$name/not-made" ] || [ -e "made/$name/refusal" ] || ok "$name: is written anew" write_anew "$name"
done
for name in $names; do
  [ ! -e "made/$name/dialogues.jsonl" ] || ok "$name: what comes from it has its template" carry_template_on "$name"
done
# Over a template in a file, and over several in tokenizer_config.json, of a tokenizer that has no bos_token.
for format in chatml qwen2 qwen2.5 smollm2 qwen3 llama2 llama3 llama3.1 zephyr alpaca; do
  case $format in *llama*|alpaca) over="chat-llama2" ;; *) over="chat-llama2 chat-list" ;; esac
  for name in $over; do
    [ ! -e "made/$name" ] || ok "$name: is written with the template $format" write_format "$name" $format
  done
done
families="gpt2 llama mistral qwen2 qwen3 gpt_neox gemma gemma2 gemma3_text smollm3 olmo2 granite phi3 opt gpt_neo"
for family in $families; do
  if [ -e "made/$family-f32" ]; then
    ok "$family: is written in other ways" write_in_other_ways $family "made/$family-f32/model"
    ok "$family: reward models from it" write_reward_models $family "made/$family-f32/model"
    ok "$family: a policy from it" write_policy $family-policy "made/$family-f32/model" \
      --critic-init "made/$family-f32/model"
  fi
  case new-$family in $pattern) ;; *) continue ;; esac
  ok "new $family" write_new $family
  ok "new $family: in shards" write_shards $family
  ok "new $family: reward models from it" write_reward_models new-$family "written/new-$family/model"
  ok "new $family: a policy, its critic" write_policy new-$family-policy "written/new-$family/model" \
    --critic-init "written/new-$family-rm/model"
  ok "new $family: a policy with a shared critic" write_policy new-$family-shared "written/new-$family/model" \
    --critic shared
done
# shellcheck disable=SC2254
case $pattern in adapter-*|\*) . "$ROOT/tests/ecosystem/adapters.sh" ;; esac
# shellcheck disable=SC2254
case data-parquet in $pattern) . "$ROOT/tests/ecosystem/parquet.sh" ;; esac
# shellcheck disable=SC2254
case tensorboard in $pattern) . "$ROOT/tests/ecosystem/events.sh" ;; esac
python load_folders.py "${scratch#"$python_root"}/written" > verdicts ||
  echo "failed load_folders.py: status $?" >> verdicts
cut -d ' ' -f 1 verdicts >> "$CASES"
grep '^failed' verdicts || :

passed=$(grep -c passed "$CASES" || :)
failed=$(grep -c failed "$CASES" || :)
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
