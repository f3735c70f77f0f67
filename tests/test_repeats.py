"""Repeated passes: of a long run only what cannot be recomputed is kept, and nobody notices."""

import copy
import pickle
import random

import pytest

from stepgrad import Backward, Cursor, Forward, check, compare, difference, hessian, jvp, load, modes, run, save, why
from stepgrad.called import Counted
from stepgrad.conditions import read_condition
from stepgrad.equality import same
from stepgrad.extract import chosen_steps
from stepgrad.formats import FORMATS, render
from stepgrad.numeric import FLOAT
from stepgrad.repeats import Repeats
from stepgrad.stretches import Placed
from stepgrad.style import Style
from stepgrad.tensor import nested
from stepgrad.trace import Trace
from tests.folding import folded

LOGISTIC = """
w = 0.5; b = 0.1
data = [[1.0, 2.0], [2.0, -3.0]]
for step in range(6):
    loss = 0
    for x, y in data:
        p = sigmoid(w * x + b)
        loss = loss + (p - y) ** 2
    backward(loss)
    w -= 0.1 * w.grad
    b -= 0.1 * b.grad
"""
MATRIX = """
W = [[0.5, -0.2], [0.1, 0.3]]; b = [0.0, 0.1]
for step in range(5):
    t = 2.0
    h = relu([[1.0, 2.0]] @ W + b)
    loss = mean((h - t) ** 2)
    backward(loss)
    W -= 0.1 * W.grad
    b -= 0.1 * b.grad
print(loss)
"""
MOMENTUM = """
w = 2.0; v = 0
for step in range(7):
    loss = (w * 3 - 1) ** 2 + exp(w * 400 * 0)
    backward(loss)
    v = 0.9 * v + w.grad
    w -= 0.01 * v
y = w * w
"""
CALLS = """
def neuron(w, x, b):
    s = w * x + b
    return tanh(s)
def layer(x):
    return neuron(w1, x, b1) + neuron(w2, x, b2)
def train(steps):
    for step in range(steps):
        out = layer(0.7)
        loss = (out - 0.3) ** 2
        backward(loss)
        w1 -= 0.1 * w1.grad
        w2 -= 0.1 * w2.grad
w1 = 0.5; w2 = -0.4; b1 = 0.1; b2 = 0.2
for step in range(5):
    out = layer(0.7)
    loss = (out - 0.3) ** 2
    backward(loss)
    w1 -= 0.1 * w1.grad
    w2 -= 0.1 * w2.grad
f = layer(w1)
backward(f)
"""
INTERRUPTED = """
w = 1.5; c = 2.0
for step in range(12):
    loss = log(w * c) ** 2 * 3
    backward(loss)
    w -= 0.05 * w.grad
    if step == 5:
        print("half", loss)
"""
SWAPPED = """
a = 1.0; b = 2.0
for step in range(6):
    loss = a * a * b + b
    backward(loss)
    a, b = b - 0.1 * b.grad, a - 0.1 * a.grad
"""
NOTED = """
w = 1.5; c = 2.0
for step in range(9):
    loss = log(w * c - 3) * w + w / (c - 2)
    backward(loss)
    w -= 0.05 * w.grad
"""
KINKS = """
w = 3.0
for step in range(9):
    loss = relu(w) * 1.0 + abs(w - 1)
    backward(loss)
    w -= 1.0 * w.grad
"""
WITHIN = """
def neuron(w, x):
    s = w * x
    return tanh(s)
def start(w, x):
    y = neuron(x, 2.0)
    backward(y)
    for step in range(6):
        loss = neuron(w, 0.7) * w + neuron(w, y * 1)
        backward(loss)
        w -= 0.1 * w.grad
    z = neuron(w, 3.0)
    return z * w
w = 0.5
a = start(w, w)
for step in range(6):
    loss = neuron(w, 0.7) + neuron(w, 0.3) ** 2
    backward(loss)
    w -= 0.1 * w.grad
b = neuron(w, a)
"""
PROGRAMS = {
    "within": WITHIN,
    "logistic": LOGISTIC,
    "matrix": MATRIX,
    "momentum": MOMENTUM,
    "calls": CALLS,
    "interrupted": INTERRUPTED,
    "swapped": SWAPPED,
}


