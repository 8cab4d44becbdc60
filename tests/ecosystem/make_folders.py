# make_folders.py FOLDER [PATTERN]: a folder FOLDER/NAME for each case whose name matches: the model in model/, and
# records whose `want` is what transformers makes of it: greedy.jsonl, given.jsonl (log-probs of given tokens),
# ids.jsonl; where there is a chat template dialogues.jsonl, dated.jsonl (those that are others on 2026-11-30) and
# refused.jsonl (`want` is what the template says instead of a text); of reward models scores.jsonl and pairs.jsonl.
# `refusal` is the pattern of an error that may stand in for the numbers.
import fnmatch
import json
import math
import os
import random
import sys
import zlib

import jinja2
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, logging

from cases import Case, all_cases, configuration
from chats import DIALOGUES
from figures import (greedy, in_double, load_tokenizer, logprobs, on, prompt_ids, rendered, response_text, score,
                     scores_in_a_batch)
from vocabularies import vocabulary, write_tokenizer

PROMPTS = ["The film was", "Once upon a time", "a", "Käse, Brötchen und", "I'll say it again: 3.14159", "日本"]
TEXTS = PROMPTS + [
    " The film", "  two  spaces ", "tabs\tand\n\nlines\n", "trailing ", "it's WE'LL 'Twas I'd've", "12345 1,000 3.14",
    "x ** 2 == 0!?...", "    return [x]", "e\u0301 und \u00e9, \ufb01n", "Привет, мир!", "你好，世界。",
    "👍 and 👩‍👩‍👧",
    "꽃 ༀ 𝔘", "a<|extra|>b <|more|> c", "<|extra|> <|more|>", "x <|endoftext|> y", "x</s> y",
    "<|im_start|>user\nhi<|im_end|>\n",
    "<think>\nno</think> so", "\u00a0no\u2003break", "\r\n mixed \r ends", "▁under_score▁", "\u200bzero\ufeff"]
PAIRS = [("The film was", " good.", " bad, they said"), ("Once upon a time", " there was 1 girl.", "\n"),
         ("a", " little", " story <|endoftext|>")]
TOKENS, LEAST_MARGIN = 10, 1e-3
DAY = "2024-07-26"  # what nudge tells a template that asks, if it isn't told another


def randomise(model, seed):
    torch.manual_seed(seed)
    usual = 0.0 if model.config.model_type.startswith("gemma") else 1.0  # Gemma's norms weigh by 1 + weight
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "norm" in name or "ln_" in name:
                p.normal_(usual if name.endswith("weight") else 0.0, 0.2)
            else:
                p.normal_(0.0, 0.5 if "emb" in name or "wte" in name or "head" in name or "score" in name else 0.25)


def write_model(case, folder):
    config = configuration(case)
    if case.score:
        config.num_labels = 1
    cls = AutoModelForSequenceClassification if case.score else AutoModelForCausalLM
    model = cls.from_config(config)
    randomise(model, zlib.crc32(case.name.encode()))
    model.to(getattr(torch, case.dtype)).save_pretrained(folder, max_shard_size=case.shard)
    write_tokenizer(folder, *vocabulary(case.vocabulary))
    for edit in case.edits:
        edit(folder)
    if case.new_tokenizer:
        load_tokenizer(folder).save_pretrained(folder)


def end_where_greedy_comes(folder):
    """Replaces the eos_token_id "GREEDY" by a token that stands amid a greedy answer, and one that may not come."""
    for name in ("generation_config.json", "config.json"):
        path = os.path.join(folder, name)
        if not os.path.exists(path) or '"GREEDY"' not in open(path).read():
            continue
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(text.replace('"GREEDY"', "null"))
        model, tokenizer = in_double(folder, "language"), load_tokenizer(folder)
        model.generation_config.eos_token_id = None
        ids, _ = greedy(model, prompt_ids(tokenizer, PROMPTS[0]), TOKENS)
        with open(path, "w") as f:
            f.write(text.replace('"GREEDY"', json.dumps([6, ids[4]])))


def write_records(path, records):
    with open(path, "w") as f:
        for i, record in enumerate(records):
            f.write(json.dumps({"id": str(i)} | record) + "\n")


def greedy_records(model, tokenizer):
    for text in PROMPTS:
        ids = prompt_ids(tokenizer, text)
        answer, margin = greedy(model, ids, TOKENS)
        if margin > LEAST_MARGIN:
            yield {"prompt": text, "want": {"prompt_ids": ids, "ids": answer, "logprobs": logprobs(model, ids, answer),
                                            "text": response_text(tokenizer, ids, answer)}}


