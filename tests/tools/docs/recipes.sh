# docs/recipes.md: its commands run in their order, and what they make is what the page says. (The sandbox: sandbox.sh;
# judges that fail: judges.sh.)
. "$ROOT/tests/tools/docs/recipes.inc"
# shellcheck disable=SC2046
in_order $(ls blocks/*.sh | grep -vxF "$(boxes)" | sort -t - -k 2 -n) > all.sh
run_all() { (cd set && bash ../all.sh) > said 2>&1 || { cat said; return 1; }; }
ok "the commands run in their order" run_all
cd set

turns() {  # calculator: every call is answered with the sum by an independent program, and the text goes on behind it
  [ "$(grep -c '"continuation"' turn.jsonl)" = 0 ]
  [ "$(wc -l < turn.jsonl)" = 48 ]
  jq -r 'select(.loss_mask) | .response' turn.jsonl > answered
  [ "$(wc -l < answered)" -gt 20 ]
  grep -oE '[0-9]{1,7}[-+*][0-9]{1,7}=-?[0-9]*' answered | while IFS== read -r call result; do
    case $result in "$(echo "$call" | bc)"*) ;; *) echo "$call is not $result"; return 1 ;; esac
  done
  jq -es 'map(select(.loss_mask)) | all(.loss_mask[0] == 1 and any(.loss_mask[]; . == 0))
    and any(.loss_mask[-1] == 1)' turn.jsonl
}
if command -v bc > said; then ok "the calculator's results stand behind its calls, masked" turns; fi
bits() {  # what was sampled has the log-probs that a forward over all gives
  score -q --ref p0 turn.jsonl | jq -es 'all(. as $r | all(range(.logprobs | length);
    $r.loss_mask[.]? == 0 or $r.logprobs[.] == $r.ref_logprobs[.]))' > said
}
ok "and the log-probs of what was sampled are those of one forward" bits
tool_step() {  # the masked tokens are in no sum, and the first ratio is 1 at the others
  jq -c '.reward = 1' turn.jsonl | score -q --ref base | ppo-step -q --policy p0 --critic-init rm --dry-run > x
  jq -es '[.[] | select(.loss_mask) | . as $r | range(.loss_mask | length) | select($r.loss_mask[.] == 1) | $r.ratio[.]]
    | length > 20 and all(. == 1)' x > said
  jq -es 'map(.loss_mask // [] | .[]) | any(. == 0)' x > said
  [ -e p1-tool/model.safetensors ]
}
ok "and ppo-step finds the ratio 1 there" tool_step
judged() {
  zstdcat sampled.jsonl.zst | ./judge | jq -r '[.reward, .answer, .response] | @tsv' |
    awk -F '\t' '{ n = split($3, part, /[^0-9]+/); last = ""; for (i = 1; i <= n; ++i) if (part[i] != "") last = part[i]
      if ($1 != (last == $2 && last != "")) { print; bad = 1 } right += $1 } END { exit bad || right == 0 || right == NR }'
}
pages() {
  grep -q '^[0-9]* prompts answered by each of 2 policies$' both.txt
  grep -q '<td>by-p0.jsonl</td>' both.html && grep -q '"by":"advantages"' gdpo.html
}
ok "pages show the answers" pages
ok "the judge likes right sums" judged
shards() { for part in . critic; do cmp p1/$part/model.safetensors p1-shards/$part/model.safetensors; done; }
ok "judged in shards the step has the same bytes" shards
weighed() {
  jq -r '[.reward, .right, .rm, (.response_ids | length)] | @tsv' weighed.jsonl |
    awk -F '\t' 'function abs(x) { return x < 0 ? -x : x }
      abs($1 - ($2 - $4 / 96 + $3 / 10)) > 1e-9 { bad = 1; print } END { exit bad || NR != 48 }'
  jq -es 'all(.reward == (.rm | tostring | tonumber) | not) and (map(.rm) | unique | length > 10)' weighed.jsonl > said
}
ok "several rewards are weighed" weighed

# Advantages, by awk in double precision from the same fields. table FILE FIELD...: those of each record, in tabs.
table() {
  table_file=$1
  shift
  jq -r "[$(echo "$@" | sed 's/ /, /g')] | @tsv" "$table_file"
}
# same_numbers FILE FILE: line by line, to 1e-6 of the number and 1e-6.
same_numbers() {
  [ "$(wc -l < "$1")" -gt 40 ]
  [ "$(wc -l < "$1")" = "$(wc -l < "$2")" ]
  paste "$1" "$2" | awk 'function abs(x) { return x < 0 ? -x : x }
    abs($1 - $2) > 1e-6 + 1e-6 * abs($2) { print; bad = 1 } { spread += abs($2) } END { exit bad || spread < 1 }'
}
# learnt FILE OPTION...: what ppo-step makes of the file's advantages, one a token, whitened with --whiten.
learnt() { ppo-step -q --policy p0 --advantage field --dry-run "$@" | jq -r '.advantages[]'; }
whitened='{ x[NR] = $1; sum += $1 } END { m = sum / NR; for (i = 1; i <= NR; ++i) v += (x[i] - m) ^ 2
  for (i = 1; i <= NR; ++i) printf "%.12g\n", (x[i] - m) / sqrt(v / NR + 1e-8) }'

plus() {
  jq -r '[(.logprobs | length), .reward, .logprobs[], .ref_logprobs[]] | @tsv' scored.jsonl |
    awk -F '\t' '{ n = $1; sum = $2; for (t = n; t > 0; --t) { sum -= 0.05 * ($(2 + t) - $(2 + n + t)); g[t] = sum }
      for (t = 1; t <= n; ++t) printf "%.12g\n", g[t] }' > want
  jq -r '.advantages[]' plus.jsonl > x
  same_numbers x want
  awk "$whitened" want > white
  learnt plus.jsonl --whiten > y
  same_numbers y white
  jq -es 'any(.advantages | unique | length > 1)' plus.jsonl > said
}
ok "REINFORCE++: returns from each token on, whitened over the batch" plus
remax() {
  table greedy.jsonl .group .reward > base.tsv
  [ "$(wc -l < base.tsv)" = 12 ]
  jq -es 'all(.temperature == 0 and .ref_logprobs == null)' greedy.jsonl > said
  table scored.jsonl .group .reward '(.response_ids|length)' |
    awk -F '\t' 'NR == FNR { base[$1] = $2; next } { for (t = 0; t < $3; ++t) printf "%.12g\n", $2 - base[$1] }' base.tsv - > want
  learnt remax.jsonl --objective reinforce > x
  same_numbers x want
}
ok "ReMax: less the greedy response's score" remax
opo() {
  table opo.jsonl .group .reward '(.response_ids|length)' > all.tsv
  awk -F '\t' 'NR == FNR { n[$1] += $3; sum[$1] += $2 * $3; next }
    { for (t = 0; t < $3; ++t) printf "%.12g\n", $2 - sum[$1] / n[$1] }' all.tsv all.tsv > want
  learnt opo.jsonl --objective reinforce > x
  same_numbers x want
  [ "$(wc -l < opo.jsonl)" = 48 ]
}
ok "OPO: less the group's mean, weighted by lengths" opo
gdpo() {
  table gdpo.jsonl .group '(.response_ids|length)' .right .brief .rm > all.tsv
  awk -F '\t' 'BEGIN { w[3] = 1; w[4] = 0.25; w[5] = 0.1 } NR == FNR { ++n[$1]; for (k = 3; k < 6; ++k) { s[$1, k] += $k }; next }
    FNR == 1 { ++pass } pass == 1 { for (k = 3; k < 6; ++k) q[$1, k] += ($k - s[$1, k] / n[$1]) ^ 2; next }
    { a = 0; for (k = 3; k < 6; ++k) a += w[k] * ($k - s[$1, k] / n[$1]) / (sqrt(q[$1, k] / (n[$1] - 1)) + 1e-6)
      for (t = 0; t < $2; ++t) printf "%.12g\n", a }' all.tsv all.tsv all.tsv > raw
  jq -r '.advantages as $a | .response_ids[] | $a' gdpo.jsonl > x
  same_numbers x raw
  awk "$whitened" raw > white
  learnt gdpo.jsonl --whiten > y
  same_numbers y white
}
ok "GDPO: each reward normalised in its group, weighed, whitened" gdpo
steps() {
  for step in p1-plus p1-remax p1-opo p1-gdpo; do
    [ -s $step/model.safetensors ]
    [ ! -e $step/critic ]
    if cmp -s p0/model.safetensors $step/model.safetensors; then return 1; fi
  done
}
ok "each makes a step, without a critic" steps

won() {  # the win rate, counted by jq; the page has a pair of each prompt
  label -q --by reward --pairs all --against answers-p0.jsonl answers-p1.jsonl | cmp preferred.jsonl -
  label --by reward --pairs all --against answers-p0.jsonl answers-p1.jsonl > again 2> told
  jq -n --slurpfile a answers-p0.jsonl --slurpfile b answers-p1.jsonl '[$b[] as $x | $a[]
    | select(.group == $x.group and .response != $x.response)
    | if $x.reward > .reward then 1 elif $x.reward < .reward then 0 else 0.5 end] | (add / length, length)' > counted
  near_shown "$(sed -n 's/.* wins \([0-9.]*\) .*/\1/p' told)" "$(sed -n 1p counted)"
  grep -q " of $(sed -n 2p counted) judgements against answers-p0.jsonl" told
  [ "$(grep -o '"pair":' judge.html | wc -l)" = "$(wc -l < prompts.jsonl)" ]
}
ok "two policies: the win rate is the one counted, and the page asks about each prompt" won

