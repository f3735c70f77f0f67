"""The language: what runs, and what is refused with a place and the way out."""

import ast
import math
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

import stepgrad
from stepgrad import InputError, ProgramError, chains, run
from stepgrad.names import counters
from stepgrad.source import Program
from stepgrad.syntax import by_kind

RUNS = [
    ("x = 2; y = 3; f = x * y", 6.0, {"x": 3.0, "y": 2.0}),
    ("a, b = 2, 3\nf = a - b", -1.0, {"a": 1.0, "b": -1.0}),
    ("a = b = 2.0\nf = a * b", 4.0, {"a": 2.0, "b": 2.0}),
    ("x = 2.0\nx += 1\nx *= x\nf = x", 9.0, {"x": 6.0}),
    ("x = 2.0\nx **= 3\nx /= 4\nx -= 1", 1.0, {"x": 3.0}),
    ("x: float = 2.0\nf = x", 2.0, {"x": 1.0}),
    ('"""a docstring"""\nx = 2.0  # a comment\npass\nf = +x', 2.0, {"x": 1.0}),
    ("import math\nimport numpy as np\nfrom math import exp, pi\nx = 1.0\nf = math.log(np.exp(x)) * pi / math.pi", 1.0, {"x": 1.0}),
    ("import numpy as whatever\nx = 1.0\nf = whatever.square(x) + whatever.negative(x)", 0.0, {"x": 1.0}),
    ("x = [1.0, 2.0]\nf = np.sum(x) + x.sum() + sum(x) + np.mean(x) + x.mean()", 12.0, {"x": [4.0, 4.0]}),
    ("x = [3.0, 4.0]\nf = np.linalg.norm(x) + norm(x) + x.norm()", 15.0, {"x": [3 * 0.6, 3 * 0.8]}),
    ("x = [1.0, 2.0]; y = [3.0, 4.0]\nf = np.dot(x, y) + dot(x, y) + x.dot(y)", 33.0, {"x": [9.0, 12.0], "y": [3.0, 6.0]}),
    ("x = [[1.0, 2.0], [3.0, 4.0]]\nf = x.T[0][1] + x.T[0, 1] + x.reshape(4)[2] + x.reshape((1, -1))[0, 2]", 12.0, {"x": [[0.0, 0.0], [4.0, 0.0]]}),
    ("x = [1.0, 2.0, 3.0]\na, b, c = x\nf = a * b * c", 6.0, {"x": [6.0, 3.0, 2.0]}),
    ("x = [1.0, 2.0, 3.0]\nf = x[-1] * sum(x[:2]) * x[::2][0]", 9.0, {"x": [12.0, 3.0, 3.0]}),
    ("x = 2.0; y = 3.0\nv = [x, y, x * y]\nf = sum(v)", 11.0, {"x": 4.0, "y": 3.0}),
    ("x = 2.0\nm = [[x, 1], [0, x]]\nf = sum(m @ [1, 1])", 5.0, {"x": 2.0}),
    ("x = 2.0\nf = max(x, 0) + min(x, 5, 7) + max(3, 1)", 7.0, {"x": 2.0}),
    ("x = [[1.0, 5.0], [7.0, 3.0]]\nf = sum(np.max(x, 0)) + sum(x.max(axis=1))", 24.0, {"x": [[0.0, 2.0], [2.0, 0.0]]}),
    ("x = [1.0, 2.0]\nn = len(x)\nm = x.shape[0]\nf = sum(x) / n / m", 0.75, {"x": [0.25, 0.25]}),
    ("W = np.zeros((2, 2)); x = np.array([1.0, 2.0])\nf = sum(W @ x + np.ones(2))", 2.0, {"W": [[1.0, 2.0], [1.0, 2.0]], "x": [0.0, 0.0]}),
    ("i = 1; x = [5.0, 6.0]\nf = x[i]", 6.0, {"i": 0.0, "x": [0.0, 1.0]}),
    ("x = 0.5\nf = 2**3 * x + 10**2 - 3*4", 92.0, {"x": 8.0}),
    ("x = 1/4\nf = x", 0.25, {"x": 1.0}),
    ("s = [1.0, 2.0]\nf = concat([s, s * 2])[3] + stack([s, s], axis=1)[1, 0]", 6.0, {"s": [0.0, 3.0]}),
    ("v = [1.0, 2.0]; B = [[[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 2.0]]]\nf = sum(v @ B) + sum(B @ v)", 18.0,
     {"v": [6.0, 6.0], "B": [[[2.0, 3.0], [3.0, 4.0]], [[2.0, 3.0], [3.0, 4.0]]]}),
    ("x = 1\nf = x * sum([1, 2] @ [[[1, 2], [3, 4]], [[5, 6], [7, 8]]])", 58.0, {"x": 58.0}),
    ("x = [1, 2]\nf = sum(x * x)\nbackward(f)\ny = sum(x)\nbackward(y, sum(x.grad @ [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]))", 3.0, {"x": [116.0, 116.0]}),
    ("x = 2.0\nf = x * x\nf.backward()\ng = x.grad * 10", 4.0, {"x": 4.0}),
    ("s = [1.0, 2.0, 0.5]\nf = cross_entropy(s, 1) + s.cross_entropy(1)", 2 * 0.46436878, {}),
    ("dot = 3.0\nf = dot * dot", 9.0, {"dot": 6.0}),
    ("x = 1_000.0\nf = x", 1000.0, {"x": 1.0}),
    ("π = 2.0\nf = π * math.pi", 2 * math.pi, {"π": math.pi}),
    ("x = 2; f = x * x; f.backward()\nz = 3 * x", 4.0, {"x": 4.0}),
    ("x = [1, 2]\nf = x * x\nf.backward(gradient=[1, 1])", [1.0, 4.0], {"x": [2.0, 4.0]}),
    ("x = (1.0, 2.0)\nf = sum(x)", 3.0, {"x": [1.0, 1.0]}),
    ("x = [[1.0, 2.0]]\ns = x.shape\nf = sum(x.reshape(s[1], s[0]))", 3.0, {"x": [[1.0, 1.0]]}),
    ("x = np.ones((2, 2), dtype=float)\nf = sum(x) + sum(np.zeros(shape=2)) + sum(np.array(object=[1, 2]))", 7.0, {"x": [[1.0] * 2] * 2}),
    ("a = 0; n = 2\nx = np.ones((n, 3))\nf = sum(sum(x, axis=a).reshape(3, 1))", 6.0, {"a": 0.0, "n": 0.0, "x": [[1.0] * 3] * 2}),
    ("a = 1; b = 2\nf = sum(np.array([a, b])) + np.array(a)", 4.0, {"a": 2.0, "b": 1.0}),
    ("x = [1, 2, 3]\nf = sum(x[0:10**40])", 6.0, {"x": [1.0, 1.0, 1.0]}),
    ("x = [1, 2]\nf = sum([np.array([1, 2]), np.array([3, 4])] * x)", 16.0, {"x": [4.0, 6.0]}),
]  # fmt: skip


