"""THE CATALOGUE of bugs: what goes wrong in backward passes that people write.

A row has a name, words for a learner, the mistakes that it makes at an edge, and where it is natural: there it
is thought of first. To add a bug, add a row; ``compare`` tries it, README and the tests pick it up from here.
Rows of the first table are wrong at edges: at one, at all of a gate, of a line, into a node; rows of the second
are wrong in the sweep as a whole. Their order is the order in which they are thought of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stepgrad.gate import Elementwise
from stepgrad.linear import LinearMap
from stepgrad.mistakes import (
    FAR_FETCHED,
    Mistake,
    of_formulas,
    of_means,
    of_rules,
    of_shares,
    of_sums,
    of_transposes,
    over,
    same_shape,
    scaled,
    times,
)
from stepgrad.numeric import FLOAT
from stepgrad.ops import INPUT
from stepgrad.sweeps import Edge, Mutant, Sweep, Unfit, Wrong
from stepgrad.tape import Node
from stepgrad.tensor import Array, Tensor, flat, shape_of

OVERWRITES = object()  # stands for a local: the product is assigned, not added


@dataclass(frozen=True)
class Bug:
    """A row of the catalogue.

    Attributes
    ----------
    name : str
    words : str
        What a learner should look at.
    mistakes : callable
        The mistakes that it makes at an edge; none where it does not apply.
    natural : callable
        Whether it is thought of first at this edge.
    together : bool
        Whether it is thought of at all edges into a value before it is at a single one.
    """

    name: str
    words: str
    mistakes: Callable[[Edge], Iterator[Mistake]]
    natural: Callable[[Edge], bool]
    together: bool = False


@dataclass(frozen=True)
class SweepBug:
    """A row of the catalogue for what is wrong in the sweep as a whole.

    Attributes
    ----------
    name : str
    words : str
    mutants : callable
        From a sweep and somebody's gradients to the sweeps that it could make of it, each with words.
    likely : int
        0 where it is thought of first, 2 where last.
    """

    name: str
    words: str
    mutants: Callable[[Sweep, Mapping[Node, Array]], Iterator[tuple[str, Mutant]]]
    likely: int


# Wrong at edges


def always(edge: Edge) -> bool:
    """Wherever there is a mistake to make."""
    return True


def overwriting(edge: Edge) -> Iterator[Mistake]:
    """Yield `=` in the place of `+=`, where something has arrived before."""
    if not edge.first:
        yield Mistake("what had arrived before was overwritten", OVERWRITES)


def first_only(edge: Edge) -> Iterator[Mistake]:
    """Yield the same from the other end: what arrives later is not added."""
    if not edge.first:
        yield Mistake("only what arrived first was kept", None)


def negated(edge: Edge) -> Iterator[Mistake]:
    """Yield the local with the other sign."""
    yield Mistake("the sign is the other way round", scaled(edge, -1.0))


def has_a_sign(edge: Edge) -> bool:
    """Whether the local has a minus that is easily forgotten."""
    if edge.gate.name == "mul":
        literal = edge.operands[1 - edge.slot]
        return not isinstance(edge.node.operands[1 - edge.slot], Node) and all(x < 0 for x in flat(literal))
    return (edge.gate.name, edge.slot) in (("sub", 1), ("div", 1), ("cos", 0), ("mse", 0), ("mse", 1))


def halved(edge: Edge) -> Iterator[Mistake]:
    """Yield half the local."""
    yield Mistake("a factor 2 is missing", scaled(edge, 0.5))


def doubled(edge: Edge) -> Iterator[Mistake]:
    """Yield twice the local."""
    yield Mistake("there is a factor 2 too many", scaled(edge, 2.0))


def has_a_two(edge: Edge) -> bool:
    """Whether there is a 2 to forget: a square, mse, var."""
    square = edge.gate.name == "pow" and edge.slot == 0 and all(y == 2 for y in flat(edge.operands[1]))
    return square or edge.gate.name in ("mse", "var")


def wrong_rules(edge: Edge) -> Iterator[Mistake]:
    """Yield the wrong formulas and rules of the gate."""
    yield from of_formulas(edge)
    yield from of_rules(edge)


def far_fetched(edge: Edge) -> Iterator[Mistake]:
    """Yield what numbers such as 1 and 2 may suggest by chance."""
    yield from of_formulas(edge, FAR_FETCHED)


def inverted(edge: Edge) -> Iterator[Mistake]:
    """Yield division by the local instead of multiplication."""
    local: Any = edge.local
    if not isinstance(local, LinearMap):
        yield Mistake("the upstream was divided by the local", FLOAT.ieee["div"](1.0, local))
    elif same_shape(edge) and isinstance(edge.gate, Elementwise):
        yield Mistake("the upstream was divided by the local", Wrong(lambda up: over(up, ones(up) * local)))


def ones(array: Array) -> Array:
    """Return ones of the same shape."""
    return Tensor(array.shape, [1.0] * len(array.data)) if isinstance(array, Tensor) else 1.0


def straight(edge: Edge) -> Iterator[Mistake]:
    """Yield the upstream handed on as it is."""
    if same_shape(edge):
        yield Mistake("the local was forgotten: the upstream was handed on as it is", Wrong(lambda up: up), "1")


def has_one_operand(edge: Edge) -> bool:
    """Whether the gate is a function, or carries a literal."""
    return len([each for each in edge.node.locals if each is not None]) == 1


def by_the_upstream(edge: Edge) -> Iterator[Mistake]:
    """Yield relu's mask taken from the upstream."""
    if edge.gate.name in ("relu", "leaky_relu"):
        yield Mistake("the mask was taken from the upstream, not from the operand", Wrong(positive))
        local: Any = edge.local
        yield Mistake("the mask was taken from both upstream and operand", Wrong(lambda up: positive(up * local)))


