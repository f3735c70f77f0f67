"""Sheets: the text of repeated passes is what is told step by step."""

import random
from importlib import import_module

import pytest

from stepgrad import StepgradError, render, rounds, run, stretches
from stepgrad.formats import layout, sheets
from stepgrad.formats.sheets import Sheets
from tests.training import training_program

TINY = """
w = 1.0
for k in range(120):
    loss = w * w * 0.5
    backward(loss)
    w -= 0.05 * w.grad
"""
GROWING = """
w = 3.0
u = 1.0
for k in range(120):
    h = w * u + w
    loss = h * h + u
    backward(loss)
    w += 0.0001 * w.grad
    u -= 0.0001 * u.grad
"""
MATRICES = """
X = [[0.0, 1.0], [1.0, 1.0], [0.5, -1.0]]
T = [[0.0], [1.0], [1.0]]
W = [[0.1, -0.2], [0.3, 0.4]]
b = [0.1, 0.0]
u = [[0.5], [-0.5]]
for k in range(120):
    p = tanh(X @ W + b) @ u
    loss = mean((p - T) ** 2) + sum(b * b)
    backward(loss)
    W -= 0.5 * W.grad
    b -= 0.5 * b.grad
    u -= 0.5 * u.grad
"""
GROWING_MATRICES = """
W = [[0.1, -0.2, 0.3], [0.3, 0.4, -0.7]]
v = [1.0, -2.0, 0.5]
for k in range(120):
    loss = sum((W - v) * W) * 2.0
    backward(loss)
    W += 0.2 * W.grad
    v -= 0.1 * v.grad
"""
NOTED = """
w = 2.0
for k in range(120):
    loss = w + relu(w - 0.5)
    backward(loss)
    w -= 0.125 * w.grad
"""


@pytest.fixture(autouse=True)
def _early(monkeypatch):
    monkeypatch.setattr(rounds, "WORTH", 1)
    monkeypatch.setattr(stretches, "WORTH_WHILE", 1)
    monkeypatch.setattr(sheets, "PATIENCE", 2)


def told(trace, monkeypatch, **options):
    """Return the lines told with sheets, those told without, and how many passes sheets have told, and left."""
    counts = [0, 0]

    def counted(sheets, *arguments, lines=Sheets.lines):
        found = lines(sheets, *arguments)
        counts[found is None] += 1
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Sheets, "lines", counted)
        with_sheets = list(render(trace, "text", **options))
    with monkeypatch.context() as patch:
        patch.setattr(import_module("stepgrad.formats.text"), "suits", lambda trace, placed, longest: None)
        return with_sheets, list(render(trace, "text", **options)), counts


def test_random_programs(monkeypatch):
    used = 0
    for seed in range(60):
        chance = random.Random(seed)
        try:
            trace = run(training_program(chance))
        except StepgradError:
            continue
        width, digits = chance.randrange(40, 140), chance.randrange(8)
        for options in ({}, {"width": width, "digits": digits}):
            lines, expected, (by_sheets, _) = told(trace, monkeypatch, **options)
            assert lines == expected, (seed, options)
            used += by_sheets
    assert used > 100


@pytest.mark.parametrize("width", [40, 60, 80, 104, 200])
@pytest.mark.parametrize("program", [TINY, GROWING, MATRICES, GROWING_MATRICES])
def test_widths(program, width, monkeypatch):
    for digits in (0, 2, 5):
        lines, expected, _ = told(run(program), monkeypatch, width=width, digits=digits)
        assert lines == expected


@pytest.mark.parametrize("program", [TINY, GROWING, MATRICES, GROWING_MATRICES])
def test_most_passes_are_told_by_sheets(program, monkeypatch):
    *_, (by_sheets, otherwise) = told(run(program), monkeypatch, width=100)
    assert by_sheets > 2 * otherwise


def test_arrays_are_set_anew_when_they_get_wider(monkeypatch):
    lines, expected, _ = told(run(GROWING_MATRICES), monkeypatch, width=80)
    assert lines == expected
    beside = [line for line in lines if line.count("[") > 1]
    below = [line for line in lines if line.startswith("        ∂loss") and line.count("[") == 1]
    assert beside
    assert below


def test_a_pass_with_a_note_is_told_step_by_step(monkeypatch):
    lines, expected, (by_sheets, _) = told(run(NOTED), monkeypatch)
    assert lines == expected
    assert by_sheets
    assert any("note:" in line for line in lines)


def test_passes_of_a_pattern_that_are_not_side_by_side_are_laid_out_together(monkeypatch):
    layouts = []

    def counted(*given, laid_out=Sheets.laid_out):
        layouts.append(laid_out(*given))
        return layouts[-1]

    monkeypatch.setattr(Sheets, "laid_out", counted)
    lines, expected, (by_sheets, _) = told(run(f"{TINY}    if k % 5 == 0: print(k)\n"), monkeypatch)
    assert lines == expected
    assert by_sheets > 50
    assert len(layouts) < 8  # once for every length of the names


def test_arrangements_are_forgotten(monkeypatch):
    monkeypatch.setattr(layout, "REMEMBERED", 0)
    lines, expected, _ = told(run(GROWING), monkeypatch, width=60)
    assert lines == expected


@pytest.mark.parametrize("width", [80, 200])
def test_many_arrays(width, monkeypatch):
    """Each has marks of its own, so that they do not run into those of other kinds."""
    program = MATRICES.replace("    loss =", "    p = p * 0.5 + p\n" * 40 + "    loss =").replace("120", "30")
    lines, expected, (by_sheets, _) = told(run(program), monkeypatch, width=width)
    assert lines == expected
    assert by_sheets
