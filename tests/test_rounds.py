"""Rounds: a loop that goes on as straight-line code leaves the same trace as one that is interpreted, in every bit."""

import random

import pytest

import stepgrad
from stepgrad import late, rounds, shortcut, writer
from stepgrad.repeats import Repeats
from tests.test_refrains import facts
from tests.training import training_program

BODY = "    f = (w*x + u)**2 + tanh(w)\n    backward(f)\n    w -= 0.05*w.grad\n    u -= 0.05*u.grad\n"
SLOWLY = BODY.replace("0.05", "0.01")
START = "w = 0.5; u = 0.1; x = constant(2.0)\n"

PROGRAMS = {
    "a loop": START + "for k in range(20):\n" + BODY,
    "while": START + "k = 0\nwhile k < 20:\n" + BODY + "    k += 1\n",
    "printed now and then": START + "for k in range(20):\n" + BODY + "    if k % 5 == 0: print(k, f, w)\n",
    "printed before the sweep": START + "for k in range(20):\n    if k == 9: print(f)\n" + BODY,
    "a rate that is lowered": START + "lr = 0.1\nfor k in range(20):\n" + BODY.replace("0.05", "lr") + "    if k == 9: lr = 0.01\n",
    "samples": START
    + "for k in range(8):\n    for x, y in [(1.0, 2.0), (0.5, 1.0), (-1.0, 0.0)]:\n"
    + BODY.replace("    ", "        ").replace("+ u)", "+ u - y)"),
    "samples, and something that they share is changed": START
    + "t = 1.0\nfor k in range(8):\n    for x, y in [(1.0, 2.0), (0.5, 1.0), (-1.0, 0.0)]:\n"
    + BODY.replace("    ", "        ").replace("+ u)", "+ u - y*t)")
    + "    if k == 4: t = 2.0\n",
    "an input that is set anew": START + "for k in range(20):\n" + BODY + "    if k == 8: w = 0.25\n",
    "an update from outside": START + "for k in range(20):\n" + BODY + "    if k == 8: w.data = w*0.5\n",
    "broken off": START + "for k in range(20):\n" + BODY.replace("    w -=", "    if k == 11: break\n    w -=") + "print(f, w, w.grad)\n",
    "skipped": START + "for k in range(20):\n" + BODY.replace("    w -=", "    if k == 11: continue\n    w -="),
    "a list that grows": START + "ps = [w]\nfor k in range(20):\n" + BODY.replace("tanh(w)", "sum(ps)") + "    if k == 10: ps.append(u)\n",
    "momentum": START + "v = 0.0\nfor k in range(20):\n" + BODY.replace("w -= 0.05*w.grad", "v = 0.9*v + w.grad\n    w -= 0.05*v") + "print(v)\n",
    "beyond float64": "w = 1.5; u = 0.5; x = 3.0\nfor k in range(20):\n"
    + BODY.replace("tanh(w)", "exp(w*w*w*100)").replace("0.05*w.grad", "0.000001*w.grad - 0.1"),
    "division by what becomes 0": "w = 1.0\nfor k in range(20):\n    f = 1/w + 0*w\n    backward(f)\n    w = w - (0.125 + 0*w.grad)\n",
    "a function of the program": START + "def g(a, last):\n    return a*a if last else a\nfor k in range(20):\n"
    + BODY.replace("tanh(w)", "g(w, True) + g(u, False)"),
    "two loops": START + "for k in range(12):\n" + BODY + "for k in range(12):\n" + BODY.replace("tanh(w)", "u"),
    "a loop, and what follows": START + "for k in range(20):\n" + BODY + "z = w*2 + f\nbackward(z)\nprint(w, w.grad)\n",
    "matrices": "W = [[0.1, -0.2], [0.3, 0.4]]; b = [0.0, 0.1]\nX = [[1.0, 2.0], [0.5, -1.0]]\nfor k in range(15):\n"
    "    h = relu(X @ W + b)\n    f = sum(h**2) + W[0, 1]\n    backward(f)\n    for p in [W, b]: p.data -= 0.05*p.grad\n",
    "a matrix of one number": "W = [[0.5]]\nX = constant([[2.0]])\nfor k in range(20):\n    f = sum((W @ X)**2)\n    backward(f)\n    W -= 0.05*W.grad\n",
    "an input that nothing updates": START + "for k in range(15):\n" + BODY.replace("    u -= 0.05*u.grad\n", ""),
    "gradients set to zero": START + "for k in range(15):\n    for p in [w, u]: p.grad = 0.0\n" + BODY,
    "what a round leaves behind": START + "old = constant(0.0)\nfor k in range(15):\n" + BODY + "    old = f\nprint(old)\n",
    "an input that is updated twice": START + "for k in range(15):\n" + BODY + "    w -= 0.01*w.grad\n",
    "nothing is updated": START + "for k in range(15):\n" + BODY[: BODY.index("    w -=")],
    "what is computed between updates": START
    + "z = 0.0\nfor k in range(20):\n"
    + BODY.replace("    u -=", "    if k % 6 == 4: z = w*2\n    u -="),
    "a gradient that is read before the sweep": START + "backward(w*u)\nfor k in range(15):\n    s = 0.1*w.grad\n" + BODY,
    "samples that come later": START
    + "for k in range(9):\n    for y in [1.0, 2.0, 3.0][:2 + k // 5]:\n"
    + BODY.replace("    ", "        ").replace("+ u)", "+ u - y)"),
    "looked at, and then broken off": START
    + "for k in range(20):\n    if k == 9: print(f)\n"
    + BODY
    + "    if k == 9: break\n",
    "what is carried differs from sample to sample": START
    + "v = 0.0\nfor k in range(9):\n    for y in [0.0, 1.0]:\n"
    + BODY.replace("    ", "        ")
    .replace("+ u)", "+ u - y)")
    .replace("w -= 0.05*w.grad", "v = 0.9*v + w.grad*0.5 if y else v*0.5\n        w -= 0.05*v"),
    "until it is small": START + "f = w*1.0\nbackward(f)\nwhile f > 0.02:\n" + SLOWLY,
    "until it is small, by its number": START + "for k in range(60):\n" + SLOWLY + "    if f.data < 0.02: break\nprint(k, f)\n",
    "until an input is small": START + "for k in range(60):\n" + SLOWLY + "    if w.item() < 0.2 and k > 3: break\nprint(k, w)\n",
    "broken off before the sweep": START
    + "for k in range(60):\n"
    + SLOWLY.replace("    backward", "    if f < 0.02:\n        print(k, f)\n        break\n    backward")
    + "print(f, w.grad)\n",
    "skipped where it is small": START
    + "for k in range(60):\n"
    + SLOWLY.replace("    w -=", "    if f < 0.1: continue\n    w -=", 1),
    "a condition on what the round before computed": START
    + "f = w*1.0\nfor k in range(30):\n    if f < 0.05: print(k)\n"
    + BODY,
    "a condition on numbers that become another": START
    + "for k in range(30):\n"
    + BODY.replace("    backward", "    if f > 3: print(k)\n    f = f*0.5\n    backward"),
    "conditions and a bound": START + "eps = 0.05\nfor k in range(60):\n" + BODY + "    if f < eps or k > 50: break\n",
    "the same input under two names": "w = 0.5; u = 0.1; x = 2.0; v = w\nfor k in range(15):\n"
    + BODY.replace("w -= 0.05*w.grad", "v.data -= 0.05*w.grad"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Rounds are written out as soon as they can be."""
    monkeypatch.setattr(rounds, "WORTH", 1)


def plainly(monkeypatch, source, **options):
    """The facts of a program all of whose passes are recorded."""
    with monkeypatch.context() as patched:
        patched.setattr(late, "PATIENCE", 0)
        return facts(source, **options)


def kept(source, **options):
    """How many passes of a run are kept whole, and how many by their updates alone."""
    machine = []

    class Spied(stepgrad.language.Interpreter):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            machine.append(self)

    stepgrad.language.prepared(
        Spied, stepgrad.reader.read(source, "<text>"), stepgrad.numeric.FLOAT, {}, options.get("max_steps", 10**7)
    ).run(None)
    passes = machine[0].recording.passes
    repeated = [each.count for each in passes if isinstance(each, Repeats)]
    return len(passes) - len(repeated), sum(repeated)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_run_is_the_same(name, monkeypatch):
    assert facts(PROGRAMS[name]) == plainly(monkeypatch, PROGRAMS[name])


WHOLE = {
    "a loop": (1, 19),
    "while": (1, 19),
    "samples": (8, 16),
    "momentum": (5, 15),
    "until it is small": (2, 19),
    "until it is small, by its number": (3, 17),
    "broken off before the sweep": (3, 17),
    "matrices": (1, 14),
    "a function of the program": (1, 19),
    "gradients set to zero": (1, 14),
    "an input that is updated twice": (15, 0),
}


@pytest.mark.parametrize("name", WHOLE)
def test_how_many_passes_are_kept_whole(name):
    assert kept(PROGRAMS[name]) == WHOLE[name]


QUIET = {
    "a loop's name that a round reads": "    for x in [5.0]*(k//9): pass\n    else: pass\n",
    "a loop's name that a round reads as a literal": "    for c in [3.0]*(k//9): continue\n",
    "a loop's name that a round assigns": "    for f in [5.0]*(k//15): continue\n",
    "a number of a module": "    for inf in [2.0]*(k//15): pass\n    else: pass\n",
    "a count that a round starts": "    n += 1\n    if n > 1: print(n)\n",
    "a count that is read on its way": "    n += 1\n    w -= 0.01*n*w.grad\n",
    "a count, and the loop is left": "    n += 1\n    if k == 15: break\n",
}


@pytest.mark.parametrize("name", QUIET)
def test_quiet_statements_that_bind_what_rounds_see(name, monkeypatch):
    body = "    n = 0\n" + BODY.replace("tanh(w)", "tanh(w)*c*(n + 1) + w/inf") + QUIET[name]
    source = START + "for c in [1.0]: pass\nfor k in range(20):\n" + body + "print(f, n)\n"
    assert facts(source) == plainly(monkeypatch, source)


MORE = {
    "rows of literals": START
    + f"for row in [{'[1.0, 2.0], ' * 12}{'[3.0, 4.0], ' * 6}]:\n"
    + BODY.replace("tanh(w)", "w*row[0] + u*row[1]"),
    "a count that goes up and down": START
    + "n = 0\nfor k in range(20):\n    n += 1\n"
    + BODY.replace("tanh(w)", "tanh(w)*n").replace("    w -= 0.05", "    n -= 1\n    w -= 0.05*(n + 1)"),
    "broken off when it is up": START
    + "n = 0\nfor k in range(20):\n    n += 1\n"
    + BODY.replace("tanh(w)", "tanh(w)*n").replace("    w -=", "    n -= 1\n    if k == 15: break\n    w -="),
    "a count that a refrain changes": START
    + "n = 0\nfor b in [True]: pass\nfor k in range(12):\n"
    + BODY.replace("tanh(w)", "tanh(w)*(n + 1)")
    + "    if b: n += 1\n    if n > 3: n -= 2\n",
    "a count that a refrain changes, and another back": START
    + "n = 0\nfor b in [True]: pass\nfor k in range(12):\n"
    + BODY
    + "    if b: n += 1\n    n -= 1\nprint(n)\n",
    "a velocity that only one sample changes": START
    + "v = 0.0\nfor k in range(9):\n  for c in [1.0, 2.0]:\n"
    + BODY.replace("0.05*w.grad", "0.01*v + 0.01*w.grad")
    + "    if c > 1: v = 0.9*v + w.grad\n",
    "a name for what an input was": "u = 0.2\nfor k in range(22):\n    h = u\n    f = (h + 1)**2\n    backward(f)\n    u -= 0.01*u.grad\n"
    "h = u.grad*2\n",
    "what gets its name later": START + "ps = [w*2]\nfor k in range(22):\n" + BODY + "f = ps[0]\n",
    "an input that is made now and then": START
    + "for k in range(20):\n    if k % 5 == 1: lr = 0.02\n"
    + BODY,
    "something that is computed now and then": START
    + "for k in range(20):\n    if k % 5 == 1: z = w*2\n"
    + BODY,
    "a name that is given now and then": START
    + "def g(a):\n    h = a*2\n    return h\nfor k in range(20):\n"
    + BODY.replace("f = (w*x + u)", "ps = [g(w*x), u*2]\n    if k % 5 == 1: z = ps[0]\n    if k % 6 == 1: y = ps[1]\n    f = (sum(ps))"),
    "sweeps in a loop, and then another": START
    + "for k in range(6):\n"
    + BODY.replace("    backward", "    for j in range(3): backward(w*u)\n    backward"),
    "a call that makes nothing": START
    + "def g(a):\n    return a\nqs = []\nfor k in range(20):\n    if k % 5 == 1: qs.append(g(2.0))\n"
    + BODY,
    "an outer loop's name": START + "for e in range(4):\n  for k in range(8):\n" + BODY + "  for u in [2.0]*(e//3): pass\n",
}  # fmt: skip


@pytest.mark.parametrize("name", MORE)
def test_what_changes_between_rounds(name, monkeypatch):
    assert facts(MORE[name]) == plainly(monkeypatch, MORE[name])


@pytest.mark.parametrize("limit", range(20_000, 70_000, 7_001))
def test_the_limit_is_met_in_a_loop_that_is_quiet(limit, monkeypatch):
    inner = "    j = 0\n    while j < 6000: j += 1\n"
    for source in (BODY + inner, "    for i in range(4):\n" + BODY.replace("    ", "        ") + inner):
        source = START + "for k in range(6):\n" + source
        assert facts(source, max_steps=limit) == plainly(monkeypatch, source, max_steps=limit)


@pytest.mark.parametrize("block", range(6))
def test_random_programs(block, monkeypatch):
    for seed in range(25 * block, 25 * (block + 1)):
        source = training_program(random.Random(seed))
        assert facts(source) == plainly(monkeypatch, source), f"seed {seed}\n{source}"


@pytest.mark.parametrize(("lines", "longest"), ((4, 200), (9, 20), (10_000, 0)))
def test_code_in_several_functions(lines, longest, monkeypatch):
    monkeypatch.setattr(writer, "LINES", lines)
    monkeypatch.setattr(shortcut, "LONGEST", longest)
    for source in [*PROGRAMS.values(), *(training_program(random.Random(seed)) for seed in range(150, 160))]:
        assert facts(source) == plainly(monkeypatch, source), source


def test_what_is_mentioned_once_has_no_variable(monkeypatch):
    written = []
    monkeypatch.setattr(shortcut.Shortcut, "compiled", lambda self: written.extend(self.sources()) or compiled(self))
    compiled = writer.Writer.compiled
    stepgrad.run("w = 0.5; u = 2.0\nfor k in range(9):\n    f = (w*u + u) ** 2\n    backward(f)\n    w -= 0.1*w.grad\n")
    assert written == [
        "def run(s):\n"
        "    v0, = s[:1]\n"
        "    v2 = (v0 * 2.0) + 2.0\n"
        "    return [v0 - (0.1 * ((1.0 * (0.0 if 2.0 == 0.0 else 2.0 * pow(v2, 2.0 - 1.0))) * 2.0)), pow(v2, 2.0)]\n"
    ]


def test_a_long_sum_of_gradients():
    source = (
        f"w = 0.5\nfor k in range(4):\n    f = {' + '.join(['w'] * 3000)}\n    backward(f)\n    w -= 0.0001*w.grad\n"
    )
    assert kept(source) == (1, 3)
    assert stepgrad.run(source).grads == {"w": 3000.0}


@pytest.mark.parametrize("limit", (200, 11_500, 12_345))
def test_the_limit_of_steps_is_met_at_the_same_place(limit, monkeypatch):
    source = START + "for k in range(100000):\n" + BODY
    found = facts(source, max_steps=limit)
    assert "steps" in found and found == plainly(monkeypatch, source, max_steps=limit)


def test_short_loops_are_recorded(monkeypatch):
    monkeypatch.setattr(rounds, "WORTH", 24)
    assert kept(PROGRAMS["a loop"])[1] == 0
    assert kept(PROGRAMS["a loop"].replace("20", "60")) == (1, 59)


def test_what_is_appended_now_and_then_is_no_hindrance(monkeypatch):
    source = (
        f"{START}losses = []\nfor k in range(40):\n{BODY}    if k % 3 == 0:\n        if k > 9: losses.append(f.data)\n"
    )
    assert kept(source) == (1, 39)
    assert facts(source) == plainly(monkeypatch, source)


def test_a_long_run_is_kept_small():
    source = START + "for k in range(3000):\n" + BODY
    assert kept(source) == (1, 2999)


def test_other_numbers_are_recorded():
    from fractions import Fraction

    source = "w = 0.5\nfor k in range(8):\n    f = w*w\n    backward(f)\n    w -= 0.25*w.grad\n"
    assert stepgrad.run(source, number=Fraction).grads == {"w": Fraction(1, 128)}


@pytest.mark.parametrize("sweep", ["backward((w - 3)**2)", "((w - 3)**2).backward()", "backward(sum([w, w*w]))"])
def test_what_a_sweep_goes_backward_from_needs_no_name(sweep, monkeypatch):
    source = f"w = 0.5\nfor k in range(30):\n    {sweep}\n    w -= 0.1*w.grad\nprint(w)\n"
    assert kept(source)[1] >= 28
    assert stepgrad.run(source).output.startswith("v")
    assert facts(source) == plainly(monkeypatch, source)


@pytest.mark.parametrize(
    ("sweep", "column", "words"),
    [
        ("backward(3*2)", 5, "starts from one computed value"),
        ("(w.grad*2).backward()", 6, "there is no gradient yet"),
        ("backward(w*undefined)", 16, "undefined"),
        ("backward([w, w])", 5, "starts from a number"),
    ],
)
def test_what_cannot_be_swept_is_refused_at_its_place(sweep, column, words):
    with pytest.raises(stepgrad.ProgramError) as within:
        stepgrad.run(f"w = 0.5\nfor k in range(30):\n    {sweep}\n    w -= 0.1\n")
    with pytest.raises(stepgrad.ProgramError) as outside:
        stepgrad.run(f"w = 0.5\n{sweep}\nw -= 0.1\n")
    assert words in str(within.value) and f":3:{column}:" in str(within.value)
    assert f":2:{column - 4}:" in str(outside.value)


def steps_of(source):
    """How many steps a program takes."""
    return next(limit for limit in range(1000) if not isinstance(facts(source, max_steps=limit), str))


@pytest.mark.parametrize("sweep", ["backward((w*u - 1)**2)", "((w*u - 1)**2).backward()"])
def test_a_sweep_from_an_expression_takes_the_steps_of_one_statement(sweep):
    start = "w = 0.5; u = 0.2\n"
    outside = steps_of(start + f"{sweep}\n" * 2) - steps_of(start + f"{sweep}\n")
    loop = f"{start}for k in range(2):\n    {sweep}\n"
    assert steps_of(loop.replace("2)", "3)", 1)) - steps_of(loop) == outside
    assert facts(loop, max_steps=steps_of(loop) - 4).startswith("<text>:3:5: the program takes more")


def test_what_is_swept_is_no_name_that_anybody_could_mean():
    with pytest.raises(stepgrad.ProgramError) as error:
        stepgrad.run("w = 0.5\nfor k in range(3):\n    backward(w*w)\n    print(backwar)\n")
    assert "did you mean" not in str(error.value)


@pytest.mark.parametrize("call", ["backward((w*u - 1)**2)", "f = (w*u - 1)**2\n    backward(f)"])
def test_a_function_that_is_called_backward_is_no_sweep(call, monkeypatch):
    source = (
        "w = 0.5; u = 0.1; seen = []\ndef backward(y):\n    y.backward()\n    seen.append(y.data)\n"
        f"for k in range(20):\n    {call}\n    w -= 0.05*w.grad\nprint(seen)\n"
    )
    assert facts(source) == plainly(monkeypatch, source)


@pytest.mark.parametrize("limit", range(40, 200, 3))
def test_a_limit_that_is_near_is_met_at_the_same_place(limit, monkeypatch):
    source = START + "for k in range(12):\n" + BODY + "    if k > 100 or k < -5 or k == 3333: print(k)\n"
    assert facts(source, max_steps=limit) == plainly(monkeypatch, source, max_steps=limit)


def test_what_is_compared_may_be_no_number(monkeypatch):
    source = START + "a = []\nfor k in range(12):\n" + BODY + "    if k > 20 and a == f: print(k)\n"
    assert facts(source) == plainly(monkeypatch, source)


APPENDING = {
    "the loss": ("losses.append(f.data)", True),
    "the loss, as an item": ("losses.append(f.item())", True),
    "an input": ("losses.append(w.data)", True),
    "to a list that a round counts": ("losses.append(f.data)\n    u -= 0.0*len(losses)*u.grad", False),
    "to a list within a list that a round reads": ("losses.append(f.data)\n    u -= 0.0*len(all[1])*u.grad", False),
    "a node": ("losses.append(f)", False),
    "now and then": ("if k % 9 == 8: losses.append(f.data)", True),
}


@pytest.mark.parametrize("name", APPENDING)
def test_numbers_that_are_appended_to_a_list(name, monkeypatch):
    line, is_kept = APPENDING[name]
    source = f"{START}losses = []\nall = [[w], losses]\nfor k in range(40):\n{BODY}    {line}\nprint(losses)\n"
    assert facts(source) == plainly(monkeypatch, source)
    whole, repeated = kept(source)
    assert (repeated > whole) == is_kept
