"""Stencils: the lines of repeated passes are those that are told one by one."""

import random
import sys

import pytest

from stepgrad import StepgradError, rounds, run, stretches
from stepgrad.formats.jsonl import Lines
from stepgrad.stretches import Placed
from tests.training import training_program

NOTED = """
w = 2.0
for k in range(12):
    loss = w + relu(w - 0.5)
    backward(loss)
    w -= 0.125 * w.grad
"""
INFINITE = """
w = 1.0
for k in range(12):
    loss = w + minimum(w * 1e308, -1e308)
    backward(loss)
    w += 0.25 * w.grad
"""
CALLS = """
def f(x, p):
    h = tanh(x * p)
    return h * p
w = -0.5
u = 0.3
for k in range(12):
    loss = (f(w, 3.0) + f(u, w) - 1) ** 2
    backward(loss)
    w -= 0.1 * w.grad
"""
MATRICES = """
X = [[0.0, 1.0], [1.0, 1.0], [0.5, -1.0]]
W = [[0.1, -0.2], [0.3, 0.4]]
b = [0.1, 0.0]
for k in range(12):
    loss = mean((tanh(X @ W + b) - 0.5) ** 2) + W[0, 1]
    backward(loss)
    W -= 0.5 * W.grad
    b -= 0.5 * b.grad
"""


@pytest.fixture(autouse=True)
def _early(monkeypatch):
    monkeypatch.setattr(rounds, "WORTH", 1)
    monkeypatch.setattr(stretches, "WORTH_WHILE", 1)


def told(program, monkeypatch):
    """Return the lines told with stencils, those told without, and the stencils."""
    trace = run(program)
    lines = Lines(trace)
    with_stencils = list(lines.lines())
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["stepgrad.formats.jsonl"], "suits", lambda trace, placed, longest: None)
        return with_stencils, list(Lines(trace).lines()), lines.stencils


def test_random_programs(monkeypatch):
    used = 0
    for seed in range(60):
        try:
            lines, expected, stencils = told(training_program(random.Random(seed)), monkeypatch)
        except StepgradError:
            continue
        assert lines == expected, seed
        used += bool(stencils)
    assert used > 5


@pytest.mark.parametrize("program", [NOTED, INFINITE, CALLS, MATRICES])
def test_an_unusual_pass_amid_usual_ones(program, monkeypatch):
    lines, expected, stencils = told(program, monkeypatch)
    assert lines == expected
    assert stencils


@pytest.mark.parametrize(("program", "sign"), [(NOTED, '"note":"'), (INFINITE, '"inf"')])
def test_the_unusual_is_in_a_repeated_pass(program, sign):
    trace = run(program)
    noted = [k for k, line in enumerate(Lines(trace).lines(), -1) if sign in line]
    where = {trace.stretches.place(trace.stretches.number_at(step))[0] for step in noted}
    assert any(isinstance(part, Placed) for part in where)


def test_a_long_pass_is_told_whole(monkeypatch):
    monkeypatch.setattr(sys.modules["stepgrad.formats.jsonl"], "LONGEST", 3)
    lines, expected, stencils = told(CALLS, monkeypatch)
    assert lines == expected
    assert not stencils
