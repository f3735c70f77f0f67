"""Programs with control flow, functions, lists and text: Python itself is the oracle. And programs that learn."""

import contextlib
import functools
import io
import math
import operator
import re

import pytest

from stepgrad import Forward, InputError, ProgramError, Update, run
from stepgrad.events import Print


def lines_of(trace):
    return [event.text for event in trace if isinstance(event, Print)]


def numbers_alike(text):
    """Spell whole numbers alike: an input that was given as 2 is 2.0."""
    return re.sub(r"(?<![\w.])(\d+)(?![\w.])", r"\1.0", text)


FUNCTIONS = {name: getattr(math, name) for name in ("exp", "log", "tanh", "sqrt", "sin", "cos")}
FUNCTIONS |= {"sigmoid": lambda x: 1 / (1 + math.exp(-x)), "relu": lambda x: max(x, 0.0)}
# From left to right, as the trace shows it: from Python 3.12 on its own sum compensates, and its bits differ.
FUNCTIONS |= {"sum": lambda numbers, start=0: functools.reduce(operator.add, numbers, start)}


def run_as_python(program):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program, dict(FUNCTIONS))
    return printed.getvalue().splitlines()


AS_IN_PYTHON = {
    "if, elif, else": """
for x in [-2.0, 0.0, 3.0]:
    if x < 0: print("below", x)
    elif x == 0: print("zero")
    else: print("above", x)
""",
    "while and else": """
n = 10
while n > 1:
    n = n // 2 if n % 2 == 0 else 3*n + 1
    print(n)
else:
    print("done")
while True:
    break
else:
    print("never")
""",
    "for and else, break and continue": """
for i in range(10):
    if i % 2: continue
    if i > 6: break
    print(i)
else:
    print("never")
for i in range(3): pass
else: print("done", i)
""",
    "nested loops": """
for i in range(3):
    for j in range(i, 5):
        if j == 4: break
        if (i + j) % 2 == 0: continue
        print(i, j, i*j)
""",
    "return out of nested loops": """
def first(limit):
    for i in range(10):
        for j in range(10):
            while i * j > limit:
                return i, j
    return None
print(first(20)); print(first(99))
""",
    "functions": """
def f(x, y=2.0, *, z=3.0): return x + 10*y + 100*z
print(f(1.0), f(1.0, 5.0), f(1.0, z=7.0), f(y=1.0, x=4.0), f(1.0, y=0.0, z=0.0))
def g(x):
    pass
print(g(1.0))
def swap(a, b): return b, a
a, b = swap(1.0, 2.0)
print(a, b, swap(a, b)[0])
""",
    "recursion": """
def factorial(n): return 1 if n <= 1 else n * factorial(n - 1)
def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)
print(factorial(10), factorial(20), [fib(i) for i in range(12)])
def even(n): return True if n == 0 else odd(n - 1)
def odd(n): return False if n == 0 else even(n - 1)
print(even(10), odd(7))
""",
    "closures": """
def adder(n):
    def add(x): return x + n
    return add
five, ten = adder(5.0), adder(10.0)
print(five(1.0), ten(1.0))
def counter():
    calls = []
    def call():
        calls.append(1)
        return len(calls)
    return call
c = counter(); d = counter()
print(c(), c(), d(), c())
fs = []
for i in range(3):
    def f(x): return x * i
    fs.append(f)
print([f(10.0) for f in fs])
print([f(10.0) for f in [lambda x, i=i: x * i for i in range(3)]])
""",
    "names": """
x = 1.0
def f():
    x = 2.0
    def g(): return x
    return g() + x
print(f(), x)
def h(x): return x + y
y = 10.0
print(h(1.0))
y = 20.0
print(h(1.0))
print([x for x in range(3)], x)
for x in range(2): pass
print(x)
""",
    "a function shadows a gate": """
def sigmoid(x): return 1.0 / (1.0 + exp(-x)) + 100
print(sigmoid(0.0))
def sum(xs): return 7.0
print(sum([1.0, 2.0]))
def relu(x): return x if x > 0 else 0.0
print(relu(-1.0), relu(2.0))
""",
    "functions are values": """
square = lambda x: x * x
def twice(f, x): return f(f(x))
print(twice(square, 3.0), twice(lambda x: x + 1.5, 0.0), (lambda a, b=2.0: a - b)(5.0))
layers = [square, lambda x: -x, exp_ := None] if False else [square, lambda x: -x]
x = 3.0
for layer in layers: x = layer(x)
print(x)
ops = [lambda x: x + 1, lambda x: x * 2]
print(ops[1](ops[0](3.0)))
""".replace(", exp_ := None] if False else [square, lambda x: -x]", "]"),
    "comprehensions": """
print([i*i for i in range(5)], [i for i in range(10) if i % 2 == 0 if i > 3])
print([(i, j) for i in range(3) for j in range(i)], [a + b for a, b in [(1.0, 2.0), (3.0, 4.0)]])
print([[i*j for j in range(3)] for i in range(3)], sum(i*i for i in range(4)), sum((i for i in range(4)), 10))
print([a*b for (a, b), c in zip([(1.0, 2.0), (3.0, 4.0)], range(2)) if c])
""",
    "zip, enumerate, reversed": """
xs = [1.5, 2.5, 3.5]; ys = [10.0, 20.0]
for x, y in zip(xs, ys): print(x, y)
for i, (x, y) in enumerate(zip(xs, ys), 1): print(i, x, y)
for i in reversed(range(3)): print(i)
print(list(reversed([1.5, 2.5])), list(enumerate([5.5])), list(zip(range(100), [1.5, 2.5])), list(range(0, 10, 3)))
""",
    "lists": """
xs = []
for i in range(5): xs.append(i * 1.5)
xs[0] = 7.5; xs[-1] = -1.5
xs[2] += 0.25
print(xs, len(xs), xs[1:3], xs[::-1], xs[-2], 1.5 in xs, 9.5 not in xs)
grid = [[0.5, 0.5], [0.5, 0.5]]
grid[0][1] = 2.5
print(grid, grid[0], [0.5] * 3, [1.5] * len(xs))
ys = xs
ys.append(99.5)
print(xs == ys, len(xs))
pairs = []
pairs.append((1.5, [2.5]))
pairs[0][1].append(3.5)
print(pairs)
a = b = []
a.append(1.5)
print(b)
""",
    "and, or, not, chains": """
n = 1
print(1 < 2 < 3, 1 < 3 < 2, 1 == 1.0 != 2, not 1 < 2, 0 or 5, 3 and 0, None or 2.5, not [], 1 <= 1 >= 1)
print(1 < 2 and 3 < 4 or False, True and not False, 2 in [1, 2], 5 not in range(3), 4 in range(0, 10, 2))
def loud(x):
    print("looked at", x)
    return x
print(loud(0) and loud(1), loud(2) or loud(3), loud(1) < loud(0) < loud(5))
print(1 if 0.0 else 2, "a" == "a", "a" != "b", None is None, n is not None, "b" in "abc", [1.5] == [1.5], (1, 2) < (1, 3))
""",
    "whole numbers": """
print(7 // 2, -7 // 2, 7 % 3, -7 % 3, 2**10, 2**-1, 7 / 2, 7.5 // 2, 7.5 % 2, -7.5 % 2, abs(-3), max(1, 5, 3), min(4, 2))
print(int(3.9), int(-3.9), float(3), round(2.5), round(3.5), round(2.675, 2), round(1234.5, -2), int(True), bool(0.0))
print(max([3, 1, 2]), min([3.5, 1.5]), sum([1, 2, 3]), sum([0.1, 0.2, 0.3]), sum([]), len("abc"), abs(-2.5))
n = 0
for i in range(5): n += i
print(n)
""",
    "text": """
x = 3.14159; n = 42; s = "abc"
print(f"{x:.2f}|{x:8.3f}|{x:<8.3f}|{x:+.1e}|{x:g}|{x:%}|{n:d}|{n:05d}|{s}|{s!r}|{s:>5}|{{}}|{x:{n}.2f}".replace("{x:{n}.2f}", ""))
print("%d %5.2f %s %g %e %%" % (n, x, s, x, x))
print("%.3f" % x, "x = %s" % 2.5, "a" + "b", "=" * 5, str(1.5) + "!", x, -x, 1e-9, 1e300, float("inf") if False else 0.5)
print(f"{x}", f"{1 < 2}", f"{[1.5, 2.5]}", f"{None}", (1.5,), (1.5, 2.5), "tab\\there", sep=" / ")
print()
""".replace('|{x:{n}.2f}".replace("{x:{n}.2f}", "")', '|{x:{6}.2f}"').replace('float("inf") if False else 0.5', "0.5"),
    "gates on numbers": """
x = 0.5
y = tanh(x) * exp(-x) + log(x + 1.0) - sqrt(x) / (sin(x)**2 + cos(x)**2) + sigmoid(x) - relu(-x)
print(y)
z = 0.0
for k in range(20): z = z + (-1.0)**k * x**(2*k + 1) / (2*k + 1)
print(z)
""",
    "newton": """
def root(f, df, x, tolerance=1e-12, most=50):
    for step in range(most):
        change = f(x) / df(x)
        x = x - change
        if abs(change) < tolerance:
            break
    else:
        print("no")
    return x, step
r, steps = root(lambda x: x**2 - 2, lambda x: 2*x, 1.0)
print(r, steps)
""",
    "assert, pass, annotations": """
def f(x: float, n: int = 2) -> float:
    '''a docstring'''
    assert x > 0, "positive"
    assert n
    return x ** n
y: float = f(3.0)
print(y)
""",
    "augmented assignment": """
def f(xs, t):
    xs += [4.5]
    t += 1.5
    return t
a = []; a.append(0.5)
t = 1.5
print(f(a, t), a, t)
i = 0
xs = []; xs.append(0.5); xs.append(1.5)
def at():
    print("once")
    return 1
xs[at()] *= 3.0
print(xs)
""",
    "while with counters": """
i = 0; total = 0.5
while i < 10:
    i += 1
    if i % 3 == 0: continue
    total += i
print(i, total, i / 4, [10.5, 11.5, 12.5][i - 9])
""",
}


