"""Evaluation: the forward sweep of a pass, run again with another value of an input, or in exact fractions.

The nodes of the tape are computed once more, each by its own gate: a pass is checked with its inputs as they
were in it, and with the branches that it took.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from stepgrad.errors import GateError
from stepgrad.linear import LinearMap
from stepgrad.numeric import EXACT, FLOAT
from stepgrad.ops import CONSTANT, INPUT
from stepgrad.sweeps import Sweep
from stepgrad.tape import Node
from stepgrad.tensor import Array, Number, Tensor, flat, shape_of

MAX_BITS = 20_000  # of an exact number on the way
MAX_NUMBERS = 200_000  # that are computed exactly
EPSILON = 2.0**-52


def dependents(sweep: Sweep, node: Node) -> list[Node]:
    """List the nodes through which a node reaches the output, in the order in which they are computed."""
    waiting, found = [node], {node}
    while waiting:
        for place in sweep.arrivals.get(waiting.pop(), ()):
            user = sweep.nodes[place]
            if user not in found:
                found.add(user)
                waiting.append(user)
    return sorted(found - {node}, key=lambda each: each.index)


class Evaluation:
    """The output as a function of one input.

    Parameters
    ----------
    sweep : Sweep
        The pass.
    node : Node
        The input.
    """

    def __init__(self, sweep: Sweep, node: Node) -> None:
        self.sweep = sweep
        self.node = node
        self.value = sweep.trace.seen(node)[1]
        self.nodes = dependents(sweep, node)
        self.operands = [sweep.trace.seen(each)[0] for each in self.nodes]
        self.cost = 1 + sum(len(flat(each.value)) for each in self.nodes)

    def __call__(self, place: int, number: Number) -> Number:
        """Return the output where one element of the input, row-major, is another number."""
        data = list(flat(self.value))
        data[place] = number
        changed: dict[Node, Array] = {self.node: Tensor(shape_of(self.value), data) if shape_of(self.value) else number}
        for node, seen in zip(self.nodes, self.operands, strict=True):
            operands = [
                changed.get(o, x) if isinstance(o, Node) else x for o, x in zip(node.operands, seen, strict=True)
            ]
            changed[node], _ = node.gate.apply(FLOAT, operands, [False] * len(operands), node.params)
        output = self.sweep.output
        return weighed(changed.get(output, output.value), self.sweep.seed)

    def noise(self) -> float:
        """Return by how much rounding may move the output, to first order.

        Every node is off by a rounding of its own value, and gates that add up by one of every product in the sum;
        its gradient says what that makes of the output.
        """
        total = 0.0
        for node in self.nodes:
            total += overlap(self.sweep.ours[node], node.value)
            for place in self.sweep.outgoing.get(node, ()):
                if isinstance(node.locals[self.sweep.slots[place]], LinearMap):
                    total += overlap(self.sweep.product(place), self.sweep.operands[place].value)
        return EPSILON * total


def weighed(output: Array, seed: Array) -> Number:
    """Return the number whose gradient the sweep found: the output times the seed, added up."""
    total: Number = 0.0
    for x, y in zip(flat(output), flat(seed), strict=True):
        total += x * y
    return total


def overlap(xs: Array, ys: Array) -> float:
    """Add up the sizes of the products, number by number."""
    total = 0.0
    for x, y in zip(flat(xs), flat(ys), strict=True):
        total += abs(float(x) * float(y))
    return total


# In exact fractions


def of_double(value: Any) -> Number:
    """Make the fraction that a double is: literals mean their doubles."""
    return EXACT.make(value if isinstance(value, (int, Fraction)) else float(value))


DOUBLES = replace(EXACT, make=of_double)


def exact_gradients(sweep: Sweep) -> dict[Node, Array]:
    """Return the gradient of every node of a pass in exact fractions.

    Raises
    ------
    GateError
        If a gate is not rational, a number is not finite, or the fractions get too long.
    """
    order = ancestors(sweep.output)
    if sum(len(flat(node.value)) for node in order) > MAX_NUMBERS:
        raise GateError("there are too many numbers to compute exactly; check a smaller program")
    values: dict[Node, Array] = {}
    locals_: dict[Node, Sequence[Any]] = {}
    for node in order:
        seen, value = sweep.trace.seen(node)
        if node.gate in (INPUT, CONSTANT):
            values[node], locals_[node] = exactly(value), ()
            continue
        operands = [values[o] if isinstance(o, Node) else exactly(x) for o, x in zip(node.operands, seen, strict=True)]
        wanted = [local is not None for local in node.locals]
        values[node], locals_[node] = node.gate.apply(DOUBLES, operands, wanted, node.params)
        check_length(values[node])
    found: dict[Node, Array] = {sweep.output: exactly(sweep.seed)}
    for node in reversed(order):
        for operand, local in zip(node.operands, locals_[node], strict=False) if node in found else ():
            if local is not None and isinstance(operand, Node):
                product = found[node] * local
                check_length(product)
                found[operand] = found[operand] + product if operand in found else product
    return found


def ancestors(output: Node) -> list[Node]:
    """List all nodes from which one is computed, and itself, in the order in which they are computed."""
    waiting, found = [output], {output}
    while waiting:
        for operand in waiting.pop().operands:
            if isinstance(operand, Node) and operand not in found:
                found.add(operand)
                waiting.append(operand)
    return sorted(found, key=lambda each: each.index)


def exactly(array: Array) -> Array:
    """Make fractions of doubles."""
    if isinstance(array, Tensor):
        return Tensor(array.shape, [of_double(x) for x in array.data])
    return of_double(array)


def check_length(array: Array) -> None:
    """Refuse fractions that have become too long."""
    if any(x.numerator.bit_length() + x.denominator.bit_length() > MAX_BITS for x in flat(array)):
        raise GateError("the fractions get too long; check a smaller program")
