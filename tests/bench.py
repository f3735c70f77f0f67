"""Side by side with others: run by hand, never in CI.

    python tests/bench.py [--only WORD] [PATH ...]
    python tests/bench.py --growth 7

PATH is a directory in which peers are found: micrograd, kerze, and microgpt (a module with microgpt's ``Value``). A peer that
is not there is skipped, and that is said. All that is compared runs interleaved in one process, on the same numbers; what is
shown is the ratio of the medians of the processor's time. stepgrad keeps the full trace, every event retrievable; the peers keep none.
"""

import argparse
import gc
import importlib
import json
import math
import os
import random
import statistics
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import stepgrad  # noqa: E402
from stepgrad import Tape, Value  # noqa: E402
from stepgrad.linear import LinearMap  # noqa: E402
from stepgrad.tensor import Tensor, nested  # noqa: E402

# Measuring


def medians(*jobs, rounds=30, clock=time.process_time):
    """The median time of each job, run by turns; the processor's time, so that other programs count less."""
    times = [[] for _ in jobs]
    for job in jobs:
        job()
    for _ in range(rounds):
        for job, taken in zip(jobs, times, strict=True):
            start = clock()
            job()
            taken.append(clock() - start)
    return [statistics.median(each) for each in times]


def ratio(slow, fast, rounds=30, clock=time.process_time):
    slow, fast = medians(slow, fast, rounds=rounds, clock=clock)
    return slow / fast


def least(job, rounds=15, clock=time.process_time):
    """The shortest time: what is no ratio suffers most from whatever else the machine does."""
    found = []
    for _ in range(rounds):
        start = clock()
        job()
        found.append(clock() - start)
    return min(found)


def taped(job):
    def run():
        with Tape():
            job()

    return run


def kept_bytes(make):
    """How much memory is held by what ``make`` returns."""
    make()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    made = make()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del made
    return after - before


def alone(program):
    """Run a program in a process of its own and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return done.stdout


# The peers


class MissingPeerError(Exception):
    pass


@cache
def peer(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingPeerError(name.split(".")[0]) from None


def micrograd():
    return peer("micrograd.engine").Value


def micrograd_with_exp():
    """micrograd has no exp; this is how it would look there."""
    from math import exp

    Number = micrograd()

    def exponential(self):
        out = Number(exp(self.data), (self,), "exp")

        def _backward():
            self.grad += out.data * out.grad

        out._backward = _backward
        return out

    Number.exp = exponential
    return Number


def network(number):
    """micrograd's own ``nn.MLP``, with its import changed."""
    source = Path(peer("micrograd.nn").__file__).read_text(encoding="utf-8")
    names = {"Value": number}
    exec(source.replace("from micrograd.engine import Value", ""), names)
    return names["MLP"]


# The multilayer perceptron 3-16-16-1 on a batch of 8


def batch_of_8():
    return [[random.uniform(-1, 1) for _ in range(3)] for _ in range(8)]


def loss_of(model, batch, number):
    return sum((model(list(map(number, row))) - 1.0) ** 2 for row in batch)


@cache
def training_step(number):
    random.seed(1)
    model = network(number)(3, [16, 16, 1])
    batch = batch_of_8()

    def step():
        for parameter in model.parameters():  # microgpt's modules have no zero_grad
            parameter.grad = 0
        loss = loss_of(model, batch, number)
        loss.backward()
        return loss.data, [p.grad for p in model.parameters()]

    return step


class Symbol:
    """A number that writes down the arithmetic done with it, for :func:`bare_step`."""

    lines: ClassVar = []
    backward: ClassVar = []
    leaves: ClassVar = []

    def __init__(self, data, name=None):
        self.data = data
        self.name = name or f"x{len(Symbol.leaves)}"
        if name is None:
            Symbol.leaves.append(data)

    def apply(self, text, *edges):
        name = f"v{len(Symbol.lines)}"
        Symbol.lines.append(f"{name} = {text}")
        Symbol.backward.append((name, list(edges)))
        return Symbol(None, name)

    def __add__(self, other):
        if isinstance(other, Symbol):
            return self.apply(f"{self.name} + {other.name}", (self.name, ""), (other.name, ""))
        return self.apply(f"{self.name} + {other!r}", (self.name, ""))

    __radd__ = __add__

    def __sub__(self, other):
        return self + -other

    def __mul__(self, other):
        a, b = self.name, other.name
        return self.apply(f"{a} * {b}", (a, f" * {b}"), (b, f" * {a}"))

    def __pow__(self, exponent):
        return self.apply(f"{self.name} ** {exponent}", (self.name, f" * {exponent} * {self.name}"))

    def relu(self):
        return self.apply(f"{self.name} if {self.name} > 0 else 0.0", (self.name, f" if {self.name} > 0 else 0.0"))


