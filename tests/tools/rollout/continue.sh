# rollout --continue: an answer to which another program adds a text goes on behind it.
. "$ROOT/tests/tools/tiny.inc"
p0=$TINY/p0
eos=$(jq .eos_token_id "$p0/config.json")
roll() { rollout -q --policy "$p0" --max-tokens 12 "$@"; }
on() { roll --continue "$@"; }
# add TEXT: the text as the continuation of each answer that a stop text cut; the others are done.
cut="select(.finish == \"stop\" and .response_ids[-1] != $eos)"
add() { jq -c --arg text "$1" "($cut | .continuation) = \$text"; }
roll -n 8 "$TINY/prompts.jsonl" > whole.jsonl
roll -n 8 --stop oo --stop a "$TINY/prompts.jsonl" > cut.jsonl
add '' < cut.jsonl > empty.jsonl
add ' dull' < cut.jsonl > dull.jsonl
on dull.jsonl > on.jsonl

same_as_one_go() {
  holds empty.jsonl 'map(has("continuation")) | (map(select(.)) | length > 5) and any(not)'
  on empty.jsonl | jq -c 'del(.loss_mask)' > x
  jq -c . whole.jsonl | expect_same x -
}
ok "behind empty continuations comes what one go samples: no random number twice, no other log-prob" same_as_one_go
several_pieces() {  # the same texts stop again and again
  cp empty.jsonl turn.jsonl
  turns=0
  while grep -q '"continuation"' turn.jsonl; do
    turns=$((turns + 1))
    [ $turns -lt 13 ]
    on --stop oo --stop a turn.jsonl | add '' > next.jsonl
    mv next.jsonl turn.jsonl
    # A response may end with a stop text at its last token.
    jq -c "($cut | select((.response_ids | length) == 12)) |= (.finish = \"length\" | del(.continuation))" turn.jsonl > next.jsonl
    mv next.jsonl turn.jsonl
  done
  [ $turns -gt 1 ]
  jq -c 'del(.loss_mask)' turn.jsonl > x
  jq -c . whole.jsonl | expect_same x -
}
ok "so it does in several pieces" several_pieces

# of_each FILTER: it is true of each answer that was continued: $a before, $b after; $n tokens before, $k of the text.
of_each() {
  jq -en --slurpfile c cut.jsonl --slurpfile o on.jsonl "[range(\$c | length) as \$i | \$c[\$i] as \$a | \$o[\$i] as \$b
    | select(\$a | [$cut] != []) | (\$a.response_ids | length) as \$n | (\$b.loss_mask | map(1 - .) | add) as \$k | $1]
    | length > 5 and all" > said
}
ok "what was sampled stays, with its log-probs" of_each '$b.response_ids[:$n] == $a.response_ids and
  $b.logprobs[:$n] == $a.logprobs and $b.id == $a.id and $b.prompt_ids == $a.prompt_ids'
ok "there is a log-prob and a number of the mask for each token" of_each '($b.response_ids | length) as $t |
  ($b.logprobs | length) == $t and ($b.loss_mask | length) == $t and $t <= 12'
ok "the text's tokens follow, with mask and log-prob 0; all others have 1 and a log-prob below 0" of_each '
  $k > 0 and all(range($b.loss_mask | length); . as $t | ($t >= $n and $t < $n + $k) == ($b.loss_mask[$t] == 0)
    and ($b.loss_mask[$t] == 0) == ($b.logprobs[$t] == 0) and $b.logprobs[$t] <= 0)'
ok "the text stands in the response, and the field is gone" of_each '($b.response | startswith($a.response + " dull") or
  $b.loss_mask[-1] == 0) and ($b | has("continuation") | not)'
