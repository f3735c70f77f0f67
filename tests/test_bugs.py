"""Check my work: planted bugs are found, with their first edge; the catalogue and the search."""

import json
from collections import Counter
from pathlib import Path

import pytest

import stepgrad
from stepgrad.bugs import EDGE_BUGS, SWEEP_BUGS, UNUSED
from stepgrad.comparison import compare
from stepgrad.errors import InputError
from stepgrad.mistakes import scaled
from stepgrad.screening import tangents
from stepgrad.sweeps import Mutant, Sweep
from stepgrad.tensor import flat, nested
from tests.planted import BUGS, Graph, differs, plant
from tests.test_cli import output, refusal
from tests.test_cli import stepgrad as command

ROOT = Path(__file__).parent.parent
MAZUR = "h1 = sigmoid(w1*i1 + w2*i2 + b1)\nh2 = sigmoid(w3*i1 + w4*i2 + b1)\no1 = sigmoid(w5*h1 + w6*h2 + b2)\no2 = sigmoid(w7*h1 + w8*h2 + b2)\nE = 0.5*(0.01 - o1)**2 + 0.5*(0.99 - o2)**2"
WEIGHTS = {"w1": 0.15, "w2": 0.20, "w3": 0.25, "w4": 0.30, "w5": 0.40, "w6": 0.45, "w7": 0.50, "w8": 0.55, "b1": 0.35, "b2": 0.60, "i1": 0.05, "i2": 0.10}  # fmt: skip


@pytest.mark.parametrize(("given", "least"), [("all", 0.97), ("named", 0.94), ("inputs", 0.90)])
def test_planted_bugs_are_found_with_their_first_edge(given, least):
    found, planted = 0, Counter()
    for seed in range(1000, 1200):
        trace, grads, names, step, (_, bug) = plant(seed, given)
        comparison = compare(trace, grads)
        assert not comparison
        found += comparison.bug in names and comparison.step == step
        planted[bug] += 1
    assert found >= least * 200
    assert len(planted) >= len(BUGS) - 3, planted


def test_the_autograd_in_which_bugs_are_planted_is_right_without_them():
    for seed in range(40):
        trace, *_ = plant(seed)
        graph = Graph(trace)
        grads, _ = graph.run()
        for node, gradient in grads.items():
            assert not differs(gradient, nested(trace.gradient(node, len(trace)))), seed
        assert compare(trace, {graph.nodes[i].name: grads[i] for i in graph.inputs})


def test_a_mutant_in_which_nothing_is_wrong_changes_nothing():
    trace = stepgrad.run(MAZUR, WEIGHTS)
    sweep = Sweep(trace, 1)
    assert sweep.run(Mutant()) == {}
    assert sweep.run(Mutant(locals={p: sweep.nodes[p].locals[sweep.slots[p]] for p in range(len(sweep))})) == {}


def test_tangents_say_what_an_edge_would_have_to_send():
    # Against the sweep itself: half of what any one edge sends, and the change of W[0][1] that this makes.
    trace = stepgrad.run(
        "h = tanh(W @ x + b); f = sum(h * h) + W[0][1] * b[0]", W=[[1, 0.5], [-0.25, 2]], x=[0.3, -0.7], b=[0.1, 0.2]
    )
    sweep = Sweep(trace, 1)
    node = trace.node(trace.find("W"))
    answers = tangents(sweep, node, 1)
    for place in range(len(sweep)):
        changed = sweep.run(Mutant(locals={place: scaled(sweep.edge(place), 0.5)}))
        change = flat(changed.get(node, sweep.ours[node]))[1] - flat(sweep.ours[node])[1]
        answer = flat(answers.get(sweep.operands[place], 0.0))
        foretold = (
            sum(-0.5 * x * y for x, y in zip(flat(sweep.product(place)), answer))
            if sweep.operands[place] in answers
            else 0.0
        )
        assert change == pytest.approx(foretold, rel=1e-12, abs=1e-15), place


