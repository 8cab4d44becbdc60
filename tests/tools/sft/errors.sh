# What can be wrong, with its status and words.
. "$ROOT/tests/tools/sft/data.inc"
new --epochs 0 -o base

refused() {  # status pattern, input on stdin
  wanted_status=$1 pattern=$2
  expect_status "$wanted_status" sft-train --init base -o bad
  expect_stderr "$pattern"
  absent bad
}
neither_field() { echo '{"a":1}' | refused 65 'error: stdin: record 1: must have either "text" or "prompt" and "completion"'; }
both_fields() { echo '{"text":"a","prompt":"b","completion":"c"}' | refused 65 'record 1: must have either'; }
no_prompt() { echo '{"completion":"a"}' | refused 65 'record 1: field "prompt" is missing'; }
wrong_type() { printf '{"text":"ab"}\n{"text":7}\n' | refused 65 'record 2: field "text"'; }
null_text() {
  echo '{"text":null}' | refused 65 'record 1: field "text" is null'
  echo '{"prompt":"a","completion":null}' | refused 65 'record 1: field "completion" is null'
  expect_stderr 'hint: .*select\(.completion != null\)'
}
not_a_number() { echo '{"text":"ab","x":NaN}' | refused 65 'record 1'; }
not_json() { echo '{hello}' | refused 65 'record 1'; echo 'hello' | refused 65 'stdin: is plain text'; }
empty_input() { : | refused 65 'stdin'; }
bad_utf8() { printf '{"text":"a\377b"}\n' | refused 65 'record 1'; }
id_twice() { printf '{"id":"x","text":"ab"}\n{"id":"x","text":"cd"}\n' | refused 65 'stdin: record 2: duplicate id "x"'; }
id_number() { echo '{"id":7.5,"text":"ab"}' | refused 65 'record 1: field "id" must be a string or an integer'; }
nothing_to_predict() { echo '{"text":""}' | refused 65 'the input: holds no token to predict'; }

