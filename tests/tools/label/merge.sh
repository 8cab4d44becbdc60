# label --merge: decisions of several judges, checked and joined.
needs label jq

vote() {  # JUDGE ID CHOSEN REJECTED
  printf '{"schema":"preference/1","id":"%s","prompt":"p %s","chosen":"%s","rejected":"%s","labeler":"%s"}\n' \
    "$2" "$2" "$3" "$4" "$1"
}
note() { printf '{"schema":"label-note/1","id":"%s","decision":"%s","labeler":"%s"}\n' "$2" "$3" "$1"; }

# kim and lee agree in 3 of 4 pairs; by chance 3/4 1/2 + 1/4 1/2 = 1/2: kappa 1/2.
{ vote kim w a b; vote kim x a b; vote kim y a b; vote kim z b a; } > kim.jsonl
{ vote lee z b a; vote lee w a b; vote lee x a b; vote lee y b a; note lee v skip; } > lee.jsonl
{ vote ann w a b; vote ann x b a; note ann y tie; vote ann z b a; } > ann.jsonl

two_judges() {
  expect_status 0 label --merge kim.jsonl lee.jsonl
  [ "$(jq -r '.id + .chosen' out | tr '\n' ' ')" = 'wa xa zb ' ]
  [ "$(jq -c '[.labeler, .votes]' out | sort -u)" = '["kim, lee",{"chosen":2,"rejected":0,"tie":0}]' ]
  expect_stderr '^label: 3 pairs, 2 judges, 8 votes, 1 pair without a majority, 1 skip, 0 repeated decisions, '
}
# Jackknife: without w or x, 2 of 3 agree, chance 2/3 1/3 + 1/3 2/3 = 4/9: (2/3 - 4/9)/(5/9) = 0.4; without y 1; without
# z 2 of 3, chance 1 2/3 + 0 = 2/3: 0. Mean 0.45, squares 0.51: error (3/4 0.51)^0.5 = 0.618.
kappa_and_error() {
  expect_status 0 label --merge kim.jsonl lee.jsonl
  expect_stderr "Cohen's kappa 0.50 \\+- 0.62 of 4 pairs, agreement 0.75,"
}
figures() {
  label -q --merge kim.jsonl lee.jsonl --metrics figures.jsonl > out
  label -q --merge kim.jsonl --metrics figures.jsonl > out
  # 0.6185 is the jackknife's error above.
  jq -es '.[0] == {"label/pairs": 3, "label/judges": 2, "label/agreement": 0.75, "label/kappa": 0.5,
      "label/kappa_error": .[0]["label/kappa_error"], "label/kappa_pairs": 4}
    and (.[0]["label/kappa_error"] - (0.75 * 0.51 | sqrt) | fabs < 1e-12)
    and .[1] == {"label/pairs": 4, "label/judges": 1}' figures.jsonl > said
  expect_status 64 label --merge kim.jsonl --metrics kim.jsonl
}
three_judges() {
  expect_status 0 label --merge kim.jsonl lee.jsonl ann.jsonl
  [ "$(jq -c '[.id, .labeler, .votes.chosen, .votes.rejected, .votes.tie]' out | tr '\n' ' ')" = \
    '["w","ann, kim, lee",3,0,0] ["x","ann, kim, lee",2,1,0] ["z","ann, kim, lee",3,0,0] ' ]
  expect_stderr "Fleiss' kappa "
}
one_judge_is_no_agreement() {
  expect_status 0 label --merge kim.jsonl -o one.jsonl
  [ "$(jq -r .labeler one.jsonl | sort -u)" = kim ]
  if grep -q kappa err; then return 1; fi
  expect_status 73 label --merge kim.jsonl lee.jsonl -o one.jsonl
  expect_status 0 label --merge --force kim.jsonl lee.jsonl -o one.jsonl
}
order_of_files_does_not_matter() {
  label -q --merge kim.jsonl lee.jsonl ann.jsonl > a
  cat ann.jsonl lee.jsonl kim.jsonl | label -q --merge > b
  expect_same a b
}
rm_train_reads_it_compressed() {
  label -q -z --merge kim.jsonl ann.jsonl | cat > z
  peek --verify z
}
journals_bring_their_notes() {  # as the terminal writes them: no labeler in the notes
  vote pat w a b > pat.jsonl
  printf '{"schema":"label-note/1","id":"x","decision":"tie"}\n' > pat.jsonl.notes
  : > none.jsonl
  note zoe x tie > none.jsonl.notes
  expect_status 0 label --merge pat.jsonl none.jsonl kim.jsonl
  expect_stderr '3 judges, 7 votes'
  expect_status 0 label --merge pat.jsonl pat.jsonl.notes kim.jsonl
  expect_stderr '2 judges, 6 votes.* 0 repeated'
  cp pat.jsonl.notes alone.jsonl
  expect_status 65 label --merge alone.jsonl kim.jsonl
  expect_stderr '^label: error: alone.jsonl: record 1: field "labeler"'
  expect_stderr 'jq -c'
}
contradictions_name_both_places() {
  vote kim w b a > again.jsonl
  expect_status 65 label --merge kim.jsonl again.jsonl
  expect_stderr 'error: again.jsonl: record 1: "kim" decided pair "w" otherwise than in kim.jsonl: record 1$'
  expect_stderr 'keep one of the two lines'
  vote kim w a b > same.jsonl
  expect_status 0 label --merge kim.jsonl same.jsonl
  expect_stderr '1 repeated decision'
}
other_texts_name_both_places() {
  vote lee w a c > other.jsonl
  expect_status 65 label --merge kim.jsonl other.jsonl -o never.jsonl
  expect_stderr 'error: other.jsonl: record 1: pair "w" has other texts than in kim.jsonl: record 1$'
  [ ! -e never.jsonl ]
}
trajectories_bring_token_ids() {
  for a in 0 1; do
    printf '{"id":"g/%s","group":"g","prompt":"p","response":"r %s","prompt_ids":[7],"response_ids":[8,%s]}\n' $a $a $a
  done > t.jsonl
  printf '%s\n' '{"schema":"preference/1","id":"g/0-1","prompt":"p","chosen":"r 1","rejected":"r 0","labeler":"kim"}' > v.jsonl
  expect_status 0 label --merge v.jsonl t.jsonl
  [ "$(jq -c '[.prompt_ids, .chosen_ids, .rejected_ids]' out)" = '[[7],[8,1],[8,0]]' ]
  expect_status 65 label --merge kim.jsonl t.jsonl
  expect_stderr "kim.jsonl: record 1: pair \"w\" is none of the trajectories' pairs"
}
nothing_to_merge() {
  : > fresh.jsonl
  : > fresh.jsonl.notes
  expect_status 65 label --merge fresh.jsonl
  expect_stderr 'error: fresh.jsonl: '

  note kim w tie > ties.jsonl
  expect_status 65 label --merge ties.jsonl -o never.jsonl
  expect_stderr 'nothing succeeded: 0 pairs'
  [ ! -e never.jsonl ]
  expect_status 65 label --merge t.jsonl
  expect_stderr "no input holds a judge's decision"
}
misuse() {
  for words in '--by reward' '--labeler me' '--seed 1' '--pairs all' '--html p.html'; do
    # shellcheck disable=SC2086
    expect_status 64 label --merge $words kim.jsonl
    expect_stderr 'exclude each other'
  done
  expect_status 64 label --merge --shard 0/2 kim.jsonl
  expect_status 64 label --merge --min-margin 1 kim.jsonl
  expect_status 64 label --merge --force kim.jsonl -o kim.jsonl
  expect_status 64 label --merge --against kim.jsonl lee.jsonl
  expect_stderr '--against needs the trajectories of the other policy'
}

ok "two judges: what both chose, and the counts" two_judges
ok "Cohen's kappa and its error are those by hand" kappa_and_error
ok "--metrics has the figures" figures
ok "three judges: the majority" three_judges
ok "a single judge's file becomes pairs, overwritten with --force alone" one_judge_is_no_agreement
ok "the order of the files does not matter" order_of_files_does_not_matter
ok "-z compresses, with marks" rm_train_reads_it_compressed
ok "journals of the terminal bring their ties and skips" journals_bring_their_notes
ok "a judge's contradiction names both places" contradictions_name_both_places
ok "the same id with other texts names both places" other_texts_name_both_places
ok "trajectories check the pairs and bring token ids" trajectories_bring_token_ids
ok "without a pair or a decision it fails and leaves nothing" nothing_to_merge
ok "misuse is told" misuse
