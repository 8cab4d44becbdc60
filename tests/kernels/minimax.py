#!/usr/bin/env python3
"""How good the polynomials of lib/kernels/vector_math.h are: for each, the largest relative error that its rounded
coefficients leave, beside the least that any polynomial of its form can have (minimax). Fails beyond 1.3 times that.
Decimal arithmetic of 45 digits; make check-tables runs it.

usage: minimax.py vector_math.h
"""
import math
import re
import sys
from decimal import Decimal as D
from decimal import getcontext

getcontext().prec = 45
PI = D("3.141592653589793238462643383279502884197169399375")


def solve(matrix, right):
    """x of matrix x = right, by Gauss and Jordan with row exchanges."""
    rows, n = [list(r) + [y] for r, y in zip(matrix, right)], len(right)
    for i in range(n):
        p = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[p] = rows[p], rows[i]
        for r in range(n):
            if r != i and rows[r][i] != 0:
                f = rows[r][i] / rows[i][i]
                rows[r] = [a - f * b for a, b in zip(rows[r], rows[i])]
    return [rows[i][n] / rows[i][i] for i in range(n)]


def least_error(rows, wanted):
    """min over c of max_x |wanted - rows c|: Stiefel's exchange, the simplex method on the dual problem. `ref` are n + 1
    points whose rows depend on each other, with coefficients `mix`; at them the errors of the best c are equal."""
    n, m = len(rows[0]), len(rows)
    ref = [round((m - 1) * (1 - math.cos(math.pi * (i + 0.5) / (n + 1))) / 2) for i in range(n + 1)]

    def combined(row):  # row as a sum of the rows of all points of `ref` but the last
        return solve([[rows[r][k] for r in ref[:-1]] for k in range(n)], row) + [D(0)]

    mix = combined([-v for v in rows[ref[-1]]])
    mix[-1] = D(1)
    while True:
        *c, level = solve([rows[r] + [D(1 if x > 0 else -1)] for r, x in zip(ref, mix)], [wanted[r] for r in ref])
        if level < 0:
            mix, level = [-x for x in mix], -level
        errors = [t - sum(a * b for a, b in zip(c, row)) for row, t in zip(rows, wanted)]
        worst = max(range(m), key=lambda i: abs(errors[i]))
        if abs(errors[worst]) <= level * (1 + D("1e-12")):
            return level
        sign = 1 if errors[worst] > 0 else -1
        new = [sign * x for x in combined(rows[worst])]
        leaves = max(range(n + 1), key=lambda i: new[i] / mix[i])
        f = new[leaves] / mix[leaves]
        mix = [f * x - y for x, y in zip(mix, new)]
        mix[leaves], ref[leaves] = D(sign), worst


def series(first, step):
    total, term, k = D(0), first, 0
    while abs(term) > D("1e-44"):
        total, k = total + term, k + 1
        term = step(term, k)
    return total


def exp_form(x):  # exp(x) = 1 + x + x^2/2 + x^3 q(x)
    return series(D(1) / 6, lambda t, k: t * x / (k + 3)), x**3 / x.exp()


def log_form(f):  # log(1 + f) = f - f^2/2 + f^3 p(f)
    return ((1 + f).ln() - f + f * f / 2) / f**3, f**3 / (1 + f).ln()


def tanh_form(x):  # tanh(x) = x + x^3 p(x^2)
    e = (2 * x).exp()
    y = (e - 1) / (e + 1)
    return (y / x - 1) / x**2, x**3 / y


def erf_of(x):
    return 2 / PI.sqrt() * sum_of_erf(x)


def sum_of_erf(x):
    total, power, k = D(0), x, 0
    while abs(power) > D("1e-44"):
        total, k = total + power / (2 * k + 1), k + 1
        power = -power * x * x / k
    return total


def erf_small_form(x):  # erf(x) = x + x p(x^2)
    y = erf_of(x)
    return y / x - 1, x / y


def erf_large_form(t):  # erf(t) = 1 - exp(t q(t)); the error of q counts by what it does to erf
    complement = 1 - erf_of(t)
    return complement.ln() / t, t * complement / (1 - complement)


ROOT_HALF = D("0.5").sqrt()
LN2 = D(2).ln()
# The function and which of its coefficients, counted from the first in the source (the highest power); the form, the
# interval, and whether the polynomial is one in x^2. exp's lowest is 1/2 and takes no part.
POLYNOMIALS = [
    ("exp_within", slice(3, 7), exp_form, -LN2 / 2, LN2 / 2, False),
    ("log_reduced", slice(0, 8), log_form, ROOT_HALF - 1, 2 * ROOT_HALF - 1, False),
    ("tanh", slice(0, 5), tanh_form, D(0), D("0.625"), True),
    ("erf", slice(0, 6), erf_small_form, D(0), D("0.921875"), True),
    ("erf", slice(7, 13), erf_large_form, D("0.921875"), D(4), False),
]


def coefficients(source, function):
    body = re.search(r"NUDGE_INLINE \w+ " + function + r"\(.*?\n}", source, re.S).group(0)
    return [D(x) for x in re.findall(r"broadcast\((-?[0-9.]+(?:e[-+][0-9]+)?)f\)", body)]


def main(path):
    with open(path) as file:
        source = file.read()
    failed = False
    for function, which, form, begin, end, even in POLYNOMIALS:
        c = coefficients(source, function)[which][::-1]
        points = [(begin + end) / 2 - (end - begin) / 2 * D(repr(math.cos(math.pi * i / 800))) for i in range(801)]
        points = [x for x in points if abs(x) > D("1e-6")]
        rows, wanted = [], []
        for x in points:
            value, weight = form(x)
            z = x * x if even else x
            rows.append([weight * z**k for k in range(len(c))])
            wanted.append(weight * value)
        error = max(abs(t - sum(a * b for a, b in zip(c, row))) for row, t in zip(rows, wanted))
        least = least_error(rows, wanted)
        print(f"{function:12} {len(c)} coefficients  error {error:.3e}  minimax {least:.3e}  ratio {error / least:.3f}")
        failed |= error > least * D("1.3")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