@pytest.mark.parametrize(("program", "value", "grads"), RUNS, ids=[each[0] for each in RUNS])
def test_runs(program, value, grads):
    trace = run(program)
    assert trace.value == pytest.approx(value, rel=1e-6)
    if grads:
        assert set(trace.grads) == set(grads)
        for name, gradient in grads.items():
            assert trace.grads[name] == gradient or trace.grads[name] == pytest.approx(gradient), name


REFUSED = [
    ("f = x + 1", "<text>:1:5: `x` has no value; assign it on a line before, or supply x=…"),
    ("alpha = 1.0\nf = alpa * 2", "<text>:2:5: `alpa` has no value; assign it on a line before, or supply alpa=…; did you mean `alpha`?"),
    ("f = sigmiod(3)", "<text>:1:5: `sigmiod` is not known; did you mean `sigmoid`?"),
    ("x = 1.0\nf = np.sqroot(x)", "<text>:2:5: `np.sqroot` is not known; did you mean `sqrt`?"),
    ("f = (1 + 2", "<text>:1:5: this is not Python: '(' was never closed"),
    ("x = 2.0\nf = x ^ 2", "<text>:2:5: `^` has no gate; write `**` for a power"),
    ("x = 2.5\nf = x // 2", "<text>:2:5: `//` is understood of whole numbers only; nothing flows through it"),
    ("f = 9**9**9", "<text>:1:5: this whole number has too many digits; write it as a float, as in 1e9"),
    ("x = [1, 2]\nf = x @ [1, 2, 3]", "<text>:2:5: shapes (2,) and (3,) do not multiply; the last axis of the left (2) must equal the first of the right (3)"),
    ("x = [1, 2]\nf = x @ 3", "<text>:2:5: `@` multiplies vectors and matrices, and one side is a number; write `*`"),
    ("x = [[1, 2], [3]]", "<text>:1:5: rows have 1 and 2 entries; give all rows the same length"),
    ("x = [[1, 2], 3]", "<text>:1:5: some entries are numbers and some are lists; give all rows the same depth"),
    ("x = [1, 2]; y = [1, 2, 3]\nf = x + y", "<text>:2:5: shapes (2,) and (3,) do not fit together; sizes must be equal, or 1, counted from the last axis"),
    ("x = [1, 2]\nf = x * 2", "<text>:2:1: backward starts from a number, and this has shape (2,); take its sum, or give a seed"),
    ("x = [1, 2]\nf = x[2]", "<text>:2:5: index 2 is out of range; this axis has 2 entries, so use 0 to 1"),
    ("x = 2.0\nf = x[0]", "<text>:2:5: a number has no entries; index a vector or a matrix"),
    ("x = [1, 2]\nf = x[::0]", "<text>:2:7: a slice has a step of 1 or more, or of -1 or less, not 0"),
    ("x = 1\nf = [x, x][::0]", "<text>:2:12: a slice has a step of 1 or more, or of -1 or less, not 0"),
    ("x = [1, 2, 3]\nf = broadcast(x, (2, 2))", "<text>:2:5: shapes (3,) and (2, 2) do not fit together; sizes must be equal, or 1, counted from the last axis"),
    ("x = [1, 2]\nf = x[0, 0]", "<text>:2:5: 2 indices are too many for shape (2,); give at most 1"),
    ("x = [1, 2]\nf = x[0.5]", "<text>:2:7: an index is a whole number, a slice, None or `...`"),
    ("x = [1, 2]\nf = sum(x, axis=1)", "<text>:2:5: there is no axis 1; the operand has axes 0 to 0"),
    ("x = [1, 2]\nf = sum(x, axes=0)", "<text>:2:5: `sum` does not take `axes`; write `sum(x, axis=None, keepdims=False)`"),
    ("f = exp()", "<text>:1:5: `exp` takes 1 argument, not 0; write `exp(x)`"),
    ("x = [1, 2, 3]\nf = reshape(x, (2, 2))", "<text>:2:5: 3 numbers of shape (3,) do not fill shape (2, 2); the sizes must multiply to the same number"),
    ("x = 1.0\nx[0] = 2", "<text>:2:1: only entries of a list can be assigned; build a new tensor with the new entry in it"),
    ("a, b = 1, 2, 3", "<text>:1:1: 2 names cannot take 3 values; give one value per name"),
    ("x = 1.0\nf = x.foo", "<text>:2:5: `.foo` is not known"),
    ("x = 1.0\nf = x.grad", "<text>:2:5: there is no gradient yet; call backward(...) on a line before"),
    ("x = 1.0\nf = x + 'text'", "<text>:2:5: text is not a number; give a number, a list of numbers or a name"),
    ("x = 1.0\nf = x + [True]", "<text>:2:5: True or False is not a number; give a number, a list of numbers or a name"),
    ("x = 1.0\nf = 2j * x", "<text>:2:5: a complex number is not understood here; write a real number or a name"),
    ("x = 1.0\nf = exp", "<text>:2:5: `exp` is a function; call it, as in `exp(x)`"),
    ("exp = 1.0\nf = exp(2)", "<text>:2:5: `exp` is a value here, not a function; give the value another name"),
    ("for i in 3:\n    pass", "<text>:1:10: a number has no entries; give a list, a range or a tensor"),
    ("def f(x):\n    return x * 2\ny = f()", "<text>:3:5: `f` needs `x`; give it a value"),
    ("import os", "<text>:1:1: `os` cannot be imported; only the functions of math, numpy and torch that the language has are understood"),
    ("x = 2.0\nbackward(x)\ng = x.grad * 2\nbackward(g)", "<text>:4:1: this was computed from gradients, off the tape; backward starts from a value"),
    ("backward(3)", "<text>:1:1: backward starts from one computed value; write `backward(f)`"),
    ("while 1 < 2:\n    pass", "<text>:1:1: the program takes more than 2,000,000 steps; shorten it, let its loops end, or raise --max-steps"),
    ("x = 1.0\nc = constant(x)", "<text>:2:5: `constant` takes a literal; what is computed from constants is constant anyway"),
    ("", "<text>:1:1: the program computes nothing; write an expression"),
    ("# only a comment", "<text>:1:1: the program computes nothing; write an expression"),
    ("f = 1" + "0" * 400, "<text>:1:5: this number is larger than float64 can hold; keep it under 1.8e308"),
    ("x = 1.0\nf = x\0", "<text>:2:6: the program contains a NUL character; remove it"),
    ("s = [1.0, 2.0]\nf = cross_entropy(s, 2)", "<text>:2:5: label 2.0 is none of the 2 classes; use 0 to 1"),
    ("f = np.max([])", "<text>:1:5: `max` of nothing has no value; give it at least one number"),
    ("x = np.zeros((100000, 100000))", "<text>:1:5: a tensor of shape (100000, 100000) has 10,000,000,000 numbers; keep it under 1,000,000, or raise --max-elements"),
    ("x = 2.0\nf = " + "(" * 150 + "x" + ")" * 150 + " + " + "-" * 150 + "x", "<text>:2:"),
    ("a = 1; b = 2\nf = np.array([a, b])", "<text>:2:1: backward starts from a number, and this has shape (2,); take its sum, or give a seed"),
    ("x = [1, 2]\ny = x * 2\nbackward(y, 3)", "<text>:3:1: the seed is a number, and the output wants one of shape (2,); give that"),
    ("x = 2\nf = [[x]]", "<text>:2:1: backward starts from a number, and this has shape (1, 1); take its sum, or give a seed"),
    ("x = 2\nbackward(x, junk=1)", "<text>:2:1: `backward` does not take `junk`; write `backward(output, gradient=None)`"),
    ("x = constant([1, 2], a=3)", "<text>:1:5: `constant` does not take `a`; write `constant(value)`"),
    ("x = constant()", "<text>:1:5: `constant` takes 1 argument, not 0; write `constant(value)`"),
    ("n = len([1], a=2)", "<text>:1:5: `len` does not take `a`; write `len(x)`"),
    ("x = np.ones(2, dtype=3)", "<text>:1:22: every number is a float64 here; leave `dtype` out"),
    ("x = 1\nf = max(x, 0, axis=1)", "<text>:2:5: `max` does not take `axis`; write `max(x, y)`"),
    ("x = 1\nf = exp(x, x=3)", "<text>:2:5: `exp` is given `x` twice; write `exp(x)`"),
    ("x = 2\nf = x @ 3", "<text>:2:5: `@` multiplies vectors and matrices, and one side is a number; write `*`"),
    ("f = 2 @ 3", "<text>:1:5: `@` multiplies vectors and matrices, and one side is a number; write `*`"),
    ("x = 2\nf = dot(x, 2)", "<text>:2:5: `@` multiplies vectors and matrices, and one side is a number; write `*`"),
    ("x = np.zeros(2, 3)", "<text>:1:5: `np.zeros` takes 1 argument, not 2; write `zeros(shape)`"),
    ("x = np.array()", "<text>:1:5: `np.array` takes 1 argument, not 0; write `array(object)`"),
    ("x = np.ones((1, 2.5))", "<text>:1:5: `shape` is a tuple of whole numbers; write `ones(shape)` with it as in `(2, 3)`"),
    ("x = np.ones([[2]])", "<text>:1:5: `shape` is a tuple of whole numbers; write `ones(shape)` with it as in `(2, 3)`"),
    ("x = np.ones((2,) * 2)", "<text>:1:13: a tuple is not joined, repeated or computed with; write it out, or a list for a vector"),
    ("x = np.ones((10**7, 0))", "<text>:1:5: a tensor of shape (10000000, 1) has 10,000,000 numbers; keep it under 1,000,000, or raise --max-elements"),
    ("x = [...]", "<text>:1:5: `...` is not a number; give a number, a list of numbers or a name"),
    ("x = np.array(None)", "<text>:1:5: nothing is not a number; give a number, a list of numbers or a name"),
    ("x = 1.0\n" + "x = [x, x]\n" * 40, "<text>:21:5: this list holds 1,048,576 numbers; keep it under 1,000,000, or raise --max-elements"),
    ("x = 1.0\n" + "x = [x]\n" * 40, "<text>:34:5: lists are nested more than 32 deep; use fewer axes"),
    ("x = np.ones((1000, 1000))\nf = sum(x @ x)", "<text>:2:9: the program takes more than 2,000,000 steps; shorten it, let its loops end, or raise --max-steps"),
    ("x = 2\nf = x.zeros()", "<text>:2:5: `.zeros` is not known; write `zeros(shape)`"),
    ("f = frobnicate(3)", "<text>:1:5: `frobnicate` is not known; `stepgrad gates` lists what is"),
    ("f = 3 .grad", "<text>:1:5: only inputs, and what is computed from them, have a gradient; assign this to a name first"),
    ("2 * 3", "<text>:1:1: the program computes nothing; assign a number to a name and compute with it, as in `f = 2*3`"),
    ("x = 2\nx.data -= 1", "<text>:2:1: there was no backward sweep yet; assign the input itself"),
    ("x: float", "<text>:1:1: this says a type and no value; write the value behind it, as in `x: float = 2.0`"),
    ("f = (x := 2)", "<text>:1:6: `:=` cannot be used here; assign on a line before"),
    ("class A: pass", "<text>:1:1: a class cannot be used here; write functions and lists"),
    ("x = 2\nf = x | 2", "<text>:2:5: `|` has no gate; use + - * / ** @"),
    ("a, = 1, 2", "<text>:1:1: 1 name cannot take 2 values; give one value per name"),
    ("x, *y = [1, 2]", "<text>:1:4: `*` before a name is not understood; name every entry"),
    ("math = 3\nf = math.exp(1)", "<text>:2:5: `math` is a value here, not the module; give the value another name"),
    ("f = 2x", "<text>:1:5: `2x` is no number; write `2*x` to multiply"),
    ("f = x − y", "<text>:1:7: `−` is not understood; write `-`"),
    ("f = x² + 1", "<text>:1:6: `²` is not understood; write `**2`"),
    ("f = x·y", "<text>:1:5: `·` is not understood; write `*`"),
    ("f = x y", "<text>:1:7: an operator is missing between these two; write one, as `*` to multiply, or begin a new line"),
    ("f(x) = 3", "<text>:1:1: only names can be assigned; write the name on the left of `=`, as in `f = x + 1`"),
    ("f = " + "1" * 5000, "<text>:1:5: this whole number has too many digits; write it as a float, as in 1e9"),
    ("é = 2.0; f = é + ü", "<text>:1:18: `ü` has no value; assign it on a line before, or supply ü=…"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "message"), REFUSED, ids=[each[0][:40] for each in REFUSED])
