# What transformers makes of a folder: log-probs, greedy tokens, scores, ids; and what it says while it loads one.
import contextlib
import datetime
import logging
import warnings

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import chat_template_utils

import granite_score  # noqa: F401

torch.set_num_threads(1)


class Remarks(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())


@contextlib.contextmanager
def remarks():
    """All that is logged as a warning or worse, or raised as a Python warning, in a list of strings."""
    handler = Remarks()
    loggers = [logging.getLogger(), logging.getLogger("transformers")]
    once = getattr(transformers.utils.logging, "warning_once", None)
    if hasattr(once, "cache_clear"):
        once.cache_clear()
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield handler.said
        handler.said += [f"{w.category.__name__}: {w.message}" for w in caught]
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


def load_model(folder, kind, **options):
    cls = {"language": AutoModelForCausalLM, "score": AutoModelForSequenceClassification}[kind]
    return cls.from_pretrained(folder, attn_implementation="eager", **options)


def in_double(folder, kind):
    """The model in float64: the stored numbers are its weights, whatever their type."""
    return load_model(folder, kind, dtype=torch.float32).double().eval()


def load_tokenizer(folder):
    return AutoTokenizer.from_pretrained(folder)


def name_pad(model, tokenizer):
    """As trainers do where the configuration has no pad token, which an adapter's folder can't name: the tokenizer's,
    else the ending token."""
    if model.config.pad_token_id is None:
        pad = tokenizer.pad_token_id
        model.config.pad_token_id = tokenizer.eos_token_id if pad is None else pad


def prompt_ids(tokenizer, text):
    """What a sequence begins with: the ids of the text and what stands before it, not what is put behind."""
    plain = tokenizer(text, add_special_tokens=False).input_ids
    whole = tokenizer(text).input_ids
    behind = len(tokenizer("").input_ids) - first_of(whole, plain)
    return whole[:len(whole) - behind] if behind > 0 else whole


def first_of(whole, plain):
    for at in range(len(whole) - len(plain) + 1):
        if whole[at:at + len(plain)] == plain:
            return at
    return 0


@contextlib.contextmanager
def on(day):
    """As if it were the day "2026-11-30", at midnight, for chat templates that ask."""
    class Then(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromisoformat(day)

    before, chat_template_utils.datetime = chat_template_utils.datetime, Then
    try:
        yield
    finally:
        chat_template_utils.datetime = before


def rendered(tokenizer, asked):
    """The text and the ids that a record with a dialogue asks for."""
    options = {key: asked[key] for key in ("tools", "documents") if key in asked}
    options |= asked.get("chat_template_kwargs", {})
    text, ids = [tokenizer.apply_chat_template(asked["prompt"], tokenize=tokenize, return_dict=False,
                                               add_generation_prompt=True, **options) for tokenize in (False, True)]
    return text, ids


@torch.no_grad()
def logprobs(model, prompt, response):
    ids = torch.tensor([prompt + response])
    rows = torch.log_softmax(model(input_ids=ids).logits[0].double(), -1)
    return [rows[len(prompt) + i - 1, token].item() for i, token in enumerate(response)]


@torch.no_grad()
def greedy(model, prompt, tokens):
    """The ids that are most probable one after the other, and the least distance to the next best."""
    ids = torch.tensor([prompt])
    # A pad token is asked for, though one sequence needs none.
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False,
                         pad_token_id=0, output_logits=True, return_dict_in_generate=True)
    top = torch.cat(out.logits).topk(2).values
    return out.sequences[0, len(prompt):].tolist(), (top[:, 0] - top[:, 1]).min().item()


@torch.no_grad()
def score(model, ids):
    row = torch.tensor([ids])
    return model(input_ids=row, attention_mask=torch.ones_like(row)).logits[0, 0].item()


@torch.no_grad()
def scores_in_a_batch(model, lists):
    """Padded on the right with the configuration's token."""
    longest = max(map(len, lists))
    pad = model.config.pad_token_id
    rows = torch.tensor([ids + [pad] * (longest - len(ids)) for ids in lists])
    mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in lists])
    return model(input_ids=rows, attention_mask=mask).logits[:, 0].tolist()


def response_text(tokenizer, prompt, response):
    """What follows the prompt in the text of both, or None where the prompt's own text is another there."""
    begin = tokenizer.decode(prompt, skip_special_tokens=True)
    whole = tokenizer.decode(prompt + response, skip_special_tokens=True)
    return whole[len(begin):] if whole.startswith(begin) and not begin.endswith("\ufffd") else None
