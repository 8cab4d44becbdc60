# transformers' generate: GPT-2 with random weights; prints "tokens/s FIGURE" of the tokens after the first.
# usage: transformers_decode.py {f32|bf16} BATCH [--shape LAYERS,WIDTH,HEADS,VOCAB] [--tokens N]
import statistics
import time

import torch
from transformers import GPT2Config, GPT2LMHeadModel

import gpt2

parser = gpt2.parser()
parser.add_argument("batch", type=int)
parser.add_argument("--tokens", type=int, default=256, help="of a sequence; half of them a prompt")
o = parser.parse_args()
layers, width, heads, vocab = o.shape
torch.manual_seed(0)
model = GPT2LMHeadModel(GPT2Config(vocab_size=vocab, n_layer=layers, n_embd=width, n_head=heads)).eval()
model = model.to(torch.bfloat16 if o.dtype == "bf16" else torch.float32)
length = o.tokens // 2


@torch.inference_mode()
def seconds(fresh):
    prompts = torch.randint(0, vocab, (o.batch, length))
    begin = time.perf_counter()
    answers = model.generate(prompts, attention_mask=torch.ones_like(prompts), do_sample=True, top_k=0, temperature=1.0,
                             min_new_tokens=fresh, max_new_tokens=fresh, pad_token_id=0)
    assert answers.shape == (o.batch, length + fresh)
    return time.perf_counter() - begin


seconds(2)
prefill = statistics.median(seconds(1) for _ in range(3))
print("tokens/s", o.batch * (length - 1) / (seconds(length) - prefill))