def test_refusal_is_one_sentence_with_its_place(program, message):
    with pytest.raises(ProgramError) as caught:
        run(program)
    first, source, caret = str(caught.value).split("\n")
    assert first.startswith(message) if message.endswith(":") or "foo" in message else first == message
    line = program.replace("\0", "�").split("\n")[caught.value.span.line - 1]
    assert source == line if len(line) <= 160 else source.strip("…") in line
    assert set(caret.strip()) == {"^"}
    assert source[caret.index("^") :][:1] == line[caught.value.span.column - 1 :][:1]


def test_a_deep_program_is_refused_and_a_long_one_runs():
    for text in ("(" * 5000 + "1" + ")" * 5000, "-" * 5000 + "1", "[" * 5000 + "]" * 5000):
        with pytest.raises(ProgramError, match="nested|not Python"):
            run("f = " + text)
    trace = run("x = 1.0\nf = " + " + ".join(["x"] * 900))
    assert trace.grads == {"x": 900.0}


LONG = {
    "sum": "f = " + " + ".join(["x"] * 20_000),
    "product": "f = " + "*".join(["x"] * 3000),
    "over lines": "f = (" + "\n + ".join(["é*2 - x"] * 2500) + ")",
    "mixed": "f = -1 + " + " - ".join(["(" + "*".join(["x"] * 1000) + ")"] * 12),
}


