# docs/recipes.md: its commands run in their order, and what they make is what the page says. (The sandbox: sandbox.sh;
# judges that fail: judges.sh.)
. "$ROOT/tests/tools/docs/recipes.inc"
# shellcheck disable=SC2046
in_order $(ls blocks/*.sh | grep -vxF "$(boxes)" | sort -t - -k 2 -n) > all.sh
run_all() { (cd set && bash ../all.sh) > said 2>&1 || { cat said; return 1; }; }
ok "the commands run in their order" run_all
cd set

turns() {  # calculator: every call is answered with the sum by an independent program, and the text goes on behind it
  ! grep '"continuation"' turn.jsonl
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
judged() {
  zstdcat sampled.jsonl.zst | ./judge | jq -r '[.reward, .answer, .response] | @tsv' |
    awk -F '\t' '{ n = split($3, part, /[^0-9]+/); last = ""; for (i = 1; i <= n; ++i) if (part[i] != "") last = part[i]
      if ($1 != (last == $2 && last != "")) { print; bad = 1 } right += $1 } END { exit bad || right == 0 || right == NR }'
}
ok "the judge likes right sums" judged
shards() { cmp p1/model.safetensors p1-shards/model.safetensors && cmp p1/critic/model.safetensors p1-shards/critic/model.safetensors; }
ok "judged in shards the step has the same bytes" shards
weighed() {
  jq -r '[.reward, .right, .rm, (.response_ids | length)] | @tsv' weighed.jsonl |
    awk -F '\t' 'function abs(x) { return x < 0 ? -x : x }
      abs($1 - ($2 - $4 / 96 + $3 / 10)) > 1e-9 { bad = 1; print } END { exit bad || NR != 48 }'
  jq -es 'all(.reward == (.rm | tostring | tonumber) | not) and (map(.rm) | unique | length > 10)' weighed.jsonl > said
}
ok "several rewards are weighed" weighed

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
