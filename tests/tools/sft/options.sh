# Each option does something: other values make other weights, and defaults are what they say.
. "$ROOT/tests/tools/sft/data.inc"
new -o base
jq -c '{prompt: .text[0:20], completion: .text[20:40]}' text.jsonl > qa.jsonl
tune() { folder=$1; shift; sft-train -q --init base --batch 8 --lr 1e-3 "$@" text.jsonl -o "$folder"; }
tune plain

changes() { n=$(echo "$*" | tr -dc a-z0-9); tune "$n" "$@"; differ plain "$n"; }
for option in "--epochs 2" "--epochs 0.5" "--batch 9" "--lr 2e-3" "--schedule linear" "--schedule cosine" "--warmup 3" \
              "--beta1 0.8" "--beta2 0.9" "--eps 1e-3" "--weight-decay 0.3" "--max-norm 0.01" "--seed 1"; do
  ok "$option makes other weights" changes $option
done

defaults_are_as_told() {
  tune told --epochs 1 --schedule constant --warmup 0 --min-lr 0 --beta1 0.9 --beta2 0.999 --eps 1e-8 --weight-decay 0 \
    --max-norm 1 --seed 0 --loss-on completion --too-long fail --dtype f32
  weights plain told
  sft-train -q --init base text.jsonl -o bare
  sft-train -q --init base --batch 32 --lr 1e-4 text.jsonl -o bare_told
  weights bare bare_told
}
least_rate_is_kept() {
  tune lin --schedule linear --metrics lin.m --epochs 2
  tune lin_min --schedule linear --min-lr 0.5 --metrics lin_min.m --epochs 2
  differ lin lin_min
  # The rate of the last of N steps: 1/N of the way to go is left.
  jq -es '(length) as $n | (.[-1].lr / 1e-3 - 1 / $n | fabs) < 1e-6' lin.m
  jq -es '(length) as $n | (.[-1].lr / 1e-3 - (0.5 + 0.5 / $n) | fabs) < 1e-6' lin_min.m
}
warm_up_rises() {
  tune warm --warmup 3 --metrics warm.m
  jq -es '[.[0:4][].lr / 1e-3] | [.[0] - 0.25, .[1] - 0.5, .[2] - 0.75, .[3] - 1] | all(fabs < 1e-6)' warm.m
}
max_norm_0_clips_nothing() { tune free --max-norm 0; tune wide --max-norm 1000; weights free wide; tune tight --max-norm 0.01; differ free tight; }
loss_on_all_counts_prompts() {
  sft-train -q --init base --metrics c.m qa.jsonl -o c
  sft-train -q --init base --loss-on all --metrics a.m qa.jsonl -o a
  differ c a
  [ "$(jq -s 'map(.tokens) | add' a.m)" -gt "$(jq -s 'map(.tokens) | add' c.m)" ]
}
sizes_are_obeyed() {
  for size in layers=2 width=26 context=50 vocab=285 heads=4; do
    name=${size%=*} value=${size#*=}
    sft-train -q --init new $small "--$name" "$value" --epochs 0 text.jsonl -o "by_$name"
    case $name in layers) key=n_layer ;; width) key=n_embd ;; context) key=n_positions ;; heads) key=n_head ;; vocab) key=vocab_size ;; esac
    jq -e ".$key == $value" "by_$name/config.json"
  done
}
families_are_obeyed() {
  for family in llama mistral qwen2 qwen3 olmo2 gemma gemma2 gemma3_text; do
    sft-train -q --init new --family $family $small --kv-heads 1 --inner 40 --epochs 0 text.jsonl -o "f_$family"
    jq -e --arg f $family '.model_type == $f and .num_key_value_heads == 1 and .intermediate_size == 40 and
      .tie_word_embeddings' "f_$family/config.json"
  done
  sft-train -q --init new --family gpt_neox $small --width 32 --epochs 0 text.jsonl -o f_neox
  jq -e '.model_type == "gpt_neox" and .intermediate_size == 128' f_neox/config.json
  sft-train -q --init new --family llama $small --epochs 1 text.jsonl -o f_usual
  jq -e '.num_key_value_heads == 2 and .intermediate_size == 64' f_usual/config.json
  echo '{"prompt":"the film"}' | rollout -q --policy f_usual --max-tokens 4 | jq -es 'length == 1'
  sft-train -q --init new --family qwen3 $small --head-dim 6 --epochs 0 text.jsonl -o f_heads
  jq -e '.head_dim == 6' f_heads/config.json
  expect_status 64 sft-train --init new $small --head-dim 6 text.jsonl -o f_no_heads
  expect_stderr 'error: --head-dim: a head of gpt2 has width / heads channels'
  expect_status 64 sft-train --init new --family llama $small --head-dim 5 text.jsonl -o f_odd
  expect_stderr 'error: --head-dim 5: llama would rotate 5 channels of a head, which must be pairs'
  sft-train -q --init new --inner 50 $small --epochs 0 text.jsonl -o f_gpt2
  jq -e '.model_type == "gpt2" and .n_inner == 50' f_gpt2/config.json
}
seed_makes_the_new_model() { new --epochs 0 -o s0; new --epochs 0 --seed 1 -o s1; differ s0 s1; }
too_long_is_skipped() {
  { cat qa.jsonl; echo "{\"prompt\":\"a\",\"completion\":\"$(printf 'x%.0s' $(seq 60))\"}"; } > long.jsonl
  expect_status 65 sft-train --init base long.jsonl -o long
  expect_stderr 'long.jsonl: record 61: prompt and completion have 6[0-9] tokens, more than the context of 48'
  expect_stderr '^sft-train: hint: .*--too-long skip'
  absent long
  expect_status 0 sft-train --init base --too-long skip long.jsonl -o long
  expect_stderr '^sft-train: warning: the input: 1 of 61 records are too long'
  sft-train -q --init base qa.jsonl -o short
  weights long short
  expect_status 0 sft-train --init base --too-long skip --held-out long.jsonl qa.jsonl -o unseen
  expect_stderr '^sft-train: warning: long.jsonl: 1 of 61 records are too long'
}
salvage_takes_what_is_whole() {
  { cat unseen.jsonl; printf '{"text": "cut o'; } > plain.jsonl
  expect_status 65 sft-train --init base plain.jsonl -o salvaged
  expect_status 0 sft-train --init base --salvage plain.jsonl -o salvaged
  expect_stderr 'warning'
}
stdin_is_read() { tune from_stdin_ref; sft-train -q --init base --batch 8 --lr 1e-3 -o from_stdin < text.jsonl; weights from_stdin from_stdin_ref; }
several_files_are_one() {
  head -n 30 text.jsonl > one.jsonl; tail -n +31 text.jsonl > two.jsonl
  sft-train -q --init base --batch 8 --lr 1e-3 one.jsonl two.jsonl -o parts
  weights plain parts
}

