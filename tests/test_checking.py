"""Differences, exact fractions, `stepgrad check`, and the assertions of `stepgrad.testing`."""

import math
import random
from fractions import Fraction

import pytest

import stepgrad
from stepgrad.checking import UNTOLD, WRONG, check
from stepgrad.differences import differentiate
from stepgrad.errors import InputError
from stepgrad.evaluation import exact_gradients
from stepgrad.gallery import example_text
from stepgrad.sweeps import Sweep
from stepgrad.testing import assert_autograd_matches, assert_grads_match, check_function
from tests.oracles import DUAL_FUNCTIONS, dual_gradient, random_program
from tests.test_cli import output, refusal

# A derivative from values alone

SMOOTH = [
    (math.exp, math.exp, 1.0), (math.sin, math.cos, 1e6), (math.log, lambda x: 1 / x, 1e-5), (lambda x: x**3, lambda x: 3 * x * x, 0.0),
    (lambda x: 1 / x, lambda x: -1 / x**2, 1e-3), (math.tanh, lambda x: 1 / math.cosh(x) ** 2, 5.0), (lambda x: 1e8 + x, lambda x: 1.0, 1.0),
    (lambda x: max(x, 0) + 1, lambda x: 1.0, 1e-4), (lambda x: max(x, 0) + 1, lambda x: 0.0, -1e-9), (lambda x: x * x, lambda x: 2 * x, 1e-12),
]  # fmt: skip


@pytest.mark.parametrize(("function", "derivative", "x"), SMOOTH)
def test_the_bound_holds(function, derivative, x):
    found = differentiate(function, x)
    assert not found.doubt
    assert abs(found.value - derivative(x)) <= found.bound


def test_the_bound_holds_and_is_useful_on_random_polynomials():
    rng = random.Random(1)
    for _ in range(300):
        roots = [rng.uniform(-3, 3) for _ in range(rng.randint(1, 5))]
        x = rng.uniform(-3, 3)
        exact = Fraction(0)
        for k in range(len(roots)):
            term = Fraction(1)
            for j, root in enumerate(roots):
                term *= 1 if j == k else Fraction(x) - Fraction(root)
            exact += term
        found = differentiate(
            lambda t, roots=roots: math.prod(t - root for root in roots), x, noise=1e-15 * 6.0 ** len(roots) / 100
        )
        assert abs(Fraction(found.value) - exact) <= Fraction(found.bound)
        assert found.bound < 1e-6


DOUBTFUL = [
    (abs, 0.0, "a kink: slope -1 to the left, 1 to the right"),
    (lambda x: max(x, 0.0) + x * x, 0.0, "a kink"),
    (lambda x: math.copysign(abs(x) ** (1 / 3), x), 0.0, "grows without end"),
    (lambda x: math.sqrt(x) if x >= 0 else math.nan, 0.0, "not finite"),
    (lambda x: math.inf, 1.0, "not finite"),
]


@pytest.mark.parametrize(("function", "x", "words"), DOUBTFUL)
def test_what_differences_cannot_tell_is_said(function, x, words):
    assert words in differentiate(function, x).doubt


# Checking a trace


def test_gradients_of_random_programs_agree():
    told = total = 0
    for seed in range(120):
        program, inputs = random_program(seed, tuple(DUAL_FUNCTIONS))
        values = {name: float(text) for name, text in inputs.items()}
        try:
            _, slopes = dual_gradient(program, inputs, DUAL_FUNCTIONS)
        except (ArithmeticError, ValueError):
            continue
        found = check(stepgrad.run(program, values))
        assert found, (program, inputs, str(found))
        for row in found.rows:
            total += 1
            told += row.verdict != UNTOLD
            if not row.quotient.doubt and abs(slopes[row.name]) < 1e12:  # by forward mode, an oracle of its own
                assert abs(row.quotient.value - slopes[row.name]) <= row.quotient.bound + 1e-9 * abs(slopes[row.name])
    assert total > 150
    assert told > 0.9 * total


def test_exact_gradients_are_those_of_the_doubles():
    trace = stepgrad.run("f = x * y / 3 + 0.1 * y", x=0.1, y=0.7)
    sweep = Sweep(trace, 1)
    exact = {trace.name(trace.index_of(node)): g for node, g in exact_gradients(sweep).items()}
    assert exact["x"] == Fraction(0.7) / 3
    assert exact["y"] == Fraction(0.1) / 3 + Fraction(0.1)
    rows = check(trace).rows
    assert all(row.exact is not None and row.ulps < 2 for row in rows)