tokenised_alone() {  # the vocabulary entries of the tokens, joined, are the text
  jq -es --slurpfile t "$p0/tokenizer.json" '($t[0].model.vocab | with_entries({key: (.value | tostring), value: .key}))
    as $text | map(select(has("loss_mask")) | . as $r | [range(.loss_mask | length) | select($r.loss_mask[.] == 0)
      | $text[$r.response_ids[.] | tostring]] | join("") | gsub("Ġ"; " ")) | length > 5 and (map(select(. == " dull"))
      | length) > 3 and all(. as $x | " dull" | startswith($x))' on.jsonl > said
}
ok "its tokens are the text's" tokenised_alone
same_bits() {  # the log-probs are those of one forward over the same tokens
  score -q --ref "$p0" on.jsonl > x
  holds x 'all(. as $r | has("loss_mask") | not) | not'
  jq -es 'map(. as $r | [range(.logprobs | length) | select($r.loss_mask == null or $r.loss_mask[.] == 1)
    | $r.logprobs[.] == $r.ref_logprobs[.]] | all) | all' x > said
}
ok "sampling behind a text gives the bits of a forward over all" same_bits
passes_through() {
  jq -c "select([$cut] == [])" cut.jsonl > x
  grep -vF '"loss_mask"' on.jsonl > y
  [ -s x ]
  jq -c . y | expect_same x -
  grep -vF '"continuation"' dull.jsonl > done.jsonl
  jq -c '.own = 1 | .reward = 2 | .continuation = null' done.jsonl > done2.jsonl
  expect_status 0 rollout --policy "$p0" --continue done2.jsonl
  expect_same out done2.jsonl
  expect_stderr "^rollout: $(wc -l < x) trajectories, 0 tokens, 0 stopped, $(wc -l < x) done before"
}
ok "a record without a continuation passes through as it is" passes_through
tallied() {
  expect_status 0 rollout --policy "$p0" --max-tokens 12 --continue dull.jsonl
  n=$(jq -s "[.[] | select(has(\"loss_mask\")) | (.response_ids | length)] | add" on.jsonl)
  held=$(jq -s "[.[] | $cut | (.response_ids | length)] | add" cut.jsonl)
  text=$(jq -s '[.[] | select(has("loss_mask")) | .loss_mask[] | 1 - .] | add' on.jsonl)
  expect_stderr "^rollout: 48 trajectories, $((n - held - text)) tokens, $(jq -s 'map(select(has("loss_mask") and
    .finish == "stop")) | length' on.jsonl) stopped, $(grep -vcF '"loss_mask"' on.jsonl) done before"
}
ok "the tally has the tokens sampled, and those done before" tallied
other_response() {  # what was said of the shorter response isn't said of the longer one
  jq -c '.own = 7 | .reward = 1 | .rewards = .logprobs | .ref_logprobs = .logprobs | .advantages = 1' dull.jsonl > judged.jsonl
  on judged.jsonl > x
  holds x 'all(.own == 7) and all(has("loss_mask") != (has("reward") or has("rewards") or has("advantages")))'
}
ok "rewards and the like of the shorter response are dropped, other fields stay" other_response
new_samples() {  # nor of another response to the same prompt
  jq -c 'del(.id)' on.jsonl | head -n 3 > again.jsonl
  roll again.jsonl > x
  holds x 'all((has("loss_mask") or has("continuation")) | not)'
}
ok "new samples of the prompt have no mask" new_samples
twice() {  # a mask that is there goes on
  on --stop oo --stop a dull.jsonl | add ' warm' > second.jsonl
  on second.jsonl > x
  holds x 'any(.loss_mask // [] | map(tostring) | join("") | test("^1+0+1+0+"))'
  jq -es --slurpfile b second.jsonl '[range(length) as $i | .[$i] as $r | $b[$i] as $s | ($s.response_ids | length) as $n
    | $r.response_ids[:$n] == $s.response_ids and $r.logprobs[:$n] == $s.logprobs
      and ($s.loss_mask == null or $r.loss_mask[:$n] == $s.loss_mask)] | all' x > said
}
ok "a second continuation leaves the first one masked" twice
ended() {  # an ending token stays among the tokens
  jq -c "select(.response_ids[-1] == $eos) | .continuation = \" dull\"" whole.jsonl > ended.jsonl
  [ "$(wc -l < ended.jsonl)" -gt 5 ]
  on ended.jsonl > x
  jq -es --slurpfile b ended.jsonl "[range(length) as \$i | .[\$i] as \$r | (\$b[\$i].response_ids | length) as \$n
    | \$r.response_ids[\$n - 1] == $eos and (\$n == 12 or (\$r.response_ids | length) > \$n)] | all" x > said
}
ok "an answer that its ending token ended goes on behind it" ended
ending_token() {  # in the text: recognised, and ends nothing
  text=$(jq -r --argjson eos "$eos" '.added_tokens[] | select(.id == $eos).content' "$p0/tokenizer.json")
  add "$text dull" < cut.jsonl | on > x
  jq -es --slurpfile b cut.jsonl --argjson eos "$eos" '[range(length) as $i | .[$i] as $r | select($r.loss_mask)
    | ($b[$i].response_ids | length) as $n | select($n < 12) | $r.response_ids[$n] == $eos and $r.loss_mask[$n] == 0
      and ($r.response_ids | length) > $n + 1] | length > 5 and all' x > said
}
ok "an ending token in the text is one, and ends nothing" ending_token
bounded() {  # --max-tokens counts the whole response, and never cuts what was sampled
  for most in 1 4 7; do
    rollout -q --policy "$p0" --continue --max-tokens $most dull.jsonl > x
    jq -es --slurpfile b cut.jsonl --argjson m $most '[range(length) as $i | .[$i] as $r
      | select($r.loss_mask != null) | ($b[$i].response_ids | length) as $n | ($r.response_ids | length) as $t
      | $t == ([$n, $m] | max) or ($t < $m and $r.finish == "stop")] | length > 5 and all' x > said
  done
  holds x 'any(.loss_mask != null and .finish == "length" and .loss_mask[-1] == 0)'
  rollout -q --policy "$p0" --continue --max-tokens 1000 --temperature 1 dull.jsonl > y
  holds y 'all((.prompt_ids + .response_ids | length) <= 64)'
  jq -c "$cut | .continuation = (\"great warm film \" * 30)" cut.jsonl > long.jsonl
  rollout -q --policy "$p0" --continue --max-tokens 1000 long.jsonl > z
  holds z 'all(.finish == "length" and (.prompt_ids + .response_ids | length) == 64 and .loss_mask[-1] == 0)'
}
ok "--max-tokens and the context bound the whole response" bounded
stop_in_the_text() {  # a stop text that was there, or is in the continuation, doesn't stop; one that ends behind does
  jq -c "$cut | .continuation = \"aaa oo\"" cut.jsonl > stops.jsonl
  on --stop oo --stop a stops.jsonl > x
  on stops.jsonl > y
  jq -es --slurpfile y y '[range(length) as $i | .[$i] as $r | $y[$i] as $f | ($r.response_ids | length) as $n
    | ($r.loss_mask | map(tostring) | join("") | test("0$")) or $f.response_ids[:$n] == $r.response_ids] | all' x > said
  jq -es --argjson eos "$eos" 'map(select(.loss_mask[-1] == 1) | (.loss_mask | rindex(0)) as $k
    | {r: .response, sampled: (.loss_mask | length - 1 - $k), s: (.finish == "stop" and .response_ids[-1] != $eos)})
    | any(.sampled > 1) and any(.s) and all(.s == (.r | (sub("^.*aaa oo"; "") | test("oo|a")) or test("aaa ooo")))' x > said
}
ok "a stop text has to end in what is sampled" stop_in_the_text

