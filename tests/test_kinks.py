"""Conventions at kinks and domain edges: every row of the list is run; never an exception, never a complex number.

What the frameworks answer was measured outside, with PyTorch 2.13.0, JAX 0.10.2 and TensorFlow 2.21.0 on a CPU.
"""

import math
import re
from fractions import Fraction

import pytest

from stepgrad import CONVENTIONS, InputError, StepgradError, Tape, Value, run
from stepgrad.conventions import conventions_of, listing, numbers_of
from stepgrad.gate import BEYOND, OUTSIDE
from stepgrad.ops import ELEMENTWISE, GATES


def same(mine, theirs, rel_tol=1e-13):
    """Equal numbers, of equal signs also where they are 0."""
    if isinstance(theirs, list):
        return len(mine) == len(theirs) and all(same(*pair, rel_tol) for pair in zip(mine, theirs))
    if mine is None or theirs is None:
        return mine is theirs
    if math.isnan(theirs):
        return math.isnan(mine)
    signs = math.copysign(1, mine) == math.copysign(1, theirs)
    return type(mine) is float and signs and math.isclose(mine, theirs, rel_tol=rel_tol)


def names_of(trace):
    """What the notes of a trace begin with, in order."""
    notes = [note for event in trace if getattr(event, "note", None) for note in event.note.split("; ")]
    return tuple(dict.fromkeys(note.split(":")[0] for note in notes))


@pytest.mark.parametrize("row", CONVENTIONS, ids=[row.case for row in CONVENTIONS])
def test_every_row_is_what_happens(row):
    if row.ours == "error":
        with pytest.raises(StepgradError):
            run(row.program)
        return
    trace = run(row.program)
    assert same(trace.value, row.value), trace.value
    assert same(list(trace.grads.values()), row.grads), trace.grads
    assert names_of(trace) == row.notes


def alike(answer, other):
    """Equal at the six digits that are cited, whatever the sign of 0."""

    def plain(x):
        return [plain(each) for each in x] if isinstance(x, (list, tuple)) else None if x is None else x + 0.0

    def close(x, y):
        return same(abs(x) if x == 0 else x, abs(y) if y == 0 else y, 1e-5)

    def walk(x, y):
        if isinstance(x, list):
            return len(x) == len(y) and all(map(walk, x, y))
        return x is y if x is None or y is None else close(x, y)

    return walk(plain(numbers_of(answer)), plain(numbers_of(other)))


@pytest.mark.parametrize("row", CONVENTIONS, ids=[row.case for row in CONVENTIONS])
def test_ours_is_pytorchs_or_the_row_says_why(row):
    assert alike(row.ours, row.pytorch) == (not row.reason)


def test_the_rows_are_those_of_the_frameworks_that_differ():
    agree = [row for row in CONVENTIONS if alike(row.pytorch, row.jax)]
    assert (len(CONVENTIONS), len(agree)) == (158, 122)
    assert sum(bool(row.reason) for row in agree) == 7, (
        "tanh, sigmoid, norm, std and cross_entropy, where digits get lost"
    )
    assert len({row.case for row in CONVENTIONS}) == len(CONVENTIONS)
    assert {row.gate for row in CONVENTIONS} <= GATES.keys()


def test_every_convention_of_the_table_has_its_row():
    said = {name for row in CONVENTIONS for name in row.notes}
    words = [words for gate in ELEMENTWISE for *_, words in (*gate.domain, *gate.kinks)]
    assert {each.split(":")[0] for each in (*words, BEYOND, OUTSIDE)} <= said
    for gate in ELEMENTWISE:
        own = {name for row in CONVENTIONS if row.gate == gate.name for name in row.notes}
        assert {words.split(":")[0] for *_, words in (*gate.domain, *gate.kinks)} <= own, gate.name


