# The options that change what is drawn, each with the numbers that must follow from it.
. "$ROOT/tests/tools/tiny.inc"
head -n 1 "$TINY/prompts.jsonl" > p.jsonl
roll() { rollout -q --policy "$TINY/p0" "$@"; }
# first FILE: token and log-prob of the first response token of each sample, a pair a line.
roll -n 2000 --max-tokens 1 p.jsonl | jq -c '[.response_ids[0], .logprobs[0]]' > t1
roll -n 500 --temperature 2 --max-tokens 1 p.jsonl | jq -c '[.response_ids[0], .logprobs[0]]' > t2
table='map({key: (.[0] | tostring), value: .[1]}) | from_entries'
jq -s "$table" t1 > p1
jq -s "$table" t2 > p2

temperature_divides() {  # log p_2(a) - log p_2(b) = (log p_1(a) - log p_1(b)) / 2
  jq -es '.[0] as $one | .[1] as $two | ($one | keys - ($one | keys - ($two | keys))) as $k | ($k | length) > 4 and
    ([range(1; $k | length) | (($two[$k[.]] - $two[$k[0]]) - ($one[$k[.]] - $one[$k[0]]) / 2) | fabs] |
      max) < 2e-6' p1 p2
}
ok "log-probs at temperature 2 have half the differences of those at 1" temperature_divides
ok "temperature 2 draws more different tokens" sh -c '[ "$(sort -u t2 | wc -l)" -gt "$(head -n 500 t1 | sort -u |
  wc -l)" ]'
probabilities_hold() {  # each token's count within 5 standard deviations of n p
  jq -es 'length as $n | group_by(.[0]) | map({c: length, p: (.[0][1] | exp)})
    | all((.c - $n * .p | fabs) < 5 * ($n * .p * (1 - .p) | sqrt) + 1)' t1
}
ok "tokens are drawn as often as their log-probs say" probabilities_hold
recorded() { roll --temperature 0.7 p.jsonl | jq -e '.temperature == 0.7' > /dev/null; }
ok "the temperature is recorded" recorded

