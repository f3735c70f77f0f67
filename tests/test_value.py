"""What a Value takes and gives, apart from its gradients: lists, NumPy's arrays, copies, names, refusals."""

import copy
import pickle

import pytest

from stepgrad import Backward, GateError, InputError, Tape, Value, concat, stack

B = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]


def multiply():
    """Has the name of a function of NumPy's."""


class Array:
    """Like NumPy's: it has ``tolist()``, and hands an operator on to an operand that wants it."""

    def __init__(self, numbers):
        self.numbers = numbers

    def tolist(self):
        return self.numbers

    def __mul__(self, other):
        return other.__array_ufunc__(multiply, "__call__", self, other)

    def __bool__(self):
        raise ValueError("the truth of an array is ambiguous")


def test_operators_take_lists_on_either_side():
    x, W = Value([1.0, 2.0]), Value([[1.0, 2.0], [3.0, 4.0]])
    for result, data in (
        (x * [3.0, 4.0], [3.0, 8.0]), ([1, 2] * x, [1.0, 4.0]), ((1, 2) - x, [0.0, 0.0]), (x / (1, 4), [1.0, 0.5]),
        (W @ [1.0, 1.0], [3.0, 7.0]), ([1, 2] @ W, [7.0, 10.0]), (Value(2.0) * [1, 2], [2.0, 4.0]), (x.maximum([2, 1]), [2.0, 2.0]),
    ):  # fmt: skip
        assert result.data == data
    with pytest.raises(TypeError):
        x * "ab"


def test_numpys_arrays_are_taken_as_the_lists_that_they_are():
    x, array = Value([1.0, 2.0]), Array([3.0, 4.0])
    assert (array * x).data == (x * array).data == [3.0, 8.0]
    assert (x * Array([x[0], 2.0])).data == [1.0, 4.0]
    assert x.maximum(array).data == [3.0, 4.0]
    x.grad = Array([0.0, 0.0])
    assert x.grad == [0.0, 0.0]
    x.data = Array([5.0, 6.0])
    assert x.data == [5.0, 6.0]


def test_numpys_numbers_become_pythons():
    class Float64(float):
        def tolist(self):
            return float(self)

    for result in (
        Value(2.0) * Float64(3),
        Value([2.0])[0] * Float64(3),
        (Value([2.0]) * Float64(3))[0],
        Value(Float64(6)),
    ):
        assert type(result.data) is float
        assert result.data == 6.0


def test_numpys_functions_are_the_gates_that_they_mean():
    x = Value([1.0, 2.0])

    def called(name, *operands, way="__call__"):
        function = type("Function", (), {"__name__": name})()
        return x.__array_ufunc__(function, way, *operands)

    assert called("exp", x).data == x.exp().data
    assert called("square", x).data == [1.0, 4.0]
    assert called("subtract", Array([5.0, 5.0]), x).data == [4.0, 3.0]
    assert called("float_power", x, 2) is NotImplemented
    assert called("add", x, way="reduce") is NotImplemented


def test_a_vector_beside_a_stack_of_matrices():
    v, stacked = Value([1.0, 2.0]), Value(B)
    assert (v @ stacked).data == [[7.0, 10.0], [19.0, 22.0]]
    assert (stacked @ v).data == [[5.0, 11.0], [17.0, 23.0]]
    (v @ stacked + stacked @ v).sum().backward()
    assert v.grad == [3 + 11 + 4 + 12, 7 + 15 + 6 + 14]
    assert stacked.grad == [[[2.0, 3.0], [3.0, 4.0]]] * 2


def test_lists_that_hold_values_are_stacked():
    a, b = Value(2.0), Value(3.0)
    (Value([a, a, 1.0]) * [1.0, 2.0, 3.0]).sum().backward()
    assert a.grad == 3.0
    square = stack([[a, b], [b, a]])
    assert square.data == [[2.0, 3.0], [3.0, 2.0]]
    assert Value([1.0, 5.0]).maximum([a, b]).data == [2.0, 5.0]
    assert (Value([[a, b], [b, 1.0]], name="m") @ [a, 1.0]).data == [7.0, 7.0]
    with pytest.raises(GateError, match="cannot be stacked; make them equal"):
        Value([a, [b, b]])
    with pytest.raises(GateError, match="a Value already"):
        Value(a)