@pytest.fixture(scope="module", params=PROGRAMS)
def pair(request):
    """A run as it is recorded whole, and the same run with its repeated passes folded."""
    found = run(PROGRAMS[request.param]), folded(run(PROGRAMS[request.param]))
    assert sum(each.count for each in found[1].stretches.parts if isinstance(each, Placed)) >= 3
    return found


def test_the_events_are_the_same(pair):
    whole, short = pair
    assert len(short) == len(whole)
    assert all(map(same, short, whole))
    assert short == whole
    assert whole == short
    assert hash(short) == hash(whole)
    places = random.Random(2).choices(range(-len(whole), len(whole)), k=300)
    assert all(same(short[i], whole[i]) for i in places)
    assert same(short[3:200:7], whole[3:200:7])
    assert str(short) == str(whole)


def test_an_event_is_found_where_its_step_says(pair):
    whole, short = pair
    for event in random.Random(4).choices(list(whole), k=40):
        assert event in short
        assert short.index(event) == event.step - 1
        assert short.index(event, event.step - 1 - len(short)) == event.step - 1
        assert short.count(event) == 1
        assert event._replace(step=event.step % len(whole) + 1) not in short
        for bounds in ((event.step,), (0, event.step - 1)):
            with pytest.raises(ValueError, match="this is no event of the trace"):
                short.index(event, *bounds)
    for other in (run("a = 1.0; b = 2.0; c = a*b")[2], 7, tuple(whole[3]), None):
        assert other not in short


def test_what_it_is_made_of_equals_lists(pair):
    for trace in pair:
        assert trace.spans == list(trace.spans)
        assert trace.bare_calls == list(trace.bare_calls)
        assert trace.versions == {name: list(each) for name, each in trace.versions.items()}
        assert trace.spans != [*trace.spans, None]
        assert repr(trace.spans) == repr(list(trace.spans))
    assert pair[0].spans == pair[1].spans


def test_a_trace_is_its_own_copy(pair):
    for trace in pair:
        assert copy.copy(trace) is trace
        assert copy.deepcopy([trace])[0] == trace
        with pytest.raises(TypeError, match="a trace cannot be pickled; stepgrad.save"):
            pickle.dumps(trace)


def test_an_event_with_nan_is_found():
    short = folded(
        run(
            "w = -1.0; c = 2.0\nfor k in range(9):\n    loss = sqrt(w) * c\n    backward(loss)\n    w -= 0.1 * w.grad\n"
        )
    )
    assert any(isinstance(each, Placed) for each in short.stretches.parts)
    assert all(event in short for event in short)


def test_events_made_column_by_column_are_the_same(pair, monkeypatch):
    monkeypatch.setattr("stepgrad.stretches.WORTH_WHILE", 0)
    short = folded(pair[0])
    assert all(map(same, short, pair[0]))
    assert len(list(short)) == len(short)
    kinds = [type(event) for event in short]
    assert kinds == [type(event) for event in pair[0]]


def test_what_is_to_be_noted_is_noted_in_repeated_passes(monkeypatch):
    monkeypatch.setattr("stepgrad.stretches.WORTH_WHILE", 0)
    for text in (NOTED, KINKS):
        whole = run(text)
        short = folded(run(text))
        assert any(isinstance(each, Placed) for each in short.stretches.parts)
        assert all(map(same, short, whole))
        assert short == whole
        assert {event.note for event in short if isinstance(event, (Forward, Backward))} > {None}


