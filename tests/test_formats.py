"""Every example in every format, also once saved and loaded; and the two ways in which a trace is walked through."""

import json
from math import prod
from random import Random

import pytest

from stepgrad import FORMATS, FormatError, Tape, Value, hessian, jvp, render, run
from stepgrad.equality import same
from stepgrad.formats import spelling
from stepgrad.formats.blocks import Blocks
from stepgrad.formats.text import TextExport
from stepgrad.gallery import example_paths
from stepgrad.style import Style
from stepgrad.tensor import Tensor
from tests.oracles import PYTHON_FUNCTIONS, random_program, shortened
from tests.test_jsonl import loaded, saved

ENDS = 60  # steps at either end that are told of a long trace
STYLES = [(Style(), 80), (Style(4), 120), (Style(3, ascii_only=True), 60), (Style(), 40)]


def lines_of(trace, format):
    """A trace in a format, or why not; of a long one its first and last steps, where that can be asked for."""
    options = {}
    if len(trace) > 2 * ENDS and format in ("text", "markdown", "csv", "latex", "html"):
        options["steps"] = [*range(ENDS), *range(len(trace) - ENDS, len(trace))]
    try:
        return list(render(trace, format, **options))
    except FormatError as error:
        return str(error)


@pytest.mark.parametrize("name", example_paths())
def test_a_loaded_trace_is_told_in_every_format_as_it_was(name):
    trace = run(shortened(name))
    again = loaded(saved(trace))
    assert again == trace
    for format in FORMATS:
        lines = lines_of(again, format)
        assert lines == lines_of(trace, format), format
        assert not isinstance(lines, str) or format in ("mermaid", "python"), (format, lines)


@pytest.mark.parametrize("name", example_paths())
def test_events_are_the_same_in_order_and_by_index(name):
    trace = run(shortened(name))
    assert same([tuple(each) for each in trace], [tuple(trace[k]) for k in range(len(trace))])


# What is told without events is what events tell


def told(trace, style, width):
    return list(TextExport(trace, style, width).lines())


def told_by_events(trace, style, width):
    export = TextExport(trace, style, width)
    return [line for lines in (export.by_events(), export.gradients()) for line in export.fitting(lines)]


@pytest.mark.parametrize(("style", "width"), STYLES)
def test_plain_steps_are_told_as_their_events_are(style, width):
    for name in example_paths():
        if name not in ("tiny_gpt", "iris", "convnet"):
            trace = run(shortened(name))
            assert told(trace, style, width) == told_by_events(trace, style, width), name
    for seed in range(60):
        program, inputs = random_program(seed, tuple(PYTHON_FUNCTIONS))
        trace = run(program, {name: float(text) for name, text in inputs.items()})
        assert told(trace, style, width) == told_by_events(trace, style, width), program


@pytest.mark.parametrize(
    "program",
    [
        "x = -0.0; y = 0.0; z = x * y + 1e300 * x; f = z - 1e-9 + 1234567890123.0 * y",
        "x = 2.0; f = x ** -1 + -3 * x / -0.5 - -x + x % 2",
        "梯度 = 2.0; f = 梯度 * 3",
        "a_name_that_is_longer_than_any_column = 2.0; f = a_name_that_is_longer_than_any_column ** 2",
        "x = 0.0; f = relu(x) + abs(x) + log(x) * 0",
        "x = -2.0; f = relu(x) / 0.0 + relu(x - 1) * 3",
        "x = 0.005; f = x * 0.9999 + 0.0004 * x - 0.01 * x + 4e-320 * x + (0.1 - 2) * x",
        "x = 1.5\nfor k in range(40): x = x * 0.9 + k\nprint(x)\nf = x",
        "w = 1.0\nfor k in range(3):\n    backward(w * w * -2.0)\n    w -= 0.1 * w.grad\n    print(w)",
    ],
)
def test_strange_steps_are_told_alike(program):
    for style, width in STYLES:
        trace = run(program)
        assert told(trace, style, width) == told_by_events(trace, style, width)


NUMBERS = (0.0, -0.0, 1.0, -2.5, 0.005, 1e-5, -3e-9, 0.996, -123456.789, 1e9, 999999999.999)


def random_tensor_program(seed):
    """A few gates on matrices, trained or not, their numbers such as are printed with care."""
    random = Random(seed)
    rows, columns = random.choice((1, 2, 3, 9, 13)), random.choice((1, 2, 3, 9))

    def matrix(*shape):
        return [matrix(*shape[1:]) for _ in range(shape[0])] if shape else random.choice((*NUMBERS, random.gauss(0, 1)))

    gates = (
        "tanh(h)", "relu(h)", "log(h)", "exp(h)", "abs(h) ** 0.5", "h ** 2", "h * c", "-2 * h + 0.5", "h.T", "h + h[0]",
        "h - mean(h, axis=0, keepdims=True)", "log_softmax(h, axis=1)", f"concatenate([h, h, h])[0:{rows}]",
        "where(h > 0, h, b)", "h / (h * h + 1)", f"h * {matrix(rows)}", f"reshape(reshape(h, (1, {rows}, {rows})) * c, ({rows}, {rows}))",
        "maximum(h, 0.0)", "h @ a_long_name_for_a_matrix",
    )  # fmt: skip
    body = ["h = X @ W + b", *(f"h = {gate}" for gate in random.sample(gates, random.randint(1, 4)))]
    body.append(f"f = {random.choice(('sum', 'mean', 'max'))}(h) * c")
    lines = [f"X = {matrix(rows, columns)}; W = {matrix(columns, rows)}; b = {matrix(rows)}; c = {matrix()}"]
    lines.append(f"a_long_name_for_a_matrix = {matrix(rows, rows)}")
    if random.random() < 0.5:
        return "\n".join([*lines, *body])
    updates = ["backward(f)", "W -= 0.1 * W.grad", "b -= 0.5 * b.grad", "print(f)"]
    return "\n".join([*lines, "for k in range(2):", *(f"    {line}" for line in (*body, *updates))])


