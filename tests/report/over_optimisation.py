"""Writes over_optimisation.json: curves fitted to rewards over d = sqrt(KL), and differences of runs, in double precision.

python3 tests/report/over_optimisation.py > tests/report/over_optimisation.json

The fits are numpy.linalg.lstsq of the weighted rows; their covariance is the inverse of the normal matrix in 50 digits
(mpmath); the errors of the top come from numerical derivatives of where it is, not from the formulas of the program.
"""
import json
import math
import random

import mpmath
import numpy

mpmath.mp.dps = 50


def penalty(form, d):
    if form == "best_of_n":
        return d * d
    return d * mpmath.log(d) if d > 0 else mpmath.mpf(0)


def top(form, p):
    start, alpha, beta = p
    d = mpmath.exp(alpha / beta - 1) if form == "reinforcement" else alpha / (2 * beta)
    return d, d * d, start + alpha * d - beta * penalty(form, d)


def error(f, p, covariance):
    gradient = []
    for k in range(3):
        h = mpmath.mpf(10) ** -20
        up, down = list(p), list(p)
        up[k] += h
        down[k] -= h
        gradient.append((f(up) - f(down)) / (2 * h))
    return mpmath.sqrt(sum(gradient[i] * covariance[i, j] * gradient[j] for i in range(3) for j in range(3)))


def fitted(form, points):
    rows = [[1 / e, d / e, -penalty(form, d) / e] for d, _, e in points]
    y = [r / e for _, r, e in points]
    a = mpmath.matrix(rows)
    normal = a.T * a
    p = mpmath.lu_solve(normal, a.T * mpmath.matrix(y))
    rough = numpy.linalg.lstsq(numpy.array(rows, float), numpy.array(y, float), rcond=None)[0]
    assert max(abs(float(p[k]) - rough[k]) for k in range(3)) < 1e-6, (p, rough)
    chi_squared = sum((a * p - mpmath.matrix(y))[i] ** 2 for i in range(len(points)))
    covariance = normal ** -1 * max(1, chi_squared / (len(points) - 3))
    found = {"form": form, "values": [float(x) for x in p], "errors": [float(mpmath.sqrt(covariance[k, k])) for k in range(3)],
             "chi_squared": float(chi_squared), "top": None}
    if p[2] > 0 and top(form, p)[0] > 0:
        found["top"] = [[float(top(form, p)[k]), float(error(lambda q: top(form, q)[k], p, covariance))] for k in range(3)]
    return found


def curves():
    rng = random.Random(1)
    cases = []
    for form, start, alpha, beta, scale in (("reinforcement", 0.1, 1.0, 0.5, 1), ("reinforcement", -0.5, 0.4, 0.3, 3),
                                            ("best_of_n", 0.0, 1.2, 0.4, 1), ("best_of_n", 0.2, 0.1, -0.2, 0.2)):
        points = []
        for i in range(9):
            d, e = 0.35 * i, 0.01 * (1 + i % 3)
            r = start + alpha * d - beta * float(penalty(form, d)) + scale * rng.gauss(0, e)
            points.append([d, r, e])
        cases.append({"points": points, "fits": [fitted(f, points) for f in ("reinforcement", "best_of_n")]})
    return cases


def mean(xs):
    return sum(xs) / len(xs)


def paired():
    """Two answers to each of the same prompts: the textbook's paired error, sd of the prompts' differences/sqrt(n)."""
    rng = random.Random(2)
    runs = [{f"p{g}": [rng.gauss(2 * math.sin(g) + 0.3 * run, 0.5) for _ in range(2)] for g in range(12)} for run in (0, 1)]
    d = [mean(runs[1][g]) - mean(runs[0][g]) for g in runs[0]]
    se = math.sqrt(sum((x - mean(d)) ** 2 for x in d) / (len(d) - 1) / len(d))
    return {"runs": runs, "difference": mean(d), "error": se}


def independent():
    """Other prompts: the root of the sum of both squared errors, each the sd of the prompts' means/sqrt(n)."""
    rng = random.Random(3)
    runs = [{f"{'ab'[run]}{g}": [rng.gauss(run, 1) for _ in range(3)] for g in range(8 + run)} for run in (0, 1)]
    errors = []
    for run in runs:
        m = [mean(x) for x in run.values()]
        errors.append(math.sqrt(sum((x - mean(m)) ** 2 for x in m) / (len(m) - 1) / len(m)))
    means = [mean([x for xs in run.values() for x in xs]) for run in runs]
    return {"runs": runs, "difference": means[1] - means[0], "error": math.hypot(*errors), "errors": errors}


print(json.dumps({"curves": curves(), "paired": paired(), "independent": independent()}, indent=1))
