# The invented reviews: valid JSON, all different in the main, balanced, of a small vocabulary, no faults.
awk -f "$ROOT/docs/demo/reviews.awk" -v mode=text -v seed=1 -v n=2000 > text.jsonl || exit 1
jq -e -s 'length == 2000 and all(.[]; keys == ["text"] and (.text | type == "string" and test("^[a-z ,.]+\\.$")))' \
  text.jsonl >/dev/null || { echo "not the records promised"; exit 1; }
distinct=$(sort -u text.jsonl | wc -l)
[ "$distinct" -ge 1950 ] || { echo "$distinct distinct reviews"; exit 1; }
sentences=$(jq -r .text text.jsonl | tr '.' '\n' | sed 's/^ //;/^$/d' | sort -u | wc -l)
[ "$sentences" -ge 3000 ] || { echo "$sentences distinct sentences"; exit 1; }
words=$(jq -r .text text.jsonl | tr -c 'a-z\n' '\n' | sed '/^$/d' | sort -u | wc -l)
[ "$words" -ge 150 ] && [ "$words" -le 400 ] || { echo "$words words"; exit 1; }
jq -c -f "$ROOT/docs/demo/judge.jq" text.jsonl |
  jq -s '{kind: (map(select(.reward > 0)) | length / 2000), mean: (map(.reward) | add / length),
          spread: (map(.reward * .reward) | add / length | sqrt)}' > balance
jq -e '.kind > 0.44 and .kind < 0.56 and .mean > -0.06 and .mean < 0.06 and .spread > 0.3' balance >/dev/null ||
  { cat balance; exit 1; }
