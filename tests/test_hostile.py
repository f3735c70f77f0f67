"""Programs, values and files that want to break it: each ends, in one sentence with a place."""

import os
import re
import sys
import threading
from contextlib import suppress
from decimal import Context, Decimal
from fractions import Fraction

import pytest

import stepgrad
from stepgrad.answers import read_answers
from stepgrad.elementary import sin
from stepgrad.errors import FormatError, InputError, ProgramError, StepgradError
from stepgrad.formats import FORMATS, render
from stepgrad.gallery import example_text, find_program
from stepgrad.intake import content_of
from stepgrad.language import run
from stepgrad.limits import LIMITS, WORDS, limited
from stepgrad.pairs import Pair
from stepgrad.supply import read_values
from tests.test_cli import output, refusal

WITHOUT_END = {  # few steps are enough to show that they are counted
    "x = np.ones((10, 10))\nwhile True: x = x @ x": "steps",
    "x = [1.0, 2.0]\nwhile True: x = flatten(outer(x, x))": "steps",
    "x = [1.0]\nwhile True: x = concat([x, x])": "steps",
    "s = 'ab' * 999\nss = []\nwhile True: ss.append(s[1:])": "steps",
    "x = np.ones((99, 99))\nwhile True: s = str(x)": "steps",
    "n = 2\nfor i in range(100): n = n * n": "",
    "n = 1\nwhile True: n = n * 10": "steps",
    "y = [1 for i in range(10**18) if i < 0]": "steps",
    "def f(n): return f(n - 1) + f(n - 1)\ny = f(9)": "deep",
    "f = lambda g: g(g)\ny = f(f)": "deep",
    "while True: f = lambda: 0": "steps",
    "fs = []\nfor i in range(10**9): fs.append(lambda: i)": "steps",
}


@pytest.mark.parametrize("program", WITHOUT_END)
def test_what_grows_without_end_is_ended(program):
    if not WITHOUT_END[program]:
        run(program, max_steps=5_000)
        return
    with pytest.raises(ProgramError, match=WITHOUT_END[program]):
        run(program, max_steps=20_000)


@pytest.mark.parametrize(
    "program",
    [
        "y = 1/3\nwhile True: y = y * y",
        "y = [1/3, 1/7]\nwhile True: y = y * y",
        "f = lambda v: v * v\nx = 1/3\ny = " + "f(" * 60 + "x" + ")" * 60,
        "x = 1/3\nbackward(x * x)\ng = x.grad\nwhile True: g = g * g",
    ],
)
def test_fractions_do_not_grow_without_end(program):
    with pytest.raises(ProgramError, match="too many digits"):
        run(program, number=Fraction)


def test_long_fractions_count_as_steps():
    with pytest.raises(ProgramError, match="steps"):
        run("y = 0.0\nn = 1\nwhile True:\n    y = y + 1/n\n    n += 1", number=Fraction, max_steps=20_000)


def test_a_row_that_broadcasts_to_36_million_numbers_is_refused():
    row, column = ",".join(["1"] * 6000), ",".join(["[1]"] * 6000)
    with pytest.raises(ProgramError, match="36,000,000 numbers|more than 2,000,000 steps") as caught:
        run(f"x = [{row}]\ny = [{column}]\nf = sum(x + y)")
    assert caught.value.span[:2] == (3, 9)


@pytest.mark.parametrize("text", ["-" * 100_000 + "1", "(" * 100_000 + ")" * 100_000, "not " * 50_000 + "1"])
def test_a_deep_line_is_pointed_at(text):
    with pytest.raises(ProgramError, match="nested too deeply") as caught:
        run(f"x = 1.0\n  \ny = {text}")
    assert caught.value.span.line == 3


def test_a_dotted_name_that_would_take_gigabytes_is_not_parsed():
    with pytest.raises(ProgramError, match="nested too deeply") as caught:
        run("x = 1.0\nimport a" + ".a" * 100_000)
    assert caught.value.span[:2] == (2, 9)
    assert run("import numpy.random\nx = 1.0 # " + "some words. " * 200).value == 1.0


