# docs/formats.md names what the programs write: fields, metrics, files, exit statuses.
. "$ROOT/tests/tools/tiny.inc"
page=$ROOT/docs/formats.md

# told NAME: NAME occurs in backquotes, in full or, in a table row of several, as …/LAST. Standard errors and bins are
# described together.
told() {
  key=$(printf %s "$1" | sed -E 's/_error$//; s,calibration/0\.[0-9],calibration/0.0,; s,margin_quarter/[2-4],margin_quarter/1,')
  case $1 in held_out/calibration_error) key=$1 ;; esac
  grep -qF -e "\`$key\`" -e "\`…/${key##*/}\`" "$page" || { echo "not in docs/formats.md: $1"; return 1; }
}
all_told() { while read -r name; do told "$name"; done < "$1"; }
keys() { jq -r 'keys_unsorted[]' "$1" | sort -u; }

ppo() { ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --epochs 1 "$@" "$TINY/scored.jsonl"; }
ppo --dry-run > dry.jsonl
ppo --metrics ppo.metrics --objective kl --policy-kl-control halving -o p1
ppo-step -q --policy "$TINY/p0" --advantage group --reward-scale running --epochs 1 --warn-kl 1e-9 --metrics ppo.metrics \
  "$TINY/scored.jsonl" -o scaled
ppo --metrics ppo.metrics --off-policy --correct truncate -o corrected
label -q --by reward "$TINY/scored.jsonl" -o pairs.jsonl
score -q --reward-model "$TINY/rm" pairs.jsonl -o pairs-scored.jsonl
sft-train -q --init "$TINY/base" --held-out "$TINY/texts.jsonl" --metrics sft.metrics "$TINY/texts.jsonl" -o sft
rm-train -q --init "$TINY/base" --held-out "$TINY/pairs.jsonl" --metrics rm.metrics "$TINY/pairs.jsonl" -o rm

fields() { keys dry.jsonl > names; [ "$(wc -l < names)" -ge 20 ]; all_told names; }
ok "every field of a trajectory" fields
evaluated() {
  kl-report -q --old "$TINY/p0" --new "$TINY/base" -o evaluated.jsonl "$TINY/scored.jsonl"
  keys evaluated.jsonl > names
  [ "$(wc -l < names)" = $(($(keys "$TINY/scored.jsonl" | wc -l) + 10)) ]
  all_told names
}
ok "every field of kl-report -o" evaluated
of_several() {
  # shellcheck disable=SC2086
  score -q --reward-model "NAME=$TINY/rm" --reward-model "$TINY/rm" "$1" $2 > several.jsonl
  keys several.jsonl | sed 's/reward_2$/reward_NAME/' > names
  grep -q reward_NAME names
  all_told names
}
ok "every field of the best by several reward models" of_several "$TINY/sampled.jsonl" "--best 1"
ok "every field of pairs by several reward models" of_several pairs.jsonl ""
pair_fields() { keys pairs-scored.jsonl > names; [ "$(wc -l < names)" -ge 10 ]; all_told names; }
ok "every field of a preference" pair_fields
metrics() { keys "$1" > names; [ "$(wc -l < names)" -ge "$2" ]; all_told names; }
ok "every metric of sft-train" metrics sft.metrics 8
ok "every metric of rm-train" metrics rm.metrics 50
ok "every metric of ppo-step" metrics ppo.metrics 30
no_others() {  # what the three tables name is written
  cat sft.metrics rm.metrics ppo.metrics > all.metrics
  keys all.metrics > written
  awk '/^## Metrics/ { on = 1 } /^## Exit/ { on = 0 } on && /^\| `/' "$page" | cut -d '|' -f 2 | grep -oE '`[^`]+`' |
    tr -d '`' > named
  [ "$(wc -l < named)" -ge 45 ]
  while read -r name; do
    case $name in
      sft-train | rm-train | ppo-step) ;;
      …/*) grep -q "/${name##*/}\$" written || { echo "not written: $name"; return 1; } ;;
      *) grep -qxF "$name" written || { echo "not written: $name"; return 1; } ;;
    esac
  done < named
}
ok "no metric that isn't written" no_others
files() {
  ppo-step -q --policy "$TINY/p0" --critic shared --epochs 1 "$TINY/scored.jsonl" -o shared
  (cd p1 && find . -type f -not -path './critic/*') > found
  (cd shared && find . -type f) >> found
  sed 's,.*/,,' found | sort -u > names
  while read -r name; do grep -q "[\`/]$name\`" "$page" || { echo "not told: $name"; return 1; }; done < names
  jq -r 'keys[]' p1/trainer/state.json scaled/trainer/state.json p1/trainer/provenance.json > names
  all_told names
}
ok "every file of a policy's folder, and the keys of trainer/" files
statuses() {
  label --man | awk '/^\.TP/ { getline; if (/^[0-9]+$/) print }' | sort -un > in_man
  awk '/^## Exit/ { on = 1 } on && /^\| [0-9]/ { print $2 }' "$page" | sort -un | cmp - in_man
}
ok "every exit status" statuses
limits() {
  refused 65 'longer than 67108864 bytes' peek - < "$1"
}
awk 'BEGIN { s = "a"; for (i = 0; i < 26; ++i) s = s s; printf "{\"a\":\"%s\"}\n", s }' > long.jsonl
ok "a line longer than 64 MiB is refused" limits long.jsonl
nested() { awk -v n="$1" 'BEGIN { printf "{\"a\":"; for (i = 1; i < n; ++i) printf "["; for (i = 1; i < n; ++i) printf "]"
  print "}" }'; }