def bare_step():
    """The arithmetic alone, forward and backward, as straight-line Python on local variables; nothing is kept."""
    Symbol.lines, Symbol.backward, Symbol.leaves = [], [], []
    random.seed(1)
    model = network(Symbol)(3, [16, 16, 1])
    loss = loss_of(model, batch_of_8(), Symbol)
    lines, reached = list(Symbol.lines), {loss.name}
    lines.append(f"d{loss.name} = 1.0")
    for name, edges in reversed(Symbol.backward):
        for operand, factor in edges:
            product = f"d{name}{factor}"
            meets = f"d{operand} + ({product})" if operand in reached else product
            lines.append(f"d{operand} = {meets}")
            reached.add(operand)
    arguments = ", ".join(f"x{i}" for i in range(len(Symbol.leaves)))
    grads = ", ".join(f"d{p.name}" for p in model.parameters())
    body = "\n    ".join([f"{arguments} = leaves", *lines, f"return {loss.name}, [{grads}]"])
    names = {}
    exec(f"def bare(leaves):\n    {body}\n", names)
    leaves = list(Symbol.leaves)
    return lambda: names["bare"](leaves)


def same_results(*steps):
    (loss, grads), *others = [step() for step in steps]
    for other_loss, other_grads in others:
        assert abs(loss - other_loss) < 1e-12
        assert max(abs(x - y) for x, y in zip(grads, other_grads, strict=True)) < 1e-12


def mlp_against(theirs):
    ours = training_step(Value)
    same_results(theirs, ours)
    return theirs, taped(ours)


def mlp_micrograd():
    return ratio(*mlp_against(training_step(micrograd())))


def mlp_microgpt():
    return ratio(*mlp_against(training_step(peer("microgpt").Value)))


def mlp_bare():
    bare, ours = mlp_against(bare_step())
    return ratio(ours, bare)


@cache
def written_out():
    """The same, recorded once and written out as straight-line code; all values and totals are kept."""
    random.seed(1)
    model, batch = network(Value)(3, [16, 16, 1]), batch_of_8()
    with Tape() as tape:
        loss_of(model, batch, Value).backward()
    straight = tape.trace().straightline()
    values = [node.value for node in straight.givens]
    outcome = straight.run(values)
    assert [straight.gradient(outcome, p) for p in model.parameters()] == [p.grad for p in model.parameters()]
    return lambda: straight.run(values)


def replay_micrograd():
    return ratio(training_step(micrograd()), written_out())


def replay_bare():
    return ratio(written_out(), bare_step())


# The other works


def sigmoid_circuit(number):
    def run():
        w0, x0, w1, x1, w2 = map(number, (2.0, -1.0, -3.0, -2.0, -3.0))
        f = 1 / (1 + (-(w0 * x0 + w1 * x1 + w2)).exp())
        f.backward()
        return w0.grad

    assert abs(run() - -0.19661193324148185) < 1e-12
    return run


def sigmoid_micrograd():
    def hundred(job):
        return lambda: [job() for _ in range(100)]

    return ratio(hundred(sigmoid_circuit(micrograd_with_exp())), taped(hundred(sigmoid_circuit(Value))))


def four_layers(n, make, parameter):
    random.seed(n)

    def matrix(rows):
        return [[random.uniform(-1, 1) for _ in range(n)] for _ in range(rows)]

    X = make(matrix(n))
    layers = [(parameter(matrix(n)), parameter(matrix(1)[0])) for _ in range(4)]

    def run():
        h = X
        for W, b in layers:
            h = (h @ W + b).relu()
        loss = h.sum()
        loss.backward()
        return loss

    return run