NOTES = [
    ("x = 0.0; f = relu(x)", "relu at 0: relu′(0) = 0, by convention, at 1:14"),
    ("a = 2.0; b = 2.0; f = maximum(a, b)", "tie: each side gets half, by convention, at 1:23"),
    ("x = [2.0, 2.0]; f = np.max(x)", "tie: tied elements share the upstream equally, by convention, at 1:21"),
    ("x = 0.0\nf = 2 + log(x)", "log at 0: log(0) is -inf, at 2:9"),
    ("x = -1.0; f = log(x)", "log of a negative: log′ = 1/x, by convention also where log is nan, at 1:15"),
    ("x = 0.0; f = 1/x", "division by zero: it is inf, at 1:14"),
    ("x = [0.0, 1.0]; f = sum(relu(x))", "relu at 0: relu′(0) = 0, by convention (1 of 2 elements), at 1:25"),
    ("x = [1e200, 1.0]; f = sum([[1e200, 0], [0, 1]] @ x)", f"{BEYOND} (1 of 2 elements), at 1:27"),
    ("x = [1e200, 1e200]; f = x @ [1e200, -1e200]", f"{OUTSIDE}, at 1:25"),
    ("x = np.zeros(0); f = mean(x)", "nothing: the mean of nothing is nan, at 1:22"),
    ("x = -1.0; f = sqrt(relu(x))", "shut out: 0 × inf is 0, by convention, where the gate is closed, at 1:20"),
    (
        "x = 0.0; f = sqrt(relu(x))",
        "relu at 0: relu′(0) = 0, by convention; shut out: 0 × inf is 0, by convention, where the gate is closed, at 1:19",
    ),
    (
        "x = [-1.0, 1.0]; f = sum(sqrt(maximum(x, 0)))",
        "shut out: 0 × inf is 0, by convention, where the gate is closed, at 1:31",
    ),
    (
        "x = [2.0, -1.0]; f = sum(sqrt(clip(x, 0, 1)))",
        "shut out: 0 × inf is 0, by convention, where the gate is closed, at 1:31",
    ),
    ("x = 0.0; f = 0*sqrt(x)", "sqrt at 0: sqrt′(0) = 1/0 is inf; 0 × inf: it is nan, at 1:16"),
    ("x = [0.0]; f = sum(sqrt(x @ [[0.0]]))", "0 × inf: it is nan, at 1:25"),
    ("x = [3.0, 3.0]; f = std(x)", "std of equal numbers: std′ = 0, by convention, at 1:21"),
    (
        "x = [[1.0, 1.0]]; f = sum(max_pool2d(x, (1, 2)))",
        "tie in a window: the first of the largest gets it all, by convention, at 1:27",
    ),
    ("s = [1.0, 0.0]; f = svm_loss(s, 0)", "class on the margin: it gets no gradient, by convention, at 1:21"),
    ("def g(x):\n    return relu(x)\nx = 0.0\nf = g(x)", "relu at 0: relu′(0) = 0, by convention, at 2:12"),
]


@pytest.mark.parametrize(("program", "note"), NOTES, ids=[case[0] for case in NOTES])
def test_the_step_says_so_with_its_place(program, note):
    assert note in [event.note for event in run(program) if hasattr(event, "note")]
    shown = re.sub(r"\s+", " ", str(run(program)))
    assert f"note: {note}" in shown


def test_a_step_of_python_has_no_place():
    with Tape() as tape:
        Value(0.0).relu().backward()
    assert [event.note for event in tape.trace() if getattr(event, "note", None)] == [
        "relu at 0: relu′(0) = 0, by convention"
    ]


def test_what_is_shut_out_gets_nothing_and_what_is_open_gets_all():
    trace = run("x = [-1.0, 4.0, nan]; y = [0.0, 0.0, 0.0]; f = sum(sqrt(where(x > 0, x, y)))")
    assert trace.grads == {"x": [0.0, 0.25, 0.0], "y": [math.inf, 0.0, math.inf]}
    assert run("x = -1.0; f = -1 * relu(x)").grads == {"x": 0.0}
    assert math.copysign(1, run("x = -1.0; f = -1 * relu(x)").grads["x"]) == 1.0
    assert all(type(event.product) is float for event in run("x = -1.0; f = sqrt(relu(x))")[-2:])
    assert run("x = -1; f = relu(x) + max(x, 2)", number=Fraction).grads == {"x": 0}


def test_no_note_where_nothing_happened():
    for program in (
        "x = 2.0; f = relu(x) + log(x) + x/4 + abs(x)",
        "x = inf; f = (-2)**x",
        "x = -inf; f = x**0.5",
        "x = [inf, 1.0]; f = sum(x)",
        "x = nan; f = relu(x) * 0 + x",
        "x = -1.0; f = relu(x) + max(x, 2)",
    ):
        notes = [event.note for event in run(program) if getattr(event, "note", None)]
        assert all("convention" in note or "exponent" in note for note in notes), program
    large = run("x = 10**200; f = x**2 * x", number=Fraction)
    assert not [event.note for event in large if getattr(event, "note", None)]


def test_the_list_is_asked_by_gate_by_another_name_of_it_or_by_a_note():
    assert {row.gate for row in conventions_of("relu")} == {"relu"}
    assert conventions_of("absolute") == conventions_of("abs")
    assert {row.gate for row in conventions_of("shut out")} == {"relu", "maximum", "minimum", "where", "clip"}
    assert conventions_of() == list(CONVENTIONS)
    with pytest.raises(InputError, match="no gate or convention is called 'relo'; did you mean"):
        conventions_of("relo")
    with pytest.raises(InputError, match="has no kinks"):
        conventions_of("reshape")


def test_the_list_is_printed_as_a_table():
    lines = list(listing(conventions_of("norm")))
    assert lines[0].split() == ["norm", "stepgrad", "PyTorch", "JAX", "TensorFlow", "program"]
    assert lines[1].split("  ")[0] == "norm([0,0])"
    assert "      notes: norm at 0" in lines
    assert any(line.startswith("      ours differs: ") for line in lines)
    assert sum(len(row.notes) > 0 for row in CONVENTIONS) == sum("notes: " in line for line in listing(CONVENTIONS))
