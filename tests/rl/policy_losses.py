#!/usr/bin/env python3
"""Policy losses of other trainers on random log-probs, in float64: writes policy_losses.json to stdout.

usage: policy_losses.py FOLDER > policy_losses.json

FOLDER holds, as files with these names, the sources of
  loss.py, utils.py       OpenRLHF's openrlhf/models            (3c3be6234e0cb353e76bb8019947db9dfe99fca7)
  core_algos.py, rollout_corr_helper.py  veRL's verl/trainer/ppo (1dda039b9c6311889a9c9a26040677e1254814f9)
  torch_functional.py     veRL's verl/utils
  grpo_trainer.py         TRL's trl/trainer                      (f2cd57710ae345ea6428ae95363267fcf38a3dc8)
Their functions run as they are, out of their files; of TRL's GRPOTrainer._compute_loss the statements up to the loss.
Needs torch. The effective sizes, which none of them has in this form, are computed here.
"""
import ast
import json
import math
import random
import struct
import sys
import types

import torch

FOLDER = sys.argv[1]


def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def take(file, names, scope):
    """Defines functions and classes of a file in `scope`, without decorators and annotations."""
    tree = ast.parse(open(f"{FOLDER}/{file}").read())
    found = []
    for node in tree.body:
        if getattr(node, "name", None) in names:
            node.decorator_list = []
            found.append(node)
    assert len(found) == len(names), (file, names)
    future = ast.parse("from __future__ import annotations").body
    exec(compile(ast.Module(future + found, []), file, "exec"), scope)
    return scope


class ActorConfig:
    clip_ratio, clip_ratio_low, clip_ratio_high, clip_ratio_c = 0.2, 0.2, 0.2, 1e9
    global_batch_info = {}

    def get(self, key, default):
        return getattr(self, key, default)


class Record(dict):
    __getattr__ = dict.__getitem__


base = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "math": math}
functional = types.SimpleNamespace(**take("torch_functional.py", ["masked_sum", "masked_mean"], dict(base)))
rlhf = dict(base)
take("utils.py", ["masked_mean"], rlhf)
take("loss.py", ["aggregate_loss", "PolicyLoss"], rlhf)
verl = dict(base, verl_F=functional, ActorConfig=ActorConfig, AlgoConfig=type("AlgoConfig", (), {}))
take(
    "core_algos.py",
    ["agg_loss", "compute_policy_loss_vanilla", "compute_policy_loss_gspo", "compute_policy_loss_cispo", "kl_penalty",
     "kl_penalty_forward"],
    verl,
)
weights_of = dict(base, verl_F=functional, SAFETY_BOUND=20.0, compute_is_metrics=lambda **_: {})
take("rollout_corr_helper.py", ["_parse_rollout_is_threshold", "compute_rollout_correction_weights"], weights_of)


def trl_loss():
    tree = ast.parse(open(f"{FOLDER}/grpo_trainer.py").read())
    trainer = next(n for n in tree.body if getattr(n, "name", "") == "GRPOTrainer")
    loss = next(n for n in trainer.body if getattr(n, "name", "") == "_compute_loss")
    end = next(i for i, n in enumerate(loss.body) if "_entropy_bonus_enabled" in ast.unparse(n))
    loss.body = loss.body[:end] + ast.parse("return loss").body
    scope = dict(base)
    exec(compile(ast.Module([loss], []), "grpo_trainer.py", "exec"), scope)
    return scope["_compute_loss"]


random.seed(20261130)
LENGTHS = [5, 1, 3, 7]
WIDTH = max(LENGTHS)
OLD = [[f32(-2.5 + random.gauss(0, 1)) for _ in range(n)] for n in LENGTHS]


def near(by):
    return [[f32(x + random.gauss(0, by)) for x in row] for row in OLD]


