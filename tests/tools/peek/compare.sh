# peek of several policies' answers: prompt by prompt, means and their differences.
needs peek jq

answer() {  # policy id response reward
  printf '{"schema":"trajectory/1","id":"%s","prompt":"say %s","response":"%s","response_ids":[1,2],"policy":"%s","reward":%s,"logprobs":[-1,-9],"ref_logprobs":[-2,-1]}\n' \
    "$2" "${2%/*}" "$3" "$1" "$4"
}
{ answer p0 a/0 zero 1; answer p0 a/1 more 3; answer p0 b/0 nought 0; answer p0 c/0 own 100; } > zero.jsonl
{ answer p1 d/0 alone -100; answer p1 b/0 uno 1.5; answer p1 b/1 une 0.5; answer p1 a/0 one 4; } > one.jsonl

compares() {
  expect_status 0 peek zero.jsonl one.jsonl
  expect_stdout '^2 prompts answered by each of 2 policies$'
  expect_stdout '^  zero.jsonl: 3 answers, reward 1.0 \+- 1.0$'
  expect_stdout '^  one.jsonl: 3 answers, reward 2.5 \+- 1.5$'
  expect_stdout '^    minus zero.jsonl: reward 1.50 \+- 0.50$'
  sed '1,/minus/d' out > prompts
  printf '\na\nsay a\n\nzero.jsonl\nzero\n(reward 1)\n\none.jsonl\none\n(reward 4)\n\n' | diff - prompts
}
counts_prompts() {
  expect_status 0 peek -n 2 zero.jsonl one.jsonl
  expect_stdout '^say b$'
  expect_status 0 peek -n 0 zero.jsonl one.jsonl
  expect_stdout '^    minus zero'
  ! grep '^say' out || return 1
  for seed in 1 2 3 4 5 6 7 8; do peek -n 1 --random --seed $seed zero.jsonl one.jsonl 2> err | grep '^say'; done > drawn
  [ "$(sort -u drawn | tr '\n' ' ')" = "say a say b " ]
}
in_json() {
  expect_status 0 peek --json zero.jsonl one.jsonl
  [ "$(jq -c '.compared | [.prompts, [.policies[].policy], .policies[1].files]' out)" = '[2,["p0","p1"],["one.jsonl"]]' ]
  [ "$(jq -c '.compared.policies[1].differences.reward | map(. * 1e6 | round)' out)" = '[1500000,500000]' ]
  [ "$(jq -c '.compared.policies[0].differences' out)" = '{}' ]
  [ "$(jq '.samples | length' out)" = 1 ]
  expect_status 0 peek --json zero.jsonl zero.jsonl
  [ "$(jq 'has("compared")' out)" = false ]
}
side_by_side_where_it_is_wide() {
  on_terminal sh -c 'stty cols 120; peek zero.jsonl one.jsonl' | tr -d '\r' | sed 's/\x1b\[[0-9;]*m//g' > seen
  grep -Eq '^zero +\| one$' seen
  grep -Eq '^\(reward 1\) +\| \(reward 4\)$' seen
  on_terminal sh -c 'stty cols 60; peek zero.jsonl one.jsonl' | tr -d '\r' > seen
  ! grep -q ' | ' seen
}
escape=$(printf '\033')
in_colour() {
  expect_status 0 peek zero.jsonl one.jsonl
  ! grep -q "$escape" out || return 1
  expect_status 0 peek --color always --by kl zero.jsonl one.jsonl
  expect_stdout '^zero.jsonl: reward 1$'
  expect_stdout "^${escape}\\[30;48;5;194m1 ${escape}\\[0m${escape}\\[30;48;5;203m2 "
}
shards_are_not_compared() {
  answer p0 a/2 shard 5 > shard.jsonl
  expect_status 0 peek zero.jsonl shard.jsonl
  ! grep -q 'answered by' out || return 1
  expect_stdout '^  id: "a/0"$'
  expect_status 0 peek zero.jsonl shard.jsonl one.jsonl
  expect_stdout '^  zero.jsonl and 1 more: 4 answers, '
}
through_pipes() {
  mkfifo a b
  cat zero.jsonl > a & cat one.jsonl > b &
  expect_status 0 peek a b
  expect_stdout '^    minus a: reward 1.50 \+- 0.50$'
}
hostile_names() {
  sed 's/"a\/0"/"a\\u001b[2J\\nforged: 1\/0"/; s/"zero"/"z\\u001b[2Jero"/' zero.jsonl > hostile0.jsonl
  sed 's/"a\/0"/"a\\u001b[2J\\nforged: 1\/0"/' one.jsonl > hostile1.jsonl
  expect_status 0 peek -n 9 hostile0.jsonl hostile1.jsonl
  expect_stdout '^a\\x1b\[2J\\nforged: 1$'
  ! grep -q "$escape" out
}

ok "means, differences paired by prompt, and the first prompt's answers" compares
ok "-n counts prompts; --random draws them" counts_prompts
ok "--json has them as compared" in_json
ok_with script "answers stand side by side where the terminal is wide" side_by_side_where_it_is_wide
ok "--by shows the answers' tokens" in_colour
ok "shards of a policy are not compared, but are one side" shards_are_not_compared
ok "pipes are compared as well" through_pipes
ok "names and answers drive no terminal" hostile_names
