"""The two sweeps, and Value on top of them."""

import gc
import math
import random
import sys

import pytest

import stepgrad
from stepgrad import Tape, Value
from stepgrad.errors import GateError
from stepgrad.gallery import example_paths
from stepgrad.numeric import FLOAT
from stepgrad.ops import GATES
from stepgrad.recording import Recording
from stepgrad.tape import Node, Scalar
from stepgrad.value import HERE


def test_a_million_chained_gates_at_the_default_recursion_limit():
    assert sys.getrecursionlimit() <= 10_000
    recording = Recording(FLOAT)
    x = node = recording.leaf(1.0)
    for _ in range(1_000_000):
        node = recording.apply(GATES["mul"], [node, 1.0])
    recording.backward(node)
    assert x.total == 1.0


def test_a_million_chained_values():
    x = y = Value(0.0)
    for _ in range(1_000_000):
        y = y + 1.0
    y.backward()
    assert (y.data, x.grad) == (1_000_000.0, 1.0)
    del y  # freeing the chain must not recurse either


def test_a_branch_that_nothing_reaches_stays_out():
    trace = stepgrad.run("x = 0.0\ndead = log(x) * x\nf = x + 1")
    assert trace.grads == {"x": 1.0}
    reached = [event.node for event in trace if isinstance(event, stepgrad.Backward)]
    assert reached == [trace.find("f")]


def test_zero_upstream_still_makes_events():
    trace = stepgrad.run("x = 3.0; y = 5.0; f = 0*x + y")
    products = [event.product for event in trace if isinstance(event, stepgrad.Backward)]
    assert products == [1.0, 1.0, 0.0]


def test_the_first_product_is_assigned_so_that_minus_zero_survives():
    trace = stepgrad.run("x = 2.0; y = -0.0; f = x * y")
    assert math.copysign(1.0, trace.grads["x"]) == -1.0


def test_gradients_meet():
    trace = stepgrad.run("a = 3.0; b = a + a")
    last = trace[-1]
    assert (last.product, last.total, last.first) == (1.0, 2.0, False)


def test_a_second_backward_in_the_language_starts_from_zero():
    trace = stepgrad.run("x = 3.0\nf = x * x\nbackward(f)\nbackward(f)")
    assert trace.grads == {"x": 6.0}
    assert [each.value for each in trace.passes] == [9.0, 9.0]
    assert len(trace) == 2 + 3 + 3
    totals = [event.total for event in trace if isinstance(event, stepgrad.Backward)]
    assert totals == [3.0, 6.0, 3.0, 6.0]


def test_a_later_pass_goes_through_nodes_of_an_earlier_one():
    trace = stepgrad.run("x = 3.0\nh = x * x\nbackward(h)\ng = h * 2\nbackward(g)")
    assert trace.grads == {"x": 12.0}
    assert [len(each.steps) for each in trace.passes] == [5, 1 + 1 + 3]


def test_inputs_that_the_last_sweep_does_not_reach_have_gradient_zero():
    trace = stepgrad.run("x = 3.0; y = 4.0\nf = x * y\nbackward(f)\ng = y * y\nbackward(g)\nh = x.grad + 1")
    assert trace.grads == {"x": 0.0, "y": 8.0}


def test_value_leaves_add_up_until_zeroed_and_the_rest_is_never_stale():
    a, b = Value(2.0), Value(3.0)
    c = a * b
    d = c + 1
    d.backward()
    d.backward()
    assert (a.grad, b.grad, c.grad, d.grad) == (6.0, 4.0, 1.0, 1.0)
    e = c * 2  # goes on from a value of an earlier pass
    e.backward()
    assert (a.grad, c.grad) == (12.0, 2.0)
    a.grad = 0
    e.backward()
    assert (a.grad, b.grad) == (6.0, 4.0 + 4.0 + 4.0)


def test_value_knows_pythons_operators_in_both_orders():
    x = Value(2.0)
    for result, value in (
        (1 + x, 3.0), (x + 1, 3.0), (1 - x, -1.0), (x - 1, 1.0), (3 * x, 6.0), (x * 3, 6.0), (1 / x, 0.5),
        (x / 4, 0.5), (x**3, 8.0), (3**x, 9.0), (-x, -2.0), (abs(-x), 2.0), (x.exp().log(), 2.0),
    ):  # fmt: skip
        assert result.data == pytest.approx(value)
        assert isinstance(result, Value)
    assert float(x) == 2.0
    assert repr(x) == "Value(data=2.0, grad=0.0)"
    with pytest.raises(TypeError):
        x + "1"


