"""Second derivatives against differences of gradients for every row, exact fractions, and PyTorch's answers."""

import json
import math
from fractions import Fraction
from pathlib import Path

import pytest

from stepgrad import InputError, LimitError, Tape, Value, hessian, run
from stepgrad.events import Forward, Name, Partial
from stepgrad.numeric import FLOAT
from stepgrad.ops import GATES
from stepgrad.recording import Recording
from stepgrad.tensor import flat, from_nested, shape_of, shaped
from stepgrad.trace import Trace
from tests.oracles import Dual, random_program, run_as_python
from tests.test_ops import NO_GRADIENT, SAMPLES, nudged, weights_for
from tui.session import Session
from tui.view.circuit import CircuitPage
from tui.view.events import EventsPage
from tui.view.page import plain_text
from tui.view.source import source_page
from tui.view.step import step_page
from tui.view.values import ValuesPage

# Measured with torch.autograd.functional.hessian, torch 2.13.0, float64, on a CPU.
MEASURED = json.loads((Path(__file__).parent / "hessians.json").read_text(encoding="utf-8"))


def curved(gate, params, arrays):
    """Apply a gate and go back from Σ w·z + Σ z²/2, so that the upstream depends on the inputs too."""
    recording = Recording(FLOAT)
    inputs = [recording.leaf(array) for array in arrays]
    z = recording.apply(gate, inputs, params)
    squares = recording.apply(GATES["mul"], [recording.apply(GATES["mul"], [z, z]), 0.5])
    weighted = recording.apply(GATES["mul"], [z, weights_for(shape_of(z.value), float)])
    f = recording.apply(GATES["add"], [squares, weighted])
    f = recording.apply(GATES["sum"], [f], {"axis": None, "keepdims": False}) if shape_of(f.value) else f
    recording.backward(f)
    return recording, inputs


def gradient(gate, params, arrays):
    _, inputs = curved(gate, params, arrays)
    return [x for each in inputs for x in flat(each.total if each.total is not None else zeros(each.value))]


def zeros(array):
    return shaped(shape_of(array), [0.0] * len(flat(array)))


@pytest.mark.parametrize(("gate", "operands", "params"), SAMPLES)
def test_second_derivatives_of_every_row_agree_with_differences_of_gradients(gate, operands, params):
    arrays = [from_nested(operand, float) for operand in operands]
    recording, _ = curved(gate, params, arrays)
    found = hessian(Trace(recording.passes, FLOAT))
    column = 0
    for slot, array in enumerate(arrays):
        for i in range(len(flat(array))):
            mine = [row[column] for row in found.matrix]
            column += 1
            if slot == NO_GRADIENT.get(gate.name):
                assert not any(mine)
                continue
            step = 1e-6
            above, below = (gradient(gate, params, nudged(arrays, slot, i, way)) for way in (step, -step))
            assert mine == pytest.approx([(x - y) / (2 * step) for x, y in zip(above, below)], rel=1e-5, abs=2e-7)
    assert column == len(found.labels) == len(found.matrix)
    assert len(found.names) == len(arrays)


@pytest.mark.parametrize("case", MEASURED, ids=lambda case: case["program"][-40:])
def test_hessians_agree_with_pytorch(case):
    found = hessian(case["program"])
    assert len(found.labels) == len(case["matrix"])
    for mine, theirs in zip(found.matrix, case["matrix"], strict=True):
        assert mine == pytest.approx(theirs, rel=1e-12, abs=1e-14)


def second_derivative(program, inputs, first, second):
    """Differentiate by dual numbers of dual numbers, in fractions."""
    duals = {
        name: Dual(Dual(Fraction(text), Fraction(name == second)), Dual(Fraction(name == first), Fraction(0)))
        for name, text in inputs.items()
    }
    found = run_as_python(program, {}, duals, Fraction)
    slope = found.slope if isinstance(found, Dual) else 0
    return slope.slope if isinstance(slope, Dual) else 0


@pytest.mark.parametrize("batch", range(5))
def test_random_programs_are_differentiated_twice_exactly(batch):
    compared = 0
    for seed in range(batch * 50, (batch + 1) * 50):
        program, inputs = random_program(seed)
        try:
            pairs = [(a, b) for a in inputs for b in inputs]
            expected = {pair: second_derivative(program, inputs, *pair) for pair in pairs}
        except ZeroDivisionError:
            continue
        found = hessian(program, {name: Fraction(text) for name, text in inputs.items()}, number=Fraction)
        assert all(type(x) is Fraction for row in found.matrix for x in row)
        assert {pair: found[pair] for pair in pairs} == expected, (program, inputs)
        compared += any(expected.values())
    assert compared > 20


