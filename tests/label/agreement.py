"""Writes agreement.json: kappas of judges with jackknife errors, in double precision, by the definitions alone.

python3 tests/label/agreement.py > tests/label/agreement.json

A case is {"judges": n, "pairs": [[cluster, [verdict of each judge: 0, 1, 2, or -1 for none]], ...]}. What is left out is
computed again from the pairs that remain, not by subtraction. Before it writes, the script checks itself against
published numbers.
"""
import json
import math
import random


def cohen(pairs, k):
    both = [v for _, v in pairs if v[0] >= 0 and v[1] >= 0]
    n = len(both)
    if n == 0:
        return None
    observed = sum(a == b for a, b in both) / n
    expected = sum(sum(a == c for a, _ in both) / n * sum(b == c for _, b in both) / n for c in range(k))
    return None if 1 - expected < 1e-9 else (observed - expected) / (1 - expected)


def fleiss(pairs, k):
    """Fleiss 1971; for differing numbers of judges Gwet 2014, without the pairs that only one judged."""
    counts = [[v.count(c) for c in range(k)] for _, v in pairs]
    counts = [c for c in counts if sum(c) >= 2]
    n = len(counts)
    if n == 0:
        return None
    observed = sum(sum(x * (x - 1) for x in c) / (sum(c) * (sum(c) - 1)) for c in counts) / n
    expected = sum((sum(c[j] / sum(c) for c in counts) / n) ** 2 for j in range(k))
    return None if 1 - expected < 1e-9 else (observed - expected) / (1 - expected)


def jackknife(kappa, pairs, k):
    used = [p for p in pairs if sum(x >= 0 for x in p[1]) >= 2]
    clusters = sorted({c for c, _ in used})
    if len(clusters) < 2:
        return None
    without = [kappa([p for p in used if p[0] != c], k) for c in clusters]
    if None in without:
        return None
    n = len(without)
    mean = sum(without) / n
    return math.sqrt((n - 1) / n * sum((x - mean) ** 2 for x in without))


def of_table(table):
    """Pairs, each its own cluster, of a contingency table of two judges."""
    pairs = [(a, b) for a, row in enumerate(table) for b, m in enumerate(row) for _ in range(m)]
    return [["%d" % i, list(v)] for i, v in enumerate(pairs)]


def large_sample_error(table):
    """Fleiss, Cohen and Everitt 1969, equation 13."""
    n = sum(map(sum, table))
    p = [[x / n for x in row] for row in table]
    rows, columns = [sum(r) for r in p], [sum(c) for c in zip(*p)]
    o = sum(p[i][i] for i in range(len(p)))
    e = sum(r * c for r, c in zip(rows, columns))
    kappa = (o - e) / (1 - e)
    a = sum(p[i][i] * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in range(len(p)))
    b = (1 - kappa) ** 2 * sum(p[i][j] * (columns[i] + rows[j]) ** 2
                               for i in range(len(p)) for j in range(len(p)) if i != j)
    return math.sqrt((a + b - (kappa - e * (1 - kappa)) ** 2) / n) / (1 - e)


# Fleiss, Cohen and Everitt 1969: 200 patients, kappa .429. Its large-sample error and the jackknife's agree.
DIAGNOSES = [[106, 10, 4], [22, 28, 10], [2, 12, 6]]
# Fleiss 1971, the 14 subjects and 10 raters that are often quoted: kappa .210.
SUBJECTS = [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1], [7, 7, 0, 0, 0],
            [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]


def published():
    assert round(cohen(of_table(DIAGNOSES), 3), 3) == 0.429
    assert abs(jackknife(cohen, of_table(DIAGNOSES), 3) / large_sample_error(DIAGNOSES) - 1) < 0.02
    assert round(cohen(of_table([[20, 5], [10, 15]]), 2), 3) == 0.4  # the common textbook's table
    subjects = [["%d" % i, [c for c, m in enumerate(row) for _ in range(m)]] for i, row in enumerate(SUBJECTS)]
    assert round(fleiss(subjects, 5), 3) == 0.210


def drawn(rng, judges, pairs, clusters, missing, skill):
    rows = []
    for i in range(pairs):
        truth = rng.choices((0, 1, 2), (4, 4, 1))[0]
        verdicts = [-1 if rng.random() < missing else truth if rng.random() < skill else rng.randrange(3)
                    for _ in range(judges)]
        rows.append(["c%d" % (i % clusters), verdicts])
    return rows


def main():
    published()
    rng = random.Random(22)
    cases = [
        (2, of_table(DIAGNOSES)), (2, drawn(rng, 2, 40, 40, 0, 0.6)), (2, drawn(rng, 2, 60, 12, 0.2, 0.7)),
        (3, drawn(rng, 3, 30, 30, 0, 0.6)), (3, drawn(rng, 3, 50, 9, 0.3, 0.5)), (5, drawn(rng, 5, 25, 25, 0.4, 0.8)),
        (2, [["a", [0, 0]], ["b", [0, 0]]]),                    # chance alone agrees always
        (2, [["a", [0, 1]], ["a", [1, 1]], ["a", [2, 0]]]),     # one cluster
        (2, [["a", [0, 0]], ["b", [0, 0]], ["c", [1, 1]]]),     # undefined without c
        (3, [["a", [0, -1, -1]], ["b", [-1, -1, -1]]]),         # nothing to compare
    ]
    rows = []
    for judges, pairs in cases:
        kappa = cohen if judges == 2 else fleiss
        rows.append({"judges": judges, "pairs": pairs, "kappa": kappa(pairs, 3), "error": jackknife(kappa, pairs, 3)})
        if rows[-1]["kappa"] is None:
            rows[-1]["error"] = None
    print("[" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "]")


main()
