# Numbers that JSON allows and a double doesn't hold, equal keys, and what an error's hint says.
. "$ROOT/tests/tools/tiny.inc"
odd='"a":1e999,"b":[1000000000000000019884624838656,-1E+400],"c":{"d":36893488147419103232}'
echo "{\"id\":\"x\",\"prompt\":\"hi\",$odd}" > odd.jsonl
roll() { rollout -q --policy "$TINY/p0" --max-tokens 2 "$@"; }

passed_on() {
  roll odd.jsonl > a
  grep -qF "$odd" a
  peek odd.jsonl > /dev/null
}
ok "a number of an unknown field is passed on as it is spelled, and peek looks past it" passed_on
not_json() {
  echo '{"prompt":"hi","x":NaN}' > nan.jsonl
  refused 65 'nan.jsonl: record 1: the line is not valid JSON: NaN is not a JSON number' roll nan.jsonl
  expect_stderr '^rollout: hint: look at the input with peek'
}
ok "NaN is named, and peek advised" not_json
used() {
  sed 's/}$/,"reward":1e999}/' a > rewarded
  refused 65 'record 1: field "reward" must be a number' \
    ppo-step --policy "$TINY/p0" --critic-init "$TINY/rm" --kl-beta 0 rewarded -o bad
}
ok "in a field that is read it is refused by name" used
folder() {
  cp -r "$TINY/p0" python
  jq -c . "$TINY/p0/config.json" | sed 's/^{/{"eos_token_id":1,"odd":[NaN,-Infinity,1e999],/' > python/config.json
  jq -c . "$TINY/p0/tokenizer_config.json" |
    sed 's/^{/{"model_max_length": 1000000000000000019884624838656,/' > python/tokenizer_config.json
  echo '{"eos_token_id":1,"eos_token_id":null,"temperature":Infinity}' > python/generation_config.json
  rollout -q --policy python --max-tokens 2 odd.jsonl | cmp - a
}
ok "a folder as Python writes it is the same model" folder
beyond() {
  jq -c . "$TINY/p0/config.json" | sed 's/}$/,"vocab_size":1e999}/' > python/config.json
  refused 65 'python/config.json: "vocab_size" is not a sensible size' rollout --policy python odd.jsonl
  if grep peek err; then echo "peek can't look into config.json"; return 1; fi
  expect_stderr '^rollout: hint: check that the file is complete'
}
ok "a key that is used is refused by name, the last of equal ones" beyond
more_templates() {
  cp -r "$TINY/p0" more
  mkdir more/additional_chat_templates
  echo '{{ 1 }}' > more/additional_chat_templates/tool_use.jinja
  rollout -q --policy more --max-tokens 2 odd.jsonl | cmp - a
}
ok "a folder of more chat templates does no harm" more_templates