def positive(array: Array) -> Array:
    """Keep what is above 0."""
    if isinstance(array, Tensor):
        return Tensor(array.shape, [x if x > 0 else 0.0 for x in array.data])
    return array if array > 0 else 0.0


def swapped(edge: Edge) -> Iterator[Mistake]:
    """Yield the local of another slot, or the operand itself where the other one is the local."""
    if edge.gate.name in ("mul", "matmul", "div", "pow", "outer", "minimum", "maximum", "sub", "where"):
        for slot, (operand, local) in enumerate(zip(edge.operands, edge.node.locals, strict=True)):
            if slot != edge.slot and local is not None and shape_of(operand) == edge.shape:
                yield Mistake("the local of the other operand was taken", local)
    if edge.gate.name == "mul":
        own = edge.operands[edge.slot]
        local = Wrong(lambda up: products(up, own)) if shape_of(own) else own
        yield Mistake("the operand itself was taken, not the other one", local, "xy"[edge.slot])


def products(xs: Array, ys: Array) -> Array:
    """Multiply number by number."""
    return Tensor(shape_of(xs), [x * y for x, y in zip(flat(xs), flat(ys), strict=True)])


def forgotten(edge: Edge) -> Iterator[Mistake]:
    """Yield nothing being sent."""
    yield Mistake("nothing was sent along it", None)


def has_siblings(edge: Edge) -> bool:
    """Whether something else arrives at the operand."""
    return not edge.alone


EDGE_BUGS = (
    Bug(
        "missing +=", "gradients that meet must be added: write `+=` where `=` stands",
        overwriting, always, True,
    ),
    Bug(
        "wrong sign", "a minus is lost, or there is one too many",
        negated, has_a_sign,
    ),
    Bug(
        "factor 2", "look for the 2 of a square",
        halved, has_a_two,
    ),
    Bug(
        "missing transpose", "the shapes happen to fit, but the other matrix enters transposed: `up @ W.T`, `x.T @ up`",
        of_transposes, always,
    ),
    Bug(
        "missing sum", "what was copied forwards, or served the whole batch, is summed backwards",
        of_sums, always,
    ),
    Bug(
        "sum for mean", "an average hands everyone a share: divide by the number",
        of_means, always,
    ),
    Bug(
        "mean for sum", "a sum hands everyone the whole upstream: do not divide",
        of_shares, lambda edge: edge.gate.name in ("sum", "broadcast", "matmul"),
    ),
    Bug(
        "wrong derivative", "compare with the gate's local",
        wrong_rules, always,
    ),
    Bug(
        "wrong derivative", "compare with the gate's local",
        by_the_upstream, always,
    ),
    Bug(
        "swapped operands", "each operand gets the upstream times the *other* one's value",
        swapped, lambda edge: edge.gate.name != "sub",
    ),
    Bug(
        "missing local", "the chain rule multiplies by the local at every gate",
        straight, has_one_operand,
    ),
    Bug(
        "forgotten edge", "every use of a value sends it a gradient",
        forgotten, has_siblings,
    ),
    Bug(
        "missing +=", "gradients that meet must be added: write `+=` where `=` stands",
        first_only, always, True,
    ),
    Bug(
        "factor 2", "look for a 2 that is counted twice, or a ½ that is lost",
        doubled, lambda edge: False,
    ),
    Bug(
        "wrong derivative", "compare with the gate's local",
        far_fetched, lambda edge: False,
    ),
    Bug(
        "inverted local", "multiply by the local, do not divide",
        inverted, lambda edge: False,
    ),
)  # fmt: skip