def test_value_and_language_give_the_same_bits():
    rng = random.Random(7)
    for _ in range(200):
        x, y = rng.uniform(-3, 3), rng.uniform(0.1, 3)
        a, b = Value(x), Value(y)
        f = (a * b + a.tanh() - b / a) ** 2 * a.sigmoid() + b ** a.cos() + (a - b).relu() + b.log().softplus()
        f.backward()
        program = "f = (a*b + tanh(a) - b/a)**2 * sigmoid(a) + b**cos(a) + relu(a - b) + softplus(log(b))"
        trace = stepgrad.run(program, a=x, b=y)
        assert (f.data, a.grad, b.grad) == (trace.value, trace.grads["a"], trace.grads["b"])


def test_value_holds_tensors():
    W, x = Value([[0.1, 0.5], [-0.3, 0.8]]), Value([0.2, 0.4])
    f = ((W @ x) ** 2).sum()
    f.backward()
    trace = stepgrad.run("W = [[0.1, 0.5], [-0.3, 0.8]]\nx = [0.2, 0.4]\nf = sum((W @ x)**2)")
    assert (f.data, W.grad, x.grad) == (trace.value, trace.grads["W"], trace.grads["x"])
    assert W.T.data == [[0.1, -0.3], [0.5, 0.8]]
    assert W[0, 1].data == 0.5
    assert [row.data for row in W] == W.data
    assert stepgrad.stack([x, x], axis=1).data == [[0.2, 0.2], [0.4, 0.4]]
    assert stepgrad.concat([x, x]).data == [0.2, 0.4, 0.2, 0.4]
    with pytest.raises(GateError, match="take its sum"):
        (W @ x).backward()


MICROGRAD_README = """
a = Value(-4.0)
b = Value(2.0)
c = a + b
d = a * b + b**3
c += c + 1
c += 1 + c + (-a)
d += d * 2 + (b + a).relu()
d += 3 * d + (b - a).relu()
e = c - d
f = e**2
g = f / 2.0
g += 10.0 / f
g.backward()
"""


def test_micrograds_readme_runs_when_its_import_is_changed():
    names = {"Value": Value}
    exec(MICROGRAD_README, names)
    assert f"{names['g'].data:.4f}" == "24.7041"
    assert f"{names['a'].grad:.4f}" == "138.8338"
    assert f"{names['b'].grad:.4f}" == "645.5773"


def test_a_training_loop_written_for_micrograd():
    w, b = Value(0.0), Value(0.0)
    losses = []
    for _ in range(50):
        loss = sum((w * x + b - (2 * x - 1)) ** 2 for x in (-1.0, 0.0, 1.0, 2.0))
        for p in (w, b):
            p.grad = 0
        loss.backward()
        for p in (w, b):
            p.data -= 0.05 * p.grad
        losses.append(loss.data)
    assert losses[-1] < 1e-3 < losses[0]
    assert (w.data, b.data) == (pytest.approx(2, abs=0.02), pytest.approx(-1, abs=0.02))


def test_a_tape_leaves_a_trace_of_all_passes():
    w = Value(1.0, name="w")
    with Tape() as tape:
        for _ in range(3):
            loss = (w * 2 - 4) ** 2
            w.grad = 0
            loss.backward()
            w.data -= 0.1 * w.grad
    trace = tape.trace()
    assert len(trace.passes) == 3
    assert [event.value for event in trace if isinstance(event, stepgrad.Forward) and event.name == "w"] == [1.0]
    first, second = (trace[each.steps.start : each.steps.stop] for each in trace.passes[:2])
    assert [event.total for event in first if isinstance(event, stepgrad.Backward)][-1] == -8.0
    assert second[0].value == 2 * (1.0 + 0.1 * 8.0)
    assert stepgrad.Cursor(trace, 1).value("w") == 1.0
    updates = [event for event in trace if isinstance(event, stepgrad.Update)]
    assert [(event.name, event.node, event.old) for event in updates[:2]] == [("w", 0, 1.0), ("w", 0, 1.8)]
    assert [trace[k] for each in trace.passes for k in each.updates] == updates
    assert all(event.change == event.new - event.old for event in updates)
    assert [event.new for event in updates] == pytest.approx([2 - 0.2, 2 - 0.2**2, 2 - 0.2**3])
    assert [stepgrad.Cursor(trace, event.step).value("w") for event in updates] == [event.new for event in updates]
    assert [stepgrad.Cursor(trace, event.step - 1).value("w") for event in updates] == [e.old for e in updates]
    assert trace.updated == {"w": w.data}
    w.data = 77.0
    assert trace[0].value == 1.0
    assert len(tape.trace()) == len(trace)


