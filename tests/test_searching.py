"""Searching: of passes that repeat a pattern few are asked, and yet every step that fulfils a condition is found."""

import random

import pytest

from stepgrad import Cursor, StepgradError, jvp, rounds, run
from stepgrad.conditions import Mentions, OnNodes, read_condition
from stepgrad.extract import chosen_steps
from stepgrad.marks import SameMark, mark_at
from stepgrad.searching import steps_to_ask
from stepgrad.stretches import Placed
from tests.test_repeats import CALLS, INTERRUPTED, KINKS, LOGISTIC, MATRIX
from tests.training import training_program

DIVERGES = "w = 2.0; u = 0.5\nfor k in range(60):\n    h = w*w + u\n    f = h**2\n    backward(f)\n    w -= 0.3*w.grad\n    u -= 0.1*u.grad\n"
SLOWLY = "w = 2.0\nfor k in range(60):\n    f = w*w + 1\n    backward(f)\n    w += w.grad*1e5\n"
SAMPLES = "w = 2.0; u = 0.1\nfor k in range(15):\n  for x, y in [(1.0, 2.0), (0.5, 1.0), (-1.0, 0.0)]:\n    h = tanh(w*x + u)\n    f = (h - y)**2\n    backward(f)\n    w -= 0.1*w.grad\n    u -= 0.1*u.grad\n"
LONG = {
    "samples": SAMPLES + SAMPLES.replace("h = tanh", "g = tanh").replace("(h", "(g") + "print(w)\n",
    "interrupted": INTERRUPTED.replace("12", "60").replace("== 5", "% 9 == 5"),
    "kinks": KINKS.replace("9", "50"),
    "logistic": LOGISTIC.replace("6", "40"),
    "matrix": MATRIX.replace("5):", "40):"),
    "calls": CALLS.replace("5):", "40):"),
    "what diverges at once": DIVERGES,
    "what diverges in the end": SLOWLY,
}
WORDS = (
    "nonfinite", "add", "mul", "tanh", "exp", "relu", "total > 1", "value < 0.1 and step > 60", "change < 0",
    "product != product", "step == 100",
)  # fmt: skip


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Rounds are written out as soon as they can be."""
    monkeypatch.setattr(rounds, "WORTH", 1)


def conditions_on(trace, chance):
    """Yield conditions of all kinds."""
    yield from (read_condition(text, trace) for text in WORDS)
    for name, versions in trace.versions.items():
        node = chance.choice(versions)
        yield read_condition(name, trace)
        yield OnNodes(trace.name(node), frozenset([node]))
        yield Mentions(name)
        yield Mentions(trace.name(node))
    node = chance.randrange(trace.node_count)
    yield OnNodes(trace.name(node), frozenset([node, chance.randrange(trace.node_count)]))
    yield from map(Mentions, ("₁", "v", "half", "tan"))
    yield lambda event: event.step % 50 == 7
    yield from (SameMark(mark_at(trace, index)) for index in chance.choices(range(len(trace)), k=8))


def holds(condition, trace, index):
    return condition(trace[index]) if callable(condition) else condition.holds(trace, index)


def all_found(trace, chance):
    """Look for steps forwards and backwards, from anywhere, with one condition and with several."""
    size = len(trace)
    known = [(each, [holds(each, trace, index) for index in range(size)]) for each in conditions_on(trace, chance)]
    for several in [[each] for each in known] + [chance.sample(known, 3) for _ in range(10)]:
        here = chance.randrange(size)
        for way in (range(size), range(here, size), range(here, -1, -1), range(size - 1, here, -1), range(here, here)):
            asked = steps_to_ask(trace, way, [condition for condition, _ in several])
            asked = [index for index in asked if index is not None]
            assert asked == sorted(set(asked), reverse=way.step < 0)
            wanted = [index for index in way if any(answers[index] for _, answers in several)]
            assert [index for index in asked if any(answers[index] for _, answers in several)] == wanted


@pytest.mark.parametrize("worth_while", [0, 1000])
@pytest.mark.parametrize("name", LONG)
def test_what_fulfils_a_condition_is_found(name, worth_while, monkeypatch):
    monkeypatch.setattr("stepgrad.stretches.WORTH_WHILE", worth_while)
    trace = run(LONG[name])
    assert any(isinstance(each, Placed) for each in trace.stretches.parts)
    all_found(trace, random.Random(name))


def test_it_is_found_among_tangents():
    trace = jvp(run(LONG["logistic"]), {"w": 1.0}).trace
    assert any(isinstance(each, Placed) for each in trace.stretches.parts)
    assert Cursor(trace).until(read_condition("tangent > 0", trace))
    all_found(trace, random.Random(1))


@pytest.mark.parametrize("block", range(3))
def test_it_is_found_in_random_programs(block):
    for seed in range(20 * block, 20 * (block + 1)):
        chance = random.Random(seed)
        try:
            trace = run(training_program(chance))
        except StepgradError:
            continue
        if any(isinstance(each, Placed) for each in trace.stretches.parts):
            all_found(trace, chance)


LOOP = "w = 0.5; u = 0.1\n{}for k in range({}):\n    h = w*2 + u\n    f = h**2\n    backward(f)\n    w -= 0.01*w.grad\n    u -= 0.01*u.grad\n{}"


@pytest.mark.parametrize("more", ["y = exp(w)\n", ""])
def test_few_steps_of_a_long_run_are_asked(more):
    trace = run(LOOP.format("", 2000, more))
    few = [SameMark(mark_at(trace, len(trace) // 2)), Mentions("exp"), read_condition("exp", trace)]
    few += [OnNodes("", frozenset([node])) for node in (0, trace.node_count // 2, trace.node_count - 1)]
    few += [read_condition("y", trace)] if more else []
    assert all(len(list(steps_to_ask(trace, range(len(trace)), [each]))) < 150 for each in few)
    samples = run(SAMPLES.replace("15", "500"))
    assert all(len(list(steps_to_ask(samples, range(3000, len(samples)), [each]))) < 150 for each in few[:3])
    asked = list(steps_to_ask(trace, range(len(trace)), [read_condition("nonfinite", trace)]))
    assert asked.count(None) > 1990


def test_a_cursor_finds_what_stands_at_the_other_end():
    trace = run(LOOP.format("z = 1.5\n", 2000, "y = exp(w)\nbackward(y*z)\n"))
    cursor = Cursor(trace)
    assert cursor.until(read_condition("y", trace))
    assert trace.name(trace[cursor.position - 1].node) == "y"
    assert cursor.until(read_condition("z", trace), reverse=True)
    assert cursor.position == 3
    assert cursor.until(read_condition("z", trace))
    assert cursor.position > len(trace) - 8
    assert [trace[index].step for index in chosen_steps(trace, node="z")][0] == 3
    assert list(chosen_steps(trace, node="z", only="backward")) == [len(trace) - 2]


def test_a_cursor_stands_where_another_stands():
    one, other = (run(LOOP.format(start, 200, "y = exp(w)\n")) for start in ("", "print(w)\nz = 2.0\n"))
    for position in random.Random(1).choices(range(1, len(one) + 1), k=40):
        before, cursor = Cursor(one, position), Cursor(other)
        cursor.like(before)
        mark = mark_at(one, position - 1)
        same = [index + 1 for index in range(len(other)) if mark_at(other, index) == mark]
        assert cursor.position == (position if position in same else same[0])
