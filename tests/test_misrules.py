"""Wrong rules of structural gates, each planted by hand in gradients that plain Python computes."""

import math

import pytest

import stepgrad
from stepgrad import compare

X = [0.5, -1.0, 2.0]
U = [1.0, 3.0, -2.0]  # the upstream of y, which is no constant, so that nothing else explains what is wrong


def dot(xs, ys):
    return math.fsum(x * y for x, y in zip(xs, ys))


EXPS = [math.exp(x) for x in X]
P = [e / math.fsum(EXPS) for e in EXPS]
MEAN = math.fsum(X) / 3
SPREAD = [x - MEAN for x in X]
VAR = dot(SPREAD, SPREAD) / 3
ROOT = math.sqrt(VAR + 1e-5)
Z = [x / ROOT for x in SPREAD]
NORM = math.sqrt(dot(X, X))
LSE = math.log(math.fsum(EXPS))
MIDDLE, ALONG = math.fsum(U) / 3, dot(U, Z) / 3
T = [2.0, 0.5, -1.0]
IMAGE = [[1.0, 5.0, 2.0, 0.5], [3.0, -1.0, 4.0, 8.0]]  # two windows of 2 × 2

WEIGHTED = "y = {}(x); f = sum(y * [1, 3, -2])"
SCALED = "y = {}(x); f = y * 3"
CASES = [  # program, inputs, what their rule makes of x, the words of the report
    (WEIGHTED.format("softmax"), {"x": X}, [u * p * (1 - p) for u, p in zip(U, P)], "only the diagonal, (1 - y) y"),
    (WEIGHTED.format("softmax"), {"x": X}, [u * p for u, p in zip(U, P)], "the sum over the line was left out"),
    (WEIGHTED.format("softmax"), {"x": X}, [u - p * math.fsum(U) for u, p in zip(U, P)], "it was taken for log_softmax"),
    (WEIGHTED.format("log_softmax"), {"x": X}, [u * (1 - p) for u, p in zip(U, P)], "only the diagonal, 1 - softmax"),
    (WEIGHTED.format("log_softmax"), {"x": X}, [u - p for u, p in zip(U, P)], "the sum of the upstream was left out"),
    (SCALED.format("max"), {"x": [2.0, -1.0, 2.0]}, [3.0, 3.0, 3.0], "not only the winner"),
    (SCALED.format("max"), {"x": [2.0, -1.0, 2.0]}, [3.0, 0.0, 3.0], "tied elements each got the whole upstream"),
    (SCALED.format("min"), {"x": [2.0, -1.0, -1.0]}, [0.0, 3.0, 0.0], "only the first of tied elements"),
    (SCALED.format("var"), {"x": X}, [3 * s for s in SPREAD], "divided by n - 1 = 2"),
    (SCALED.format("var"), {"x": X}, [3 * 2 * x / 3 for x in X], "the mean was not subtracted"),
    (SCALED.format("std"), {"x": X}, [3 * s / (3 * math.sqrt(VAR)) * math.sqrt(1.5) for s in SPREAD], "divided by n - 1 = 2"),
    (SCALED.format("std"), {"x": X}, [3 * x / (3 * math.sqrt(VAR)) for x in X], "the mean was not subtracted"),
    (WEIGHTED.format("layer_norm"), {"x": X}, [u / ROOT for u in U], "mean and variance were taken for constants"),
    (WEIGHTED.format("layer_norm"), {"x": X}, [(u - MIDDLE) / ROOT for u in U], "the variance was taken for a constant"),
    (WEIGHTED.format("layer_norm"), {"x": X}, [(u - z * ALONG) / ROOT for u, z in zip(U, Z)], "the mean was taken for a constant"),
    (SCALED.format("norm"), {"x": X}, [3 * x for x in X], "it was not divided by the norm"),
    (SCALED.format("norm"), {"x": X}, [3 * 2 * x for x in X], "it is that of the squared norm"),
    (SCALED.format("norm"), {"x": X}, [3 * x / (2 * NORM) for x in X], "the 2 of the square was lost"),
    (SCALED.format("logsumexp"), {"x": X}, [3.0] * 3, "every element got the upstream, not its softmax"),
    (SCALED.format("logsumexp"), {"x": X}, [3 * e / LSE for e in EXPS], "divided by the result, not by its exponential"),
    (WEIGHTED.format("cumsum"), {"x": X}, U, "the upstream was handed on as it is"),
    (WEIGHTED.format("cumsum"), {"x": X}, [1.0, 4.0, 2.0], "added up forwards, not backwards"),
    ("y = clip(x, -0.5, 1); f = sum(y * [1, 3, -2])", {"x": X}, U, "the upstream went through everywhere"),
    ("y = clip(x, -0.5, 1); f = sum(y * [1, 3, -2])", {"x": X}, [0.0, 3.0, -2.0], "where it should not, and only there"),
    ("f = 3 * mse(x, [2, 0.5, -1])", {"x": X}, [3 * (x - t) for x, t in zip(X, T)], "the difference alone, without 2/n"),
    ("f = 3 * mse(x, [2, 0.5, -1])", {"x": X}, [3 * 2 * x / 3 for x in X], "the operand stood for the difference"),
    ("f = 3 * mse(x, [2, 0.5, -1])", {"x": X}, [3 * 2 * t / 3 for t in T], "the other operand stood for the difference"),
    ("y = max_pool2d(x, 2); f = sum(y * [[3, 5]])", {"x": IMAGE}, [[0.75, 0.75, 1.25, 1.25]] * 2, "an equal share"),
    ("y = max_pool2d(x, 2); f = sum(y * [[3, 5]])", {"x": IMAGE}, [[3.0, 3.0, 5.0, 5.0]] * 2, "every number under a window got the upstream"),
    ("y = avg_pool2d(x, 2); f = sum(y * [[3, 5]])", {"x": IMAGE}, [[3.0, 3.0, 5.0, 5.0]] * 2, "not divided by 4"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "inputs", "theirs", "words"), CASES, ids=[f"{c[0]}: {c[3]}" for c in CASES])
def test_a_wrong_rule_is_named(program, inputs, theirs, words):
    found = compare(stepgrad.run(program, inputs), {"x": theirs}, rtol=1e-9)
    assert not found
    assert words in str(found)