def test_a_wrong_gradient_is_found():
    for program in ("f = x * x * y", "f = exp(x) * y"):  # by fractions, and by differences
        trace = stepgrad.run(program, x=0.5, y=3.0)
        node = trace.node(trace.find("x"))
        totals = trace.stretch(1).recorded.totals
        totals[trace.stretch(1).edges.arrivals[node][-1]] += 1e-3
        found = check(trace)
        assert not found
        assert [row.name for row in found.rows if row.verdict == WRONG] == ["x"]
        assert "WRONG" in str(found)


def test_every_pass_is_checked_with_its_own_inputs():
    trace = stepgrad.run("x = 3.0\nfor k in range(3):\n    f = (x - 1)**2\n    backward(f)\n    x -= 0.25*x.grad")
    for number, x in ((1, 3.0), (2, 2.0), (3, 1.5)):
        (row,) = check(trace, number=number).rows
        assert (row.gradient, row.exact) == (2 * (x - 1), 2 * (x - 1))
        assert abs(row.quotient.value - 2 * (x - 1)) <= row.quotient.bound
    with pytest.raises(InputError, match="no backward sweep in pass 4"):
        check(trace, number=4)


def test_kinks_cancellation_and_infinity_are_said():
    rows = {
        row.name: row
        for row in check(
            stepgrad.run("f = sin(w) + abs(x) + 1e-14 * y + sqrt(z) + 10", w=0.5, x=0.0, y=1.0, z=0.0)
        ).rows
    }
    assert rows["x"].verdict == rows["y"].verdict == rows["z"].verdict == UNTOLD
    assert "kink" in rows["x"].why
    assert "rounding" in rows["y"].why
    assert "not finite" in rows["z"].why


def test_large_tensors_are_checked_in_part_and_say_so():
    found = check(stepgrad.run("f = sum(tanh(x)**2)", x=[k / 100 for k in range(200)]), max_work=50_000)
    assert found
    assert "not checked" in str(found)
    assert "more numbers of x" in str(found)
    assert len(found.lines) < 40


def test_certified_gradients_have_a_column_of_their_own():
    trace = stepgrad.run("f = exp(x)", x=1.0)
    found = check(trace, certified={"x": math.nextafter(trace.grads["x"], 9)})
    assert "certified" in found.lines[0]
    assert found.rows[0].ulps == 1.0


def test_the_command_checks():
    lines = output("check", "product").splitlines()
    assert lines[-1] == "all 3 gradients agree"
    assert lines[1].split() == ["∂f/∂x", "-4.0", "-4.0", lines[1].split()[3], "0", "ulp", "0", "ulp", "agrees"]
    assert "no exact gradients: `sigmoid`" in output("check", "mazur")
    header, first = output("check", "sigmoid").splitlines()[:2]
    assert header.split() == ["gradient", "by", "differences", "within", "certified"]
    assert first.split()[-3:] == ["1", "ulp", "agrees"]
    assert output("check", "mazur_10000", "--pass", "2", "--ascii").isascii()
    assert "choose from" in refusal("check", "sgd", "--pass", "999")
    assert "is no number from 0 on" in refusal("check", "product", "--rtol", "-1")
    assert "nothing in it is sent backward" in refusal("check", "print(1)")


@pytest.mark.parametrize("name", ["matrix", "bias", "two_layer_net", "convnet", "training", "momentum", "dead_relu"])
def test_examples_agree(name):
    assert check(stepgrad.run(example_text(name)), max_work=100_000)


# stepgrad.testing


def test_grads_match():
    assert_grads_match("f = x * y + x", {"x": 2.0, "y": 3.0}, {"x": 4.0, "y": 2.0})
    assert_grads_match(stepgrad.run("x = 2; f = x**2"), None, {"x": 4})
    with pytest.raises(AssertionError, match=r"first wrong edge: step 8, v₂ -> x, line 1, column 5") as failure:
        assert_grads_match("f = x * y + x", {"x": 2.0, "y": 3.0}, {"x": 3.0, "y": 2.0})
    assert "∂f/∂x += ∂f/∂v₂ · ∂v₂/∂x = 1 × 3 = 3, in all 4" in str(failure.value)
    assert "likely: missing +=" in str(failure.value)


