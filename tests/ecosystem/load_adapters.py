# load_adapters.py ADAPTED MADE WRITTEN: loads each ADAPTED/NAME/model, an adapter that nudge wrote, with PEFT, by itself
# and on its base, and compares with the records beside it, as load_folders.py does; and compares the matrices that nudge
# merged, WRITTEN/NAME-merged/model, with those of MADE/NAME/merged.safetensors. Names of bases are looked for from this
# script's folder. Prints "passed NAME: what" or "failed NAME: what: why" for each check, a line each.
import contextlib
import json
import os
import sys

import torch
from peft import (AutoPeftModelForCausalLM, AutoPeftModelForSequenceClassification, PeftModel,
                  get_peft_model_state_dict)
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, logging

from figures import load_model, load_tokenizer, name_pad, remarks, score
from load_folders import check, near, read, same_greedy, same_ids, same_logprobs, same_texts, same_values, tell


def config_of(folder):
    with open(os.path.join(folder, "adapter_config.json")) as f:
        return json.load(f)


@contextlib.contextmanager
def quiet():
    logging.set_verbosity_error()
    yield
    logging.set_verbosity_warning()


def on_base(folder):
    """(the adapter on its base, in float32; what PEFT said while it read it)."""
    config = config_of(folder)
    kind, labels = ("score", {"num_labels": 1}) if config["task_type"] == "SEQ_CLS" else ("language", {})
    with quiet():  # of the fresh head, which the adapter's replaces
        base = load_model(config["base_model_name_or_path"], kind, dtype=torch.float32, **labels)
    with remarks() as said:
        model = PeftModel.from_pretrained(base, folder)
    name_pad(model, load_tokenizer(folder))
    return model, said


def loads_in_silence(folder):
    model, wrong = on_base(folder)
    stored = load_file(os.path.join(folder, "adapter_model.safetensors"))
    taken = get_peft_model_state_dict(model)
    if taken.keys() != stored.keys():
        wrong.append(f"{sorted(taken.keys() ^ stored.keys())} are not in both")
    wrong += [f"{k} differs" for k in stored.keys() & taken.keys() if not torch.equal(stored[k], taken[k])]
    return "; ".join(wrong)


def loads_by_its_base_name(folder, records):
    if config_of(folder)["task_type"] == "SEQ_CLS":
        with quiet():
            model = AutoPeftModelForSequenceClassification.from_pretrained(folder, num_labels=1)
        name_pad(model, load_tokenizer(folder))
        return same_rewards(model.double().eval(), folder, records["scored"])
    for cls in AutoPeftModelForCausalLM, AutoModelForCausalLM:  # PEFT's, and transformers' own way
        with remarks() as said:
            model = cls.from_pretrained(folder)
        if fault := "; ".join(said) or same_logprobs(model.double().eval(), records["sampled"]):
            return f"{cls.__name__}: {fault}"


def same_rewards(model, folder, records):
    with safe_open(os.path.join(folder, "adapter_model.safetensors"), "pt") as f:
        about = f.metadata()
    mean, deviation = float(about["reward_mean"]), float(about["reward_std"])
    theirs = [(score(model, r["prompt_ids"] + r["response_ids"]) - mean) / deviation for r in records]
    return near([r["reward"] for r in records], theirs, "rewards")


def load(name, where):
    folder = os.path.join(where, "model")
    records = {x[:-6]: read(os.path.join(where, x)) for x in os.listdir(where) if x.endswith(".jsonl")}
    if not (records.get("sampled") and records.get("greedy") or records.get("scored")):
        return tell(name, "records", "there are none")
    check(name, "PEFT loads it without a warning", loads_in_silence, folder)
    check(name, "PEFT and transformers load it by its base's name", loads_by_its_base_name, folder, records)
    model = on_base(folder)[0].double().eval()
    if "scored" in records:
        check(name, "rewards", same_rewards, model, folder, records["scored"])
        if "values" in records:
            check(name, "values at each token", same_values, model.get_base_model(), records["values"])
        return
    tokenizer = load_tokenizer(folder)
    check(name, "log-probs", same_logprobs, model, records["sampled"])
    check(name, "ids", same_ids, tokenizer, records["sampled"])
    check(name, "texts", same_texts, tokenizer, records["sampled"])
    check(name, "greedy tokens", same_greedy, model, records["greedy"])


def same_matrices(ours, theirs):
    """Each sum was made in double, and rounded to float32 once."""
    for name, want in theirs.items():
        difference = (ours[name].double() - want).abs()
        if (difference > want.abs() * 2**-24 + 1e-12).any():
            return f"{name}: differs by {difference.max().item()}"


def main():
    logging.disable_progress_bar()
    logging.disable_default_handler()
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    adapted, made, written = sys.argv[1:]
    for name in sorted(os.listdir(adapted)):
        load(name, os.path.join(adapted, name))
    for name in sorted(os.listdir(made)):
        merged = os.path.join(made, name, "merged.safetensors")
        if os.path.exists(merged):
            ours = load_file(os.path.join(written, f"{name}-merged", "model", "model.safetensors"))
            check(name, "merged matrices", same_matrices, ours, load_file(merged))


main()