def test_a_tape_puts_the_collector_back():
    assert gc.isenabled()
    with Tape() as tape:
        assert not gc.isenabled()
        with tape:
            Value(1.0) * 2
    assert gc.isenabled()
    assert len(tape.trace()) == 2


def recomputed(event, trace):
    """What the gate of a step makes of the operands that the trace shows: the result and the locals."""
    node, values = trace.node(event.node), trace.operand_values(event)
    return node.gate.apply(FLOAT, values, [local is not None for local in node.locals], node.params)


def assert_consistent(trace):
    """Every step shows the operands that it was computed from, every input what is first found in it, updates what changes."""
    shown = {}
    for event in trace:
        if isinstance(event, stepgrad.Forward):
            shown[event.node] = event.value
            if event.operands:
                assert recomputed(event, trace)[0] == event.value
                for operand, value in zip(event.operands, trace.operand_values(event), strict=True):
                    if isinstance(operand, int) and operand in shown and not trace.node(operand).operands:
                        assert shown.pop(operand) == value  # the first use
        elif isinstance(event, stepgrad.Update):
            assert shown.pop(event.node, event.old) == event.old
            assert trace.value_at(event.node, event.step - 1) == event.old
            assert trace.value_at(event.node, event.step) == event.new
        elif isinstance(event, stepgrad.Backward):
            assert recomputed(event, trace)[1][event.slot] == event.local


def values_shown(tape):
    return [event.value for event in tape.trace() if isinstance(event, stepgrad.Forward)]


def test_an_input_that_is_given_a_value_before_its_first_use():
    with Tape() as tape:
        x = Value(1.0)
        x.data = 2.0
        x * x
    assert values_shown(tape) == [1.0, 4.0]
    assert (tape.trace()[1].old, tape.trace()[1].new) == (1.0, 2.0)


def test_an_input_that_is_given_a_value_in_mid_pass():
    with Tape() as tape:
        x = Value(1.0, name="x")
        y = x * x
        x.data = 3.0
        (y + x * x).backward()
        x.data = 4.0
    trace = tape.trace()
    assert values_shown(tape) == [1.0, 1.0, 9.0, 10.0]
    assert_consistent(trace)
    assert x.grad == 2 * 3.0 + 2 * 1.0
    assert isinstance(trace[2], stepgrad.Update)
    assert [stepgrad.Cursor(trace, step).value("x") for step in (1, 2, 3, len(trace) - 1)] == [1.0, 1.0, 3.0, 3.0]
    assert stepgrad.Cursor(trace, len(trace)).value("x") == 4.0


def test_an_intermediate_value_that_is_changed_by_hand():
    with Tape() as tape:
        a = Value(2.0)
        e = a * 3
        e.data += 1
        e * 2
    assert values_shown(tape) == [2.0, 6.0, 14.0]
    assert_consistent(tape.trace())


def test_a_trace_taken_inside_the_block_stays_as_it_is_and_disturbs_nothing():
    with Tape() as tape:
        x = Value(1.0)
        (x * x).backward()
        x.data = 5.0
        y = x * x
        before = tape.trace()
        y.backward()
        x.data = 7.0
    assert [len(before), len(before.passes), len(tape.trace().passes)] == [7, 2, 2]
    assert len(tape.trace()) == 7 + 1 + 2 + 1  # the seed, two edges, an update
    assert [event.value for event in before if isinstance(event, stepgrad.Forward)] == [1.0, 1.0, 25.0]
    assert values_shown(tape) == [1.0, 1.0, 25.0]
    assert_consistent(before)
    assert_consistent(tape.trace())


def test_one_tape_in_two_blocks_with_a_change_between():
    x, tape = Value(1.0), Tape()
    with tape:
        x * x
    x.data = 5.0
    x * x
    with tape:
        x * x
    x.data = 6.0
    assert values_shown(tape) == [1.0, 1.0, 25.0]
    assert_consistent(tape.trace())


