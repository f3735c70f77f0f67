"""Saved traces that lie, one field or line at a time: each is refused with the line and the reason."""

import io
import json
from fractions import Fraction

import pytest

from stepgrad import Tape, TraceError, Value, limits, run
from stepgrad.loader import read_trace
from stepgrad.saved import MAX_LINE, MAX_PARTS
from tests.mutations import without_checksums
from tests.test_jsonl import saved

PROGRAM = """def double(v):
    return v + v
def f(v):
    return double(v) * v
x = 2.0
y = f(x)
backward(y)
x -= 0.5 * x.grad
z = [1.0, x] @ [3.0, 4.0]
backward(z)
print("once")"""


def tape():
    with Tape() as found:
        x = Value(2.0, name="x")
        y = x * 3
        x.data = 4.0
        (y * x).backward()
    return found.trace()


TRACES = {"program": lambda: run(PROGRAM), "tape": tape, "exact": lambda: run("f = x / 3", x=1, number=Fraction)}


def lines_of(name):
    return [json.loads(line) for line in without_checksums(saved(TRACES[name]())).splitlines()]


def refusal(content):
    with pytest.raises(TraceError) as caught:
        read_trace(io.BytesIO(content), "x")
    assert str(caught.value).isprintable()
    return str(caught.value)


def place(lines, **fields):
    """Return the index of the first line with these fields."""
    return next(i for i, line in enumerate(lines) if all(line.get(key) == value for key, value in fields.items()))


def test_the_traces_are_right_where_nothing_is_changed():
    for name in TRACES:
        lines = lines_of(name)
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        assert saved(read_trace(io.BytesIO(content), "x")).count(b"\n") == len(lines)


