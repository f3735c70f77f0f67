"""Refrains: what is repeated from a list leaves the same trace as what is interpreted, in every bit."""

import random
from collections import Counter

import pytest

import stepgrad
from stepgrad import refrains

NET = """
def neuron(w, b, x):
    return tanh(sum([wi*xi for wi, xi in zip(w, x)]) + b)
w = [[0.1, -0.2], [0.3, 0.4]]
a0 = 0.1; a1 = -0.2; c0 = 0.3; c1 = 0.4; b0 = 0.0; b1 = 0.1; u = 0.5; v = -0.5
layer = [([a0, a1], b0), ([c0, c1], b1)]
params = [a0, a1, c0, c1, b0, b1, u, v]
"""

PROGRAMS = {
    "names": "w = 0.5; b = 0.1\nfor k in range(6):\n    f = (w*3.0 + b - 1)**2\n    backward(f)\n    w -= 0.1*w.grad\n"
    "    b = b - 0.1*b.grad\n",
    "micrograd's way": NET
    + "for k in range(6):\n    loss = constant(0)\n    for x, y in [([1.0, 2.0], 1.0), ([0.5, -1.0], 0.0)]:\n"
    "        h = [neuron(w, b, x) for w, b in layer]\n        loss = loss + (u*h[0] + v*h[1] - y)**2\n    loss.backward()\n"
    "    for p in params:\n        p.data -= 0.1*p.grad\nprint(loss, h, p)\n",
    "sample by sample": "X = [[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]]; Y = constant([1.0, 2.0, 0.0])\nw = 0.5; b = 0.2\n"
    "for epoch in range(5):\n    for x, y in zip(constant(X) if False else Y, Y):\n        p = w*x + b\n        loss = (p - y)**2\n"
    "        loss.backward()\n        w -= 0.05*w.grad\n        b -= 0.05*b.grad\n    print(epoch, loss)\n    if loss < 1e-3: break\n",
    "literals that change": "w = 0.5\nm = 0.0\nfor t in range(1, 8):\n    f = (w - 2.0/t)**2\n    backward(f)\n    m = 0.9*m + 0.1*w.grad\n"
    "    w -= 0.1 * m / (1 - 0.9**t)\n    print(f'{t}: {f}')\n",
    "tensors": "W = normal((3, 2), seed=1); b = [0.0, 0.0]\nX = constant([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]])\n"
    "for k in range(5):\n    z = relu(X @ W + b)\n    f = mean(z**2) + cross_entropy(z, [0, 1])\n    backward(f)\n"
    "    W -= 0.1*W.grad\n    b -= 0.1*b.grad\n",
    "a branch that changes": "w = 2.0\nv = 1.0\nfor k in range(9):\n    f = w**2 + v\n    if f < 3: f = f * v\n    backward(f)\n"
    "    w -= 0.2*w.grad\n    if k > 4: v -= 0.1*v.grad\n",
    "an input the sweep misses": "w = 2.0; v = 1.0\nfor k in range(8):\n    f = w**2\n    if k % 2: f = f + v*3\n    backward(f)\n"
    "    w.data -= 0.1*w.grad\n    v.data -= 0.1*v.grad\n",
    "a list that grows": "xs = [1.0, 2.0]\nw = 0.5\nys = []\nfor k in range(6):\n    ys.append(w*1.0)\n    f = sum([y*y for y in ys])\n"
    "    backward(f)\n    w -= 0.01*w.grad\n",
    "names for one thing": "w = 2.0\nu = w\nfor k in range(6):\n    f = w*u + 1\n    backward(f)\n    w -= 0.1*w.grad\n"
    "    if k == 2: u = w*1.5\n    if k == 4: u = w\n",
    "no_grad": "w = 2.0\nparams = [w]\nfor k in range(6):\n    f = (w-1)**2\n    backward(f)\n    with no_grad():\n"
    "        for p in params:\n            p -= 0.1*p.grad\n        g = w*2\n    print(g)\n",
    "a function that changes": "def f(x):\n    return x*x\nw = 2.0\nfor k in range(6):\n    y = f(w)\n    backward(y)\n    w -= 0.1*w.grad\n"
    "    if k == 2:\n        def f(x):\n            return x*x*x\n",
    "lists that are handed on": "w = 0.3\nh = [w, w*2]\nfor k in range(6):\n    h = [x*0.9 for x in h]\n    g = [h, h]\n    f = g[0][1]*g[1][0]\n"
    "    backward(f)\n    w -= 0.1*w.grad\n    h = [w, w*2]\n    if k == 3: g[0].append(w)\nprint(g)\n",
    "momentum": "w = 1.0; v = 0.0; d = [0.0, 0.0]\nfor k in range(7):\n    f = w**4\n    backward(f)\n    v = 0.9*v - 0.05*w.grad\n    w += v\n"
    "    old = w\n    d = [v*1.0, w.grad]\nprint(v, old, d)\n",
    "while": "x = 3.0\nn = 0\nwhile abs(x.grad if n else x) > 1e-3 and n < 40:\n    f = x**2\n    backward(f)\n    x -= 0.3*x.grad\n    n += 1\n",
    "edges": "x = 0.0; y = -0.0\nfor k in range(5):\n    f = log(x) + 1/y + sqrt(x) + y\n    backward(f)\n    z = x.grad * 0.0\n    y -= 0.0*y.grad\n",
    "a name that follows no longer": "a = 1.0; b = 2.0; ws = [a]\nfor k in range(8):\n    f = a*b + ws[0]\n    backward(f)\n"
    "    for p in ws: p.data -= 0.1*p.grad\n    g = a*3\n    print(a)\n    if k == 4: a = 1.5\n",
    "a name that is left behind": "w = 1.0\nfor k in range(8):\n    if k < 4: old = w\n    f = w*w + old*2\n    backward(f)\n"
    "    w -= 0.1*w.grad\n",
    "a copy that followed once": "w = 1.0; ws = [w]\nfor k in range(8):\n    f = w*w\n    backward(f)\n    if k > 1: w = w - 0.1*w.grad\n"
    "    if k == 1: old = ws[0]\n    old = w\n    if k > 2: w -= 0.1*w.grad\n    print(old)\n",
    "a copy of a loop's input": "w = 1.0; v = 2.0; ws = [w, v]\nfor k in range(8):\n    backward(w*w*v)\n    for p in ws: p.data -= 0.1*p.grad\n"
    "    if k == 4:\n        p = w\n        backward(w*v)\n        w -= 0.1*w.grad\n        print(p, w)\n",
    "one thing in two places": "w = 2.0\nfor k in range(9):\n    h = [w*1.0]\n    if k < 5: ys = h + [w*2.0]\n    else: ys = h + h\n"
    "    a = ys[0]; b = ys[1]\n    backward(a*b + w)\n",
    "inputs that become one": "w = 2.0; v = 1.0\ndef step(p, q):\n    p.data -= 0.1*p.grad\n    return q*2\nfor k in range(8):\n"
    "    backward(w*w*v)\n    u = step(w, v)\n    print(u)\n    if k == 4: v = w\n",
    "a function that updates what follows": "a = 1.0; b = 2.0; ws = [a, b]\ndef g():\n    return sum(ws)*a + b\n"
    "def u(p):\n    p.data -= 0.1*p.grad\nfor k in range(9):\n    backward(a*b + ws[0])\n    u(a)\n    u(ws[1])\n    s = g()\n"
    "    print(s)\n    if k == 4: b = 1.5\n    if k == 6: ws = [b, a]\n",
    "a copy that is updated later": "s = 0.37; t = 0.81; xs = [s, t]; ys = [t, t]; n = [[s, t], [s, s]]\nbackward(s + t)\n"
    "for k in range(10):\n    f = sum(xs)**2\n    for p in ys: p -= 0.01*p.grad\n    u = t\n"
    "    for p in [q for r in n for q in r]: o = p*2\n    for p in [t, u]: p -= 0.01*p.grad\n    n = [[t*p for p in xs], xs]\n"
    "    u -= 0.01*u.grad\n    with no_grad(): s -= 0.01*s.grad\n",
    "a name that is missing": "w = 1.0\nfor k in range(9):\n    f = math.exp(w)\n    backward(f)\n    w -= 0.1*w.grad*math.exp(1.0)\n",
    "one empty list, then two": "w = 1.0; a = []; b = a\nfor k in range(7):\n    f = w*w\n    backward(f)\n    c = a; d = b\n    if k == 3: b = []\n"
    "    if k > 4: c.append(1.0)\n    print(a, b, c, d)\n",
    "empty ranges": "w = 1.0; r = range(0, 3, 2)\nfor k in range(7):\n    f = w*w\n    q = r\n    print(q)\n    if k == 3: r = range(0, 4, 2)\n",
    "a number that becomes a name": "w = 1.0\nfor k in range(7):\n    f = w + inf\n    if k == 4: inf = 2.0\n",
    "a module that becomes a name": "w = 1.0\nfor k in range(7):\n    f = math.exp(w)\n    if k == 4: math = 2.0\n",
    "the order of versions": "w = 1.0; a = 2.0; ws = [w]\nfor k in range(6):\n    backward(ws[0]*a)\n    w = a*2\n"
    "    ws[0].data -= 0.1*ws[0].grad\n",
    "the numbers of a list": "w = 1.0; u = 2.0; ws = [w, u]\nfor k in range(6):\n    backward(w*u)\n    g = ws.data*2\n    print(g)\n"
    "    w -= 0.1*w.grad\n",
    "operands by keyword": "w = 2.0\nx = [1.0, -1.0]\ns = constant(0.5)\nfor k in range(7):\n    f = sum(leaky_relu(slope=s, x=x))*w\n"
    "    g = f*w\n    if k == 4: s = constant(0.25)\n",
    "nodes that are not paid for": "T = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]; u = 1.0\nfor k in range(4):\n    s = 0.0\n    for x in T:\n"
    "        y = len([u, u]) + len([u]) + len([u]) + x*u\n        s = s + y\n    backward(s)\n",
    "the limit": "w = 1.0\nwhile True:\n    f = w*w\n    backward(f)\n    w -= 0.1*w.grad\n",
}


