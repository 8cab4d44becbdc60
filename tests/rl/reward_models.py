"""Writes reward_models.json: what reward models' losses, figures and combinations are, in double precision.

python3 tests/rl/reward_models.py > tests/rl/reward_models.json
"""
import json
import math
import random


def minus_log_sigmoid(d):
    return math.log1p(math.exp(-d)) if d > 0 else -d + math.log1p(math.exp(d))


def float32(x):
    import struct

    return struct.unpack("f", struct.pack("f", x))[0]


def smoothed(d, e):
    """cDPO's loss of a difference (Mitchell 2023, equation 3)."""
    return (1 - e) * minus_log_sigmoid(d) + e * minus_log_sigmoid(-d)


def pairs():
    rows = []
    for e in (0.0, 0.1, 0.25, 0.49):
        e = float32(e)
        for better, worse, margin in [(0, 0, 0), (1.5, 0.25, 0), (-2, 1, 0), (0.5, 0.25, 1.5), (30, 0, 0), (-40, 8, 0.5)]:
            d = better - worse - margin
            h = 1e-6
            slope = (smoothed(d + h, e) - smoothed(d - h, e)) / (2 * h)
            rows.append({"smoothing": e, "better": better, "worse": worse, "margin": margin, "loss": smoothed(d, e),
                         "slope": slope})
    return rows


def combinations():
    """Coste et al. 2023: the mean, the least, and the mean less lambda times the variance, divided by k."""
    rows = []
    for rewards in ([1.0, 2.0], [0.5, -1.25, 3.0], [2.0, 2.0, 2.0], [-7.5, 0.125, 1.0, 4.0], [1.0]):
        for weight in (0.0, 0.5, 2.0):
            mean = sum(rewards) / len(rewards)
            variance = sum((r - mean) ** 2 for r in rewards) / len(rewards)
            rows.append({"rewards": rewards, "weight": weight, "mean": mean, "least": min(rewards),
                         "uncertainty": mean - weight * variance})
    return rows


def share(rights):
    n = len(rights)
    if n == 0:
        return {"count": 0, "accuracy": None, "error": None}
    a = sum(rights) / n
    return {"count": n, "accuracy": a, "error": math.sqrt(a * (1 - a) / n) if n > 1 else None}


def lengths():
    """A reward model that likes length: figures by numpy-free arithmetic."""
    rng = random.Random(4)
    rows = []
    for _ in range(61):
        tokens = [rng.randrange(1, 12), rng.randrange(1, 12)]
        rewards = [float32(0.3 * t + rng.gauss(0, 1)) for t in tokens]
        rows.append({"chosen": rewards[0], "rejected": rewards[1], "tokens": tokens})
    rows[7]["rejected"] = rows[7]["chosen"]
    right = lambda r: 1 if r["chosen"] > r["rejected"] else 0.5 if r["chosen"] == r["rejected"] else 0
    by = lambda keep: share([right(r) for r in rows if keep(r["tokens"][0] - r["tokens"][1])])
    # Pearson's correlation over both answers of all pairs, each less the mean of its pair.
    x, y = [], []
    for r in rows:
        for t, s in zip(r["tokens"], (r["chosen"], r["rejected"])):
            x.append(t - sum(r["tokens"]) / 2)
            y.append(s - (r["chosen"] + r["rejected"]) / 2)
    pearson = sum(a * b for a, b in zip(x, y)) / math.sqrt(sum(a * a for a in x) * sum(b * b for b in y))
    size = lambda r: abs(r["chosen"] - r["rejected"])
    ranked = sorted(rows, key=size)
    # 61 numbers: numpy's quartiles are those of ranks 15, 30 and 45, and belong to the lower quarter.
    quarters = [ranked[:16], ranked[16:31], ranked[31:46], ranked[46:]]
    return {"pairs": rows, "longer": by(lambda d: d > 0), "same": by(lambda d: d == 0), "shorter": by(lambda d: d < 0),
            "correlation": pearson, "quarters": [dict(share([right(r) for r in q]), greatest=size(q[-1])) for q in quarters]}


def log_beta(a, b):
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def integral(f, steps=20000):
    """Simpson's rule over (0, 1)."""
    h = 1 / steps
    g = lambda i: f(min(max(i * h, 1e-12), 1 - 1e-12))
    return h / 3 * (g(0) + g(steps) + sum((4 if i % 2 else 2) * g(i) for i in range(1, steps)))


def order_kl(k, n):
    """KL to the uniform of the k-th of n uniform numbers, by integrating its Beta density."""
    c = -log_beta(k, n - k + 1)

    def term(u):
        log_p = c + (k - 1) * math.log(u) + (n - k) * math.log1p(-u)
        return math.exp(log_p) * log_p

    return integral(term)


def discrete_kl(p, n):
    """KL(best of n || p) for outcomes of ascending reward with probabilities p."""
    kl, below = 0.0, 0.0
    for q in p:
        best = (below + q) ** n - below ** n
        below += q
        kl += best * math.log(best / q)
    return kl


def best_of():
    rows = []
    for n in (1, 2, 3, 4, 8, 16, 64):
        integrated = order_kl(n, n)
        few = [0.1, 0.2, 0.3, 0.25, 0.15]
        many = [1 / 500] * 500
        rows.append({"n": n, "bound": integrated, "few": discrete_kl(few, n), "many": discrete_kl(many, n),
                     "others": max([order_kl(k, n) for k in range(2, n)], default=0)})
        assert rows[-1]["few"] <= integrated + 1e-9 and rows[-1]["many"] <= integrated + 1e-9
        assert rows[-1]["others"] <= integrated + 1e-9
    return rows


if __name__ == "__main__":
    print(json.dumps({"pairs": pairs(), "combinations": combinations(), "lengths": lengths(), "best_of": best_of()},
                     indent=1))