def some_ids(tokenizer, count, seed):
    return [random.Random(seed).randrange(len(tokenizer)) for _ in range(count)]


def given_records(model, tokenizer):
    for i, count in enumerate((1, 9, 30, 100)):
        ids, answer = prompt_ids(tokenizer, PROMPTS[i]), some_ids(tokenizer, count, i)
        yield {"prompt_ids": ids, "response_ids": answer, "want": logprobs(model, ids, answer)}


def score_records(model, tokenizer):
    """Answers that end with each of the special tokens or with none, singly and in one batch."""
    special = [i for i in {model.config.eos_token_id, model.config.pad_token_id} if i is not None and i >= 0]
    lists = []
    for i, text in enumerate(PROMPTS):
        for end in [[]] + [[s] for s in special] + [[s, s] for s in special]:
            lists.append((prompt_ids(tokenizer, text), some_ids(tokenizer, 3 + i, i) + end))
    pad = model.config.pad_token_id
    batch = scores_in_a_batch(model, [p + r for p, r in lists]) if pad is not None and pad >= 0 else []
    for i, (prompt, response) in enumerate(lists):
        alone = score(model, prompt + response)
        yield {"prompt_ids": prompt, "response_ids": response, "finish": "stop",
               "want": alone, "want_batched": batch[i] if batch and math.isfinite(batch[i]) else alone}


def pair_records(model, tokenizer):
    """Texts, the answer's ids being those that it has behind the prompt, and the ending token at last, once."""
    for i, (prompt, *answers) in enumerate(PAIRS):
        begin = prompt_ids(tokenizer, prompt)
        wholes = [prompt_ids(tokenizer, prompt + a) for a in answers]
        if all(ids[:len(begin)] == begin for ids in wholes):
            eos = model.config.eos_token_id
            ended = [ids if eos is None or ids[-1] == eos else ids + [eos] for ids in wholes]
            yield {"prompt": prompt, "chosen": answers[0], "rejected": answers[1],
                   "want": [score(model, ids) for ids in ended]}


def ids_records(tokenizer):
    for text in TEXTS:
        yield {"prompt": text, "want": prompt_ids(tokenizer, text)}


def dialogue_records(tokenizer, day, refused):
    """What the template makes of each dialogue on a day, or where `refused` the words with which it makes nothing."""
    for asked in DIALOGUES:
        try:
            with on(day):
                text, ids = rendered(tokenizer, asked)
        except jinja2.exceptions.TemplateError as e:
            if refused:
                yield asked | {"want": str(e)}
            continue
        if not refused:
            yield asked | {"asked": asked, "want": {"text": text, "ids": ids}}


def make(case: Case, where):
    folder = os.path.join(where, "model")
    os.makedirs(folder)
    write_model(case, folder)
    end_where_greedy_comes(folder)
    tokenizer = load_tokenizer(folder)
    model = in_double(folder, "score" if case.score else "language")
    if case.refusal:
        with open(os.path.join(where, "refusal"), "w") as f:
            f.write(case.refusal)
    if case.score:
        write_records(os.path.join(where, "scores.jsonl"), score_records(model, tokenizer))
        write_records(os.path.join(where, "pairs.jsonl"), pair_records(model, tokenizer))
        return
    write_records(os.path.join(where, "greedy.jsonl"), greedy_records(model, tokenizer))
    write_records(os.path.join(where, "given.jsonl"), given_records(model, tokenizer))
    write_records(os.path.join(where, "ids.jsonl"), ids_records(tokenizer))
    if tokenizer.chat_template:
        usual = list(dialogue_records(tokenizer, DAY, False))
        write_records(os.path.join(where, "dialogues.jsonl"), usual)
        write_records(os.path.join(where, "refused.jsonl"), dialogue_records(tokenizer, DAY, True))
        dated = [r for r, u in zip(dialogue_records(tokenizer, "2026-11-30", False), usual) if r["want"] != u["want"]]
        if dated:
            write_records(os.path.join(where, "dated.jsonl"), dated)


def main():
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    out, pattern = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "*"
    for case in all_cases():
        if not fnmatch.fnmatch(case.name, pattern):
            continue
        where = os.path.join(out, case.name)
        try:
            make(case, where)
        except Exception as e:  # a folder that transformers doesn't take is no case
            os.makedirs(where, exist_ok=True)
            with open(os.path.join(where, "not-made"), "w") as f:
                f.write(f"{type(e).__name__}: {e}")


if __name__ == "__main__":
    main()
