"""What OpenRLHF's own classes make of pairs: DPOLoss with smoothed labels, PairWiseLoss with a margin, in float64.

python3 openrlhf_pairs.py LOSS.PY REWARD_MODELS.JSON > openrlhf_pairs.json

LOSS.PY is openrlhf/models/loss.py (commit 3c3be62); REWARD_MODELS.JSON (tests/rl) has the scores. Each row: the loss, its derivative by
the better score. The margin goes where DPOLoss takes the reference's log-prob, which it subtracts as well.
"""
import ast
import json
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from typing import Tuple


def classes(path, names):
    tree = ast.parse(open(path).read())
    space = {"torch": torch, "nn": nn, "F": F, "Tuple": Tuple}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in names:
            exec(compile(ast.Module([node], []), path, "exec"), space)
    return [space[name] for name in names]


def main():
    DPOLoss, PairWiseLoss = classes(sys.argv[1], ["DPOLoss", "PairWiseLoss"])
    rows = []
    for row in json.load(open(sys.argv[2]))["pairs"]:
        number = lambda x: torch.tensor([float(x)], dtype=torch.float64)
        better, worse, margin = number(row["better"]).requires_grad_(), number(row["worse"]), number(row["margin"])
        if row["smoothing"] == 0:
            loss = PairWiseLoss()(better, worse, margin)
        else:
            loss = DPOLoss(1.0, label_smoothing=row["smoothing"])(better, worse, margin, number(0))[0]
        loss.backward()
        rows.append({**{k: row[k] for k in ("smoothing", "better", "worse", "margin")}, "loss": loss.item(),
                     "slope": better.grad.item()})
    print(json.dumps({"pairs": rows}, indent=1))


main()
