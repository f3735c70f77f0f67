"""Corners of the language: what programs rarely say, with Python's answers, NumPy's, or the sentence of a refusal."""

import pytest

from stepgrad import ProgramError, run
from tests.test_programs import error_of, lines_of, numbers_alike, run_as_python

AS_IN_PYTHON = {
    "lists": """
xs = [1.5, 0.5, 1.5]
def where(values, x): return values.index(x)
print(xs.index(0.5), where(list(range(5)), 3), tuple(xs), tuple([]), tuple((1.5,)), len(range(7)), len((1.5, 2.5)))
print((1, 2) in [(3, 4), (1, 2)], [1.5] in [[2.5]], [1.5] not in [[2.5]])
cube = [[[0.5, 1.5]], [[2.5]]]
cube[0][0][1] = 9.5
print(cube, cube[0][0][1])
a = []; a.append(1.5)
b = a.copy()
b.append(2.5)
print(a, b)
""",
    "truth values count": "print(True + True, 1 - True, 2.5 * True, 3 // True, True < 2, int(7), int(True), float(False))",
    "rows are added up": "print(sum([0, 1, 2]), sum([0, 0.5, 1.5]), sum([1.5], 0))",
    "a loop that is numbered by a variable": "for k in [3, 5]:\n    for i, y in enumerate([1.5, 2.5], k): print(i, y)",
    "arguments by name": "def f(a, b): return a - b\nprint(f(a=1.5, b=0.5), f(b=1.5, a=0.5))",
    "empty ranges": "print(list(range(3, 0)), list(range(0, -3, -1)), len(range(5, 0)), 3 in range(0))",
    "text within text": "print('%s|%5s|%r' % ((1.5, 2), 'a', 'b'), 'b' in 'abc', 'x' not in 'abc')",
}


@pytest.mark.parametrize("name", AS_IN_PYTHON)
def test_programs_print_what_python_prints(name):
    program = AS_IN_PYTHON[name] + "\nlast_value = 1.0\n"
    assert list(map(numbers_alike, lines_of(run(program)))) == list(map(numbers_alike, run_as_python(program)))


PRINTS = [  # program, what it prints: NumPy's and PyTorch's answers
    ("print(np.full((2, 2), 1.5), np.zeros_like([[1, 2]]), np.ones_like([5]), np.eye(2))",
     "[[1.5, 1.5], [1.5, 1.5]] [[0.0, 0.0]] [1.0] [[1.0, 0.0], [0.0, 1.0]]"),
    ("print(np.arange(3), np.arange(1, 2, 0.25), np.arange(3, 0, -1), np.arange(1, 1), np.arange(0.5, 2.6))",
     "[0.0, 1.0, 2.0] [1.0, 1.25, 1.5, 1.75] [3.0, 2.0, 1.0] [] [0.5, 1.5, 2.5]"),
    ("print(torch.zeros(2, 3), torch.ones(1, 2), np.zeros(np.array([1, 2])))", "[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]] [[1.0, 1.0]] [[0.0, 0.0]]"),
    ("print(argmax([1, 5, 2]), argmax([[1, 5], [7, 2]]), argmax([[1, 5], [7, 2]], axis=0), argmax([3.5, 7.5], axis=0))", "1 2 [1.0, 0.0] 1"),
    ("x = [[1.0, 2.0]]; print(x.ndim, x.size, x.shape)", "2 2 (1, 2)"),
    ("print(float([1.5]), float(np.array([[2.5]])), np.array([3.5]).item(), f'{np.array([1.5]):.2f}')", "1.5 2.5 3.5 1.50"),
    ("x = [1.0]; print(1 if x > 0 else 2, sum(x, keepdims=1))", "1 [1.0]"),
    ("x = 2.0; print([x, 3.0] > np.array([1, 5]), [x, 3.0] == [2, 4])", "[1.0, 0.0] [1.0, 0.0]"),
    ("x = 7.0; backward(x * x); print(x.grad % 4, 7 // x.grad, x.grad // 4, x.grad / 4)", "2 0 3 3.5"),
    ("x = 2.0; y = 3.0; backward([x * y, x + y], [1, 10]); print(x.grad, y.grad)", "13.0 12.0"),
    ("print(np.zeros((2, 0)) @ np.ones((0, 3)), np.zeros((0, 2)) @ np.ones((2, 3)))", "[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]] []"),
    ("x = [1.5].requires_grad_(); y = 3.0; print(x, y.double())", "[1.5] 3.0"),
    ("from torch.nn import functional as F\nx = [-1.0, 1.0]\nprint(F.relu(x))", "[0.0, 1.0]"),
    ("f = lambda x: x\ndef g(x): return x\nprint(f, g)", "<function lambda> <function g>"),
    ("x = 2.0; backward(x * x); x.grad *= 0; x.grad = 0.0; x.grad = [0, 0]; print(x.grad)", "4.0"),
    ("x = 2.0; print(sum([x] * x), sum([x, 1.0] * 3))", "4.0 9.0"),
    ("x = 0.5; f = x * round(2.675, 2) * round(25.0, -1); backward(f); print(f, x.grad)", "26.7 53.4"),
    ("x = 0.5; f = x * 3; backward(f); print(round(f / 7, 3), round(x.grad / 7, 2))", "0.214 0.43"),
    ("xs = [1.5] * (2 + True)\nprint(len(xs))", "3"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "printed"), PRINTS, ids=[each[0][:60] for each in PRINTS])