def test_long_chains_are_parsed_in_pieces_and_keep_their_places():
    trace = run("x = 1.0\nf = x" + " + x" * 3000 + "\ng = f *\\\n f")
    assert (trace.value, trace.program.at(trace.span(len(list(trace.inputs)) + 1))[:5]) == (3001.0**2, "x + x")
    with pytest.raises(ProgramError) as caught:
        run("x = 1.0\nf = (x" + " + x" * 3000 + "\n + nothing)")
    assert caught.value.span == (3, 4, 3, 11)


def test_a_loop_in_ninety_loops_takes_no_longer_for_it():
    program = "x = 1.0\n" + "".join(f"{' ' * i}for i{i} in range(2):\n" for i in range(90)) + " " * 90 + "x = x * 1.0"
    with pytest.raises(ProgramError, match="more than 20,000 steps"):
        run(program, max_steps=20_000)


@pytest.mark.parametrize(
    "expression",
    [
        "().__class__.__bases__", "x.__class__", "x.__init__.__globals__", "f.__globals__", "exp.__code__", "np.os",
        "math.__loader__", "__builtins__", "__import__('os')", "eval('1')", "exec('1')", "open('x')", "getattr(x, 'T')",
        "globals()", "type(x)", "'{0.__class__}'.format(x)", "f'{x.__class__}'", "x.__ｃlass__", "ºpen('x')", "x._data",
        "print.__self__", "backward.__call__", "torch.load('x')", "range(3).start", "[].__len__()", "breakpoint()",
        "input()", "Value.__init__", "stepgrad", "self", "__name__", "vars(x)", "object()", "x.value", "x.gate",
    ],
)  # fmt: skip
def test_nothing_of_pythons_own_is_reached(expression):
    with pytest.raises(ProgramError) as caught:
        run(f"import numpy as np\nx = 1.0\ndef f(v): return v\ny = {expression}")
    assert caught.value.span.line == 4


@pytest.mark.parametrize(
    "statement",
    ["import os", "from os import system", "from . import x", "global x", "class A: pass", "del x", "raise x",
     "async def g(): pass", "try: y = 1\nexcept: pass", "with open('x') as g: pass", "(y := 2)", "x, *y = 1, 2",
     "print(*[x])", "print(**{})", "def g(*a): return a", "yield 1", "@f\ndef g(): pass", "match x:\n    case 1: pass"],
)  # fmt: skip
def test_statements_that_the_language_has_not(statement):
    with pytest.raises(ProgramError):
        run(f"x = 1.0\n{statement}\ny = x")


@pytest.mark.parametrize("spec", ["1000000000", ".1000000000f", "0>999999999", "{10**9}", "c", "x.__class__"])
def test_formats_are_bounded(spec):
    with pytest.raises(ProgramError):
        run(f"x = 1.0\nprint(f'{{x:{spec}}}')")


def test_abs_takes_one_value():
    for call in ("abs(1, 2)", "abs([1, 2], 3)"):
        with pytest.raises(ProgramError, match="abs"):
            run(f"x = {call}")
    assert run("x = 1.0\ny = abs([-1, 2]) * x\nf = sum(y)").value == 3.0


# What an error shows


def test_an_error_shows_the_part_of_a_long_line_that_it_is_about():
    with pytest.raises(ProgramError) as caught:
        run("x = 1.0\ny = x" + " + x" * 5_000 + " + foo" + " " * 50_000)
    place, line, caret = str(caught.value).split("\n")
    assert place.startswith("<text>:2:20009: `foo`")
    assert len(line) <= 162
    assert line[caret.index("^") : len(caret)] == "foo"


def test_a_sentence_with_an_endless_name_is_cut():
    with pytest.raises(ProgramError) as caught:
        run("x = " + "a" * 100_000)
    assert len(str(caught.value)) < 1_600


@pytest.mark.parametrize("sign", ["\x1b", "\x9b", "\x07", "\u202e", "\u2066", "\u200b", "\x08", "\x7f", "\u2028"])
def test_no_error_hands_signs_to_the_terminal_that_it_would_obey(sign):
    for program in (f"x = foo # {sign}", f"assert 0, 'a{sign}b'", f"x{sign}y = 1", f"print('{sign}', foo)"):
        with pytest.raises(StepgradError) as caught:
            run(program, filename=f"a{sign}.sg")
        assert sign not in str(caught.value)
    with pytest.raises(StepgradError) as caught:
        find_program(f"no{sign}such.sg")
    assert sign not in str(caught.value)


# Limits


