# Which records come out: samples, ids, groups, fields.
. "$ROOT/tests/tools/tiny.inc"
cat > named.jsonl <<'EOF'
{"id":"a","prompt":"the film was"}
{"prompt":"the play was","own":{"x":[1,null,"é"]},"n":1.50}
{"id":"b/c","prompt":"the song was","reward":3,"ref_logprobs":[-1],"loss_mask":[1]}
EOF
roll() { rollout -q --policy "$TINY/p0" --max-tokens 4 "$@"; }
roll -n 3 named.jsonl > three.jsonl

ok "-n 3 gives three samples a prompt, in the prompts' order" holds three.jsonl \
  'map(.prompt) == (["the film was", "the play was", "the song was"] | map(., ., .))'
ok "ids are GROUP/K from 0" holds three.jsonl \
  'map(.id) == ["a/0","a/1","a/2","1/0","1/1","1/2","b/c/0","b/c/1","b/c/2"]'
ok "a prompt's group is its id, or its number in the input where it has none" holds three.jsonl \
  'map(.group) == ["a","a","a","1","1","1","b/c","b/c","b/c"]'
one_sample() {
  roll named.jsonl > one.jsonl
  holds one.jsonl 'map(.id) == ["a/0","1/0","b/c/0"]'
}
ok "the default is one sample, whose id ends in /0" one_sample
ok "unknown fields pass through with their values" holds three.jsonl \
  '.[3].own == {"x":[1,null,"é"]} and all(has("reward") or has("ref_logprobs") or has("loss_mask") | not)'
numbers_as_written() { grep -q '"n":1\.50' three.jsonl; }
ok "numbers of unknown fields keep their text" numbers_as_written
ok "the prompt's own id is replaced by the sample's, once" holds three.jsonl \
  '.[0].id == "a/0" and ([.[0] | to_entries[] | select(.key == "id")] | length == 1)'
ok "samples of a prompt differ" holds three.jsonl '(map(.response) | unique | length) > 4'

integers() {
  printf '%s\n' '{"id":12,"prompt":"the film was"}' '{"id":-0,"prompt":"the plot was"}' \
    '{"id":123456789012345678901234567890,"prompt":"the song was"}' '{"id":null,"prompt":"the cast was"}' > numbers.jsonl
  roll -n 2 numbers.jsonl > numbers.out
  [ "$(jq -r .group numbers.out | uniq | tr '\n' ' ')" = "12 -0 123456789012345678901234567890 3 " ]
  [ "$(jq -r .id numbers.out | tr '\n' ' ')" = \
    "12/0 12/1 -0/0 -0/1 123456789012345678901234567890/0 123456789012345678901234567890/1 3/0 3/1 " ]
  printf '{"id":"12","prompt":"the film was"}\n' | roll -n 2 > text.out  # the same random numbers
  head -n 2 numbers.out | expect_same - text.out
}
ok "an integer id is the text of it, of any size; null is none" integers

number_over_files() {
  printf '{"prompt":"the plot was"}\n' > first.jsonl
  roll first.jsonl named.jsonl > both.jsonl
  holds both.jsonl 'map(.group) == ["0","a","2","b/c"]'
}
ok "numbers go on over several input files" number_over_files
number_is_of_the_whole() {
  roll --shard 1/2 named.jsonl > part.jsonl
  holds part.jsonl 'map(.group) == ["1"]'
}
ok "a shard numbers its prompts as the whole input does" number_is_of_the_whole
id_decides() {
  printf '{"id":"b/c","prompt":"the song was"}\n' > alone.jsonl
  roll alone.jsonl > alone.out.jsonl
  jq -c .response_ids alone.out.jsonl > x
  jq -c 'select(.id == "b/c/0").response_ids' three.jsonl > y
  expect_same x y
}
ok "a sample depends on its id, not on its neighbours" id_decides
number_past_n() {
  roll -n 1 named.jsonl | jq -c .logprobs > x
  jq -c 'select(.id | endswith("/0")).logprobs' three.jsonl > y
  expect_same x y
}
ok "sample k is the same for every -n above k" number_past_n