# Wrong in the sweep as a whole


def second_backward(sweep: Sweep, theirs: Mapping[Node, Array]) -> Iterator[tuple[str, Mutant]]:
    """Yield what was left from sweeps of the same graph."""
    inputs = {node: ours for node, ours in sweep.ours.items() if node.gate is INPUT}
    for count in (2, 3, 4, 5):
        left = {node: times(ours, float(count - 1)) for node, ours in inputs.items()}
        yield f"backward ran {count} times, and nothing was set to zero in between", Mutant(start=left)
    inner = {node: ours for node, ours in sweep.ours.items() if node is not sweep.output}
    words = "backward ran a second time, and not even the gradients between were set to zero"
    yield words, Mutant(start=inner)
    changed = sweep.run(Mutant(start=inner))
    third = {node: changed.get(node, ours) for node, ours in inner.items()}
    yield words.replace("second", "third"), Mutant(start=third)


def earlier_passes(sweep: Sweep, theirs: Mapping[Node, Array]) -> Iterator[tuple[str, Mutant]]:
    """Yield what was left from the pass before, or from all before."""
    trace = sweep.trace
    inputs = {trace.bare_name(trace.index_of(node)): node for node in sweep.ours if node.gate is INPUT}
    left: dict[Node, Array] = {}
    numbers = [each.number for each in trace.passes[: sweep.number - 1] if len(each.backward)]
    for count, number in enumerate(reversed(numbers[-MOST_PASSES:]), 1):
        for node, gradient in Sweep(trace, number).ours.items():
            own = inputs.get(trace.bare_name(trace.index_of(node)))
            if node.gate is INPUT and own is not None and shape_of(gradient) == shape_of(own.value):
                left[own] = left[own] + gradient if own in left else gradient
        before = "the pass before" if count == 1 else f"the {count} passes before"
        yield f"the gradients of {before} were not set to zero", Mutant(start=dict(left))


MOST_PASSES = 20  # of which the gradients can have been left


def wrong_seeds(sweep: Sweep, theirs: Mapping[Node, Array]) -> Iterator[tuple[str, Mutant]]:
    """Yield sweeps that start with something else than the seed."""
    yield "all gradients are negative: the sweep started with -1", Mutant(seed=times(sweep.seed, -1.0))
    if not shape_of(sweep.output.value):
        yield "the sweep started with the output itself, not with 1", Mutant(seed=sweep.output.value)
    yield "nothing was sent back: all gradients are 0", Mutant(seed=times(sweep.seed, 0.0))


def clipped(sweep: Sweep, theirs: Mapping[Node, Array]) -> Iterator[tuple[str, Mutant]]:
    """Yield gradients clipped to the largest that there is, or all shortened alike."""
    pairs = [
        (x, y)
        for node, array in theirs.items()
        if node.gate is INPUT and node in sweep.ours and shape_of(array) == shape_of(node.value)
        for x, y in zip(flat(array), flat(sweep.ours[node]), strict=True)
    ]
    border = max((abs(x) for x, y in pairs if x == x), default=0.0)
    if border and any(abs(y) > border for _, y in pairs):
        yield f"the inputs' gradients were clipped to ±{border:g}", Mutant(finish=lambda g: clip_to(g, border))
    x, y = max(pairs, key=lambda pair: abs(pair[1]), default=(0.0, 0.0))
    if y and 0 < x / y < 1:
        ratio = x / y
        yield f"all inputs' gradients were shortened to {ratio:.4g} of their length", Mutant(
            finish=lambda g: times(g, ratio)
        )


