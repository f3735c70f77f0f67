"""Doors that are seldom used: names that are not there, paths that are none, options that say nothing."""

import os
from pathlib import Path

import pytest

import stepgrad
from stepgrad import InputError, Value, cli, run, save
from stepgrad.conditions import numbers_of
from stepgrad.extract import in_phase
from stepgrad.files import write
from stepgrad.testing import check_function
from tests.test_cli import output, refusal


def test_the_door_knows_its_names():
    assert {*stepgrad.__all__} <= {*dir(stepgrad)}
    for name in ("nonsense", "_hidden", "tui", "__wrapped__"):
        with pytest.raises(AttributeError, match=name):
            getattr(stepgrad, name)
    assert repr(run("f = x * x", x=1)) == "<Trace of 5 events>"
    assert run("f = x * x", x=1) != 3
    with pytest.raises(TypeError, match="cannot be iterated"):
        iter(Value(2.0))
    assert (-Value(2.0)).data == -2.0


def test_paths_that_are_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path, words in (
        ("a\0b", "null byte"),
        ("..", "is a directory; name a file in it"),
        ("nowhere/..", "names no file"),
        ("\udcff\ud800", "no name that this system writes"),
    ):
        with pytest.raises(InputError, match=words):
            write(Path(path), ["x"])
    assert os.listdir(tmp_path) == []


def test_options_that_say_nothing(capsys, tmp_path):
    file = tmp_path / "t.jsonl"
    save(run("f = x * x", x=2), file)
    for arguments, words in (
        (("export", "sigmoid", "--only", "sideways"), "there is no phase 'sideways'"),
        (("diff", str(file), str(file), "--rtol", "much"), "'much' is no number from 0 on; write one as in 1e-9"),
        (("run", str(file), "--certified"), "is a saved trace, and certified numbers take its program"),
        (("check", "sigmoid", "nowhere.json"), "nowhere.json"),
    ):
        assert words in refusal(*arguments), arguments
    with pytest.raises(InputError, match="there is no phase 'sideways'"):
        list(in_phase(run("f = x * x", x=2), range(3), "sideways"))
    assert cli.main(["run", "w = 3.0\nf = w * w\nbackward(f)\nw -= 0.5 * w.grad"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "w = 0.0  after the last update"


def test_a_fragment_goes_into_another_document():
    whole, part = (output("export", "sigmoid", "--format", "latex", "-o", "-", *more) for more in ((), ("--fragment",)))
    assert r"\documentclass" in whole and r"\documentclass" not in part
    for line in (r"\begin{align*}", r"w_{0} &= 2\quad\text{(input)} \tag{1} \\[4pt]"):
        assert line in whole.splitlines() and line in part.splitlines()


def test_conditions_on_updates():
    trace = run("w = 3.0\nf = w * w\nbackward(f)\nw -= 0.5 * w.grad\nprint(w)")
    told = [numbers_of(event) for event in trace]
    assert told[-2:] == [{"step": 6, "value": 0.0, "change": -3.0}, {"step": 7}]
    (moved,) = [
        numbers_of(each)
        for each in stepgrad.jvp("f = x * x", {"x": 2}, x=3).trace
        if isinstance(each, stepgrad.Direction)
    ]
    assert moved == {"step": moved["step"], "tangent": 2.0, "total": 2.0}


def test_a_function_that_does_not_say_what_its_arguments_are_called():
    check_function(max, [1.0, 0.0], 2.0, 1.0)
    with pytest.raises(AssertionError, match=r"∂f/∂x1: the gradient is 1.0, the differences say 0 "):
        check_function(max, [1.0, 1.0], 2.0, 1.0)
