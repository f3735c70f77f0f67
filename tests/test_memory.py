"""What formats remember is bounded, and forgetting it changes no byte; and formats at their edges."""

import importlib
import io
import json
import math
import subprocess
import sys

import pytest

from stepgrad import FormatError, Tape, Value, render, run
from stepgrad.formats import tex
from stepgrad.formats.worksheet import worksheet
from stepgrad.gallery import example_text
from stepgrad.loader import read_trace
from tests.test_jsonl import saved


@pytest.mark.parametrize("name", ["mazur", "training", "two_layer_net"])
def test_what_is_remembered_is_bounded(monkeypatch, name):
    trace = run(example_text(name))
    formats = ("jsonl", "text", "csv", "markdown", "latex")
    before = [list(render(trace, each)) for each in formats]
    for module in ("formats.rows", "formats.plain", "formats.spelling", "notes"):
        monkeypatch.setattr(importlib.import_module(f"stepgrad.{module}"), "MANY", 3)
    assert [list(render(run(example_text(name)), each)) for each in formats] == before
    assert read_trace(io.BytesIO(saved(trace)), "x") == trace


def without_backward():
    with Tape() as tape:
        Value(2.0, name="x") * 3
    return tape.trace()


def test_a_trace_in_which_nothing_goes_backward():
    trace = without_backward()
    assert not any("Gradients" in line for each in ("latex", "markdown") for line in render(trace, each))
    with pytest.raises(FormatError, match="nothing goes backward in pass 1; a worksheet needs a backward sweep"):
        list(worksheet(trace, format="text"))
    code = "\n".join(render(trace, "python"))
    assert "# Backward" not in code
    assert [line.split(" = ")[1] for line in run_code(code)] == ["6.0"]


def run_code(code):
    done = subprocess.run([sys.executable, "-I", "-"], input=code, capture_output=True, check=True, text=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("program", "given"),
    [
        ("f = log(x) + 1", 0.0), ("f = x / y", 0.0), ("f = exp(x)", 1000.0), ("f = 2 - x", 1.5), ("f = 2 / x + 3 * x", 0.0),
        ("f = sqrt(x)", -1.0), ("f = sum(softmax([x, 2]))", 1e308), ("f = norm([x, 1e308])", 1e308), ("f = sum([2, x] @ [x, 3])", 0.0),
        ("f = layer_norm([x, 1e200])[0]", 1e200), ("f = sum(outer([x, 2], [0.0, x]))", math.inf),
    ],
)  # fmt: skip
def test_straight_line_python_has_the_edges_of_floats(program, given):
    """What Python would raise an exception for is inf or nan in the code, too, with the bits of the trace."""
    trace = run(program, x=given, **({"y": 0.0} if "/ y" in program else {}))
    printed = dict(line.split(" = ") for line in run_code("\n".join(render(trace, "python"))))
    assert same(printed["f"], trace.value)
    assert all(same(printed[f"df/d{name}"], gradient) for name, gradient in trace.grads.items())


def same(text, number):
    return json.dumps(float(text)) == json.dumps(float(number))


FORMULAS = [  # Python, LaTeX
    ("x > 0 and y < 1", r"x > 0 \land y < 1"),
    ("x > 0 or y < 1", r"x > 0 \lor y < 1"),
    ("[x > 0]", r"\left[x > 0\right]"),
    ("x if x > 0 else y if y > 0 else 0", r"\begin{cases} x & \text{if } x > 0 \\ y & \text{if } y > 0 \\ 0 & \text{otherwise} \end{cases}"),
    ("-x**2", r"-x^{2}"),
    ("x[0]", r"\text{\ttfamily x[0]}"),
    ("log1p(x)", r"\log(1 + x)"),
]  # fmt: skip


@pytest.mark.parametrize(("python", "latex"), FORMULAS, ids=[each[0] for each in FORMULAS])
def test_formulas_in_latex(python, latex):
    found = tex.formula(python, {}).text
    assert found.replace(r"\left(", "(").replace(r"\right)", ")") == latex


def test_gates_in_latex():
    def told(program, **given):
        return "\n".join(render(run(program, given), "latex"))

    assert r"u \otimes v" in told("f = sum(outer(u, v))", u=[1, 2], v=[3, 4])
    assert r"\left\|u\right\|" in told("f = norm(u)", u=[3, 4])
    assert r"W^{\top}" in told("f = sum(W.T)", W=[[1, 2]])
    assert r"\begin{pmatrix} \end{pmatrix}" in told("f = sum(u) + x", u=[], x=1.0)
    assert "pmatrix" in told("f = sum(u * [3, 4])", u=[1, 2])
    assert "once" in told("x = 1.0\nprint('once')\nf = log(x - 1)")


def test_a_worksheet_of_many_gates_goes_without_a_circuit():
    trace = run("f = x\n" + "f = f * x\n" * 600, x=1.0)
    lines = list(worksheet(trace, format="markdown"))
    assert "```mermaid" not in lines and sum(" · " in line for line in lines) >= 600
    assert "```mermaid" in list(worksheet(run("f = x * x", x=1)))
