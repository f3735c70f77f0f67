"""Spread, normalisation, running totals, and activations with parameters: hand numbers and kept digits."""

import math
import statistics
from fractions import Fraction

import pytest

from stepgrad import Value, render, run
from stepgrad.linear import LinearMap
from stepgrad.numeric import EXACT, FLOAT
from stepgrad.ops import GATES
from stepgrad.recording import Recording
from stepgrad.tensor import Tensor

X = [0.5, -1.5, 2.0, 3.25]


def notes(trace):
    return [event.note.rsplit(", at", 1)[0] for event in trace if getattr(event, "note", None)]  # without the place


def test_var_and_std_are_pythons():
    assert run(f"x = {X}; f = var(x)", number=Fraction).value == statistics.pvariance(map(Fraction, X))
    assert run(f"x = {X}; f = std(x)").value == pytest.approx(statistics.pstdev(X), rel=1e-15)
    assert run(f"x = {X}; f = std(x)").value == math.sqrt(run(f"x = {X}; f = var(x)").value)
    trace = run("x = [[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]]; f = sum(var(x, axis=1))", number=Fraction)
    assert trace.value == Fraction(14, 3) + 2
    assert trace.grads["x"] == [
        [-Fraction(4, 3), -Fraction(2, 3), 2],
        [-Fraction(2, 3), -Fraction(2, 3), Fraction(4, 3)],
    ]


@pytest.mark.parametrize("number", ["2.0", "0.1", "1e308", "1e-310"])
def test_equal_numbers_have_no_spread(number):
    trace = run(f"x = [{number}, {number}, {number}]; f = std(x)")
    assert (trace.value, trace.grads) == (0, {"x": [0, 0, 0]})
    assert notes(trace) == ["std of equal numbers: std′ = 0, by convention"]
    assert run(f"x = [{number}, {number}, {number}]; f = var(x)").value == 0
    trace = run(f"x = [{number}, {number}, {number}]; f = layer_norm(x)[0]")
    assert trace.value == 0


def test_std_loses_no_squares():
    for scale in ("e-200", "e200"):
        trace = run(f"x = [1{scale}, 3{scale}]; f = std(x)")
        assert trace.value == pytest.approx(float("1" + scale), rel=1e-15)
        assert trace.grads["x"] == pytest.approx([-0.5, 0.5], rel=1e-15)
        assert not notes(trace)


def test_the_edges_of_var_and_std():
    assert math.isnan(run("x = [inf, 1.0]; f = var(x)").value)
    grads = run("x = [inf, 1.0]; f = var(x)").grads["x"]
    assert math.isnan(grads[0])
    assert grads[1] == -math.inf
    assert "nothing: the var of nothing is nan" in notes(run("x = np.zeros(0); f = var(x)"))
    assert "nothing: the std of nothing is nan" in notes(run("x = np.zeros(0); f = std(x)"))
    assert run("x = [1e308, -1e308]; f = var(x)").value == math.inf


def exact_layer_norm(x, eps, root):
    """Return the Jacobian in fractions, given the root of variance + eps in one."""
    n, x = len(x), list(map(Fraction, x))
    away = [each - sum(x) / n for each in x]
    whole = sum(d * d for d in away) / n + Fraction(eps)
    assert abs(root * root / whole - 1) < Fraction(1, 10**30)
    return [[((i == j) - Fraction(1, n) - away[i] * away[j] / whole / n) / root for j in range(n)] for i in range(n)]


@pytest.mark.parametrize(
    ("x", "eps"), [([1.0, -1.0], 1e-5), ([0.25, 7.0], 1e-12), ([1.0, 1.25, 400.0], 1e-9), (X, 0.5), ([5.0], 1e-5)]
)
def test_layer_norm_keeps_its_digits(x, eps):
    recording = Recording(FLOAT)
    node = recording.apply(GATES["layer_norm"], [recording.leaf(Tensor((len(x),), x))], {"eps": eps})
    mean = sum(map(Fraction, x)) / len(x)
    whole = sum((Fraction(each) - mean) ** 2 for each in x) / len(x) + Fraction(eps)
    root = Fraction(math.isqrt(int(whole * 10**90)), 10**45)
    assert node.value.data == pytest.approx([float((Fraction(each) - mean) / root) for each in x], rel=1e-13)
    exact = exact_layer_norm(x, eps, root)
    jacobian = node.da.jacobian().data
    for i, row in enumerate(exact):
        for j, entry in enumerate(row):
            assert jacobian[i * len(x) + j] == pytest.approx(float(entry), rel=1e-11)


def test_layer_norm_normalises_the_last_axis():
    trace = run("x = [[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]; f = sum(layer_norm(x, eps=0) * [[1, 2, 4], [1, 2, 4]])")
    assert trace.value == pytest.approx(6 * math.sqrt(1.5))
    assert [sum(row) for row in trace.grads["x"]] == pytest.approx([0, 0], abs=1e-12)
    assert trace.grads["x"][0] == pytest.approx([10 * g for g in trace.grads["x"][1]])


