# Prompt and response are judged as one text: the prompt's negation reaches into the response.
judge() {
  jq -n -c --arg p "$1" --arg r "$2" '{prompt: $p, response: $r}' | jq -f "$ROOT/docs/demo/judge.jq" | jq .reward
}
[ "$(judge 'the film was' ' good.')" = "$(judge 'the film' ' was good.')" ] || exit 1
[ "$(judge 'the film was not' ' good.')" = "$(judge 'the film was' ' not good.')" ] || exit 1
[ "$(judge 'the film was not' ' good.')" != "$(judge 'the film was' ' good.')" ] || exit 1
# Records without prompt, or with `text` alone.
a=$(echo '{"text":"the film was good."}' | jq -f "$ROOT/docs/demo/judge.jq" | jq .reward)
b=$(echo '{"response":"the film was good."}' | jq -f "$ROOT/docs/demo/judge.jq" | jq .reward)
[ "$a" = "$b" ] && [ "$a" = "$(judge 'the film was' ' good.')" ]
