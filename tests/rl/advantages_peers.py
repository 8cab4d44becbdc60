#!/usr/bin/env python3
"""What OpenRLHF's and TRL's own code makes of a made-up batch, in double precision. Their functions are taken out of the
sources and run as they are; where TRL has no function, the statements between two lines of its trainers. Prints
advantages_peers.json, numbers alone; needs torch.
usage: advantages_peers.py TRL OPENRLHF > advantages_peers.json
TRL and OPENRLHF are checkouts; the numbers were made with TRL f2cd577 and OpenRLHF 3c3be62, torch 2.14."""
import ast
import itertools
import sys
import textwrap
from dataclasses import dataclass
from types import SimpleNamespace
from typing import List, Optional, Tuple, Union

import torch

from advantages import DEFAULTS, make_records, write

torch.set_default_dtype(torch.float64)
TRL, OPENRLHF = sys.argv[1:]


def source(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def take(path, names, space):
    """Defines functions and classes of a source in `space`, methods too."""
    text = source(path)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in names:
            code = "\n".join("@" + ast.get_source_segment(text, d) for d in node.decorator_list)
            exec("from __future__ import annotations\n" + code + "\n" +
                 textwrap.dedent(" " * node.col_offset + ast.get_source_segment(text, node)), space)


def between(path, first, last, space):
    """Runs the statements from the line that holds `first` to the next one that holds `last`."""
    lines = source(path).splitlines()
    begin = next(i for i, line in enumerate(lines) if first in line)
    end = next(i for i in range(begin, len(lines)) if last in lines[i])
    exec(textwrap.dedent("\n".join(lines[begin:end + 1])), space)


def padded(lists):
    width = max(map(len, lists))
    return torch.tensor([one + [0] * (width - len(one)) for one in lists])


def lists(rows, records):
    return [row[:len(r["logprobs"])] for row, r in zip(rows.tolist(), records)]


def openrlhf(records, o, estimator):
    maker = OPENRLHF + "/openrlhf/trainer/ppo_utils/experience_maker.py"
    space = {"torch": torch, "itertools": itertools, "List": List, "Tuple": Tuple, "Optional": Optional, "Union": Union,
             "apply_length_penalties": lambda *_: None}
    take(OPENRLHF + "/openrlhf/models/utils.py", ["compute_reward"], space)
    methods = ["compute_advantages_and_returns", "get_advantages_and_returns", "get_cumulative_returns"]
    take(maker, methods, space)
    mask = padded([[1] * len(r["logprobs"]) for r in records])
    kl = padded([[a - b for a, b in zip(r["logprobs"], r["ref_logprobs"])] for r in records])
    batch = SimpleNamespace(index=list(range(len(records))), rewards=torch.tensor([r["reward"] for r in records]), kl=kl,
                            action_mask=mask, values=padded([r["values"] for r in records]), info={})
    clip = o["reward_clip"]
    args = SimpleNamespace(
        rollout=SimpleNamespace(n_samples_per_prompt=3),
        reward=SimpleNamespace(clip_range=(-clip, clip) if clip else None),
        algo=SimpleNamespace(advantage=SimpleNamespace(estimator=estimator, gamma=o["gamma"], lambd=o["lambda"],
                                                       no_std_norm=False)))
    maker = SimpleNamespace(strategy=SimpleNamespace(args=args), advantage_estimator=estimator,
                            kl_ctl=SimpleNamespace(value=o["kl_beta"]))
    for name in methods[1:]:
        setattr(maker, name, space[name].__get__(maker))
    space[methods[0]](maker, [batch])
    return {"advantages": lists(batch.advantages, records), "returns": lists(batch.returns, records)}


def spread(advantages, records):
    of_tokens = [[a] * len(r["logprobs"]) for a, r in zip(advantages.tolist(), records)]
    return {"advantages": of_tokens, "returns": of_tokens}


def trl_space(records):
    space = {"torch": torch, "num_generations": 3, "rewards": torch.tensor([r["reward"] for r in records])}
    take(TRL + "/trl/trainer/utils.py", ["nanstd"], space)
    return space


def trl_rloo(records, o):
    space = trl_space(records)
    kl = torch.tensor([sum(a - b for a, b in zip(r["logprobs"], r["ref_logprobs"])) for r in records])
    space |= {"rewards": space["rewards"] - o["kl_beta"] * kl, "self": SimpleNamespace(normalize_advantages=False)}
    between(TRL + "/trl/trainer/rloo_trainer.py", "grouped_rewards = rewards.view(", "torch.nan_to_num(advantages", space)
    return spread(space["advantages"], records)


def trl_grpo(records, o, scale=1):
    space = trl_space(records)
    space["rewards"] /= scale
    space["self"] = SimpleNamespace(scale_rewards="group" if o["std"] else "none")
    between(TRL + "/trl/trainer/grpo_trainer.py", "mean_grouped_rewards = torch.nanmean(rewards.view",
            "advantages = advantages / (std_rewards", space)
    return spread(space["advantages"], records)


def trl_scale(records, earlier):
    space = {"torch": torch, "dataclass": dataclass}
    take(TRL + "/trl/experimental/bco/bco_trainer.py", ["RunningMoments"], space)
    moments = space["RunningMoments"](SimpleNamespace(use_distributed=False))
    moments.update(torch.tensor(earlier))
    moments.update(torch.tensor([r["reward"] for r in records]))
    return moments.std


def trl_gae(records, o):
    rewards = [[o["kl_beta"] * (b - a) for a, b in zip(r["logprobs"], r["ref_logprobs"])] for r in records]
    for one, r in zip(rewards, records):
        one[-1] += r["reward"]
    space = {"torch": torch, "rewards": padded(rewards), "values": padded([r["values"] for r in records]),
             "args": SimpleNamespace(gamma=o["gamma"], lam=o["lambda"])}
    space["responses"] = space["rewards"]
    between(TRL + "/trl/experimental/ppo/ppo_trainer.py", "lastgaelam = 0", "returns = advantages + values", space)
    return {key: lists(space[key], records) for key in ("advantages", "returns")}


if __name__ == "__main__":
    records = make_records({"a": 3, "b": 3, "e": 3})
    case = lambda **changes: DEFAULTS | changes
    plain = {"kl_beta": 0, "gamma": 1}  # OpenRLHF compares scores, without the penalty that it then gives each token
    solved = []
    for o, peer in [
        (case(whiten=True), lambda o: openrlhf(records, o, "gae")),
        (case(advantage="rloo", **plain), lambda o: openrlhf(records, o, "rloo")),
        (case(advantage="group", **plain), lambda o: openrlhf(records, o, "dr_grpo")),
        (case(advantage="group", whiten=True, **plain), lambda o: openrlhf(records, o, "reinforce_baseline")),
        (case(reward_clip=1.25, whiten=True), lambda o: openrlhf(records, o, "gae")),
        (case(), lambda o: trl_gae(records, o)),
        (case(advantage="rloo", gamma=1), lambda o: trl_rloo(records, o)),
        (case(advantage="group", **plain), lambda o: trl_grpo(records, o)),
        (case(advantage="group", std=True, **plain), lambda o: trl_grpo(records, o)),
    ]:
        solved.append((o, peer(o)))
    o = case(advantage="group", earlier=[3.5, -0.25, 1.0, 7.75, -6.5], **plain)
    scale = trl_scale(records, o["earlier"])
    solved.append((o, {"scale": scale, **trl_grpo(records, o, scale)}))
    write(records, solved)
