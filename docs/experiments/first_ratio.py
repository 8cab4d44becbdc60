# Log-probs of given tokens by PyTorch, as a trainer for RL computes them twice: in decoding, with a KV cache, a token at
# a time, and in one pass over each whole sequence; each for chunks of 1 and of 8 sequences. Needs torch and transformers.
# usage: first_ratio.py find                      prints the versions
#        first_ratio.py MODEL_FOLDER < RECORDS    prints {"job", "id", "decode1", "decode8", "pass1", "pass8"} a record,
#                                                 and "other" where its dtype isn't f32: pass8 in float32
#
# A record has, besides what rollout writes, a "job"; answers of two jobs share no chunk.
# A chunk of 8 is the answers to one prompt, so no prompt is padded; answers are, on the right. The log-softmax is in
# float32 whatever the model's type. The tokens are the records', so that all four see the same ones.
import json
import sys

import torch
import transformers

if sys.argv[1:] == ["find"]:
    print(f"PyTorch {torch.__version__}, transformers {transformers.__version__}")
    sys.exit()
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
models = {name: transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=dtype).eval()
          for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16))}


# The log-probs of tokens [B, T] by logits [B, T, V].
def picked(logits, tokens, temperature):
    return (logits.float() / temperature).log_softmax(-1).gather(-1, tokens[..., None])[..., 0]


def padded(rows):
    width = max(map(len, rows))
    return torch.tensor([row + [0] * (width - len(row)) for row in rows])


def decode(model, chunk):
    prompts, answers = padded([r["prompt_ids"] for r in chunk]), padded([r["response_ids"] for r in chunk])
    cache, tokens, columns = transformers.DynamicCache(), prompts, []
    for t in range(answers.shape[1]):
        logits = model(tokens, past_key_values=cache, use_cache=True).logits[:, -1:]
        tokens = answers[:, t:t + 1]
        columns.append(picked(logits, tokens, chunk[0]["temperature"]))
    return torch.cat(columns, 1)


def whole(model, chunk):
    start = len(chunk[0]["prompt_ids"])
    tokens = padded([r["prompt_ids"] + r["response_ids"] for r in chunk])
    return picked(model(tokens).logits[:, start - 1:-1], tokens[:, start:], chunk[0]["temperature"])


chunks = {}
for line in sys.stdin:
    record = json.loads(line)
    chunks.setdefault((record["job"], *record["prompt_ids"]), []).append(record)
with torch.inference_mode():
    for records in chunks.values():
        dtype = records[0]["dtype"]
        ways = [("decode1", dtype, decode, 1), ("decode8", dtype, decode, 8), ("pass1", dtype, whole, 1),
                ("pass8", dtype, whole, 8)] + [("other", "f32", whole, 8)] * (dtype != "f32")
        out = [{"job": r["job"], "id": r["id"]} for r in records]
        for name, dtype, f, size in ways:
            for i in range(0, len(records), size):
                chunk = records[i:i + size]
                for o, r, row in zip(out[i:], chunk, f(models[dtype], chunk).tolist()):
                    o[name] = row[:len(r["response_ids"])]
        for o in out:
            print(json.dumps(o))
