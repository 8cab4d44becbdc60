# Sourced by run.sh: PEFT's adapters here, and ours in PEFT. Without PEFT they are skipped.
# shellcheck shell=sh disable=SC2154

# PEFT's folders: read_case has the checks of log-probs, greedy texts and rewards.
merge_adapter() {  # CASE
  sft-train -q --init "made/$1/model" --epochs 0 --merge -o "$(into "$1-merged")"
  sampled "written/$1-merged"
}
adapted() { mkdir -p "adapted/$1"; echo "adapted/$1/model"; }
continue_adapter() {  # CASE: trained on here, and written anew
  if [ -e "made/$1/scores.jsonl" ]; then
    # shellcheck disable=SC2086
    rm-train -q --init "made/$1/model" $tuned --base-name "bases/$2" pairs.jsonl -o "$(adapted "$1")"
    scored "adapted/$1" "bases/$2/config.json"
  else
    # shellcheck disable=SC2086
    sft-train -q --init "made/$1/model" $tuned --base-name "bases/$2" texts.jsonl -o "$(adapted "$1")"
    sampled "adapted/$1"
  fi
}

new_adapters() {  # FAMILY: a policy and a reward model, then PPO of the base and of that policy, each with its critic
  # shellcheck disable=SC2086
  sft-train -q --init "bases/$1" $tuned --lora-rank 3 --lora-alpha 5 --lora-rslora texts.jsonl -o "$(adapted "$1-sft")"
  sampled "adapted/$1-sft"
  # shellcheck disable=SC2086
  rm-train -q --init "bases/$1" $tuned --lora-rank 2 --lora-targets attention --normalize-std pairs.jsonl \
    -o "$(adapted "$1-rm")"
  scored "adapted/$1-rm" "bases/$1/config.json"
  ppo_adapter "$1-ppo" "bases/$1" "bases/$1" --lora-rank 2 --critic-init "bases/$1"
  ppo_adapter "$1-ppo-shared" "bases/$1" "bases/$1" --lora-rank 2 --critic shared
  ppo_adapter "$1-ppo-again" "bases/$1" "adapted/$1-sft/model" --critic-init "adapted/$1-rm/model"
}
ppo_adapter() {  # NAME BASE POLICY OPTION...
  name=$1 base=$2 policy=$3
  shift 3
  rollout -q --policy "$policy" -n 2 --max-tokens 8 prompts.jsonl | jq -c '.reward = (.response | length)' > rolled.jsonl
  ppo-step -q --policy "$policy" --kl-beta 0 "$@" rolled.jsonl -o "$(adapted "$name")"
  sampled "adapted/$name"
  [ -e "adapted/$name/model/critic/adapter_config.json" ] || return 0
  mkdir "adapted/$name-critic"
  ln -s "../$name/model/critic" "adapted/$name-critic/model"
  scored "adapted/$name-critic" "$base/config.json"
  rollout -q --policy "adapted/$name/model" --max-tokens 8 prompts.jsonl | jq -c '.reward = 1' |
    ppo-step -q --policy "adapted/$name/model" --kl-beta 0 --dry-run > "adapted/$name-critic/values.jsonl"
}

# shellcheck disable=SC2086
if ! $NUDGE_PYTHON -c 'import peft; print("peft", peft.__version__)' 2> /dev/null; then
  echo "skipped: adapters: NUDGE_PYTHON has no peft"
  skipped=$((skipped + 1))
  return 0
fi
mkdir bases adapted
here=${scratch#"$python_root"}
ok "PEFT makes adapters" python make_adapters.py "$here/made" "$here/bases" "$pattern"
for family in gpt2 llama mistral qwen2 qwen3 gpt_neox; do
  for name in made/adapter-"$family"-*; do
    [ -e "$name" ] || continue
    name=${name#made/}
    read_case "$name"
    [ -e "made/$name/scores.jsonl" ] || ok "$name: is merged" merge_adapter "$name"
    ok "$name: is trained on" continue_adapter "$name" "$family"
  done
  [ ! -e "bases/$family" ] || ok "$family: new adapters" new_adapters "$family"
done
python load_adapters.py "$here/adapted" "$here/made" "$here/written" > adapter-verdicts ||
  echo "failed load_adapters.py: status $?" >> adapter-verdicts
cut -d ' ' -f 1 adapter-verdicts >> "$CASES"
grep '^failed' adapter-verdicts || :