def facts(source, **options):
    """All that a trace says, and its error if it has one."""
    try:
        trace = stepgrad.run(source, **options)
    except stepgrad.StepgradError as error:
        return str(error).split("\n")[0]
    return [repr(trace.value), repr(trace.grads), str(trace), [tuple(map(repr, event_facts(each))) for each in trace]]


def event_facts(event):
    """An event's fields; what has an address is spelled."""
    for name in type(event)._fields if hasattr(type(event), "_fields") else type(event).__dataclass_fields__:
        value = getattr(event, name)
        yield name, value.dense() if hasattr(value, "dense") else value


def plainly(monkeypatch, source, **options):
    """The facts of a program of which nothing is repeated."""
    with monkeypatch.context() as patched:
        patched.setattr(refrains, "PATIENCE", 0)
        return facts(source, **options)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Short refrains are repeated, too, although that takes more time."""
    monkeypatch.setattr(refrains, "FEWEST", 0)


@pytest.fixture
def repeated(monkeypatch):
    """How many verses were repeated."""
    count = Counter()
    repeat = refrains.Verse.repeat

    def counted(verse, slots):
        count["repeated"] += 1
        repeat(verse, slots)

    monkeypatch.setattr(refrains.Verse, "repeat", counted)
    return count


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_repeated_leaves_the_same_trace(name, monkeypatch, repeated):
    options = {"max_steps": 3_000} if name == "the limit" else {}
    found = facts(PROGRAMS[name], **options)
    assert repeated["repeated"] > 0
    assert found == plainly(monkeypatch, PROGRAMS[name], **options)


def random_program(chance):
    """A program that learns, in one of the ways in which people write them."""
    count = chance.randint(1, 3)
    names = [f"w{i}" for i in range(count)]
    number = lambda: round(chance.uniform(-2, 2), 2)
    lines = [f"{name} = {number()}" for name in names] + [f"ws = [{', '.join(names)}]", "total = 0.0", "seen = []"]
    lines += [
        "def unit(w, x):",
        f"    z = w*x + {number()}",
        f"    return {chance.choice(['tanh', 'relu', 'sigmoid'])}(z)",
    ]
    lines.append(f"for k in range({chance.randint(4, 9)}):")

    def expression(depth):
        kind = chance.randrange(7 if depth else 2)
        atom = chance.choice([*names, f"{number()}"])
        if kind < 2:
            return atom
        if kind == 2:
            return f"unit({expression(depth - 1)}, {atom})"
        if kind == 3:
            return f"sum([w*{number()} for w in ws])"
        if kind == 4:
            return f"({expression(depth - 1)})**2"
        return f"({expression(depth - 1)} {chance.choice('+-*')} {expression(depth - 1)})"

    body = [f"f = {expression(3)} + {names[0]}*{names[-1]}"]
    body += chance.sample(
        ["f = f + total", "if f > 1: f = f * 0.5", "hs = [unit(w, 1.5) for w in ws]\n    f = f + hs[0]", "f = f / (k + 1)",
         "for w, i in zip(ws, range(9)): f = f + w*i", "seen.append(f.data)", "print(f)"], chance.randint(0, 4),
    )  # fmt: skip
    body.append("backward(f)")
    body += chance.choice(
        [[f"{name} -= 0.01*{name}.grad" for name in names], ["for p in ws:\n        p.data -= 0.01*p.grad"],
         [f"{name} = {name} - 0.01*{name}.grad" for name in names] + [f"ws = [{', '.join(names)}]"],
         ["with no_grad():\n        for p in ws:\n            p -= 0.01*p.grad"]],
    )  # fmt: skip
    body += chance.sample(
        ["total = f.data*0.1", "if k == 3: ws = ws[:1]", "if f < -1: break", "old = f"], chance.randint(0, 2)
    )
    return "\n".join([*lines, *("    " + each for each in body)])


@pytest.mark.parametrize("seed", range(60))
def test_random_programs_that_learn(seed, monkeypatch):
    source = random_program(random.Random(seed))
    assert facts(source) == plainly(monkeypatch, source), source


def test_random_programs_are_repeated(repeated):
    for seed in range(20):
        facts(random_program(random.Random(seed)))
    assert repeated["repeated"] > 50


def test_exact_numbers_and_supplied_ones(monkeypatch, repeated):
    from fractions import Fraction

    for options in ({"number": Fraction}, {"w": 0.25}):
        assert facts(PROGRAMS["names"], **options) == plainly(monkeypatch, PROGRAMS["names"], **options)
    assert repeated["repeated"] > 0


def test_an_error_while_repeating_has_its_place(monkeypatch, repeated):
    from fractions import Fraction

    source = "w = 3\nfor k in range(9):\n    f = w/(w - 1)\n    backward(f)\n    with no_grad():\n        w -= w.grad*0 + 1\n"
    found = facts(source, number=Fraction)
    assert repeated["repeated"] > 0 and "<text>:3" in found
    assert found == plainly(monkeypatch, source, number=Fraction)


def test_an_error_off_the_tape_has_its_place(monkeypatch, repeated):
    from fractions import Fraction

    source = "w = 3\nfor k in range(9):\n    backward((w - 1)*(w - 1))\n    w -= w.grad*0 + 1/2\n    g = 1/w.grad\n    h = 1/(w.data - 1)\n"
    found = facts(source, number=Fraction)
    assert repeated["repeated"] > 0 and "<text>:6" in found
    assert found == plainly(monkeypatch, source, number=Fraction)


@pytest.mark.parametrize("name", ["nodes that are not paid for", "micrograd's way", "names"])
def test_the_limit_is_met_at_the_same_step(name, monkeypatch):
    for limit in range(60, 200, 7):
        found = facts(PROGRAMS[name], max_steps=limit)
        assert found == plainly(monkeypatch, PROGRAMS[name], max_steps=limit)


def test_short_refrains_are_interpreted(monkeypatch, repeated):
    monkeypatch.setattr(refrains, "FEWEST", 24)
    facts("w = 0.5\nfor k in range(6):\n    f = w*3.0 + 1\n")
    assert not repeated["repeated"]


def test_a_refrain_that_never_fits_is_given_up(monkeypatch):
    looked = Counter()
    fitting = refrains.Verse.fitting

    def counted(verse):
        looked["for"] += 1
        return fitting(verse)

    monkeypatch.setattr(refrains.Verse, "fitting", counted)
    facts("w = 0.1\nfor k in range(900):\n    f = w*k + 1\n")
    assert 0 < looked["for"] <= (refrains.CREDIT + refrains.PATIENCE) * refrains.PATIENCE
