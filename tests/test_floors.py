"""The tower: a module imports only from floors below it, and the engine only the standard library."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGINE = ROOT / "stepgrad"

FLOORS = [
    "interrupts",
    "source",
    "errors",
    "longhand",
    "limits",
    "intake",
    "dots",
    "tensor",
    "numeric",
    "elementary",
    "prices",
    "decimals",
    "enclosures",
    "ball",
    "spreads",
    "formula",
    "linear",
    "gate",
    "structural",
    "matrix",
    "reductions",
    "statistics",
    "selection",
    "losses",
    "convolution",
    "ops",
    "conventions",
    "recorder",
    "tape",
    "fitted",
    "recording",
    "notes",
    "equality",
    "tracked",
    "scopes",
    "events",
    "repeats",
    "sequences",
    "called",
    "stretch",
    "writer",
    "straightline",
    "written",
    "stretches",
    "places",
    "contents",
    "steps",
    "columns",
    "trace",
    "tangents",
    "syntax",
    "chains",
    "reader",
    "literals",
    "vocabulary",
    "calls",
    "names",
    "work",
    "refusals",
    "printing",
    "style",
    "apart",
    "repeatable",
    "quiet",
    "journal",
    "machine",
    "bindings",
    "readings",
    "refrains",
    "watched",
    "shortcut",
    "late",
    "rounds",
    "operators",
    "makers",
    "own",
    "callees",
    "expressions",
    "lookups",
    "applications",
    "assignments",
    "statements",
    "language",
    "certificate",
    "supply",
    "conditions",
    "searching",
    "marks",
    "cursor",
    "wording",
    "derivatives",
    "curvature",
    "directions",
    "paths",
    "tables",
    "sweeps",
    "mistakes",
    "missing",
    "misrules",
    "oversights",
    "bugs",
    "answers",
    "screening",
    "suspects",
    "pairs",
    "comparison",
    "evaluation",
    "differences",
    "checking",
    "testing",
    *[
        f"circuit.{name}"
        for name in [
            "parts",
            "strokes",
            "layers",
            "order",
            "runs",
            "rows",
            "wiring",
            "channels",
            "plan",
            "drawing",
            "grid",
            "layout",
        ]
    ],
    "circuit",
    "picture",
    "extract",
    "formats.blocks",
    "formats.phrases",
    "formats.plain",
    "formats.alike",
    "formats.marking",
    "formats.holes",
    "formats.layout",
    "formats.sheets",
    "formats.text",
    "formats.layers",
    "formats.summary",
    "formats.spelling",
    "formats.stencils",
    "formats.rows",
    "formats.jsonl",
    "formats.csv",
    "formats.markdown",
    "formats.graph",
    "formats.dot",
    "formats.mermaid",
    "formats.symbols",
    "formats.python",
    "formats.scene",
    "formats.spoken",
    "formats.tex",
    "formats.latex",
    "formats.tikz",
    "formats.svg",
    "formats.page",
    "formats.html",
    "formats.worksheet",
    "formats.proof",
    "formats",
    "files",
    "saved",
    "sealed",
    "retrace",
    "loader",
    "difference",
    "value",
    "keeping",
    "gallery",
    "given",
    "stepgrad",
    "arguments",
    "parsing",
    "commands",
    "cli",
    "__main__",
]

UPWARDS = {
    ("cli", "tui.app"),
    ("trace", "formats.text"),
}  # lazy: loaded when asked for


def floor_of(path: Path) -> str:
    parts = path.relative_to(ENGINE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "stepgrad"


MODULES = {floor_of(path): path for path in sorted(ENGINE.rglob("*.py"))}


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the floor"
            base = node.module or ""
            below = [f"{base}.{alias.name}" for alias in node.names]
            found += [name if name.removeprefix("stepgrad.") in MODULES else base for name in below]
    return list(dict.fromkeys(found))


def test_every_module_has_its_floor():
    assert sorted(FLOORS) == sorted(MODULES)


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_run_downwards_and_stay_in_the_standard_library(floor):
    for name in imports(MODULES[floor]):
        top = name.split(".")[0]
        below = name.removeprefix("stepgrad.")
        if (floor, below) in UPWARDS:
            continue
        if top == "stepgrad":
            assert FLOORS.index(below) < FLOORS.index(floor), f"{floor} imports {below} from above"
        else:
            assert top in sys.stdlib_module_names, f"{floor} imports {name}"


def test_contributing_draws_these_floors():
    drawn = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for floor in FLOORS:
        assert floor.split(".")[-1] in drawn, f"CONTRIBUTING.md does not show {floor}"


def test_importing_the_engine_loads_nothing_third_party():
    program = (
        "import sys; before = set(sys.modules); import stepgrad, stepgrad.cli, stepgrad.value;"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    foreign = {name for name in done.stdout.split() if name not in sys.stdlib_module_names}
    assert foreign == {"stepgrad"}


def test_the_door_loads_nothing_before_it_is_asked_for():
    program = (
        "import sys, stepgrad; loaded = [name for name in sys.modules if name.startswith('stepgrad.') or name == 'typing'];"
        "print(loaded, stepgrad.run('f = 1 + 1').value, stepgrad.trace.Trace is stepgrad.Trace, hasattr(stepgrad, 'nothing'))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split(" ", 1) == ["['stepgrad.interrupts']", "2.0 True False\n"]


def test_only_the_command_line_prints():
    for floor, path in MODULES.items():
        calls = [
            node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
        ]
        prints = any(isinstance(function, ast.Name) and function.id == "print" for function in calls)
        assert prints == (floor == "cli"), floor


def test_only_tui_knows_textual():
    for floor, path in MODULES.items():
        assert not any(name.split(".")[0] in ("textual", "rich") for name in imports(path)), floor