def tensors_kerze():
    Tensor = peer("kerze").Tensor
    found = {}
    for n, rounds in ((2, 300), (8, 60), (32, 7)):
        theirs = four_layers(n, Tensor, lambda data: Tensor(data, requires_grad=True))
        ours = four_layers(n, Value, Value)
        found[n] = ratio(theirs, taped(ours), rounds)
    return min(found.values()), ", ".join(f"n = {n}: {each:.1f}" for n, each in found.items())


CHAIN = 100_000


def chain(number):
    def run():
        y = number(1.0)
        for _ in range(CHAIN):
            y = y * 1.00001
        y.backward()

    return run


def chain_micrograd():
    theirs, ours, found = chain(micrograd()), taped(chain(Value)), []
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10 * CHAIN)
    threading.stack_size(1 << 29)
    thread = threading.Thread(target=lambda: found.append(ratio(theirs, ours, rounds=5)))
    thread.start()
    thread.join()
    sys.setrecursionlimit(limit)
    return found[0]


def memory_micrograd():
    def kept(number):
        random.seed(1)
        model, batch = network(number)(3, [16, 16, 1]), batch_of_8()

        def run():
            loss = loss_of(model, batch, number)
            loss.backward()
            return loss

        return run

    theirs, run = kept(micrograd()), kept(Value)

    def ours():
        with Tape() as tape:
            run()
        return tape

    theirs, ours = kept_bytes(theirs), kept_bytes(ours)
    return theirs / ours, f"{theirs / 5424:.0f} and {ours / 5424:.0f} bytes per gate"


def scalar_program(samples=4, hidden=4, passes=100):
    """A perceptron 2-hidden-1 on scalars, in our language, and the same in Python with a Value of micrograd's kind."""
    random.seed(3)
    weights = {f"w{j}{i}": random.uniform(-1, 1) for j in range(hidden) for i in range(2)}
    weights |= (
        {f"b{j}": 0.1 for j in range(hidden)} | {f"u{j}": random.uniform(-1, 1) for j in range(hidden)} | {"c": 0.0}
    )
    rows = [(random.uniform(-1, 1), random.uniform(-1, 1), random.choice((-1.0, 1.0))) for _ in range(samples)]
    body = []
    for k, (x, y, target) in enumerate(rows):
        body += [f"h{j} = relu(w{j}0 * {x} + w{j}1 * {y} + b{j})" for j in range(hidden)]
        body.append(f"e{k} = {' + '.join(f'u{j} * h{j}' for j in range(hidden))} + c - {target}")
    body.append(f"loss = {' + '.join(f'e{k} ** 2' for k in range(samples))}")
    own = [*(f"{name} = {value}" for name, value in weights.items()), f"for k in range({passes}):"]
    own += [f"    {line}" for line in [*body, "backward(loss)", *(f"{w} -= 0.01 * {w}.grad" for w in weights)]]
    python = ["def train(Value):", *(f"    {name} = Value({value})" for name, value in weights.items())]
    python += [f"    for k in range({passes}):"]
    python += [f"        {relu_as_method(line)}" for line in body]
    python += [f"        {w}.grad = 0" for w in weights] + ["        loss.backward()"]
    python += [f"        {w}.data -= 0.01 * {w}.grad" for w in weights] + ["    return loss.data"]
    names = {}
    exec("\n".join(python), names)
    return "\n".join(own), names["train"]


def relu_as_method(line):
    name, text = line.split(" = ", 1)
    return f"{name} = {text.removeprefix('relu')}.relu()" if text.startswith("relu(") else line


