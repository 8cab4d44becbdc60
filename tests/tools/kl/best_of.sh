# Responses that score --best chose: the bound on their KL to the policy.
needs kl-report jq
cat > a.jsonl <<'END'
{"id":"1/0","prompt_ids":[1],"response_ids":[4,5],"finish":"stop","temperature":1,"logprobs":[-1,-2],"ref_logprobs":[-1.5,-4],"reward":1,"best_of":4}
{"id":"2/1","prompt_ids":[1],"response_ids":[6],"finish":"length","temperature":1,"logprobs":[-0.5],"ref_logprobs":[-0.25],"reward":3,"best_of":4}
END
sed 's/,"best_of":4//' a.jsonl > plain.jsonl
sed '2s/"best_of":4/"best_of":5/' a.jsonl > mixed.jsonl

bound() {  # log 4 - 3/4
  expect_status 0 kl-report a.jsonl
  expect_stdout '^  bound on KL\(best of 4 ‖ policy\) +0\.63629 nats per response$'
  expect_stderr '^kl-report: warning: a.jsonl: 2 of 2 responses were chosen by score --best from several: k1, k2, k3'
  kl-report --json a.jsonl | jq -e '.files[0].best_of | .n == 4 and (.kl_bound - ((4 | log) - 0.75) | fabs) < 1e-12'
  kl-report -q --html page.html a.jsonl > x
  grep -q '<td>bound on KL(best of 4 ‖ policy)</td><td>0.63629 nats per response</td>' page.html
}
ok "text, JSON and page have the bound" bound
not_the_same() {
  expect_status 0 kl-report mixed.jsonl
  expect_stdout '^  best of several +2$'
  if grep bound out; then return 1; fi
  kl-report --json mixed.jsonl | jq -e '.files[0] | has("best_of") | not'
}
ok "of different numbers there is none, but a count" not_the_same
none() {
  expect_status 0 kl-report plain.jsonl
  expect_no_warning
  if grep -i best out; then return 1; fi
  kl-report --json plain.jsonl | jq -e '.files[0] | has("best_of") | not'
}
ok "nothing was chosen: nothing is said" none
files() {
  expect_status 0 kl-report a.jsonl plain.jsonl
  sed -n 2,4p out > table
  grep -q 'best-of-n bound' table
  grep -Eq '^  a\.jsonl .* 0\.63629 ' table
  kl-report plain.jsonl plain.jsonl > x
  if grep best x; then return 1; fi
}
ok "several files have a column of it" files
wrong() {
  sed 's/"best_of":4/"best_of":0/' a.jsonl > zero.jsonl
  expect_status 65 kl-report zero.jsonl
  expect_stderr 'record 1: field "best_of" is below 1'
  sed 's/"best_of":4/"best_of":"x"/' a.jsonl > text.jsonl
  expect_status 65 kl-report text.jsonl
  expect_stderr 'record 1: field "best_of"'
}
ok "a number that none can be chosen from is refused" wrong
