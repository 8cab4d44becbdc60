# PyTorch's log-prob and entropy of [512, 50257] logits, and the clipped loss's backward; prints "log-prob FIGURE" and
# "backward FIGURE" in GB/s, medians, counted as bench.cc counts ours: the logits once, and twice.
# usage: softmax.py [ROWS VOCAB]
import statistics
import sys
import time

import torch

import gpt2

rows, vocab = map(int, sys.argv[1:] or (512, 50257))
torch.manual_seed(0)
logits = torch.randn(rows, vocab, requires_grad=True)
tokens = torch.randint(0, vocab, (rows, 1))
old, advantages = torch.full((rows,), -10.8), torch.randn(rows)


@torch.no_grad()
def forward():
    all_logprobs = logits.log_softmax(-1)
    return all_logprobs.gather(1, tokens), -(all_logprobs.exp() * all_logprobs).sum(-1)


def seconds_of(f):
    begin = time.perf_counter()
    f()
    return time.perf_counter() - begin


def backward():  # its seconds
    logits.grad = None
    loss = gpt2.clipped_surrogate(logits.log_softmax(-1).gather(1, tokens).squeeze(1), old, advantages)
    return seconds_of(loss.backward)


gigabytes = 4e-9 * rows * vocab
forward(), backward()
print("log-prob", gigabytes / statistics.median(seconds_of(forward) for _ in range(7)))
print("backward", 2 * gigabytes / statistics.median(backward() for _ in range(7)))
