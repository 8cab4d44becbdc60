# Every way in which prompts and policies can be wrong: the status, and a message that names place and cause.
. "$ROOT/tests/tools/tiny.inc"
p0=$TINY/p0
# bad NAME STATUS PATTERN LINE...: the lines, one after a good prompt, are refused.
bad() {
  bad_pattern=$1
  printf '{"prompt":"the film was"}\n' > bad.jsonl
  printf '%b\n' "$2" >> bad.jsonl
  refused 65 "^rollout: error: bad.jsonl: record 2: $bad_pattern" rollout --policy "$p0" --max-tokens 2 bad.jsonl
}
ok "a prompt is missing" bad 'field "prompt" is missing' '{"id":"x"}'
ok "a prompt is a number" bad 'field "prompt" .*(text|string)' '{"prompt":7}'
null() { bad 'field "prompt" is null' '{"prompt":null}'; expect_stderr "hint: .*select\(.prompt != null\)"; }
ok "a prompt is null" null
ok "a prompt is empty" bad 'prompt is empty' '{"prompt":""}'
long_prompt() {
  bad 'prompt has [0-9]+ tokens, which leaves no room in the context of 64' \
    "{\"prompt\":\"$(printf 'zq%.0s' $(seq 40))\"}"
  expect_stderr '^rollout: hint: .*--too-long skip'
}
ok "a prompt is too long for the context" long_prompt
too_few_in_flight() {
  printf '{"prompt":"the film was"}\n{"prompt":"%s"}\n' "$(printf 'zq%.0s' $(seq 20))" > in_flight.jsonl
  rollout -q --policy "$p0" --max-tokens 2 --max-tokens-in-flight 32 "$TINY/prompts.jsonl" > x
  refused 65 '^rollout: error: in_flight.jsonl: record 2: prompt and response may come to 41 tokens in flight' \
    rollout --policy "$p0" --max-tokens 2 --max-tokens-in-flight 63 in_flight.jsonl
  rollout -q --policy "$p0" --max-tokens 2 --max-tokens-in-flight 64 in_flight.jsonl > x
}
ok "a prompt and its response are more than --max-tokens-in-flight" too_few_in_flight
ok "a prompt is no UTF-8" bad '.*UTF-8' '{"prompt":"a\0377b"}'
ok "a record is not JSON" bad '.*' '{"prompt":"x"'
ok "a record is not an object" bad '.*object' '["prompt"]'
ok "a field is NaN" bad '.*' '{"prompt":"x","own":NaN}'
ok "a field appears twice" bad '.*prompt' '{"prompt":"x","prompt":"y"}'
for id in 5.0 1e3 true '[1]' '{}'; do
  id_of_other_type() { bad 'field "id" must be a string or an integer' "{\"id\":$id,\"prompt\":\"x\"}"; }
  ok "an id is $id" id_of_other_type
