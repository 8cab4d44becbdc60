# An iteration of PPO in PyTorch, as bench_iteration.cc describes ours. Its models are in memory when it begins, so
# loading is no part of it; the next policy and critic are saved with their moments. Prints seconds by part, and GiB.
# usage: iteration.py {f32|bf16} FOLDER [--compile] [--shape LAYERS,WIDTH,HEADS,VOCAB] [--prompts N]
import os
import resource
import time

import safetensors.torch
import torch

import gpt2

PROMPT, FRESH, EPOCHS, MINIBATCH = 32, 64, 2, 8
KL_BETA, LAMBDA = 0.05, 0.95

parser = gpt2.parser()
parser.add_argument("folder")
parser.add_argument("--prompts", type=int, default=32)
options = parser.parse_args()
dtype = options.dtype
torch.manual_seed(0)
policy, critic = gpt2.GPT2(options.shape), gpt2.GPT2(options.shape, score=True)
reference, reward_model = gpt2.frozen(policy, dtype), gpt2.frozen(critic, dtype)
sampler = gpt2.frozen(policy, dtype)
optimizer = gpt2.adamw([policy, critic])


def logprobs_of(model, tokens):
    return -gpt2.losses(model, model(tokens[:, :-1])[:, PROMPT - 1:], tokens[:, PROMPT:])


def values_of(model, tokens):
    return model.score(model(tokens[:, :-1])[:, PROMPT - 1:]).squeeze(-1).float()


def loss_of(tokens, old, old_values, advantages, returns):
    with gpt2.autocast(dtype):
        logprobs, values = logprobs_of(policy, tokens), values_of(critic, tokens)
    return gpt2.clipped_surrogate(logprobs, old, advantages) + 0.1 * gpt2.value_loss(values, old_values, returns)


step = None
if options.compile:
    loss_of, step = torch.compile(loss_of), torch.compile(sampler)


def rollout(prompts):
    sampler.load_state_dict(policy.state_dict())  # what the last update changed, in the sampler's type
    return torch.cat([prompts, gpt2.generate(sampler, prompts, FRESH, step)], 1)


@torch.inference_mode()
def score(tokens):
    rewards = [reward_model.score(reward_model(part)[:, -1]).squeeze(-1).float() for part in tokens.split(MINIBATCH)]
    logprobs = [logprobs_of(reference, part) for part in tokens.split(MINIBATCH)]
    return torch.cat(rewards), torch.cat(logprobs)


# Advantages, whitened, and returns of rewards and values [B, T], undiscounted: GAE.
def advantages_of(rewards, values):
    advantages, last = torch.zeros_like(values), torch.zeros(len(values))
    for t in reversed(range(values.shape[1])):
        after = values[:, t + 1] if t + 1 < values.shape[1] else 0
        last = rewards[:, t] + after - values[:, t] + LAMBDA * last
        advantages[:, t] = last
    return (advantages - advantages.mean()) / (advantages.std() + 1e-8), advantages + values


def update(tokens, rewards, ref_logprobs):
    with torch.no_grad(), gpt2.autocast(dtype):
        old = torch.cat([logprobs_of(policy, part) for part in tokens.split(MINIBATCH)])
        values = torch.cat([values_of(critic, part) for part in tokens.split(MINIBATCH)])
    rewards_of_tokens = -KL_BETA * (old - ref_logprobs)
    rewards_of_tokens[:, -1] += rewards
    advantages, returns = advantages_of(rewards_of_tokens, values)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(tokens)).split(MINIBATCH):
            optimizer.zero_grad(set_to_none=True)
            loss_of(tokens[rows], old[rows], values[rows], advantages[rows], returns[rows]).backward()
            optimizer.step()


def save(folder):
    for name, model in ("policy", policy), ("critic", critic):
        safetensors.torch.save_file(model.state_dict(), os.path.join(folder, name + ".safetensors"))
        moments = {f"{n}.{which}": optimizer.state[p][which] for n, p in model.named_parameters()
                   for which in ("exp_avg", "exp_avg_sq")}
        safetensors.torch.save_file(moments, os.path.join(folder, name + "-moments.safetensors"))


seconds = {}


def timed(name, f, *arguments):
    begin = time.perf_counter()
    result = f(*arguments)
    seconds[name] = time.perf_counter() - begin
    return result


def prompts_of(n):
    return torch.randint(0, options.shape[3], (n, PROMPT))


if options.compile:  # compiling is no part of it
    tokens = rollout(prompts_of(options.prompts))[:MINIBATCH]
    update(tokens, *score(tokens))
tokens = timed("rollout", rollout, prompts_of(options.prompts))
scores = timed("score", score, tokens)
timed("step", update, tokens, *scores)
timed("saving", save, options.folder)
for name, s in seconds.items():
    print(name, s)
print("seconds", sum(seconds.values()))
print("GiB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** 20)