@pytest.mark.parametrize("name", LONG)
def test_chains_may_have_any_length(name):
    trace = run("x = 1.0; é = 1.0\n" + LONG[name])
    expected = {"sum": 20_000.0, "product": 3000.0, "over lines": -2500.0, "mixed": -10_000.0}
    assert trace.grads["x"] == expected[name]


@pytest.mark.parametrize("around", ["for k in range(2):\n    {}", "def g(x):\n    {}\n    return f\nf = g(x)"])
def test_chains_may_be_as_long_within_loops_and_functions(around):
    assert run("x = 1.0\n" + around.format("f = " + " + ".join(["x"] * 20_000))).grads == {"x": 20_000.0}


PIECES = [
    "f = a*b*c*d*e + x - -y*z*z*z*z*z + b+c+d+e+f\ng=(\n a+b # é\n + é+ü*2+5\n+6\n , [1+2+3+4*(x+x+x+x)*1*2*3, 3][0]+1+2)",
    "f = é+ü+é+ü + \\\n ü+ü+é+f(a+b+c+d+e, k=-a**2+b+c+d)\nx[1+1+2+3:1*2*3*4].T+'a+'+1+1+1",
    "f=_+_+_+_+_\nx+=1+2+3+4\ng = a+b+c if a-b-c-d else -2+3+4+5==1+2+3+4",
    "def g(x):\n    return x+x+x*y*y*y**2**-3*d@f//g+1\nprint(*x+y+z+z, lambda a: a+a+a+a)\na = not x+x+x and b+b+b+ ~a.b+a",
]


