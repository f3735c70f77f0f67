"""The text export: golden texts, widths, rounding, ASCII."""

from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

import stepgrad
from stepgrad import FormatError, render, run
from stepgrad.gallery import example_paths, example_text
from stepgrad.style import Style, cells
from stepgrad.tensor import Tensor
from stepgrad.wording import Wording

GOLDEN = Path(__file__).parent / "golden"
TEXTS = [
    ("sigmoid.txt", "sigmoid", {}),
    ("sigmoid.ascii.txt", "sigmoid", {"ascii_only": True}),
    ("matrix.txt", "matrix", {}),
    ("matrix.3.txt", "matrix", {"digits": 3}),
    ("bias.txt", "bias", {}),
    ("staged.txt", "staged", {}),
    ("staged.120.txt", "staged", {"digits": 4, "width": 120}),
]


@pytest.mark.parametrize(("file", "example", "options"), TEXTS, ids=[each[0] for each in TEXTS])
def test_golden(file, example, options):
    lines = list(render(run(example_text(example)), "text", **options))
    assert "\n".join(lines) + "\n" == (GOLDEN / file).read_text(encoding="utf-8")


def test_str_is_the_text_export():
    trace = run(example_text("sigmoid"))
    assert str(trace) == "\n".join(render(trace, "text")) == "\n".join(render(trace))


@cache
def traced(name):
    return run(example_text(name))


def first_lines(name, **options):
    """The first lines of an example's text: a training run repeats them thousands of times."""
    return islice(render(traced(name), "text", **options), 2_000)


@pytest.mark.parametrize("name", example_paths())
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("digits", [2, 6])
def test_lines_fit(name, width, digits):
    for line in first_lines(name, width=width, digits=digits):
        assert len(line) <= width
        assert line == line.rstrip()


@pytest.mark.parametrize("name", example_paths())
def test_ascii_is_ascii(name):
    for line in first_lines(name, ascii_only=True):
        assert line.isascii(), line


def test_a_product_is_the_rounded_exact_product():
    last = str(run(example_text("sigmoid"))).split("Gradients")[0].strip().splitlines()[-1]
    assert last.endswith("≈  0.20 ×  2.00 ≈  0.39   ∂v₅/∂x0 = w0"), "0.39, not 2.00 × 0.20 = 0.40"


def test_rounding_is_said():
    text = str(run("x = 0.125; f = x * 3"))
    assert "x         ≈ 0.12  input" in text
    assert "f = x × 3 ≈ 0.38" in text
    assert "≈" not in str(run("x = 0.5; f = x * 3"))


def test_tiny_and_huge_numbers_are_not_printed_as_zero():
    style = Style(2)
    assert style.number(3.5e-05) == "3.50e-05"
    assert style.number(0.0) == "0.00"
    assert style.number(1e300) == "1.00e+300"
    assert (style.number(float("inf")), style.number(float("nan"))) == ("inf", "nan")
    assert style.number(Fraction(1, 3)) == "1/3"
    assert style.number(Fraction(1, 3**20)) == "2.87e-10"


def test_gradients_that_meet_show_their_total():
    text = str(run("a = 3.0; b = a + a"))
    assert "∂b/∂a = ∂b/∂b · ∂b/∂a  = 1.00 × 1.00 = 1.00" in text
    assert "∂b/∂a += ∂b/∂b · ∂b/∂a = 1.00 × 1.00 = 1.00, total 2.00" in text


def test_passes_are_announced():
    text = str(run("x = 3.0\nf = x * x\nbackward(f)\nbackward(f)"))
    assert "Pass 1 of 2: forward" in text
    assert text.count("Backward from f") == 2


def test_large_tensors_leave_out_their_middle():
    text = str(run("W = np.ones((40, 40)); f = sum(W)"))
    assert "…" in text
    assert max(map(len, text.splitlines())) <= 80


def test_three_dimensions_are_printed_matrix_by_matrix():
    assert Style(0).rows(stepgrad.run("x = [[[1, 2]], [[3, 4]]]; f = sum(x)")[0].value) == ["[1 2]", "[3 4]"]


def test_the_export_streams():
    trace = run("x = 1.0\n" + "x = x * 1.5\n" * 3000)
    lines = render(trace, "text")
    assert [next(lines) for _ in range(2)][0] == "Forward"


def test_an_unknown_format_or_option_is_refused():
    trace = run("x = 1.0")
    with pytest.raises(FormatError, match="did you mean `text`"):
        render(trace, "txet")
    with pytest.raises(FormatError, match="does not take colour"):
        render(trace, "json", colour=True)


def test_the_words_of_a_step():
    trace = run(example_text("sigmoid"))
    wording = Wording(trace)
    assert wording.equation(trace[16]) == "∂f/∂m = ∂f/∂h · ∂h/∂m"
    assert wording.local_rule(trace[16]) == "∂h/∂m = h"
    assert wording.local_rule(trace[14]) == "∂f/∂z = -1/z²"
    assert wording.label(trace[9]) == "×-1"
    assert wording.expression(trace[12]) == "1 / z"


def test_a_rounded_seed_and_literal_are_not_called_exact():
    assert "∂f/∂f                 ≈ 0.33  the seed" in str(run("x = 1; f = x * 2\nf.backward(1/3)"))
    assert "f = x × [1.333, 2] ≈ [1.33 4.00]" in str(run("x = [1, 2]; f = x * [1.333, 2]\nf.backward([1, 1])"))


def test_versions_in_ascii_keep_the_columns():
    lines = list(render(run("c = 1.0\nc = c + c\nc = c * c"), ascii_only=True))
    assert lines[2:4] == ["   2  c#2 = c + c     = 2.00", "   3  c#3 = c#2 * c#2 = 4.00"]


def test_names_that_are_not_ascii_are_escaped_in_ascii():
    text = "\n".join(render(run("π = 2.0; σ = π * π"), ascii_only=True))
    assert text.isascii()
    assert "\\u03c3 = \\u03c0 * \\u03c0 = 4.00" in text


def test_a_stack_of_matrices_is_separated():
    lines = str(run("x = [[[1, 2]], [[3, 4]]]; f = sum(x)")).splitlines()
    assert lines[2:5] == ["        [1.00 2.00]", "", "        [3.00 4.00]"]


@pytest.mark.parametrize(
    "program",
    [
        "a_long_name" * 9 + " = 2.0; f = sqrt(" + "a_long_name" * 9 + " - 2)",
        "梯度" * 30 + " = 2.0; f = " + "梯度" * 30 + " * 3",
        "x = [0.0, 1.0]; f = sum(log(x - 1) + x / (x - 1))",
        "x = 1.0; f = x * 2; f.backward(1e300)",
    ],
)
def test_no_line_is_wider_than_asked(program):
    for line in render(run(program), width=50, digits=8):
        assert cells(line) <= 50


def test_wide_names_keep_the_columns():
    lines = list(render(run("梯度 = 2.0; f = 梯度 * 3; g = f + 1")))
    assert lines[1:4] == [
        "   1  梯度            = 2.00  input",
        "   2  f    = 梯度 × 3 = 6.00",
        "   3  g    = f + 1    = 7.00",
    ]


def test_rounding_asks_only_for_what_is_shown():
    hidden = Tensor((1, 20), [0.5] * 10 + [1 / 3] + [0.5] * 9)
    assert Style().equals(hidden) == "="
    assert Style().equals(Tensor((1, 2), [1 / 3, 0.5])) == "≈"