@pytest.mark.parametrize("name", AS_IN_PYTHON)
def test_programs_print_what_python_prints(name):
    program = AS_IN_PYTHON[name] + "\nlast_value = 1.0\n"
    mine, pythons = lines_of(run(program)), run_as_python(program)
    assert list(map(numbers_alike, mine)) == list(map(numbers_alike, pythons))


def error_of(program, **given):
    with pytest.raises(ProgramError) as caught:
        run(program, **given)
    return str(caught.value).split("\n", maxsplit=1)[0]


# Learning: a quadratic, whose steps can be written down

QUADRATIC = "w = 1.0; b = [2.0, 3.0]\nfor k in range(4):\n    L = (w - 3)**2 + sum(b * b)\n    backward(L)\n"
UPDATES = {
    "augmented": "    w -= 0.1 * w.grad; b -= 0.1 * b.grad",
    "rebound": "    w = w - 0.1 * w.grad; b = b - 0.1 * b.grad",
    "at once": "    w, b = w - 0.1 * w.grad, b - w.grad * 0 - 0.1 * b.grad",
    "under no_grad": "    with no_grad():\n        w -= 0.1 * w.grad\n        b = b - 0.1 * b.grad",
    "torch.no_grad": "    with torch.no_grad():\n        w += -0.1 * w.grad; w.grad.zero_()\n        b -= 0.1 * b.grad; b.grad = None",
    "data": "    for p in [w, b]: p.data -= 0.1 * p.grad; p.grad = 0",
    "data assigned": "    for p in (w, b): p.data = p.data - 0.1 * p.grad",
    "in a loop": "    for p in [w, b]: p -= 0.1 * p.grad",
    "numbered": "    ps = [w, b]\n    for i in range(2): ps[i] -= 0.1 * ps[i].grad",
    "in a function": "    def step(ps):\n        for p in ps: p -= 0.1 * p.grad\n    step([w, b])",
    "returned": "    def step(p): return p - 0.1 * p.grad\n    w = step(w); b = step(b)",
    "returned as an input": "    def step(p):\n        p -= 0.1 * p.grad\n        return p\n    w = step(w); b = step(b)",
    "as a list": "    ps = [w, b]\n    ps = [p - 0.1 * p.grad for p in ps]\n    w, b = ps",
    "with a rate": "    rate = 0.1\n    w -= rate * w.grad; b -= b.grad * rate",
}