# A large move in some tokens, so that every bound binds somewhere.
NOW, RECORDED, REF = near(0.6), near(0.5), near(0.5)
BY_TOKEN = [[f32(random.gauss(0, 1)) for _ in range(n)] for n in LENGTHS]
BY_SEQUENCE = [[f32(a)] * n for a, n in zip([0.8, -1.3, 0.4, -0.6], LENGTHS)]


def padded(rows):
    return torch.tensor([row + [0.0] * (WIDTH - len(row)) for row in rows], dtype=torch.float64)


MASK = padded([[1.0] * n for n in LENGTHS])
CASES = []


def case(name, loss_of, advantages, **options):
    """options: those of ppo-step; loss_of(log-probs, advantages) is the loss in torch."""
    now = padded(NOW).requires_grad_()
    loss = loss_of(now, padded(BY_SEQUENCE if advantages == "sequence" else BY_TOKEN))
    loss.backward()
    slopes = [now.grad[i, :n].tolist() for i, n in enumerate(LENGTHS)]
    CASES.append({"name": name, "advantages": advantages, **options, "loss": loss.item(), "slopes": sum(slopes, [])})


def openrlhf(clip=(0.2, 0.28), **kind):
    policy_loss = rlhf["PolicyLoss"](*clip, **kind)
    return lambda now, A: policy_loss(now, padded(OLD), A, MASK, padded(RECORDED))[0]


def verl_loss(name, mean="token-mean", clip=(0.2, 0.28), C=1e9, scale=None, weights=None):
    config = ActorConfig()
    config.clip_ratio_low, config.clip_ratio_high, config.clip_ratio_c = *clip, C
    config.global_batch_info = {"loss_scale_factor": scale}
    kind = {"rollout_is_weights": weights} if weights is not None else {}
    return lambda now, A: verl["compute_policy_loss_" + name](padded(OLD), now, A, MASK, mean, config, **kind)[0]


def correction(level, threshold):
    log_ratio = (padded(OLD) - padded(RECORDED)) * MASK
    return weights_of["compute_rollout_correction_weights"](log_ratio, MASK, level, threshold)[0]


def trl(loss_type, level="token", beta=0.0, delta=None, **options):
    own = Record(loss_type=loss_type, importance_sampling_level=level, beta=beta, epsilon_low=0.2, epsilon_high=0.28,
                 top_entropy_quantile=1.0, off_policy_mask_threshold=None, use_vllm=False, aux_loss_enabled=False,
                 model=Record(training=False), max_completion_length=11, accelerator=Record(num_processes=1),
                 args=Record(delta=delta, use_bias_correction_kl=False))
    own.update(options)
    compute = trl_loss()

    def loss(now, A):
        ids = torch.zeros(len(LENGTHS), WIDTH, dtype=torch.long)
        own["_get_per_token_logps_and_entropies"] = lambda *_, **__: (now, None, None)
        inputs = {"prompt_ids": ids, "prompt_mask": ids, "completion_ids": ids, "completion_mask": MASK,
                  "advantages": A, "old_per_token_logps": padded(OLD), "ref_per_token_logps": padded(REF),
                  "num_items_in_batch": MASK.sum()}
        return compute(own, None, inputs)

    return loss


