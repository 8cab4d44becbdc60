# kl-report's page in a browser.
needs kl-report awk
. "$ROOT/tests/tools/pages/browser.inc"

iteration() {  # number: 12 responses, of 1 to 4 tokens
  awk -v k="$1" 'BEGIN { for (i = 0; i < 12; ++i) {
    ids = old = ref = ""
    for (t = 0; t <= i % 4; ++t) {
      ids = ids (t ? "," : "") t + 1; old = old (t ? "," : "") (-1 - t / 4); ref = ref (t ? "," : "") (-1 - t / 4 - k * (i % 3) / 8) }
    printf "{\"id\":\"%d/0\",\"group\":\"%d\",\"prompt\":\"p%d\",\"response\":\"r\",\"prompt_ids\":[1],\"response_ids\":[%s],", i, i, i, ids
    printf "\"finish\":\"stop\",\"temperature\":1,\"logprobs\":[%s],\"ref_logprobs\":[%s],\"reward\":%s}\n", old, ref, k * 3 + i % 3 - 1 } }'
}
for k in 0 1 2 3; do iteration $k > i$k.jsonl; done
kl-report -q --json --html page.html i0.jsonl i1.jsonl i2.jsonl i3.jsonl > report.json

evil='</script><script>broken=1</script><img src=x onerror=broken=1>'
awk -v evil="$evil" 'BEGIN { printf "{\"id\":\"%s\",\"prompt\":\"%s\",\"response\":\"%s\\u202e\\u001b\",", evil, evil, evil
  print "\"prompt_ids\":[1],\"response_ids\":[2,3],\"finish\":\"stop\",\"temperature\":1,\"logprobs\":[-1,-2],\"ref_logprobs\":[-2,-1]}" }' > hostile.jsonl
awk -v evil="$evil" 'BEGIN { for (i = 0; i < 1000; ++i)
  printf "{\"iteration\":%d,\"%s\":%d,\"critic/vf_explained_var\":%s%s}\n", i, evil, i, i % 7 ? "1e300" : "null",
    i % 400 ? "" : ",\"warnings\":[\"" evil "\"]" }' > metrics.jsonl
kl-report -q --metrics metrics.jsonl --html hostile.html hostile.jsonl > /dev/null
in_browser run