@pytest.mark.parametrize("text", PIECES)
def test_parsing_in_pieces_gives_the_same_tree(text, monkeypatch):
    monkeypatch.setattr(chains, "MAX_LINKS", 2)
    assert len(list(chains.cuts(text))) >= 2
    pieces, whole = chains.parse_in_pieces(text), ast.parse(text)
    assert ast.dump(pieces, include_attributes=True) == ast.dump(whole, include_attributes=True)


DEEP = ["(" * 100_000, "-" * 100_000 + "x", "x" + ".T" * 450, "x" + ".exp()" * 3000, "x" + "[0]" * 3000, "x**" * 3000 + "2", "x if x else " * 20_000 + "2"]  # fmt: skip


@pytest.mark.parametrize("text", DEEP, ids=[each[:12] for each in DEEP])
def test_other_depths_end_in_a_sentence(text):
    with pytest.raises(ProgramError, match="nested too deeply; name parts of it on lines of their own"):
        run("x = 1.0\nf = " + text)


def test_a_supplied_value_leaves_constants_constant():
    assert run("X, w = constant([1, 2]), [3, 4]\nf = sum(X * w)", X=[5, 6]).grads == {"w": [5.0, 6.0]}
    assert run("X = Y = constant(2)\nz = 3\nf = X * Y * z", X=7).grads == {"z": 14.0}
    assert run("C = constant([1, 2])\na, b = C\nz = 3\nf = a * b * z", a=7).grads == {"z": 14.0}
    assert run("from math import pi\nf = pi * 2", pi=3).grads == {"pi": 2.0}


