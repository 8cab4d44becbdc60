# make_goldens.py FOLDER: writes all of tests/goldens anew but its README. Needs transformers, torch, tokenizers and peft;
# the numbers in the tree are by transformers 5.12, torch 2.14, tokenizers 0.23 and peft 0.20.
import os
import sys

import torch
from transformers import logging

from golden_adapters import ADAPTERS, make_adapter
from golden_layouts import LAYOUTS, make_layout, make_tales, make_warps
from golden_models import FAMILIES, make_family, write_json
from golden_text import make_tokenizers


def main():
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    out = sys.argv[1]
    make_tokenizers(f"{out}/tok")
    tolerances = {}
    for family in FAMILIES:
        os.makedirs(f"{out}/model/dev/{family}")
        tolerances[f"dev/{family}"] = make_family(family, f"{out}/model/dev/{family}")
        print(family, {k: v for k, v in tolerances[f"dev/{family}"].items() if k != "adamw3_worst"})
    write_json(f"{out}/model/TOLERANCES.json", tolerances)
    for name in LAYOUTS:
        make_layout(name, f"{out}/model/layouts/{name}")
    for name in ADAPTERS:
        make_adapter(name, f"{out}/model/adapters/{name}", out)
    make_warps(f"{out}/model")
    make_tales(f"{out}/model/tales")


main()
