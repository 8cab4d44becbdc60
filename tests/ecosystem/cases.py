# The folders that are tried: of each family, what save_pretrained writes and what older versions and the hub have.
import json
import os
from dataclasses import dataclass, field
from typing import Callable

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

from chats import CHATML, CHATS
from vocabularies import UNLIMITED, vocabulary

FAMILIES = ["gpt2", "llama", "mistral", "qwen2", "qwen3", "gpt_neox"]
# What a folder may differ in is tried in those; of these, what the family itself has a hand in.
LATER_FAMILIES = ["gemma", "gemma2", "gemma3_text", "smollm3", "olmo2", "granite", "phi3", "opt", "gpt_neo"]
VOCABULARIES = {"llama": "llama2", "gemma2": "gemma", "gemma3_text": "gemma", "gpt_neo": "gpt2"}  # else its own
WINDOW = 8
CONTEXT = 128
EXTRA_ROWS = 3  # of the embedding, beyond the tokenizer: many models have some


@dataclass
class Case:
    name: str
    family: str
    vocabulary: str
    config: dict = field(default_factory=dict)
    score: bool = False
    dtype: str = "float32"
    shard: str = "1GB"
    new_tokenizer: bool = False       # as transformers 5 saves it, else as the hub has it
    edits: list[Callable] = field(default_factory=list)  # of the folder, when it is saved
    refusal: str = ""                 # what nudge may say instead of giving the numbers


def sizes(family):
    if family == "gpt2":
        return {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": CONTEXT}
    if family == "gpt_neo":
        return {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "max_position_embeddings": CONTEXT,
                "attention_types": [[["global", "local"], 1]], "window_size": WINDOW}
    own = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
           "max_position_embeddings": CONTEXT}
    if family == "opt":
        own["ffn_dim"] = own.pop("intermediate_size")
    if family not in ("gpt_neox", "opt"):
        own["num_key_value_heads"] = 2
    if family in ("qwen3", "mistral", "gemma", "gemma2", "gemma3_text"):
        own["head_dim"] = 12
    if family in ("gemma2", "gemma3_text"):
        own |= {"query_pre_attn_scalar": 16, "sliding_window": WINDOW}
    return own | OWN_SIZES.get(family, {})


OWN_SIZES = {
    "gemma3_text": {"layer_types": ["sliding_attention", "full_attention"], "sliding_window_pattern": 2},
    "smollm3": {"no_rope_layers": [1, 0]},
    "granite": {"embedding_multiplier": 1.5, "attention_multiplier": 0.3, "residual_multiplier": 0.6,
                "logits_scaling": 2.0},
}


def other_sizes(family):
    if family == "gpt2":
        return {"n_embd": 40, "n_layer": 3, "n_head": 5, "n_inner": 56, "layer_norm_epsilon": 1e-3}
    if family == "gpt_neo":
        return {"hidden_size": 40, "num_layers": 3, "num_heads": 5, "intermediate_size": 56, "window_size": 3,
                "attention_types": [[["local"], 2], [["global"], 1]], "layer_norm_epsilon": 1e-3}
    own = {"hidden_size": 40, "intermediate_size": 56, "num_hidden_layers": 3, "num_attention_heads": 5}
    if family == "gpt_neox":
        return own | {"layer_norm_eps": 1e-3}
    if family == "opt":
        own["ffn_dim"] = own.pop("intermediate_size")
        return own
    theta = {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}}
    if family == "gemma3_text":
        theta = {"layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
                 "rope_parameters": {"full_attention": {"rope_type": "linear", "rope_theta": 500000.0, "factor": 2.0},
                                     "sliding_attention": {"rope_type": "default", "rope_theta": 1000.0}}}
    if family == "smollm3":
        theta["no_rope_layers"] = [0, 1, 1]
    return own | {"num_key_value_heads": 1, "rms_norm_eps": 1e-3} | theta


def configuration(case):
    tokenizer, names = vocabulary(case.vocabulary)
    options = {"vocab_size": tokenizer.get_vocab_size() + EXTRA_ROWS}
    for key in ("bos", "eos", "pad"):
        if (token := names.get(f"{key}_token")) is not None:
            options[f"{key}_token_id"] = tokenizer.token_to_id(token)
        else:
            options[f"{key}_token_id"] = None
    return AutoConfig.for_model(case.family, **(sizes(case.family) | options | case.config))


# Edits: functions of the folder.

def edit_json(name, change):
    def edit(folder):
        path = os.path.join(folder, name)
        value = {}
        if os.path.exists(path):
            with open(path) as f:
                value = json.load(f)
        change(value)
        with open(path, "w") as f:
            json.dump(value, f, indent=2)
    return edit