def test_what_it_is_made_of_is_the_same(pair):
    whole, short = pair
    for name in (
        "output", "value", "grads", "inputs", "updated", "printed", "node_count", "passes", "versions", "shift",
        "foreign", "changes", "given", "asked",
    ):  # fmt: skip
        assert same(getattr(short, name), getattr(whole, name)) or getattr(short, name) == getattr(whole, name), name
    assert short.input_names() == whole.input_names()
    assert dict(short.names) == dict(whole.names)
    assert dict(short.named) == dict(whole.named)
    assert list(short.spans) == list(whole.spans)
    assert [call[:-1] for call in short.calls] == [call[:-1] for call in whole.calls]
    ends = [[call.result and trace.index_of(call.result) for call in trace.calls] for trace in pair]
    assert ends[0] == ends[1]
    assert [[trace.returned(number) for number in range(len(trace.calls))] for trace in pair] == ends
    assert short.stretches.last_swept == whole.stretches.last_swept
    assert [short.norms(k + 1) for k in range(len(short.passes))] == [
        whole.norms(k + 1) for k in range(len(whole.passes))
    ]


def test_what_is_known_of_every_node_is_the_same(pair):
    whole, short = pair
    chance = random.Random(3)
    for node in range(whole.node_count):
        assert short.name(node) == whole.name(node)
        assert short.bare_name(node, ascii_only=True) == whole.bare_name(node, ascii_only=True)
        assert short.find(short.name(node)) == node or whole.find(whole.name(node)) != node
        assert short.span(node) == whole.span(node)
        assert short.path(node) == whole.path(node)
        assert short.operands(node) == whole.operands(node)
        assert short.forward_index(node) == whole.forward_index(node)
        assert same(short.node(node).value, whole.node(node).value)
        assert short.node(node).index == node
        assert short.gate(node) is whole.node(node).gate
        for step in chance.choices(range(len(whole) + 1), k=12):
            assert same(short.value_at(node, step), whole.value_at(node, step))
            assert same(short.gradient_at(node, step), whole.gradient_at(node, step))
            if step < len(whole):
                assert same(short.totals(node, step), whole.totals(node, step))
    for step in range(len(whole)):
        assert short.nodes_at(step) == whole.nodes_at(step)
        assert short.pass_at(step) == whole.pass_at(step)
        assert short.output_at(step) == whole.output_at(step)
    for call in range(len(whole.calls)):
        assert same(tuple(short.composite(call)), tuple(whole.composite(call)))


def each_total(recorded):
    """Return what the nodes made before the sweep have received, once it is done."""
    return [each.total for each in recorded.nodes]


@pytest.mark.parametrize("worth_while", [0, 1000])
def test_a_recalled_pass_is_the_recorded_one(pair, worth_while, monkeypatch):
    monkeypatch.setattr("stepgrad.stretches.WORTH_WHILE", worth_while)
    short = folded(pair[0])
    for one, other in zip(short.stretches, pair[0].stretches, strict=True):
        assert [one.first_step, one.seed_step, one.tail_step, one.end] == [
            other.first_step, other.seed_step, other.tail_step, other.end,
        ]  # fmt: skip
        x, y = one.recorded, other.recorded
        assert [each.index for each in x.nodes] == [each.index for each in y.nodes]
        assert [each.index for each in x.leaves] == [each.index for each in y.leaves]
        assert (x.output and x.output.index, x.first_index) == (y.output and y.output.index, y.first_index)
        assert same([x.totals, x.seed, *each_total(x)], [y.totals, y.seed, *each_total(y)])
        assert [each.params for each in x.nodes] == [each.params for each in y.nodes]
        assert all(same(a.locals, b.locals) and type(a) is type(b) for a, b in zip(one.made, other.made, strict=True))
    backwards = [each.first_step for each in reversed(pair[1].stretches)]
    assert backwards == [each.first_step for each in pair[0].stretches][::-1]
    assert [each.end for each in pair[1].stretches[1:5]] == [each.end for each in pair[0].stretches[1:5]]


