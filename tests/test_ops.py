"""Every row of the table against oracles: central differences, exact fractions, its own lecture form."""

import math
import random
import re
from fractions import Fraction
from functools import partial

import pytest

from stepgrad.calls import bind
from stepgrad.errors import GateError
from stepgrad.formula import compile_formula
from stepgrad.gate import Elementwise
from stepgrad.linear import LinearMap, dot_rows
from stepgrad.numeric import EXACT, FLOAT
from stepgrad.ops import ELEMENTWISE, GATES
from stepgrad.recording import Recording
from stepgrad.tensor import Tensor, flat, from_nested, shape_of, shaped

SAMPLES = [
    pytest.param(gate, operands, params, id=f"{gate.name}-{i}")
    for gate in GATES.values()
    for i, (operands, params) in enumerate(gate.samples)
    if gate.name != "one_hot"  # a constant: there is nothing to go back to
]
NO_GRADIENT = {"cross_entropy": 1, "svm_loss": 1, "where": 0}  # which operand only chooses
RATIONAL = {"add", "sub", "mul", "div", "maximum", "minimum", "relu", "abs", "matmul", "sum", "mean", "max", "min"}
RATIONAL |= {"transpose", "reshape", "broadcast", "index", "concat", "stack"}
RATIONAL |= {"conv2d", "max_pool2d", "avg_pool2d", "leaky_relu", "mse", "svm_loss", "where", "clip", "flatten", "var"}
RATIONAL |= {"cumsum", "outer"}


def weights_for(shape, make):
    """A seed without symmetry, so that a transposed or permuted product cannot pass."""
    size = math.prod(shape)
    return shaped(shape, [make(Fraction(2 * i + 3, i + 2)) for i in range(size)])


def weighted_sum(number, gate, params, arrays):
    result = Recording(number).compute(gate, arrays, params)
    weights = weights_for(shape_of(result), number.make)
    return sum(x * w for x, w in zip(flat(result), flat(weights), strict=True))


def gradients(number, gate, params, arrays):
    recording = Recording(number)
    inputs = [recording.leaf(array) for array in arrays]
    node = recording.apply(gate, inputs, params)
    recording.backward(node, weights_for(shape_of(node.value), number.make))
    return [each.total for each in inputs]


def nudged(arrays, slot, i, step):
    array = arrays[slot]
    data = list(flat(array))
    data[i] += step
    return [*arrays[:slot], shaped(shape_of(array), data), *arrays[slot + 1 :]]