def mlp_program(sizes=(3, 16, 16, 1), samples=8, passes=100):
    """A perceptron written with functions in our language, and a training loop with micrograd's own network."""
    random.seed(5)
    layers = [[[random.uniform(-1, 1) for _ in range(a)] for _ in range(b)] for a, b in pairwise(sizes)]
    rows = [[random.uniform(-1, 1) for _ in range(sizes[0])] for _ in range(samples)]
    targets = [random.choice((-1.0, 1.0)) for _ in range(samples)]
    weights, names = [], []
    for i, layer in enumerate(layers):
        neurons = []
        for j, row in enumerate(layer):
            own = [f"w{i}_{j}_{k}" for k in range(len(row))]
            weights += [f"{name} = {value}" for name, value in zip(own, row)] + [f"b{i}_{j} = 0.0"]
            names += [*own, f"b{i}_{j}"]
            neurons.append(f"([{', '.join(own)}], b{i}_{j})")
        weights.append(f"layer{i} = [{', '.join(neurons)}]")
    program = [
        *weights, f"params = [{', '.join(names)}]", f"rows = {rows}", f"targets = {targets}",
        "def neuron(w, b, x, linear):", "    act = sum([wi * xi for wi, xi in zip(w, x)]) + b",
        "    return act if linear else relu(act)",
        "def layer(neurons, x, linear):", "    return [neuron(w, b, x, linear) for w, b in neurons]",
        "def network(x):", *(f"    x = layer(layer{i}, x, {i == len(layers) - 1})" for i in range(len(layers))),
        "    return x[0]",
        f"for k in range({passes}):", "    loss = sum([(network(x) - y)**2 for x, y in zip(rows, targets)])",
        "    loss.backward()", "    for p in params:", "        p.data -= 0.01 * p.grad",
    ]  # fmt: skip

    def train(number):
        model = network(number)(sizes[0], list(sizes[1:]))
        for p, value in zip(
            model.parameters(), [v for layer in layers for row in layer for v in (*row, 0.0)], strict=True
        ):
            p.data = value
        for _ in range(passes):
            loss = sum((model(list(map(number, row))) - y) ** 2 for row, y in zip(rows, targets, strict=True))
            for p in model.parameters():
                p.grad = 0
            loss.backward()
            for p in model.parameters():
                p.data -= 0.01 * p.grad
        return loss.data

    return "\n".join(program), train


def language_micrograd():
    Number, found = micrograd(), []
    for (program, train), rounds in ((mlp_program(), 5), (mlp_program((2, 4, 1), 4), 15), (scalar_program(), 15)):
        run = partial(stepgrad.run, program, max_steps=10**9)
        assert abs(run().value - train(Number)) < 1e-9
        gc.disable()
        try:
            found.append(ratio(partial(train, Number), run, rounds=rounds))
        finally:
            gc.enable()
    return found[0], f"2-4-1 on 4 samples: {found[1]:.1f}, spelled out: {found[2]:.1f}"


@cache
def long_trace():
    program, _ = scalar_program(passes=150)
    return stepgrad.run(program)


def iterate():
    trace = long_trace()

    def all_events():
        for _ in trace:
            pass

    return least(all_events) / len(trace) * 1e9, f"{len(trace):,} events"


LONG_RUN = """
import gc, os, random, time, stepgrad
from pathlib import Path
from typing import ClassVar
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
stepgrad.run("x = 1; backward(x * x)")
before = resident()
start = time.perf_counter()
trace = stepgrad.run(Path("examples/mazur_10000.sg").read_text())
taken = time.perf_counter() - start
after = resident()
gc.disable()  # its walk through all that is kept is no step of ours
random.seed(1)
worst = 0
for _ in range(200):
    at = random.randrange(len(trace))
    start = time.perf_counter()
    trace[at]
    worst = max(worst, time.perf_counter() - start)
print(len(trace), (after - before) / len(trace), worst * 1e3, taken)
"""


@cache
def long_run():
    return list(map(float, alone(f"import os; os.chdir({str(ROOT)!r})" + LONG_RUN).split()))


def event_cold():
    events, _, worst, taken = long_run()
    return worst, f"{events:,.0f} events, run in {taken:.1f} s"


def memory_long():
    events, per_event, _, _ = long_run()
    return per_event, f"{events * per_event / 1e6:.0f} MB"


HUNDRED_MILLION = """
import itertools, random, re, time, stepgrad
from pathlib import Path
text = Path("examples/mazur_10000.sg").read_text().replace("10001", "1400000")
start = time.perf_counter()
trace = stepgrad.run(re.sub("    if round ==.*", "", text), max_steps=10**12)
taken = time.perf_counter() - start
random.seed(1)
start = time.perf_counter()
for _ in range(200):
    trace[random.randrange(len(trace))]
found = (time.perf_counter() - start) / 200 * 1e3
start = time.perf_counter()
for line in itertools.islice(stepgrad.render(trace, "jsonl"), 1_000_000):
    pass
told = time.perf_counter() - start
most = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())  # getrusage's outlives an exec
print(len(trace), taken, found, told, int(most[1]) / 1e3)
"""


