# Steps of PyTorch, as bench_steps has ours; prints "tokens/s FIGURE", the median of those after a warm-up.
# usage: steps.py {train|ppo|decode-BATCH} {f32|bf16} [--compile] [--shape LAYERS,WIDTH,HEADS,VOCAB] [--tokens N]
import statistics
import time

import torch

import gpt2

BATCH, REPEATS, PATIENCE = 4, 3, 15


# Of f, which says its own seconds or None; after a first run, which counts only where it is long and compiled nothing.
def median(f):
    def once():
        start = time.perf_counter()
        own = f()
        return time.perf_counter() - start if own is None else own

    first, begin = once(), time.perf_counter()
    if first > PATIENCE and not options.compile:
        return first
    all_of = []
    while len(all_of) < REPEATS and (not all_of or time.perf_counter() - begin < PATIENCE):
        all_of.append(once())
    return statistics.median(all_of)


def train(o):
    model = gpt2.GPT2(o.shape)
    optimizer = gpt2.adamw([model])
    tokens = torch.randint(0, o.shape[3], (BATCH, o.tokens + 1))

    def loss_of():
        with gpt2.autocast(o.dtype):
            return gpt2.losses(model, model(tokens[:, :-1]), tokens[:, 1:]).mean()

    loss_of = torch.compile(loss_of) if o.compile else loss_of

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss_of().backward()
        optimizer.step()

    return BATCH * o.tokens / median(step)


def ppo(o):
    policy, critic = gpt2.GPT2(o.shape), gpt2.GPT2(o.shape, score=True)
    optimizer = gpt2.adamw([policy, critic])
    tokens = torch.randint(0, o.shape[3], (BATCH, o.tokens + 1))
    old = torch.full((BATCH, o.tokens), -10.8)
    advantages, returns, values = torch.randn_like(old), torch.randn_like(old), torch.zeros_like(old)

    def loss_of():
        with gpt2.autocast(o.dtype):
            logits = policy.logits(policy(tokens[:, :-1])).float()
            new = critic.score(critic(tokens[:, :-1])).squeeze(-1).float()
        all_logprobs = logits.log_softmax(-1)
        logprobs = all_logprobs.gather(-1, tokens[:, 1:, None]).squeeze(-1)
        entropy = -(all_logprobs.exp() * all_logprobs).sum(-1).mean()
        return (gpt2.clipped_surrogate(logprobs, old, advantages) + 0.1 * gpt2.value_loss(new, values, returns)
                - 0.01 * entropy)

    loss_of = torch.compile(loss_of) if o.compile else loss_of

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss_of().backward()
        optimizer.step()

    return BATCH * o.tokens / median(step)


def decode(o, batch):
    model = gpt2.frozen(gpt2.GPT2(o.shape), o.dtype)
    step = torch.compile(model) if o.compile else None
    length = o.tokens // 2

    def run():  # the seconds after the first token
        first = []
        gpt2.generate(model, torch.randint(0, o.shape[3], (batch, length)), length, step,
                      lambda: first.append(time.perf_counter()))
        return time.perf_counter() - first[0]

    return batch * (length - 1) / median(run)


parser = gpt2.parser()
parser.add_argument("step")
parser.add_argument("--tokens", type=int, default=256, help="of a sequence; half of them a prompt where it decodes")
options = parser.parse_args()
torch.manual_seed(0)
if options.step.startswith("decode-"):
    figure = decode(options, int(options.step[7:]))
else:
    figure = {"train": train, "ppo": ppo}[options.step](options)
print("tokens/s", figure)
