# make_adapters.py FOLDER BASES [PATTERN]: PEFT's adapters. BASES/FAMILY is a language model of each family, and
# FOLDER/NAME/model for each case whose name matches an adapter on it as PEFT saves it, with the records beside it that
# make_folders.py has of models, and of a policy merged.safetensors: the matrices that PEFT's merging changes, in float64.
import fnmatch
import os
import sys
import zlib

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, logging

from cases import Case, FAMILIES
from figures import load_tokenizer, name_pad
from golden_adapters import merged_matrices, save_adapter, trained
from make_folders import given_records, greedy_records, ids_records, pair_records, score_records, write_model, \
    write_records

SOME = {"gpt2": ["attn.c_proj", "c_attn"], "gpt_neox": ["dense", "dense_h_to_4h"]}
# By family: some modules, all of them, a reward model.
KINDS = {"some": lambda family: {"r": 2, "lora_alpha": 3, "use_rslora": True,
                                 "target_modules": SOME.get(family, ["q_proj", "v_proj", "gate_proj"])},
         "all": lambda family: {"r": 4, "lora_alpha": 7, "target_modules": "all-linear"},
         "score": lambda family: {"r": 3, "lora_alpha": 5, "task_type": "SEQ_CLS",
                                  "target_modules": r".*\.\d+\..*(c_attn|q_proj|o_proj|down_proj|dense|c_fc)"}}


def names(pattern):
    return [(f"adapter-{family}-{kind}", family, kind) for family in FAMILIES for kind in KINDS
            if fnmatch.fnmatch(f"adapter-{family}-{kind}", pattern)]


def write_base(family, folder):
    os.makedirs(folder)
    write_model(Case(f"{family}-base", family, "llama2" if family == "llama" else family), folder)


def on_base(base, options):
    score = options.get("task_type") == "SEQ_CLS"
    cls = AutoModelForSequenceClassification if score else AutoModelForCausalLM
    labels = {"num_labels": 1} if score else {}
    model = cls.from_pretrained(base, attn_implementation="eager", dtype=torch.float32, **labels)
    return get_peft_model(model, LoraConfig(**({"task_type": "CAUSAL_LM"} | options))).eval()


def make(name, base, where, options):
    model, tokenizer = on_base(base, options), load_tokenizer(base)
    torch.manual_seed(zlib.crc32(name.encode()))
    with torch.no_grad():
        for p in trained(model).values():
            p.normal_(0.0, 0.3)
    folder = os.path.join(where, "model")
    save_adapter(model, folder, os.path.relpath(base, folder))
    model.double()
    name_pad(model, tokenizer)
    if "task_type" in options:
        write_records(os.path.join(where, "scores.jsonl"), score_records(model, tokenizer))
        write_records(os.path.join(where, "pairs.jsonl"), pair_records(model, tokenizer))
        return
    if options["target_modules"] == "all-linear":
        tokenizer.save_pretrained(folder)
    write_records(os.path.join(where, "greedy.jsonl"), greedy_records(model, tokenizer))
    write_records(os.path.join(where, "given.jsonl"), given_records(model, tokenizer))
    write_records(os.path.join(where, "ids.jsonl"), ids_records(tokenizer))
    save_file({k: t.detach().contiguous() for k, t in merged_matrices(model).items()},
              os.path.join(where, "merged.safetensors"))


def main():
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    out, bases, pattern = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "*"
    for name, family, kind in names(pattern):
        base = os.path.join(bases, family)
        if not os.path.exists(base):
            write_base(family, base)
        make(name, base, os.path.join(out, name), KINDS[kind](family))


main()