def test_every_limit_has_its_option_and_its_words():
    help = output("run", "--help")
    for name in WORDS:
        assert "--max-" + name in help
        assert refusal("run", "f = x", "x=1", f"--max-{name}", "x").startswith(f"stepgrad: --max-{name}: 'x' is no")


@pytest.mark.parametrize(
    ("limit", "value", "program"),
    [
        ("source", 20, "x = 1.0" + " " * 20),
        ("elements", 4, "x = np.ones((3, 2))"),
        ("elements", 4, "x = [1, 2, 3, 4, 5]"),
        ("calls", 3, "def f(n): return n if n < 1 else f(n - 1)\ny = f(9)"),
        ("text", 5, "s = 'abc' * 3"),
        ("bits", 64, "x = 2**70"),
    ],
)
def test_a_limit_holds_and_can_be_changed(limit, value, program):
    program += "\nz = 1.0"
    assert run(program).value == 1.0
    with limited(**{limit: value}), pytest.raises(ProgramError):
        run(program)
    assert run(program).value == 1.0, "only for a while"
    assert refusal("run", program, f"--max-{limit}", str(value))


def test_a_raised_limit_lets_more_through():
    assert stepgrad.LIMITS is LIMITS
    assert output("run", "def f(n): return x if n < 1 else f(n - 1)\nx = 1.0\ny = f(300)", "--max-calls", "400")
    assert output("run", "-", "--max-source", "500000", given="x = 1.0\n" + "# " * 200_000)


# Files


def test_no_more_of_a_file_is_read_than_can_be_used(tmp_path):
    file = tmp_path / "x.sg"
    file.write_bytes(b"x" * 100)
    assert content_of(str(file), 10) == b"x" * 11
    if os.path.exists("/dev/zero"):
        assert content_of("/dev/zero", 10) == b"\0" * 11
        assert "too large" in refusal("run", "/dev/zero")
        assert "too long" in refusal("run", "f = x", "--inputs", "/dev/zero", "--max-file", "1000")


def test_a_pipe_is_read_if_somebody_writes_into_it(tmp_path):
    pipe = tmp_path / "p.sg"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="into which nobody writes"):
        find_program(str(pipe))
    for pause in (0.0, 0.3):
        writer = threading.Timer(pause, lambda: pipe.write_bytes(b"x = 2.0"))
        writer.start()
        assert find_program(str(pipe)).text == "x = 2.0"
        writer.join()


