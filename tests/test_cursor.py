"""Trace and Cursor: a sequence of events, and what is known at a position in it."""

import random
from collections.abc import Sequence

import pytest

import stepgrad
from stepgrad import Backward, Cursor, Forward, InputError, Seed, run
from tests.oracles import random_program

SIGMOID = "w0 = 2.0; x0 = -1.0\nw1 = -3.0; x1 = -2.0; w2 = -3.0\nf = 1/(1 + exp(-(w0*x0 + w1*x1 + w2)))"
TWICE = "x = 3.0\nh = x * x\nbackward(h)\ng = h * x\nbackward(g)\nk = g + 1"


def test_a_trace_is_an_immutable_sequence():
    trace = run(SIGMOID)
    assert isinstance(trace, Sequence)
    assert len(trace) == 26 == len(list(trace))
    assert [event.step for event in trace] == list(range(1, 27))
    assert trace[-1] == trace[25]
    assert trace[3:6] == [trace[3], trace[4], trace[5]]
    assert [type(event) for event in trace[12:15]] == [Forward, Seed, Backward]
    with pytest.raises(IndexError, match="26 events"):
        trace[26]
    with pytest.raises(TypeError):
        trace[0] = None


def test_every_backward_event_is_consistent():
    for seed in range(60):
        program, inputs = random_program(seed)
        trace = run(program, {name: float(text) for name, text in inputs.items()})
        arrived = {}
        for event in trace:
            if isinstance(event, Seed):
                arrived = {event.node: event.gradient}
            elif isinstance(event, Backward):
                assert event.upstream == arrived[event.node] or event.upstream != event.upstream
                product = event.upstream * event.local
                total = arrived[event.operand] + product if event.operand in arrived else product
                assert (event.product, event.total) == (product, total) or total != total
                assert event.first == (event.operand not in arrived)
                arrived[event.operand] = total


def naive(trace, position):
    """What is known after some events, by replaying from the start."""
    values, gradients = {}, {}
    for event in trace[:position]:
        match event:
            case Forward():
                values[event.node] = event.value
            case Seed():
                gradients = {event.node: event.gradient}
            case Backward():
                gradients[event.operand] = event.total
    return values, gradients


@pytest.mark.parametrize("program", [SIGMOID, TWICE, "W = [[1, 2], [3, 4]]\nf = sum(W @ [1, 1])", "c = 1.0\nc = c + c"])
def test_what_is_known_needs_no_replay(program):
    trace = run(program)
    cursor = Cursor(trace)
    for position in random.Random(1).choices(range(1, len(trace) + 1), k=80):
        cursor.seek(position)
        values, gradients = naive(trace, position)
        for node in range(trace.node_count):
            assert cursor.value(node) == values.get(node)
            assert cursor.gradient(node) == gradients.get(node)


def test_moving():
    cursor = Cursor(run(SIGMOID))
    assert cursor.position == 1
    assert not cursor.back()
    assert cursor.step()
    assert cursor.step(3)
    assert cursor.position == 5
    cursor.end()
    assert cursor.position == 26
    assert not cursor.step()
    cursor.start()
    assert cursor.event == cursor.trace[0]
    assert cursor.step(1000)
    assert cursor.position == 26
    for wrong in (0, 27, -1):
        with pytest.raises(InputError, match="steps 1 to 26"):
            cursor.seek(wrong)


def test_until():
    cursor = Cursor(run(SIGMOID))
    assert cursor.until(lambda event: isinstance(event, Seed))
    assert cursor.position == 14
    assert cursor.until(lambda event: event.step == 3, reverse=True)
    assert cursor.position == 3
    assert not cursor.until(lambda event: False)
    assert cursor.position == 3