@pytest.mark.parametrize(("gate", "operands", "params"), SAMPLES)
def test_gradients_agree_with_central_differences(gate, operands, params):
    arrays = [from_nested(operand, float) for operand in operands]
    found = gradients(FLOAT, gate, params, arrays)
    objective = partial(weighted_sum, FLOAT, gate, params)
    for slot, gradient in enumerate(found):
        if gradient is None:
            assert NO_GRADIENT[gate.name] == slot
            continue
        assert shape_of(gradient) == shape_of(arrays[slot])
        for i, mine in enumerate(flat(gradient)):
            step = 1e-6
            difference = objective(nudged(arrays, slot, i, step)) - objective(nudged(arrays, slot, i, -step))
            assert mine == pytest.approx(difference / (2 * step), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(("gate", "operands", "params"), SAMPLES)
def test_rational_gates_are_exact_in_fractions(gate, operands, params):
    arrays = [from_nested(operand, Fraction) for operand in operands]
    if gate.name not in RATIONAL:
        with pytest.raises(GateError, match="use number=float"):
            gradients(EXACT, gate, params, arrays)
        return
    found = gradients(EXACT, gate, params, arrays)
    objective = partial(weighted_sum, EXACT, gate, params)
    for slot, gradient in enumerate(found):
        if slot == NO_GRADIENT.get(gate.name):
            continue
        for i, mine in enumerate(flat(gradient)):
            # Exact for piecewise linear and bilinear gates; the quotient's own error is third order.
            step = Fraction(1, 10**9)
            quotient = (objective(nudged(arrays, slot, i, step)) - objective(nudged(arrays, slot, i, -step))) / (
                2 * step
            )
            assert type(mine) is Fraction
            assert abs(mine - quotient) <= (Fraction(1, 10**15) if gate.name == "div" else 0)


def test_powers_are_exact_in_fractions():
    recording = Recording(EXACT)
    x = recording.leaf(Fraction(2, 3))
    recording.backward(recording.apply(GATES["pow"], [x, Fraction(-3)]))
    assert x.total == -3 * Fraction(2, 3) ** -4
    with pytest.raises(GateError, match="whole exponent"):
        recording.apply(GATES["pow"], [x, Fraction(1, 2)])


@pytest.mark.parametrize("gate", ELEMENTWISE, ids=lambda gate: gate.name)
def test_the_local_as_shown_equals_the_local_as_computed(gate):
    def evaluate(text, x, y, z):
        names = {name: getattr(math, name) for name in ("exp", "log", "sin", "cos", "sqrt", "erf", "pi")}
        names |= {"sign": lambda x: math.copysign(1, x), "x": x, "y": y, "z": z}
        value = eval(text, names)
        return float(value[0]) if isinstance(value, list) else value  # [x > 0] is 1 or 0

    gate = gate.with_params(gate.samples[0][1])
    for x, y in ((0.75, 1.5), (1.25, 0.5), (2.0, 3.0)):
        z = compile_formula(gate.forward, FLOAT)(x, y)
        for slot, text in enumerate(gate.locals):
            computed = compile_formula(text, FLOAT)(x, y, z)
            shown = (gate.shown or gate.locals)[slot]
            assert evaluate(shown, x, y, z) == pytest.approx(computed, rel=1e-12)


@pytest.mark.parametrize(("gate", "operands", "params"), SAMPLES)
def test_every_pull_is_its_definition_bit_for_bit(gate, operands, params):
    recording = Recording(FLOAT)
    inputs = [recording.leaf(from_nested(operand, float)) for operand in operands]
    node = recording.apply(gate, inputs, params)
    upstream = weights_for(shape_of(node.value), float)
    for operand, local in zip(node.operands, node.locals, strict=True):
        if not isinstance(local, LinearMap):
            continue
        assert upstream * local == LinearMap.pull(local, upstream)
        dense = local.jacobian()
        rows, columns = dense.shape
        by_hand = [
            math.fsum(dense.data[o * columns + i] * flat(upstream)[o] for o in range(rows)) for i in range(columns)
        ]
        assert flat(upstream * local) == pytest.approx(by_hand, rel=1e-12, abs=1e-12)
        assert shape_of(upstream * local) == shape_of(operand.value)


@pytest.mark.parametrize(("gate", "operands", "params"), SAMPLES)
def test_every_push_is_its_definition_bit_for_bit(gate, operands, params):
    recording = Recording(FLOAT)
    inputs = [recording.leaf(from_nested(operand, float)) for operand in operands]
    node = recording.apply(gate, inputs, params)
    for operand, local in zip(node.operands, node.locals, strict=True):
        if not isinstance(local, LinearMap):
            continue
        tangent = weights_for(shape_of(operand.value), float)
        assert local * tangent == LinearMap.push(local, tangent)
        dense = local.jacobian()
        rows, columns = dense.shape
        by_hand = [
            math.fsum(dense.data[o * columns + i] * flat(tangent)[i] for i in range(columns)) for o in range(rows)
        ]
        assert flat(local * tangent) == pytest.approx(by_hand, rel=1e-12, abs=1e-12)
        assert shape_of(local * tangent) == shape_of(node.value)


@pytest.mark.parametrize(("gate", "operands", "params"), SAMPLES)
def test_drill_down_adds_up_to_the_product(gate, operands, params):
    recording = Recording(FLOAT)
    inputs = [recording.leaf(from_nested(operand, float)) for operand in operands]
    node = recording.apply(gate, inputs, params)
    upstream = weights_for(shape_of(node.value), float)
    for local in node.locals:
        if isinstance(local, LinearMap) and local.operand_shape:
            product = upstream * local
            last = tuple(size - 1 for size in local.operand_shape)
            terms = local.terms(upstream, last)
            assert all(term.product == term.upstream * term.local for term in terms)
            assert sum(term.product for term in terms) == pytest.approx(flat(product)[-1], rel=1e-12)


def test_saturated_derivatives_keep_their_digits():
    def local(gate, x):
        recording = Recording(FLOAT)
        leaf = recording.leaf(x)
        recording.backward(recording.apply(GATES[gate], [leaf]))
        return leaf.total

    assert local("tanh", 20.0) == pytest.approx(1.6993417021166355e-17, rel=1e-14)
    assert local("sigmoid", 40.0) == pytest.approx(4.248354255291589e-18, rel=1e-14)
    recording = Recording(FLOAT)
    x = recording.leaf(Tensor((2,), [40.0, 0.0]))
    y = recording.apply(GATES["softmax"], [x], {"axis": -1})
    assert y.locals[0].jacobian().data[0] == pytest.approx(4.248354255291589e-18, rel=1e-14)


def of_vector(gate, *numbers, more=()):
    recording = Recording(FLOAT)
    x = recording.leaf(Tensor((len(numbers),), list(numbers)))
    _, operands, params = bind(GATES[gate], [x, *more], {}, gate)
    node = recording.apply(GATES[gate], operands, params)
    recording.backward(node)
    return node.value, x.total.data


def test_log_softmax_and_its_kin_keep_their_digits():
    value, gradient = of_vector("cross_entropy", 40.0, 0.0, more=[0.0])
    assert value == pytest.approx(4.248354255291589e-18, rel=1e-14)
    assert gradient == pytest.approx([-4.248354255291589e-18, 4.248354255291589e-18], rel=1e-14)
    value, _ = of_vector("cross_entropy", 1000.0, 0.0, more=[0.0])
    assert math.copysign(1.0, value) == 1.0, "no loss is 0, not -0"
    assert value == 0.0
    value, _ = of_vector("logsumexp", 0.0, -40.0)
    assert value == pytest.approx(4.248354255291589e-18, rel=1e-14)
    _, gradient = of_vector("logsumexp", 1e9, 1e9 + 0.5)
    assert gradient == pytest.approx([1 / (1 + math.exp(0.5)), 1 / (1 + math.exp(-0.5))], rel=1e-15)


@pytest.mark.parametrize("scale", [1.0, 1e-200, 5e-324, 1e200, 2.0**1021])
def test_norm_loses_no_squares(scale):
    value, gradient = of_vector("norm", 3 * scale, -4 * scale)
    assert value == pytest.approx(5 * scale, rel=1e-15)
    assert gradient == pytest.approx([0.6, -0.8], rel=1e-15)


def test_norm_is_the_root_of_the_squares_bit_for_bit_where_these_fit():
    rng = random.Random(5)
    for _ in range(200):
        x, y, z = (rng.gauss(0, 10.0 ** rng.randint(-5, 5)) for _ in range(3))
        length = math.sqrt(x * x + y * y + z * z)
        assert of_vector("norm", x, y, z) == (length, [x / length, y / length, z / length])


def test_every_row_answers_what_is_asked_of_it():
    for gate in GATES.values():
        assert gate.words, gate.name
        assert gate.samples, gate.name
        assert gate.signature, gate.name
        assert all(params.keys() == set(gate.params) for _, params in gate.samples), gate.name
        assert all(re.search(rf"\b{name}\b", gate.signature) for name in gate.params), gate.name
        if isinstance(gate, Elementwise):
            assert len(gate.shown or gate.locals) == len(gate.locals) == max(len(o) for o, _ in gate.samples)


@pytest.mark.parametrize("length", [1, 2, 3, 64, 65, 200])
def test_products_of_rows_and_columns_are_added_from_left_to_right(length):
    rng = random.Random(length)
    rows, columns = ([[rng.uniform(-1, 1) for _ in range(length)] for _ in range(3)] for _ in range(2))
    expected = []
    for row in rows:
        for column in columns:
            total = row[0] * column[0]
            for x, y in zip(row[1:], column[1:]):
                total += x * y
            expected.append(total)
    assert dot_rows(rows, columns, 0.0) == expected
    assert str(dot_rows([[-0.0]], [[1.0]], 0.0)) == "[-0.0]"
