# kl-report on recorded log-probs only.
needs kl-report jq

cat > a.jsonl <<'END'
{"id":"1/0","prompt_ids":[1],"response_ids":[4,5],"finish":"stop","temperature":1,"logprobs":[-1,-2],"ref_logprobs":[-1.5,-4],"reward":1}
{"id":"1/1","prompt_ids":[1],"response_ids":[6],"finish":"length","temperature":1,"logprobs":[-0.5],"ref_logprobs":[-0.25],"reward":3}
END
sed 's/"reward":1/"reward":5/' a.jsonl > b.jsonl

figures() {
  expect_status 0 kl-report --json a.jsonl
  jq -e '.schema == "kl-report/1" and .old == null and .new == null and (.files | length) == 1 and (.files[0] |
    .file == "a.jsonl" and .responses == 2 and .tokens == 3 and .finish == {"stop": 1, "length": 1}
    and .reward == {"responses": 2, "mean": 2, "se": 1} and .length.mean == 1.5
    and .policy_ref.k1.per_token.mean == 0.75 and .policy_ref.k1.per_sequence.mean == 1.125
    and .policy_ref.k2.per_sequence.mean == 1.078125 and .old_new == null
    and (.entropy_estimate.per_token.mean * 3 - 3.5 | fabs) < 1e-12)' out
}
stdin_too() {
  kl-report --json a.jsonl | jq '.files[0] | del(.file)' > from_file
  kl-report --json < a.jsonl | tee json | jq '.files[0] | del(.file)' > from_stdin
  expect_same from_file from_stdin
  jq -e '.files[0].file == "stdin"' json
  kl-report --json - < a.jsonl | expect_same /dev/stdin json
}
compressed_too() {
  zstd -q a.jsonl -o a.zst
  kl-report --json a.zst | sed 's/a.zst/a.jsonl/' > one
  kl-report --json a.jsonl | expect_same /dev/stdin one
}
several_files() {
  expect_status 0 kl-report a.jsonl b.jsonl
  expect_stdout '^2 files$'
  expect_stdout '^  a\.jsonl  +2  '
  expect_stdout '^  b\.jsonl  +2  .* 4\.0 ± 1\.0 '
  expect_stderr '^kl-report: 4 responses, 2 files, '
  kl-report --json a.jsonl b.jsonl | jq -e '[.files[].reward.mean] == [2, 4] and [.files[].file] == ["a.jsonl", "b.jsonl"]'
}
quiet() { kl-report -q a.jsonl 2>&1 > /dev/null | cmp - /dev/null; }

plots() {
  kl-report a.jsonl > piped
  kl-report --plot a.jsonl > with
  kl-report --no-plot a.jsonl | expect_same /dev/stdin piped
  ! grep -q 'by position' piped
  grep -q 'by position' with
}
plots_on_a_terminal() {
  on_terminal kl-report a.jsonl > shown
  grep -q 'by position' shown
  on_terminal kl-report --no-plot a.jsonl > shown
  ! grep -q 'by position' shown
}
ascii() {
  kl-report --plot --ascii a.jsonl > plain
  LC_ALL=C kl-report --plot a.jsonl | expect_same /dev/stdin plain
  ! LC_ALL=C grep -q '[^ -~]' plain
  kl-report --plot a.jsonl | LC_ALL=C grep -q '[^ -~]'
}

