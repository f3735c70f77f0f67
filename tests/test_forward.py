"""Forward mode: tangents against gradients, in fractions, against differences; their steps, in text and on the screen."""

import math
from fractions import Fraction

import pytest

from stepgrad import Cursor, Direction, InputError, LimitError, StepgradError, Tangent, jvp, modes, render, run
from stepgrad.conditions import read_condition
from stepgrad.directions import read_along
from stepgrad.events import Backward, Forward
from stepgrad.gallery import example_paths, example_text
from stepgrad.numeric import FLOAT
from stepgrad.picture import Closed, picture_at
from stepgrad.recording import Recording
from stepgrad.tangents import push
from stepgrad.tensor import flat, from_nested, nested, shape_of, shaped
from stepgrad.wording import Wording
from tests.oracles import random_program
from tests.test_ops import NO_GRADIENT, SAMPLES, weights_for
from tui.session import Session
from tui.view.bars import Timeline, status_line
from tui.view.circuit import CircuitPage
from tui.view.events import EventsPage
from tui.view.layers import layers_page
from tui.view.loss import LossPage
from tui.view.page import plain_text
from tui.view.step import step_page
from tui.view.tensors import tensor_page
from tui.view.values import ValuesPage

FORK = "x = 3.0; y = 2.0; q = x * y; f = q + sin(x)"


@pytest.mark.parametrize(("gate", "operands", "params"), SAMPLES)
def test_tangents_of_every_row_agree_with_differences_of_values(gate, operands, params):
    recording = Recording(FLOAT)
    arrays = [from_nested(operand, float) for operand in operands]
    inputs = [recording.leaf(array) for array in arrays]
    moving = [k for k in range(len(arrays)) if k != NO_GRADIENT.get(gate.name)]
    directions = {inputs[k]: weights_for(shape_of(arrays[k]), float) for k in moving}
    node = recording.apply(gate, inputs, params)
    found = push(recording.current.nodes, directions).tangents[node]

    def value(step):
        def moved(k):
            if k not in moving:
                return arrays[k]
            steps = [x + step * way for x, way in zip(flat(arrays[k]), flat(directions[inputs[k]]), strict=True)]
            return shaped(shape_of(arrays[k]), steps)

        return flat(recording.compute(gate, list(map(moved, range(len(arrays)))), params))

    differences = [(x - y) / 2e-6 for x, y in zip(value(1e-6), value(-1e-6), strict=True)]
    assert flat(found) == pytest.approx(differences, rel=1e-6, abs=1e-8)
    assert shape_of(found) == shape_of(node.value)


@pytest.mark.parametrize("batch", range(4))
def test_both_modes_are_exact_and_equal_in_fractions(batch):
    compared = 0
    for seed in range(batch * 100, (batch + 1) * 100):
        program, inputs = random_program(seed)
        try:
            both = modes(program, {name: Fraction(text) for name, text in inputs.items()}, number=Fraction)
        except StepgradError as error:
            assert "divided by zero" in str(error)
            continue
        assert both.reverse == both.forward
        assert not both.gap
        compared += 1
    assert compared > 50


@pytest.mark.parametrize("name", ["sigmoid", "matrix", "staged", "patterns", "mazur", "neuron"])
def test_both_modes_agree_on_examples(name):
    both = modes(example_text(name))
    trace = run(example_text(name))
    assert both.forward == pytest.approx(both.reverse, rel=1e-12)
    assert both.gap < 1e-12
    assert both.reverse_steps == sum(isinstance(trace[i], Backward) for i in trace.passes[-1].backward)
    assert len(both.forward_steps) == len(both.labels)