def main():
    bounds = {"clip": 0.2, "clip_high": 0.28}
    case("OpenRLHF, ppo", openrlhf(), "token", **bounds)
    case("OpenRLHF, ppo, means of sequences", openrlhf(token_level_loss=False), "token", mean="sequences", **bounds)
    case("OpenRLHF, dual clip", openrlhf(dual_clip=1.5), "token", dual_clip=1.5, **bounds)
    case("OpenRLHF, gspo", openrlhf((0.02, 0.03), policy_loss_type="gspo"), "sequence", ratio="sequence",
         mean="sequences", clip=0.02, clip_high=0.03)
    case("OpenRLHF, truncated importance sampling",
         openrlhf(enable_vllm_is_correction=True, vllm_is_truncated_threshold=[0, 1.3]), "token",
         correct="truncate", high=1.3, **bounds)
    case("OpenRLHF, IcePop",
         openrlhf(enable_vllm_is_correction=True, vllm_is_truncated_threshold=[0.7, 1.4],
                  vllm_is_correction_type="icepop"), "token", correct="mask", low=0.7, high=1.4, **bounds)
    case("veRL, vanilla with dual clip", verl_loss("vanilla", C=1.5), "token", dual_clip=1.5, **bounds)
    case("veRL, vanilla, a constant's mean", verl_loss("vanilla", "seq-mean-token-sum-norm", scale=11), "token",
         mean="constant", constant=11, **bounds)
    case("veRL, gspo", verl_loss("gspo", clip=(0.02, 0.03)), "sequence", ratio="sequence", mean="sequences",
         clip=0.02, clip_high=0.03)
    case("veRL, cispo", verl_loss("cispo"), "token", objective="cispo", **bounds)
    case("veRL, cispo, means of sequences", verl_loss("cispo", "seq-mean-token-mean"), "token", objective="cispo",
         mean="sequences", **bounds)
    case("veRL, truncated by sequence", verl_loss("vanilla", weights=correction("sequence", 1.2)), "token",
         correct="truncate", level="sequence", high=1.2, **bounds)
    case("veRL, masked by sequence", verl_loss("vanilla", weights=correction("sequence", "0.4_1.6")), "token",
         correct="mask", level="sequence", low=0.4, high=1.6, **bounds)
    case("veRL, gspo with weights of sequences",
         verl_loss("gspo", clip=(0.02, 0.03), weights=correction("sequence", 1.2)), "sequence", ratio="sequence",
         mean="sequences", clip=0.02, clip_high=0.03, correct="truncate", level="sequence", high=1.2)
    for kind in ["k2", "k3"]:
        def with_kl(now, A):
            kl = verl["agg_loss"](verl["kl_penalty"](now, padded(REF), kind), MASK, "token-mean")
            return verl_loss("vanilla")(now, A) + 0.3 * kl
        case(f"veRL, vanilla with {kind} in the loss", with_kl, "token", kl_loss=0.3, kl_loss_kind=kind, **bounds)
    case("TRL, GRPO with a penalty", trl("grpo", beta=0.3), "token", mean="sequences", kl_loss=0.3, kl_loss_kind="k3",
         **bounds)
    case("TRL, Dr. GRPO", trl("dr_grpo"), "token", mean="constant", constant=11, **bounds)
    case("TRL, DAPO, two-sided clipping", trl("dapo", delta=1.5), "token", dual_clip=1.5, **bounds)
    case("TRL, GRPO at the sequence's level", trl("grpo", "sequence", epsilon_low=0.02, epsilon_high=0.03), "sequence",
         ratio="sequence", mean="sequences", clip=0.02, clip_high=0.03)
    # TRL's cispo has no lower bound, and its upper one is the ratio itself.
    case("TRL, CISPO", trl("cispo", epsilon_high=1.28), "token", objective="cispo", clip=0.999999, clip_high=0.28)

    log_ratios = [[old - recorded for old, recorded in zip(*rows)] for rows in zip(OLD, RECORDED)]
    kish = lambda w: sum(w) ** 2 / sum(x * x for x in w)
    importance = {
        "ess_tokens": kish([math.exp(x) for row in log_ratios for x in row]),
        "ess_sequences": kish([math.exp(math.fsum(row)) for row in log_ratios]),
        "largest_token": math.exp(max(x for row in log_ratios for x in row)),
        "largest_sequence": math.exp(max(math.fsum(row) for row in log_ratios)),
    }
    flat = lambda rows: sum(rows, [])
    print(json.dumps({"lengths": LENGTHS, "logprobs": flat(NOW), "old_logprobs": flat(OLD),
                      "recorded_logprobs": flat(RECORDED), "ref_logprobs": flat(REF),
                      "by_token": flat(BY_TOKEN), "by_sequence": flat(BY_SEQUENCE), "importance": importance,
                      "cases": CASES}, indent=1))


main()
