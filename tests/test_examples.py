"""The examples keep their promises: every ``# expect:`` line of every example holds."""

import json
import re
from functools import cache
from itertools import islice

import pytest

import stepgrad
from stepgrad.gallery import example_paths, example_text, example_title
from stepgrad.tensor import nested

EXPECTATIONS = [
    (name, line.removeprefix("# expect: "))
    for name in example_paths()
    for line in example_text(name).splitlines()
    if line.startswith("# expect: ")
]


@cache
def ran(name):
    """Run an example once for all that is expected of it."""
    return stepgrad.run(example_text(name), filename=name)


def known_at_the_end(trace, kind, name):
    """Return what a name holds, has as its gradient, or was updated to last; of a tensor perhaps a part, ``W[0][1]``."""
    bare, *indices = re.findall(r"[^\[\]]+", name)
    cursor = stepgrad.Cursor(trace, len(trace))
    if kind == "value":
        found = nested(cursor.value(bare))
    elif kind == "grad":
        found = trace.grads[bare] if bare in trace.grads else nested(cursor.gradient(bare))
    else:
        assert kind == "updated"
        found = trace.updated[bare]
    for index in indices:
        found = found[int(index)]
    return found


def as_printed(number, digits):
    """Print a number with as many digits as another was printed with, ``0.073`` or ``7.3e-02``."""
    mantissa, e, _ = digits.partition("e")
    return f"{number:.{len(mantissa.partition('.')[2])}{e or 'f'}}"


def agree(found, printed):
    """Check numbers against printed ones: nested alike, and equal at the printed digits."""
    if isinstance(found, list):
        for mine, theirs in zip(found, printed, strict=True):
            agree(mine, theirs)
    else:
        assert float(as_printed(found, printed)) == float(printed)


def numbers(text):
    """Read printed numbers, nested perhaps, each as the text that it is."""
    return json.loads(re.sub(r"[-+.\deE]+", r'"\g<0>"', text))


@pytest.mark.parametrize(("name", "expected"), EXPECTATIONS, ids=[f"{n}: {e}"[:80] for n, e in EXPECTATIONS])
def test_expectation(name, expected):
    trace = ran(name)
    kind, rest = expected.split(" ", 1)
    target, _, text = rest.partition(" ")
    match kind:
        case "steps":
            assert len(trace) == int(target)
        case "passes":
            assert len(trace.passes) == int(target)
        case "loss":  # of one pass
            agree(trace.passes[int(target) - 1].value, numbers(text))
        case "print":  # one line of all that are printed
            assert trace.printed[int(target) - 1] == text
        case "below":
            assert known_at_the_end(trace, "value", target) < float(text)
        case _:
            agree(known_at_the_end(trace, kind, target), numbers(text))


def test_examples_are_readable():
    for name in example_paths():
        assert all(len(line) <= 110 for line in example_text(name).splitlines()), name


@pytest.mark.parametrize("name", example_paths())
def test_the_text_of_every_example_begins(name):
    assert list(islice(stepgrad.render(ran(name), "text"), 50))


@pytest.mark.parametrize("name", example_paths())
def test_every_example_has_a_title_a_source_and_expectations(name):
    text = example_text(name)
    assert example_title(example_paths()[name])
    assert re.search(r"CS231n|lecture notes|\(\d{4}\)", text), "cite the source"
    assert any(each == name for each, _ in EXPECTATIONS)


def test_the_sigmoid_circuit_has_exactly_the_lectures_steps_and_numbers():
    trace = stepgrad.run(example_text("sigmoid"))
    forward = [f"{event.value:.2f}" for event in trace if isinstance(event, stepgrad.Forward)]
    assert " ".join(forward) == "2.00 -1.00 -3.00 -2.00 -3.00 -2.00 6.00 4.00 1.00 -1.00 0.37 1.37 0.73"
    backward = [event for event in trace if isinstance(event, stepgrad.Backward)]
    products = [f"{event.product:.2f}" for event in backward]
    assert " ".join(products) == "-0.53 -0.53 -0.20 0.20 0.20 0.20 0.20 0.20 -0.39 -0.59 -0.20 0.39"
    labels = [
        event.gate.label({i: f"{o:g}" for i, o in enumerate(event.operands) if type(o) is float}, {})
        for event in trace
        if isinstance(event, stepgrad.Forward) and event.operands
    ]
    assert labels == ["×", "×", "+", "+", "×-1", "exp", "+1", "1/x"]
    assert len(trace) == 26
    assert len(forward) == 13
    assert len(backward) == 12


def test_both_spellings_of_the_sigmoid_circuit_have_the_same_steps():
    named = stepgrad.run(example_text("sigmoid"))
    inputs = "w0 = 2.0; x0 = -1.0; w1 = -3.0; x1 = -2.0; w2 = -3.0\n"
    whole = stepgrad.run(inputs + "f = 1 / (1 + exp(-(w0*x0 + w1*x1 + w2)))")
    assert len(named) == len(whole) == 26
    assert named.grads == whole.grads
