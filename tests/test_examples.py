"""The examples keep their promises: every ``# expect:`` line of every example holds."""

import json
import re

import pytest

import stepgrad
from stepgrad.gallery import example_paths, example_text, example_title
from stepgrad.tensor import flat, nested

EXPECTATIONS = [
    (name, line.removeprefix("# expect: "))
    for name in example_paths()
    for line in example_text(name).splitlines()
    if line.startswith("# expect: ")
]


def leaves(value):
    return [leaf for row in value for leaf in leaves(row)] if isinstance(value, list) else [value]


@pytest.mark.parametrize(("name", "expected"), EXPECTATIONS, ids=[f"{n}: {e}" for n, e in EXPECTATIONS])
def test_expectation(name, expected):
    trace = stepgrad.run(example_text(name))
    kind, rest = expected.split(" ", 1)
    if kind == "steps":
        assert len(trace) == int(rest)
        return
    target, text = rest.split(" ", 1)
    cursor = stepgrad.Cursor(trace, len(trace))
    found = {"value": cursor.value, "grad": cursor.gradient}[kind](target)
    shape = json.loads(re.sub(r"[-+.\deE]+", "0", text))
    assert json.loads(json.dumps(nested(found), default=str).replace("NaN", "0")) != {}
    assert re.sub(r"[^\[\]]", "", json.dumps(shape)) == re.sub(r"[^\[\]]", "", json.dumps(nested(found)))
    for mine, printed in zip(flat(found), re.findall(r"[-+.\deE]+", text), strict=True):
        decimals = len(printed.partition(".")[2])
        assert f"{mine:.{decimals}f}" == f"{float(printed):.{decimals}f}", (mine, printed)


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