def test_mazurs_bug_is_named():
    # 0.291027924 of the post: hidden gradients through output weights that were already updated at 0.5.
    right = stepgrad.run(MAZUR, WEIGHTS)
    new = {name: WEIGHTS[name] - 0.5 * right.grads[name] for name in ("w5", "w6", "w7", "w8")}
    cursor = stepgrad.Cursor(right, len(right))
    d1, d2 = (
        cursor.gradient(name) * (1 - o) * o for name, o in (("o1", cursor.value("o1")), ("o2", cursor.value("o2")))
    )
    up1, up2 = d1 * new["w5"] + d2 * new["w7"], d1 * new["w6"] + d2 * new["w8"]
    h1, h2 = cursor.value("h1"), cursor.value("h2")
    s1, s2 = up1 * h1 * (1 - h1), up2 * h2 * (1 - h2)
    theirs = {**{n: right.grads[n] for n in new}, "w1": s1 * 0.05, "w2": s1 * 0.1, "w3": s2 * 0.05, "w4": s2 * 0.1}
    found = compare(right, theirs)
    assert found.bug == "weights already updated"
    assert "learning rate of 0.5" in found.words
    edge = found.edge
    assert right.name(edge.operand) in ("h1", "h2")
    assert {right.name(right.operands(edge.node)[1 - edge.slot])} <= set(new) or {
        right.name(right.operands(edge.node)[0])
    } <= set(new)
    # and what that makes of the first round's loss is the post's number
    updated = {n: WEIGHTS[n] - 0.5 * g for n, g in theirs.items()}
    assert f"{stepgrad.run(MAZUR, {**WEIGHTS, **updated}).value:.9f}" == "0.291027924"


CASES = [  # program, inputs, their gradients, the bug, a word of the report
    ("f = x * y + x", {"x": 2, "y": 3}, {"x": 3, "y": 2}, "missing +=", "line 1, column 5"),
    ("f = x * y + x", {"x": 2, "y": 3}, {"x": -4, "y": -2}, "wrong sign", "other way round"),
    ("h = tanh(x); f = h * y", {"x": 0.5, "y": 3}, {"x": 3 * 0.46211715726000973 * (1 - 0.46211715726000973)}, "wrong derivative", "it is 1-h²"),
    ("f = sum((W @ x)**2)", {"W": [[1, 2], [3, 4]], "x": [1, -1]}, {"x": [-6, -14]}, "missing transpose", "not transposed"),
    ("f = sum((W @ x)**2)", {"W": [[1, 2], [3, 4]], "x": [1, -1]}, {"W": [[-2, -2], [2, 2]]}, "missing transpose", "came out transposed"),
    ("f = sum((W @ x)**2)", {"W": [[1, 2], [3, 4]], "x": [1, -1]}, {"W": [[-1, 1], [-1, 1]], "x": [-4, -6]}, "factor 2", "a factor 2 is missing"),
    ("y = X + b; f = sum(y**2)", {"X": [[1, 2], [3, 4]], "b": [1, 0]}, {"b": [[4, 4], [8, 8]]}, "missing sum", "no sum over the copies"),
    ("y = X + b; f = sum(y**2)", {"X": [[1, 2], [3, 4]], "b": [1, 0]}, {"b": [8, 8]}, "missing sum", "only the last copy"),
    ("y = X + b; f = sum(y**2)", {"X": [[1, 2], [3, 4]], "b": [1, 0]}, {"b": [6, 6], "X": [[4, 4], [8, 8]]}, "mean for sum", "divided by 2"),
    ("f = mean(x**3)", {"x": [1, 2, 3]}, {"x": [3, 12, 27]}, "sum for mean", "not divided by 3"),
    ("s = x + y + z; f = s**3 / 5", {"x": 1, "y": 2, "z": 3}, {"x": 108, "y": 108, "z": 108, "s": 108}, "sum for mean", "not divided by 5"),
    ("f = x**3 * y", {"x": 2, "y": 3}, {"x": 72, "y": 16}, "stale gradient", "ran 2 times"),
    ("f = x**3 * y", {"x": 2, "y": 30}, {"x": 100, "y": 8}, "clipped gradient", "clipped to ±100"),
    ("f = w**2 * x + w", {"w": 2.0, "x": 3.0}, {"w": 13.02, "x": 4.03}, "weight penalty", "0.01 times the value"),
    ("f = x**3 * y", {"x": 2, "y": 30}, {"x": 120, "y": 8}, "wrong derivative", "taken to be"),
    ("f = x * y", {"x": 2, "y": 3}, {"x": 2, "y": 3}, "swapped operands", "the other operand was taken"),
    ("f = x * x * 1.0", {"x": 3}, {"x": 3}, "missing +=", "overwritten"),
    ("f = sum(x**3)", {"x": [1, 2, 30]}, {"x": [3, 12, 100]}, "clipped gradient", "clipped to ±100"),
    ("f = x**2 * y", {"x": 3, "y": 1}, {"x": 54, "y": 81}, "wrong seed", "first wrong step: 5, the seed"),
    ("f = sum(avg_pool2d(x, (1, 2)))", {"x": [[1, 2], [3, 4]]}, {"x": [[1, 1], [1, 1]]}, "sum for mean", "not divided by 2"),
    ("f = x * y; backward(f, [1, 2])", {"x": [1, 2], "y": [3, 4]}, {"x": [0, 0], "y": [0, 0]}, "forgotten edge", "nothing was sent"),
    ("c = constant(2); f = c * x", {"x": 3}, {"x": 2, "c": 3}, "gradient of a constant", "ours 0"),
    ("f = x + 0 * 1", {"x": 3}, {"x": 1}, "", "agrees"),
    ("f = cross_entropy(s, [0, 1])", {"s": [[1, 2], [3, 5]]}, {"s": [[0.13447071068499755, 0.36552928931500245], [0.059601461011058, 0.44039853898894]]}, "wrong derivative", "1 was not subtracted"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "inputs", "theirs", "bug", "word"), CASES, ids=[f"{c[3]}: {c[0]}" for c in CASES])