def test_supplied_names_are_read_as_python_reads_them():
    trace = run("ﬁ = 2\nf = ﬁ * 2", {"ﬁ": 3}, output="ﬁ")
    assert (trace.output, trace.value) == ("fi", 3.0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1], 2], "'x' cannot take this value: some entries are numbers and some are lists"),
        (None, "'x' cannot take this value: nothing is not a number"),
        (10**400, "'x' cannot take this value: this number is larger than float64"),
    ],
)
def test_a_bad_supplied_value_is_named(value, message):
    with pytest.raises(InputError, match=message):
        run("f = x * 2", x=value)


def test_a_list_may_not_be_the_output():
    with pytest.raises(ProgramError, match="has shape .2,.; take its sum"):
        run("x = 2\ng = [x, x]\nf = x", output="g")


def test_what_is_not_printable_is_shown_as_a_sign():
    with pytest.raises(ProgramError) as caught:
        run("f = x\x1b[31m")
    assert str(caught.value).splitlines()[1] == "f = x�[31m"


def test_work_on_tensors_counts_as_steps():
    assert run("x = [1.0, 2.0]\nf = sum(x * x)", max_steps=60).value == 5.0
    with pytest.raises(ProgramError, match="more than 5,000 steps"):
        run("x = np.ones((50, 50))\nf = sum(x @ x)", max_steps=5000)


