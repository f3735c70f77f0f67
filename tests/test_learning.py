"""Traces of programs that learn: passes, updates, prints, calls; told as text, in JSON and on the screen."""

import json

import pytest

import stepgrad
from stepgrad import Backward, Cursor, Forward, Seed, run
from stepgrad.events import Print, Update
from stepgrad.formats import render
from stepgrad.picture import Closed, picture_at
from stepgrad.wording import Wording
from tests.screen import drive, session_of, shown
from tui.view.events import EventsPage
from tui.view.layers import bar_length, layers_page
from tui.view.page import plain_text
from tui.view.step import step_page
from tui.view.tensors import tensor_page

DESCENT = "w = 2.0; b = 1.0\nfor k in range(3):\n    loss = (w*3 + b - 4)**2\n    print(k)\n    backward(loss)\n    w -= 0.01 * w.grad\n    c = w * 0\n    b -= 0.01 * b.grad\n    print(f'{loss:.2f}')"
NEURON = "def squash(x):\n    return 1 / (1 + exp(-x))\ndef neuron(w, x):\n    return squash(w * x)\nw = 2.0; x = -1.0\ny = neuron(w, x)\nf = y * 3"


def kinds(trace):
    letters = {Forward: "f", Seed: "s", Backward: "b", Update: "u", Print: "p"}
    return "".join(letters[type(event)] for event in trace)


def test_passes_go_from_their_first_forward_step_to_their_last_update():
    trace = run(DESCENT)
    assert kinds(trace).split("s")[0] == "ffffffp"
    assert [kinds(trace[each.updates.start : each.updates.stop]) for each in trace.passes] == ["ufup"] * 3
    assert [each.number for each in trace.passes] == [1, 2, 3]
    assert [event.step for event in trace] == list(range(1, len(trace) + 1))
    for before, after in zip(trace.passes, trace.passes[1:]):
        assert before.steps.stop == after.steps.start


def test_an_update_says_what_was_and_what_is():
    trace = run(DESCENT)
    updates = [event for event in trace if isinstance(event, Update)]
    assert [event.name for event in updates] == ["w₂", "b₂", "w₃", "b₃", "w₄", "b₄"]
    w = 2.0
    b = 1.0
    for k in range(3):
        g = 2 * (w * 3 + b - 4)
        first, second = updates[2 * k], updates[2 * k + 1]
        assert (first.old, first.new) == (w, w - 0.01 * (g * 3))
        assert first.change == first.new - first.old
        assert (second.old, second.new) == (b, b - 0.01 * g)
        assert trace.forward_index(first.node) + 1 == first.step
        w, b = first.new, second.new
    assert trace.updated == {"w": w, "b": b}
    assert list(trace.grads) == ["w", "b"]
    assert trace.printed == ["0", "9.00", "1", "5.76", "2", "3.69"]


def test_every_node_and_every_step_find_each_other():
    trace = run(DESCENT)
    for index, event in enumerate(trace):
        nodes = trace.nodes_at(index)
        match event:
            case Print():
                assert nodes == ()
            case Backward():
                assert nodes == (event.node, event.operand)
            case _:
                assert nodes == (event.node,)
        if isinstance(event, (Forward, Update)):
            assert trace.forward_index(event.node) == index
            cursor = Cursor(trace, index + 1)
            assert cursor.value(event.node) == (event.new if isinstance(event, Update) else event.value)
            if index:
                assert Cursor(trace, index).value(event.node) is None


def test_edges_per_pass_stay_constant():
    trace = run("w = 1.0\nfor k in range(40):\n    f = (w - 3)**2\n    backward(f)\n    w -= 0.1*w.grad")
    assert {len(each.backward) for each in trace.passes} == {3}
    assert {len(each.forward) for each in trace.passes[1:]} == {2}


def test_values_in_the_last_pass_need_not_be_swept():
    trace = run("w = 1.0\nf = w*w\nbackward(f)\nw -= 0.1*w.grad\nprint(w)\ng = w + 1")
    assert trace.output == "f"
    assert kinds(trace) == "ffsbbupf"
    assert trace.passes[-1].backward == range(8, 8)


def test_moves_among_updates():
    cursor = Cursor(run(DESCENT))
    starts = []
    while cursor.phase():
        starts.append(type(cursor.event).__name__)
    assert starts[:4] == ["Seed", "Update", "Forward", "Seed"]
    update = next(event for event in cursor.trace if isinstance(event, Update))
    cursor.seek(update.step)
    assert cursor.partner()  # where the updated input gets its next gradient
    assert cursor.event.operand == update.node
    cursor.start()
    while cursor.over():
        pass
    assert cursor.position == len(cursor.trace)
    while cursor.over(reverse=True):
        pass
    assert cursor.position == 1