def settings(name="config.json", **values):
    return edit_json(name, lambda c: c.update(values))


def without(*keys, name="config.json"):
    return edit_json(name, lambda c: [c.pop(key, None) for key in keys])


def remove(*names):
    return lambda folder: [os.remove(os.path.join(folder, name)) for name in names
                           if os.path.exists(os.path.join(folder, name))]


def file(name, text):
    def edit(folder):
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        with open(os.path.join(folder, name), "w") as f:
            f.write(text)
    return edit


def old_form(config):
    """What transformers 4 and before wrote."""
    config["torch_dtype"] = config.pop("dtype")
    rope = config.pop("rope_parameters", None)
    config.pop("layer_types", None)
    if rope is None:
        return
    if "full_attention" in rope:
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        config["sliding_window_pattern"] = config.pop("_sliding_window_pattern")
        rope = rope["full_attention"]
    theta, share, kind = rope.pop("rope_theta"), rope.pop("partial_rotary_factor", None), rope.pop("rope_type")
    if config["model_type"] == "gpt_neox":
        config["rotary_emb_base"], config["rotary_pct"] = theta, 1.0 if share is None else share
    else:
        config["rope_theta"] = theta
    config["rope_scaling"] = None if kind == "default" else {"type": kind, **rope}


def with_another_head(stored):
    """A head beside an embedding that config.json says is tied to it."""
    return stored | {head_name(stored): embedding(stored).flip(0) * 0.5}


def head_name(stored):
    return "embed_out.weight" if any(k.startswith("gpt_neox.") for k in stored) else "lm_head.weight"


def embedding(tensors):
    ends = ("wte.weight", "embed_tokens.weight", "embed_in.weight")
    return next(t for key, t in tensors.items() if key.endswith(ends))


def tensors(change):
    """An edit of model.safetensors: change(name -> tensor) gives the new one."""
    def edit(folder):
        path = os.path.join(folder, "model.safetensors")
        save_file({k: t.contiguous().clone() for k, t in change(load_file(path)).items()}, path, {"format": "pt"})
    return edit


PREFIXES = ("transformer.", "model.", "gpt_neox.")


def without_prefix(stored):
    return {next((k[len(p):] for p in PREFIXES if k.startswith(p)), k): t for k, t in stored.items()}


def with_old_buffers(stored):
    """Masks and tables that old versions stored."""
    new = dict(stored)
    mask = torch.ones(1, 1, CONTEXT, CONTEXT, dtype=torch.bool).tril()
    for layer in range(2):
        for start, names in [("transformer.h.", ["attn.bias", "attn.masked_bias"]),
                             ("model.layers.", ["self_attn.rotary_emb.inv_freq"]),
                             ("gpt_neox.layers.", ["attention.bias", "attention.masked_bias",
                                                   "attention.rotary_emb.inv_freq"]),
                             ("transformer.h.", ["attn.attention.bias", "attn.attention.masked_bias"])]:
            family_has = any(".attn.attention." in k for k in stored) == names[0].startswith("attn.attention")
            if family_has and any(k.startswith(start) for k in stored):
                for name in names:
                    new[f"{start}{layer}.{name}"] = (mask if name.endswith(".bias") else torch.tensor(-1e9)
                                                     if "masked" in name else torch.ones(4))
    return new


def with_copy_of_tied_head(stored):
    return stored | {head_name(stored): embedding(stored)}


def extra_token(tokenizer, n=0):
    return tokenizer.get_vocab_size() + n


def added(content, special=True):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
            "special": special}


def of_family(family):
    return lambda name, **options: Case(f"{family}-{name}", family, VOCABULARIES.get(family, family), **options)


