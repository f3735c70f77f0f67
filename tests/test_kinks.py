"""Conventions at kinks and domain edges: PyTorch's, in float64; never an exception, never a complex number.

Each case: program, value, gradients. The numbers were measured with torch 2.13.0 on a CPU; tanh and
sigmoid where they saturate are left out, since there a loss of digits is no convention.
"""

import math
from fractions import Fraction

import pytest

from stepgrad import run

INF, NAN = math.inf, math.nan

CASES = [
    ("x = 0.0; f = relu(x)", 0.0, {"x": 0.0}),
    ("x = -0.0; f = relu(x)", -0.0, {"x": 0.0}),
    ("x = nan; f = relu(x)", NAN, {"x": 1.0}),
    ("x = -inf; f = relu(x)", 0.0, {"x": 0.0}),
    ("x = inf; f = relu(x)", INF, {"x": 1.0}),
    ("x = 0.0; f = maximum(x, 0)", 0.0, {"x": 0.5}),
    ("x = 0.0; f = abs(x)", 0.0, {"x": 0.0}),
    ("x = -0.0; f = abs(x)", 0.0, {"x": 0.0}),
    ("x = nan; f = abs(x)", NAN, {"x": 0.0}),
    ("a = 2.0; b = 2.0; f = maximum(a, b)", 2.0, {"a": 0.5, "b": 0.5}),
    ("a = 2.0; b = 2.0; f = minimum(a, b)", 2.0, {"a": 0.5, "b": 0.5}),
    ("x = 2.0; f = maximum(x, x)", 2.0, {"x": 1.0}),
    ("a = 0.0; b = -0.0; f = maximum(a, b)", 0.0, {"a": 0.5, "b": 0.5}),
    ("a = nan; b = 1.0; f = maximum(a, b)", NAN, {"a": 1.0, "b": 1.0}),
    ("a = 1.0; b = nan; f = maximum(a, b)", NAN, {"a": 1.0, "b": 1.0}),
    ("x = [2.0, 2.0, 1.0]; f = np.max(x)", 2.0, {"x": [0.5, 0.5, 0.0]}),
    ("x = [5.0, 5.0, 5.0]; f = np.max(x)", 5.0, {"x": [1 / 3, 1 / 3, 1 / 3]}),
    ("x = [1.0, 1.0, 2.0]; f = np.min(x)", 1.0, {"x": [0.5, 0.5, 0.0]}),
    ("x = [nan, 1.0]; f = np.max(x)", NAN, {"x": [1.0, 0.0]}),
    ("x = [2.0, 2.0, 1.0]; f = np.max(x, 0)", 2.0, {"x": [0.5, 0.5, 0.0]}),
    ("x = 0.0; f = sqrt(x)", 0.0, {"x": INF}),
    ("x = -1.0; f = sqrt(x)", NAN, {"x": NAN}),
    ("x = 0.0; f = sqrt(x**2)", 0.0, {"x": NAN}),
    ("x = 0.0; f = 0*sqrt(x)", 0.0, {"x": NAN}),
    ("x = 0.0; f = x**0", 1.0, {"x": 0.0}),
    ("x = 0.0; f = x**1", 0.0, {"x": 1.0}),
    ("x = 0.0; f = x**2", 0.0, {"x": 0.0}),
    ("x = 0.0; f = x**0.5", 0.0, {"x": INF}),
    ("x = 0.0; f = x**-1", INF, {"x": -INF}),
    ("x = -3.0; f = x**2", 9.0, {"x": -6.0}),
    ("x = -2.0; f = x**3", -8.0, {"x": 12.0}),
    ("x = -4.0; f = x**0.5", NAN, {"x": NAN}),
    ("x = -8.0; f = x**(1/3)", NAN, {"x": NAN}),
    ("x = nan; f = x**0", 1.0, {"x": 0.0}),
    ("x = 0.0; y = 0.0; f = x**y", 1.0, {"x": 0.0, "y": 0.0}),
    ("x = 0.0; y = 2.0; f = x**y", 0.0, {"x": 0.0, "y": 0.0}),
    ("x = 0.0; y = -1.0; f = x**y", INF, {"x": -INF, "y": -INF}),
    ("x = -2.0; y = 2.0; f = x**y", 4.0, {"x": -4.0, "y": NAN}),
    ("x = -2.0; y = 3.0; f = x**y", -8.0, {"x": 12.0, "y": NAN}),
    ("x = -2.0; y = 0.5; f = x**y", NAN, {"x": NAN, "y": NAN}),
    ("x = 1.0; y = nan; f = x**y", 1.0, {"x": NAN, "y": 0.0}),
    ("y = 2.0; f = 0**y", 0.0, {"y": 0.0}),
    ("y = 2.0; f = (-2)**y", 4.0, {"y": NAN}),
    ("x = 0.0; f = log(x)", -INF, {"x": INF}),
    ("x = -1.0; f = log1p(x)", -INF, {"x": INF}),
    ("x = -2.0; f = log1p(x)", NAN, {"x": -1.0}),
    ("x = inf; f = log1p(x)", INF, {"x": 0.0}),
    ("x = 1000.0; f = expm1(x)", INF, {"x": INF}),
    ("x = -inf; f = expm1(x)", -1.0, {"x": 0.0}),
    ("x = nan; f = erfc(x)", NAN, {"x": NAN}),
    ("x = 30.0; f = erfc(x)", 0.0, {"x": 0.0}),
    ("x = -0.0; f = log(x)", -INF, {"x": -INF}),
    ("x = -1.0; f = log(x)", NAN, {"x": -1.0}),
    ("x = 0.0; f = x*log(x)", NAN, {"x": NAN}),
    ("x = 0.0; f = 1/x", INF, {"x": -INF}),
    ("x = -0.0; f = 1/x", -INF, {"x": -INF}),
    ("a = 0.0; b = 0.0; f = a/b", NAN, {"a": INF, "b": NAN}),
    ("a = 1.0; b = 0.0; f = a/b", INF, {"a": INF, "b": -INF}),
    ("x = 0.0; f = x/x", NAN, {"x": NAN}),
    ("a = 0.0; b = inf; f = a*b", NAN, {"a": INF, "b": 0.0}),
    ("a = inf; b = inf; f = a-b", NAN, {"a": 1.0, "b": -1.0}),
    ("x = 1000.0; f = exp(x)", INF, {"x": INF}),
    ("x = -1000.0; f = exp(x)", 0.0, {"x": 0.0}),
    ("x = -inf; f = exp(x)", 0.0, {"x": 0.0}),
    ("x = 10.0; f = 1e308*x", INF, {"x": 1e308}),
    ("x = 1000.0; f = sigmoid(x)", 1.0, {"x": 0.0}),
    ("x = -1000.0; f = sigmoid(x)", 0.0, {"x": 0.0}),
    ("x = -800.0; f = 1/(1+exp(-x))", 0.0, {"x": NAN}),
    ("x = 1000.0; f = tanh(x)", 1.0, {"x": 0.0}),
    ("x = inf; f = sin(x)", NAN, {"x": NAN}),
    ("x = 1e22; f = sin(x)", -0.8522008497671888, {"x": 0.5232147853951389}),
    ("x = [1000.0, 0.0]; f = softmax(x)[0]", 1.0, {"x": [0.0, -0.0]}),
    ("x = [inf, 0.0]; f = softmax(x)[0]", NAN, {"x": [NAN, NAN]}),
    ("x = [-inf, -inf]; f = softmax(x)[0]", NAN, {"x": [NAN, NAN]}),
    ("x = [-inf, 0.0]; f = softmax(x)[0]", 0.0, {"x": [0.0, 0.0]}),
    ("x = [1000.0, 1000.0]; f = logsumexp(x)", 1000.6931471805599, {"x": [0.5, 0.5]}),
    ("x = [-inf, -inf]; f = logsumexp(x)", -INF, {"x": [NAN, NAN]}),
    ("x = [inf, 0.0]; f = logsumexp(x)", INF, {"x": [NAN, 0.0]}),
    ("x = [inf, inf]; f = logsumexp(x)", INF, {"x": [NAN, NAN]}),
    ("x = [0.0, 0.0]; f = norm(x)", 0.0, {"x": [0.0, 0.0]}),
    ("x = 3.0; y = 1.0; f = x*x", 9.0, {"x": 6.0, "y": 0.0}),
    ("x = np.zeros(0); f = sum(x)", 0.0, {"x": []}),
    ("x = np.zeros(0); f = mean(x)", NAN, {"x": []}),
    ("x = np.zeros(0); f = sum(softmax(x))", 0.0, {"x": []}),
    ("x = np.zeros(0); f = sum(log_softmax(x))", 0.0, {"x": []}),
    ("x = np.zeros(0); f = logsumexp(x)", -INF, {"x": []}),
    ("x = [inf, 0.0]; f = log_softmax(x)[1]", NAN, {"x": [NAN, NAN]}),
    ("x = [-inf, 0.0]; f = log_softmax(x)[1]", 0.0, {"x": [0.0, 0.0]}),
    ("x = [inf, 1.0]; f = norm(x)", INF, {"x": [NAN, 0.0]}),
    ("x = [nan, 1.0]; f = norm(x)", NAN, {"x": [NAN, NAN]}),
    ("x = [inf, nan]; f = norm(x)", NAN, {"x": [NAN, NAN]}),
    ("x = -2.0; f = x**inf", INF, {"x": INF}),
    ("x = 0.0; f = leaky_relu(x)", 0.0, {"x": 0.01}),
    ("x = -0.0; f = leaky_relu(x, -0.5)", 0.0, {"x": -0.5}),
    ("x = nan; f = leaky_relu(x)", NAN, {"x": 0.01}),
    ("x = -inf; f = leaky_relu(x, 0)", NAN, {"x": 0.0}),
    ("x = 0.0; f = elu(x, 2)", 0.0, {"x": 2.0}),
    ("x = -inf; f = elu(x)", -1.0, {"x": 0.0}),
    ("x = 1000.0; f = elu(x)", 1000.0, {"x": 1.0}),
    ("x = nan; f = elu(x)", NAN, {"x": 1.0}),
    ("x = -inf; f = gelu(x)", NAN, {"x": NAN}),
    ("x = inf; f = gelu(x)", INF, {"x": NAN}),
    ("x = -1000.0; f = gelu(x)", -0.0, {"x": 0.0}),
    ("x = inf; f = erf(x)", 1.0, {"x": 0.0}),
    ("x = [0.0, -1.0, 1.0, 2.0, nan]; f = clip(x, 0, 1)[4]", NAN, {"x": [0.0, 0.0, 0.0, 0.0, 0.0]}),
    ("x = 0.0; f = clip(x, 0, 1)", 0.0, {"x": 1.0}),
    ("x = 1.0; f = clip(x, 0, 1)", 1.0, {"x": 1.0}),
    ("x = 0.0; l = 1.0; h = 1.0; f = clip(x, l, h)", 1.0, {"x": 0.0, "l": 0.0, "h": 0.0}),
    ("x = 2.0; l = 1.0; h = 1.0; f = clip(x, l, h)", 1.0, {"x": 0.0, "l": 0.0, "h": 1.0}),
    ("x = [2.0, 2.0, 2.0]; f = std(x)", 0.0, {"x": [0.0, 0.0, 0.0]}),
    ("x = [2.0]; f = std(x)", 0.0, {"x": [0.0]}),
    ("x = np.zeros(0); f = var(x)", NAN, {"x": []}),
    ("x = [inf, 1.0]; f = std(x)", NAN, {"x": [NAN, NAN]}),
    ("x = [inf, 2.0]; f = layer_norm(x)[1]", NAN, {"x": [NAN, NAN]}),
    ("x = [inf, 1.0, -inf]; f = cumsum(x)[2]", NAN, {"x": [1.0, 1.0, 1.0]}),
    ("x = [[-inf, -inf], [-inf, -inf]]; f = max_pool2d(x, 2)[0, 0]", -INF, {"x": [[1.0, 0.0], [0.0, 0.0]]}),
    ("x = [[nan, 1.0], [nan, 2.0]]; f = max_pool2d(x, 2)[0, 0]", NAN, {"x": [[0.0, 0.0], [1.0, 0.0]]}),
    ("s = [1.0, 0.0, 0.5]; f = svm_loss(s, 0)", 0.5, {"s": [-1.0, 0.0, 1.0]}),
    ("x = 0.0; f = where(0, log(x), 0)", 0.0, {"x": NAN}),
]