with() { on "$@" dull.jsonl | cmp - on.jsonl; }
for words in '--slots 1' '--slots 5' '--slots 100' '--threads 3' '--max-tokens-in-flight 64' '--slots 9 --max-tokens-in-flight 96'; do
  # shellcheck disable=SC2086
  ok "$words changes no byte" with $words
done
order() {
  sort -r dull.jsonl > turned
  on turned | sort > x
  sort on.jsonl | cmp - x
}
ok "nor does the records' order" order
shards() {
  for i in 0 1 2; do on --shard $i/3 dull.jsonl -o part$i.zst; done
  cat part?.zst | zstd -dcq | sort > x
  sort on.jsonl | cmp - x
  for i in 0 1 2; do  # of an input in shards
    roll -n 8 --stop oo --stop a --shard $i/3 "$TINY/prompts.jsonl" -o cut$i.zst
    zstdcat cut$i.zst | add ' dull' | on | sort > y$i
  done
  sort y? | cmp - x
  on -o lone.zst cut1.zst
  peek --json lone.zst > z
  on cut0.zst cut1.zst cut2.zst > w
}
ok "shards hold the records of the whole" shards
lone_shard() {  # of a set in shards gives the same shard
  for i in 0 1; do roll --shard $i/2 "$TINY/prompts.jsonl" -o s$i.zst && on s$i.zst -o t$i.zst; done
  expect_status 0 score -q --ref "$TINY/base" t0.zst t1.zst
  refused 65 'shard' label --by seed t0.zst -o none.zst
}
ok "a shard's continuation is the same shard" lone_shard
done_already() {
  on dull.jsonl -o once.zst
  expect_status 0 rollout --policy "$p0" --max-tokens 12 --continue dull.jsonl -o once.zst
  expect_stderr 'once.zst: exists already, from the same inputs and options: 48 records'
  refused 73 'once.zst' roll dull.jsonl -o once.zst
}
ok "a finished output is known by its work" done_already