# The column of our defaults is what the help says, and the updates are what they come to.
cd ..
defaults() {
  awk -F ' *[|] *' '/^\| `--/ { n = split($2, names, /[`, ]+/); for (i = 1; i <= n; ++i) if (names[i] ~ /^--/) print names[i], $3 }' \
    "$ROOT/docs/recipes.md" > table
  [ "$(wc -l < table)" -ge 13 ]
  # One line an option: its text is wrapped.
  ppo-step --help | sed -n '/^Objective/,$p' | awk '/^ +(-[a-z], )?--/ { printf "\n" } { printf "%s ", $0 }' > options
  while read -r name value; do
    said=$(grep -oE -e "^ *$name .*" options | grep -oE '\(default [^;)]+' | head -n 1 | sed 's/.*default *//; s/ *$//')
    [ "$(echo "$said" | awk '{ print $1 + 0 }')" = "$(echo "$value" | awk '{ print $1 + 0 }')" ] || {
      echo "$name: the table has $value, the help $said"; return 1; }
  done < table
  rollout --help | tr -s ' \n' ' ' | grep -q -e '--temperature X [^(]*(default 1;'
  score --help | tr -s ' \n' ' ' | grep -q -e '--missing-end keep[^(]*(default keep)'
}
ok "the page's column of defaults is the programs'" defaults