def test_tangents_are_the_jacobian_times_the_direction():
    assert jvp("f = x * y", tangents={"x": 1, "y": 0.5}, x=3.0, y=2.0).tangent == 3.5
    assert jvp("q = W @ x", {"x": [1, 10]}, W=[[1, 2], [3, 4]], x=[5, 6]).tangent == [21.0, 43.0]
    assert jvp("q = W @ x", "W[1][0]", W=[[1, 2], [3, 4]], x=[5, 6]).tangent == [0.0, 5.0]
    assert jvp("q = W @ x", {"W[1][0]": 2, "W[0][0]": 1}, W=[[1, 2], [3, 4]], x=[5, 6]).tangent == [5.0, 10.0]
    assert jvp("f = x**3", x=2.0).tangent == 12.0
    assert jvp("f = x**3", x=Fraction(1, 3), number=Fraction).tangent == Fraction(1, 3)


def test_results_are_complete():
    found = jvp("y = 2 * x; f = y * y", x=3.0)
    assert (found.output, found.value, found.tangent, found.directions) == ("f", 36.0, 24.0, {"x": 1.0})
    assert found.trace.along == "x"
    assert found.trace.grads == {}
    assert found.trace.value == 36.0


def test_steps_of_forward_mode():
    trace = jvp(FORK, {"x": 1, "y": 2}).trace
    assert [type(event) for event in trace] == [Forward] * 5 + [Direction] * 2 + [Tangent] * 5
    assert trace[5:7] == [Direction(6, 0, 1.0), Direction(7, 1, 2.0)]
    first, second = trace[7], trace[8]
    assert first[:9] == (8, 2, 0, 0, 1.0, 2.0, 2.0, 2.0, True)
    assert second[:9] == (9, 2, 1, 1, 2.0, 3.0, 6.0, 8.0, False)
    assert trace.along == "t"
    assert trace.passes[0].backward == range(5, 12)
    assert trace.gradient_at(2, 8) == 2.0
    assert trace.gradient_at(2, 9) == 8.0
    assert trace.gradient_at(2, 5) is None
    assert trace.totals(2, 0) == [2.0, 8.0]


def test_only_what_moves_is_swept():
    trace = jvp("a = x * x; b = y * y; f = a + b", "y", x=0.0, y=2.0).trace
    assert [(event.node, event.operand) for event in trace if isinstance(event, Tangent)] == [(3, 1), (3, 1), (4, 3)]
    still = jvp("a = x * x; f = a + 0 * y", "y", output="a", x=1.0, y=2.0)
    assert still.tangent == 0.0


def test_conventions_and_lost_products_are_noted():
    assert "relu′(0) = 0, by convention" in jvp("f = relu(x)", x=0.0).trace[-1].note
    assert "0 × inf" in jvp("f = 0 * sqrt(x)", x=0.0).trace[-1].note
    assert "0 × inf" in jvp("f = sum(sqrt(x) * 0)", {"x": [1, 1]}, x=[0.0, 1.0]).trace[-2].note
    assert jvp("f = sum(x * 0)", {"x": [1, 1]}, x=[0.0, 1.0]).trace[-1].note is None


def test_earlier_passes_stay_and_the_last_is_swept_forwards():
    program = "w = 2.0\nfor i in range(3):\n    f = w**3\n    backward(f)\n    w -= 0.1 * w.grad"
    moved, trace = jvp(program, "w").trace, run(program)
    start = trace.passes[2].backward.start
    assert moved[:start] == trace[:start]
    assert [type(event) for event in moved[start:]] == [Direction, Tangent]
    assert moved.tangent == trace[trace.passes[2].backward.stop - 1].total


def test_a_trace_can_be_swept_forwards_too():
    trace = run(FORK)
    assert jvp(trace, "x").tangent == trace.grads["x"]
    assert modes(trace).reverse == tuple(trace.grads.values())
    with pytest.raises(InputError, match="give others to its program"):
        jvp(trace, "x", y=3)