def of_each_family():
    for family in FAMILIES:
        c = of_family(family)
        tied = family == "gpt2"
        old = edit_json("config.json", old_form)
        pad_is_eos = edit_json("config.json", lambda k: k.update(pad_token_id=k["eos_token_id"]))
        yield c("f32")
        yield c("f32-saved-anew", new_tokenizer=True)
        yield c("f32-old-form", edits=[old])
        yield c("bf16", dtype="bfloat16")
        yield c("bf16-old-form", dtype="bfloat16", edits=[old])
        yield c("f16", dtype="float16", new_tokenizer=True)
        yield c("f32-called-f16", edits=[old, settings(torch_dtype="float16")])
        yield c("shards", shard="20KB")
        yield c("bf16-shards", dtype="bfloat16", shard="20KB", edits=[old])
        yield c("untied" if tied else "tied", config={"tie_word_embeddings": not tied})
        yield c("tied-with-another-head", config={"tie_word_embeddings": True}, edits=[tensors(with_another_head)])
        yield c("tied-with-a-copy", config={"tie_word_embeddings": True}, edits=[tensors(with_copy_of_tied_head)])
        yield c("no-prefix", edits=[tensors(without_prefix)])
        yield c("old-buffers", edits=[tensors(with_old_buffers), old])
        yield c("f64", dtype="float64")
        yield c("other-sizes", config=other_sizes(family))
        yield c("no-tokenizer-config", edits=[remove("tokenizer_config.json")])
        yield c("sampling-settings", edits=[settings("generation_config.json", do_sample=True, temperature=0.6,
                                                     top_k=20, top_p=0.9)])
        yield c("tie-unsaid", edits=[without("tie_word_embeddings")])
        yield c("ends-as-generation-config-says", edits=[settings("generation_config.json", eos_token_id="GREEDY")])
        yield c("ends-as-config-says", edits=[settings(eos_token_id="GREEDY"), remove("generation_config.json")])
        yield c("no-special-ids", edits=[settings(bos_token_id=None, eos_token_id=None, pad_token_id=None),
                                         remove("generation_config.json")])
        yield c("special-ids-unsaid", edits=[without("bos_token_id", "eos_token_id", "pad_token_id"),
                                             remove("generation_config.json")])
        beyond = {"bos_token_id": 50256, "eos_token_id": 50256}
        yield c("ids-beyond", edits=[settings(**beyond), settings("generation_config.json", **beyond)])
        yield c("eos-list-partly-beyond", edits=[settings("generation_config.json", eos_token_id=[5, 50256],
                                                          pad_token_id=50256)])
        yield c("no-tokenizer-length", edits=[settings("tokenizer_config.json", model_max_length=UNLIMITED)])
        yield c("score-no-pad", score=True, edits=[without("pad_token_id")])
        yield c("score-pad-is-eos", score=True, edits=[pad_is_eos])
        yield c("score-pad-is-eos-f16", score=True, dtype="float16", edits=[pad_is_eos, old])
        yield c("score-old-labels", score=True, edits=[pad_is_eos, old, without("id2label", "label2id"),
                                                       settings(num_labels=1)])
        yield c("score-own-pad", score=True, edits=[settings(pad_token_id=7)])
        yield c("score-bf16", score=True, dtype="bfloat16", edits=[settings(pad_token_id=7), old])
        yield c("score-saved-anew", score=True, config={"pad_token_id": 9}, new_tokenizer=True)
        yield c("score-shards", score=True, shard="20KB", edits=[settings(pad_token_id=11)])


def of_later_families():
    old = edit_json("config.json", old_form)
    pad_is_eos = edit_json("config.json", lambda k: k.update(pad_token_id=k["eos_token_id"]))
    for family in LATER_FAMILIES:
        c = of_family(family)
        tied = family not in ("olmo2", "granite", "phi3")
        yield c("f32")
        yield c("f32-saved-anew", new_tokenizer=True)
        yield c("bf16-old-form", dtype="bfloat16", edits=[old])
        yield c("f16", dtype="float16", new_tokenizer=True)
        yield c("shards", shard="20KB")
        yield c("untied" if tied else "tied", config={"tie_word_embeddings": not tied})
        yield c("tied-with-a-copy", config={"tie_word_embeddings": True}, edits=[tensors(with_copy_of_tied_head)])
        yield c("no-prefix", edits=[tensors(without_prefix)])
        yield c("old-buffers", edits=[tensors(with_old_buffers), old])
        yield c("other-sizes", config=other_sizes(family))
        yield c("tie-unsaid", edits=[without("tie_word_embeddings")])
        if family not in ("smollm3", "phi3"):  # whose usual pad token is beyond a small vocabulary
            yield c("special-ids-unsaid", edits=[without("bos_token_id", "eos_token_id", "pad_token_id"),
                                                 remove("generation_config.json")])
        yield c("score-pad-is-eos", score=True, edits=[pad_is_eos])
        yield c("score-own-pad", score=True, edits=[settings(pad_token_id=7), old])
        yield c("score-shards", score=True, shard="20KB", edits=[settings(pad_token_id=11)])