bad_held_out() {
  echo '{"text":5}' > bad.jsonl
  expect_status 65 sft-train --init base --held-out bad.jsonl text.jsonl -o bad
  expect_stderr 'bad.jsonl: record 1: field "text"'
  expect_status 66 sft-train --init base --held-out none.jsonl text.jsonl -o bad
  absent bad
}
no_such_input() { expect_status 66 sft-train --init base none.jsonl -o bad; expect_stderr 'none.jsonl'; absent bad; }
no_such_model() { expect_status 66 sft-train --init none text.jsonl -o bad; expect_stderr 'none: no such model folder'; absent bad; }
model_without() {
  for f in config.json model.safetensors tokenizer.json; do
    rm -rf broken && cp -r base broken && rm broken/$f
    expect_status 66 sft-train --init broken text.jsonl -o bad
    expect_stderr "broken/$f"
  done
  absent bad
}
no_output() { expect_status 64 sft-train --init base text.jsonl; expect_misuse; expect_stderr '--output is required'; }
no_init() { expect_status 64 sft-train text.jsonl -o bad; expect_misuse; expect_stderr '--init is required'; }
output_is_stdout() { expect_status 64 sft-train --init base text.jsonl -o -; expect_misuse; }
output_exists() {
  mkdir there && echo keep > there/file
  expect_status 73 sft-train --init base text.jsonl -o there
  expect_stderr '^sft-train: error: there: exists already$'
  [ "$(cat there/file)" = keep ]
  echo file > plain
  expect_status 73 sft-train --init base text.jsonl -o plain
}
no_parent() { expect_status 73 sft-train --init base text.jsonl -o no/such/folder; expect_stderr 'no/such'; }
output_in_circle() {
  ln -s circle circle
  for o in circle circle/sub "$(printf 'n%.0s' $(seq 300))"; do
    expect_status 73 sft-train --init base --epochs 0 text.jsonl -o "$o"
  done
}
metrics_nowhere() { expect_status 73 sft-train --init base --metrics no/such/m text.jsonl -o bad; absent bad; }
metrics_in_input() {  # which stays as it was
  for f in text.jsonl more.jsonl; do
    cp text.jsonl more.jsonl
    expect_status 64 sft-train --init base --metrics $f --held-out more.jsonl text.jsonl -o bad
    expect_misuse
    expect_stderr "$f: is an input as well"
    cmp text.jsonl more.jsonl
  done
  status_of sft-train --init base --metrics more.jsonl -o bad < more.jsonl
  [ $status = 64 ]
  absent bad
}
sizes_need_new() {
  for o in --layers --width --heads --kv-heads --inner --context --vocab; do
    expect_status 64 sft-train --init base $o 300 text.jsonl -o bad
    expect_misuse
    expect_stderr "error: $o is for a new model"
  done
}
heads_divide() { expect_status 64 sft-train --init new --width 30 --heads 4 text.jsonl -o bad; expect_stderr '--width 30 is not a multiple of --heads 4'; }
heads_fit_the_family() {
  refused() { expect_status 64 sft-train --init new "$@" text.jsonl -o bad; }
  refused --kv-heads 2
  expect_stderr '--kv-heads: each head of gpt2 has keys and values of its own'
  refused --family llama --heads 4 --kv-heads 3
  expect_stderr '--heads 4 is not a multiple of --kv-heads 3'
  refused --family llama --width 36 --heads 4
  expect_stderr '--width 36 and --heads 4: llama would rotate 9 channels of a head'
  refused --family gpt_neox --width 48 --heads 4
  expect_stderr 'gpt_neox would rotate 3 channels of a head'
  refused --family bert
  expect_misuse
  expect_status 64 sft-train --init base --family llama text.jsonl -o bad
  expect_stderr 'error: --family is for a new model'
}
warmup_too_long() { expect_status 64 sft-train --init base --schedule linear --warmup 1000 text.jsonl -o bad; expect_stderr 'warm-up'; absent bad; }
other_dtype() { expect_status 64 sft-train --init base --dtype f16 text.jsonl -o bad; expect_stderr "'f16' is not f32 or bf16"; }
divergence_is_told() {
  expect_status 65 sft-train --init base --lr 1000 --weight-decay 1e30 --epochs 5 text.jsonl -o bad
  expect_stderr 'error: (step [0-9]+: )?training has diverged: .* is not finite$'
  absent bad
}
reward_model_is_refused() {
  needs rm-train
  echo '{"prompt":"a","chosen":"b","rejected":"c"}' > p.jsonl
  rm-train -q --init base p.jsonl -o rm
  expect_status 65 sft-train --init rm text.jsonl -o bad
  expect_stderr 'rm/config.json: "architectures" says that this is a reward model, not a language model'
}

ok "neither text nor completion" neither_field
ok "text and completion both" both_fields
ok "a completion without its prompt" no_prompt
ok "a field of another type" wrong_type
ok "null is not a string" null_text
ok "NaN is no JSON" not_a_number
ok "what is no JSON" not_json
ok "an empty input" empty_input
ok "text that is not UTF-8" bad_utf8
ok "an id that appears twice" id_twice
ok "an id that is a number, but no integer" id_number
ok "input without a token to predict" nothing_to_predict
ok "held-out records are checked, and have to be there" bad_held_out
ok "an input that is missing" no_such_input
ok "a model folder that is missing" no_such_model
ok "a model folder without one of its files" model_without
ok "-o is required" no_output
ok "--init is required" no_init
ok "a folder can't be written to stdout" output_is_stdout
ok "an output that exists stays as it is" output_exists
ok "an output whose parent is missing" no_parent
ok "an output whose path leads nowhere" output_in_circle
ok "metrics that can't be written" metrics_nowhere
ok "metrics that would go into an input" metrics_in_input
ok "sizes are for new models" sizes_need_new
ok "heads have to divide the width" heads_divide
ok "heads have to fit the family" heads_fit_the_family
ok "a warm-up longer than the training" warmup_too_long
ok "another dtype" other_dtype
ok "divergence is told with its step, and leaves no folder" divergence_is_told
ok "a reward model is no language model" reward_model_is_refused