def test_a_tape_inside_a_tape():
    with Tape() as outer:
        x = Value(1.0)
        y = x * x
        with Tape() as inner:
            x.data = 2.0
            z = x * y
            x.data = 3.0
        (x * z).backward()
    x.data = 4.0
    assert values_shown(outer) == [1.0, 1.0, 2.0, 6.0]
    assert values_shown(inner) == [1.0, 1.0, 2.0]
    assert x.grad == 2.0 + 3.0 * (1.0 + 2 * 2.0 * 1.0)
    assert_consistent(outer.trace())
    assert_consistent(inner.trace())


@pytest.mark.parametrize("seed", range(20))
def test_random_programs_that_change_values_leave_consistent_traces(seed):
    rng = random.Random(seed)
    outer, inner = Tape(), Tape()
    entered, looked_at = [], []

    def enter():
        entered.append(rng.choice([outer, inner]).__enter__())

    def leave():
        if entered:
            entered.pop().__exit__(None, None, None)

    def change():
        value = rng.choice(values)
        value.data = [rng.random()] if value.is_tensor else rng.random()

    def compute():
        values.append(rng.choice(values) * rng.choice(values) + rng.uniform(-1, 0))

    def send_back():
        rng.choice(values).sum().backward()

    def look():
        looked_at.extend((tape.trace(), list(tape.trace())) for tape in (outer, inner))

    with outer:
        values = [Value(rng.random()), Value([rng.random()])]
        for _ in range(80):
            rng.choice([change, compute, compute, send_back, enter, leave, look])()
        while entered:
            leave()
        look()
    change()
    for trace, events in looked_at:
        assert list(trace) == events
    for trace, _ in looked_at[::2]:
        assert_consistent(trace)


def test_a_gradient_set_by_hand_does_not_enter_the_next_sweep():
    a = Value(2.0)
    h = a * 3
    h.grad = 5.0
    assert h.grad == 5.0
    (h * 4).backward()
    assert (a.grad, h.grad) == (12.0, 4.0)
    with Tape() as tape:
        a = Value(2.0)
        aside = a * 7
        aside.grad = 5.0
        (a * 3).backward()
    assert (a.grad, aside.grad) == (3.0, 5.0)
    assert len(list(tape.trace())) == 5


def test_values_whose_tape_is_gone_take_part_in_later_ones():
    with Tape():  # nobody asks it for a trace
        x, y = Value(3.0, name="x"), Value(2.0, name="y")
        product = x * y
        h, square = product + x, x * x
    for k in (1, 2):
        with Tape() as tape:
            (h * square * product).backward()  # x⁴y² + x⁴y
        assert (x.grad, y.grad) == (k * 648.0, k * 405.0)
        trace = tape.trace()
        gates = [event.gate.name for event in trace if isinstance(event, stepgrad.Forward)]
        assert sorted(gates) == ["add", "input", "input", "mul", "mul", "mul", "mul"]
        assert all(operand < node for node in range(trace.node_count) for operand in trace.operands(node))
        assert_consistent(trace)


def test_a_long_chain_whose_tape_is_gone():
    with Tape():
        x = y = Value(1.0)
        for _ in range(100_000):
            y = y * 1.0
    with Tape() as tape:
        (y + y).backward()
    assert x.grad == 2.0
    assert len(tape.trace()) == 1 + 100_000 + 1 + 1 + 2 + 100_000


def test_what_a_sweep_found_is_in_the_trace_whatever_becomes_of_the_gradients():
    with Tape() as tape:
        x = Value(3.0)
        f = x * x
        f.backward()
        x.grad = f.grad = 0
        (x * f).backward()
        x.grad = 5.0
    totals = [event.total for event in tape.trace() if isinstance(event, stepgrad.Backward)]
    assert totals == [3.0, 6.0, 9.0, 3.0, 18.0, 27.0]
    assert (x.grad, f.grad) == (5.0, 3.0)


def test_a_name_does_not_change_what_a_value_was_computed_from():
    with Tape() as tape:
        x = Value([[1.0, 2.0], [3.0, 4.0]], name="x")
        total = x.sum(axis=0)
        total.name = "total"
        best = total[0] * 2
        best.label, best.name = "first", "best"
        best.backward()
    trace = tape.trace()
    assert x.grad == [[2.0, 0.0], [2.0, 0.0]]
    assert (trace.name(1), trace.node(1).params["axis"], best.label) == ("total", 0, "best")