@pytest.mark.parametrize(
    ("tangents", "words"),
    [
        ("q", "'q' is no input; use one of x, W"),
        ({"W[5]": 1}, r"'W\[5\]' is no input"),
        ({"W": 1}, "the tangent of 'W' has shape a number"),
        ({"x": [1, 2]}, "wants|has shape"),
        ({"x": "fast"}, "the tangent of x"),
        (None, "say how x, W move"),
    ],
)
def test_wrong_directions_are_refused(tangents, words):
    with pytest.raises(InputError, match=words):
        jvp("f = x * sum(W)", tangents, x=1.0, W=[1.0, 2.0])


def test_nothing_moves_what_depends_on_no_input():
    with pytest.raises(InputError, match="depends on no input"):
        jvp("x = constant(2); f = x * x", {})
    with pytest.raises(LimitError, match="forward-mode sweeps take more"):
        modes("f = sum(x * x)", x=[1.0] * 50, max_steps=150)


def test_directions_as_the_command_line_takes_them():
    assert read_along(["w0=1, x0=0.5", "b"]) == {"w0": 1, "x0": 0.5, "b": 1}
    assert read_along(["W=[[1, 0], [0, 1]],W[0][1]=-2"]) == {"W": [[1, 0], [0, 1]], "W[0][1]": -2}
    for text in ("", "=3", ",x"):
        with pytest.raises(InputError, match="gives no direction"):
            read_along([text])


# Text, moves and screen


def test_text_of_forward_mode():
    text = str(jvp(FORK, {"x": 1, "y": 2}).trace)
    assert text.split("\n\n", 1)[1] == (
        "Tangents by t\n"
        "   6  ∂x/∂t                    =  1.00  the direction\n"
        "   7  ∂y/∂t                    =  2.00  the direction\n"
        "   8  ∂q/∂t = ∂x/∂t · ∂q/∂x    =  1.00 ×  2.00 =  2.00   ∂q/∂x = y\n"
        "   9  ∂q/∂t += ∂y/∂t · ∂q/∂y   =  2.00 ×  3.00 =  6.00, total 8.00   ∂q/∂y = x\n"
        "  10  ∂v₃/∂t = ∂x/∂t · ∂v₃/∂x  ≈  1.00 × -0.99 ≈ -0.99   ∂v₃/∂x = cos(x)\n"
        "  11  ∂f/∂t = ∂q/∂t · ∂f/∂q    =  8.00 ×  1.00 =  8.00   ∂f/∂q = 1\n"
        "  12  ∂f/∂t += ∂v₃/∂t · ∂f/∂v₃ ≈ -0.99 ×  1.00 ≈ -0.99, total ≈ 7.01\n"
        "\n"
        "Tangent of f\n"
        "      ∂f/∂t ≈  7.01"
    )


def test_text_of_tensor_tangents_fits_and_is_ascii_where_asked():
    trace = jvp("q = W @ x; h = relu(q) * q; f = sum(h) + q[0]", "W[0][1]", W=[[1, 2], [3, 4]], x=[5, 6]).trace
    text = "\n".join(render(trace, "text", width=60, ascii_only=True))
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 60
    assert "dq/dW[0][1] = dq/dW * dW/dW[0][1]" in text
    assert "dh/dW[0][1] = d%3/dW[0][1] * (q)" in text or "dh/dW[0][1] = d%3/dW[0][1] * q" in text


def test_cursor_moves_through_forward_mode():
    cursor = Cursor(jvp(FORK, {"x": 1, "y": 2}).trace)
    assert cursor.phase()
    assert cursor.position == 6
    assert cursor.go("q")
    assert cursor.partner()
    assert cursor.position == 8
    assert cursor.over()
    assert cursor.position == 10
    assert cursor.until(read_condition("tangent < 0", cursor.trace))
    assert cursor.position == 12
    assert cursor.partner()
    assert cursor.position == 5
    assert not cursor.can_open
    with pytest.raises(InputError, match="nothing further to open"):
        cursor.trace[7].terms(())
    cursor.end()
    assert cursor.gradient("f") == pytest.approx(7.0100075034)