@pytest.mark.parametrize("name", UPDATES)
def test_updates_in_all_their_spellings(name):
    trace = run(QUADRATIC + UPDATES[name])
    w, b = 1.0, [2.0, 3.0]
    for _ in range(4):
        w, b = w - 0.1 * 2 * (w - 3), [x - 0.1 * 2 * x for x in b]
    assert trace.updated["w"] == pytest.approx(w, rel=1e-14)
    assert trace.updated["b"] == pytest.approx(b, rel=1e-14)
    assert sum(isinstance(event, Update) for event in trace) == 8
    swept = [each for each in trace.passes if len(each.backward)]
    assert len(swept) == 4
    assert len({len(each.backward) for each in swept}) == 1, "no pass is longer than the first"


RULES = {
    "momentum": ("v = 0.0", "v = 0.9*v - 0.1*w.grad\n    w += v"),
    "velocity under no_grad": ("v = 0.0", "with no_grad():\n        v = 0.9*v - 0.1*w.grad\n        w += v"),
    "rmsprop": ("v = 0.0", "v = 0.9*v + 0.1*w.grad**2\n    w -= 0.1 * w.grad / (sqrt(v) + 1e-8)"),
    "adagrad": ("v = 0.0", "v += w.grad**2\n    w -= 0.1 * w.grad / (np.sqrt(v) + 1e-8)"),
    "adam": (
        "m = 0.0; v = 0.0; t = 0",
        "t += 1\n    g = w.grad\n    m = 0.9*m + (1 - 0.9)*g; v = 0.999*v + (1 - 0.999)*g*g\n"
        "    w -= 0.1 * (m / (1 - 0.9**t)) / (sqrt(v / (1 - 0.999**t)) + 1e-8)",
    ),
    "a rate that decays": ("rate = 0.1", "w -= rate * w.grad\n    rate *= 0.9"),
    "nesterov": ("v = 0.0", "old = v\n    v = 0.9*v - 0.1*w.grad\n    w += -0.9*old + 1.9*v"),
}