def hundred_million():
    events, taken, found, told, most = map(
        float, alone(f"import os; os.chdir({str(ROOT)!r})" + HUNDRED_MILLION).split()
    )
    return (
        most,
        f"{events:,.0f} events run in {taken:.0f} s, one found in {found:.2f} ms, a million told in {told:.0f} s",
    )


LONG_PASS = """x = 0.3; y = 0.7
for k in range(4000):
    x = tanh(x * 0.9 + y * 0.3)
    y = sin(y + x * 0.1)
f = x * y
"""
SMALL_TENSORS = """X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
T = [[0.0], [1.0], [1.0], [0.0]]
W = normal((2, 4), seed=1); b = [0.0, 0.0, 0.0, 0.0]
U = normal((4, 1), seed=2); c = [0.0]
for k in range(300):
    p = sigmoid(tanh(X @ W + b) @ U + c)
    backward(mean((p - T) ** 2))
    W -= 0.5 * W.grad; b -= 0.5 * b.grad; U -= 0.5 * U.grad; c -= 0.5 * c.grad
"""


@cache
def exported():
    """The three kinds of long traces, each with the dicts of its events ready made."""
    programs = {"long pass": LONG_PASS, "scalar loop": scalar_program(passes=600)[0], "small tensors": SMALL_TENSORS}
    traces = {kind: stepgrad.run(program) for kind, program in programs.items()}
    return [
        (kind, trace, [json.loads(line) for line in stepgrad.render(trace, "jsonl")][1:])
        for kind, trace in traces.items()
    ]


def as_json(value):
    """A tensor as nested lists; a tensor's local, which no list would hold, and a gate by what they are called."""
    return nested(value) if isinstance(value, Tensor) else value.formula if isinstance(value, LinearMap) else value.name


def export(format):
    """Against what one would write without us: every event made, and its fields dumped; dicts ready made are noted."""

    def measure():
        made_and_dumped, only_dumped = {}, {}
        for kind, trace, rows in exported():

            def made(trace=trace):
                for event in trace:
                    json.dumps({"event": type(event).__name__, **event._asdict()}, default=as_json)

            def dumped(rows=rows):
                for row in rows:
                    json.dumps(row)

            def ours(trace=trace):
                for _ in stepgrad.render(trace, format):
                    pass

            slow, ready, fast = medians(made, dumped, ours, rounds=5)
            made_and_dumped[kind], only_dumped[kind] = slow / fast, ready / fast
        note = "; ".join(
            f"{kind}: {each:.1f}, ready made {only_dumped[kind]:.1f}" for kind, each in made_and_dumped.items()
        )
        return min(made_and_dumped.values()), note

    return measure


def import_time():
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def start(program):
        return lambda: subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, env=environment)

    return ratio(start("import stepgrad"), start("pass"), rounds=25, clock=time.perf_counter)


# The table


@dataclass(frozen=True)
class Row:
    what: str
    how: str
    must: float
    aim: float
    unit: str
    measure: Callable
    at_least: bool = True

    def verdict(self, found):
        def holds(bound):
            return found >= bound if self.at_least else found <= bound

        return "aim reached" if holds(self.aim) else "reached" if holds(self.must) else "MISSED"


