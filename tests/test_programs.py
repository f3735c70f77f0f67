"""Programs with control flow, functions, lists and text: Python itself is the oracle. And programs that learn."""

import contextlib
import functools
import io
import math
import operator
import re

import pytest

from stepgrad import run
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