@pytest.mark.parametrize("name", RULES)
def test_rules_of_learning_written_out(name):
    first, rule = RULES[name]
    trace = run(f"w = 5.0\n{first}\nfor k in range(8):\n    L = (w - 3)**2\n    backward(L)\n    {rule}\n    print(w)")
    python = f"w = 5.0\n{first}\nfor k in range(8):\n    g_ = 2*(w - 3)\n    {rule}\n    print(w)"
    python = python.replace("w.grad", "g_").replace("np.", "").replace("with no_grad():", "if True:")
    mine, pythons = ([float(line) for line in lines] for lines in (lines_of(trace), run_as_python(python)))
    assert mine == pytest.approx(pythons, rel=1e-12)
    assert {len(each.backward) for each in trace.passes} - {0} == {3}


def test_gradients_are_read_after_an_update_and_until_the_next_sweep():
    assert lines_of(
        run("x = 3.0\nf = x**2\nbackward(f)\nx -= 0.5 * x.grad\nprint(x, x.grad, f.grad)\ny = x * 2\nprint(x.grad)")
    ) == ["0.0 6.0 1.0", "6.0"]
    assert lines_of(run("x = 3.0; y = 1.0\nbackward(x**2)\nbackward(y**2)\nprint(x.grad, y.grad)")) == ["0.0 2.0"]
    assert error_of("w = [1.0, 2.0]\nbackward(sum(w**2))\ng = w[0].grad").endswith(
        "this was computed after the last backward, which does not know it; for an entry or a part of x, write x.grad[...]"
    )


def test_a_loop_until_the_gradient_is_small():
    trace = run(
        "x = 5.0\nbackward(x**2)\nwhile abs(x.grad) > 1e-6:\n    x -= 0.3 * x.grad\n    backward(x**2)\nprint(x)"
    )
    x = 5.0
    while abs(2 * x) > 1e-6:
        x -= 0.3 * 2 * x
    assert float(lines_of(trace)[0]) == pytest.approx(x, rel=1e-12)
    trace = run(
        "x = 5.0\nwhile True:\n    backward(x**2)\n    old = x\n    x -= 0.25 * x.grad\n    if abs(x - old) < 1e-3: break\nprint(x, old)"
    )
    assert lines_of(trace) == ["0.0006103515625 0.001220703125"], "a number that is copied stays"


def test_two_losses_have_their_own_gradients():
    trace = run("w = 2.0\na = w * 3\nb = a * a\nbackward(a)\nprint(w.grad)\nbackward(b)\nprint(w.grad, a.grad)")
    assert lines_of(trace) == ["3.0", "36.0 12.0"]
    trace = run(
        "g = 1.0; d = 2.0\nfor k in range(3):\n    backward((d - 1)**2 * g)\n    d -= 0.1 * d.grad\n    backward((g + d)**2)\n    g -= 0.1 * g.grad\nprint(g, d)"
    )
    g, d = 1.0, 2.0
    for _ in range(3):
        d -= 0.1 * 2 * (d - 1) * g
        g -= 0.1 * 2 * (g + d)
    assert [float(word) for word in lines_of(trace)[0].split()] == pytest.approx([g, d], rel=1e-13)


def test_many_passes_cost_the_same_each():
    """A chain that grows from pass to pass is not walked again in each: 4,000 passes would take minutes."""
    trace = run(
        "w = 1.0; rate = 0.1; mean = 0.0\nfor k in range(4000):\n    L = (w - 3)**2\n    backward(L)\n    w -= rate * w.grad\n    rate *= 0.999\n    mean = 0.9*mean + 0.1*L"
    )
    assert {len(each.backward) for each in trace.passes[:-1]} == {3}
    old = run("w = 2.0; c = 1.0\nfor k in range(5):\n    c = c * w\n    backward(c)\n    print(w.grad)")
    assert lines_of(old) == ["1.0", "4.0", "12.0", "32.0", "80.0"], "and a sweep does go back through all of it"


