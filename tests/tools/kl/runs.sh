# Runs: gold rewards, metrics, held-out answers, curves, and several runs side by side.
. "$ROOT/tests/tools/tiny.inc"
needs kl-report jq
# iteration NAME SEED: four prompts, two answers each; reward, gold and distance grow with SEED.
iteration() {
  jq -cn --argjson s "$2" --arg prefix "${3:-p}" '
    range(4) as $g | range(2) as $a | ($g - 1.5 + $a / 2) as $e
    | {id: "\($prefix)\($g)/\($a)", group: "\($prefix)\($g)", prompt: "Prompt \($g)", response: "answer \($s)",
       prompt_ids: [1], response_ids: [5, 6], finish: (if $a == 0 then "stop" else "length" end), policy: "digest-\($s)",
       temperature: 1, seed: $s, logprobs: [-1, -2], ref_logprobs: [-1 - $s / 10, -2 - $s / 20],
       reward: ($s + $e / 10), gold: ($s - $s * $s / 6 + $e / 8)}' > "$1.jsonl"
}
for i in 0 1 2 3 4 5; do iteration "s-$i" $i; done
mkdir other && for i in 2 10; do iteration "other/t-$i" $i; done
iteration apart 3 q
cat > m.jsonl <<'END2'
{"iteration":0,"objective/kl":0,"actor/grad_norm":0.5,"config":{"lr":3e-4}}
{"iteration":1,"objective/kl":0.25,"actor/grad_norm":0.25,"warnings":["all answers were cut"],"config":{"lr":3e-4}}
END2
json() { kl-report -q --json "$@" > out.json; }
says() { jq -e "$1" out.json; }

gold() {
  json s-*.jsonl
  says '[.files[].gold.mean] | map(. * 1000 | round) == [31, 865, 1365, 1531, 1365, 865]'
  kl-report -q s-3.jsonl | grep -Eq '^  gold reward +1\.53[0-9]* ± 0\.'
  sed 's/"gold"/"truth"/' s-3.jsonl > truth.jsonl
  json --gold truth truth.jsonl
  says '.files[0].gold.mean | . * 1000 | round == 1531'
  json truth.jsonl
  says '.files[0].gold | .mean == null and .responses == 0'
}
gold_is_text() {  # a dataset's "gold" may be an answer
  jq -c '.gold = "42"' s-3.jsonl > text.jsonl
  json text.jsonl
  says '.files[0].gold.responses == 0'
  expect_status 65 kl-report --gold gold text.jsonl
  expect_stderr 'text.jsonl: record 1: field "gold"'
  expect_status 65 kl-report --gold nothing s-3.jsonl
  expect_stderr 'no record has a field "nothing"'
  [ ! -s out ]
}
ok "gold rewards are those of --gold, by default of gold" gold
ok "another gold than a number is left alone, unless it was asked for" gold_is_text

curves() {
  json s-*.jsonl
  says '.curves | map(.of) == ["gold", "reward"]'
  says '.curves[0] | (.points | length) == 6 and (.fits | map(.form) == ["d(alpha - beta ln d)", "d(alpha - beta d)"])'
  says '.curves[0].fits[1].top | .distance.mean > 0 and .kl.mean == .distance.mean * .distance.mean and .distance.se > 0'
  kl-report -q s-*.jsonl | grep -Eq '^  gold reward = R0 \+ d\(α - β ln d\) .* ± '
  kl-report -q --ascii s-*.jsonl | grep -q 'd(alpha - beta ln d)'
  json s-[012].jsonl
  says '.curves | all(.fits == [])'
}
ok "curves are fitted to four files and more" curves
figures() {
  json s-*.jsonl
  says '.histograms.reward | (.edges | length) == (.counts[0] | length) + 1 and (.counts | map(add) == [8, 8, 8, 8, 8, 8])'
  says '.histograms.ratio == null'
  says '.files[1].facts | .policy.values == ["digest-1"] and .seed.values == ["1"]'
  says '.files[1].prompts == 4 and .files[1].cut.mean == 0.5'
  says '.files[5].moved_tokens | length == 16 and .[0].position == 0 and .[0].token_id == 5 and .[0].response == "answer 5"'
  says '.files[5].moved_tokens[0].difference | . * 1000 | round == 500'
}
ok "histograms, facts and the tokens that moved" figures
answers() {
  json s-*.jsonl
  says '.answers | .same_prompts and .files == ["s-0.jsonl", "s-2.jsonl", "s-5.jsonl"] and (.rows | length) == 4'
  says '.answers.rows | all(.[0].prompt == .[2].prompt and .[2].response == "answer 5")'
  json s-1.jsonl apart.jsonl
  says '.answers | .same_prompts | not'
  json --samples s-0.jsonl --samples s-5.jsonl s-1.jsonl apart.jsonl
  says '.answers | .same_prompts and .files == ["s-0.jsonl", "s-5.jsonl"]'
  says '.files | length == 2'
}
ok "answers of the first, middle and last file, or those of --samples" answers

