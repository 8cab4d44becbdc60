# kl-report of policies on answers, against float64 results of an independent implementation.
needs kl-report jq
. "$ROOT/tests/tools/goldens.inc"

# answers_of FAMILY: sets $G, its folder, $limit and $answers, their number; writes answers.jsonl with the expected
# values and all.jsonl without.
answers_of() {
  G=$GOLDENS/model/dev/$1
  limit=$(jq --arg f "dev/$1" '10 * .[$f].logits_max_abs' "$GOLDENS/model/TOLERANCES.json")
  jq -c '.pairs | to_entries[] | .key as $i | .value | (.chosen_out, .rejected_out)
    | {prompt_ids, response_ids, want: {k1: .k1_mean, k2: .k2_mean, k3: .k3_mean, exact: .kl_exact_old_new_mean,
       reverse: .kl_exact_new_old_mean, policy: .sum_logprob_policy, ref: .sum_logprob_ref}}' "$G/e2e.json" |
    jq -c --slurp 'to_entries[] | {id: "\(.key)"} + .value' > answers.jsonl
  jq -c 'del(.want)' answers.jsonl > all.jsonl
  answers=$(wc -l < all.jsonl)
}

# close A B: two files of numbers, one per line, agree within the tolerance.
close() {
  [ -s "$1" ] && [ "$(wc -l < "$1")" = "$(wc -l < "$2")" ] || { echo "other numbers of lines"; return 1; }
  paste "$1" "$2" | awk -v limit="$limit" '{ d = $1 - $2; if (!(d <= limit && d >= -limit)) { print NR ": " $0; bad = 1 } }
                                           END { exit bad }'
}