SLOW = ("bigram", "iris", "mazur_10000", "tiny_gpt")  # these take seconds
SHOWN = {"fork": (FORK, {"x": 1, "y": 2}), "matrix": (example_text("matrix"), {"W[0][1]": 1})}


@pytest.mark.parametrize("name", SHOWN)
def test_the_screen_shows_every_step_of_forward_mode(name):
    session = Session(jvp(*SHOWN[name]).trace, "<text>")
    for position in range(1, len(session.trace) + 1):
        session.cursor.seek(position)
        pages = [step_page(session, 60), tensor_page(session, 60), layers_page(session, 60), LossPage(session, 60, 12)]
        pages += [CircuitPage(session, 90, 20), EventsPage(session, 60), ValuesPage(session, 60)]
        assert all(plain_text(page.line(y)) is not None for page in pages for y in range(page.height))
        assert f"step {position}" in plain_text(status_line(session, 100))
        assert session.step_text()
        Timeline(session, 60).line(0)


def test_the_step_pane_shows_the_arithmetic_of_a_tangent():
    session = Session(jvp(FORK, {"x": 1, "y": 2}).trace, "<text>")
    session.cursor.seek(9)
    page = step_page(session, 60)
    text = "\n".join(plain_text(page.line(y)).rstrip() for y in range(page.height))
    assert "Tangent y → q  through ×" in text
    assert "∂q/∂t += ∂y/∂t · ∂q/∂y" in text
    assert "2.00 × 3.00 = 6.00" in text
    assert "tangents add where operands meet: 2.00 + 6.00 = 8.00" in text
    events = EventsPage(session, 60)
    assert "∂q/∂t += 2.00 × 3.00" in plain_text(events.line(8))
    values = ValuesPage(session, 60)
    assert "∂…/∂t" in plain_text(values.line(0))
    assert "→ TANGENT" in plain_text(status_line(session, 100))


def test_a_tensor_step_opens_into_its_scalar_arithmetic():
    session = Session(jvp("q = W @ x", {"W": [[1, 2], [3, 4]]}, W=[[1, 2], [3, 4]], x=[5, 6]).trace, "<text>")
    session.cursor.end()
    assert session.cursor.open()
    assert session.cursor.step()
    index, terms = session.cursor.opened()
    assert (index, [tuple(term) for term in terms]) == ((1,), [((1, 0), 3.0, 5.0, 15.0), ((1, 1), 4.0, 6.0, 24.0)])
    page = step_page(session, 90)
    text = "\n".join(plain_text(page.line(y)).rstrip() for y in range(page.height))
    assert "∂q[1]/∂t = ∂W[1][0]/∂t · ∂q[1]/∂W[1][0] + ∂W[1][1]/∂t · ∂q[1]/∂W[1][1]" in text
    assert "4.00 × 6.00 = 24.00" in text
    assert "∂q[1]/∂t = 39.00" in text
    assert tensor_page(session, 60).height
    with pytest.raises(InputError, match="is no element of shape"):
        session.cursor.event.terms((2,))


def test_the_picture_draws_the_edge_of_a_tangent():
    trace = jvp(FORK, {"x": 1, "y": 2}).trace
    picture = picture_at(Wording(trace), 9)
    assert [trace.name(node) for node in picture.nodes] == ["x", "y", "q", "v₃", "f"]
    assert picture.edge(trace[8], Closed(trace, None), trace) == (2, 1)


@pytest.mark.parametrize("name", [name for name in example_paths() if name not in SLOW])
def test_examples_are_swept_forwards(name):
    trace = run(example_text(name))
    index, first = trace.inputs[0], trace.input_names()[0]
    value = trace.node(index).value
    moved = jvp(trace, {first: nested(weights_for(shape_of(value), float))})
    assert moved.value == trace.value
    expected = [
        x * y for x, y in zip(flat(trace.gradient(index, len(trace))), flat(weights_for(shape_of(value), float)))
    ]
    assert moved.tangent == pytest.approx(math.fsum(expected), rel=1e-9, abs=1e-12)