FORWARD, ADD, MATMUL, STACK = {"kind": "forward", "node": 0}, {"gate": "add"}, {"gate": "matmul"}, {"gate": "stack"}
SEED, BACKWARD, UPDATE, PRINT = ({"kind": each} for each in ("seed", "backward", "update", "print"))
LINEAR = {"kind": "backward", "gate": "matmul"}
CALL, INNER = ["f", 6, 5, 6, 9, None, 1, 3, 2], ["double", 4, 12, 4, 21, 0, 1, 2, 1]
CHANGED = [  # which trace, which line, what it says instead, the reason
    ("program", {"format_version": 1}, {"calls": [["f\x1b", *CALL[1:]], INNER]}, "`calls`: call 0 is one of 'f\\x1b', which has signs that cannot be seen"),
    ("program", {"format_version": 1}, {"calls": [[*CALL[:6], 3, 2, 2], INNER]}, "`calls`: call 0 has no place in the program, or makes nodes that are not there"),
    ("program", {"format_version": 1}, {"calls": [[*CALL[:6], 1, 99, 2], INNER]}, "`calls`: call 0 has no place in the program, or makes nodes that are not there"),
    ("program", {"format_version": 1}, {"calls": [[*CALL[:8], 99], INNER]}, "`calls`: call 0 is made by a call, or returns a node, that is not there"),
    ("program", {"format_version": 1}, {"calls": [CALL, [*INNER[:5], 1, 1, 2, 1]]}, "`calls`: call 1 is made by a call, or returns a node, that is not there"),
    ("program", {"format_version": 1}, {"calls": [CALL, [*INNER[:5], None, 0, 2, 1]]}, "`calls`: call 1 begins before the one before it"),
    ("program", {"format_version": 1}, {"calls": [CALL, [*INNER[:5], 0, 1, 4, 1]]}, "`calls`: call 1 lies outside of the call that made it"),
    ("program", FORWARD, {"pass": 2}, "`pass` leaves out a number"),
    ("program", FORWARD, {"pass": 3}, "`pass` is 3; it should be 1, or one more where a pass begins"),
    ("program", FORWARD, {"node": 1}, "`node` is 1; it should be 0, the next index"),
    ("program", FORWARD, {"path": [0]}, "`path` is [0]; it should be []"),
    ("program", FORWARD, {"version": 2}, None),
    ("program", ADD, {"version": 1}, "`version` is 1; it should be null where there is no name"),
    ("program", ADD, {"name": "x", "version": 1}, "there is a 'x' of version 1 already, or can be none"),
    ("program", ADD, {"operands": [0, 7]}, "`operands` names node 7, which is not there yet; here are 1 before"),
    ("program", ADD, {"operands": [0]}, "the gate `add` cannot take these operands and parameters"),
    ("program", ADD, {"changes": [[0, [1.0]]]}, "`changes` gives node 0 another shape; a node keeps its own"),
    ("program", ADD, {"changes": [[0, 3.0]]}, "`value` is 4.0, and `add` of its operands is 6.0"),
    ("program", STACK, {"params": [["axis", "x"]]}, '`params`: axis cannot be "x" in the gate `stack`'),
    ("program", STACK, {"params": [["axis", 9]]}, None),
    ("program", MATMUL, {"literals": [None, [3.0]]}, None),
    ("program", MATMUL, {"literals": [None, {"shape": [0, -1]}]}, '`literals` is no number and no tensor; one without numbers is {"shape": [0, 3]}'),
    ("program", MATMUL, {"literals": [None, [[], []]]}, '`literals` is a tensor without numbers; write it as {"shape": [0, 3]}'),
    ("program", SEED, {"node": 99}, "`node` is 99; it should be the index of a node before"),
    ("program", BACKWARD, {"operand": 0}, "`operand` is 0; it should be 1: the sweep goes from node 2, slot 0, to 1 here"),
    ("program", BACKWARD, {"product": 3.0}, "`product` is 3.0, and upstream × local is 2.0"),
    ("program", LINEAR, {"local": "{up}"}, "`local` is \"{up}\"; it should be '{up} · {y}'"),
    ("program", LINEAR, {"product": [3.0, 5.0]}, "`product` is a tensor of shape (2,), and upstream × local is a tensor of shape (2,) with 4.0 as number 2, not 5.0"),
    ("program", UPDATE, {"change": 1.0}, "`change` is 1.0; it should be `value` - `old`, which is -4.0"),
    ("program", UPDATE, {"value": [1.0]}, "`change` is -4.0; it should be null, since the shapes of `old` and `value` differ"),
    ("tape", FORWARD, {"line": 1, "column": 1, "end_line": 1, "end_column": 2}, "`line` is given, and the trace has no program"),
    ("tape", UPDATE, {"old": 3.0, "change": 1.0}, "`old` is 3.0; it should be 2.0, which the node held before"),
    ("tape", UPDATE, {"value": [4.0], "change": None}, "an input that is updated in place keeps its shape, and this one does not"),
    ("tape", UPDATE, {"node": 1, "old": 6.0, "change": -2.0}, "only an input is updated, and this node was computed"),
    ("tape", UPDATE, {"name": "y"}, "`name` is \"y\"; it should be 'x'"),
    ("exact", {"gate": "div"}, {"literals": [None, "1/0"]}, "`literals` holds a fraction with the denominator 0"),
    ("exact", {"gate": "div"}, {"literals": [None, "0"]}, None),
    ("exact", {"gate": "div"}, {"literals": [None, 0.5]}, '`literals` holds 0.5, which is no number of this trace; write a fraction as "1/3"'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "which", "changed", "reason"), CHANGED, ids=[f"{c[0]}: {c[2]}"[:70] for c in CHANGED])
def test_a_changed_field_is_named(name, which, changed, reason):
    lines = lines_of(name)
    number = place(lines, **which)
    lines[number] |= changed
    found = refusal("".join(json.dumps(line) + "\n" for line in lines).encode())
    if reason is not None:  # else only the place is promised
        assert found == f"x:{number + 1}: {reason}"
    assert found.startswith(f"x:{number + 1}: ") or reason is None


def test_lines_that_are_left_out_or_come_twice():
    lines = lines_of("program")

    def told(found):
        steps = [{**line, "step": i} for i, line in enumerate(found)]
        steps[0] = {**lines[0], "steps": len(found) - 1}
        return refusal("".join(json.dumps(line) + "\n" for line in steps).encode())

    seed, last = place(lines, **SEED), place(lines, kind="update")
    assert told([*lines[: seed + 1], *lines[seed:]]) == f"x:{seed + 2}: a pass has one seed, and this one has two"
    assert "the sweep is not done: the edge from node 1 to 0 comes first" in told([*lines[: last - 1], *lines[last:]])
    assert "the sweep takes no edge here: it has not begun, or taken all" in told([*lines[:last], *lines[last - 1 :]])
    assert "the sweep takes no edge here" in told([*lines[:seed], *lines[seed + 1 :]])
    assert "a fresh input follows the backward sweep of its pass" in told([*lines[:2], *lines[last:]])
    constant = {**lines[1], "gate": "constant"}
    assert "the sweep starts from a constant" in told([lines[0], constant, {**lines[seed], "node": 0, "total": 1.0}])