@pytest.mark.parametrize("program", [case["program"] for case in MEASURED])
def test_the_differentiated_program_is_the_program_bit_for_bit(program):
    found, trace = hessian(program), run(program)
    assert found.value == trace.value
    assert list(found.gradient) == [x for each in trace.grads.values() for x in flat(from_nested(each, float))]
    for row, column in ((i, j) for i in range(len(found.labels)) for j in range(i)):
        assert found.matrix[row][column] == pytest.approx(found.matrix[column][row], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("program", "second"),
    [
        ("f = relu(x)**2", 0.0),
        ("f = abs(x)", 0.0),
        ("f = maximum(x, 0)", 0.0),
        ("f = x**2", 2.0),
        ("f = x**3", 0.0),
        ("f = x**1", 0.0),
        ("f = x**0", 0.0),
        ("f = tanh(x)**2", 2.0),
        ("f = sigmoid(x)**2", 0.125),
        ("f = softplus(x)**2", 0.5 + 0.5 * 0.6931471805599453),
        ("f = sigmoid(x)", 0.0),
        ("f = cos(x)", -1.0),
        ("f = exp(x) * sin(x)", 2.0),
        ("f = elu(x) * x", 2.0),
    ],
)
def test_second_derivatives_at_zero_where_rows_have_branches(program, second):
    assert hessian(program, x=0.0).matrix[0][0] == pytest.approx(second, rel=1e-14)


def test_blocks_go_by_pairs_of_inputs_and_by_labels():
    found = hessian("W = [[1, 2], [3, 4]]; x = [5, 6]; b = 7; f = sum(W @ x) * b")
    assert found.names == ("W", "x", "b")
    assert found.labels == ("W[0][0]", "W[0][1]", "W[1][0]", "W[1][1]", "x[0]", "x[1]", "b")
    assert found["W", "x"] == [[[7.0, 0.0], [0.0, 7.0]], [[7.0, 0.0], [0.0, 7.0]]]
    assert found["x", "b"] == [4.0, 6.0]
    assert found["b", "b"] == 0.0
    assert found["W[0][1]", "x[1]"] == 7.0
    assert found["b"] == {"W": [[5.0, 6.0], [5.0, 6.0]], "x": [4.0, 6.0], "b": 0.0}
    with pytest.raises(InputError, match="by 'W\\[0\\]\\[2\\]'"):
        found["b", "W[0][2]"]


def test_wrt_chooses_inputs_and_their_order():
    found = hessian("f = x * y**2 + z", x=2, y=3, z=1, wrt=["y", "x"])
    assert (found.labels, found.matrix) == (("y", "x"), ((4.0, 6.0), (6.0, 0.0)))
    assert hessian("f = x * y**2", x=2, y=3, wrt="y").matrix == ((4.0,),)
    with pytest.raises(InputError, match="'q' is no input; use one of x, y"):
        hessian("f = x * y", x=2, y=3, wrt="q")


def test_an_output_can_be_chosen_and_inputs_that_do_not_matter_have_zeros():
    found = hessian("a = x * x; f = a * y", x=2, y=3, output="a")
    assert (found.output, found.matrix) == ("a", ((2.0, 0.0), (0.0, 0.0)))


def test_inputs_of_earlier_passes_have_zeros():
    found = hessian("v = 2.0; w = 3.0; backward(v * w); f = w * w; backward(f)")
    assert (found.names, found.matrix) == (("v", "w"), ((0.0, 0.0), (0.0, 2.0)))


def test_a_linear_program_has_a_trace_without_sweeps():
    found = hessian("f = 2 * x + y", x=1, y=1)
    assert found.matrix == ((0.0, 0.0), (0.0, 0.0))
    assert all(isinstance(event, Forward) for event in found.trace)


def test_the_last_pass_is_differentiated_with_the_inputs_as_they_were():
    program = "w = 2.0\nfor i in range(3):\n    f = w**3\n    backward(f)\n    w -= 0.1 * w.grad"
    found, trace = hessian(program), run(program)
    last = trace.passes[-1].value
    assert found.value == last
    assert found.matrix[0][0] == pytest.approx(6 * last ** (1 / 3), rel=1e-12)


def test_values_of_python_programs_are_differentiated_twice():
    with Tape() as tape:
        a, b = Value(2.0, name="a"), Value([1.0, -3.0], name="b")
        (a * b * b).sum().backward()
    found = hessian(tape.trace())
    assert found.labels == ("a", "b[0]", "b[1]")
    assert found.matrix == ((0.0, 2.0, -6.0), (2.0, 4.0, 0.0), (-6.0, 0.0, 4.0))
    with pytest.raises(InputError, match="give others to its program"):
        hessian(tape.trace(), a=3)