least_rate_without_a_fall() {
  for words in "--min-lr 0.1" "--schedule constant --min-lr 0.1"; do
    expect_status 64 sft-train --init base $words text.jsonl -o bad
    expect_misuse
    expect_stderr "^sft-train: error: --min-lr: --schedule constant doesn't decay"
    absent bad
  done
}
loss_on_is_of_prompts() {
  expect_status 0 sft-train -q --init base --loss-on all text.jsonl -o texts
  expect_stderr '^sft-train: warning: --loss-on did nothing: no record has a prompt, .*; leave it out, or give '
  [ "$(wc -l < err)" = 1 ]
  expect_status 0 sft-train -q --init base --loss-on all qa.jsonl -o prompts
  expect_no_warning
  { cat text.jsonl; head -n 1 qa.jsonl; } > one.jsonl
  expect_status 0 sft-train -q --init base --loss-on all one.jsonl -o one
  expect_no_warning
  expect_status 0 sft-train -q --init base --loss-on all --held-out qa.jsonl text.jsonl -o seen
  expect_no_warning
  expect_status 0 sft-train -q --init base text.jsonl -o bare2
  expect_no_warning
}

ok "--min-lr without a schedule that falls is misuse" least_rate_without_a_fall
ok "--loss-on without a prompt says that it did nothing" loss_on_is_of_prompts
ok "defaults are what the help says" defaults_are_as_told
ok "--min-lr is the fraction that the rate falls to" least_rate_is_kept
ok "--warmup raises the rate evenly" warm_up_rises
ok "--max-norm 0 clips nothing" max_norm_0_clips_nothing
ok "--loss-on all counts the prompts' tokens" loss_on_all_counts_prompts
ok "the sizes of a new model are obeyed" sizes_are_obeyed
ok "a new model is of the family asked for" families_are_obeyed
ok "the seed makes the new model's weights" seed_makes_the_new_model
ok "--too-long skip leaves out and says so, fail names the record" too_long_is_skipped
ok "--salvage takes what is whole and warns" salvage_takes_what_is_whole
ok "the text may come from stdin" stdin_is_read
ok "several files are read as one" several_files_are_one
