"""Every example in every format, also once saved and loaded; and the two ways in which a trace is walked through."""

import pytest

from stepgrad import FORMATS, FormatError, Tape, Value, hessian, jvp, render, run
from stepgrad.equality import same
from stepgrad.formats.text import TextExport
from stepgrad.gallery import example_paths
from stepgrad.style import Style
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


def test_values_that_were_changed_and_names_with_blanks_are_told_alike():
    with Tape() as tape:
        x = Value(2.0, name="- x")
        y = x * 3
        x.data = 5.0
        (y + x * -2).backward()
    for style, width in STYLES:
        assert told(tape.trace(), style, width) == told_by_events(tape.trace(), style, width)


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