def test_bytes_that_are_no_lines_of_a_trace():
    header, *_ = without_checksums(saved(run(PROGRAM))).splitlines(keepends=True)
    assert refusal(header + b"[]\n") == "x:2: this is no object; every line is one, in braces"
    assert (
        refusal(header + b'{"a": ' + b"9" * 5000 + b"}\n")
        == "x:2: a number is too long, or lists are too deep, for a trace"
    )
    deep = refusal(header + b"[" * 9000 + b"\n")  # newer Pythons read on to the line's end
    assert deep.startswith(("x:2: a number is too long, or lists are too deep", "x:2: this is no JSON"))
    assert "the line holds more than" in refusal(header + b"[" + b"0," * MAX_PARTS + b"0,0]\n")
    assert "the line is longer than" in refusal(header + b" " * (MAX_LINE + 1) + b"\n")


def test_tensors_and_parameters_are_bounded():
    with limits.limited(elements=100):
        lines = lines_of("program")
        stack = place(lines, **STACK)
        for changed, reason in (
            ({"params": [["axis", True]]}, "`params`: axis cannot be true in the gate `stack`"),
            ({"literals": [[0.0] * 101, None]}, "`literals` is too large a tensor; 100 numbers are the most"),
            (
                {"literals": [{"shape": [0, 101]}, None]},
                "`literals` has the shape [0, 101]; only shapes with a 0 are told so, and small ones",
            ),
        ):
            damaged = [*lines[:stack], {**lines[stack], **changed}, *lines[stack + 1 :]]
            assert refusal("".join(json.dumps(line) + "\n" for line in damaged).encode()) == f"x:{stack + 1}: {reason}"


PARAMS = [  # a program, the parameter, values that it cannot be
    ("x = [1.0, 2.0]; f = sum(sum(x, keepdims=True))", "keepdims", [0, "yes", None]),
    ("x = [1.0, 2.0]; f = sum(reshape(x, (2, 1)))", "shape", [3, [1.5], [True], [[2]], [1] * 100, [10**6, 10**6], [3, 5]]),
    ("x = [[1.0, 2.0]]; f = sum(x[0, ..., 1:])", "index", [0, ["...", "..."], ["x"], [[0, 1]], [[0, 1, "x"]], [True], [0] * 100, [7]]),
    ("x = [[1.0, 2.0]]; f = sum(transpose(x, (1, 0)))", "axes", [7, [0, 0], ["a"], [0, 5]]),
    ("x = [1.0, 2.0]; f = sum(leaky_relu(x, 0.1))", "slope", ["x", None, True, [1.0], {}]),
    ("x = [[1.0, 2.0], [3.0, 4.0]]; f = sum(max_pool2d(x, 2))", "size", [0, -1, [2], [2, 2, 2], "2", None, 10**6]),
    ("f = one_hot([0, 1], 2)", "classes", [-1, 10**9, 1.5, None]),
]  # fmt: skip


@pytest.mark.parametrize(("program", "name", "values"), PARAMS, ids=[each[1] for each in PARAMS])
def test_parameters_are_checked_as_in_programs(program, name, values):
    lines = [json.loads(line) for line in without_checksums(saved(run(program))).splitlines()]
    number = next(i for i, line in enumerate(lines) if any(each[0] == name for each in line.get("params") or ()))
    for value in values:
        changed = [[key, value if key == name else each] for key, each in lines[number]["params"]]
        damaged = [*lines[:number], {**lines[number], "params": changed}, *lines[number + 1 :]]
        found = refusal("".join(json.dumps(line) + "\n" for line in damaged).encode())
        assert found.startswith(f"x:{number + 1}: "), (value, found)