def test_the_lectures_numbers_appear_when_their_step_is_reached():
    cursor = Cursor(run("m = -1.0; h = exp(m); z = h + 1; f = 1/z"), 4)
    assert (cursor.value("z"), cursor.value("f"), cursor.gradient("f")) == (
        1 + cursor.value("h"),
        cursor.event.value,
        None,
    )
    cursor.step()
    assert cursor.gradient("f") == 1.0
    cursor.end()
    assert f"{cursor.gradient('h'):.2f} {cursor.gradient('m'):.2f}" == "-0.53 -0.20"
    with pytest.raises(InputError, match="did you mean"):
        Cursor(run("alpha = 1.0")).value("alhpa")


def test_passes():
    trace = run(TWICE)
    assert [(each.number, each.value, each.steps) for each in trace.passes] == [
        (1, 9.0, range(5)),
        (2, 27.0, range(5, 11)),
        (3, None, range(11, 12)),
    ]
    assert [trace.pass_at(i) for i in (0, 4, 5, 10, 11)] == [1, 1, 2, 2, 3]
    assert trace.grads == {"x": 27.0}


def test_a_tensor_edge_opens_into_its_scalar_arithmetic():
    trace = run("W = [[0.1, 0.5], [-0.3, 0.8]]\nx = [0.2, 0.4]\nq = W @ x\nf = sum(q**2)")
    to_w = next(event for event in trace if isinstance(event, Backward) and event.operand == trace.find("W"))
    assert [
        (term.result, f"{term.upstream:.2f} {term.local:.2f} {term.product:.3f}") for term in to_w.terms((0, 1))
    ] == [((0,), "0.44 0.40 0.176")]
    bias = run("X = constant([[1.0], [2.0], [3.0]]); b = [0.5]\nf = sum((X + b)**2)")
    to_b = bias[-1]
    assert [(term.result, term.product) for term in to_b.terms((0,))] == [((0, 0), 3.0), ((1, 0), 5.0), ((2, 0), 7.0)]
    with pytest.raises(InputError, match="nothing further to open"):
        run("x = 2.0; f = x*x")[-1].terms(())


def test_a_million_events_are_looked_at_one_by_one():
    with stepgrad.Tape() as tape:
        x = y = stepgrad.Value(1.0, name="x")
        for _ in range(300_000):
            y = y * 1.0
        y.backward()
    trace = tape.trace()
    assert len(trace) == 1 + 300_000 + 1 + 300_000
    assert trace[450_000].total == 1.0
    assert Cursor(trace, len(trace)).gradient("x") == 1.0
    assert (x.grad, trace.grads) == (1.0, {"x": 1.0})


# Moves


def positions(cursor, move, **options):
    """Where repeated moves lead, until nothing moves."""
    found = [cursor.position]
    while move(**options):
        found.append(cursor.position)
    return found


def test_over_lets_a_whole_gate_happen():
    cursor = Cursor(run("x = 3.0\nh = x * x\nf = h + x"))  # 3 forward, seed, f: 2 edges, h: 2 edges
    assert positions(cursor, cursor.over) == [1, 2, 3, 4, 6, 8]
    assert positions(cursor, cursor.over, reverse=True) == [8, 6, 4, 3, 2, 1]
    cursor.seek(5)  # in the middle of a gate
    assert cursor.over(reverse=True)
    assert cursor.position == 4


def test_phases_and_passes():
    cursor = Cursor(run(TWICE))
    starts = [each.start + 1 for p in cursor.trace.passes for each in (p.forward, p.backward) if each]
    assert positions(cursor, cursor.phase) == starts
    cursor.seek(starts[2] + 1)
    assert cursor.phase(reverse=True)
    assert cursor.position == starts[2]
    assert cursor.phase(reverse=True)
    assert cursor.position == starts[1]
    cursor.start()
    assert positions(cursor, cursor.turn) == [p.steps.start + 1 for p in cursor.trace.passes]
    assert positions(cursor, cursor.turn, reverse=True)[-1] == 1


def test_partner_goes_between_forward_and_backward():
    cursor = Cursor(run(SIGMOID))
    for node in range(13):
        cursor.seek(node + 1)
        assert cursor.partner()
        event = cursor.event
        assert isinstance(event, Seed) or node in (event.node, event.operand)
        if isinstance(event, Backward) and event.node == node:
            assert cursor.partner()
            assert cursor.position == node + 1
    lonely = Cursor(run("x = 1; y = 2; f = x * 2"), 2)
    assert not lonely.partner()