def test_programs_print_what_numpy_and_pytorch_say(program, printed):
    assert lines_of(run(program + "\nlast_value = 1.0")) == [printed]


REFUSED = [
    ("x = 1.0; print(x < 'a')", "1:16: these have no order; compare numbers"),
    ("x = None; print(x < 1)", "1:17: these have no order; compare numbers"),
    ("print([1] < ['a'])", "1:7: these have no order; compare numbers"),
    ("x = [1.0, 2.0]; m = x < [x[0], 2, 3]", "1:21: shapes (2,) and (3,) do not fit together; sizes must be equal, or 1, counted from the last axis"),
    ("x = [1.0, 2.0]; y = x.sum", "1:21: `.sum` is a function; call it, as in `x.sum()`"),
    ("import math\nx = math.exp", "2:5: `math.exp` is a function; call it, as in `math.exp(x)`"),
    ("f = lambda x: x\ny = f[0]", "2:5: this has no entries; index a list or a tensor"),
    ("f = lambda x: x\nfor i in f: pass", "2:10: this has no entries; give a list, a range or a tensor"),
    ("print(argmax([1, 2], axis=0.5))", "1:7: `axis` is one whole number; for several, apply the gate once for each"),
    ("print(argmax([1, 2], axis=3))", "1:7: there is no axis 3; the operand has axes 0 to 0"),
    ("y = sum([1, 2], axis=0.5)", "1:5: `axis` is one whole number; for several, apply the gate once for each"),
    ("print(argmax([]))", "1:7: nothing has no largest number; give at least one"),
    ("print(len(1.5))", "1:7: a number has no length; `len` takes a list or a tensor"),
    ("for i in range(0, 10, 0): pass", "1:10: the step of a range is 0, so it would never end; give another"),
    ("for i, y in enumerate([1.5], 'a'): pass", "1:13: `start` is a whole number; write `enumerate(x, start=1)`"),
    ("print(float('a'))", "1:7: this is not a number; give one"),
    ("print(float([1.5, 2.5]))", "1:7: this is no single number; take an entry of it, or its sum"),
    ("print(round(1.5, 'a'))", "1:7: `digits` is a whole number; write `round(x, 4)`"),
    ("print(int(1e400 - 1e400))", "1:7: this is no finite number, so it has no whole part"),
    ("print([1.5].index(2.5))", "1:7: this is not in the list; look with `in` before"),
    ("print(5 % 0)", "1:7: a number cannot be divided by zero with a remainder; check the divisor first"),
    ("print(1, file=2)", "1:1: `print` does not take `file`; write `print(x, y)`"),
    ("print(np.full(3, [1.0]))", "1:7: `fill_value` is one number; give one"),
    ("print(np.arange(0, 1, 0))", "1:7: the step of `arange` is 0, so it would never end; give another"),
    ("print(np.arange(0, 1e300))", "1:7: `arange` would make too many numbers; give a smaller stop, or a larger step"),
    ("print(np.eye(1.5))", "1:7: `n` is a whole number; give one, as in n=10"),
    ("print(np.normal(3))", "1:7: `np.normal` is not known; write `normal(shape, seed=0)` or `uniform(shape, seed=0)`, the same in every run"),
    ("print(np.zeros((-1,)))", "1:7: shape (-1,) has a negative size; use sizes from 0 on"),
    ("y = sum([1.0], keepdims='a')", "1:5: `keepdims` is True or False; write `sum(x, axis=None, keepdims=False)`"),
    ("y = max([1.0], dim=0)", "1:5: `max` returns no indices here; write `axis=…` for the values, and `argmax` for places"),
    ("y = transpose([[1.0, 2.0]], (0, 0))", "1:5: axes (0, 0) must name each of the axes 0 to 1 once"),
    ("x = [[1.0, 2.0]]; y = concat([x, [[1.0]]], 0)", "1:23: shapes (1, 2) and (1, 1) cannot be joined along axis 0; all other sizes must be equal"),
    ("y = outer([[1.0, 2.0]], [1.0])", "1:5: `outer` takes two vectors, not shapes (1, 2) and (1,); flatten them"),
    ("y = softmax(1.0)", "1:5: softmax compares the entries of a vector, and this is a number; use sigmoid"),
    ("y = layer_norm(1.0)", "1:5: layer_norm compares the entries of a vector, and this is a number; give it a vector"),
    ("y = cross_entropy([[1.0, 2.0]], [0, 1])", "1:5: scores of shape (1, 2) need labels of shape (1,), not (2,); give one whole number per row of scores"),
    ("x = [1.0, 2.0]; y = x[..., ...]", "1:21: an index has at most one `...`"),
    ("y = sum(axis=0)", "1:5: `sum` needs `x`; write `sum(x, axis=None, keepdims=False)`"),
    ("print(exp(x=1.0, x=2.0))", "1:20: `x` is given twice; leave one of them out"),
    ("print(f'{[1.5]:.2f}')", "1:10: a format prints one number; print the list without one, or an entry of it"),
    ("print('%d' % [1.5])", "1:7: `%d` prints one number; use %s for anything else"),
    ("print('%d' % 1e999)", "1:7: `%d` is not one for this value; use %s"),
    ("x = 1.0; print(f'{\"a\" * 1999}{\"b\" * 1999}')", "1:16: this text has more than 2,000 characters; print it in parts, or raise --max-text"),
    ("x = 007", "1:5: a whole number does not begin with 0; leave the zeros out"),
    ("for *a, b in [(1.0, 2.0)]: pass", "1:5: `*` before a name is not understood; name every entry"),
    ("*a, b = [1.0, 2.0]", "1:1: `*` before a name is not understood; name every entry"),
    ("for x[0] in [1.0]: pass", "1:5: only names can take the entries of a loop"),
    ("for *x in [1.0]: pass", "1:5: `*` before a name is not understood; name every entry"),
    ("from math import exp as e2", "1:1: `exp` keeps its name here; write `from math import exp`"),
    ("x = 2.0; y = x * 3; y.data = 5.0", "1:21: only the data of an input can be assigned; give the computed value a name"),
    ("x = 2.0; backward(x * x)\nx.grad *= 0.5", "2:1: a gradient cannot be changed; compute with it, as in `g = 0.5 * w.grad`, and use that in the update"),
    ("x = 2.0; backward(x * x)\nx.grad = clip(x.grad, -1, 1)", "2:1: a gradient cannot be changed; compute with it, as in `g = 0.5 * w.grad`, and use that in the update"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "message"), REFUSED, ids=[each[0][:60] for each in REFUSED])
def test_refusals_have_a_place_and_a_way_out(program, message):
    assert error_of(program) == f"<text>:{message}"


def test_a_name_that_is_a_function_only_sometimes():
    """In a function, a gate's name that is assigned there is the function's own, before it has a value, too."""
    with pytest.raises(ProgramError, match="`exp` is assigned in this function"):
        run("def f(x):\n    y = exp(x)\n    exp = 2.0\n    return y\nz = f(1.0)")
    trace = run(
        "x = 1.0\nfor i in range(6):\n    if i == 3:\n        def square(v): return v * v * v\n    y = square(x + 1)\n    print(y)"
    )
    assert lines_of(trace) == ["4.0"] * 3 + ["8.0"] * 3
