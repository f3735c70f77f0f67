"""Straight-line code: the bits of the engine on thousands of random programs, other inputs, edges of float64."""

import math
import random
import struct
from fractions import Fraction

import pytest

import stepgrad
from stepgrad import InputError, Tape, Value, run, writer
from stepgrad.gallery import example_paths
from tests.oracles import PYTHON_FUNCTIONS, random_program


def bits(array):
    """A double's bits, every nan alike; of a tensor, those of its numbers."""
    if hasattr(array, "data"):
        return array.shape, [bits(each) for each in array.data]
    if not isinstance(array, float):
        return array
    return "nan" if math.isnan(array) else struct.pack("<d", array)


def recorded(trace, number=-1):
    """What the trace itself has of a pass, in the order of an outcome."""
    of = trace.stretches[number].recorded
    return [bits(node.value) for node in (*of.earlier, *of.nodes)], [bits(total) for total in of.totals]


def replayed(straight, values):
    outcome = straight.run(values)
    return [bits(value) for value in outcome.values], [bits(total) for total in outcome.totals]


@pytest.mark.parametrize("batch", range(4))
def test_the_bits_are_those_of_the_engine_also_with_other_inputs(batch):
    compared = 0
    for seed in range(batch * 250, (batch + 1) * 250):
        program, inputs = random_program(seed, tuple(PYTHON_FUNCTIONS))
        rng = random.Random(seed)
        straight = run(program, {name: float(text) for name, text in inputs.items()}).straightline()
        for _ in range(2):
            others = {
                name: rng.choice((0.0, -0.0, 1.0, -1.5, 1e300, -1e-300, math.inf, math.nan, 0.3)) for name in inputs
            }
            expected = run(program, others)
            nodes = {straight.names[node]: node for node in straight.givens}
            values = [others[straight.names[node]] for node in straight.givens]
            assert nodes.keys() <= others.keys()
            assert replayed(straight, values) == recorded(expected), (program, others)
            compared += 1
    assert compared == 500


@pytest.mark.parametrize("name", [name for name in example_paths() if name != "mazur_10000"])
def test_every_example_runs_again(name):
    trace = run(example_paths()[name].read_text(encoding="utf-8"))
    for number in dict.fromkeys((1, min(2, len(trace.passes)), len(trace.passes))):
        straight = trace.straightline(number)
        values = [node.value for node in straight.givens]
        assert replayed(straight, values) == recorded(trace, number - 1)
        again, nodes = straight.recorded_again(values)
        assert [bits(nodes[node].value) for node in straight.nodes] == recorded(trace, number - 1)[0]
        assert [bits(total) for total in again.totals] == recorded(trace, number - 1)[1]


def test_a_pass_of_a_hundred_thousand_gates():
    with Tape() as tape:
        x = Value(1.0, name="x")
        y = x
        for _ in range(50_000):
            y = y * 1.00001 + x
        y.backward()
    straight = tape.trace().straightline()
    assert len(straight.functions) > 10
    found = straight(x=2.0)
    assert found.value == 2 * y.data
    assert found.grads == {"x": x.grad}


def test_what_functions_leave_to_each_other(monkeypatch):
    programs = [random_program(seed, tuple(PYTHON_FUNCTIONS)) for seed in range(60)]
    programs.append(("W = [[1, 2], [3, 4]]\nx = [1, -1]\nh = tanh(W @ x)\nf = sum(h * h) * x[0] + max(W)", {}))
    for program, inputs in programs:
        trace = run(program, {name: float(text) for name, text in inputs.items()})
        for lines in (1, 2, 7):
            monkeypatch.setattr(writer, "LINES", lines)
            straight = trace.straightline()
            assert replayed(straight, [node.value for node in straight.givens]) == recorded(trace), program