# bad PATTERN FILTER [OPTION...]: the second record, changed by jq, is refused.
bad() {
  bad_pattern=$1
  { grep -F '"continuation"' dull.jsonl | head -n 1; grep -F '"continuation"' dull.jsonl | sed 1d | jq -c "$2"; } > bad.jsonl
  shift 2
  refused 65 "^rollout: error: bad.jsonl: record 2: $bad_pattern" rollout --policy "$p0" --max-tokens 12 --continue "$@" bad.jsonl
}
ok "another policy" bad 'field "policy" is abc, in this run it is [0-9a-f]+' '.policy = "abc"'
ok "another tokenizer" bad 'field "tokenizer" is abc, in this run it is' '.tokenizer = "abc"'
ok "another arithmetic" bad 'field "arith" is 9, in this run it is 1' '.arith = 9'
for case in 'dtype "bf16" dtype:bf16 f32' 'seed 5 seed:5 0' 'temperature 0.5 temperature:0.5 1' 'top_k 7 top-k:7 0' \
  'top_p 0.5 top-p:0.5 1'; do
  # shellcheck disable=SC2086
  set -- $case
  other_option() {
    bad "field \"$1\" is ${3#*:}, in this run it is $4" ".$1 = $2"
    expect_stderr "^rollout: hint: give --${3%:*} ${3#*:}"
    grep -F '"continuation"' dull.jsonl | jq -c ".$1 = $2" > as_said.jsonl
    expect_status 0 on "--${3%:*}" "${3#*:}" as_said.jsonl
  }
  ok "another $1, with the option that goes on" other_option "$@"
done
ok "no seed" bad 'field "seed" is missing' 'del(.seed)'
ok "no log-probs" bad 'field "logprobs" is missing' 'del(.logprobs)'
ok "no prompt" bad 'field "(prompt_ids|logprobs)"' '.prompt_ids = [] | .response_ids += [5]'
ok "a continuation that is no text" bad 'field "continuation" .*string' '.continuation = 5'
ok "a mask of another length" bad 'field "loss_mask" has 1 numbers for [0-9]+ tokens' '.loss_mask = [1] | .response_ids += [5] | .logprobs += [-1]'
ok "a mask with a 2" bad 'field "loss_mask" contains 2, which is neither 0 nor 1' '.loss_mask = [.response_ids[] | 2]'
ok "an id twice" bad 'duplicate id' '.id = "film/1"'
ok "a response that is longer than the context" bad 'prompt and response have [0-9]+ tokens, more than the policy.s context of 64' \
  '.response_ids = [range(64) | 40] | .logprobs = [range(64) | -1]'
ok "more than --max-tokens-in-flight" bad 'prompt and response may come to [0-9]+ tokens in flight' \
  '.prompt_ids = [range(50) | 40]' --max-tokens-in-flight 32
prompts() {
  refused 65 'prompts.jsonl: record 1: field "(id|response_ids|prompt_ids)" is missing' on "$TINY/prompts.jsonl"
  expect_stderr '^rollout: hint: sample answers first: rollout --policy FOLDER'
}
ok "prompts" prompts
for words in '-n 2' '--too-long skip' '--chat-format zephyr' '--chat-date 2026-01-01' '--chat-kwargs {}'; do
  does_nothing() {
    # shellcheck disable=SC2086
    expect_status 64 on $1 dull.jsonl
    expect_misuse
    expect_stderr '--continue'
  }
  ok "$words does nothing, and is refused" does_nothing "$words"
done
