"""Markdown, CSV, DOT, Mermaid, Python and worksheets: golden files, hostile names, and the numbers to the bit."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from stepgrad import FormatError, Tape, Value, render, run
from stepgrad.events import Backward, Forward
from stepgrad.extract import chosen_steps
from stepgrad.formats.csv import COLUMNS
from stepgrad.formats.mermaid import MOST_EDGES
from stepgrad.formats.python import HELPERS
from stepgrad.formats.symbols import literal
from stepgrad.formats.worksheet import BLANK, SHEETS, worksheet
from stepgrad.gallery import example_paths, example_text
from stepgrad.numeric import FLOAT, IEEE_FUNCTIONS
from stepgrad.recording import Recording
from stepgrad.tensor import from_nested, nested, shape_of
from stepgrad.trace import Trace
from tests.oracles import shortened
from tests.test_ops import SAMPLES, weights_for

GOLDEN = Path(__file__).parent / "golden"
ENDINGS = {"markdown": "md", "csv": "csv", "dot": "dot", "mermaid": "mmd", "python": "python"}
HOSTILE = [
    'a"b', "<b>|`$x$", "end", "\\", '"];n1', "graph", "%%", "--> n0", "&amp;", "=1+2", "梯度", "a\nb", "# x", "'''",
    "#35;", "**b**", "@x", "](x)", "print", "math", "class", "1st", "ﬁ", "fi", "a b", "a_b", "u", "t", "x\r\ny", "\x1b[31m",
]  # fmt: skip
SMALL = [name for name in example_paths() if name not in ("mazur_10000", "tiny_gpt")]
LONG = ("xor", "xor_linear", "iris", "dead_relu", "convnet", "bigram")


def program_of(name):
    return shortened(name) if name in LONG else example_text(name)


@pytest.fixture(scope="module")
def traces():
    return {name: run(program_of(name)) for name in SMALL}


@pytest.fixture(scope="module")
def hostile():
    with Tape() as tape:
        values = [Value(1.5, name=name) for name in HOSTILE]
        product = values[0]
        for value in values[1:]:
            product = (product * value).sigmoid()
        product.name = '"out\\<'
        product.backward()
    return tape.trace()


def golden(file, lines):
    text = "".join(f"{line}\n" for line in lines)
    if os.environ.get("STEPGRAD_GOLDEN") == "write":
        (GOLDEN / file).write_bytes(text.encode())
    assert text == (GOLDEN / file).read_bytes().decode()


@pytest.mark.parametrize("format", ENDINGS)
@pytest.mark.parametrize("name", ["sigmoid", "matrix"])
def test_golden(name, format, traces):
    golden(f"{name}.{ENDINGS[format]}", render(traces[name], format))


@pytest.mark.parametrize("kind", SHEETS)
@pytest.mark.parametrize("key", [False, True], ids=["sheet", "key"])
@pytest.mark.parametrize("name", ["sigmoid", "matrix"])
def test_golden_worksheets(name, key, kind, traces):
    golden(f"{name}.worksheet{'.key' if key else ''}.{kind}", worksheet(traces[name], format=kind, key=key))


@pytest.mark.parametrize("format", ENDINGS)
@pytest.mark.parametrize("name", SMALL)
def test_every_example_renders_the_same_twice(name, format, traces):
    lines = list(render(traces[name], format))
    assert lines
    assert lines == list(render(run(program_of(name)), format))


def test_a_pass_that_is_too_long_for_python_is_refused():
    with pytest.raises(FormatError, match=r"the pass takes 39,\d+ scalar products, too many to write out"):
        list(render(run(example_text("bigram")), "python"))


@pytest.mark.parametrize("format", [name for name in ENDINGS if name != "python"])
@pytest.mark.parametrize("name", ["sigmoid", "staged", "training", "two_layer_net"])
def test_ascii_is_ascii(name, format, traces):
    for line in render(traces[name], format, ascii_only=True):
        assert line.isascii(), line


def test_a_pass_can_be_chosen(traces):
    for format in ("dot", "mermaid", "python"):
        last, first = (list(render(traces["training"], format, **options)) for options in ({}, {"pass_number": 1}))
        assert last != first
        assert last == list(render(traces["training"], format, pass_number=8))
        for number in (0, 9):
            with pytest.raises(FormatError, match=f"there is no pass {number}; the trace has 8, counted from 1"):
                list(render(traces["training"], format, pass_number=number))
        with pytest.raises(FormatError, match="nothing was computed"):
            list(render(Trace([], FLOAT), format))


# Markdown


def cells_of(line):
    return re.split(r"(?<!\\)\|", line.strip().strip("|"))


@pytest.mark.parametrize("name", [*SMALL, "hostile"])
def test_every_row_of_a_table_has_its_columns(name, traces, hostile):
    lines = list(render(hostile if name == "hostile" else traces[name], "markdown", digits=3))
    width, is_code = 0, False
    for line in lines:
        is_code ^= line.startswith("```")
        if is_code or not line.startswith("|"):
            width = 0
            continue
        assert len(cells_of(line)) == (width or len(cells_of(line))), line
        width = len(cells_of(line))


def test_markup_in_names_is_escaped(hostile):
    text = "\n".join(render(hostile, "markdown"))
    assert r"\<b\>\|\`<span>$</span>x<span>$</span>" in text
    assert "\x1b" not in text
    assert r"\*\*b\*\*" in text


def test_the_program_cannot_end_its_fence():
    lines = list(render(run("x = 2.0  # ````\nf = x"), "markdown"))
    assert lines[2:6] == ["`````python", "x = 2.0  # ````", "f = x", "`````"]


def test_prints_and_updates_are_told(traces):
    text = "\n".join(render(traces["momentum"], "markdown"))
    assert "## Pass 1 of 50: forward" in text
    assert "## Pass 50 of 50: updates" in text
    assert "prints: step 10: f" in text


# CSV


def rows_of(trace, **options):
    text = "".join(f"{line}\n" for line in render(trace, "csv", **options))
    assert text.count("\r\n") >= len(trace)
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("name", [*SMALL, "hostile"])
def test_csv_has_one_row_an_event_with_all_digits(name, traces, hostile):
    trace = hostile if name == "hostile" else traces[name]
    rows = rows_of(trace)
    assert len(rows) == len(trace)
    for row, event in zip(rows, trace, strict=True):
        assert tuple(row) == COLUMNS
        assert None not in row.values()
        assert int(row["step"]) == event.step
        if isinstance(event, Forward):
            assert repr(json.loads(row["value"])) == repr(nested(event.value))
        if isinstance(event, Backward):
            assert repr(json.loads(row["product"])) == repr(nested(event.product))
            assert repr(json.loads(row["total"])) == repr(nested(event.total))


def test_text_is_no_formula_and_numbers_stay_numbers(hostile):
    rows = rows_of(hostile)
    assert "'=1+2" in {row["name"] for row in rows}
    assert "'@x" in {row["name"] for row in rows}
    for row in rows:
        for column in ("name", "expression", "operand_name", "text", "note", "gate"):
            assert not row[column].startswith(("=", "+", "-", "@", "\t", "\r")), row
    assert rows_of(run("x = -2.0"))[0]["value"] == "-2.0"
    assert rows_of(run("print('=1+1')\nx = 1.0"))[0]["text"] == "'=1+1"


def test_csv_spells_nan_and_inf(traces):
    rows = rows_of(run("x = [0.0, 1.0]; f = sum(log(x))"))
    assert rows[1]["value"] == '["-inf", 0.0]'
    assert rows_of(run("x = 0.0; f = log(x)"))[1]["value"] == "-inf"
    assert rows_of(run("x = 1; f = x / 3", number=Fraction))[1]["value"] == "1/3"


# Extracts


@pytest.mark.parametrize("format", ["text", "markdown", "csv"])
def test_extracts_tell_only_the_chosen_steps(format, traces):
    trace = traces["sigmoid"]
    lines = list(render(trace, format, steps=range(13, 26)))
    whole = list(render(trace, format))
    assert 13 <= len(lines) < len(whole)
    assert not any("input" in line for line in lines)
    assert list(render(trace, format, steps=[])) in ([], [lines[0]] if format == "csv" else [])


def test_steps_are_chosen(traces):
    trace, passes = traces["sigmoid"], traces["momentum"].passes
    assert chosen_steps(trace) is None
    assert list(chosen_steps(trace, steps=slice(14, 27))) == list(chosen_steps(trace, only="backward"))
    assert list(chosen_steps(trace, node="w0")) == [0, 5, 24] or list(chosen_steps(trace, node="w0")) == [0, 24]
    assert list(chosen_steps(trace, node="%5")) == list(chosen_steps(trace, node="v₅"))
    updates = chosen_steps(traces["momentum"], only="updates")
    assert list(updates) == [i for each in passes for i in each.updates]
    every = {i for i in range(len(traces["momentum"])) if i in set(chosen_steps(traces["momentum"], node="x"))}
    assert all(any(i in each.steps for i in every) for each in passes), "all versions of x, in every pass"


# DOT and Mermaid


@pytest.mark.parametrize("name", ["sigmoid", "matrix", "two_layer_net", "training", "hostile"])
def test_graphviz_accepts_it(name, traces, hostile):
    if shutil.which("dot") is None:
        pytest.skip("no Graphviz here")
    text = "\n".join(render(hostile if name == "hostile" else traces[name], "dot"))
    done = subprocess.run(["dot", "-Tplain"], input=text.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("format", ["dot", "mermaid"])
def test_every_edge_of_the_circuit_is_drawn_once_for_each_slot(format, traces):
    trace = traces["patterns"]
    text = "\n".join(render(trace, format))
    arrow = {"dot": "->", "mermaid": "-->"}[format]
    drawn = sorted(re.findall(rf"n(\d+) {arrow} n(\d+)", text))
    wanted = sorted((str(o), str(n)) for n in range(trace.node_count) for o in trace.operands(n))
    assert drawn == wanted


def test_mermaid_labels_have_nothing_that_ends_them(hostile):
    for line in render(hostile, "mermaid"):
        label = re.fullmatch(r'    n\d+(?:\(\[|\[)"(.*)"(?:\]\)|\])', line)
        assert label is None or re.fullmatch(r"(?:<br/>|#\d+;|[^\"<>&`\[\]{}|#;])*", label[1]), line


def test_mermaid_refuses_what_it_would_not_draw():
    with pytest.raises(FormatError, match=f"Mermaid draws at most {MOST_EDGES} and 50,000, so use the format dot"):
        list(render(run("x = 1.0\n" + "x = x * x\n" * 300), "mermaid"))


# Python


def printed(code):
    done = subprocess.run(
        [sys.executable, "-I", "-X", "utf8", "-"], input=code, capture_output=True, check=False, encoding="utf-8"
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def results(trace):
    return [repr(trace.value), *map(repr, trace.grads.values())]


@pytest.mark.parametrize("name", [name for name in SMALL if name != "bigram"])
def test_exported_python_prints_the_same_numbers(name, traces):
    lines = printed("\n".join(render(traces[name], "python")))
    trace = traces[name]
    assert [line.split(" = ", 1)[1] for line in lines[1:]] == results(trace)[1:]


def test_exported_python_of_hostile_names(hostile):
    lines = printed("\n".join(render(hostile, "python")))
    assert [line.rsplit(" = ", 1)[1] for line in lines] == results(hostile)


@pytest.mark.parametrize(("gate", "operands", "params"), SAMPLES)
def test_every_gate_is_written_to_the_bit(gate, operands, params):
    recording = Recording(FLOAT)
    inputs = [recording.leaf(from_nested(operand, FLOAT.make)) for operand in operands]
    node = recording.apply(gate, inputs, params)
    recording.backward(node, weights_for(shape_of(node.value), FLOAT.make))
    trace = Trace(recording.passes, FLOAT)
    lines = printed("\n".join(render(trace, "python")))
    assert [line.split(" = ", 1)[1] for line in lines] == results(trace)


def test_edges_of_float64_are_written_with_ieee_functions():
    program = (
        "a = 0.0; b = -1.0; c = 1000.0; d = 1e200; e = -8.0\n"
        "f = 1 / a + log(a) + sqrt(b) + exp(c) + d**3 + e**(1/3) + (a**-1) + log(b) + relu(a) + max(a, a) + abs(a)\n"
    )
    trace = run(program)
    code = "\n".join(render(trace, "python"))
    assert "def ieee_div" in code
    assert [line.split(" = ", 1)[1] for line in printed(code)] == results(trace)
    assert "def ieee" not in "\n".join(render(run("x = 1.0; f = exp(x) / x"), "python"))


TENSORS = [
    "x = [1.0, 2.0, 3.0]; f = sum(softmax(x) * [1.0, 5.0, 2.0])",
    "x = [[1.0, 2.0], [3.0, 3.0]]; f = sum(max(x, axis=1) * log_softmax([1.0, 2.0]))",
    "x = [[1.0, 2.0], [3.0, 0.5]]; f = logsumexp(x) + norm(x) + std(x) + var(x) + mean(x)",
    "x = [[1.0, 2.0], [3.0, 0.5]]; f = sum(layer_norm(x) * [0.5, 2.0]) + sum(cumsum(x) ** 2)",
    "x = [[1.0, 2.0], [3.0, 0.5]]; f = cross_entropy(x, [0, 1]) + svm_loss(x, [1, 0]) + mse(x, x.T)",
    "x = [[1.0, 2.0, 4.0], [3.0, 0.5, -1.0], [0.0, 1.0, 2.0]]; k = [[1.0, -1.0], [0.5, 2.0]]\n"
    "f = sum(conv2d(x, k, padding=1)**2) + sum(max_pool2d(x, 2, 1)) + sum(avg_pool2d(x, 3))",
    "x = [1.0, -2.0]; y = [0.5, 0.25]\nz = stack([x, y])\nf = sum(concat([z, z.T])[1:, 0] * 3) + sum(outer(x, y) @ x)",
    "x = [1.0, -2.0, 0.0]; f = sum(where(x > 0, x, x * x) + clip(x, -1, 0.5) + relu(x) + elu(x) + leaky_relu(x))",
    "x = [[1.0, 2.0], [3.0, 0.5]]; b = [0.1, 0.2]; f = sum(sigmoid(x @ x + b) - tanh(b)) + sum(softplus(x) * gelu(x))",
    "x = [0.0, -1.0, 1e308]; f = sum(log(x)) + sum(x * x / x)",
    "u = 2.0; t = [1.0, 2.0]; math = 0.5; f = sum(sigmoid(t) * u) * math",
]


@pytest.mark.parametrize("program", TENSORS)
def test_tensors_are_written_element_by_element(program):
    trace = run(program)
    code = "\n".join(render(trace, "python"))
    assert [line.split(" = ", 1)[1] for line in printed(code)] == results(trace)


def test_other_passes_other_numbers_and_unreached_inputs():
    trace = run("x = 3.0; y = [1.0, 2.0]\nh = x * x\nbackward(h)\nbackward(h * x)")
    assert printed("\n".join(render(trace, "python")))[1:] == ["d%3/dx = 27.0", "d%3/dy = [0.0, 0.0]"]
    assert printed("\n".join(render(trace, "python", pass_number=1)))[1:] == ["dh/dx = 6.0", "dh/dy = [0.0, 0.0]"]
    with pytest.raises(FormatError, match="writes float64"):
        list(render(run("x = 1; f = x / 3", number=Fraction), "python"))


def test_values_that_were_changed_are_written_as_they_were_seen():
    with Tape() as tape:
        x = Value(2.0, name="x")
        y = x * x
        x.data = 5.0
        (y * x).backward()
    assert printed("\n".join(render(tape.trace(), "python")))[1].split(" = ")[1] == repr(tape.trace().grads["x"])


def test_the_written_helpers_are_the_ieee_functions():
    edges = (0.0, -0.0, 1.0, -1.0, 1e308, -1e308, 5e-324, float("inf"), float("-inf"), float("nan"), 0.5, 3.0)
    for name, helper in HELPERS.items():
        namespace = {}
        exec("import math\n" + helper, namespace)
        for x in edges:
            for arguments in [(x, y) for y in edges] if name in ("div", "pow") else [(x,)]:
                mine, wanted = namespace[f"ieee_{name}"](*arguments), IEEE_FUNCTIONS[name](*arguments)
                assert literal(mine) == literal(wanted), (name, arguments)


# Worksheets


@pytest.mark.parametrize("kind", SHEETS)
@pytest.mark.parametrize("name", ["sigmoid", "staged", "matrix", "training", "xor"])
def test_a_worksheet_has_the_blanks_and_the_key_the_numbers(name, kind, traces):
    trace = traces[name]
    sheet = "\n".join(worksheet(trace, format=kind))
    key = "\n".join(worksheet(trace, format=kind, key=True))
    swept = [each for each in trace.passes if each.backward][-1]
    blank = r"\underline" if kind == "latex" else BLANK
    assert sheet.count(blank) >= len(swept.backward)
    assert blank not in key
    assert "(worksheet)" in sheet.replace("\\", "")
    assert "(answer key)" in key.replace("\\", "")


def test_a_worksheet_does_not_tell_the_answers(traces):
    sheet = "\n".join(worksheet(traces["sigmoid"], format="markdown"))
    assert "0.20" not in sheet.split("## Forward")[1]
    assert "∂ " not in sheet.split("## Circuit")[1].split("## Forward")[0]
    with pytest.raises(FormatError, match="there is no worksheet in 'markdwon'.*did you mean `markdown`"):
        list(worksheet(traces["sigmoid"], format="markdwon"))
