# Tiny random models of each family, and in float64, by PyTorch's autograd on transformers' modules, what is to come of
# them: states, logits, the losses of supervised fine-tuning, of pairs and of PPO, every gradient, steps of AdamW.
# The formulas of PPO stand here in the open and share nothing with lib/.
import contextlib
import copy
import json
import os
import zlib

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

import granite_score  # noqa: F401
from golden_text import PAIRS, SAMPLES, small_tokenizer
from vocabularies import write_tokenizer

HIDDEN, LONG = 8, 60
HYPER = {"gamma": 0.98, "lam": 0.95, "kl_coef": 0.05, "clip": 0.2, "vclip": 0.2, "ent_coef": 0.01, "kl_loss_coef": 0.05}
ADAM = {"lr": 0.002, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1, "max_norm": 1.0}
STEPS = 20
# transformers rounds norms, softmax and angles to float32 whatever the model's type. The numbers of these families have
# that in them; those of the others don't (exactly).
ROUNDED = ("gpt2", "llama3", "mistral", "qwen2", "qwen3", "neox", "neox-seq")
LEAST_MARGIN = 1e-3  # of logits
BASE = {"hidden_size": HIDDEN, "intermediate_size": 12, "num_hidden_layers": 2, "max_position_embeddings": 64}
GROUPED = BASE | {"num_attention_heads": 2, "num_key_value_heads": 1}
WINDOW = 5  # tokens
# Grouped keys, heads wider than their share, a frequency in each range of Llama 3's scaling, both of NeoX's residuals.
FAMILIES = {
    "gpt2": ("gpt2", {"n_embd": HIDDEN, "n_layer": 2, "n_head": 2, "n_positions": 48}),
    "llama3": ("llama", BASE | {
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "llama3", "rope_theta": 20.0, "factor": 32.0, "low_freq_factor": 1.0,
                            "high_freq_factor": 4.0, "original_max_position_embeddings": 32}}),
    "mistral": ("mistral", BASE | {
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 6, "sliding_window": None,
        "rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}}),
    "qwen2": ("qwen2", BASE | {"num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": True,
                               "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}),
    "qwen3": ("qwen3", BASE | {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 6,
                               "tie_word_embeddings": True}),
    "neox": ("gpt_neox", BASE | {
        "num_attention_heads": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}}),
    "neox-seq": ("gpt_neox", BASE | {
        "num_attention_heads": 2, "use_parallel_residual": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0}}),
    "mistral-window": ("mistral", GROUPED | {"head_dim": 6, "sliding_window": WINDOW}),
    "qwen3-window": ("qwen3", GROUPED | {
        "head_dim": 6, "tie_word_embeddings": True, "use_sliding_window": True, "sliding_window": WINDOW,
        "max_window_layers": 1}),
    "gemma": ("gemma", GROUPED | {"head_dim": 6}),
    "gemma2": ("gemma2", GROUPED | {
        "head_dim": 6, "query_pre_attn_scalar": 9, "sliding_window": WINDOW, "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 6.0}),
    "gemma3": ("gemma3_text", GROUPED | {
        "head_dim": 6, "query_pre_attn_scalar": 10, "sliding_window": WINDOW,
        "layer_types": ["sliding_attention", "full_attention"],
        "rope_parameters": {"full_attention": {"rope_type": "linear", "rope_theta": 1000.0, "factor": 8.0},
                            "sliding_attention": {"rope_type": "default", "rope_theta": 20.0}}}),
    "smollm3": ("smollm3", GROUPED | {"no_rope_layers": [1, 0]}),
    "olmo2": ("olmo2", GROUPED | {}),
    "granite": ("granite", GROUPED | {
        "embedding_multiplier": 1.5, "attention_multiplier": 0.3, "residual_multiplier": 0.6, "logits_scaling": 2.0}),
    "phi3": ("phi3", GROUPED | {"sliding_window": None}),
    # Phi-4-mini's; heads of 8 channels, of which 6 rotate.
    "phi3-longrope": ("phi3", GROUPED | {
        "hidden_size": 2 * HIDDEN, "tie_word_embeddings": True, "sliding_window": None, "max_position_embeddings": 256,
        "original_max_position_embeddings": 64, "partial_rotary_factor": 0.75,
        "rope_parameters": {"rope_type": "longrope", "rope_theta": 100.0, "partial_rotary_factor": 0.75,
                            "short_factor": [1.0, 1.25, 2.5], "long_factor": [1.0, 8.0, 30.0]}}),
    "opt": ("opt", {"hidden_size": HIDDEN, "ffn_dim": 12, "num_hidden_layers": 2, "num_attention_heads": 2,
                    "max_position_embeddings": 64}),
    "gpt_neo": ("gpt_neo", {"hidden_size": HIDDEN, "intermediate_size": 12, "num_layers": 2, "num_heads": 2,
                            "attention_types": [[["global", "local"], 1]], "window_size": WINDOW,
                            "max_position_embeddings": 64}),
}


def configuration(family, **other_sizes):
    tokenizer, _ = small_tokenizer()
    kind, sizes = FAMILIES[family]
    end = tokenizer.get_vocab_size() - 1
    return AutoConfig.for_model(kind, vocab_size=end + 1, bos_token_id=end, eos_token_id=end, pad_token_id=None,
                                **(sizes | other_sizes))


def random_model(config, seed, score=False):
    """Weights that float32 holds, of a size that makes logits of some units."""
    cls = AutoModelForSequenceClassification if score else AutoModelForCausalLM
    if score:
        config.num_labels = 1
    model = cls.from_config(config, attn_implementation="eager").float().eval()
    generator = torch.Generator().manual_seed(seed)
    from_one = config.model_type.startswith("gemma")  # norms weigh by 1 + weight
    for name, p in model.named_parameters():
        deviation = 1.0 if any(k in name for k in ("emb", "wte", "head", "score")) else 0.35
        mean = 0.0
        if "norm" in name or "ln_" in name:
            mean, deviation = (1.0 if name.endswith("weight") and not from_one else 0.0), 0.2
        p.data = mean + deviation * torch.randn(p.shape, generator=generator)
    model.tie_weights()
    return model


@contextlib.contextmanager
def exactly():
    """float64 wherever code names float32."""
    default, kept = torch.get_default_dtype(), (torch.float32, torch.float, torch.Tensor.float)
    torch.set_default_dtype(torch.float64)
    torch.float32, torch.float, torch.Tensor.float = torch.float64, torch.float64, torch.Tensor.double
    try:
        yield
    finally:
        torch.float32, torch.float, torch.Tensor.float = kept
        torch.set_default_dtype(default)


def in_double(model):
    """A copy in float64, its buffers (frequencies, scales) computed in that."""
    other = type(model)(copy.deepcopy(model.config)).double().eval()
    other.load_state_dict(model.state_dict())
    other.tie_weights()
    return other


def moved(model, config, seed, by, score=False):
    other = random_model(config, seed, score)
    with torch.no_grad():
        for p, q in zip(other.parameters(), model.parameters()):
            p.copy_(q + by * (p - p.mean()))
    return other


def save(model, folder, up="../../../.."):
    """With links to the one tokenizer, which stands in the folder of goldens, `up` from here."""
    model.save_pretrained(folder, max_shard_size="4KB" if "sharded" in folder else "1GB")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        os.symlink(f"{up}/tok/small/{name}", os.path.join(folder, name))
    if os.path.exists(path := os.path.join(folder, "generation_config.json")):
        os.remove(path)


def save_tensors(path, tensors):
    """As float32, which is what they are read as."""
    save_file({k: t.detach().float().contiguous().clone() for k, t in tensors.items()}, path)


def rounded(value):
    """For JSON: numbers to 10 digits."""
    if isinstance(value, torch.Tensor):
        return rounded(value.detach().double().tolist())
    if isinstance(value, float):
        return float(f"{value:.10g}")
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, (list, tuple)) else value


def write_json(path, value):
    with open(path, "w") as f:
        json.dump(rounded(value), f, separators=(",", ":"))
        f.write("\n")


def logits(model, ids):
    return model(input_ids=torch.tensor([ids])).logits[0]


def values(model, ids):
    """The score at every position, of a model with a head for scores."""
    return model.score(model.base_model(input_ids=torch.tensor([ids])).last_hidden_state)[0, :, 0]


def logprob_rows(model, prompt, response, temperature=1.0):
    """Log-probs of the whole vocabulary where each token of the response is predicted: [tokens, V]."""
    rows = torch.log_softmax(logits(model, prompt + response) / temperature, -1)
    return rows[len(prompt) - 1:-1] if prompt else rows[:-1]


def chosen(rows, response):
    return rows[torch.arange(len(rows)), torch.tensor(response[-len(rows):])]


def gradients(loss, model):
    named = dict(model.named_parameters())
    grads = torch.autograd.grad(loss, list(named.values()), retain_graph=True, allow_unused=True)
    return {k: torch.zeros_like(p) if g is None else g for (k, p), g in zip(named.items(), grads)}


def checks(grads):
    """norm and proj = sum_i g_i sin(i + 1) of each tensor, row by row."""
    return {k: {"norm": g.norm(), "proj": (g.flatten() * torch.sin(torch.arange(1, g.numel() + 1).double())).sum()}
            for k, g in grads.items()}


def sft_loss(model, samples, everything=False):
    parts = []
    for s in samples:
        ids = s["prompt_ids"] + s["chosen_ids"]
        parts.append(chosen(torch.log_softmax(logits(model, ids), -1)[:-1], ids[1:])
                     if everything else chosen(logprob_rows(model, s["prompt_ids"], s["chosen_ids"]), s["chosen_ids"]))
    return -torch.cat(parts).mean()


def bt_loss(model, samples):
    pairs = [[values(model, s["prompt_ids"] + s[answer])[-1] for answer in ("chosen_ids", "rejected_ids")]
             for s in samples]
    scores = torch.stack([torch.stack(p) for p in pairs])
    return -torch.nn.functional.logsigmoid(scores[:, 0] - scores[:, 1]).mean(), scores


def adamw(model, samples):
    """torch's own optimizer and clipping: losses before each step and after the last, norms, the weights after 3."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=ADAM["lr"], betas=ADAM["betas"], eps=ADAM["eps"],
                                  weight_decay=ADAM["weight_decay"])
    losses, norms, third = [], [], {}
    for step in range(STEPS):
        loss = sft_loss(model, samples)
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), ADAM["max_norm"]).item())
        optimizer.step()
        if step == 2:
            third = {k: p.detach().clone() for k, p in model.named_parameters()}
    losses.append(sft_loss(model, samples).item())
    return losses, norms, third


def advantages_of(rewards, old_values):
    """GAE: delta_t = r_t + gamma V_{t+1} - V_t, A_t = delta_t + gamma lambda A_{t+1}, V after the last token 0."""
    out, running = [0.0] * len(rewards), 0.0
    for t in reversed(range(len(rewards))):
        after = old_values[t + 1] if t + 1 < len(rewards) else 0.0
        delta = rewards[t] + HYPER["gamma"] * after - old_values[t]
        running = delta + HYPER["gamma"] * HYPER["lam"] * running
        out[t] = running
    return out


def k_estimates(log_ratio):
    """k1, k2, k3 of KL(a || b) from log a/b of what a drew."""
    return {"k1": log_ratio, "k2": log_ratio ** 2 / 2, "k3": torch.exp(-log_ratio) - 1 + log_ratio}


def exact_kl(p, q):
    return (p.exp() * (p - q)).sum(-1)


def ppo_samples(models, samples):
    """The batch, with what is known before the step as numbers, and with rows that have a graph."""
    batch = []
    for i, s in enumerate(samples):
        prompt, response = s["prompt_ids"], s["chosen_ids" if i % 2 else "rejected_ids"]
        new, old, ref = [logprob_rows(models[k], prompt, response) for k in ("policy", "old", "ref")]
        own = {k: chosen(rows, response) for k, rows in (("new", new), ("old", old), ("ref", ref))}
        at = slice(len(prompt) - 1, len(prompt) + len(response) - 1)
        old_values = values(models["old_critic"], prompt + response)[at].detach()
        score = values(models["rm"], prompt + response)[-1].item()
        rewards = -HYPER["kl_coef"] * (own["old"] - own["ref"]).detach()
        rewards[-1] += score
        advantages = torch.tensor(advantages_of(rewards.tolist(), old_values.tolist()), dtype=torch.float64)
        batch.append({"prompt_ids": prompt, "response_ids": response, "score": score, "rows": (new, old, ref),
                      "own": own, "old_values": old_values, "values": values(models["critic"], prompt + response)[at],
                      "rewards": rewards, "advantages": advantages, "returns": advantages + old_values})
    every = torch.cat([b["advantages"] for b in batch])
    for b in batch:
        b["whitened"] = (b["advantages"] - every.mean()) / torch.sqrt(every.var(unbiased=False) + 1e-8)
    return batch


def ppo_losses(batch):
    joined = lambda f: torch.cat([f(b) for b in batch])
    new, old, ref = [joined(lambda b: b["own"][k]) for k in ("new", "old", "ref")]
    advantages, returns = joined(lambda b: b["whitened"]), joined(lambda b: b["returns"])
    v, v_old = joined(lambda b: b["values"]), joined(lambda b: b["old_values"])
    old, ref = old.detach(), ref.detach()
    ratio, clip = torch.exp(new - old), HYPER["clip"]
    first, second = -advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip)
    plain = (v - returns) ** 2
    held = (torch.minimum(torch.maximum(v, v_old - HYPER["vclip"]), v_old + HYPER["vclip"]) - returns) ** 2
    kl = {k: e.mean() for k, e in k_estimates(new - ref).items()}
    kl["exact"] = joined(lambda b: exact_kl(b["rows"][0], b["rows"][2].detach())).mean()
    terms = {"policy": torch.maximum(first, second).mean(), "vf": 0.5 * torch.maximum(plain, held).mean(),
             "entropy": joined(lambda b: -(b["rows"][0].exp() * b["rows"][0]).sum(-1)).mean()}
    terms |= {f"kl_{k}": e for k, e in kl.items()}
    terms["total"] = terms["policy"] - HYPER["ent_coef"] * terms["entropy"] + HYPER["kl_loss_coef"] * kl["k3"]
    figures = {"policy_loss": terms["policy"], "value_loss": terms["vf"], "value_loss_unclipped": 0.5 * plain.mean(),
               "entropy": terms["entropy"], "total": terms["total"], "kl_new_ref": kl,
               "clipfrac": (second > first).double().mean(), "value_clipfrac": (held > plain).double().mean(),
               "ratio_min": ratio.min(), "ratio_max": ratio.max(), "approx_kl_old_new_k1": (old - new).mean(),
               "approx_kl_half_sq": ((new - old) ** 2 / 2).mean(),
               "explained_variance": 1 - (returns - v_old).var(unbiased=False) / returns.var(unbiased=False)}
    return terms, figures


def ppo_record(b):
    new, old, ref = b["rows"]
    estimates = k_estimates(b["own"]["old"] - b["own"]["new"])
    return {"prompt_ids": b["prompt_ids"], "response_ids": b["response_ids"], "score": b["score"],
            "old_logprobs": b["own"]["old"], "ref_logprobs": b["own"]["ref"], "old_values": b["old_values"],
            "expect": {"new_logprobs": b["own"]["new"], "values": b["values"],
                       "entropy": -(new.exp() * new).sum(-1), "kl_exact_new_ref": exact_kl(new, ref),
                       "kl_exact_old_new": exact_kl(old, new), "rewards": b["rewards"],
                       "advantages": b["advantages"], "returns": b["returns"], "advantages_whitened": b["whitened"]}
            | {f"{k}_old_new": e for k, e in estimates.items()}}


def greedy(model, prompt, tokens):
    """The most probable ids one after the other, as far as float32 can't see it otherwise."""
    ids = list(prompt)
    while len(ids) < len(prompt) + tokens:
        top = logits(model, ids)[-1].topk(2)
        if top.values[0] - top.values[1] < LEAST_MARGIN:
            break
        ids.append(top.indices[0].item())
    return ids[len(prompt):]


def answer_record(models, prompt, response):
    """What score and kl-report are to find of an answer. With no prompt its first token has no prediction."""
    new, old, ref = [logprob_rows(models[k], prompt, response) for k in ("policy", "old", "ref")]
    own = [chosen(rows, response) for rows in (new, old, ref)]
    estimates = k_estimates(own[1] - own[0])
    return {"prompt_ids": prompt, "response_ids": response,
            "rm_score_separate": values(models["rm"], prompt + response)[-1], "logprobs_policy": own[0],
            "sum_logprob_policy": own[0].sum(), "sum_logprob_old": own[1].sum(), "sum_logprob_ref": own[2].sum(),
            "kl_exact_old_new_mean": exact_kl(old, new).mean(), "kl_exact_new_old_mean": exact_kl(new, old).mean()
            } | {f"{k}_mean": e.mean() for k, e in estimates.items()}


def end_to_end(models):
    tokenizer, _ = small_tokenizer()
    ids = lambda text: tokenizer.encode(text).ids
    end = tokenizer.get_vocab_size() - 1
    return {"pairs": [{"prompt": p, "chosen": c, "rejected": r,
                       "chosen_out": answer_record(models, ids(p), ids(c) + [end]),
                       "rejected_out": answer_record(models, ids(p), ids(r) + [end])} for p, c, r in PAIRS]}


def text_samples(policy):
    tokenizer, _ = small_tokenizer()
    out = []
    for prompt, good, bad in SAMPLES:
        ids = {k: tokenizer.encode(text).ids for k, text in (("prompt_ids", prompt), ("chosen_ids", good),
                                                             ("rejected_ids", bad))}
        out.append({"prompt": prompt, "chosen": good, "rejected": bad} | ids |
                   {"greedy_ids": greedy(policy, ids["prompt_ids"], 12)})
    return out


def forward_tensors(policy, samples, long_ids, one):
    out = {}
    for i, s in enumerate(samples):
        ids = s["prompt_ids"] + s["chosen_ids"]
        whole = policy(input_ids=torch.tensor([ids]), output_hidden_states=True)
        rows = torch.log_softmax(whole.logits[0], -1)
        out |= {f"logits.{i}": whole.logits[0], f"entropy.{i}": -(rows.exp() * rows).sum(-1),
                f"final_hidden.{i}": policy.base_model(input_ids=torch.tensor([ids])).last_hidden_state[0],
                f"next_logprob.{i}": chosen(rows[:-1], ids[1:]),
                f"next_logprob_T0.7.{i}": chosen(torch.log_softmax(whole.logits[0] / 0.7, -1)[:-1], ids[1:])}
        if i == 0:
            out |= {f"hidden.{l}": whole.hidden_states[l][0] for l in range(2)}
    rows = logits(policy, long_ids)
    out |= {"long.last_logits": rows[-1], "one.logits": logits(policy, one),
            "long.next_logprob": chosen(torch.log_softmax(rows, -1)[:-1], long_ids[1:])}
    return out


def largest(a, b):
    return (torch.as_tensor(a).double() - torch.as_tensor(b).double()).abs().max().item()


def numbers(models, samples, long_ids):
    """What is compared, in the models' precision: tensors, gradients in full, and sections of golden.json."""
    policy = models["policy"]
    loss, everything = sft_loss(policy, samples), sft_loss(policy, samples, True)
    bt, scores = bt_loss(models["rm"], samples)
    batch = ppo_samples(models, samples)
    terms, figures = ppo_losses(batch)
    grads = {k: gradients(term, models["critic" if k == "vf" else "policy"]) for k, term in terms.items()}
    full = {"sft": gradients(loss, policy), "bt": gradients(bt, models["rm"]), "ppo": grads["total"], "vf": grads["vf"]}
    sections = {
        "sft": {"loss": loss, "loss_all": everything, "tokens": sum(len(s["chosen_ids"]) for s in samples),
                "grad": checks(full["sft"])},
        "bt": {"loss": bt, "accuracy": (scores[:, 0] > scores[:, 1]).double().mean(), "chosen": scores[:, 0],
               "rejected": scores[:, 1], "grad": checks(full["bt"])},
        "ppo": figures | {"grad": {k: checks(grads[k]) for k in terms if k not in ("total", "vf")}},
        "ppo_samples": [ppo_record(b) for b in batch]}
    return forward_tensors(policy, samples, long_ids, [17]), full, sections


def honest_differences(single, double):
    """How far PyTorch's float32 is from its float64: (tensors, gradients, AdamW's losses and weights) each."""
    (tensors, full, losses, third), (tensors64, full64, losses64, third64) = single, double
    ends = [k for k in tensors if k.startswith(("logits", "final_hidden", "one"))]
    worst = sorted(((k, largest(third[k], third64[k])) for k in third), key=lambda x: -x[1])
    relative = [((full[name][k].double() - g).norm() / g.norm()).item()
                for name, grad in full64.items() for k, g in grad.items() if g.norm() > 1e-9]
    return {"logits_max_abs": max(largest(tensors[k], tensors64[k]) for k in ends),
            "long_logits_max_abs": max(largest(tensors[k], tensors64[k]) for k in tensors if k.startswith("long")),
            "sft_grad_rel_l2_worst_tensor": max(relative), "loss_curve_max_abs": largest(losses, losses64),
            "adamw3_max_abs": worst[0][1], "adamw3_worst": worst[:6]}


def make_family(family, folder):
    config, scored, seed = configuration(family), configuration(family), zlib.crc32(family.encode())
    models = {"policy": random_model(config, seed), "rm": random_model(scored, seed + 3, True),
              "critic": random_model(scored, seed + 4, True)}
    models["old"] = moved(models["policy"], config, seed + 1, 0.04)
    models["ref"] = moved(models["policy"], config, seed + 2, 0.05)
    models["old_critic"] = moved(models["critic"], scored, seed + 5, 0.05, True)
    for name in ("policy", "old", "ref", "rm", "critic"):
        save(models[name], os.path.join(folder, name))

    context = getattr(config, "n_positions", LONG)
    long_ids = torch.randint(0, config.vocab_size, (context,), generator=torch.Generator().manual_seed(seed)).tolist()
    rounded_family = family in ROUNDED
    with contextlib.nullcontext() if rounded_family else exactly():
        double = {k: copy.deepcopy(m).double() if rounded_family else in_double(m) for k, m in models.items()}
        samples = text_samples(double["policy"])
        tensors, full, sections = numbers(double, samples, long_ids)
        write_json(f"{folder}/e2e.json", end_to_end(double))
        losses, norms, third = adamw(double["policy"], samples)
    single_tensors, single_full, _ = numbers(models, samples, long_ids)
    single_losses, _, single_third = adamw(models["policy"], samples)

    save_tensors(f"{folder}/golden.safetensors", tensors)
    save_tensors(f"{folder}/adamw3.safetensors", third)
    for name, grad in full.items():
        save_tensors(f"{folder}/grad.{name}.safetensors", grad)
    write_json(f"{folder}/golden.json", {
        "family": family, "hyper": HYPER, "samples": samples, "long_ids": long_ids, "one_ids": [17],
        "adam": {"hyper": ADAM, "losses": losses, "grad_norms": norms}} | sections)
    return honest_differences((single_tensors, single_full, single_losses, single_third),
                              (tensors, full, losses, third))
