# The judge adds one field and leaves the others' values alone, numbers to the last bit.
cat > in.jsonl <<'END'
{"id":"é/0","logprobs":[-1.2345678,1e-7,0.0,1e-45,3.4028235e38,7.038531e-26,16777216,-3.0517578e-05],"seed":9007199254740991,"prompt":"the film was","response":" superb.","reward":0.25,"own":{"a":[null,true,"\u0000\ud83d\ude00"]}}
END
jq -c --arg field gold -f "$ROOT/docs/demo/judge.jq" in.jsonl > out.jsonl || exit 1
jq -e -n --slurpfile a in.jsonl --slurpfile b out.jsonl '($b[0] | del(.gold)) == $a[0] and $b[0].gold == 0.7' >/dev/null || {
  cat out.jsonl; exit 1; }
# The text of the numbers too (jq's own comparison couldn't tell a rounded one).
sed 's/.*"logprobs":\[\([^]]*\)\].*/\1/' out.jsonl > numbers
[ "$(cat numbers)" = "-1.2345678,1e-07,0,1e-45,3.4028235e+38,7.038531e-26,16777216,-3.0517578e-05" ] ||
  { cat numbers; exit 1; }
# -0 keeps its sign.
printf '{"response":" good.","values":[-0.0]}\n' | jq -c -f "$ROOT/docs/demo/judge.jq" | grep -q '"values":\[-0\]' || exit 1
# Without --arg field it is "reward", and that of before is replaced.
jq -c -f "$ROOT/docs/demo/judge.jq" in.jsonl | jq -e '.reward == 0.7 and (has("gold") | not)' >/dev/null