page() {
  expect_status 0 kl-report --html page.html a.jsonl b.jsonl
  expect_stdout '^2 files$'
  grep -q '^<!DOCTYPE html>' page.html
  [ "$(tail -n 1 page.html)" = '</html>' ]
  grep -q '<svg ' page.html
  expect_status 0 kl-report --json --html json.html a.jsonl b.jsonl
  jq -e . out > /dev/null
  expect_same page.html json.html
}
clip_without_ratios() {
  expect_status 0 kl-report --clip 0.1 a.jsonl
  expect_stderr '^kl-report: warning: --clip did nothing: no record was evaluated by a second policy, .*; leave it out, or give --new$'
  jq -c '. + {new_policy: "b", eval_dtype: "f32", eval_arith: 1, new_logprobs: .logprobs, new_entropies: .logprobs | map(1)}' \
    a.jsonl > evaluated.jsonl
  expect_status 0 kl-report --clip 0.1 evaluated.jsonl
  expect_no_warning
  expect_status 0 kl-report a.jsonl
  expect_no_warning
}
page_is_not_overwritten() {
  echo mine > mine.html
  expect_status 73 kl-report --html mine.html a.jsonl
  [ "$(cat mine.html)" = mine ]
  expect_status 0 kl-report --force --html mine.html a.jsonl
  grep -q '</html>' mine.html
}
page_is_whole_or_absent() {
  (sed 1q a.jsonl; echo '{') > broken.jsonl
  expect_status 65 kl-report --html absent.html broken.jsonl
  [ ! -e absent.html ]
  [ ! -s out ]
  [ "$(find . -name '.absent*' | wc -l)" = 0 ]
}
page_needs_a_file() {
  for name in - ''; do
    expect_status 64 kl-report --html "$name" a.jsonl
    expect_misuse
  done
}
page_spares_the_input() {
  cp a.jsonl precious
  expect_status 64 kl-report --force --html precious precious
  expect_same a.jsonl precious
}

greedy_is_warned_of() {
  sed 's/"temperature":1/"temperature":0/' a.jsonl > greedy.jsonl
  expect_status 0 kl-report greedy.jsonl
  expect_stderr '^kl-report: warning: greedy.jsonl: 2 of 2 responses were sampled at temperature 0'
  sed 's/"temperature":1/"top_k":2/' a.jsonl > cut.jsonl
  expect_status 0 kl-report cut.jsonl
  expect_stderr '^kl-report: warning: cut.jsonl: 2 of 2 responses were sampled with top-k or top-p'
}
full_disk() { expect_status 74 sh -c 'kl-report a.jsonl > /dev/full'; }

