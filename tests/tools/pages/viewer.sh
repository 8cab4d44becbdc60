# peek's page in a browser.
needs peek jq awk
. "$ROOT/tests/tools/pages/browser.inc"
. "$ROOT/tests/tools/tiny.inc"

cat > small.jsonl <<'END'
{"schema":"trajectory/1","id":"a/0","prompt":"say A","response":"one","response_ids":[5,6,7],"finish":"stop","reward":0.75,"logprobs":[-0.123456789,-9.87654,0],"ref_logprobs":[-0.5,-10,0],"advantages":[1.5,-2.25,0],"values":[0.33333333,-1e-7,2],"new_logprobs":[-0.123456789,-9.5,-0.25],"loss_mask":[1,0,1]}
{"schema":"trajectory/1","id":"a/1","prompt":"say A","response":"twice","response_ids":[5,6],"finish":"length","reward":-0.5,"logprobs":[-1,-2],"ref_logprobs":[-0.5,-2]}
{"schema":"trajectory/1","id":"b/0","prompt":"say B","response":"two","response_ids":[8],"finish":"stop","reward":2,"logprobs":[-1],"ref_logprobs":[-3]}
{"id":"c/0","prompt":"other","response":"no tokens","votes":{"a":[1,2.50]}}
END
awk 'BEGIN { for (i = 0; i < 10000; ++i) {
  n = 5 + (i * 7919) % 60; ids = lps = ""
  for (t = 0; t < n; ++t) { ids = ids (t ? "," : "") (i + t) % 300; lps = lps (t ? "," : "") "-" (i % 7 + t % 5) / 3 }
  printf "{\"id\":\"r%d\",\"prompt\":\"p\",\"response_ids\":[%s],\"logprobs\":[%s],\"reward\":%d}\n", i, ids, lps, i % 13 } }' > big.jsonl
answer() {  # policy id reward
  printf '{"schema":"trajectory/1","id":"%s","prompt":"say %s","response":"x","response_ids":[1,2],"policy":"%s","reward":%s,"logprobs":[-1,-9]}\n' \
    "$2" "${2%/*}" "$1" "$3"
}
{ answer p0 a/0 1; answer p0 a/1 3; answer p0 b/0 0; answer p0 c/0 100; } > zero.jsonl
{ answer p1 d/0 -100; answer p1 b/0 1.5; answer p1 b/1 0.5; answer p1 a/0 4; } > one.jsonl
{
  printf '%s\n' '{"id":"</script><script>broken=1</script>","prompt":"</script><script>broken=1</script><img src=x onerror=broken=1> \u202egnihton\u001b[2J","response":"<!--<script>\u2028\u0000","response_ids":[1],"logprobs":[-1]}'
  printf '%s\n' '{"id":"bad","response_ids":[1,2],"logprobs":[-1]}'
  printf '%s\n' '{"id":"names","__proto__":3,"constructor":4,"response_ids":[1,2],"toString":[5,6]}' '{"__proto__":5,"constructor":6}'
  awk 'BEGIN { printf "{\"id\":\"long\",\"response\":\""; for (i = 0; i < 100000; ++i) printf "</script>x"; print "\"}" }'
} > hostile.jsonl
# The last record's tokens are the two bytes of an e with an acute accent, then the first of them again.
{
  cat "$TINY/scored.jsonl"
  jq -c '.model.vocab | {id: "split", response: "\u00e9\ufffd", response_ids: [.["\u00c3", "\u00a9", "\u00c3"]], logprobs: [-1, -2, -3]}' \
    "$TINY/p0/tokenizer.json"
} > texts.jsonl
peek -q --html small.html small.jsonl > /dev/null
peek -q --html big.html big.jsonl > /dev/null
peek -q --html texts.html --tokenizer "$TINY/p0" texts.jsonl > /dev/null
peek -q --html paired.html zero.jsonl one.jsonl > /dev/null
peek -q --json zero.jsonl one.jsonl | jq .compared > paired.json
peek -q --html hostile.html hostile.jsonl > /dev/null
in_browser viewer small big texts paired hostile
