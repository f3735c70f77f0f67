"""Recorders of tensors: what is settled by shapes computes what the same gates do on numbers, the first time and later."""

import math
import random
from operator import add, mul, sub, truediv

import pytest

from stepgrad import fitted
from stepgrad.equality import same
from stepgrad.errors import GateError
from stepgrad.limits import limited
from stepgrad.numeric import EXACT, FLOAT
from stepgrad.ops import GATES
from stepgrad.recording import Recording
from stepgrad.tape import TensorNode
from stepgrad.tensor import Tensor, nested
from stepgrad.value import HERE, TensorValue, Value

ODD = (-0.0, 0.0, 1.0, -2.5, 0.1, 1e200, -1e-200, math.inf, -math.inf, math.nan)


def numbers(seed, *shape):
    """Nested lists of numbers, odd ones among them."""
    choose = random.Random(repr((seed, shape)))

    def made(*sizes):
        if not sizes:
            return choose.choice(ODD) if choose.random() < 0.2 else choose.uniform(-2, 2)
        return [made(*sizes[1:]) for _ in range(sizes[0])]

    return made(*shape)


def dot(xs, ys):
    products = [x * y for x, y in zip(xs, ys, strict=True)]
    total = products[0]
    for each in products[1:]:
        total += each
    return total


def times(a, b):
    return [[dot(row, column) for column in zip(*b, strict=True)] for row in a]


def transposed(a):
    return [list(each) for each in zip(*a, strict=True)]


@pytest.mark.parametrize(("n", "k", "m"), [(1, 1, 1), (2, 2, 2), (3, 1, 2), (1, 4, 3), (2, 4, 4), (3, 4, 5), (9, 8, 7)])
def test_products_are_those_of_loops_bit_for_bit(n, k, m):
    for seed in range(3):
        a, b, up = numbers(seed, n, k), numbers(seed + 1, k, m), numbers(seed + 2, n, m)
        x, y = Value(a), Value(b)
        z = x @ y
        z.backward(up)
        assert repr(z.data) == repr(times(a, b))
        assert repr(x.grad) == repr(times(up, transposed(b)))
        assert repr(y.grad) == repr(times(transposed(a), up))


@pytest.mark.parametrize("size", [1, 2, 16, 17, 40])
@pytest.mark.parametrize("operation", [add, sub, mul, truediv, pow], ids=lambda each: each.__name__)
def test_what_holds_for_numbers_holds_for_each_of_a_tensor(operation, size):
    xs, ys, up = numbers(1, size), numbers(2, size), numbers(3, size)
    for _ in range(2):
        x, y = Value(xs), Value(ys)
        z = operation(x, y)
        z.backward(up)
        apart = [(Value(a), Value(b)) for a, b in zip(xs, ys, strict=True)]
        results = [operation(a, b) for a, b in apart]
        for each, upstream in zip(results, up, strict=True):
            each.backward(upstream)
        assert repr(z.data) == repr([each.data for each in results])
        assert repr(x.grad) == repr([a.grad for a, _ in apart])
        assert repr(y.grad) == repr([b.grad for _, b in apart])


@pytest.mark.parametrize("name", ["relu", "exp", "log", "sqrt", "tanh", "sigmoid", "__abs__", "gelu"])
def test_methods_of_one_tensor_too(name):
    xs, up = numbers(4, 5), numbers(5, 5)
    x, apart = Value(xs), list(map(Value, xs))
    z, results = getattr(x, name)(), [getattr(each, name)() for each in apart]
    z.backward(up)
    for each, upstream in zip(results, up, strict=True):
        each.backward(upstream)
    assert repr(z.data) == repr([each.data for each in results])
    assert repr(x.grad) == repr([each.grad for each in apart])


def told(recording, first):
    """What has been recorded: gates, parameters, values and which locals there are."""
    return [
        (node.gate.name, dict(node.params), nested(node.value), [*map(type, node.locals)], type(node))
        for node in recording.current.nodes[first:]
    ]


