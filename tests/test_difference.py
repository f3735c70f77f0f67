"""Two traces compared: the first step that differs, in every kind of event, and by how much each node does."""

import math

import pytest

from stepgrad import Tape, Value, run
from stepgrad.difference import EXACT, Tolerance, apart, compare, told
from stepgrad.style import Style
from stepgrad.tensor import from_nested

NEAR = Tolerance(1e-6, 1e-9)


def between(one, other, tolerance=EXACT):
    found = compare(one, other, tolerance)
    return found, list(told(found, ("one", "other"), Style(ascii_only=True)))


def learning(rate):
    return run(f"w = [1.0, 2.0]\nL = sum(w * w)\nbackward(L)\nprint('learnt')\nw -= {rate} * w.grad")


def test_updates_prints_and_tensors():
    found, lines = between(learning(0.1), learning(0.1))
    assert found.equal and lines == [f"equal to the bit: {len(learning(0.1))} steps"]
    found, lines = between(learning(0.1), learning(0.2))
    assert found.step == len(learning(0.1)) and not found.equal  # the update, its last step
    assert lines[-1].split() == ["w#2", "2.5e-01", "0"]
    found, lines = between(learning(0.1), learning(0.1 + 1e-12), NEAR)
    assert found.equal and lines[0].startswith("equal within rtol 1e-06, atol 1e-09")
    assert compare(run("x = 1.0; print(x)"), run("x = 1.0; print(2)")).step == 2
    assert compare(run("x = 1.0; print('a')"), run("x = 1.0; print('b')"), NEAR).step == 2


def test_what_differs_in_kind_is_not_near():
    pairs = [
        ("f = x * 2", "f = x * 2.0000000001", True),  # a literal
        ("f = x * 2", "f = x * 3", False),
        ("f = x * x", "f = x * (x + 0)", False),  # other nodes
        ("f = x * x", "f = x + x", False),  # another gate
        ("f = leaky_relu(x, 0.1)", "f = leaky_relu(x, 0.2)", False),  # a parameter
        ("f = sum([x, 2] @ [1, 2])", "f = sum([x, 2] @ [1, 2.0000000001])", True),
        ("f = sum([x, 2] @ [1, 2])", "f = sum([[x, 2]] @ [1, 2])", False),
    ]
    for one, other, near in pairs:
        assert compare(run(one, x=1), run(other, x=1), NEAR).equal is near, (one, other)
        assert not compare(run(one, x=1), run(other, x=1)).equal
    assert NEAR.close((1.0, 2.0), (1.0, 2.0 + 1e-12)) and not NEAR.close((1.0,), (1.0, 2.0))
    assert not NEAR.close(1, 2) and not NEAR.close("a", "b") and NEAR.close(math.nan, math.nan)
    assert Tolerance(0.5).close(2.0, 3.0) and not Tolerance(0.3).close(2.0, 3.0)


def test_values_and_backward_seeds():
    def tape(seed):
        with Tape() as made:
            x = Value(3.0, name="x")
            y = x * x
            y.backward(seed)
            x.data = 4.0
        return made.trace()

    assert between(tape(1.0), tape(1.0))[0].equal
    found, lines = between(tape(1.0), tape(2.0))
    assert found.step == 3 and lines[0] == "step 3 is the first that differs"


def test_a_trace_that_ends_first_and_nodes_that_only_one_has():
    found, lines = between(run("f = x * 2", x=1), run("f = x * 2\ng = f * 3\nh = g + 1", x=1, output="h"))
    assert not found.equal
    assert [line.split() for line in lines if "only in" in line] == [["g", "only", "in", "B"], ["h", "only", "in", "B"]]
    many = "\n".join(f"a{k} = x * {k}.5" for k in range(50))
    lines = between(run(f"{many}\nf = a0", x=1), run(f"{many}\nf = a0", x=2))[1]
    assert lines[-1] == ".." and len([line for line in lines if line.startswith("a")]) <= 40
    same_start = between(run("x = 1.0; backward(x); print(x)"), run("x = 1.0; backward(x)"))[1]
    assert any(line.strip().startswith("ends after step") for line in same_start)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([1.0, 2.0], [1.0, 3.0], "3.3e-01"),
        ([1.0, 2.0], [[1.0, 2.0]], "other shape"),
        ([1.0, math.nan], [1.0, 2.0], "nan"),
        (math.nan, math.nan, "0"),
        ([], [], "0"),
        ([0.0], [-0.0], "sign of 0"),
    ],
)
def test_how_far_arrays_are_apart(x, y, words):
    assert apart(from_nested(x, float), from_nested(y, float)) == words