def test_files_of_too_many_numbers_are_refused_before_they_are_read_as_numbers(tmp_path):
    for name, text in (("x.csv", "1,2\n" * 10), ("x.json", "[" + "1, " * 19 + "1]")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert "20 numbers; keep it under 10" in refusal(
            "run", "f = sum(x)", f"x=@{tmp_path / name}", "--max-elements", "10"
        )


# Fuzzing

PIECES = [
    "x",
    "y",
    "f",
    "1",
    "2.5",
    "1e9",
    "0x1F",
    "'a'",
    "f'{x}'",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    ";",
    "=",
    "==",
    "<",
    "+",
    "-",
    "*",
    "/",
    "**",
    "@",
    "%",
    "//",
    ".",
    "->",
    ":=",
    "~",
    "!",
    "$",
    "?",
    "\\",
    "#",
    "\n",
    "\n\t",
    "\n\nif",
    "else",
    "elif",
    "for",
    "in",
    "while",
    "def",
    "return",
    "lambda",
    "not",
    "and",
    "or",
    "is",
    "None",
    "True",
    "import",
    "from",
    "as",
    "with",
    "no_grad()",
    "break",
    "continue",
    "pass\nassert",
    "print(",
    "range(",
    "sum(",
    "exp(",
    "np.",
    ".T",
    ".grad",
    ".shape",
    ".append(",
    "backward(",
    "constant(",
    "[i",
    "for",
    "i",
    "in",
    "\x00",
    "\r",
    "\x0c",
    "é",
    "梯",
    "²",
    "×",
    "\ufeff\n�",
    "\u202e",
    "9**9**9",
    "normal((2,2))",
    "x[0]",
    "x[1:]",
    "-x",
    "+=",
]


def test_whatever_the_text_is_it_runs_or_is_refused(fuzz):
    """Random texts of pieces of programs: a result, or an error with a place inside the text."""
    for chance in fuzz(400):
        text = "x = 2.0\n" + " ".join(chance.choices(PIECES, k=chance.randrange(1, 14)))
        try:
            run(text, max_steps=2_000)
        except ProgramError as error:
            line, column = error.span[:2]
            lines = re.split("\r\n|\r|\n", text)
            assert 1 <= line <= len(lines), repr(text)
            assert 1 <= column <= len(lines[line - 1]) + 1, repr(text)
            assert str(error).isprintable() or "\n" in str(error)
        except StepgradError:
            pass


def test_a_damaged_program_runs_or_is_refused(fuzz):
    """Examples with a few characters changed."""
    texts = [example_text(name) for name in ("sigmoid", "xor", "neuron", "momentum")]
    for chance in fuzz(60):
        text = list(chance.choice(texts))
        for _ in range(chance.randrange(1, 4)):
            text[chance.randrange(len(text))] = chance.choice(["", "(", ")", "0", "x", "\n", "*", "[", "'", " ", "\0"])
        with suppress(StepgradError):
            run("".join(text), max_steps=3_000)


def test_damaged_values_are_read_or_refused(tmp_path, fuzz):
    """Files of numbers with a few bytes changed."""
    for chance in fuzz(200):
        name = chance.choice(["x.csv", "x.json"])
        content = bytearray(b"1.5,2\n3,4e5\n" if name == "x.csv" else b"[[1.5, 2], [3, 4e5]]")
        for _ in range(chance.randrange(1, 4)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        (tmp_path / name).write_bytes(content)
        try:
            read_values([f"x=@{tmp_path / name}"])
        except StepgradError as error:
            assert str(error)


LONG = "x = 1/3\n" + "x = x*x\n" * 15


def test_a_fraction_too_long_for_python_is_printed_everywhere():
    trace = stepgrad.run(LONG, number=Fraction)
    assert f"{Decimal(1) / 3**32768:.2e}" in str(trace)  # a decimal's exponent goes further than a float's
    with pytest.raises(FormatError, match="float64"):
        list(render(trace, "python"))
    for name in FORMATS.keys() - {"python"}:
        assert list(render(trace, name))
    for wanted in (lambda: stepgrad.check(trace), lambda: stepgrad.compare(trace, {"x": 1.0})):
        with pytest.raises(stepgrad.InputError, match=r"too large or too small .*; run with number=float"):
            wanted()


def test_products_of_fractions_count_for_more():
    program = "x = np.ones((200, 200)) / 3\nf = sum(x @ x)"
    with pytest.raises(ProgramError, match=r"^<text>:2:9: the program takes more than 2,000,000 steps"):
        run(program, number=Fraction)
    assert run(program.replace("200", "5"), number=Fraction).value == Fraction(125, 9)


def test_records_of_fractions_too_long_for_python_are_written_in_full():
    program = "x = 1/3\n" + "x = x*x\n" * 14
    trace = stepgrad.run(f"w = 2; {program}y = sum([x, w] @ [x, 2])\nbackward(y)\nw -= w.grad", number=Fraction)
    found = [*trace, trace.passes, stepgrad.hessian(trace), stepgrad.why(trace, "w"), stepgrad.modes(trace)]
    found += [
        Pair("x", Fraction(1, 3**20000), Fraction(1), False, ()),
        *stepgrad.jvp(program, {"x": 1}, number=Fraction).trace,
    ]
    assert all(map(repr, found)) and all(map(str, found))
    assert len(repr(trace[15])) > 7_000 and repr(trace[15]).startswith("Forward(step=16, node=15, gate=<gate mul>, ")
    assert repr(stepgrad.run("f = x * 2", x=0.5)[1]) == (
        "Forward(step=2, node=1, gate=<gate mul>, operands=(0, 2.0), value=1.0, name='f', span=Span(line=1, column=5, "
        "end_line=1, end_column=10), note=None, path=())"
    )
    assert sys.get_int_max_str_digits() == sys.int_info.default_max_str_digits


@pytest.mark.parametrize(
    "program, wanted",
    [
        ("z = [1, 2][x] * y", "an index is a whole number"),
        ("for i in range(x): pass\nz = y", "whole numbers"),
        ("z = square(x) * y", "too long a fraction"),
        ("print(f'{x:d}')\nz = y", "not one for this value"),
    ],
)
def test_a_fraction_beyond_floats_is_no_index_and_no_count(program, wanted):
    with pytest.raises(stepgrad.StepgradError, match=wanted):
        stepgrad.run(program, number=Fraction, x=Fraction(10**29000, 3), y=1)


@pytest.mark.parametrize(
    "program, wanted",
    [
        ("f = x * x", None),
        ("f = sin(x)", "angle has more than 10,000 digits"),
        ("f = x * 2\nprint(f'{x:.3f}')", "digits before the point; print it as in .3e"),
        ("f = x * 2\nprint('%d' % x)", "digits before the point"),
        ("f = round(x) * y", "more than 2,000 digits"),
        ("f = int(x) * y", "more than 2,000 digits"),
    ],
)
def test_a_huge_decimal_is_not_written_out(program, wanted):
    given = {"x": Decimal("1e9999999999"), "number": Decimal} | ({"y": 1} if "y" in program else {})
    if wanted is None:
        assert "1.00e+19999999998" in str(stepgrad.run(program, **given))
        return
    with pytest.raises(stepgrad.ProgramError, match=wanted):
        stepgrad.run(program, **given)


def test_sines_of_large_decimals_have_all_their_digits():
    for angle in ("1e5", "1e22", "1e40", "1e100"):
        ours = stepgrad.run("f = sin(x)", number=Decimal, digits=30, x=Decimal(angle)).value
        assert ours == Context(prec=30).plus(sin(Decimal(angle), 60))


def test_what_has_no_decimals_says_so():
    trace = stepgrad.run("f = x / 3", number=Decimal, x=1)
    with pytest.raises(FormatError, match="'jsonl' has no decimals"):
        list(render(trace, "jsonl"))
    for wanted in (lambda: stepgrad.check(trace), lambda: stepgrad.compare(trace, {"x": 1.0})):
        with pytest.raises(stepgrad.InputError, match="decimals are not compared"):
            wanted()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_into_which_nobody_writes_is_no_trace(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(stepgrad.InputError, match="nobody writes"):
        stepgrad.load(tmp_path / "pipe.jsonl")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_into_which_nobody_writes_holds_no_gradients(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="nobody writes"):
        read_answers(str(tmp_path / "pipe"))


def test_a_csv_file_that_python_does_not_read_is_refused(tmp_path):
    (tmp_path / "long.csv").write_text("x," + "9" * 200_000)
    with pytest.raises(InputError, match="is not CSV"):
        read_answers(str(tmp_path / "long.csv"))


def test_sweeps_over_matrices_are_counted_by_their_work():
    with pytest.raises(stepgrad.LimitError, match="raise --max-steps"):
        stepgrad.modes("x = np.ones((100, 100))\nf = sum(x @ x)")


def test_certified_numbers_are_floats():
    assert "leave out" in refusal("run", "sigmoid", "--certified", "--exact")


def test_names_of_saved_traces_and_of_values_have_nothing_that_a_terminal_obeys(tmp_path):
    lines = [re.sub(r',"crc":\d+', "", line) for line in render(run("f = x * y", x=3, y=4), "jsonl")]
    (tmp_path / "f.jsonl").write_text("\n".join(lines).replace('"x"', '"x\\u001b[31m"') + "\n")
    with pytest.raises(stepgrad.TraceError, match=r"f.jsonl:2: `name` is .* cannot be seen"):
        stepgrad.load(tmp_path / "f.jsonl")
    with stepgrad.Tape() as tape:
        a = stepgrad.Value(2.0, label="a\x1b[31m\u202e")
        (a * a).backward()
    assert all(text.isprintable() for text in str(tape.trace()).split("\n")) and "a�[31m�" in str(tape.trace())


def test_a_line_of_too_many_fields_is_no_step(tmp_path):
    fields = ",".join(f'"k{k}":1' for k in range(500_001))
    for start in ('{"format":"stepgrad trace",', '{"format": "stepgrad trace", "a":1,'):
        (tmp_path / "f.jsonl").write_text(f"{start}{fields}}}\n")
        with pytest.raises(stepgrad.TraceError, match="holds more than 500,000 fields"):
            stepgrad.load(tmp_path / "f.jsonl")


def test_printed_texts_in_csv_are_shown_not_obeyed():
    text = "".join(render(run("print('\\x1b]0;x\\x07 a')\nf = x", x=1), "csv"))
    assert "\x1b" not in text and "�]0;x� a" in text