class Array:
    """As NumPy's: indexed by tuples, copied, listed."""

    def __init__(self, rows):
        self.rows = [list(row) for row in rows]

    def tolist(self):
        return self.rows

    def copy(self):
        return Array(self.rows)

    def __setitem__(self, index, number):
        self.rows[index[0]][index[1]] = number

    def __getitem__(self, index):
        return self.rows[index[0]][index[1]]


def test_functions_of_numbers_lists_and_arrays():
    check_function(lambda x: x**3, lambda x: 3 * x**2, 2.0)
    check_function(lambda x, y: x * math.sin(y), lambda x, y: (math.sin(y), x * math.cos(y)), 2.0, 3.0)
    check_function(lambda v: v[0] * v[1], [3.0, 2.0], [2.0, 3.0])
    check_function(
        lambda m: m[0, 0] * m[1, 1], lambda m: Array([[m[1, 1], 0], [0, m[0, 0]]]), Array([[2.0, 1], [1, 5]])
    )
    check_function(abs, lambda x: 0.0, 0.0)  # a kink: nothing is asserted
    with pytest.raises(AssertionError, match=r"∂f/∂v\[1\]: the gradient is 3.0, the differences say 2 "):
        check_function(lambda v: v[0] * v[1], lambda v: [v[1], v[1]], [2.0, 3.0])
    with pytest.raises(AssertionError, match="has shape"):
        check_function(lambda v: v[0], lambda v: [1.0], [2.0, 3.0])
    with pytest.raises(AssertionError, match="a tuple of as many"):
        check_function(lambda x, y: x * y, lambda x, y: 1.0, 2.0, 3.0)


class Mine:
    """An autograd as people write it; `=` for `+=` where it is broken."""

    broken = False

    def __init__(self, data, edges=()):
        self.data, self.grad, self.edges = data, 0.0, edges

    def __add__(self, other):
        other = other if isinstance(other, Mine) else Mine(other)
        return type(self)(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        other = other if isinstance(other, Mine) else Mine(other)
        return type(self)(self.data * other.data, ((self, other.data), (other, self.data)))

    def tanh(self):
        t = math.tanh(self.data)
        return type(self)(t, ((self, 1 - t * t),))

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if id(node) not in seen:
                seen.add(id(node))
                for operand, _ in node.edges:
                    visit(operand)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for operand, local in node.edges:
                operand.grad = node.grad * local + (0.0 if self.broken else operand.grad)


class Broken(Mine):
    broken = True


def test_autograds():
    program, inputs = "h = tanh(x * y + 1)\nf = h * x + 2 * y", {"x": 0.5, "y": -0.25}
    assert_autograd_matches(Mine, program, inputs)
    assert_autograd_matches(stepgrad.Value, program, inputs)
    assert_autograd_matches(
        stepgrad.Value, "f = sum(tanh(W @ x + b)[0] * W)", {"W": [[1, 2], [3, 4]], "x": [0.1, 0.2], "b": 0.5}
    )
    with pytest.raises(AssertionError, match=r"likely: missing \+=") as failure:
        assert_autograd_matches(Broken, program, inputs)
    assert "first wrong edge: step" in str(failure.value)
    with pytest.raises(InputError, match="Mine has no method 'exp'"):
        assert_autograd_matches(Mine, "f = exp(x)", {"x": 1.0})


def test_functions_that_return_gradients():
    program, inputs = "f = x * y + x", {"x": 2.0, "y": 3.0}
    assert_autograd_matches(lambda x, y: {"x": y + 1, "y": x}, program, inputs)
    assert_autograd_matches(lambda values: (8.0, [values["y"] + 1, values["x"]]), program, inputs)
    with pytest.raises(AssertionError, match=r"missing \+="):
        assert_autograd_matches(lambda x, y: {"x": y, "y": x}, program, inputs)
    with pytest.raises(AssertionError, match="by name"):
        assert_autograd_matches(lambda x, y: 3.0, program, inputs)


def test_an_autograd_whose_values_are_wrong():
    class Off(Mine):
        def __add__(self, other):
            return Off(self.data + getattr(other, "data", other) + 1)

    with pytest.raises(AssertionError, match=r"first wrong value: step 4, f, by add"):
        assert_autograd_matches(Off, "v = x * y; f = v + x", {"x": 2.0, "y": 1.0})