def test_a_bug_made_by_hand_is_named(program, inputs, theirs, bug, word):
    found = compare(stepgrad.run(program, inputs), theirs, rtol=1e-6)
    assert found.bug == bug
    assert word in str(found)
    assert bool(found) is (not bug) and bool(found.wrong) is bool(bug)


def test_a_second_pass_over_gradients_of_the_first():
    trace = stepgrad.run(
        "w = 2.0; x = 3.0\nfor k in range(2):\n    f = (w*x - 1)**2\n    backward(f)\n    w -= 0.01*w.grad"
    )
    first = 2 * (2 * 3 - 1) * 3
    second = 2 * ((2 - 0.01 * first) * 3 - 1) * 3
    found = compare(trace, {"w": first + second})
    assert (found.bug, "the pass before" in found.words) == ("stale gradient", True)
    assert compare(trace, {"w": first}, number=1)
    assert compare(trace, {"w": second})
    with pytest.raises(InputError, match="choose from 1 to 2"):
        compare(trace, {"w": 1.0}, number=3)


def test_what_no_bug_explains_is_narrowed_down():
    trace = stepgrad.run("a = x * y; b = exp(a); c = sin(b); f = c * x", x=0.5, y=0.25)
    right = {name: stepgrad.Cursor(trace, len(trace)).gradient(name) for name in "abcxy"}
    found = compare(trace, {**right, "a": right["a"] + 0.123, "x": 7.0, "y": 9.0})
    assert (found.bug, found.certain) == ("", False)
    assert (trace.name(found.edge.node), trace.name(found.edge.operand)) == ("b", "a"), "the only edge into a"
    wide = compare(trace, {"y": 9.0})
    assert "one of" in str(wide)
    assert "to narrow it down" in str(wide)


def test_two_mistakes_are_told_apart():
    trace = stepgrad.run("a = tanh(x * y); b = sigmoid(a * w); f = (b - 0.5)**2 + a", x=0.5, y=0.75, w=2.0)
    cursor = stepgrad.Cursor(trace, len(trace))
    a, b = cursor.value("a"), cursor.value("b")
    to_b = b - 0.5  # the 2 is lost
    to_a = 1 + to_b * (1 - b) * b * 2.0
    product = to_a * a * (1 - a)  # and tanh' is taken for sigmoid'
    found = compare(trace, {"b": to_b, "a": to_a, "w": to_b * (1 - b) * b * a, "x": product * 0.75, "y": product * 0.5})
    assert found.bug == "factor 2"
    assert found.second.startswith("wrong derivative")
    assert "and a second mistake at step" in str(found)


def test_the_first_of_several_mistakes_is_named_where_the_rest_is_a_riddle():
    trace = stepgrad.run("a = x * y; b = a**2; f = b * w", x=0.5, y=0.75, w=2.0)
    found = compare(trace, {"b": 2.0, "a": 0.75, "w": 0.140625, "x": 77.0, "y": 33.0})
    assert (found.bug, found.certain) == ("factor 2", False)
    assert "more than one mistake" in str(found)


def test_rounded_gradients_are_recognised():
    trace = stepgrad.run(MAZUR, WEIGHTS)
    found = compare(trace, {name: float(f"{g:.4g}") for name, g in trace.grads.items()})
    assert not found
    assert "raise --rtol" in str(found)
    assert compare(trace, {name: float(f"{g:.4g}") for name, g in trace.grads.items()}, rtol=1e-3)


