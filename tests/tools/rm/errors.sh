# What can be wrong, with its status and words.
. "$ROOT/tests/tools/rm/data.inc"

refused() {  # pattern, input on stdin
  expect_status 65 rm-train --init base -o bad
  expect_stderr "$1"
  absent bad
}
metrics_in_input() {
  : > samples.jsonl
  cp train.jsonl kept.jsonl
  for f in train.jsonl unseen.jsonl samples.jsonl; do
    expect_status 64 rm-train --init base --metrics $f --held-out unseen.jsonl --normalize-on samples.jsonl \
      train.jsonl -o bad
    expect_misuse
    expect_stderr "$f: is an input as well"
  done
  cmp train.jsonl kept.jsonl
  absent bad
}
no_rejected() { echo '{"prompt":"a","chosen":"b"}' | refused 'error: stdin: record 1: field "rejected" is missing'; }
no_chosen() { echo '{"prompt":"a","rejected":"b"}' | refused 'record 1: field "chosen" is missing'; }
wrong_type() { printf '{"prompt":"a","chosen":"b","rejected":"c"}\n{"prompt":"a","chosen":1,"rejected":"c"}\n' | refused 'record 2: field "chosen"'; }
null_answer() {
  echo '{"prompt":"a","chosen":null,"rejected":"c"}' | refused 'record 1: field "chosen" is null'
  expect_stderr 'hint: .*select\(.chosen != null\)'
}
null_ranking_prompt() { echo '{"prompt":null,"responses":["b","c"]}' | refused 'record 1: field "prompt" is null'; }
margin_text() { echo '{"prompt":"a","chosen":"b","rejected":"c","margin":"much"}' | refused 'record 1: field "margin"'; }
not_a_number() { echo '{"prompt":"a","chosen":"b","rejected":"c","margin":NaN}' | refused 'record 1'; }
huge_margin() { echo '{"prompt":"a","chosen":"b","rejected":"c","margin":1e300}' | refused 'record 1: field "margin"'; }
one_answer() { echo '{"prompt":"a","responses":["b"]}' | refused 'record 1: field "responses" has fewer than two answers'; }
ranking_without_prompt() { echo '{"responses":["b","c"]}' | refused 'record 1: field "prompt" is missing'; }
pair_and_ranking() {
  echo '{"prompt":"a","chosen":"b","rejected":"c","responses":["c","b"]}' | refused 'record 1: has both "chosen" and "responses"'
}
answers_no_list() { echo '{"prompt":"a","responses":"b"}' | refused 'record 1: field "responses"'; }
empty_input() { : | refused 'stdin'; }
bad_utf8() { printf '{"prompt":"a\377","chosen":"b","rejected":"c"}\n' | refused 'record 1'; }
id_twice() { { cat train.jsonl; head -n 1 train.jsonl; } | refused 'stdin: record 49: duplicate id "p1"'; }
none_fits() {
  echo "{\"prompt\":\"a\",\"chosen\":\"$(printf 'x%.0s' $(seq 60))\",\"rejected\":\"b\"}" > long.jsonl
  expect_status 65 rm-train --init base --too-long skip long.jsonl -o bad
  expect_stderr 'the input: none of its preferences fits the context'
  absent bad
}
bad_held_out() {
  expect_status 66 rm-train --init base --held-out none.jsonl train.jsonl -o bad
  echo '{"prompt":"a"}' > bad.jsonl
  expect_status 65 rm-train --init base --held-out bad.jsonl train.jsonl -o bad
  expect_stderr 'bad.jsonl: record 1: field "chosen" is missing'
  absent bad
}
bad_samples() {
  expect_status 66 rm-train --init base --normalize-on none.jsonl train.jsonl -o bad
  echo '{"prompt_ids":[1]}' > bad.jsonl
  expect_status 65 rm-train --init base --normalize-on bad.jsonl train.jsonl -o bad
  expect_stderr 'bad.jsonl: record 1: field "response_ids" is missing'
  echo '{"prompt_ids":[1],"response_ids":[99999]}' > bad.jsonl
  expect_status 65 rm-train --init base --normalize-on bad.jsonl train.jsonl -o bad
  expect_stderr 'record 1: field "response_ids" contains token 99999'
  absent bad
}
no_such_input() { expect_status 66 rm-train --init base none.jsonl -o bad; expect_stderr 'none.jsonl'; absent bad; }
no_such_model() { expect_status 66 rm-train --init none train.jsonl -o bad; expect_stderr 'none: no such model folder'; }
model_without() {
  for f in config.json model.safetensors tokenizer.json; do
    rm -rf broken && cp -r base broken && rm broken/$f
    expect_status 66 rm-train --init broken train.jsonl -o bad
    expect_stderr "broken/$f"
  done
  absent bad
}
no_output() { expect_status 64 rm-train --init base train.jsonl; expect_misuse; expect_stderr '--output is required'; }
no_init() { expect_status 64 rm-train train.jsonl -o bad; expect_misuse; expect_stderr '--init is required'; }
output_exists() {
  mkdir there && echo keep > there/file
  expect_status 73 rm-train --init base train.jsonl -o there
  expect_stderr '^rm-train: error: there: exists already$'
  [ "$(cat there/file)" = keep ]
  expect_status 73 rm-train --init base train.jsonl -o base
}
no_parent() { expect_status 73 rm-train --init base train.jsonl -o no/such/folder; expect_stderr 'no/such'; }
divergence_is_told() {
  expect_status 65 rm-train --init base --lr 1000 --weight-decay 1e30 --epochs 5 train.jsonl -o bad
  expect_stderr 'error: (step [0-9]+: )?training has diverged: .* is not finite$'
  absent bad
}

ok "a pair without its rejected answer" no_rejected
ok "a pair without its chosen answer" no_chosen
ok "an answer of another type" wrong_type
ok "an answer that is null" null_answer
ok "a ranking whose prompt is null" null_ranking_prompt
ok "a margin that is text" margin_text
ok "NaN is no JSON" not_a_number
ok "a margin beyond float32" huge_margin
ok "a ranking of one answer" one_answer
ok "a ranking without a prompt" ranking_without_prompt
ok "a record that is a pair and a ranking" pair_and_ranking
ok "answers that are no list" answers_no_list
ok "an empty input" empty_input
ok "text that is not UTF-8" bad_utf8
ok "an id that appears twice" id_twice
ok "nothing that fits the context" none_fits
ok "held-out records are checked, and have to be there" bad_held_out
ok "samples are checked, and have to be there" bad_samples
ok "an input that is missing" no_such_input
ok "a model folder that is missing" no_such_model
ok "a model folder without one of its files" model_without
ok "metrics that would go into an input" metrics_in_input
ok "-o is required" no_output
ok "--init is required" no_init
ok "an output that exists stays as it is" output_exists
ok "an output whose parent is missing" no_parent
ok "divergence is told with its step, and leaves no folder" divergence_is_told