def of_shapes():
    llama3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 4.0, "low_freq_factor": 1.0,
              "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
    linear = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}
    old = edit_json("config.json", old_form)
    for name, rope in [("llama3", llama3), ("linear", linear)]:
        yield Case(f"llama-rope-{name}", "llama", "llama3", {"rope_parameters": rope})
        yield Case(f"llama-rope-{name}-old-form", "llama", "llama3", {"rope_parameters": rope}, edits=[old])
    yield Case("llama-biases", "llama", "llama2", {"attention_bias": True, "mlp_bias": True})
    yield Case("llama-head-dim", "llama", "llama2", {"head_dim": 10})
    yield Case("llama-pad-minus-1", "llama", "llama2", edits=[settings(pad_token_id=-1)])
    yield Case("llama-score-pad-minus-1", "llama", "llama2", score=True, edits=[settings(pad_token_id=-1)])
    for window in (None, CONTEXT, 4096):
        yield Case(f"mistral-window-{window}", "mistral", "mistral", edits=[settings(sliding_window=window)])
    yield Case("mistral-window-unsaid", "mistral", "mistral", edits=[without("sliding_window")])
    yield Case("mistral-window-short", "mistral", "llama2", {"sliding_window": WINDOW})
    yield Case("qwen2-window-off", "qwen2", "qwen2", edits=[old, settings(use_sliding_window=False, sliding_window=8,
                                                                        max_window_layers=2)])
    yield Case("qwen2-window-in-no-layer", "qwen2", "qwen2",
               edits=[old, settings(use_sliding_window=True, sliding_window=8, max_window_layers=2)])
    yield Case("qwen2-window-in-a-layer", "qwen2", "qwen2",
               edits=[old, settings(use_sliding_window=True, sliding_window=8, max_window_layers=1)])
    yield Case("qwen3-window-in-a-layer", "qwen3", "qwen3",
               {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1})
    yield Case("gpt_neox-sequential", "gpt_neox", "gpt_neox", {"use_parallel_residual": False})
    yield Case("gpt_neox-all-rotary", "gpt_neox", "gpt_neox",
               {"rope_parameters": {"rope_type": "default", "rope_theta": 25000.0, "partial_rotary_factor": 1.0}})
    yield Case("gpt_neox-no-attention-bias", "gpt_neox", "gpt_neox", {"attention_bias": False})
    yield Case("gpt2-gelu", "gpt2", "gpt2", {"activation_function": "gelu"})
    yield Case("gpt2-inner", "gpt2", "gpt2", {"n_inner": 40})
    longrope = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0, 1.5, 2.0, 2.5],
                "long_factor": [1.0, 4.0, 16.0, 64.0]}
    beyond = {"max_position_embeddings": 4 * CONTEXT, "original_max_position_embeddings": CONTEXT}
    yield Case("phi3-longrope", "phi3", "phi3", beyond | {"rope_parameters": longrope})
    yield Case("phi3-longrope-old-form", "phi3", "phi3", beyond | {"rope_parameters": longrope}, edits=[old])
    yield Case("phi3-part-of-channels", "phi3", "phi4", beyond | {
        "tie_word_embeddings": True, "partial_rotary_factor": 0.75, "sliding_window": 262144,
        "rope_parameters": longrope | {"partial_rotary_factor": 0.75, "short_factor": [1.0, 1.5, 2.0],
                                       "long_factor": [1.0, 4.0, 16.0]}})
    yield Case("phi3-window", "phi3", "phi3", {"sliding_window": WINDOW})
    yield Case("gemma2-caps-off", "gemma2", "gemma", {"attn_logit_softcapping": None, "final_logit_softcapping": None})
    yield Case("gemma3_text-pattern", "gemma3_text", "gemma", {"num_hidden_layers": 3, "layer_types": None})
    yield Case("smollm3-all-rope", "smollm3", "smollm3", {"no_rope_layers": [1, 1]})
    yield Case("smollm3-interval", "smollm3", "smollm3", {"num_hidden_layers": 4, "no_rope_layers": None})
    yield Case("olmo2-grouped", "olmo2", "olmo2", {"num_key_value_heads": 1})
    yield Case("opt-350m", "opt", "opt", {"do_layer_norm_before": False}, refusal="do_layer_norm_before")
    yield Case("opt-projected", "opt", "opt", {"word_embed_proj_dim": 16}, refusal="word_embed_proj_dim")
    yield Case("gpt_neo-gelu", "gpt_neo", "gpt2", {"activation_function": "gelu", "intermediate_size": 40})
    yield Case("granite-plain", "granite", "granite", dict.fromkeys(
        ["embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling"], 1.0))