refused() {  # PATTERN, the record on stdin
  cat > bad.jsonl
  expect_status 65 kl-report bad.jsonl
  [ ! -s out ]
  expect_stderr "^kl-report: error: bad.jsonl: record 1: $1"
}
no_logprobs() { jq -c 'del(.logprobs)' a.jsonl | refused 'field "logprobs" is missing'; }
no_id() { jq -c 'del(.id)' a.jsonl | refused 'field "id"'; }
no_tokens() { jq -c 'del(.response_ids)' a.jsonl | refused 'field "response_ids"'; }
empty_response() { jq -c '.response_ids = []' a.jsonl | refused 'field "response_ids"'; }
short_list() { jq -c '.logprobs = .logprobs[1:]' a.jsonl | refused 'field "logprobs" has 1 numbers for 2 tokens'; }
short_reference() { jq -c '.ref_logprobs = .ref_logprobs[1:]' a.jsonl | refused 'field "ref_logprobs" has 1 numbers'; }
not_a_number() { sed 's/\[-1,/[NaN,/' a.jsonl | refused ''; }
beyond_float() { sed 's/\[-1,/[-1e39,/' a.jsonl | refused 'field "logprobs"'; }
null_logprobs() { jq -c '.logprobs = null' a.jsonl | refused 'field "logprobs" is null'; }
null_reference() {
  jq -c '.ref_logprobs = null' a.jsonl | kl-report --json > null.json
  jq -c 'del(.ref_logprobs)' a.jsonl | kl-report --json | expect_same - null.json
}
twice() {
  cat a.jsonl a.jsonl > twice.jsonl
  expect_status 65 kl-report twice.jsonl
  expect_stderr '^kl-report: error: twice.jsonl: record 3: duplicate id "1/0"'
  expect_status 0 kl-report a.jsonl a.jsonl
}
beyond_exp() {  # k3 of a log-ratio of 893 is infinite, and its error is no number
  for i in 1 2; do
    echo "{\"id\":\"$i\",\"prompt_ids\":[1],\"response_ids\":[2],\"logprobs\":[-900],\"ref_logprobs\":[-7]}"
  done > far.jsonl
  expect_status 0 kl-report --ascii --no-plot far.jsonl
  expect_stdout '^  k3 +inf \+- \?  '
  kl-report --json far.jsonl | jq -e . > parsed
}
no_file() { expect_status 66 kl-report missing.jsonl; expect_stderr '^kl-report: error: missing.jsonl'; }
no_policy() {
  expect_status 66 kl-report --new missing a.jsonl
  expect_stderr '^kl-report: error: missing: no such model folder'
  expect_status 66 kl-report --new '' a.jsonl
}
old_alone() { expect_status 64 kl-report --old somewhere a.jsonl; expect_misuse; expect_stderr '^kl-report: error: --old.*--new'; }
cut_file() {
  zstd -q a.jsonl -o cut.zst
  truncate -s -3 cut.zst
  expect_status 65 kl-report cut.zst
  [ ! -s out ]
  expect_stderr '^kl-report: error: cut.zst: '
}
salvage() {
  (zstd -q -c < a.jsonl; sed 's,"1/,"2/,' a.jsonl | zstd -q -c) > two.zst
  truncate -s -3 two.zst
  expect_status 65 kl-report --json two.zst
  expect_status 0 kl-report --salvage --json two.zst
  jq -e '.files[0].responses >= 2' out
  expect_stderr 'two.zst'
}
contradictions() {
  for both in '--plot --no-plot' '--json --plot' '--json --no-plot' '--json --ascii'; do
    # shellcheck disable=SC2086
    expect_status 64 kl-report $both a.jsonl
    expect_misuse
  done
}
no_other_dtype() { expect_status 64 kl-report --dtype bf16 a.jsonl; expect_misuse; expect_stderr 'needs --new'; }

ok "the figures of two hand-made responses, as JSON" figures
ok "no file and - are stdin" stdin_too
ok "compressed input gives the same" compressed_too
ok "several files are a row each" several_files
ok "-q leaves the tally out" quiet
ok "--plot and --no-plot; a pipe has no plots unless asked" plots
needs script
ok "a terminal has plots unless unwanted" plots_on_a_terminal
ok "--ascii, or a locale without UTF-8, writes ASCII alone" ascii
ok "--html writes a page, with a table or JSON on stdout all the same" page
ok "--clip without ratios says that it did nothing" clip_without_ratios
ok "--html overwrites only with --force" page_is_not_overwritten
ok "after an error there is neither page nor table" page_is_whole_or_absent
ok "--html needs a file's name" page_needs_a_file
ok "--html never replaces the input" page_spares_the_input
ok "biased samples are warned of" greedy_is_warned_of
[ ! -e /dev/full ] || ok "a full disk is noticed" full_disk
ok "no log-probs: refused" no_logprobs
ok "no id: refused" no_id
ok "no response tokens: refused" no_tokens
ok "an empty response: refused" empty_response
ok "fewer log-probs than tokens: refused" short_list
ok "fewer reference log-probs than tokens: refused" short_reference
ok "NaN: refused" not_a_number
ok "a log-prob beyond float: refused" beyond_float
ok "log-probs of null: refused" null_logprobs
ok "reference log-probs of null are none" null_reference
ok "an id twice in a file: refused; in two files it may be" twice
ok "a ratio beyond exp is infinite, its error unknown" beyond_exp
ok "a missing file is no input" no_file
ok "a missing policy is no input" no_policy
ok "--old alone is misuse" old_alone
ok "a cut file is bad input" cut_file
ok "--salvage reports what is whole" salvage
ok "options that contradict each other are misuse" contradictions
ok "--dtype is for policies" no_other_dtype
