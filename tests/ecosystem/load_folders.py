# load_folders.py FOLDER: loads each FOLDER/NAME/model that nudge wrote, and compares with the records beside it that
# nudge made of it: sampled.jsonl and greedy.jsonl of language models, scored.jsonl of reward models, values.jsonl of
# critics, chats.jsonl where there is a chat template. Prints "passed NAME: what" or "failed NAME: what: why" for each
# check, a line each.
import json
import os
import sys

import torch
from transformers import GenerationConfig, logging

from figures import (greedy, in_double, load_model, load_tokenizer, logprobs, on, prompt_ids, remarks, rendered,
                     response_text, score, scores_in_a_batch)

TOLERANCE = 5e-5  # run.sh's


def read(path):
    with open(path) as f:
        return [json.loads(line) for line in f]


def tell(name, what, fault):
    fault = " ".join(str(fault).split())[:600] if fault else ""
    print(f"failed {name}: {what}: {fault}" if fault else f"passed {name}: {what}", flush=True)


def check(name, what, f, *arguments):
    try:
        tell(name, what, f(*arguments))
    except Exception as e:
        tell(name, what, f"{type(e).__name__}: {e}")


# Each returns what is wrong, or nothing.

def loads_in_silence(folder, kind):
    with remarks() as said:
        model, info = load_model(folder, kind, output_loading_info=True)
        tokenizer = load_tokenizer(folder)
        if os.path.exists(os.path.join(folder, "generation_config.json")):
            GenerationConfig.from_pretrained(folder)
    with open(os.path.join(folder, "config.json")) as f:
        written = json.load(f)
    wrong = [f"{key}: {value}" for key, value in info.items() if value] + said
    if type(model).__name__ not in written["architectures"]:
        wrong.append(f"{type(model).__name__} was loaded")
    stored = written.get("dtype", written.get("torch_dtype"))
    if {str(p.dtype) for p in model.parameters()} != {f"torch.{stored}"}:
        wrong.append(f"weights are not {stored}")
    if kind == "score" and model.num_labels != 1:
        wrong.append(f"{model.num_labels} labels")
    if len(tokenizer) > model.config.vocab_size:
        wrong.append(f"{len(tokenizer)} tokens in a vocabulary of {model.config.vocab_size}")
    return "; ".join(wrong)


def near(ours, theirs, what):
    if len(ours) != len(theirs):
        return f"{what}: {len(ours)} numbers, not {len(theirs)}"
    worst = max((abs(a - b) for a, b in zip(ours, theirs)), default=0)
    return f"{what}: differs by {worst}" if worst > TOLERANCE else ""


def same_logprobs(model, records):
    for r in records:
        if fault := near(r["logprobs"], logprobs(model, r["prompt_ids"], r["response_ids"]), r["id"]):
            return fault


def same_ids(tokenizer, records):
    for r in records:
        if (ids := prompt_ids(tokenizer, r["prompt"])) != r["prompt_ids"]:
            return f"{r['prompt']!r}: {r['prompt_ids']}, not {ids}"


def same_texts(tokenizer, records):
    for r in records:
        text = response_text(tokenizer, r["prompt_ids"], r["response_ids"])
        if text is not None and text != r["response"]:
            return f"{r['prompt']!r}: {r['response']!r}, not {text!r}"


def same_greedy(model, records):
    for r in records:
        ids, margin = greedy(model, r["prompt_ids"], max(len(r["response_ids"]), 10))
        if margin > 1e-3 and ids != r["response_ids"]:
            return f"{r['prompt']!r}: {r['response_ids']}, not {ids}"


def reward_of(model, figure):
    return (figure - getattr(model.config, "reward_mean", 0)) / getattr(model.config, "reward_std", 1)


def same_rewards(model, records):
    for r in records:
        theirs = reward_of(model, score(model, r["prompt_ids"] + r["response_ids"]))
        if fault := near([r["reward"]], [theirs], r["id"]):
            return fault


def same_rewards_in_a_batch(model, records):
    theirs = scores_in_a_batch(model, [r["prompt_ids"] + r["response_ids"] for r in records])
    return near([r["reward"] for r in records], [reward_of(model, x) for x in theirs], "rewards")


@torch.no_grad()
def same_values(model, records):
    for r in records:
        states = model.base_model(input_ids=torch.tensor([r["prompt_ids"] + r["response_ids"]])).last_hidden_state
        values = (states[0] @ model.score.weight[0]).tolist()
        start = len(r["prompt_ids"]) - 1
        if fault := near(r["values"], values[start:start + len(r["response_ids"])], r["id"]):
            return fault


def same_dialogues(tokenizer, records):
    for r in records:
        with on(r.get("chat_date", "2024-07-26")):
            text, ids = rendered(tokenizer, r["asked"])
        if text != r["prompt"]:
            return f"{r['asked']!r}: {r['prompt']!r}, not {text!r}"
        if "prompt_ids" in r and ids != r["prompt_ids"]:
            return f"{r['asked']!r}: {r['prompt_ids']}, not {ids}"


def load(name, where):
    folder = os.path.join(where, "model")
    records = {x[:-6]: read(os.path.join(where, x)) for x in os.listdir(where) if x.endswith(".jsonl")}
    if not (records.get("sampled") and records.get("greedy") or records.get("scored")):
        return tell(name, "records", "there are none")
    kind = "language" if os.path.exists(os.path.join(where, "sampled.jsonl")) else "score"
    check(name, "loads without a warning", loads_in_silence, folder, kind)
    try:
        model, tokenizer = in_double(folder, kind), load_tokenizer(folder)
    except Exception as e:
        return tell(name, "loads", f"{type(e).__name__}: {e}")
    if "chats" in records:
        check(name, "dialogues", same_dialogues, tokenizer, records["chats"])
    if kind == "language":
        check(name, "log-probs", same_logprobs, model, records["sampled"])
        check(name, "ids", same_ids, tokenizer, records["sampled"])
        check(name, "texts", same_texts, tokenizer, records["sampled"])
        check(name, "greedy tokens", same_greedy, model, records["greedy"])
        return
    check(name, "rewards", same_rewards, model, records["scored"])
    if model.config.pad_token_id is not None and model.config.pad_token_id >= 0:
        check(name, "rewards in a batch", same_rewards_in_a_batch, model, records["scored"])
    if "values" in records:
        check(name, "values at each token", same_values, model, records["values"])


if __name__ == "__main__":
    logging.disable_progress_bar()
    logging.disable_default_handler()
    for entry in sorted(os.listdir(sys.argv[1])):
        load(entry, os.path.join(sys.argv[1], entry))
