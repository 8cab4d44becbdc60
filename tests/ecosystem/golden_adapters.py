# Low-rank adapters that PEFT saves on the policies of golden_models.py, and what PEFT makes of them in float64:
# log-probs or scores, the gradient of each A and B, their values after three steps of AdamW, the merged matrices.
import json
import os
import zlib

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from golden_models import (ADAM, bt_loss, chosen, gradients, logprob_rows, save_tensors, sft_loss, text_samples,
                           write_json)

# Names of modules in every form that PEFT takes, one that no module has, half of a bundle of q, k and v, one layer alone.
ADAPTERS = {
    "gpt2-all-linear": ("gpt2", {"r": 2, "lora_alpha": 3, "target_modules": "all-linear", "fan_in_fan_out": True}),
    "llama-pattern": ("llama3", {"r": 3, "lora_alpha": 5, "use_rslora": True,
                                 "target_modules": r".*\.layers\.\d+\.self_attn\.(q|v)_proj"}),
    "qwen2-bf16": ("qwen2", {"r": 4, "lora_alpha": 7, "target_modules": ["k_proj", "o_proj", "c_attn",
                                                                         "model.layers.1.mlp.down_proj"]}),
    "qwen3-old-form": ("qwen3", {"r": 2, "lora_alpha": 4, "target_modules": ["gate_proj", "up_proj", "q_proj"],
                                 "init_lora_weights": "gaussian", "modules_to_save": []}),
    "neox-score": ("neox", {"r": 2, "lora_alpha": 5, "target_modules": ["dense", "query_key_value", "dense_4h_to_h"]}),
}
# Of PEFT 0.10.
OLD_KEYS = {"alpha_pattern", "auto_mapping", "base_model_name_or_path", "bias", "fan_in_fan_out", "inference_mode",
            "init_lora_weights", "layer_replication", "layers_pattern", "layers_to_transform", "loftq_config",
            "lora_alpha", "lora_dropout", "megatron_config", "megatron_core", "modules_to_save", "peft_type", "r",
            "rank_pattern", "revision", "target_modules", "task_type", "use_dora", "use_rslora"}


def randomise(model, seed):
    """Numbers in A, B and the score head, none of them zero, that bfloat16 holds."""
    generator = torch.Generator().manual_seed(seed)
    for name, p in trained(model).items():
        deviation = 1.0 if "score" in name else 0.4
        p.data = (deviation * torch.randn(p.shape, generator=generator)).bfloat16().to(p.dtype)


def stored_name(name):
    return name.replace(".modules_to_save.default", "").replace(".default", "")


def trained(model):
    return {stored_name(k): p for k, p in model.named_parameters() if p.requires_grad}


def save_adapter(model, folder, base, dtype=torch.float32, keys=None):
    """By PEFT, but for the name of the base, the order of a set's names, and a README."""
    model.save_pretrained(folder)
    os.remove(f"{folder}/README.md")
    path = f"{folder}/adapter_config.json"
    with open(path) as f:
        config = json.load(f)
    config["base_model_name_or_path"] = base
    for key in ("target_modules", "modules_to_save"):
        if isinstance(config[key], list):
            config[key].sort()
    with open(path, "w") as f:
        json.dump({k: v for k, v in config.items() if keys is None or k in keys}, f, indent=2, sort_keys=True)
    path = f"{folder}/adapter_model.safetensors"
    save_file({k: t.to(dtype) for k, t in load_file(path).items()}, path, {"format": "pt"})


def adapted(name, base):
    """A PEFT model on the language model in a folder, with a score head where the name says so."""
    score = name.endswith("score")
    options = {"num_labels": 1} if score else {}
    cls = AutoModelForSequenceClassification if score else AutoModelForCausalLM
    model = cls.from_pretrained(base, attn_implementation="eager", dtype=torch.float32, **options)
    task = "SEQ_CLS" if score else "CAUSAL_LM"
    model = get_peft_model(model, LoraConfig(task_type=task, **ADAPTERS[name][1])).eval()
    randomise(model, zlib.crc32(name.encode()))
    return model


def three_steps(model, loss):
    """torch's AdamW and clipping on what is trained: losses before each step and after the last, norms, the weights."""
    parameters = list(trained(model).values())
    optimizer = torch.optim.AdamW(parameters, lr=ADAM["lr"], betas=ADAM["betas"], eps=ADAM["eps"],
                                  weight_decay=ADAM["weight_decay"])
    losses, norms = [], []
    for _ in range(3):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        losses.append(value.item())
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, ADAM["max_norm"]).item())
        optimizer.step()
    return losses + [loss().item()], norms, {k: p.detach().clone() for k, p in trained(model).items()}


class Trained(torch.nn.Module):
    """For gradients(): the trained parameters by the names that they are stored under."""
    def __init__(self, model):
        super().__init__()
        self.own = trained(model)

    def named_parameters(self):
        return self.own.items()


def merged_matrices(model):
    adapted = {k.removeprefix("base_model.model.").split(".lora_")[0] for k in get_peft_model_state_dict(model)
               if ".lora_" in k}
    return {k: p for k, p in model.merge_and_unload().named_parameters() if k.removesuffix(".weight") in adapted}


def make_adapter(name, folder, goldens):
    family = ADAPTERS[name][0]
    os.makedirs(folder)
    base = f"{goldens}/model/dev/{family}/policy"
    model = adapted(name, base)
    save_adapter(model, folder, f"../../dev/{family}/policy", torch.bfloat16 if "bf16" in name else torch.float32,
                 OLD_KEYS if "old-form" in name else None)
    model.double()
    inner = model.get_base_model()  # with the adapter in it
    language = not name.endswith("score")
    samples = text_samples(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).double())
    loss = (lambda: sft_loss(inner, samples)) if language else (lambda: bt_loss(inner, samples)[0])
    numbers = {"loss": loss(), "adam": {"hyper": ADAM}}
    for s in samples:
        if language:
            s["logprobs"] = chosen(logprob_rows(inner, s["prompt_ids"], s["chosen_ids"]), s["chosen_ids"])
        del s["greedy_ids"]
    if not language:
        numbers["scores"] = bt_loss(inner, samples)[1]
    save_tensors(f"{folder}/grad.safetensors", gradients(loss(), Trained(model)))
    numbers["adam"]["losses"], numbers["adam"]["grad_norms"], third = three_steps(model, loss)
    save_tensors(f"{folder}/adamw3.safetensors", third)
    write_json(f"{folder}/golden.json", numbers | {"samples": samples})
    model = adapted(name, base).double()
    save_tensors(f"{folder}/merged.safetensors", merged_matrices(model))
