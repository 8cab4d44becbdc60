# Checkpoints as the hub has them, what sampling's options keep of a row of logits, and a model that tells tales.
import json
import os
import random

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (AutoConfig, AutoModelForCausalLM, TemperatureLogitsWarper, TopKLogitsWarper,
                          TopPLogitsWarper)

from cases import edit_json, old_form, with_copy_of_tied_head, without_prefix
from figures import greedy, in_double, load_tokenizer, logprobs, prompt_ids
from golden_models import LEAST_MARGIN, configuration, logits, random_model, save, save_tensors, write_json
from vocabularies import special, write_tokenizer


def masks_of_gpt2(stored):
    size = stored["wpe.weight"].shape[0]
    return stored | {f"h.{l}.attn.bias": torch.ones(1, 1, size, size).tril() for l in range(2)}


def buffers_of_pythia(stored):
    buffers = {}
    for layer in range(2):
        start = f"gpt_neox.layers.{layer}.attention."
        buffers |= {start + "bias": torch.ones(1, 1, 20, 20, dtype=torch.bool).tril(),
                    start + "masked_bias": torch.tensor(-1e9), start + "rotary_emb.inv_freq": torch.ones(1)}
    return stored | buffers


LAYOUTS = {
    "gpt2-hub": ("gpt2", lambda s: masks_of_gpt2(without_prefix(s)), {"n_positions": 20}),
    "llama-bf16": ("llama3", None, {"rope_parameters": None, "dtype": torch.bfloat16}),
    "llama-sharded": ("llama3", None, {"rope_parameters": None, "tie_word_embeddings": False}),
    "neox-pythia": ("neox", buffers_of_pythia, {"max_position_embeddings": 20}),
    "qwen2-explicit-head": ("qwen2", with_copy_of_tied_head, {}),
}


def make_layout(name, folder):
    family, change, options = LAYOUTS[name]
    model = random_model(configuration(family, **options), 71).to(options.get("dtype", torch.float32))
    save(model, folder, "../../..")
    edit_json("config.json", old_form)(folder)
    if change:
        path = f"{folder}/model.safetensors"
        save_file({k: t.contiguous().clone() for k, t in change(load_file(path)).items()}, path, {"format": "pt"})
    ids = torch.randint(0, model.config.vocab_size, (20,), generator=torch.Generator().manual_seed(3)).tolist()
    write_json(f"{folder}/ids.json", ids)
    save_tensors(f"{folder}/golden_logits.safetensors", {"logits": logits(in_double(folder, "language"), ids)})


WARPS = [(1.0, 0, 1.0), (0.7, 0, 1.0), (1.5, 0, 1.0), (1.0, 1, 1.0), (1.0, 5, 1.0), (1.0, 20, 1.0), (1.0, 10000, 1.0),
         (1.0, 0, 0.9), (1.0, 0, 0.5), (1.0, 0, 0.0001), (1.0, 0, 0.999), (0.7, 20, 0.9), (1.3, 12, 0.95),
         (0.1, 0, 0.9)]


def make_warps(out):
    """The rows that have equal logits are compared by how many tokens stay: which ones is left to the sort."""
    rows = 2.5 * torch.randn(9, 48, generator=torch.Generator().manual_seed(5))
    rows[5] = 0.25
    rows[6, :5] = 9.0
    rows[7] = torch.cat([rows[7, :24], rows[7, :24]])
    rows[8, 3] = 30.0
    tensors, cases = {"logits": rows}, []
    for n, (temperature, top_k, top_p) in enumerate(WARPS):
        scores = rows.double()
        if temperature != 1:
            scores = TemperatureLogitsWarper(temperature)(None, scores)
        if top_k:
            scores = TopKLogitsWarper(top_k)(None, scores)
        if top_p < 1:
            scores = TopPLogitsWarper(top_p)(None, scores)
        tensors[f"probs.{n}"] = torch.softmax(scores, -1)
        cases.append({"temperature": temperature, "top_k": top_k, "top_p": top_p,
                      "kept": torch.isfinite(scores).sum(-1).tolist()})
    save_tensors(f"{out}/warp.safetensors", tensors)
    write_json(f"{out}/warp.json", {"ties_rows": [5, 6, 7], "cases": cases})


