# The openings: ids, all different, 2 to 10 words; no seed gives a held-out prompt to training.
awk -f "$ROOT/docs/demo/reviews.awk" -v mode=prompts -v seed=2 -v n=600 -v part=train > train.jsonl || exit 1
awk -f "$ROOT/docs/demo/reviews.awk" -v mode=prompts -v seed=3 -v n=600 > train3.jsonl || exit 1
awk -f "$ROOT/docs/demo/reviews.awk" -v mode=prompts -v seed=2 -v n=200 -v part=held-out > held.jsonl || exit 1
jq -e -s 'length == 600 and .[0].id == "train-0" and .[599].id == "train-599"
          and (map(.prompt) | unique | length) == 600
          and all(.[]; .prompt | split(" ") | length >= 2 and length <= 10 and .[-1] != "")' train.jsonl >/dev/null ||
  exit 1
jq -e -s 'length == 200 and .[0].id == "held-out-0" and (map(.prompt) | unique | length) == 200' held.jsonl \
  >/dev/null || exit 1
jq -r .prompt train.jsonl train3.jsonl | sort -u > a
jq -r .prompt held.jsonl | sort -u > b
[ -z "$(comm -12 a b)" ] || { echo "held-out prompts in training:"; comm -12 a b; exit 1; }
[ "$(wc -l < a)" -gt 900 ] || { echo "seeds 2 and 3 give the same prompts"; exit 1; }