done
id_hint() {
  printf '{"id":1.5,"prompt":"x"}\n' > bad.jsonl
  refused 65 'record 1: field "id" must be' rollout --policy "$p0" bad.jsonl
  eval "$(sed -n "s/.*hint: make it a string: //p" err)" < bad.jsonl | rollout -q --policy "$p0" --max-tokens 2 > x
  holds x 'map(.id) == ["1.5/0"]'
}
ok "and the line of jq in the hint makes it a string" id_hint
integer_twice() {
  printf '{"id":12,"prompt":"x"}\n{"id":"12","prompt":"y"}\n' > twice.jsonl
  refused 65 'twice.jsonl: record 2: duplicate id "12"' rollout --policy "$p0" twice.jsonl
}
ok "an integer and its text are the same id" integer_twice
id_twice() {
  printf '{"id":"a","prompt":"x"}\n{"id":"b","prompt":"x"}\n{"id":"a","prompt":"y"}\n' > twice.jsonl
  refused 65 'twice.jsonl: record 3: duplicate id "a"' rollout --policy "$p0" twice.jsonl
}
ok "an id appears twice" id_twice
number_is_taken() {
  printf '{"id":"1","prompt":"x"}\n{"prompt":"y"}\n' > taken.jsonl
  refused 65 'record 2: duplicate id "1"' rollout --policy "$p0" taken.jsonl
}
ok "an id is another prompt's number" number_is_taken
empty() {
  : > empty.jsonl
  refused 65 'empty.jsonl.*empty' rollout --policy "$p0" empty.jsonl
}
ok "the input is empty" empty
empty_pipe() { refused 65 'stdin.*empty' rollout --policy "$p0"; }
ok "standard input is empty" empty_pipe
truncated() {
  awk 'BEGIN { for (i = 0; i < 400; ++i) printf "{\"prompt\":\"a %d %d\"}\n", i, i * i * 7919 % 10007 }' |
    zstd -q > cut.zst
  head -c 900 cut.zst > cut
  refused 65 'cut.*truncated within a frame' rollout --policy "$p0" --max-tokens 1 cut -o cut.out
  [ ! -e cut.out ]
}
ok "compressed input is cut" truncated
unfinished() {
  rollout -qz --policy "$p0" -n 50 --max-tokens 2 "$TINY/prompts.jsonl" > whole.zst
  head -c $(($(wc -c < whole.zst) - 20)) whole.zst > part.zst
  refused 65 'part.zst' score --ref "$TINY/base" part.zst
}
ok "a stream of ours lacks its end" unfinished
salvaged() {
  printf '{"id":"a","prompt":"x"}\n' | zstd -q --no-check > good.zst
  { cat good.zst; printf '{"id":"b","prompt":"y"}\n' | zstd -q | head -c 20; } > damaged.zst
  refused 65 'damaged' rollout --policy "$p0" --max-tokens 2 damaged.zst
  expect_status 0 rollout --salvage --policy "$p0" --max-tokens 2 damaged.zst
  holds out 'map(.id) == ["a/0"]'
  expect_stderr '^rollout: warning: .*damaged'
}
ok "--salvage takes what is whole, and says what was lost" salvaged
no_input() { refused 66 'none.jsonl' rollout --policy "$p0" none.jsonl; }
ok "an input is missing" no_input
folder_as_input() { refused 66 "base" rollout --policy "$p0" "$TINY/base"; }
ok "an input is a folder" folder_as_input
no_policy() { refused 66 '^rollout: error: nowhere' rollout --policy nowhere "$TINY/prompts.jsonl"; }
ok "the policy is missing" no_policy
unreachable() {  # links in a circle, names that are too long, as the folder and within it
  ln -s circle circle
  refused 66 '^rollout: error: circle: .*symbolic links' rollout --policy circle "$TINY/prompts.jsonl"
  refused 66 'too long' rollout --policy "$(printf 'n%.0s' $(seq 300))" "$TINY/prompts.jsonl"
  for f in config.json model.safetensors tokenizer.json tokenizer_config.json generation_config.json; do
    rm -rf linked
    cp -r "$p0" linked
    rm -f linked/$f
    ln -s $f linked/$f
    refused 66 "linked/$f: .*symbolic links" rollout --policy linked "$TINY/prompts.jsonl"
  done
}
ok "the policy's path leads nowhere" unreachable
not_a_model() {
  mkdir -p hollow
  refused 66 'hollow.*config.json' rollout --policy hollow "$TINY/prompts.jsonl"
}
ok "the policy is no model folder" not_a_model
no_weights() {
  cp -r "$p0" weightless
  rm weightless/model.safetensors
  refused 66 'weightless.*safetensors' rollout --policy weightless "$TINY/prompts.jsonl"
}
ok "the policy has no weights" no_weights
no_tokenizer() {
  cp -r "$p0" mute
  rm mute/tokenizer.json
  refused 66 'mute.*tokenizer.json' rollout --policy mute "$TINY/prompts.jsonl"
}
ok "the policy has no tokenizer" no_tokenizer
cut_weights() {
  cp -r "$p0" short
  head -c 5000 "$p0/model.safetensors" > short/model.safetensors
  refused 65 'short/model.safetensors' rollout --policy short "$TINY/prompts.jsonl"
}
ok "the policy's weights are cut" cut_weights
huge_sizes() {  # told before memory is asked for
  for size in '.n_layer = 1000000' '.n_embd = 2147483648' '.n_embd = 1048576' '.vocab_size = 2147483647'; do
    rm -rf huge
    cp -r "$p0" huge
    jq "$size" "$p0/config.json" > huge/config.json
    refused 65 'huge/(config.json: "n_[a-z]*" is not a sensible size|model.safetensors: tensor .* has shape)' timeout 20 \
      rollout --policy huge "$TINY/prompts.jsonl"
  done
}
ok "the configuration's sizes are beyond every model" huge_sizes
not_finite() {  # the last weight, of the last token in the embedding: its logit is none
  cp -r "$p0" nan
  size=$(($(wc -c < nan/model.safetensors) - 4))
  printf '\000\000\300\177' | dd of=nan/model.safetensors bs=1 seek=$size conv=notrunc 2> dd.log
  for threads in 1 2; do
    refused 65 '^rollout: error: nan: sample film/0: the logits are not finite' rollout --policy nan \
      --threads $threads "$TINY/prompts.jsonl" -o nan.out
  done
  [ ! -e nan.out ]
}
ok "a weight is no number" not_finite
reward_model() { refused 65 'rm.*(ForSequenceClassification|language)' rollout --policy "$TINY/rm" \
  "$TINY/prompts.jsonl"; }
ok "the policy is a reward model" reward_model
no_policy_option() {
  expect_status 64 rollout "$TINY/prompts.jsonl"
  expect_misuse
  expect_stderr 'policy'
}
ok "--policy is left out" no_policy_option
dtype() {
  expect_status 64 rollout --policy "$p0" --dtype f16 "$TINY/prompts.jsonl"
  expect_misuse
  expect_stderr "'f16' is not f32 or bf16"
}
ok "the dtype is unknown" dtype
empty_stop() {
  expect_status 64 rollout --policy "$p0" --stop '' "$TINY/prompts.jsonl"
  expect_misuse
  expect_stderr 'stop.*empty'
}
ok "a stop text is empty" empty_stop
out_of_bounds() {
  for option in --max-tokens=9223372036854775807 --max-tokens=1048577 --samples=1048577 --samples=0; do
    expect_status 64 rollout --policy "$p0" "$option" "$TINY/prompts.jsonl"
    expect_misuse
    expect_stderr 'out of bounds'
  done
}
ok "a count is beyond its bounds" out_of_bounds
tiny_temperature() {
  for temperature in 1e-42 1e-38 0.00099; do
    expect_status 64 rollout --policy "$p0" --temperature $temperature "$TINY/prompts.jsonl"
    expect_misuse
    expect_stderr 'temperature: .* is below 0.001 and not 0'
    expect_stderr 'may overflow'
  done
  expect_status 64 rollout --policy "$p0" --temperature 100.5 "$TINY/prompts.jsonl"
  expect_misuse
}
ok "a temperature is too near to 0, or too high" tiny_temperature
bad_shard() {
  for shard in 3/3 -1/3 1 1/0 a/b 1/2/3; do
    expect_status 64 rollout --policy "$p0" "--shard=$shard" "$TINY/prompts.jsonl"
    expect_misuse
  done
}
ok "a shard is none" bad_shard
