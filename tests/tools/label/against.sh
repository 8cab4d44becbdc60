# label --against: blind pairs of two policies, and who wins.
needs label jq

t() {  # POLICY GROUP K TEXT REWARD
  printf '{"schema":"trajectory/1","id":"%s/%s","group":"%s","prompt":"p %s","response":"%s","policy":"%s","reward":%s}\n' \
    "$2" "$3" "$2" "$2" "$4" "$1" "$5"
}
{ t new g 0 n0 2; t new g 1 n1 0; t new h 0 m0 3; t new mine 0 x 1; } > p1.jsonl
{ t old h 0 k0 1; t old h 1 k1 3; t old g 0 o0 1; t old g 1 o1 1; t old yours 0 x 1; t old ours 0 x 1; } > p0.jsonl

# Group g: two wins, two losses; h: a win and a tie. m = 3.5/6 = 0.583; residuals 2 - 4 m = -1/3 and 1.5 - 2 m = 1/3:
# error (2/1 2/9)^0.5/6 = 0.111.
a_field_judges() {
  expect_status 0 label --by reward --pairs all --against p0.jsonl p1.jsonl
  [ "$(jq -r '.id + " " + .chosen' out | tr '\n' ' ')" = 'g/0~0 n0 g/0~1 n0 g/1~0 o0 g/1~1 o1 h/0~0 m0 ' ]
  [ "$(jq -c '[.labeler, .margin, .chosen_reward]' out | head -1)" = '["reward",1,2]' ]
  expect_stderr '^label: 5 pairs, 2 groups, 1 tie, 0 pairs below the margin, 0 groups of equal answers, 1 group of the candidate alone, 2 groups of the baseline alone, wins 0.58 \+- 0.11 of 6 judgements against p0.jsonl, '
}
figures() {
  label -q --by reward --pairs all --against p0.jsonl --metrics figures.jsonl p1.jsonl > out
  jq -e '.["label/pairs"] == 5 and .["label/judgements"] == 6 and (.["label/wins"] - 3.5 / 6 | fabs < 1e-12)
    and (.["label/wins_error"] - (4 / 9 | sqrt) / 6 | fabs < 1e-12)' figures.jsonl > said
  expect_status 64 label --by reward --metrics figures.jsonl p1.jsonl
  expect_stderr 'only --merge and --against have figures'
}
margin_makes_ties() {
  expect_status 0 label --by reward --pairs all --min-margin 1.5 --against p0.jsonl p1.jsonl
  expect_stderr '1 pair, 2 groups, 1 tie, 4 pairs below the margin.*wins 0.58 \+- 0.1. of 6 '
}
one_is_drawn_by_seed() {
  for seed in 0 1 2 3 4 5 6 7; do
    expect_status 0 label --by reward --seed $seed --against p0.jsonl p1.jsonl
    expect_stderr 'of 2 judgements'
    jq -r .id out | head -1
  done > drawn
  [ "$(sort -u drawn | wc -l)" -gt 1 ]
}
baseline_in_several_files() {
  head -3 p0.jsonl > a.jsonl
  tail -n +4 p0.jsonl > b.jsonl
  label -q --by reward --pairs all --against p0.jsonl p1.jsonl > whole
  expect_status 0 label --by reward --pairs all --against a.jsonl --against b.jsonl p1.jsonl
  expect_same whole out
  expect_stderr 'against a.jsonl and 1 more'
}
all_ties_is_a_result() {
  jq -c '.reward = 1' p1.jsonl > q1.jsonl
  jq -c '.reward = 1' p0.jsonl > q0.jsonl
  expect_status 0 label --by reward --against q0.jsonl q1.jsonl -o ties.jsonl
  expect_stderr '^label: 0 pairs, 2 groups, 2 ties,.* wins 0.5 \+- 0 of 2 '
  [ -e ties.jsonl ] && [ ! -s ties.jsonl ]
}
input_counts_by_content() {
  expect_status 0 label --by reward --against p0.jsonl p1.jsonl -o out.jsonl.zst
  expect_status 0 label --by reward --against p0.jsonl p1.jsonl -o out.jsonl.zst
  expect_stderr 'exists already'
  expect_status 73 label --by reward --against q0.jsonl p1.jsonl -o out.jsonl.zst
}
people_judge() {
  needs script
  printf 'lt' | TERM=xterm timeout 60 script -qec 'exec label --against p0.jsonl --labeler kim -o kim.jsonl p1.jsonl' /dev/null > screen
  [ "$(cat kim.jsonl kim.jsonl.notes | wc -l)" = 2 ]
  share=$(jq -r 'if .chosen | test("^[nm]") then "0.75" else "0.25" end' kim.jsonl)
  grep -q "wins $share +- 0.25 of 2 judgements against p0.jsonl" screen || { cat -v screen; return 1; }
  expect_status 0 label --merge kim.jsonl p1.jsonl --against p0.jsonl
  label -q --merge kim.jsonl p1.jsonl --against p0.jsonl --metrics judged.jsonl > out 2>&1
  jq -e --argjson share "$share" '.["label/wins"] == $share and .["label/judges"] == 1' judged.jsonl
  expect_stderr "wins $share \\+- 0.25 of 2 judgements against p0.jsonl"
}
equal_answers_are_not_asked() {
  needs script
  jq -c '.response = "same"' p1.jsonl > s1.jsonl
  jq -c '.response = "same"' p0.jsonl > s0.jsonl
  TERM=xterm timeout 60 script -qec 'exec label --against s0.jsonl -o s.jsonl s1.jsonl' /dev/null < /dev/null > screen
  grep -q '0 pairs, .* 2 groups of equal answers, .* wins ? of 0 judgements' screen || { cat -v screen; return 1; }
}
itself_is_warned_of() {
  expect_status 0 label --by reward --against p1.jsonl p1.jsonl
  expect_stderr 'warning: p1.jsonl: policy new is the candidate.s, too'
}
other_prompts() {
  jq -c '.prompt = "q"' p0.jsonl > q.jsonl
  expect_status 65 label --by reward --against q.jsonl p1.jsonl
  expect_stderr 'error: p1.jsonl: record 1: the prompt differs from that of q.jsonl: record 3, of the same group "g"'
  grep -v '"[gh]"' p0.jsonl > none.jsonl
  expect_status 65 label --by reward --against none.jsonl p1.jsonl
  expect_stderr 'error: none.jsonl: no group is in both'
}
misuse() {
  expect_status 64 label --by reward --pairs best-worst --against p0.jsonl p1.jsonl
  expect_status 64 label --by reward --pairs all --seed 1 --against p0.jsonl p1.jsonl
  expect_status 64 label --by reward --against - < p0.jsonl
  expect_status 64 label --by reward --force --against p0.jsonl -o p0.jsonl p1.jsonl
  expect_status 66 label --by reward --against nowhere.jsonl p1.jsonl
}

ok "a field judges all pairs, and the win rate and its error are those by hand" a_field_judges
ok "--metrics has the figures" figures
ok "--min-margin makes ties" margin_makes_ties
ok "one pair of a prompt is drawn with the seed" one_is_drawn_by_seed
ok "the baseline may be in several files" baseline_in_several_files
ok "ties alone are a result" all_ties_is_a_result
ok "the baseline counts as input" input_counts_by_content
ok "people judge at the terminal, and --merge says the same" people_judge
ok "equal answers are counted and not asked about" equal_answers_are_not_asked
ok "a policy against itself is warned of" itself_is_warned_of
ok "other prompts, and none in common, are errors" other_prompts
ok "misuse is told" misuse
