# Other forms of config.json describe the same model: as written by transformers 5, and short, with absent keys at the
# family's defaults. The digest of a policy is the same in all forms.
needs kl-report jq
. "$ROOT/tests/tools/goldens.inc"

# same_model FAMILY FILTER: FILTER rewrites config.json.
same_model() {
  policy=$GOLDENS/model/dev/$1/policy
  rm -rf other && mkdir other
  ln -s "$policy"/*.safetensors "$policy"/tokenizer* other
  jq "$2" "$policy/config.json" > other/config.json
  cmp -s "$policy/config.json" other/config.json && return 1
  jq -c '.pairs[0].chosen_out | {id: "a", prompt_ids, response_ids}' "$GOLDENS/model/dev/$1/e2e.json" > answer.jsonl
  kl-report -q --json --old "$policy" --new other answer.jsonl > report
  jq -e '.old == .new and .files[0].old_new.exact.per_token.mean == 0' report
}
# From what transformers 5 writes to the form before, or the other way.
other_form='if has("dtype") then
    .torch_dtype = .dtype | del(.dtype)
    | if has("rope_parameters") then .rope_parameters as $p | ($p.full_attention // $p) as $r | del(.rope_parameters)
      | if $p.sliding_attention then .rope_local_base_freq = $p.sliding_attention.rope_theta else . end
      | .rope_scaling = if $r.rope_type == "default" then null else $r | del(.rope_theta) end
      | if .model_type == "gpt_neox" then .rotary_emb_base = $r.rope_theta | .rotary_pct = $r.partial_rotary_factor
        else .rope_theta = $r.rope_theta end
      else . end
  else
    .dtype = .torch_dtype
    | .rope_parameters = (.rope_scaling // {rope_type: "default"}) + {rope_theta: (.rope_theta // .rotary_emb_base)}
        + (if .rotary_pct then {partial_rotary_factor: .rotary_pct} else {} end)
    | del(.torch_dtype, .rope_theta, .rope_scaling, .rotary_emb_base, .rotary_pct)
  end'
common='.torch_dtype, .dtype, .hidden_act, .attention_bias, .attention_dropout, .mlp_bias, .layer_types'
short() {  # FAMILY
  case $1 in
    gpt2) echo "del($common, .n_inner, .tie_word_embeddings, .layer_norm_epsilon)" ;;
    llama) echo "del($common, .rope_theta, .rope_scaling, .tie_word_embeddings)" ;;
    llama3) echo "del($common)" ;;
    mistral*) echo "del($common, .rms_norm_eps, .tie_word_embeddings)" ;;
    qwen3-window) echo "del($common, .rope_scaling, .rms_norm_eps)" ;;
    smollm3) echo "del($common, .rope_parameters, .rms_norm_eps, .use_sliding_window, .sliding_window, .tie_word_embeddings)" ;;
    qwen*) echo "del($common, .rope_scaling, .rms_norm_eps, .use_sliding_window, .max_window_layers)" ;;
    neox) echo "del($common, .rotary_emb_base, .rotary_pct, .tie_word_embeddings, .layer_norm_eps,
      .use_parallel_residual)" ;;
    gpt_neo) echo "del($common, .activation_function, .layer_norm_epsilon, .tie_word_embeddings)" ;;
    granite | phi3) echo "del($common, .rms_norm_eps, .tie_word_embeddings)" ;;
    phi3-longrope) echo "del($common, .rms_norm_eps)" ;;
    opt) echo "del($common, .activation_function, .do_layer_norm_before, .enable_bias, .tie_word_embeddings,
      .word_embed_proj_dim, .layer_norm_elementwise_affine, ._remove_final_layer_norm)" ;;
    olmo2) echo "del($common, .rms_norm_eps, .rope_parameters, .tie_word_embeddings)" ;;
    gemma) echo "del($common, .rms_norm_eps, .rope_parameters, .tie_word_embeddings, .use_bidirectional_attention)" ;;
    gemma2) echo "del($common, .hidden_activation, .rms_norm_eps, .rope_parameters, .tie_word_embeddings)" ;;
    gemma3) echo "del($common, .hidden_activation, .rms_norm_eps, .tie_word_embeddings, .final_logit_softcapping)
      | .sliding_window_pattern = 2" ;;
    neox-seq) echo "del($common, .tie_word_embeddings, .layer_norm_eps)" ;;
  esac
}
seen() { if same_model "$@"; then echo "unseen: $*"; return 1; fi; }
other_model() {
  seen neox 'if .rope_parameters then .rope_parameters.partial_rotary_factor = 1 else .rotary_pct = 1 end'
  seen neox '.use_parallel_residual = false'
  seen qwen2 'if .rope_parameters then .rope_parameters.rope_theta = 10001 else .rope_theta = 10001 end'
  seen llama3 'if .rope_parameters then .rope_parameters.factor = 31 else .rope_scaling.factor = 31 end'
  [ -d "$GOLDENS/model/dev/smollm3" ] || return 0
  seen mistral-window '.sliding_window = 6'
  seen mistral-window '.sliding_window = null'
  seen qwen3-window '.layer_types = ["sliding_attention", "full_attention"]'
  seen smollm3 '.no_rope_layers = [1, 1]'
  seen gemma2 '.attn_logit_softcapping = null'
  seen gemma2 '.final_logit_softcapping = 7'
  seen gemma2 '.query_pre_attn_scalar = 10'
  seen gemma3 '.layer_types[1] = "sliding_attention"'
  seen gemma3 '.rope_parameters.sliding_attention.rope_theta = 21'
  seen gemma3 '.rope_parameters.full_attention.factor = 7'
}
each_form() {
  for family in $(families); do
    [ "$family" = gpt2 ] && [ "$(whose)" = oracle ] ||
      ok "$(whose): $family in the other form" same_model "$family" "$other_form"
    ok "$(whose): a short $family" same_model "$family" "$(short "$family")"
  done
  ok "$(whose): what changes a number is seen" other_model
}
with_goldens each_form