each_response() {  # a file a response: the program takes them as iterations
  rm -rf each && mkdir each
  split -l 1 -a 3 -d all.jsonl each/
  kl-report --json --old "$G/old" --new "$G/policy" each/* > report
  jq -e --argjson n "$answers" '(.files | length) == $n and .old != .new' report
  for key in k1 k2 k3 exact reverse; do
    jq ".want.$key" answers.jsonl > wanted
    jq ".files[].old_new.${key%reverse}$([ $key != reverse ] || echo exact_reverse).per_token.mean" report > got
    close got wanted
  done
}
whole_file() {
  kl-report --json --old "$G/old" --new "$G/policy" all.jsonl > report
  jq --slurp '(map((.response_ids | length) - (if .prompt_ids == [] then 1 else 0 end)) | add) as $n |
    (map(.want.exact * ((.response_ids | length) - (if .prompt_ids == [] then 1 else 0 end))) | add) / $n, length, $n' \
    answers.jsonl > wanted
  jq '.files[0] | .old_new.exact.per_token.mean, .responses, .tokens' report > got
  close got wanted
}
itself() {
  jq '[.. | objects | select(has("mean")) | .mean]' report > /dev/null
  for threads in 1 2 3; do
    for level in v3 v4; do
      NUDGE_KERNELS=$level kl-report --version > /dev/null 2>&1 || continue
      NUDGE_KERNELS=$level kl-report --threads $threads --json --old "$G/policy" --new "$G/policy" all.jsonl > self
      jq -e '.old == .new and (.files[0].old_new |
        ([.k1, .k2, .k3, .exact, .exact_reverse | .per_token, .per_sequence | .mean, .se] | all(. == 0))
        and ([.by_position[] | .k1.mean, .k3.mean, .exact.mean] | all(. == 0))
        and (.ratio | .mean == 1 and .min == 1 and .max == 1 and .variance == 0)
        and .clip_fraction.mean == 0 and .effective_tokens == .tokens and .entropy_old == .entropy_new)' self
    done
  done
}
same_bytes() {
  kl-report --threads 1 --json --old "$G/old" --new "$G/policy" all.jsonl > one
  kl-report --threads 3 --json --old "$G/old" --new "$G/policy" all.jsonl | expect_same /dev/stdin one
  NUDGE_KERNELS=v3 kl-report --json --old "$G/old" --new "$G/policy" all.jsonl | expect_same /dev/stdin one
}
sampled_records() {  # what rollout recorded is what kl-report finds
  needs rollout
  jq -c '.pairs[:8][] | {prompt: (.prompt + " ")}' "$G/e2e.json" > prompts.jsonl
  rollout --policy "$G/policy" -n 2 --max-tokens 12 --temperature 0.8 prompts.jsonl > sampled.jsonl
  kl-report --json --new "$G/policy" sampled.jsonl > report
  jq -e '.files[0].old_new | .ratio.min == 1 and .ratio.max == 1 and .k3.per_sequence.mean == 0 and .exact.per_token.mean == null' report
  expect_status 0 kl-report --json --old "$G/policy" --new "$G/old" sampled.jsonl
  ! grep warning err
  expect_status 0 kl-report --json --old "$G/old" --new "$G/policy" sampled.jsonl
  expect_stderr 'warning: sampled.jsonl: 16 of 16 responses were sampled by another policy'
  jq -e '.files[0].other_policy == 16' out
}
clip_counts() {
  for clip in 0 0.1 0.2 1000; do
    kl-report --json --clip $clip --old "$G/old" --new "$G/policy" all.jsonl | jq '.files[0].old_new.clip_fraction.mean'
  done > shares
  kl-report --json --old "$G/old" --new "$G/policy" all.jsonl | jq '.files[0].old_new.clip_fraction.mean' > default
  sed -n 3p shares | expect_same /dev/stdin default
  awk 'NR > 1 && !($1 < last) { exit 1 } { last = $1 } END { exit !(last == 0) }' shares
}
tables() {
  rm -f page.html
  expect_status 0 kl-report --old "$G/old" --new "$G/policy" --html page.html all.jsonl
  expect_stdout '^KL\(old ‖ new\), nats$'
  expect_stdout '^  exact  '
  expect_stdout '^  outside 1 ± 0\.2  .* %$'
  grep -q 'KL(old ‖ new) by position' page.html
}
vocabulary() {
  jq -c 'if .id == "5" then .response_ids[0] = 999999 else . end' all.jsonl > beyond.jsonl
  expect_status 65 kl-report --new "$G/policy" --old "$G/old" beyond.jsonl
  expect_stderr '^kl-report: error: beyond.jsonl: record 6: field "response_ids" contains token 999999'
}
another_tokenizer() {
  jq -c '.tokenizer = "00"' all.jsonl > other.jsonl
  expect_status 65 kl-report --new "$G/policy" --old "$G/old" other.jsonl
  expect_stderr '^kl-report: error: other.jsonl: record 1: was tokenised by another tokenizer \(00\) than the old policy'
}
not_a_language_model() { expect_status 65 kl-report --new "$G/rm" all.jsonl; expect_stderr 'rm/config.json'; }
recorded_needed() {
  expect_status 65 kl-report --new "$G/policy" all.jsonl
  expect_stderr '^kl-report: error: all.jsonl: record 1: field "logprobs" is missing'
}

agree() {
  for family in $(families); do
    answers_of "$family"
    ok "$(whose), $family, $answers answers: k1, k2, k3 and both exact KLs are the oracle's" each_response
    ok "$(whose), $family, one file of them: the mean over tokens" whole_file
  done
  answers_of gpt2
  ok "$(whose): a policy with itself is exactly 0, at 1, 2, 3 threads and each level" itself
  ok "$(whose): the same bytes for any threads and level" same_bytes
  ok "$(whose): a policy finds the log-probs it recorded; another's samples are warned of" sampled_records
  ok "$(whose): --clip moves the clip fraction" clip_counts
  ok "$(whose): the tables and the page show them" tables
  ok "$(whose): tokens beyond the vocabulary are refused" vocabulary
  ok "$(whose): tokens of another tokenizer are refused" another_tokenizer
  ok "$(whose): a reward model is no policy" not_a_language_model
  ok "$(whose): --new alone needs recorded log-probs" recorded_needed
}
with_goldens agree