MLP = "MLP 3-16-16-1, batch 8, forward and backward"
ROWS = (
    Row(f"{MLP}: `Value` against micrograd", "gradients zeroed, forward, backward, gradients read; ours within a Tape", 4, 5, "× faster", mlp_micrograd),
    Row(f"{MLP}: against microgpt's Value", "the same", 2, 2.5, "× faster", mlp_microgpt),
    Row(f"{MLP}: against bare arithmetic", "the same, against one function of assignments to local variables", 6, 5, "× slower", mlp_bare, False),
    Row(f"{MLP}: recorded once, run again as straight-line code, against micrograd", "the same for micrograd; ours with all values and totals", 15, 20, "× faster", replay_micrograd),
    Row(f"{MLP}: the same against bare arithmetic", "both without zeroing and reading", 1.7, 1.4, "× slower", replay_bare, False),
    Row("sigmoid circuit, against micrograd with an exp", "100 circuits, made, run and swept; ours within one Tape", 2.5, 3.5, "× faster", sigmoid_micrograd),
    Row("4 layers relu(X @ W + b), worst of n = 2, 8, 32, against kerze", "forward, sum, backward; ours within a Tape", 6, 10, "× faster", tensors_kerze),
    Row(f"chain of {CHAIN:,} gates, against micrograd", "forward and backward; micrograd's recursion limit raised", 8, 15, "× faster", chain_micrograd),
    Row("memory kept per gate, against micrograd", "the MLP's pass, as traced by tracemalloc; ours with all that the trace is made of", 3.5, 6, "× less", memory_micrograd),
    Row("training loop in our language, against Python with micrograd", "perceptron 3-16-16-1 on scalars, 8 samples, 100 passes with updates, functions as micrograd has; collector off", 3, 10, "× faster", language_micrograd),
    Row("iterate all events", "a training run, every event made once", 600, 400, "ns each", iterate, False),
    Row("any event of a long training run, cold", "mazur_10000, the worst of 200 at random", 20, 1, "ms", event_cold, False),
    Row("memory of that run", "growth of the resident set", 8, 1, "bytes per event", memory_long, False),
    Row("a run of 100 million events", "mazur's network, 1,400,000 passes; run, looked at, told in part: the most memory", 500, 150, "MB", hundred_million, False),
    Row("JSON Lines export, against making every event and json.dumps of its fields", "worst of one long pass, a loop of scalars, one of small tensors", 3, 4.5, "× faster", export("jsonl")),
    Row("text export, against the same", "worst of the same", 3, 4.5, "× faster", export("text")),
    Row("import stepgrad, against bare Python", "whole processes", 1.5, 1.2, "× slower", import_time, False),
)  # fmt: skip


def growth(largest):
    """Time and memory per event, of chains that are longer and longer: recorded, swept, made into a trace, gone through."""
    print("   events   recorded and swept    gone through          kept")
    for exponent in range(3, largest + 1):
        gates = 10**exponent // 3  # a gate is a forward event and two edges
        found = {}

        def record(gates=gates, found=found):
            with Tape() as tape:
                x, one = Value(1.0), Value(1.0)
                for _ in range(gates):
                    x = x * one
                x.backward()
            found["trace"] = tape.trace()

        def go_through(found=found):
            for _ in found["trace"]:
                pass

        recorded = least(record, rounds=3)
        gone = least(go_through, rounds=1)
        found.clear()
        kept = (
            kept_bytes(lambda record=record, found=found: (record(), found.pop("trace"))) if exponent < 7 else math.nan
        )
        each = 10**exponent
        print(
            f"{each:9,} {recorded / each * 1e9:12.0f} ns {gone / each * 1e9:15.0f} ns {kept / each:8.0f} bytes",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description="Measure stepgrad side by side with others.")
    parser.add_argument("--only", default="", help="measure only the rows in which this word occurs")
    parser.add_argument(
        "--growth", type=int, metavar="N", help="show how time and memory grow from 10³ to 10ᴺ events instead"
    )
    parser.add_argument("paths", nargs="*", help="where micrograd, microgpt and kerze are")
    arguments = parser.parse_args()
    sys.path += arguments.paths
    if arguments.growth:
        return growth(arguments.growth)
    print(f"Python {sys.version.split()[0]}; ratios of medians of interleaved runs")
    for row in ROWS:
        if arguments.only not in row.what:
            continue
        bounds = f"must {'≥' if row.at_least else '≤'} {row.must}, aim {row.aim}"
        try:
            found = row.measure()
        except MissingPeerError as missing:
            print(f"skipped: {row.what}: there is no {missing} here; give the directory that has it")
            continue
        found, *notes = found if isinstance(found, tuple) else (found,)
        print(f"{row.verdict(found):11} {found:8.2f} {row.unit} ({bounds}): {row.what}")
        print(f"{'':21}{'; '.join([row.how, *notes])}", flush=True)
    return None


if __name__ == "__main__":
    main()