def clip_to(array: Array, border: float) -> Array:
    """Bring every number between -border and border."""
    if isinstance(array, Tensor):
        return Tensor(array.shape, [min(max(x, -border), border) for x in array.data])
    return min(max(array, -border), border)


def updated_weights(sweep: Sweep, theirs: Mapping[Node, Array]) -> Iterator[tuple[str, Mutant]]:
    """Yield sweeps that went on with weights already updated: Mazur's 0.291027924.

    Where the trace has no updates, the learning rate is found from the first gradient that departs: there the
    difference is proportional to it.
    """
    for rate in rates(sweep, theirs):
        found = with_updated(sweep, rate)
        if found:
            yield f"the weights had already been updated, at a learning rate of {rate:.4g}", Mutant(locals=found)


PRODUCTS = ("mul", "matmul", "outer", "conv2d")  # whose locals are the other operand


def with_updated(sweep: Sweep, rate: float) -> dict[int, Any]:
    """Return the locals that weights make after their update, by the places of their edges."""
    found: dict[int, Any] = {}
    for place in range(len(sweep)):
        node = sweep.nodes[place]
        weights = [
            (slot, each)
            for slot, each in enumerate(node.operands)
            if slot != sweep.slots[place] and isinstance(each, Node) and each.gate is INPUT and each in sweep.ours
        ]
        if node.gate.name not in PRODUCTS or not weights or sweep.operands[place].gate is INPUT:
            continue
        edge = sweep.edge(place)
        values = list(edge.operands)
        for slot, weight in weights:
            values[slot] = values[slot] + times(sweep.ours[weight], -rate)
        wanted = [slot == edge.slot for slot in range(len(values))]
        found[place] = edge.gate.apply(FLOAT, values, wanted, edge.params)[1][edge.slot]
    return found


def rates(sweep: Sweep, theirs: Mapping[Node, Array]) -> Iterator[float]:
    """Yield the learning rate that would explain the gradient that it moves first, if there is one: by secants."""
    moved = swept_at(sweep, SMALL_RATE)
    node = max((each for each in moved if each in theirs), key=lambda each: each.index, default=None)
    if node is None or shape_of(theirs[node]) != shape_of(moved[node]):
        return
    ours = flat(sweep.ours[node])
    place = max(range(len(ours)), key=lambda i: abs(flat(moved[node])[i] - ours[i]))
    wanted = flat(theirs[node])[place]
    before, after = (0.0, ours[place]), (SMALL_RATE, flat(moved[node])[place])
    for _ in range(MOST_SECANTS):
        if after[1] == before[1] or abs(after[1] - wanted) <= 1e-15 * abs(wanted):
            break
        rate = after[0] + (wanted - after[1]) * (after[0] - before[0]) / (after[1] - before[1])
        before, after = after, (rate, flat(swept_at(sweep, rate).get(node, sweep.ours[node]))[place])
    if after[0] == after[0] and after[0]:
        yield after[0]


SMALL_RATE = 1e-3
MOST_SECANTS = 8


def swept_at(sweep: Sweep, rate: float) -> dict[Node, Array]:
    """Return the gradients that are not ours where the weights have been updated at this rate."""
    try:
        return sweep.run(Mutant(locals=with_updated(sweep, rate)))
    except (Unfit, ArithmeticError):
        return {}


SWEEP_BUGS = (
    SweepBug(
        "stale gradient", "set gradients to zero before every backward sweep",
        second_backward, 0,
    ),
    SweepBug(
        "stale gradient", "set gradients to zero before every backward sweep",
        earlier_passes, 0,
    ),
    SweepBug(
        "wrong seed", "the gradient of the output with respect to itself is 1",
        wrong_seeds, 1,
    ),
    SweepBug(
        "weights already updated", "finish the backward sweep before the first weight changes",
        updated_weights, 1,
    ),
    SweepBug(
        "clipped gradient", "compare before gradients are clipped",
        clipped, 1,
    ),
)  # fmt: skip

UNUSED = ("gradient of a constant", "nothing leads from it to the output, or it is a constant: its gradient is 0")
