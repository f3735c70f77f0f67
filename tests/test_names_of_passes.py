"""Names in the text export: those of repeated passes, spelled together, are those that are spelled one by one."""

import random

import pytest

from stepgrad import StepgradError, render, rounds, run, stretches
from stepgrad.formats.plain import Names
from tests.training import training_program


@pytest.mark.parametrize("ascii_only", [False, True])
def test_random_programs(monkeypatch, ascii_only):
    monkeypatch.setattr(rounds, "WORTH", 1)
    monkeypatch.setattr(stretches, "WORTH_WHILE", 1)
    used = 0
    for seed in range(40):
        try:
            trace = run(training_program(random.Random(seed)))
        except StepgradError:
            continue
        lines = list(render(trace, "text", ascii_only=ascii_only))
        with monkeypatch.context() as patch:
            patch.setattr(Names, "update", lambda *_: None, raising=False)
            assert list(render(trace, "text", ascii_only=ascii_only)) == lines, seed
        used += trace.stretches.are_repeated
    assert used > 5