def test_lists_and_closures_hold_inputs_that_are_updated_in_place():
    program = """
W = [[1.0, 2.0]]; b = [0.5]; s = 2.0
layers = [(W, b)]
everything = [layers, [s]]
def model(x):
    for W_, b_ in layers: x = W_ @ x + b_
    return s * sum(x)
def scaled(p):
    def by(k): return p * k
    return by
times = scaled(s)
for k in range(2):
    loss = model([1.0, 1.0])
    backward(loss)
    for p in [W, b, s]: p -= 0.1 * p.grad
print(W, b, s, layers, everything[1][0], times(10.0), [p for p in everything[1]])
"""
    W, b, s = [1.0, 2.0], 0.5, 2.0
    for _ in range(2):
        W, b, s = [W[0] - 0.1 * s, W[1] - 0.1 * s], b - 0.1 * s, s - 0.1 * (W[0] + W[1] + b)
    assert lines_of(run(program)) == [f"[{W}] [{b}] {s} [([{W}], [{b}])] {s} {s * 10} [{s}]"]


def test_what_is_off_the_tape():
    assert error_of("x = 2.0\nbackward(x)\ny = x.grad * x\nbackward(y)").endswith(
        "off the tape; backward starts from a value"
    )
    assert error_of("x = 2.0\nwith no_grad():\n    y = x * x\nbackward(y)").endswith(
        "off the tape; backward starts from a value"
    )
    assert error_of("x = 2.0\ny = x.detach() * 3\nbackward(y)").endswith("off the tape; backward starts from a value")
    program = "x = [3.0, 1.0]\nf = sum(x**2)\nbackward(f)\nprint(x.grad[0], len(x.grad), x.grad.shape, [g for g in x.grad])\na, b = x.grad\nprint(a - b)"
    assert lines_of(run(program)) == ["6.0 2 (2,) [6.0, 2.0]", "4.0"]


def test_what_a_function_assigns_is_no_input():
    trace = run("def f(x):\n    two = 2.0\n    w = [1.0, two]\n    return sum(x * w)\nx = 3.0\ny = f(x)")
    assert trace.grads == {"x": 3.0}
    made = run("def init(n):\n    W = normal((n, n), seed=1) * 0.1\n    return W\nW = init(2)\nL = sum(W)")
    assert made.grads == {"W": [[1.0, 1.0], [1.0, 1.0]]}, "what it returns becomes one, where it gets a name"


def test_counters_are_literals_and_other_numbers_inputs():
    trace = run("t = 0; n = 3; x = 2.0\nwhile t < n:\n    t += 1\n    x = x * 2")
    assert trace.grads == {"n": 0.0, "x": 8.0}
    assert run("x = 2\nx += 1\nf = x * x").grads == {"x": 6.0}, "outside of a loop it counts nothing"


def test_names_have_versions_and_keep_the_name_of_what_they_update():
    trace = run(
        "def step(p): p -= 0.1 * p.grad\nw = 1.0\nfor k in range(2):\n    L = w * w\n    backward(L)\n    step(w)"
    )
    names = [event.name for event in trace if isinstance(event, (Forward, Update))]
    assert names == ["w", "L", "w₂", "L₂", "w₃"]
    trace = run("def f(x):\n    y = x * 2\n    return y\na = 1.0\nb = f(a)")
    assert [event.name for event in trace if isinstance(event, Forward)] == ["a", "b"]


def test_values_from_outside_replace_the_first_assignment():
    assert run("def f(x): return W * x\nW = 2.0\ny = f(3.0)", W=5).value == 15.0, (
        "a function is called after it is defined"
    )
    assert run("w = 1.0\nfor k in range(2):\n    backward(w**2)\n    w -= 0.1 * w.grad", w=10).updated[
        "w"
    ] == pytest.approx(6.4)
    assert run("y = [w * 2 for w in [1.0]]\nx = 3.0\nf = x * y[0]", x=4).value == 8.0
    for name in ("k", "i", "inner"):
        with pytest.raises(InputError, match="no such name|never came to assign it"):
            run("def f(i):\n    inner = i * 2\n    return inner\nx = 1.0\nfor k in range(2): x = x * f(2.0)", {name: 1})
    with pytest.raises(InputError, match="never came to assign it"):
        run("x = 1.0\nif x > 2: y = 3.0\nf = x * 2", y=1)


def test_functions_assign_names_of_their_own():
    message = "`w` is assigned in this function, so it is a name of its own, and has no value here yet; hand the value over as an argument"
    assert error_of("w = 1.0\ndef f():\n    w += 1\n    return w\ny = f()") == f"<text>:3:5: {message}"
    assert error_of("w = 1.0\ndef f():\n    y = w\n    w = 2.0\n    return y\ny = f()") == f"<text>:3:9: {message}"


# Indexing by lists