@pytest.mark.parametrize("name", FORMATS)
def test_every_export_is_the_same(pair, name):
    whole, short = pair
    try:
        wanted = list(render(whole, name))
    except Exception as error:  # what one refuses, the other refuses in the same words
        with pytest.raises(type(error), match="") as raised:
            list(render(short, name))
        assert str(raised.value) == str(error)
        return
    assert list(render(short, name)) == wanted


def test_it_is_saved_and_loaded(pair, tmp_path):
    whole, short = pair
    save(short, tmp_path / "short.jsonl")
    save(whole, tmp_path / "whole.jsonl")
    assert (tmp_path / "short.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    again = load(tmp_path / "short.jsonl")
    assert again == short
    assert again.passes == short.passes
    assert (again.named, again.versions) == (short.named, short.versions)


def test_a_cursor_walks_alike(pair):
    one, other = map(Cursor, pair)
    chance = random.Random(5)
    moves = ["step", "back", "over", "phase", "turn", "partner", "start", "end"]
    for _ in range(300):
        move, words = chance.choice(moves), {}
        if move in ("over", "phase", "turn"):
            words = {"reverse": chance.random() < 0.5}
        if chance.random() < 0.1:
            move, words = "seek", {"position": chance.randrange(1, len(pair[0]) + 1)}
        assert getattr(one, move)(**words) == getattr(other, move)(**words)
        assert one.position == other.position
        assert one.summary == other.summary


def test_extracts_and_conditions_are_the_same(pair):
    whole, short = pair
    for name in whole.versions:
        assert chosen_steps(short, node=name) == chosen_steps(whole, node=name)
        holds = [[read_condition(name, trace).holds(trace, i) for i in range(len(trace))] for trace in pair]
        assert holds[0] == holds[1]
    assert chosen_steps(short, only="backward") == chosen_steps(whole, only="backward")


def test_what_is_computed_from_it_is_the_same(pair):
    whole, short = pair
    swept = [each.number for each in whole.passes if each.backward]
    for number in (swept[1], swept[len(swept) // 2], None):
        assert str(check(short, number=number)) == str(check(whole, number=number))
        at = whole.stretch(number or swept[-1])
        inputs = [node for node in at.edges.arrivals if node.gate.name == "input"]
        grads = {whole.name(whole.index_of(node)): at.gradient(node, at.end) for node in inputs}
        wrong = {name: grad * 2.0 if isinstance(grad, float) else None for name, grad in grads.items()}
        bare = {whole.bare_name(whole.index_of(node)): grad for node, grad in zip(inputs, grads.values())}
        for answers in (grads, wrong, bare):
            found = [str(compare(trace, answers, number=number)) for trace in pair]
            assert found[0] == found[1]
    one, other = (straight_results(trace, swept) for trace in pair)
    assert same(one, other)
    along = {name: nested(whole.node(i).value) for name, i in zip(whole.input_names(), whole.inputs, strict=True)}
    forwards = [jvp(trace, along).trace for trace in (short, whole)]
    assert all(map(same, *forwards))
    assert forwards[0] == forwards[1]
    assert forwards[0].passes == forwards[1].passes
    for node in range(forwards[0].node_count):
        steps = range(len(forwards[1]) - 9, len(forwards[1]))
        known = [[each.gradient_at(node, step) for step in steps] for each in forwards]
        assert same(*known)
        assert same(*[each.totals(node, steps[0]) for each in forwards])
    assert same(modes(short).forward, modes(whole).forward)
    assert hessian(short).matrix == hessian(whole).matrix
    name = whole.input_names()[0]
    assert str(why(short, name)) == str(why(whole, name))


def straight_results(trace, swept):
    """Run passes as straight-line code with the values that they have."""
    return [(straight().value, straight().grads) for number in swept if (straight := trace.straightline(number))]


@pytest.mark.parametrize("width", [60, 90])
def test_the_screen_shows_the_same(pair, width):
    from tui.session import Session
    from tui.view.bars import Timeline
    from tui.view.circuit import CircuitPage
    from tui.view.events import EventsPage
    from tui.view.layers import layers_page
    from tui.view.loss import LossPage
    from tui.view.values import ValuesPage

    sessions = [Session(trace, "a run") for trace in pair]
    for position in random.Random(width).choices(range(1, len(pair[0]) + 1), k=12):
        shown = []
        for session in sessions:
            session.cursor.seek(position)
            pages = [
                LossPage(session, width, 10), ValuesPage(session, width), layers_page(session, width),
                Timeline(session, width), CircuitPage(session, width, 12), EventsPage(session, width),
            ]  # fmt: skip
            shown.append([[page.line(y) for y in range(min(page.height, 400))] for page in pages])
        assert shown[0] == shown[1]


def test_two_of_them_are_compared(pair):
    whole, short = pair
    other = folded(run(whole.program.text.replace("0.1", "0.11").replace("1.5", "1.51").replace("3", "4")))
    for first in pair:
        found = difference_told(first, other)
        assert found == difference_told(whole, other)
    assert difference.compare(whole, short).equal


def difference_told(first, second):
    return list(difference.told(difference.compare(first, second), ("a", "b"), Style()))


def long_run(count):
    """Return a trace of very many passes, which give the same numbers again and again, and how many were recalled."""
    short = folded(run(LOGISTIC))
    kept, placed = short.stretches.parts
    few, recalled = placed.repeats, []

    class Watched(Repeats):
        def recall(self, k):
            recalled.append(k)
            return super().recall(k)

    width = few.pattern.width
    many = Watched(few.pattern, few.first_index, few.before, few.values[:width] * count, few.outputs[:1] * count)
    passes = [kept.recorded, many]
    given = {node: name for node, name in short.called.given.items() if node.index < few.first_index}
    spans = list(short.spans[: few.first_index])
    return Trace(passes, FLOAT, program=short.program, names=Counted(given, passes), spans=spans), recalled


def test_who_asks_for_one_thing_of_a_long_run_has_few_passes_recalled():
    trace, recalled = long_run(1_000_000)
    assert len(trace) == 51 + 48 * 1_000_000
    assert len(trace.passes) == 1_000_001
    cursor, middle = Cursor(trace), len(trace) // 2
    questions = [
        lambda: trace[middle], lambda: trace.inputs, lambda: trace.grads, lambda: trace.updated, lambda: trace.value,
        lambda: trace.name(middle // 3), lambda: trace.find("w₇₇₇₇₇₇"), lambda: trace.passes[777_777].value,
        lambda: trace.versions["w"][500_000], lambda: trace.norms(500_000), lambda: trace.losses.high,
        lambda: cursor.go("50%"), cursor.phase, cursor.turn, cursor.over, lambda: cursor.value("w"),
        lambda: cursor.gradient("w"), lambda: cursor.turn(reverse=True), lambda: cursor.phase(reverse=True),
        lambda: list(render(trace, "text", steps=range(middle, middle + 50))), lambda: list(render(trace, "dot")),
        lambda: trace[middle] in trace, lambda: trace.index(trace[middle]),
        lambda: chosen_steps(trace, steps=slice(middle, middle + 50), only="backward"),
        lambda: next(render(trace, "layers")), lambda: cursor.until(read_condition("exp", trace), wrap=True),
        lambda: chosen_steps(trace, node="w₇₇₇₇₇₇"), lambda: cursor.until(read_condition("w₇₇₇", trace), reverse=True),
        lambda: cursor.like(Cursor(trace, middle)),
    ]  # fmt: skip
    for number, question in enumerate(questions):
        recalled.clear()
        question()
        assert len(recalled) <= 8, number
    assert trace.passes[777_777].steps.start == trace.stretches[777_777].first_step
    assert trace.name(trace.find("w₇₇₇₇₇₇")) == "w₇₇₇₇₇₇"