def test_text_and_json_and_layers():
    trace = run(DESCENT)
    lines = list(render(trace, "text"))
    assert "Updates" in lines
    assert "Pass 2 of 3: forward" in lines
    assert [line for line in lines if "prints: " in line][0].endswith("prints: 0")
    update = next(line for line in lines if " w₂ = " in line)
    assert update.split() == ["14", "w₂", "=", "2.00", "+", "(-0.18)", "≈", "1.82"]
    found = json.loads(next(render(trace, "json")))
    assert found["updated"] == trace.updated
    assert found["output"] == "loss"
    table = list(render(trace, "layers", digits=2))
    assert table[0].split() == ["pass", "loss", "‖∂w‖", "‖∂b‖"]
    assert table[1].split() == ["1", "9.00", "18.00", "6.00"]
    assert "updated" not in json.loads(next(render(run("x = 2; f = x * x"), "json")))


def test_tensors_are_updated_row_by_row():
    trace = run("W = [[1.0, 2.0], [3.0, 4.0]]\nf = sum(W * W)\nbackward(f)\nW -= 0.1 * W.grad")
    text = "\n".join(render(trace, "text"))
    assert "W₂ updated  (2, 2)" in text
    assert "old = [1.00 2.00]   change ≈ [-0.20 -0.40]   new = [0.80 1.60]" in text


# Calls as composite gates


def test_events_know_their_calls():
    trace = run(NEURON)
    paths = {
        trace.name(node): [trace.calls[call].name for call in trace.path(node)] for node in range(trace.node_count)
    }
    assert paths["w"] == []
    assert paths["v₂"] == ["neuron"]
    assert paths["y"] == ["neuron", "squash"]
    assert paths["f"] == []


def test_a_call_is_one_gate_with_the_local_of_the_whole():
    trace = run(NEURON)
    y = trace.value_at(trace.find("y"), len(trace))
    neuron, squash = trace.composite(0), trace.composite(1)
    assert [trace.name(node) for node in neuron.operands] == ["w", "x"]
    assert neuron.locals == pytest.approx(((1 - y) * y * -1.0, (1 - y) * y * 2.0))
    assert squash.locals == pytest.approx(((1 - y) * y,))


def test_closed_calls_are_drawn_as_one_gate():
    trace = run(NEURON)
    wording = Wording(trace)
    whole = picture_at(wording, 1)
    closed = picture_at(wording, 1, Closed(trace, set()))
    opened = picture_at(wording, 1, Closed(trace, {0}))
    assert [len(each.nodes) for each in (whole, closed, opened)] == [8, 4, 5]
    assert [vertex.label for vertex in closed.circuit.vertices] == ["w", "x", "neuron( )", "×3"]
    assert closed.circuit.operands == ((), (), (0, 1), (2,))


def test_a_call_whose_inside_is_used_outside_is_drawn_open():
    trace = run(
        "kept = []\ndef f(x):\n    h = x * 2\n    kept.append(h)\n    return h * 3\nx = 1.0\ny = f(x) + kept[0]"
    )
    picture = picture_at(Wording(trace), 1, Closed(trace, set()))
    assert [vertex.label for vertex in picture.circuit.vertices] == ["x", "×2", "×3", "+"]


# On the screen


def text_of(page):
    return "\n".join(plain_text(page.line(y)).rstrip() for y in range(page.height))


def test_pages_of_updates_and_prints():
    session = session_of(DESCENT)
    steps = [event.step for event in session.trace if isinstance(event, (Update, Print))]
    session.cursor.seek(steps[1])
    assert "Update w₂ is given another value" in text_of(step_page(session, 80))
    assert "w₂ = 2.00 + (-0.18) ≈ 1.82" in text_of(step_page(session, 80))
    assert "old" in text_of(tensor_page(session, 80))
    session.cursor.seek(steps[0])
    assert text_of(step_page(session, 80)).splitlines()[2] == "  0"
    rows = text_of(EventsPage(session, 60))
    assert "prints 0" in rows
    assert "w₂ = 2.00 + (-0.18)" in rows
    assert "w" in text_of(layers_page(session, 40)).splitlines()[1]


def test_bars_are_logarithmic():
    assert bar_length(1.0, 1.0, 80) == 80
    assert bar_length(1e-4, 1.0, 80) == 40
    assert bar_length(1e-9, 1.0, 80) == 0
    assert bar_length(0.0, 0.0, 80) == 0
    assert bar_length(float("inf"), 1.0, 80) == 80


def test_calls_are_opened_and_closed_on_the_screen():
    pytest.importorskip("textual")

    async def body(app, pilot):
        await pilot.press("m")
        assert any("neuron( )" in line for line in shown(app))
        app.session.cursor.go("v₂")
        await pilot.press("enter")
        assert any("squash( )" in line for line in shown(app))
        await pilot.press("m", "8")
        await pilot.pause()
        assert not any("squash( )" in line for line in shown(app)[:20])
        for _ in range(len(app.session.trace)):
            await app.run_action("step")

    drive(NEURON, body)


def test_a_training_run_is_stepped_through():
    pytest.importorskip("textual")

    async def body(app, pilot):
        while app.session.cursor.step():
            app.show()
        assert any("PRINT" in line for line in shown(app))
        await pilot.press("[", "7")
        await pilot.pause()
        assert any("pass 3 of 3" in line for line in shown(app))

    drive(DESCENT, body)


def test_the_event_types_are_public():
    assert {"Update", "Print"} <= set(stepgrad.__all__)
