# Other forms of config.json describe the same model: as written by transformers 5, and short, with absent keys at the
# family's defaults. The digest of a policy is the same in all forms.
needs kl-report jq
ORACLE=${NUDGE_ORACLE:-$ROOT/../shared/oracle}
[ -e "$ORACLE/model/dev/llama/e2e.json" ] || skip "no oracle folder"

# same_model FAMILY FILTER: FILTER rewrites config.json.
same_model() {
  policy=$ORACLE/model/dev/$1/policy
  rm -rf other && mkdir other
  ln -s "$policy"/*.safetensors "$policy"/tokenizer* other
  jq "$2" "$policy/config.json" > other/config.json
  cmp -s "$policy/config.json" other/config.json && return 1
  jq -c '.pairs[0].chosen_out | {id: "a", prompt_ids, response_ids}' "$ORACLE/model/dev/$1/e2e.json" > answer.jsonl
  kl-report -q --json --old "$policy" --new other answer.jsonl > report
  jq -e '.old == .new and .files[0].old_new.exact.per_token.mean == 0' report
}
v5='.dtype = .torch_dtype
  | .rope_parameters = (.rope_scaling // {rope_type: "default"}) + {rope_theta: (.rope_theta // .rotary_emb_base)}
      + (if .rotary_pct then {partial_rotary_factor: .rotary_pct} else {} end)
  | del(.torch_dtype, .rope_theta, .rope_scaling, .rotary_emb_base, .rotary_pct)'
for family in llama llama3 qwen2 neox neox-seq; do ok "$family as transformers 5 has it" same_model $family "$v5"; done
ok "a short gpt2" same_model gpt2 'del(.n_inner, .tie_word_embeddings, .torch_dtype, .layer_norm_epsilon)'
ok "a short llama" same_model llama 'del(.rope_theta, .rope_scaling, .attention_bias, .mlp_bias, .tie_word_embeddings,
  .torch_dtype, .hidden_act)'
ok "a short qwen2" same_model qwen2 'del(.rope_scaling, .rms_norm_eps, .use_sliding_window, .max_window_layers,
  .torch_dtype, .hidden_act)'
ok "a short neox" same_model neox 'del(.rotary_emb_base, .rotary_pct, .attention_bias, .tie_word_embeddings,
  .torch_dtype, .hidden_act, .layer_norm_eps, .use_parallel_residual)'
seen() { if same_model "$@"; then echo "unseen: $*"; return 1; fi; }
other_model() {
  seen neox '.rotary_pct = 1'
  seen neox '.use_parallel_residual = false'
  seen llama '.rope_theta = 10001'
  seen llama3 '.rope_scaling.factor = 31'
}
ok "what changes a number is seen" other_model
