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
from stepgrad.misrules import of_rules
from stepgrad.missing import of_means, of_shares, of_sums, of_transposes
from stepgrad.mistakes import FAR_FETCHED, Mistake, of_formulas, over, same_shape, scaled
from stepgrad.numeric import FLOAT
from stepgrad.oversights import clipped, earlier_passes, penalised, second_backward, updated_weights, wrong_seeds
from stepgrad.sweeps import Edge, Mutant, Sweep, Wrong
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
        0 where it is thought of first, 1 where last.
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


def has_a_half(edge: Edge) -> bool:
    """Whether there is a ½ to forget: a literal."""
    if edge.gate.name not in ("mul", "div") or isinstance(edge.node.operands[1 - edge.slot], Node):
        return False
    half = 2.0 if edge.gate.name == "div" and edge.slot == 0 else 0.5
    return all(x == half for x in flat(edge.operands[1 - edge.slot]))


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
        "factor 2", "look for a 2 that is counted twice, or a ½ that is lost",
        doubled, has_a_half,
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
        "wrong derivative", "compare with the gate's local",
        far_fetched, lambda edge: False,
    ),
    Bug(
        "inverted local", "multiply by the local, do not divide",
        inverted, lambda edge: False,
    ),
)  # fmt: skip


# Wrong in the sweep as a whole

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
    SweepBug(
        "weight penalty", "compare the same loss: put the penalty into the program, or leave it out of yours",
        penalised, 1,
    ),
)  # fmt: skip

UNUSED = ("gradient of a constant", "nothing leads from it to the output, or it is a constant: its gradient is 0")