def test_inputs_from_outside():
    assert run("f = (x + y) * z", x=-2, y=5, z=-4).grads == {"x": -4.0, "y": -4.0, "z": 3.0}
    assert run("x = 1.0\nf = x * x", {"x": 3}).value == 9.0, "replaces the first assignment"
    assert run("x = 1.0\nx = 5.0\nf = x * x", x=3).value == 25.0, "and only the first"
    assert run("X = constant([1.0])\nw = 2.0\nf = sum(w * X)", X=[4.0]).grads == {"w": 4.0}, "constants stay so"
    assert run("x = x * 2", x=3).value == 6.0
    assert run("f = sum(x)", x=((1, 2), (3, 4))).grads == {"x": [[1.0, 1.0], [1.0, 1.0]]}
    assert list(run("f = b * a", a=1, b=2).grads) == ["b", "a"], "in the program's order"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"y": 1}, "'y' is given a value but the program has no such name"),
        ({"alhpa": 1}, "did you mean `alpha`"),
    ],
)
def test_inputs_that_the_program_does_not_know(inputs, message):
    with pytest.raises(InputError, match=message):
        run("alpha = 2.0\nf = alpha", inputs)


def test_the_output_can_be_chosen():
    program = "x = 2.0\na = x * x\nb = a * x"
    assert run(program).grads == {"x": 12.0}
    chosen = run(program, output="a")
    assert (chosen.output, chosen.value, chosen.grads) == ("a", 4.0, {"x": 4.0})
    with pytest.raises(InputError, match="no value of the program"):
        run(program, output="c")
    with pytest.raises(InputError, match="calls backward itself"):
        run(program + "\nbackward(a)", output="b")


def test_exact_fractions_read_literals_as_written():
    trace = run("x = 0.1; f = x * x + 1/3", number=Fraction)
    assert trace.value == Fraction(1, 100) + Fraction(1, 3)
    assert trace.grads == {"x": Fraction(1, 5)}
    with pytest.raises(ProgramError, match="`exp` needs exp, which exact fractions do not have"):
        run("x = 1; f = exp(x)", number=Fraction)
    with pytest.raises(ProgramError, match="divided by zero"):
        run("x = 0; f = 1/x", number=Fraction)
    for program, given in (("x = inf", {}), ("x = 1; f = x * np.nan", {}), ("x = 1", {"x": math.inf})):
        with pytest.raises(stepgrad.StepgradError, match="is no fraction; use number=float, which has inf and nan"):
            run(program, given, number=Fraction)
    with pytest.raises(InputError, match="float or Fraction"):
        run("x = 1", number=int)