def test_layer_norm_at_its_edges():
    assert run("x = [1e200, -1e200]; f = layer_norm(x)[0]").value == 1
    assert run("x = [1e200, -1e200]; f = layer_norm(x)[0]").grads["x"] == [0, 0]
    assert math.isnan(run("x = [2.0, 2.0]; f = layer_norm(x, 0)[0]").value)
    assert run("x = [[]]; f = sum(layer_norm(x))").value == 0


def test_running_totals():
    assert run("x = [1, 2, 3]; f = cumsum(x)[1]").grads["x"] == [1, 1, 0]
    trace = run("x = [[1, 2], [3, 4], [5, 6]]; f = sum(cumsum(x) * [[1, 10], [2, 20], [3, 30]])")
    assert trace.grads["x"] == [[6, 60], [5, 50], [3, 30]]
    assert run("x = [[1, 2], [3, 4]]; f = cumsum(x, axis=1)[1, 1]").grads["x"] == [[0, 0], [1, 1]]
    assert run("x = np.zeros(0); f = sum(cumsum(x))").value == 0


def test_flatten_and_outer():
    assert run("x = [[1, 2], [3, 4]]; f = flatten(x)[2]").grads["x"] == [[0, 0], [1, 0]]
    trace = run("x = [1, 2]; y = [3, 4, 5]; f = sum(outer(x, y) * [[1, 0, 2], [0, 3, 0]])")
    assert trace.value == 3 + 10 + 24
    assert trace.grads == {"x": [13, 12], "y": [1, 6, 2]}


def test_gelu_and_erf_keep_their_digits():
    assert run("x = 1.0; f = gelu(x)").value == pytest.approx(0.8413447460685429, rel=1e-15)  # Φ(1)
    assert run("x = 1.0; f = gelu(x)").grads["x"] == pytest.approx(1.0833154705876864, rel=1e-15)
    assert run("x = -10.0; f = gelu(x)").value == pytest.approx(-7.61985302416052e-23, rel=1e-13)  # −10 Φ(−10)
    assert run("x = 1.0; f = erf(x)").value == 0.8427007929497149
    assert run("x = 0.0; f = erf(x)").grads["x"] == 2 / math.sqrt(math.pi)
    assert run("x = 1e-20; f = elu(x - 2e-20)").value == -1e-20
    assert run("x = 1e200; f = gelu(x)").grads["x"] == 1


# Rows with parameters


def test_parameters_are_put_into_the_texts():
    row = GATES["leaky_relu"].with_params({"slope": 0.25})
    assert row.forward == "0.25 * x if x <= 0 else x"
    assert row is GATES["leaky_relu"].with_params({"slope": 0.25})
    assert row.name == "leaky_relu"
    assert GATES["relu"].with_params({}) is GATES["relu"]


def test_parameters_are_shown():
    text = str(run("x = -2.0; f = leaky_relu(x, 0.25)"))
    assert "leaky_relu(x, slope=0.25)" in text
    wide = "\n".join(render(run("x = -2.0; f = leaky_relu(x, 0.25)"), "text", width=150))
    assert "∂f/∂x = 1 if x > 0 else 0.25" in wide
    assert "elu(x, alpha=1)" in str(run("x = [-2.0]; f = sum(elu(x))"))
    assert "slope=1/3" in str(run("x = -2.0; f = leaky_relu(x, 1/3)", number=Fraction))


def test_parameters_are_exact_in_fractions():
    assert run("x = -2; f = leaky_relu(x)", number=Fraction).value == Fraction(-2, 100)
    trace = run("x = [-2, 3]; f = sum(leaky_relu(x, slope=-1/3))", number=Fraction)
    assert (trace.value, trace.grads) == (Fraction(11, 3), {"x": [Fraction(-1, 3), 1]})
    recording = Recording(EXACT)
    node = recording.apply(GATES["leaky_relu"], [recording.leaf(Fraction(-3))], {"slope": Fraction(2, 7)})
    assert (node.value, node.da) == (Fraction(-6, 7), Fraction(2, 7))


def test_numbers_tensors_and_values_compute_the_same_with_parameters():
    for gate, given in (("leaky_relu", 0.3), ("elu", 1.7)):
        for x in (-1.25, 0.0, 2.5):
            single = run(f"x = {x}; f = {gate}(x, {given})")
            several = run(f"x = [{x}]; f = {gate}(x, {given})[0]")
            value = Value(x)
            getattr(value, gate)(given).backward()
            assert single.value == several.value
            assert [single.grads["x"]] == several.grads["x"] == [value.grad]


def test_a_faster_pull_is_its_definition():
    recording = Recording(FLOAT)
    x = recording.leaf(Tensor((3, 4), [0.1 * i for i in range(12)]))
    for axis in (0, 1):
        local = recording.apply(GATES["cumsum"], [x], {"axis": axis}).da
        up = Tensor((3, 4), [1 / (i + 1) for i in range(12)])
        assert up * local == LinearMap.pull(local, up)