def test_a_seed_weighs_the_outputs():
    assert hessian("x = [1.0, 2.0]; q = x**2; backward(q, [1, 10])").matrix == ((2.0, 0.0), (0.0, 20.0))


def test_what_has_no_derivatives_is_refused():
    with pytest.raises(InputError, match="depends on no input"):
        hessian("x = constant(2); f = x * x")
    with pytest.raises(InputError, match="has no backward sweep"):
        hessian(run("f = x * x", x=2, backward=False))


@pytest.mark.parametrize(
    ("program", "x", "orders"),
    [
        ("f = x**5", 2.0, (80.0, 160.0, 240.0, 240.0, 120.0, 0.0)),
        ("f = sin(x)", 0.5, (math.cos(0.5), -math.sin(0.5), -math.cos(0.5), math.sin(0.5))),
        ("f = sigmoid(x)", 0.0, (0.25, 0.0, -0.125, 0.0)),
        ("f = tanh(x)", 0.0, (1.0, 0.0, -2.0, 0.0)),
        ("f = softplus(x)", 0.0, (0.5, 0.25, 0.0, -0.125)),
    ],
)
def test_the_trace_is_differentiated_again_for_higher_orders(program, x, orders):
    found = hessian(program, x=x)
    assert found.gradient[0] == pytest.approx(orders[0], rel=1e-13)
    for order in orders[1:]:
        assert found.matrix[0][0] == pytest.approx(order, rel=1e-12, abs=1e-14)
        found = hessian(found.trace)


def test_limits():
    with pytest.raises(LimitError, match="fewer inputs with wrt"):
        hessian("f = sum(exp(x))", x=[0.5] * 40, max_steps=4000)
    with pytest.raises(LimitError, match="tensors smaller"):
        hessian("f = sum(A @ B)", A=[[0.5] * 30] * 30, B=[[0.5] * 30] * 30, max_steps=20_000)


def test_the_trace_steps_forwards_backwards_and_backwards_through_the_backward_sweep():
    trace = hessian("y = x * x; z = y * x; f = sin(z)", x=2.0).trace
    names = [trace.name(node) for node in range(trace.node_count)]
    assert names[:4] == ["x", "y", "z", "f"]
    assert names[4:] == ["v₄", "∂f/∂f", "∂f/∂z", "∂f/∂y", "v₈", "v₉", "v₁₀", "v₁₁", "∂f/∂x"]
    assert [each.backward.start > 0 for each in trace.passes] == [True]
    assert trace.output == "∂f/∂x"
    assert trace.span(trace.find("∂f/∂y")) == trace.span(trace.find("z"))
    assert trace.find("df/dy") == trace.find("∂f/∂y")
    assert "Backward from ∂f/∂x" in str(trace)
    assert "∂(∂f/∂x)/∂x" in str(trace)


def test_names_of_derivatives_of_derivatives():
    inner = Partial(Name("f", 1), Name("w", 2))
    assert inner.shown() == "∂f/∂w₂"
    assert inner.shown(ascii_only=True) == "df/dw#2"
    assert Partial(inner, Name("", 7)).shown() == "∂(∂f/∂w₂)/∂v₇"
    assert Partial(inner, inner, 2).shown(ascii_only=True) == "d(df/dw#2)/d(df/dw#2)#2"


def test_elements_of_versions_and_of_shared_numbers_keep_their_names():
    trace = hessian("c = x * x; c = c * x; b = broadcast(c, (2,)); h = relu(b); f = sum(h * h)", x=1.5).trace
    names = [trace.name(node) for node in range(trace.node_count)]
    assert len(names) == len(set(names))
    assert {"c", "c₂", "∂f/∂c", "∂f/∂c₂", "∂f/∂h[0]", "∂f/∂x"} <= set(names)


def test_the_screen_shows_every_step_of_a_differentiated_program():
    session = Session(hessian("y = x * x; f = sin(y) + y", x=2.0).trace, "<text>")
    for position in range(1, len(session.trace) + 1):
        session.cursor.seek(position)
        pages = [step_page(session, 60), CircuitPage(session, 90, 20), EventsPage(session, 60), ValuesPage(session, 60)]
        assert all(plain_text(page.line(y)) is not None for page in pages for y in range(page.height))
    session.cursor.go("∂f/∂y")
    page = step_page(session, 60)
    assert "∂f/∂y" in plain_text(page.line(0))
    assert plain_text(source_page(session).line(0))