def same(mine, theirs):
    if isinstance(theirs, list):
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    if math.isnan(theirs):
        return math.isnan(mine)
    return type(mine) is float and math.isclose(mine, theirs, rel_tol=1e-13)


@pytest.mark.parametrize(("program", "value", "grads"), CASES, ids=[case[0] for case in CASES])
def test_convention(program, value, grads):
    trace = run(program)
    assert same(trace.value, value), trace.value
    assert trace.grads.keys() == grads.keys()
    for name, gradient in grads.items():
        assert same(trace.grads[name], gradient), (name, trace.grads)


NOTES = [
    ("x = 0.0; f = relu(x)", "relu′(0) = 0, by convention"),
    ("x = 0.0; f = abs(x)", "abs′(0) = 0, by convention"),
    ("a = 2.0; b = 2.0; f = maximum(a, b)", "a tie: each side gets half, by convention"),
    ("x = [2.0, 2.0]; f = np.max(x)", "tied elements share the upstream equally, by convention"),
    ("x = [0.0, 0.0]; f = norm(x)", "norm′(0) = 0, by convention"),
    ("x = 0.0; f = log(x)", "log(0) is -inf"),
    ("x = -1.0; f = log(x)", "log′ = 1/x, by convention also where log is nan"),
    ("x = 0.0; f = 1/x", "division by zero"),
    ("x = 1000.0; f = exp(x)", "beyond the largest float64: inf"),
    ("x = [0.0, 1.0]; f = sum(relu(x))", "relu′(0) = 0, by convention (1 of 2 elements)"),
    ("x = inf; f = sin(x)", "outside the domain: nan"),
    ("x = -8.0; f = x**0.5", "a negative number to a power that is not whole is nan"),
    ("x = 0.0; f = x**0.5", "the slope at 0 is infinite for powers below 1"),
    ("x = [1e308, 1e308]; f = sum(x)", "beyond the largest float64: inf"),
    ("x = [1.7e308, 1.7e308]; f = norm(x)", "beyond the largest float64: inf"),
    ("x = [1e200, 1.0]; f = sum([[1e200, 0], [0, 1]] @ x)", "beyond the largest float64: inf (1 of 2 elements)"),
    ("x = [1e200, 1e200]; f = x @ [1e200, -1e200]", "outside the domain: nan"),
    ("x = np.zeros(0); f = mean(x)", "the mean of nothing is nan"),
    ("x = np.zeros(0); f = logsumexp(x)", "the logsumexp of nothing is -inf"),
    ("x = -1.0; f = sqrt(relu(x))", "0 × inf is nan, where PyTorch's relu masks it to 0"),
    ("x = [-1.0, 1.0]; f = sum(sqrt(maximum(x, 0)))", "0 × inf is nan, where PyTorch's maximum masks it to 0"),
    ("x = 0.0; f = 0*sqrt(x)", "sqrt′(0) = 1/0 is inf; 0 × inf is nan"),
    ("x = [0.0]; f = sum(sqrt(x @ [[0.0]]))", "0 × inf is nan"),
    ("x = 0.0; f = leaky_relu(x)", "leaky_relu′(0) = slope, by convention"),
    ("x = nan; f = elu(x)", "elu′(nan) = 1, by convention"),
    ("x = -inf; f = gelu(x)", "-inf × 0 is nan"),
    ("x = inf; f = gelu(x)", "inf × 0 is nan, where the slope goes to 0 or 1"),
    ("x = 1.0; f = clip(x, 0, 1)", "on the border: the operand gets the upstream, by convention"),
    ("x = [3.0, 3.0]; f = std(x)", "std′ = 0 where all numbers are equal, by convention"),
    ("x = [[1.0, 1.0]]; f = sum(max_pool2d(x, (1, 2)))", "a tie: the first of the largest gets it all, by convention"),
    ("s = [1.0, 0.0]; f = svm_loss(s, 0)", "a class on the margin exactly gets no gradient, by convention"),
    ("x = [2.0, -1.0]; f = sum(sqrt(clip(x, 0, 1)))", "0 × inf is nan, where PyTorch's clip masks it to 0"),
]


@pytest.mark.parametrize(("program", "note"), NOTES, ids=[case[0] for case in NOTES])
def test_the_step_says_so(program, note):
    assert note in [event.note for event in run(program) if hasattr(event, "note")]
    assert note in str(run(program)).replace("\n", " ")


def test_no_note_where_nothing_happened():
    for program in (
        "x = 2.0; f = relu(x) + log(x) + x/4 + abs(x)",
        "x = inf; f = (-2)**x",
        "x = -inf; f = x**0.5",
        "x = [inf, 1.0]; f = sum(x)",
        "x = nan; f = relu(x) * 0 + x",
    ):
        notes = [event.note for event in run(program) if getattr(event, "note", None)]
        assert all("convention" in note or "exponent" in note for note in notes), program
    large = run("x = 10**200; f = x**2 * x", number=Fraction)
    assert not [event.note for event in large if getattr(event, "note", None)]
