# The judge adds one field and leaves the others' values alone, numbers to the last bit, by jq 1.6 as by 1.7.
needs jq
judged() { jq -c "$@" -f "$ROOT/docs/demo/judge.jq"; }
cat > in.jsonl <<'END'
{"id":"é/0","logprobs":[-1.2345678,1e-7,0.0,1e-45,3.4028235e38,7.038531e-26,16777216,-3.0517578e-05],"seed":9007199254740991,"prompt":"the film was","response":" superb.","reward":0.25,"own":{"a":[null,true,"\u0000\ud83d\ude00"]}}
END
judged --arg field gold < in.jsonl > out.jsonl
one_field() {
  jq -e -n --slurpfile a in.jsonl --slurpfile b out.jsonl '($b[0] | del(.gold)) == $a[0] and $b[0].gold == 0.7'
}
ok "one field is added" one_field

# The text of the numbers too (jq 1.6's own comparison couldn't tell a rounded one). Their spelling is jq's: 1e-7 is
# 1e-07 to jq 1.6 and 1E-7 to jq 1.7. As hexadecimal floats all numbers of one value are one text, and -0 isn't 0.
list() { sed -n "s/.*\"$1\":\[\([^]]*\)\].*/\1/p" "$2" | tr , '\n'; }
values() { list "$@" | while read -r number; do printf '%a\n' "$number"; done; }
same_values() {  # FIELD N FILE FILE: N numbers
  values "$1" "$3" > a
  values "$1" "$4" > b
  [ "$(wc -l < a)" = "$2" ]
  cmp a b || { list "$1" "$3" | paste - a b; return 1; }
}
ok "numbers keep their values" same_values logprobs 8 in.jsonl out.jsonl
integers() { [ "$(sed 's/.*"seed":\([^,]*\),.*/\1/' out.jsonl)" = 9007199254740991 ]; }
ok "so do integers below 2^53" integers
minus_zero() {
  echo '{"response":" good.","values":[-0.0,0.0]}' > zeros.jsonl
  judged < zeros.jsonl > out.zeros
  same_values values 2 zeros.jsonl out.zeros
  [ "$(head -n 1 b)" != "$(tail -n 1 b)" ]
}
ok "-0 keeps its sign" minus_zero
# No shortest form of a float32 has more than 9 digits; 1 to 9 of them, over all its exponents and both signs.
every_size() {
  awk 'BEGIN {
    x = 1
    printf "{\"response\":\" good.\",\"values\":["
    for (exponent = -45; exponent <= 38; ++exponent) for (digits = 1; digits <= 9; ++digits) {
      x = x * 16807 % 2147483647
      text = substr(1000000000 + x % 1000000000, 2, digits - 1)
      printf "%s%s%d%se%d", comma, x % 2 ? "-" : "", 1 + x % 9, text == "" ? "" : "." text, exponent
      comma = ","
    }
    print "]}" }' > sizes.jsonl
  judged < sizes.jsonl > out.sizes
  same_values values 756 sizes.jsonl out.sizes
}
ok "so does every size of a float32" every_size

replaced() { judged < in.jsonl | jq -e '.reward == 0.7 and (has("gold") | not)'; }
ok 'without --arg field it is "reward", and that of before is replaced' replaced