def of_tokenizers():
    def only_in_config(vocab, key):
        tokenizer, _ = vocabulary(vocab)
        ids = [extra_token(tokenizer), extra_token(tokenizer, 1)]
        if key == "added_tokens_decoder":
            return {key: {str(ids[0]): added("<|extra|>"), str(ids[1]): added("<|more|>", special=False)}}
        return {key: ["<|extra|>", "<|more|>"]}

    for family, vocab in [("gpt2", "gpt2"), ("llama", "llama2"), ("llama", "llama3"), ("llama", "llama5"),
                          ("qwen2", "qwen2"), ("gpt_neox", "gpt_neox"), ("mistral", "mistral"), ("gemma", "gemma"),
                          ("phi3", "phi3"), ("opt", "opt")]:
        for key in ("added_tokens_decoder", "additional_special_tokens", "extra_special_tokens"):
            yield Case(f"{vocab}-vocabulary-{key}", family, vocab,
                       edits=[settings("tokenizer_config.json", **only_in_config(vocab, key))])
        yield Case(f"{vocab}-vocabulary-pad-token-of-its-own", family, vocab,
                   edits=[settings("tokenizer_config.json", pad_token="<|more|>")])
        yield Case(f"{vocab}-vocabulary-prefix-space", family, vocab,
                   edits=[settings("tokenizer_config.json", add_prefix_space=True)])
        for bos, eos in [(True, False), (False, False), (True, True)]:
            yield Case(f"{vocab}-vocabulary-bos-{bos}-eos-{eos}".lower(), family, vocab,
                       edits=[settings("tokenizer_config.json", add_bos_token=bos, add_eos_token=eos)])
        yield Case(f"{vocab}-vocabulary-generic-class", family, vocab,
                   edits=[settings("tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")])
        yield Case(f"{vocab}-vocabulary-fast-class", family, vocab,
                   edits=[edit_json("tokenizer_config.json", lambda c: c.update(
                       tokenizer_class=c["tokenizer_class"].removesuffix("Fast") + "Fast"))])
    yield Case("gpt_neox-vocabulary-without-nfc", "gpt_neox", "gpt_neox-without-nfc")
    yield Case("gpt2-vocabulary-made-with-prefix-space", "gpt2", "gpt2-with-prefix")


def of_chats():
    """A template of each kind, where its folder may have it: in a file of its own, or in tokenizer_config.json."""
    room = {"max_position_embeddings": 8192}
    other = {"default": CHATML, "tool_use": CHATS["qwen3-thoughts"][2]}
    named = [{"name": name, "template": text} for name, text in other.items()]
    in_files = [file("chat_template.jinja", CHATML),
                file("additional_chat_templates/tool_use.jinja", other["tool_use"])]
    for name, (family, vocab, template) in CHATS.items():
        config = room | ({"sliding_window": None} if family == "mistral" else {})
        yield Case(f"chat-{name}", family, vocab, config, edits=[file("chat_template.jinja", template)])
        yield Case(f"chat-{name}-in-config", family, vocab, config, new_tokenizer=name == "gemma",
                   edits=[settings("tokenizer_config.json", chat_template=template)])
    yield Case("chat-file-before-config", "qwen2", "qwen2", room,
               edits=[settings("tokenizer_config.json", chat_template="{{ 1 }}"), file("chat_template.jinja", CHATML)])
    yield Case("chat-list", "qwen2", "qwen2", room, edits=[settings("tokenizer_config.json", chat_template=named)])
    yield Case("chat-list-saved-anew", "qwen2", "qwen2", room, new_tokenizer=True,
               edits=[settings("tokenizer_config.json", chat_template=named)])
    yield Case("chat-object", "qwen2", "qwen2", room, edits=[settings("tokenizer_config.json", chat_template=other)])
    yield Case("chat-files", "qwen2", "qwen2", room, edits=in_files)
    yield Case("chat-files-before-config", "qwen2", "qwen2", room,
               edits=in_files + [settings("tokenizer_config.json", chat_template=[
                   {"name": "default", "template": "{{ 1 }}"}, {"name": "tool_use", "template": "{{ 2 }}"}])])
    yield Case("chat-of-no-tokens", "qwen2", "qwen2", room, edits=[
        settings("tokenizer_config.json", chat_template="{{ bos_token }}|{{ eos_token }}|{{ pad_token }}"
                 "|{{ unk_token }}|{{ additional_special_tokens }}|{{ image_token }}|{{ messages|length }}")])


def all_cases():
    yield from of_each_family()
    yield from of_later_families()
    yield from of_shapes()
    yield from of_tokenizers()
    yield from of_chats()