def test_a_copy_is_an_input_of_its_own():
    v = Value([1.0, 2.0], name="v")
    twice = copy.deepcopy([v, v])
    assert twice[0] is twice[1]
    for copied in (copy.copy(v), twice[0], pickle.loads(pickle.dumps(v)), copy.copy(v * 1.0)):
        assert copied is not v
        assert copied.data == v.data
        (copied * copied).sum().backward()
        assert copied.grad == [2.0, 4.0]
    assert (copy.copy(v).name, twice[0].name, copy.copy(v * 1.0).name) == ("v", "v", "")
    assert v.grad == [0.0, 0.0]


def test_names_and_labels():
    a = Value(2.0, label="a")
    e = a * 3
    assert (a.name, a.label, e.name) == ("a", "a", "")
    e.label = "e"
    assert (e.name, e.label) == ("e", "e")


def test_a_trace_knows_the_names_of_intermediate_values():
    with Tape() as tape:
        a = Value(2.0, name="a")
        e = a * 3
        e.name = "e"
        f = e + a
        f.name = "e"
    trace = tape.trace()
    assert [trace.name(i) for i in range(3)] == ["a", "e", "e₂"]


def test_length_and_truth():
    assert len(Value(B)) == 2
    with pytest.raises(TypeError, match="no length"):
        len(Value(1.0))
    assert all(map(bool, (Value(0.0), Value([]), Value([0.0]))))


def test_the_gradient_can_be_set():
    v = Value([1.0, 2.0])
    for anew in (0, 0.0, None):
        v.grad = [1.0, 1.0]
        v.grad = anew
        assert v.grad == [0.0, 0.0]


v, x = Value([1.0, 2.0]), Value(1.0)
REFUSED = [
    (lambda: setattr(v, "data", [1.0]), r"\(2,\) and \(1,\) differ in shape"),
    (lambda: setattr(x, "data", [1.0]), r"a number and \(1,\) differ in shape"),
    (lambda: setattr(v, "grad", 3.0), r"\(2,\) and a number differ in shape"),
    (lambda: v[1.0], "an index is a whole number, a slice, None or"),
    (lambda: v[[0, 1]], "an index is a whole number, a slice, None or"),
    (lambda: v[Array([0])], "an index is a whole number, a slice, None or"),
    (lambda: v[0.5:], "an index is a whole number, a slice, None or"),
    (lambda: v[::0], "a slice has a step of 1 or more, or of -1 or less, not 0"),
    (lambda: stack([]), "`stack` takes a list of values first"),
    (lambda: concat([]), "`concat` takes a list of values first"),
    (lambda: stack(["a"]), "'a' is no number; a Value holds a number, or lists of numbers"),
    (lambda: Value("1"), "'1' is no number"),
    (lambda: Value([None]), "None is no number"),
    (lambda: Value(10**400), "larger than float64 can hold"),
    (lambda: v.broadcast((2, 3)), r"shapes \(2,\) and \(2, 3\) do not fit together"),
    (lambda: v.broadcast((2, 1)), r"shape \(2,\) cannot be broadcast to \(2, 1\)"),
    (lambda: x.broadcast((-1,)), r"a number cannot be broadcast to \(-1,\)"),
]  # fmt: skip


@pytest.mark.parametrize(("do", "message"), REFUSED, ids=[each[1] for each in REFUSED])
def test_what_is_wrong_is_said_in_a_sentence(do, message):
    with pytest.raises(GateError, match=message):
        do()
    assert (v.data, v.grad, x.data) == ([1.0, 2.0], [0.0, 0.0], 1.0)


def test_an_element_that_an_edge_does_not_have():
    with Tape() as tape:
        w = Value([1.0, 2.0])
        (w * w).sum().backward()
    edge = next(event for event in tape.trace() if isinstance(event, Backward))
    for index in ((2,), 0, (0, 0), ()):
        with pytest.raises(InputError, match=r"is no element of shape \(2,\)"):
            edge.terms(index)