metrics() {
  json --metrics m.jsonl s-*.jsonl
  says '.metrics.series[] | select(.key == "objective/kl") | .x == [0, 1] and .values == [0, 0.25]'
  says '.metrics | .warnings == [{x: 1, text: "all answers were cut"}] and .config.lr == [{x: 0, value: "3e-4"}]'
  json s-0.jsonl
  says '.metrics == null'
}
metrics_refused() {
  { cat m.jsonl; echo '{"iteration":'; } > bad.jsonl
  expect_status 65 kl-report --json --metrics bad.jsonl s-0.jsonl
  expect_stderr 'bad.jsonl: line 3: '
  expect_status 66 kl-report --json --metrics nothing.jsonl s-0.jsonl
  expect_status 64 kl-report --json --metrics m.jsonl --metrics m.jsonl s-0.jsonl
  expect_stderr 'm.jsonl are this run.s metrics'
  for option in "--metrics m.jsonl" "--samples s-0.jsonl" "--tokenizer p0"; do
    # shellcheck disable=SC2086
    expect_status 64 kl-report $option s-0.jsonl
    expect_stderr "${option% *} needs --html or --json"
  done
  expect_status 64 kl-report --json --metrics m.jsonl --html m.jsonl --force s-0.jsonl
}
ok "metrics, their warnings and options" metrics
ok "what is no metrics file, and where it would do nothing" metrics_refused

compared() {
  json --run 'a=s-[0-2].jsonl' --run b=s-3.jsonl s-4.jsonl
  says '(.runs | map(.name) == ["a", "b"]) and (.runs | map(.files | length) == [3, 2]) and (has("files") | not)'
  says '.differences.figures[] | select(.key == "reward") | .last[0].mean < .last[1].mean
    and (.last_difference[1].mean - 2 | fabs) < 1e-6 and .last_difference[0].mean == null
    and (.mean_difference[1].mean - 2.5 | fabs) < 1e-6'
  # The same prompts: what differs between prompts cancels.
  says '.differences | .shared_prompts == [4, 4] and (.figures[] | select(.key == "reward")
    | .last_difference[1].se < 1e-6 and .last[0].se > 0.05)'
  json --run a=s-2.jsonl --run b=apart.jsonl
  says '.differences | .shared_prompts[1] == 0 and (.figures[] | select(.key == "reward") |
    .last_difference[1].se > .last[0].se)'
  kl-report -q --run a=s-0.jsonl --run b=s-3.jsonl > table
  grep -Eq '^ +a +b +b - a$' table
  grep -Eq '^  reward +.* ± .* ± .* ± ' table
}
order() {
  json --run 'a=other/t-*.jsonl'
  says '.runs[0].files | map(.file) == ["other/t-2.jsonl", "other/t-10.jsonl"]'
}
of_runs() {
  json --run a=s-0.jsonl --run b=s-1.jsonl --metrics b=m.jsonl --samples a=s-5.jsonl
  says '.runs | .[0].metrics == null and .[1].metrics.file == "m.jsonl" and .[0].answers.files == ["s-5.jsonl"]'
  kl-report -q --html page.html --run a=s-0.jsonl --run b=s-1.jsonl > table
  grep -q '</html>' page.html
}
runs_refused() {
  refused 64 'the name a was given before' kl-report --run a=s-0.jsonl --run a=s-1.jsonl
  refused 64 'the run has no name' kl-report --run s-0.jsonl
  refused 64 'the file is missing' kl-report --run a=
  refused 66 'no file matches' kl-report --run 'a=nothing-*.jsonl'
  refused 64 'exclude each other' kl-report --run a=s-0.jsonl -q s-1.jsonl
  refused 64 'which run is it of' kl-report --json --run a=s-0.jsonl --metrics m.jsonl
  refused 64 'there is no run c' kl-report --json --run a=s-0.jsonl --samples c=s-1.jsonl
  refused 64 'needs a value' kl-report --run
}
ok "several runs: what differs, with its error" compared
ok "a pattern's files stand in the order of their numbers" order
ok "metrics and samples of runs" of_runs
ok "runs that are none" runs_refused

texts() {
  json --tokenizer "$TINY/p0" "$TINY/scored.jsonl"
  says '.files[0].moved_tokens | length > 0 and all(has("before") and (has("response") | not))'
  # The context and the token are parts of the answer.
  jq -es --slurpfile out out.json '$out[0].files[0].moved_tokens[0] as $t | .[] | select(.id == $t.id)
    | .prompt + .response + "<|endoftext|>" | contains($t.before + $t.text)' "$TINY/scored.jsonl"
  jq -c '.tokenizer = "other"' "$TINY/scored.jsonl" > alien.jsonl
  refused 65 'alien.jsonl: record 1: .*--tokenizer' kl-report --json --tokenizer "$TINY/p0" alien.jsonl
}
ok "--tokenizer shows tokens as text" texts