def test_values_of_python_programs():
    with Tape() as tape:
        w, b = Value([[0.5, -1.0], [2.0, 0.25]], name="w"), Value(0.1)
        h = (w @ [1.0, 2.0] + b).relu()
        first = (h * h).sum()
        first.backward()
        second = first * b + h[0]
        second.backward()
    trace = tape.trace()
    for number, output in ((1, first), (2, second)):
        straight = trace.straightline(number)
        assert replayed(straight, [node.value for node in straight.givens]) == recorded(trace, number - 1)
        assert straight().value == output.data
    found = trace.straightline(1)(w=[[1.0, 1.0], [1.0, 1.0]])
    assert found.value == 2 * 3.1**2
    assert found.grads == {"w": [[6.2, 12.4], [6.2, 12.4]], "v₁": 12.4}


def test_exact_fractions():
    program, inputs = "f = x * y ** 3 / 7 + x", {"x": Fraction(2, 3), "y": Fraction(1, 2)}
    found = run(program, inputs, number=Fraction).straightline()(x="5/3")
    again = run(program, {"x": Fraction(5, 3), "y": Fraction(1, 2)}, number=Fraction)
    assert found == (again.value, again.grads)
    with pytest.raises(stepgrad.GateError, match="divided by zero"):
        run("f = 1 / x", x=Fraction(2), number=Fraction).straightline()(x=0)


def test_where_python_raises_the_engine_goes_on():
    straight = run("f = log(x) / y", x=2.0, y=4.0).straightline()
    assert straight(x=0, y=1).value == -math.inf
    assert straight(x=0, y=1).grads == run("f = log(x) / y", x=0.0, y=1.0).grads
    assert straight(x=2.0).value == math.log(2.0) / 4.0


def test_a_dead_branch_gets_no_gradient():
    found = run("x = 2; y = 3; unused = log(y); f = x * x").straightline()(y=0.0)
    assert found == (4.0, {"x": 4.0, "y": 0.0})


def test_the_code_is_the_derivation():
    straight = run("f = tanh(x * y) - y / x", x=2.0, y=3.0).straightline()
    assert straight.source.splitlines() == [
        "def run(s):",
        "    v0 = s[0]",
        "    v1 = s[1]",
        "    v2 = v0 * v1",
        "    v3 = tanh(v2)",
        "    d0_v3 = 4.0 * (u := exp(-2.0 * v2 if v2 >= 0.0 else 2.0 * v2)) / pow(1.0 + u, 2.0)",
        "    v4 = v1 / v0",
        "    d0_v4 = 1.0 / v0",
        "    d1_v4 = -v4 / v0",
        "    v5 = v3 - v4",
        "    g1 = 1.0 * -1.0",
        "    g2 = g1 * d0_v4",
        "    g3 = g1 * d1_v4",
        "    g4 = 1.0 * d0_v3",
        "    g5 = g3 + g4 * v1",
        "    g6 = g2 + g4 * v0",
        "    return [v0, v1, v2, v3, v4, v5], [1.0, g1, g2, g3, g4, g5, g6]",
    ]


def test_the_names_are_those_of_the_trace():
    trace = run("W = [[1, 2]]; x = constant([3, 4]); f = sum(W @ x)\nbackward(f)\nW -= 0.1 * W.grad\nf = sum(W @ x)")
    assert trace.straightline(1)(x=[1, 1]) == (3.0, {"W": [[1.0, 1.0]]})
    assert trace.straightline(2)({"x": [0, 0]}).value == 0.0
    assert trace.straightline() is not trace.straightline()


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda straight, trace: straight(X=1), "this pass has no input called 'X'"),
        (lambda straight, trace: straight(x=[1, 2]), r"x has shape a number in this pass, and \(2,\) is given"),
        (lambda straight, trace: trace.straightline(2), "there is no pass 2; this trace has 1"),
        (lambda straight, trace: trace.straightline(0), "there is no pass 0"),
    ],
)
def test_what_is_wrong_is_said(do, message):
    trace = run("f = x * x", x=1.0)
    with pytest.raises(InputError, match=message):
        do(trace.straightline(), trace)