@pytest.mark.parametrize(
    ("text", "there"),
    [("17", 17), ("step 17", 17), ("+5", 15), ("-5", 5), ("50%", 13), ("0%", 1), ("100%", 26), ("w1", 3), ("node f", 13),
     ("v₅", 6), ("%5", 6), ("pass 1", 1), ("-99", 1), ("+99", 26)],
)  # fmt: skip
def test_go(text, there):
    cursor = Cursor(run(SIGMOID), 10)
    cursor.go(text)
    assert cursor.position == there


@pytest.mark.parametrize("text", ["", "0", "27", "pass 2", "pass 0", "nowhere", "%13", "v₉₉", "9" * 5000, "node"])
def test_go_nowhere(text):
    cursor = Cursor(run(SIGMOID), 10)
    with pytest.raises(InputError):
        cursor.go(text)
    assert cursor.position == 10


def test_hunt_gives_signs_of_life_and_can_begin_anew():
    from stepgrad.conditions import read_condition
    from stepgrad.cursor import SLICE

    lines = ["x = 1.0", *["x = x + 1"] * (3 * SLICE), "f = exp(x - 6000)"]
    cursor = Cursor(run("\n".join(lines)))
    wanted = read_condition("exp", cursor.trace)
    *signs, found = cursor.hunt([wanted])
    assert signs == [None] * 3
    assert cursor.position == 1
    cursor.seek(found)
    assert [cursor.until(wanted) and cursor.position for _ in range(3)] == [found + 1, found + 2, False]
    assert cursor.until(wanted, wrap=True)  # the seed and the edge are steps of the gate, too
    assert cursor.position == found
    assert cursor.until(wanted, wrap=True, reverse=True)
    assert cursor.position == found + 2


def test_an_opened_step_is_walked_element_by_element():
    cursor = Cursor(run("W = [[0.1, 0.5], [-0.3, 0.8]]\nx = [0.2, 0.4]\nf = sum((W @ x)**2)"), 9)
    assert cursor.can_open
    assert cursor.open()
    products = []
    while True:
        index, terms = cursor.opened()
        products.append((index, sum(term.product for term in terms)))
        if not cursor.step():
            break
    flat = [number for row in stepgrad.tensor.nested(cursor.event.product) for number in row]
    assert products == list(zip([(0, 0), (0, 1), (1, 0), (1, 1)], flat))
    assert cursor.back(2)
    assert cursor.opened()[0] == (0, 1)
    assert cursor.close()
    assert not cursor.close()
    with pytest.raises(InputError, match="not open"):
        cursor.opened()
    assert cursor.step()
    assert cursor.position == 10
    cursor.start()
    assert not cursor.open()


def test_a_cursor_finds_its_place_in_another_trace():
    before = Cursor(run(SIGMOID), 15)
    same = Cursor(run(SIGMOID, w0=5))
    same.like(before)
    assert same.position == 15
    other = Cursor(run("a = 3\nb = a * 2\n" + SIGMOID))
    other.like(before)
    assert other.event.node == other.trace.find("f")
    assert isinstance(other.event, Backward)
    short = Cursor(run("x = 1; g = x * x"))
    short.like(before)
    assert short.position == len(short.trace)


def test_random_walks_agree_with_a_naive_replay():
    chance = random.Random(7)
    for seed in range(30):
        program, inputs = random_program(seed)
        trace = run(program, {name: float(text) for name, text in inputs.items()})
        cursor = Cursor(trace)
        moves = [cursor.step, cursor.back, cursor.over, cursor.phase, cursor.partner, cursor.start, cursor.end]
        for _ in range(20):
            chance.choice(moves)()
            values, gradients = naive(trace, cursor.position)
            node = chance.randrange(trace.node_count)
            assert repr(cursor.value(node)) == repr(values.get(node))
            assert repr(cursor.gradient(node)) == repr(gradients.get(node))