def test_entries_picked_by_lists():
    program = "s = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]\ny = constant([0, 1, 1])\nL = sum(s[range(3), y]**2)"
    assert run(program).grads == {"s": [[2.0, 0.0], [0.0, 8.0], [0.0, 12.0]]}
    assert run("x = [1.0, 2.0, 3.0]\nf = sum(x[[0, 0, 2]] * [1, 10, 100])").grads == {"x": [11.0, 0.0, 100.0]}
    assert run("x = [[1.0, 2.0], [3.0, 4.0]]\nf = sum(x[:, [1, 1, 0]][0])").grads == {"x": [[1.0, 2.0], [0.0, 0.0]]}
    assert error_of("x = [1.0, 2.0]\nf = x[[0, 2]]").endswith(
        "index 2 is out of range; this axis has 2 entries, so use 0 to 1"
    )
    assert error_of("x = [[1.0, 2.0]]\nf = x[[0], [0, 1]]").endswith(
        "lists of an index have 1 and 2 entries; give all the same number"
    )
    assert error_of("x = [[[1.0]]]\nf = x[[0], :, [0]]").endswith(
        "must stand side by side; move the axes first, with `transpose`"
    )
    assert error_of("x = [1.0, 2.0]\nf = x[x > 1]").endswith(
        "a comparison is no index here; multiply by it, or use `where`, to leave entries out"
    )


def test_a_tensor_of_one_number_may_start_a_sweep():
    assert run("x = [3.0]\nf = x * x\nf.backward()").grads == {"x": [6.0]}


# What is refused


REFUSED = [
    ("break", "1:1: `break` stands outside of a loop; leave it out"),
    ("for i in range(2):\n    def f(): continue", "2:14: `continue` stands outside of a loop; leave it out"),
    ("return 1", "1:1: `return` stands outside of a function; leave it out"),
    ("def f(*a): pass", "1:8: `*` and `**` parameters are not understood; name every parameter"),
    ("def f(**a): pass", "1:9: `*` and `**` parameters are not understood; name every parameter"),
    ("print(*[1])", "1:1: `*` and `**` arguments are not understood; write the arguments out"),
    ("@f\ndef g(): pass", "2:1: a decorator cannot be used here; leave it out"),
    ("d = {'a': 1}", "1:5: a dictionary cannot be used here; use a name for each value, or a list"),
    ("d = {1, 2}", "1:5: a set cannot be used here; use a name for each value, or a list"),
    ("x = 1.0\ndef f():\n    global x", "3:5: `global` cannot be used here; hand the value over as an argument, and return the new one"),
    ("try: pass\nexcept: pass", "1:1: `try` cannot be used here; check with `if` before"),
    ("raise x", "1:1: `raise` cannot be used here; write `assert False`, or leave it out"),
    ("def f(): yield 1", "1:10: `yield` cannot be used here; return a list"),
    ("del x", "1:1: `del` cannot be used here; leave it out"),
    ("x = ~1", "1:5: `~` cannot be used here; write `1 - x` for a mask, or `not`"),
    ("with open('f') as f: pass", "1:1: only `with no_grad():` is understood"),
    ("match 1:\n    case 1: pass", "1:1: `match` cannot be used here; write `if` and `elif`"),
    ("x = 1.0\nx.foo = 2", "2:1: only names can be assigned, entries of lists and `.data`; compute the new value and name it"),
    ("assert 1 > 2, 'never'", "1:8: this does not hold: never; correct the program, or the condition"),
    ("def f(x): return x\nf(1.0, 2.0)", "2:1: `f` takes 1 argument, not 2"),
    ("def f(x, *, y=1): return x\nf(1.0, 2.0)", "2:1: `f` takes 1 argument, not 2"),
    ("def f(x): return x\nf(1.0, x=2.0)", "2:1: `f` is given `x` twice; leave one of them out"),
    ("def f(size): return size\nf(sise=2.0)", "2:1: `f` does not take `sise`; did you mean `size`?"),
    ("x = (1.0)(2.0)", "1:6: this is a value, not a function; only functions can be called"),
    ("xs = []\nxs.append(1.5)\nxs[3] = 2", "3:1: index 3 is out of range; the list has 1 entries"),
    ("xs = []\nxs.append(1.5)\ny = xs[3]", "3:5: index 3 is out of range; the list has 1 entries"),
    ("x = 1.0\nx.append(2)", "2:1: only a list can be appended to; begin it as `xs = []`"),
    ("a, b = [1.0, 2.0, 3.0]", "1:1: 2 names cannot take 3 values; give one value per name"),
    ("for a, b in [1.0, 2.0]: pass", "1:5: 2 names cannot take 1 value; give one value per name"),
    ("for i in range(2.5): pass", "1:10: `range` takes one to three whole numbers, as in range(10)"),
    ("x = [1.0, 2.0]\nif x > 1: pass", "2:4: a tensor of several numbers is neither true nor false; compare its sum, or one entry"),
    ("x = 1.5 % 0.0", "1:5: a number cannot be divided by zero with a remainder; check the divisor first"),
    ("x = 'a' * 9999", "1:5: this text has more than 2,000 characters; print it in parts, or raise --max-text"),
    ("x = 'a' - 1", "1:5: text is not a number; give a number, a list of numbers or a name"),
    ("print(1 < 'a')", "1:7: these have no order; compare numbers"),
    ("x = 1.0\nprint(f'{x:1000000000}')", "2:10: the format '1000000000' is not understood; write one as in .3f or >8.2f"),
    ("x = 1.0\nprint(f'{x.__class__}')", "2:10: `.__class__` is not known; write .T, .shape, .grad or .data"),
    ("x = 1.0\nprint('{0.__class__}'.format(x))", '2:7: `.format` is not known; write an f-string, as in f"{x:.3f}"'),
    ("print('%d %d' % 1)", "1:7: there are fewer values than `%` in the text; give one for each"),
    ("print('%d' % (1, 2))", "1:7: there are more values than `%` in the text; write one for each"),
    ("print('%y' % ())", "1:7: a `%` of the text has no kind that is understood; write %d, %f, %g or %s, and %% for itself"),
    ("W = np.random.randn(3)", "1:5: `np.random.randn` is not known; write `normal(shape, seed=0)` or `uniform(shape, seed=0)`, the same in every run"),
    ("o = torch.optim.SGD([1.0], lr=0.1)", "1:5: `torch.optim` is not known; write the update out, as in `w -= 0.1 * w.grad`"),
    ("x = [1.0]\ny = x.view(1)", "2:5: `.view` is not known; write `.reshape(...)`"),
    ("import os", "1:1: `os` cannot be imported; only the functions of math, numpy and torch that the language has are understood"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "message"), REFUSED, ids=[each[0][:40] for each in REFUSED])