greedy() {
  roll -n 5 --temperature 0 p.jsonl > g.jsonl
  holds g.jsonl '(map(.response_ids) | unique | length) == 1 and all(.temperature == 0)'
  jq -es --slurpfile p p1 '.[0] as $g | ($p[0] | to_entries | max_by(.value)) as $m
    | ($g.response_ids[0] | tostring) == $m.key and $g.logprobs[0] == $m.value' g.jsonl
}
ok "--temperature 0 takes the most probable token, with its log-prob at temperature 1" greedy
cut_off_greedily() {
  roll --temperature 0 p.jsonl | jq -c .response_ids > want
  for words in "--top-k 5" "--top-p 0.5"; do
    # shellcheck disable=SC2086
    expect_status 0 roll --temperature 0 $words p.jsonl
    expect_stderr '^rollout: warning: --top-k and --top-p do nothing at temperature 0, .*; leave them out, or '
    jq -c .response_ids out | cmp - want
    # shellcheck disable=SC2086
    expect_status 0 roll --temperature 1 $words --max-tokens 2 p.jsonl
    expect_no_warning
  done
  expect_status 0 roll --temperature 0 --top-k 0 --top-p 1 --seed 3 p.jsonl
  expect_no_warning
}
ok "--top-k and --top-p at temperature 0 say that they do nothing" cut_off_greedily
extremes() {  # the least and the greatest temperature
  roll --temperature 0.001 "$TINY/prompts.jsonl" > cold.jsonl
  roll --temperature 0 "$TINY/prompts.jsonl" | jq -c .response_ids > x
  jq -c .response_ids cold.jsonl | cmp - x
  holds cold.jsonl 'all(.temperature == 0.001) and (map(.logprobs[]) | add / length > -0.01)'
  roll --temperature 100 "$TINY/prompts.jsonl" > hot.jsonl
  holds hot.jsonl 'all(.logprobs | all((. + (300 | log) | fabs) < 0.5))'
}
ok "the least and the greatest temperature give what is nearly greedy and nearly uniform" extremes
greedy_is_top_1() {
  roll --temperature 0 "$TINY/prompts.jsonl" | jq -c .response_ids > x
  roll --top-k 1 "$TINY/prompts.jsonl" | jq -c .response_ids > y
  expect_same x y
}
ok "--top-k 1 draws what temperature 0 does" greedy_is_top_1
top_k() {
  roll -n 400 --top-k 3 --max-tokens 1 p.jsonl > k.jsonl
  holds k.jsonl 'all(.top_k == 3)'
  jq -c '[.response_ids[0], .logprobs[0]]' k.jsonl | jq -es --slurpfile p p1 "($table) as \$k | (\$k | length) == 3 and
    ((\$k | keys) == (\$p[0] | to_entries | sort_by(-.value) | .[:3] | map(.key) | sort)) and
    (\$k | to_entries | all(.value == \$p[0][.key]))"
}
ok "--top-k 3 draws the three most probable, with log-probs over the whole vocabulary" top_k
top_p() {  # the most probable until p is reached: those seen before each token make up less than p
  roll -n 400 --top-p 0.6 --max-tokens 1 p.jsonl > p06.jsonl
  holds p06.jsonl 'all(.top_p == 0.6)'
  jq -c '[.response_ids[0], .logprobs[0]]' p06.jsonl | jq -es --slurpfile p p1 "($table) as \$k
    | (\$p[0] | to_entries | sort_by(-.value)) as \$all
    | (\$k | length) < (\$all | length) and (\$k | length) > 1 and (\$k | to_entries | all(.value == \$p[0][.key]))
    and ([\$k | to_entries[] | .value | exp] | add) >= 0.6
    and ([\$k | to_entries | sort_by(-.value) | .[:-1][] | .value | exp] | add) < 0.6"
}
ok "--top-p 0.6 draws the smallest set of that probability, log-probs over the whole vocabulary" top_p
max_tokens() {
  roll -n 9 --max-tokens 3 "$TINY/prompts.jsonl" > m.jsonl
  holds m.jsonl '(map(.response_ids | length) | max) == 3 and all(.finish == "stop" or (.response_ids | length) == 3)'
}
ok "--max-tokens is the longest response" max_tokens
max_tokens_is_a_prefix() {
  roll --max-tokens 3 "$TINY/prompts.jsonl" | jq -c .logprobs > x
  roll --max-tokens 9 "$TINY/prompts.jsonl" | jq -c '.logprobs[:3]' > y
  expect_same x y
}
ok "--max-tokens cuts, it does not change what was drawn before" max_tokens_is_a_prefix
context_ends() {
  roll -n 30 --max-tokens 1000 --temperature 3 p.jsonl > c.jsonl
  holds c.jsonl 'map(select(.finish == "length")) | length > 0 and all((.prompt_ids + .response_ids | length) == 64)'
}
ok "a response ends with the model's context" context_ends
stop_text() {
  roll -n 8 --max-tokens 20 "$TINY/prompts.jsonl" > free.jsonl
  roll -n 8 --max-tokens 20 --stop oo "$TINY/prompts.jsonl" > oo.jsonl
  holds oo.jsonl 'map(select(.response | contains("oo"))) | length > 2 and all(.finish == "stop")'
  jq -es --slurpfile f free.jsonl '[range(length) as $i | .[$i] as $s | $f[0:][$i] as $u
    | ($u.response_ids[:($s.response_ids | length)] == $s.response_ids)
      and (($u.response | contains("oo")) == ($s.response | contains("oo")))] | all' oo.jsonl
  holds oo.jsonl 'map(select(.response | contains("oo")) | .response | index("oo") as $i | length - $i) | all(. < 12)'
}
ok "--stop ends a response with the token that completes its text" stop_text
stop_is_recorded_once() {
  roll -n 8 --max-tokens 20 --stop oo --stop "." "$TINY/prompts.jsonl" > two.jsonl
  holds two.jsonl 'any(.response | endswith(".")) and all((.response | contains("oo") or contains(".") |
    not) or .finish == "stop")'
  differ oo.jsonl two.jsonl
}
ok "--stop may be given several times" stop_is_recorded_once
seed_draws() {
  roll --seed 1 "$TINY/prompts.jsonl" > s1
  roll --seed 2 "$TINY/prompts.jsonl" > s2
  roll --seed 1 "$TINY/prompts.jsonl" > s3
  expect_same s1 s3
  differ s1 s2
  holds s2 'all(.seed == 2)'
  jq -c .response_ids s1 > x
  jq -c .response_ids s2 > y
  differ x y
}
ok "--seed chooses the random numbers" seed_draws
