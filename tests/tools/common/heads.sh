# A folder whose config.json ties the head while its file stores another one: every program that reads it says so, and
# computes with the one that is stored.
. "$ROOT/tests/tools/tiny.inc"
# add_head FROM TO: FROM with a head of zeros, under which all tokens are equally likely, in its file alone.
add_head() {
  cp -R "$1" "$2"
  file=$2/model.safetensors
  header_bytes=$(od -An -tu8 -N8 "$1/model.safetensors" | tr -d ' ')
  data_bytes=$(($(wc -c < "$1/model.safetensors") - 8 - header_bytes))
  head_bytes=$(jq '.vocab_size * .n_embd * 4' "$2/config.json")
  shape=$(jq -c '[.vocab_size, .n_embd]' "$2/config.json")
  dd if="$1/model.safetensors" bs=1 skip=8 count="$header_bytes" 2> /dev/null |
    jq -c --argjson shape "$shape" --argjson at "$data_bytes" --argjson size "$head_bytes" \
      '."lm_head.weight" = {dtype: "F32", shape: $shape, data_offsets: [$at, $at + $size]}' | tr -d '\n' > header
  while [ $(($(wc -c < header) % 8)) != 0 ]; do printf ' ' >> header; done
  {
    n=$(wc -c < header)
    for _ in 1 2 3 4 5 6 7 8; do
      # shellcheck disable=SC2059
      printf "\\$(printf %o $((n % 256)))"
      n=$((n / 256))
    done
    cat header
    tail -c "$data_bytes" "$1/model.safetensors"
    head -c "$head_bytes" /dev/zero
  } > "$file.new"
  mv "$file.new" "$file"
}
add_head "$TINY/base" other
[ "$(jq .tie_word_embeddings other/config.json)" = true ]
said() {  # COMMAND...: it warns of the folder, once
  status_of "$@"
  [ "$status" = 0 ] || { cat err; return 1; }
  [ "$(grep -c 'warning: other/config.json: "tie_word_embeddings" is true, but lm_head.weight is stored and differs' err)" = 1 ] ||
    { cat err; return 1; }
}
# log(1/V) for each token, V = 300.
uniform() { holds "$1" "map(.$2[]) | length > 0 and all(. + ($(jq .vocab_size other/config.json) | log) | fabs < 1e-5)"; }
rolled_out() {
  said rollout --policy other --max-tokens 4 "$TINY/prompts.jsonl"
  uniform out logprobs
}
ok "rollout" rolled_out
scored() {
  said score --ref other "$TINY/sampled.jsonl"
  uniform out ref_logprobs
}
ok "score" scored
reported() {
  said kl-report --old "$TINY/base" --new other "$TINY/sampled.jsonl"
}
ok "kl-report" reported
trained() {
  rollout -q --policy other --max-tokens 4 "$TINY/prompts.jsonl" | jq -c '.reward = 1' > r.jsonl
  said ppo-step --policy other --critic-init "$TINY/rm" --kl-beta 0 r.jsonl -o p1
  [ "$(jq .tie_word_embeddings p1/config.json)" = false ]
  expect_status 0 rollout --policy p1 --max-tokens 4 "$TINY/prompts.jsonl"
  ! grep tie_word err
}
ok "ppo-step, which writes a folder without the contradiction" trained
written() {
  said sft-train --init other --epochs 0 -o copy
  [ "$(jq .tie_word_embeddings copy/config.json)" = false ]
  score -q --ref copy "$TINY/sampled.jsonl" > out
  uniform out ref_logprobs
}
ok "sft-train, likewise" written