def test_refusals_have_a_place_and_a_way_out(program, message):
    assert error_of(program) == f"<text>:{message}"


LIMIT = "the program takes more than 2,000,000 steps; shorten it, let its loops end, or raise --max-steps"
ENDLESS = {
    "while": "while True: pass",
    "a long range is not made": "for i in range(10**15): pass",
    "a list that grows": "xs = []\nwhile True: xs.append(1.5)",
    "a list that is looped over": "xs = []\nxs.append(1.5)\nfor x in xs: xs.append(x)",
    "a chain": "x = 1.0\nwhile True: x = x + 1",
    "literals alone": "while True: 1 + 1 + 1 + 1",
    "comprehensions": "while True: xs = [i for i in range(1000)]",
    "printing": "while True: print('a' * 1000)",
    "large tensors": "x = np.zeros((1000, 1000))\nwhile True: y = broadcast(1.5, (1000, 1000)) + x",
    "sweeps": "x = np.ones((300, 300))\ny = sum(x @ x)\nwhile True: backward(y)",
    "copies": "xs = [0.5] * 100000\nys = []\nwhile True: ys = ys + [xs[0:100000]]",
    "calls": "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nprint(fib(60))",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_ends_at_the_limit(name):
    assert error_of(ENDLESS[name]).endswith(LIMIT)


DEEP = {
    "def f(x): return f(x)\ny = f(1.0)": "calls are nested more than 100 deep; does `f` call itself for ever? if not, raise --max-calls",
    "f = lambda x: f(x)\ny = f(1.0)": "calls are nested more than 100 deep; does `lambda` call itself for ever? if not, raise --max-calls",
    "f = lambda x: x\nfor i in range(200): f = (lambda g: lambda x: g(x))(f)\ny = f(1.0)": "calls are nested more than 100 deep; does `lambda` call itself for ever? if not, raise --max-calls",
    "xs = []\nxs.append(xs)": "a list cannot hold itself; append a copy of it, as in `xs.append(list(xs))`",
    "xs = []; ys = []\nxs.append(ys); ys.append([xs])": "a list cannot hold itself; append a copy of it, as in `xs.append(list(xs))`",
    "xs = []\nfor i in range(50):\n    ys = []\n    ys.append(xs)\n    xs = ys": "lists are nested more than 32 deep; use fewer axes",
    "a = []\na.append(1.5)\nfor i in range(50):\n    b = []\n    b.append(a); b.append(a)\n    a = b": "this list holds 1,048,576 numbers; keep it under 1,000,000, or raise --max-elements",
    "x = list(range(10**9))": "this list holds 1,000,000,000 numbers; keep it under 1,000,000, or raise --max-elements",
    "x = sum(range(10**9))": "this list holds 1,000,000,000 numbers; keep it under 1,000,000, or raise --max-elements",
    "x = 2\nfor i in range(20): x = 9**9**9": "this whole number has too many digits; write it as a float, as in 1e9",
}


@pytest.mark.parametrize("program", DEEP, ids=[each[:30] for each in DEEP])
def test_what_is_too_deep_or_too_large_is_refused(program):
    assert error_of(program).endswith(": " + DEEP[program])


def test_calls_and_nesting_together_end_in_a_sentence():
    """How deep Python itself can go differs between its versions, so either sentence may come first."""
    for inner in ("max(" * 90 + "f(x)" + ", 1)" * 90, "x[" * 80 + "f(x)" + "]" * 80, "not " * 90 + "f(x)"):
        assert "nested" in error_of(f"def f(x): return {inner}\ny = f(1.0)")
    blocks = "".join(f"{' ' * i}for i in [1.0]:\n" for i in range(1, 90))
    assert "nested" in error_of(f"def f(x):\n{blocks}{' ' * 90}return f(x)\ny = f(1.0)")


# Pasted from courses


def test_karpathys_neuron_as_pasted():
    trace = run("""
from micrograd.engine import Value
x1 = Value(2.0, label='x1'); x2 = Value(0.0, label='x2')
w1 = Value(-3.0, label='w1'); w2 = Value(1.0, label='w2')
b = Value(6.8813735870195432, label='b')
x1w1 = x1*w1; x1w1.label = 'x1*w1'
x2w2 = x2*w2; x2w2.label = 'x2*w2'
n = x1w1 + x2w2 + b; n.label = 'n'
o = n.tanh(); o.label = 'o'
o.backward()
print(o.data, x1.grad, w1.grad, x2.grad, w2.grad)
""")
    found = [round(float(word), 10) for word in lines_of(trace)[0].split()]
    assert found == [0.7071067812, -1.5, 1.0, 0.5, 0.0]


def test_linear_regression_from_scratch_as_in_d2l():
    trace = run("""
import torch
def synthetic_data(w, b, num_examples):
    X = normal((num_examples, len(w)), seed=5)
    y = torch.matmul(X, w) + b
    y += normal(y.shape, seed=6, std=0.01)
    return X, y.reshape((-1, 1))
features, labels = synthetic_data([2, -3.4], 4.2, 20)
def data_iter(batch_size, features, labels):
    batches = []
    for i in range(0, len(features), batch_size):
        j = list(range(len(features)))[i: min(i + batch_size, len(features))]
        batches.append((features[j], labels[j]))
    return batches
w = normal((2, 1), seed=7, std=0.01)
b = torch.zeros(1, requires_grad=True)
def linreg(X, w, b): return torch.matmul(X, w) + b
def squared_loss(y_hat, y): return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2
def sgd(params, lr, batch_size):
    with torch.no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()
net = linreg; loss = squared_loss
for epoch in range(5):
    for X, y in data_iter(5, features, labels):
        l = loss(net(X, w, b), y)
        l.sum().backward()
        sgd([w, b], 0.3, 5)
    with torch.no_grad():
        train_l = loss(net(features, w, b), labels)
        print(f'epoch {epoch + 1}, loss {float(train_l.mean()):f}')
""")
    assert trace.updated["w"] == [[pytest.approx(2, abs=0.02)], [pytest.approx(-3.4, abs=0.02)]]
    assert trace.updated["b"] == [pytest.approx(4.2, abs=0.02)]
    assert lines_of(trace)[0].startswith("epoch 1, loss 0.1")


def test_a_two_layer_net_of_cs231n_with_its_loss_by_hand():
    program = """
import numpy as np
X = constant(np.linspace(-1, 1, num=12).reshape(4, 3)); y = constant([0, 2, 1, 1])
W1 = 0.1 * normal((3, 5), seed=1); b1 = np.zeros(5); W2 = 0.1 * normal((5, 3), seed=2); b2 = np.zeros(3)
reg = 1e-3
for it in range(3):
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2
    LOSS
    loss += 0.5 * reg * np.sum(W1 * W1) + 0.5 * reg * np.sum(W2 * W2)
    loss.backward()
    for p in [W1, b1, W2, b2]: p += -0.5 * p.grad
    print('iteration %d / %d: loss %.9f' % (it, 3, loss))
print('accuracy: %.2f' % np.mean(np.argmax(scores, axis=1) == y))
"""
    by_hand = """shifted = scores - np.max(scores, axis=1, keepdims=True)
    probs = np.exp(shifted) / np.sum(np.exp(shifted), axis=1, keepdims=True)
    loss = np.sum(-np.log(probs[range(4), y])) / 4"""
    gate = "loss = cross_entropy(scores, y)"
    assert lines_of(run(program.replace("LOSS", by_hand))) == lines_of(run(program.replace("LOSS", gate)))