def test_the_step_limit_counts_statements_gates_and_edges():
    program = "x = 1.0\n" + "x = x * 2\n" * 50
    steps = 51 + 51 + 1 + 50
    assert run(program, max_steps=steps).value == 2.0**50
    with pytest.raises(ProgramError, match=f"more than {steps - 1} steps"):
        run(program, max_steps=steps - 1)


def test_spans_point_at_the_subexpression():
    trace = run("x = 2.0\nf = (x + 1) * exp(x)")
    spans = [trace.program.at(event.span) for event in trace if isinstance(event, stepgrad.Forward)]
    assert spans == ["x = 2.0", "x + 1", "exp(x)", "(x + 1) * exp(x)"]


@pytest.mark.parametrize("text", ["é = 1.0; ü = [é*2, (é + é)/2, 'ß€𝟙']; f = é", "f = x**2; é = f; g = (x.T +\n é*é)"])
def test_spans_count_characters(text):
    program = Program(text)
    for node in filter(lambda each: hasattr(each, "lineno"), ast.walk(ast.parse(text))):
        assert program.at(program.span_of(node)) == ast.get_source_segment(text, node).split("\n")[0]


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parent.parent / "examples").glob("*.sg")), ids=lambda path: path.stem
)
def test_one_walk_finds_all_nodes(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out = (ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context)
    expected = Counter(type(node) for node in ast.walk(tree) if not isinstance(node, left_out))
    found = {kind: len(nodes) for kind, nodes in by_kind(tree).items() if issubclass(kind, ast.AST)}
    assert {kind: count for kind, count in found.items() if not issubclass(kind, left_out)} == expected


COUNTING = [
    ("n = 0\nwhile n < 3: n += 1", {"n"}),
    ("n = 0\nfor k in range(3):\n    n = n + 1\n    m -= 2", {"n", "m"}),
    ("n = 0\nn += 1\nfor k in range(3): pass", set()),  # in no loop
    ("n = 0\nfor k in range(3): n += 1\nn = 0.5", set()),  # it gets something else, too
    ("n = 0\nfor k in range(3):\n    if k: n = m + 1\n    m += 1", {"m"}),
    ("def f(n):\n    while n:\n        for k in n: i += 1\n    i -= 1\n    x += 0.5", {"i"}),
]


@pytest.mark.parametrize(("text", "names"), COUNTING)
def test_whole_numbers_that_are_only_counted(text, names):
    assert counters(by_kind(ast.parse(text))) == names


@pytest.mark.parametrize("number", [float, Fraction])
def test_a_minus_sign_is_a_product(number):
    trace = run("x = -2.5\ny = -x\nz = -(-y)*-2\nf = sum(-[y, z])", number=number)
    assert (trace.value, trace.grads) == (2.5, {"x": -1.0})
    first, second, *_ = (event for event in trace if isinstance(event, stepgrad.Forward))
    assert (first.value, second.value) == (-2.5, 2.5)
    assert (second.gate.name, trace.program.at(second.span)) == ("mul", "-x")


def test_an_error_in_an_augmented_assignment_has_the_place_of_the_culprit():
    with pytest.raises(ProgramError, match="`q` has no value") as caught:
        run("x = 1.0\nq.data -= 0.5")
    assert (caught.value.span.column, caught.value.span.end_column) == (1, 2)


def test_rebinding_makes_versions():
    trace = run("c = 1.0\nc = c + c\nc = c * c")
    assert [event.name for event in trace if isinstance(event, stepgrad.Forward)] == ["c", "c₂", "c₃"]
    assert [trace.name(i, ascii_only=True) for i in range(3)] == ["c", "c#2", "c#3"]
    assert trace.find("c") == trace.find("c₃") == trace.find("c#3") == 2


def test_line_endings_tabs_and_a_byte_order_mark():
    assert run("\ufeffx = 2.0\r\nf = x * 3\r\n").value == 6.0
    with pytest.raises(ProgramError) as caught:
        run("x = 1.0\rf = x + ?")
    assert str(caught.value).startswith("<text>:2:9:")
    with pytest.raises(ProgramError) as caught:
        run("f =\t\t(y)")
    assert str(caught.value).splitlines()[2] == "   \t\t ^"
