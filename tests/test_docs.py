"""The documentation is under test: everything is documented, and what is printed there runs."""

import argparse
import doctest
import importlib
import json
import re
import shlex
from pathlib import Path

import pytest

import stepgrad
from stepgrad.callees import Caller
from stepgrad.cli import main, parser
from stepgrad.formats import FORMATS
from stepgrad.gallery import example_paths, example_title
from stepgrad.numeric import IEEE_FUNCTIONS
from stepgrad.ops import GATES
from stepgrad.vocabulary import LITERAL_MAKERS, METHODS, OWN_CALLS
from tests.test_floors import FLOORS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODULES = ["stepgrad" if floor == "stepgrad" else f"stepgrad.{floor}" for floor in FLOORS if floor != "__main__"]


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=flags)
    assert failed == 0


def test_readme_runs():
    failed, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert tried >= 10
    assert failed == 0


def test_readme_shows_the_sigmoid_trace_as_it_is():
    golden = (ROOT / "tests/golden/sigmoid.txt").read_text(encoding="utf-8")
    shown = re.search(r"```text\n(Forward\n.*?)```", README, re.S)[1]
    assert golden.startswith(shown)


def test_readme_shows_what_commands_print(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    blocks = re.findall(r"```text\n\$ stepgrad (.*)\n([^`]*)```", README)
    assert len(blocks) >= 4
    for command, printed in blocks:
        assert main(shlex.split(command)) == 0
        assert capsys.readouterr().out == printed


def subparsers():
    action = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return action.choices


def test_every_command_and_option_is_documented():
    for name, command in subparsers().items():
        assert f"`stepgrad {name}" in README, name
        for action in command._actions:
            assert action.help, (name, action.dest)
            for option in action.option_strings:
                if option.startswith("--"):
                    assert f"`{option}" in README, (name, option)
    assert "`--version`" in README


def test_every_gate_stands_in_readmes_table_as_in_its_row():
    for gate in GATES.values():
        row = next((line for line in README.splitlines() if line.startswith(f"| `{gate.name}` |")), "")
        assert f"`{gate.signature}`" in row, gate.name
        assert gate.words in row, gate.name
        assert all(f"`{name}`" in row for name in gate.also), gate.name


def test_every_function_that_is_no_gate_stands_in_readmes_table_in_their_order():
    table = README[README.index("| besides the gates | does |") :].split("\n\n")[0].splitlines()[2:]
    methods = [f"| `x.{name}(…)` | {each.words} |" for name, each in METHODS.items()]
    calls, makers = ([f"| `{each.text}` | {each.words} |" for each in t.values()] for t in (OWN_CALLS, LITERAL_MAKERS))
    assert table == [*calls, *methods, *makers]
    for name in (*OWN_CALLS, *METHODS):
        assert hasattr(Caller, f"own_{name}") or name in ("print", "range", "zip"), name


def test_every_format_example_and_public_name_is_documented():
    for name in FORMATS:
        assert f"`{name}`" in README
    for name, path in example_paths().items():
        assert f"| `{name}` | {example_title(path)} |" in README
    for name in stepgrad.__all__:
        assert f"`{name}`" in README, name
        assert (getattr(stepgrad, name).__doc__ or "").strip(), name


def test_readmes_key_table_is_the_table_of_keys():
    from tui.keys import KEYS

    table = README[README.index("| key | does |") :].split("\n\n")[0].splitlines()[2:]
    assert table == [f"| {' '.join(f'`{name}`' for name in key.keys)} | {key.words} |" for key in KEYS]


def test_keys_are_not_given_twice():
    from tui.keys import KEYS

    names = [name for key in KEYS for name in key.keys]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "docs").glob("*.svg")))
def test_the_pictures_show_the_screen_as_it_is(name):
    pytest.importorskip("textual")
    from tests.pictures import SHOTS, take, text_of

    assert f"docs/{name}.svg" in README
    assert name in SHOTS
    kept = (ROOT / "docs" / f"{name}.svg").read_text(encoding="utf-8")
    assert text_of(kept) == text_of(take(name)), "run `python -m tests.pictures`"


def test_every_public_function_has_a_docstring():
    for name in MODULES:
        module = importlib.import_module(name)
        assert module.__doc__, name
        for thing in vars(module).values():
            if getattr(thing, "__module__", None) == name and callable(thing) and not thing.__name__.startswith("_"):
                assert thing.__doc__, f"{name}.{thing.__name__}"


def test_the_changelog_knows_the_version():
    assert f"## {stepgrad.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_ci_runs_readmes_test_command_as_printed():
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert ".[tui]" in commands[0]
    assert ".[test]" in commands[1]
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "README.md" in script
    assert "mypy" in script
    assert "ruff" in script


def test_ieee_functions_never_raise():
    edges = (0.0, -0.0, 1.0, -1.0, 1e308, -1e308, 5e-324, float("inf"), float("-inf"), float("nan"))
    for name, function in IEEE_FUNCTIONS.items():
        for x in edges:
            seconds = {"div": (*edges, 0.5, 3.0), "pow": (*edges, 0.5, 3.0), "ldexp": (-2000, 0, 2000)}
            for arguments in [(x, y) for y in seconds[name]] if name in seconds else [(x,)]:
                assert isinstance(function(*arguments), (float, int)), (name, arguments)


def test_published_facts_are_readable():
    cases = json.loads((ROOT / "tests/published.json").read_text(encoding="utf-8"))
    assert all(case["source"] for case in cases)
