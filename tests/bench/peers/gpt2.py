# GPT-2 as a user of PyTorch would write it: scaled_dot_product_attention, autocast to bf16 over float32 weights, the
# fused AdamW, a static KV cache. What steps.py and iteration.py share.
import argparse
import copy

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    # cache is [2, B, heads, room, head size]; the tokens' positions are `at`, and they see its first `end` positions
    # as mask has it.
    def forward(self, x, cache=None, at=None, end=None, mask=None):
        B, T, C = x.shape
        q, k, v = (y.view(B, T, self.heads, -1).transpose(1, 2) for y in self.qkv(self.ln_1(x)).split(C, -1))
        if cache is not None:
            cache[0].index_copy_(2, at, k)
            cache[1].index_copy_(2, at, v)
            if T == 1:
                k, v = cache[0][:, :, :end], cache[1][:, :, :end]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=T > 1)
        x = x + self.proj(y.transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.gelu(self.up(self.ln_2(x)), approximate="tanh"))


class GPT2(nn.Module):
    def __init__(self, shape, score=False):
        super().__init__()
        layers, width, self.heads, vocab = shape
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(1024, width)
        self.blocks = nn.ModuleList(Block(width, self.heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.score = nn.Linear(width, 1) if score else None
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.normal_(p, 0, 0.02)

    def forward(self, tokens, caches=None, at=None, end=None, mask=None):
        at = torch.arange(tokens.shape[1]) if at is None else at
        x = self.wte(tokens) + self.wpe(at)
        for i, block in enumerate(self.blocks):
            x = block(x, None if caches is None else caches[i], at, end, mask)
        return self.ln_f(x)

    def logits(self, hidden):
        return F.linear(hidden, self.wte.weight)


# -log p of the tokens after hidden [B, T, C], as [B, T]; in float32.
def losses(model, hidden, tokens):
    logits = model.logits(hidden).flatten(0, 1).float()
    return F.cross_entropy(logits, tokens.flatten(), reduction="none").view(tokens.shape)


# The clipped value loss.
def value_loss(values, old, returns):
    clipped = old + (values - old).clamp(-0.2, 0.2)
    return 0.5 * torch.max((values - returns) ** 2, (clipped - returns) ** 2).mean()


def clipped_surrogate(logprobs, old, advantages):
    ratio = (logprobs - old).exp()
    return torch.max(-advantages * ratio, -advantages * ratio.clamp(0.8, 1.2)).mean()


# Samples `fresh` tokens after prompts [B, P], at temperature 1 from all tokens: [B, fresh]. `tell` is called when the
# first is there. `model` has its weights in the type to compute in.
@torch.inference_mode()
def generate(model, prompts, fresh, step=None, tell=lambda: None):
    B, P = prompts.shape
    width = model.wte.weight.shape[1]
    caches = torch.zeros(len(model.blocks), 2, B, model.heads, P + fresh, width // model.heads,
                         dtype=model.wte.weight.dtype)
    hidden = model(prompts, caches)[:, -1]
    tokens = []
    for i in range(fresh):
        tokens.append(torch.multinomial(model.logits(hidden).float().softmax(-1), 1))
        if i == 0:
            tell()
        if i + 1 == fresh:
            break
        at = torch.tensor([P + i])
        if step is None:  # eager: of the cache what is filled
            hidden = model(tokens[-1], caches, at, P + i + 1)[:, -1]
        else:  # compiled: shapes that stay the same
            mask = (torch.arange(P + fresh) <= at)[None]
            hidden = step(tokens[-1], caches, at, P + fresh, mask)[:, -1]
    return torch.cat(tokens, 1)


# The weights in the type of `dtype`, for forward passes alone.
def frozen(model, dtype):
    model = copy.deepcopy(model).eval().requires_grad_(False)
    return model.bfloat16() if dtype == "bf16" else model


def autocast(dtype):
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16")


def adamw(models):
    parameters = [p for m in models for p in m.parameters()]
    try:
        return torch.optim.AdamW(parameters, 1e-6, fused=True)
    except (RuntimeError, TypeError):  # not on this processor, in this version
        return torch.optim.AdamW(parameters, 1e-6)


def shape_of(text):
    layers, width, heads, vocab = map(int, text.split(","))
    return layers, width, heads, vocab


# The options that all peers have.
def parser():
    p = argparse.ArgumentParser()
    p.add_argument("dtype", choices=("f32", "bf16"))
    p.add_argument("--compile", action="store_true", help="by torch.compile")
    p.add_argument("--shape", type=shape_of, default=(12, 768, 12, 50257), help="layers,width,heads,vocabulary")
    return p