depth() {
  nested 64 | peek -q > /dev/null
  nested 65 > deep
  refused 65 'record 1' peek deep
}
ok "64 levels of nesting are read, 65 are not" depth
blank_lines() {
  printf '\n{"a":1}\n \t\r\n\n{"a":2}\n\n' > gap
  printf '{"a":1}\r\n{"a":2}' > none
  for file in gap none; do
    [ "$(peek -q --json "$file" | jq -c '[.records, .files[0].records, .files[0].whole]')" = '[2,2,true]' ]
  done
  printf '\n{"a":1}\n\nx\n' > bad
  refused 65 'bad: record 2: ' peek bad
  [ "$(grep -v '^[[:space:]]*$' bad | sed -n 2p)" = x ]  # the page's way to the record
  jq -c . "$TINY/prompts.jsonl" | sed 's/$/\n/; 1s/^/\n/' > gaps.jsonl
  for words in "" "--shard 1/2"; do  # what goes by the records' numbers
    # shellcheck disable=SC2086
    rollout -q --policy "$TINY/p0" --max-tokens 3 $words gaps.jsonl > a.jsonl
    # shellcheck disable=SC2086
    rollout -q --policy "$TINY/p0" --max-tokens 3 $words "$TINY/prompts.jsonl" > b.jsonl
    cmp a.jsonl b.jsonl
  done
  rollout -q --policy "$TINY/p0" --max-tokens 3 gaps.jsonl -o a.zst  # and by the lines' digest
  rollout -q --policy "$TINY/p0" --max-tokens 3 "$TINY/prompts.jsonl" -o b.zst
  cmp a.zst b.zst
}
ok "a blank line is nothing, a carriage return and a missing last newline change nothing" blank_lines
messages() {
  echo '{"prompt":[{"role":"user","content":"hello"}]}' > chat
  refused 65 'record 1: field "prompt" is a dialogue' rollout --policy "$TINY/p0" chat
  rollout -q --policy "$TINY/p0" --max-tokens 2 --chat-format zephyr chat > chat.out
  holds chat.out '.[0].prompt == "<|user|>\nhello<|endoftext|>\n<|assistant|>\n" and (.[0].messages | length) == 1'
}
ok "a list of messages is rendered, and kept, as the page says" messages
empty_prompt() {  # the first response token has no prediction
  jq -c '.prompt_ids = []' "$TINY/sampled.jsonl" | jq -c 'select((.response_ids | length) > 1) | del(.logprobs)' |
    score -q --ref "$TINY/base" > empty.jsonl
  holds empty.jsonl 'all((.ref_logprobs | length) == (.response_ids | length) - 1)'
}
ok "with an empty prompt the lists per token are one shorter" empty_prompt
deleted() {  # what deleting trainer/ loses: the controller's beta, counters, moments
  rollout -q --policy p1 -n 4 --max-tokens 8 "$TINY/prompts.jsonl" |
    score -q --reward-model "$TINY/rm" --ref "$TINY/base" > next.jsonl
  again() {
    ppo-step -q --policy "$1" --epochs 1 --objective kl --policy-kl-control halving --metrics "$2" next.jsonl -o "$3"
  }
  cp -r p1 bare && rm -r bare/trainer
  again p1 kept.metrics kept
  again bare lost.metrics lost
  holds kept.metrics '.[0] | .iteration == 1 and .episode == 48 and ."policy/kl_beta" != 1'
  holds lost.metrics '.[0] | .iteration == 0 and .episode == 24 and ."policy/kl_beta" == 1'
  differ kept/model.safetensors lost/model.safetensors
}
ok "deleting trainer/ loses beta, counters and moments, and nothing else stops" deleted