@pytest.mark.parametrize("seed", range(30))
def test_steps_of_tensors_are_told_as_their_events_are(seed):
    program = random_tensor_program(seed)
    trace = run(program)
    assert loaded(saved(trace)) == trace
    for style, width in (*STYLES, (Style(0), 80), (Style(12), 200)):
        assert told(trace, style, width) == told_by_events(trace, style, width), program


@pytest.mark.parametrize(
    "program",
    [
        "x = [1e300, 2.0]; f = sum(x * x) + sum(x) / 0",
        "x = [0.0, -1.0, 2.0]; f = sum(relu(x) + abs(x) + log(x))",
        "x = [[[1.0, 2.0]], [[-3.0, 4.0]]]\nfor k in range(2):\n    backward(sum(x * x))\n    x -= 0.1 * x.grad",
        "x = ones((20, 20)); f = sum(x * x)",
        "x = [1.0, 2.0, 3.0]; f = x @ [0.5, -1.0, 2.0] + sum(stack([x, x, x, x, x]))",
        "梯度 = [1.0, 2.0]; f = sum(梯度 * 2)",
        "def g(a, b): return a * b + a\nx = [1.0, 2.0]\nprint(x)\nf = sum(g(x, g(x, x)))",
    ],
)
def test_strange_steps_of_tensors_are_told_alike(program):
    trace = run(program)
    for style, width in STYLES:
        assert told(trace, style, width) == told_by_events(trace, style, width)


def test_what_is_remembered_of_tensors_is_bounded_and_tells_zeros_apart():
    spelled, blocks = spelling.Tensors(), Blocks(Style())
    for k in range(300):
        for zero in (0.0, -0.0):
            tensor = Tensor((k + 1,), [zero] * k + [float("nan")])
            assert spelled[tensor] == f'[{f"{zero!r}," * k}"nan"]'
            assert blocks[tensor].lines == Style().lines(tensor)
            tensor = Tensor((k + 1, 1), [zero] * k + [0.5])
            assert spelled[tensor] == f"[{f'[{zero!r}],' * k}[0.5]]"
            assert (blocks[tensor].lines[0].strip("[ ]") == "-0.00") is (k > 0 and str(zero) == "-0.0")
    for each in (spelled, blocks):
        sizes = [prod(shape) * len(layout.known) for shape, layout in each.layouts.items()]
        assert 0 < sum(sizes) <= spelling.NUMBERS


def test_values_that_were_changed_and_names_with_blanks_are_told_alike():
    with Tape() as tape:
        x = Value(2.0, name="- x")
        y = x * 3
        x.data = 5.0
        (y + x * -2).backward()
    for style, width in STYLES:
        assert told(tape.trace(), style, width) == told_by_events(tape.trace(), style, width)


@pytest.mark.parametrize("seed", range(20))
def test_training_with_values_is_told_alike(seed):
    random = Random(seed)
    w, bias = [Value(random.gauss(0, 1)) for _ in range(3)], Value([random.choice((0.0, 1.0)) for _ in range(2)])
    early = w[0] * w[1]
    with Tape() as tape:
        for _ in range(3):
            h = (bias * w[2]).relu()
            if random.random() < 0.5:
                h.data = [random.gauss(0, 1), 0.0]
            y = h.sum() * random.choice((early, 1.0, w[2].relu()))
            if random.random() < 0.5:
                w[2].data = random.choice((0.0, 2.5, float("inf")))
            (y + (w[0] - w[2]) ** 2).backward()
            for each in w:
                each.data -= 0.1 * each.grad
            bias.data = [0.0, random.gauss(0, 1)]
    trace = tape.trace()
    assert trace.changes
    for style, width in STYLES:
        assert told(trace, style, width) == told_by_events(trace, style, width)
    for event, line in zip(trace, list(render(trace, "jsonl"))[1:], strict=True):
        row = json.loads(line)
        assert (row["node"], row["note"]) == (event.node, getattr(event, "note", None))
        if hasattr(event, "value"):
            spell = spelling.spell_tensor if isinstance(event.value, Tensor) else spelling.spell_number
            assert row["value"] == json.loads(spell(event.value))


# Derivatives of derivatives, and forward mode


@pytest.mark.parametrize(
    "program", ["x = 1.0; y = 2.0; f = (x*y + exp(x))**2", "W = [[1.0, 2.0], [3.0, 4.0]]; f = sum((W @ W)**2)"]
)
def test_second_derivatives_are_saved_and_told_as_they_were(program):
    trace = hessian(run(program)).trace
    again = loaded(saved(trace))
    assert again == trace
    for format in FORMATS:
        assert lines_of(again, format) == lines_of(trace, format), format


def test_forward_mode_is_told_or_refused_in_one_sentence():
    trace = jvp(run("x = 2.0; y = 3.0; f = x * y + x"), {"x": 1.0}).trace
    assert list(trace) == [trace[k] for k in range(len(trace))]
    text = "\n".join(render(trace, "markdown"))
    assert "## Tangents by x" in text
    assert "the direction" in text
    rows = list(render(trace, "csv"))
    assert len(rows) == len(trace) + 1
    assert [row.split(",")[2] for row in rows[5:]] == ["direction", "tangent", "tangent", "tangent"]
    for format in ("jsonl", "html", "svg", "tikz", "latex", "dot", "mermaid", "python", "layers"):
        with pytest.raises(FormatError, match="this trace has tangents; use text or markdown or csv or json"):
            render(trace, format)