class Counted(Scalar):
    """A node that counts how often its index is read, by which nodes are sorted."""

    __slots__ = ()
    reads = 0

    @property
    def index(self):
        Counted.reads += 1
        return Node.index.__get__(self)

    @index.setter
    def index(self, index):
        Node.index.__set__(self, index)


def test_going_on_from_many_values_of_an_earlier_pass_sorts_them_once():
    recording = Recording(FLOAT, Node, Counted, keep=False)
    x = recording.leaf(1.0)
    earlier = [recording.apply(GATES["mul"], [x, 2.0]) for _ in range(100)]
    recording.backward(earlier[-1])
    Counted.reads = 0
    for node in reversed(earlier):
        last = recording.apply(GATES["mul"], [node, 2.0])
    recording.backward(last)
    assert Counted.reads <= 100
    assert x.total == 4.0


def test_what_the_last_sweep_found_can_be_read_after_a_value_is_used_again():
    assert stepgrad.run("x = 3.0\nf = x * x\nbackward(f)\ny = x * 2\nbackward(y, x.grad)").grads == {"x": 12.0}
    sat_out = "x = 3.0; z = 4.0\nf = x * x\nbackward(f)\ng = z * z\nbackward(g)\ny = x * 2\nbackward(y, x.grad + 1)"
    assert stepgrad.run(sat_out).grads == {"x": 2.0, "z": 0.0}


def test_backward_of_what_has_no_inputs_says_so():
    with pytest.raises(stepgrad.ProgramError, match="depends on no input"):
        stepgrad.run("c = constant(2.0)\nf = c * c\nbackward(f)")


def test_constants_get_forward_events_and_no_backward_ones():
    trace = stepgrad.run("c = constant(2.0); x = 3.0\nd = c * c\nf = d * x")
    assert trace.grads == {"x": 4.0}
    edges = [(event.node, event.operand) for event in trace if isinstance(event, stepgrad.Backward)]
    assert edges == [(trace.find("f"), trace.find("x"))]


def test_a_seed_other_than_one():
    trace = stepgrad.run("x = [1.0, 2.0]\ny = x * x\nbackward(y, [1.0, 10.0])")
    assert trace.grads == {"x": [2.0, 40.0]}
    with pytest.raises(stepgrad.ProgramError, match="the seed has shape"):
        stepgrad.run("x = [1.0, 2.0]\ny = x * x\nbackward(y, [1.0])")


@pytest.mark.parametrize("name", ["sigmoid", "training", "momentum", "patterns", "two_layer_net"])
def test_events_are_the_same_one_by_one_and_in_a_row(name):
    trace = stepgrad.run(example_paths()[name].read_text(encoding="utf-8"))
    assert list(trace) == [trace[k] for k in range(len(trace))] == trace[:]
    assert [event.step for event in trace] == list(range(1, len(trace) + 1))


def test_so_they_are_where_values_come_from_outside():
    x, w = Value(2.0, name="x"), Value([1.0, math.inf])
    before = x * x
    with Tape() as tape:
        for _ in range(2):
            loss = (before * w).relu().sum() / x
            loss.backward()
            x.data = 3.0
    trace = tape.trace()
    assert list(map(repr, trace)) == [repr(trace[k]) for k in range(len(trace))]


def test_a_chain_that_grows_from_pass_to_pass_is_not_walked_again_and_again():
    w, rate = Value(1.0), Value(0.1)
    for _ in range(200):
        rate = rate * 0.99
        ((w * 2 - 4) ** 2).backward()
        assert len(HERE.last.earlier) <= 1
    rate.backward()
    assert rate._prev[0].grad == 0.99
    assert w.grad == 200 * 2 * 2 * (2.0 - 4)


@pytest.mark.parametrize("seed", range(10))
def test_gradients_are_the_same_with_and_without_a_tape(seed):
    def gradients():
        rng = random.Random(seed)
        leaves = [Value(rng.uniform(0.5, 1.5)) for _ in range(3)]
        values, found = list(leaves), []
        for _ in range(60):
            kind = rng.random()
            if kind < 0.7:
                values.append(rng.choice(values[-6:]) * rng.choice(values) * 0.5 + 0.25)
            elif kind < 0.8:
                rng.choice(leaves).grad = 0
            elif kind < 0.9:
                rng.choice(leaves).data *= 0.9
            else:
                rng.choice(values).backward()
                found.append([each.grad for each in leaves])
        return found

    alone = gradients()
    with Tape():
        taped = gradients()
    assert alone == taped