MEETINGS = {
    "two tensors": lambda h, b, s: h * h,
    "a row": lambda h, b, s: h + b,
    "a number to the right": lambda h, b, s: h / s,
    "a number to the left": lambda h, b, s: s - h,
    "a literal": lambda h, b, s: h * 2,
    "a literal to the left": lambda h, b, s: 1 / h,
    "a literal row": lambda h, b, s: h - [1.0, 2.0, 3.0],
    "a literal matrix with a row": lambda h, b, s: [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]] - b,
    "a literal row with a number": lambda h, b, s: Value.__radd__(s, [1.0, 2.0]),
    "a product with a literal": lambda h, b, s: h @ [1.0, -1.0, 2.0],
    "parameters": lambda h, b, s: h.sum(axis=0) + h.mean(axis=-1, keepdims=True),
    "moves": lambda h, b, s: h.T.reshape((2, 3)).flatten(),
    "an index": lambda h, b, s: h[:, ::2] * h[1, 1],
}


@pytest.mark.parametrize("meet", MEETINGS.values(), ids=MEETINGS)
def test_the_second_time_is_as_the_first(meet):
    h, b, s = Value([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]]), Value([0.5, 1.5, -2.5]), Value(0.1)
    runs = []
    for _ in range(3):
        first = len(HERE.current.nodes)
        meet(h, b, s)
        runs.append(told(HERE, first))
    assert runs[0] == runs[1] == runs[2]


def test_tensors_with_a_gradient_have_a_class_of_their_own():
    recording = Recording(FLOAT)
    x, c = recording.leaf(Tensor((2,), [1.0, 2.0])), recording.constant(Tensor((2,), [3.0, 4.0]))
    assert type(x) is TensorNode and type(c) is not TensorNode
    product, constant = recording.apply(GATES["mul"], [x, c]), recording.apply(GATES["mul"], [c, c])
    assert type(product) is TensorNode and product.db is None
    assert type(constant) is not TensorNode and not constant.flows
    assert type(Value([1.0]) + 1) is TensorValue


def test_what_has_been_fitted_is_bounded_as_before():
    row, column = Value([[1.0, 2.0, 3.0]]), Value([[1.0], [2.0], [3.0]])
    grow = [lambda: row.broadcast((3, 3)), lambda: column @ row, lambda: row + column, lambda: row.flatten().outer(row.flatten())]  # fmt: skip
    for each in grow:
        each()
        with limited(elements=8), pytest.raises(GateError, match=r"a tensor of shape \(3, 3\) has 9 numbers"):
            each()


def test_shapes_that_do_not_fit_never_do():
    h = Value([[1.0, 2.0], [3.0, 4.0]])
    for _ in range(2):
        with pytest.raises(GateError, match="do not multiply"):
            h @ Value([[1.0, 2.0, 3.0]])
        with pytest.raises(GateError, match="do not fit together"):
            h + Value([1.0, 2.0, 3.0])


def test_parameters_go_by_name():
    recording = Recording(FLOAT)
    x = recording.leaf(Tensor((2, 2), [1.0, 2.0, 3.0, 4.0]))
    by_row = recording.apply(GATES["sum"], [x], {"axis": 1, "keepdims": False})
    kept = recording.apply(GATES["sum"], [x], {"keepdims": True, "axis": 0})
    again = recording.apply(GATES["sum"], [x], {"keepdims": False, "axis": 1})
    assert by_row.value == again.value == Tensor((2,), [3.0, 7.0]) and same(by_row.da, again.da)
    assert kept.value == Tensor((1, 2), [4.0, 6.0])
    listed = recording.apply(GATES["reshape"], [x], {"shape": [4, 1]})  # a list has no hash
    assert listed.value.data == x.value.data and tuple(listed.value.shape) == (4, 1)


def test_more_shapes_than_are_kept(monkeypatch):
    monkeypatch.setattr(fitted, "ROOM", 3 * fitted.EACH)
    recording = Recording(EXACT)
    for _ in range(2):
        for size in range(1, 9):
            x = recording.leaf(Tensor((size,), list(map(EXACT.make, range(size)))))
            z = recording.apply(
                GATES["sum"], [recording.apply(GATES["mul"], [x, x])], {"axis": None, "keepdims": False}
            )
            recording.backward(z)
            assert z.value == sum(i * i for i in range(size))
            assert x.total.data == [2 * i for i in range(size)]