WHO, WHAT = ["Tom", "Ann", "Ben", "Mia", "A cat", "The dog", "Mom", "A girl"], ["ball", "hat", "cake", "book", "fish"]
WHERE, HOW = ["in the park", "at home", "by the sea", "under a tree"], ["red", "big", "old", "nice", "small"]


def tale(chooser):
    """Sentences of one pattern each, some of which go on without an end."""
    who, what, where, how = [chooser.choice(x) for x in (WHO, WHAT, WHERE, HOW)]
    sentences = [f"{who} had a {how} {what}.", f"{who} saw a {what} {where}.", f"{who} was {how}!",
                 f"One day {who.lower() if who[-1] in 'tgl' and ' ' in who else who} went to play {where}"
                 f" and saw a {how} {what} and a {chooser.choice(HOW)} {chooser.choice(WHAT)}."]
    return " ".join(chooser.choice(sentences) for _ in range(4))


def tales_tokenizer(texts):
    """SentencePiece's kind, with a token for each byte."""
    learning = Tokenizer(models.BPE())
    learning.pre_tokenizer = pre_tokenizers.Metaspace()
    learning.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=120, show_progress=False))
    model = json.loads(learning.to_str())["model"]
    words = sorted(model["vocab"], key=model["vocab"].get)
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)] + words
    t = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, unk_token="<unk>", fuse_unk=True,
                             merges=[tuple(m) for m in model["merges"]], byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    t.add_special_tokens([special(x) for x in ["<unk>", "<s>", "</s>"]])
    return t, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": True,
               "add_eos_token": False, "model_max_length": 128, "tokenizer_class": "PreTrainedTokenizerFast",
               "clean_up_tokenization_spaces": False}


TALE_PROMPTS = ["Tom had a", "One day Ann", "The dog was", "Ben saw a ball by the sea.", "Mom",
                "A girl was nice! A girl", "Käse", "One day a cat went to play", "Tom had a red hat. Tom", "Ben", "Mia was",
                "The dog saw", "好 A cat"]


def trained_tales(config, rows):
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float()
    steps = 600
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, steps)
    for step in range(steps):
        batch = rows[torch.randint(0, len(rows), (32,))]
        optimizer.zero_grad()
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        falling.step()
    print("tales: loss", loss.item())
    return model.eval()


def make_tales(folder):
    """A model that was trained, for what a random one can't show: it ends its sentences."""
    chooser = random.Random(7)
    texts = [tale(chooser) for _ in range(2000)]
    tokenizer, settings = tales_tokenizer(texts)
    config = AutoConfig.for_model("llama", vocab_size=tokenizer.get_vocab_size(), hidden_size=16, intermediate_size=32,
                                  num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                                  max_position_embeddings=128, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2)
    stream = [i for t in texts for i in tokenizer.encode(t).ids]
    rows = torch.tensor(stream[:len(stream) // 48 * 48]).view(-1, 48)
    trained_tales(config, rows).save_pretrained(folder)
    write_tokenizer(folder, tokenizer, settings)
    model, tokenizer = in_double(folder, "language"), load_tokenizer(folder)
    cases = []
    for prompt in TALE_PROMPTS:
        ids = prompt_ids(tokenizer, prompt)
        answer, margin = greedy(model, ids, 32)
        if margin < LEAST_MARGIN:
            continue
        cases.append({"prompt": prompt, "prompt_ids": ids, "greedy_ids": answer,
                      "text": tokenizer.decode(ids + answer, skip_special_tokens=True),
                      "logprobs": logprobs(model, ids, answer), "least_margin": margin})
    assert len(cases) > 6, len(cases)
    write_json(f"{folder}/golden.json", {"cases": cases})