def test_names_and_shapes_that_people_use():
    trace = stepgrad.run("W = [[1, 2], [3, 4]]; x = [1, 2]; q = W @ x; f = sum(q**2)")
    w, x = trace.grads["W"], trace.grads["x"]
    flat = [number for row in w for number in row]
    for given in (
        {"W": w}, {"dW": flat}, {"W.grad": w, "∂f/∂x": x}, {"x_grad": [[each] for each in x]},
        {"W[0][1]": w[0][1], "W[1,0]": w[1][0]}, {"df/dx": tuple(x), "q": [10, 22]}, {"x[0]": str(x[0])},
    ):  # fmt: skip
        assert compare(trace, given), given
    assert not compare(trace, {"W[0][1]": 0})
    for given, sentence in (
        ({}, "no gradient"), ({"V": 1}, "no value of this program is called 'V'"), ({"W[5][0]": 1}, "no element"),
        ({"x": "abc"}, "cannot be read"), ({"x": [[1], 2]}, "cannot be read"), ([1], "by name"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=sentence):
            compare(trace, given)


def test_versions_of_a_name():
    trace = stepgrad.run("c = x * 2; c = c * c; c = c + x; f = c", x=3.0)
    assert compare(trace, {"c": 1.0}), "the last one"
    assert compare(trace, {"c": 12.0, "c₂": 1.0, "c#3": 1.0}), "the first one, where versions are given"


def test_edge_numbers_agree_with_themselves():
    trace = stepgrad.run("f = log(x) + sqrt(y)", x=0.0, y=0.0)
    assert trace.grads == {"x": float("inf"), "y": float("inf")}
    assert compare(trace, trace.grads)
    assert compare(trace, {"x": "inf", "y": float("inf")})
    assert not compare(trace, {"x": float("nan")})


def test_a_tape_of_values_is_compared_too():
    with stepgrad.Tape() as tape:
        x, y = stepgrad.Value(2.0, name="x"), stepgrad.Value(3.0, name="y")
        (x * y + x).backward()
    assert compare(tape.trace(), {"x": 4.0, "y": 2.0})


def test_large_traces_are_given_up_in_bounded_work():
    program = "y = x\nfor i in range(3000):\n    y = sin(y) * 1.01\nf = y"
    trace = stepgrad.run(program, x=0.5)
    found = compare(trace, {"x": 12345.678}, max_work=20_000)
    assert "too long to try every bug" in str(found)


def test_every_bug_is_in_readme_and_has_words():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for bug in (*EDGE_BUGS, *SWEEP_BUGS):
        assert f"| `{bug.name}` |" in readme, bug.name
        assert bug.words
    assert f"| `{UNUSED[0]}` |" in readme


def test_readme_shows_the_report_as_it_is():
    found = compare(stepgrad.run("f = (x*y + x)**2", x=2, y=3), {"x": 48, "y": 32})
    assert str(found) in (ROOT / "README.md").read_text(encoding="utf-8")


# The command line


def test_check_against_a_file(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"x": -4.0, "y": -4.0, "z": 3.0}), encoding="utf-8")
    assert output("check", "product", "--against", str(file)) == "all 3 gradients agree within 1e-07 relative\n"
    file.write_text(json.dumps({"grads": {"x": -4.0, "y": -4.0, "z": -3.0}}), encoding="utf-8")
    done = command("check", "product", "--against", str(file))
    assert done.returncode == 1
    assert "first wrong edge: step 8, f -> z, line" in done.stdout.decode()
    assert "likely: wrong sign" in done.stdout.decode()
    assert done.stdout.decode().isascii() is False
    assert command("check", "product", "--against", str(file), "--ascii").stdout.isascii()


def test_gradients_in_csv(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("name,gradient\nx,1.0\nW,2,2\nW,3,3\n", encoding="utf-8")
    program, values = "f = sum(W @ [2, 2]) * 1.0 + x", ("W=[[1,1],[1,1]]", "x=1")
    done = command("check", program, *values, "--against", str(file))
    assert done.returncode == 1
    assert "∂f/∂W[1][0]: theirs 3, ours 2" in done.stdout.decode()
    file.write_text("x;1.0\nW[0][0];2\n", encoding="utf-8")
    assert output("check", program, *values, "--against", str(file)).startswith("all 2 gradients agree")


REFUSALS = [
    ("mine.json", "{", "'mine.json' is not JSON"),
    ("mine.json", "[1]", "'mine.json' holds no gradients by name"),
    ("mine.csv", "x,y\nz,abc\n", "mine.csv:2: 'abc' is no number"),
    ("mine.csv", "name\n", "'mine.csv' holds no gradients"),
    ("mine.json", '{"qq": 1}', "no value of this program is called 'qq'"),
]


@pytest.mark.parametrize(("name", "text", "sentence"), REFUSALS)
def test_files_that_hold_no_gradients(tmp_path, name, text, sentence):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert refusal("check", "product", "--against", name, cwd=tmp_path).startswith(f"stepgrad: {sentence}")


def test_a_file_that_is_not_there():
    assert "cannot be read" in refusal("check", "product", "--against", "no-such.json")
