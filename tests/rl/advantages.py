#!/usr/bin/env python3
"""Rewards, advantages and returns of a made-up batch in double precision, by their definitions: sums over all later
tokens where the program has recursions, the others' mean where it scales the difference to all. Prints advantages.json.
usage: advantages.py > advantages.json"""
import json
import math
import random
import statistics
import struct

GROUPS = {"a": 3, "b": 2, "c": 4, "d": 2}


def single(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def make_records(groups):
    draw = random.Random(21)
    records = []
    for group, answers in groups.items():
        for k in range(answers):
            n = 4 if group == "d" else draw.randint(2, 6)
            numbers = lambda low, high: [single(draw.uniform(low, high)) for _ in range(n)]
            mask = [draw.randint(0, 1) for _ in range(n)]
            mask[draw.randrange(n)] = 1
            r = {
                "id": f"{group}/{k}", "group": group, "reward": single(draw.uniform(-3, 3)), "mask": mask,
                "stopped": draw.random() < 0.5, "logprobs": numbers(-4, 0), "ref_logprobs": numbers(-4, 0),
                "values": numbers(-2, 2), "after": single(draw.uniform(-2, 2)), "advantages": numbers(-1, 1),
                "rewards": numbers(-0.5, 0.5) if group == "c" else [],
            }
            if group == "d":  # equal returns
                r["reward"], r["ref_logprobs"], r["mask"] = 0.75, r["logprobs"], [1, 0, 1, 1]
            records.append(r)
    return records


def whitened(lists, shift):
    flat = [x for one in lists for x in one]
    mean = statistics.fmean(flat)
    deviation = math.sqrt(statistics.pvariance(flat) + 1e-8)
    return [[(x - mean) / deviation + (0 if shift else mean) for x in one] for one in lists]


def rewards_of(r, kept, o, scale):
    score = r["reward"] / scale
    if o["reward_clip"]:
        score = max(-o["reward_clip"], min(o["reward_clip"], score))
    if o["bootstrap"] and not r["stopped"]:
        score = 0
    out = [-o["kl_beta"] * (r["logprobs"][t] - r["ref_logprobs"][t]) for t in kept]
    if r["rewards"]:
        out = [x + r["rewards"][t] for x, t in zip(out, kept)]
    out[-1] += score
    return out


def gae(rewards, values, after, gamma, lam):
    n = len(rewards)
    following = values[1:] + [after]
    delta = [rewards[t] + gamma * following[t] - values[t] for t in range(n)]
    advantages = [sum((gamma * lam) ** (k - t) * delta[k] for k in range(t, n)) for t in range(n)]
    return advantages, [a + v for a, v in zip(advantages, values)]


def per_response(records, returns, o):
    """Of each response one number, and whether its group's returns are all equal."""
    weights, equal = [], []
    for i, r in enumerate(records):
        own = [returns[k] for k, other in enumerate(records) if other["group"] == r["group"]]
        others = [returns[k] for k, other in enumerate(records) if other["group"] == r["group"] and k != i]
        equal.append(len(set(own)) == 1)
        if o["advantage"] == "return":
            weight = returns[i] - (statistics.fmean(returns) if o["baseline"] else 0)
        else:
            weight = returns[i] - statistics.fmean(others if o["advantage"] == "rloo" else own)
            if o["std"]:
                weight /= statistics.stdev(own) + 1e-4
        weights.append(weight)
    return weights, equal


def solve(records, o):
    kept = [[t for t, counts in enumerate(r["mask"]) if counts or not o["mask"]] for r in records]
    scale = statistics.stdev(o["earlier"] + [r["reward"] for r in records]) if o["earlier"] else 1
    rewards = [rewards_of(r, k, o, scale) for r, k in zip(records, kept)]
    totals = [sum(x) for x in rewards]
    if o["whiten_rewards"]:
        rewards = whitened(rewards, False)
    equal = [False] * len(records)
    if o["advantage"] == "gae":
        pairs = [gae(x, [r["values"][t] for t in k], r["after"] if o["bootstrap"] and not r["stopped"] else 0,
                     o["gamma"], o["lambda"]) for r, x, k in zip(records, rewards, kept)]
        advantages, returns = [a for a, _ in pairs], [b for _, b in pairs]
    elif o["advantage"] == "field":
        advantages = returns = [[r["advantages"][t] for t in k] for r, k in zip(records, kept)]
    else:
        whole = [sum(o["gamma"] ** t * x for t, x in enumerate(one)) for one in rewards]
        weights, equal = per_response(records, whole, o)
        advantages = returns = [[w] * len(k) for w, k in zip(weights, kept)]
    learnt = [i for i in range(len(records)) if not (o["drop"] and equal[i])]
    if o["whiten"]:
        advantages = list(advantages)
        for i, one in zip(learnt, whitened([advantages[i] for i in learnt], True)):
            advantages[i] = one
    return {"scale": scale, "rewards": rewards, "totals": totals, "advantages": advantages, "returns": returns,
            "learnt": learnt}


DEFAULTS = {"advantage": "gae", "gamma": 0.9, "lambda": 0.8, "kl_beta": 0.3, "baseline": False, "std": False,
            "whiten": False, "whiten_rewards": False, "drop": False, "mask": False, "bootstrap": False,
            "reward_clip": 0, "earlier": []}
EARLIER = [3.5, -0.25, 1.0, 7.75, -6.5]
CASES = [
    {}, {"whiten": True}, {"whiten_rewards": True}, {"gamma": 1, "lambda": 1},
    {"advantage": "return"}, {"advantage": "return", "baseline": True, "whiten": True},
    {"advantage": "rloo"}, {"advantage": "rloo", "std": True}, {"advantage": "rloo", "drop": True, "whiten": True},
    {"advantage": "group"}, {"advantage": "group", "std": True, "gamma": 1},
    {"advantage": "group", "whiten_rewards": True, "whiten": True}, {"advantage": "group", "drop": True},
    {"advantage": "field"}, {"advantage": "field", "whiten": True},
    {"mask": True}, {"mask": True, "whiten": True, "whiten_rewards": True}, {"mask": True, "advantage": "return"},
    {"mask": True, "advantage": "rloo", "whiten": True}, {"mask": True, "advantage": "group", "std": True},
    {"bootstrap": True}, {"bootstrap": True, "mask": True, "whiten": True}, {"reward_clip": 1.25},
    {"earlier": EARLIER}, {"earlier": EARLIER, "reward_clip": 0.5, "advantage": "group", "std": True},
    {"mask": True, "advantage": "group", "drop": True}, {"mask": True, "advantage": "field", "whiten": True},
]

def rounded(x):
    if isinstance(x, list):
        return [rounded(y) for y in x]
    return float(f"{x:.10g}") if isinstance(x, float) else x


def write(records, solved):
    """`solved`: of each case the options and what is known of its outcome."""
    lines = [json.dumps({"options": o, **{key: rounded(x) for key, x in known.items()}}) for o, known in solved]
    print('{"records": [\n' + ",\n".join(map(json.dumps, records)) + '\n],\n"cases": [\n' + ",\n".join(lines) + "\n]}")


if __name__ == "__main__":
    records = make_records(GROUPS)
    write(records, [(o, solve(records, o)) for o in (DEFAULTS | case for case in CASES)])
