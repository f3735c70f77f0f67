"""Forward mode: tangents that move along the edges of the last pass, from the inputs to the output.

The same locals as backwards, met from the other side: along every edge the operand's tangent times the local
is added to what has already arrived at the node. One sweep tells what one direction of the inputs does to
everything; one backward sweep tells what every input does to one output. Griewank & Walther, ch. 3.1.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Any, NamedTuple

from stepgrad.events import Direction, Event, Tangent
from stepgrad.gate import Gate, Local
from stepgrad.linear import LinearMap
from stepgrad.stretch import PassSummary
from stepgrad.tape import Node, Pass
from stepgrad.tensor import Array, flat, full, nested, shape_of
from stepgrad.trace import Trace


class Pushed(NamedTuple):
    """The edges that a forward-mode sweep took, in order, as columns.

    Attributes
    ----------
    nodes, slots, operands : list
        To which node each ran, into which of its slots, from which operand.
    totals : list
        The node's tangent after each.
    arrivals : dict
        For every node reached, which edges brought it its tangent.
    tangents : dict
        What every node reached has in the end; the inputs that were given a tangent too.
    """

    nodes: list[Node]
    slots: list[int]
    operands: list[Node]
    totals: list[Array]
    arrivals: dict[Node, list[int]]
    tangents: dict[Node, Array]


def push(nodes: Iterable[Node], directions: Mapping[Node, Array]) -> Pushed:
    """Send tangents from inputs through ``nodes``, given first to last."""
    found = Pushed([], [], [], [], {}, dict(directions))
    tangents = found.tangents
    for node in nodes:
        for slot, (operand, local) in enumerate(zip(node.operands, node.locals, strict=True)):
            if (
                local is None or not isinstance(operand, Node) or operand not in tangents
            ):  # nothing moves: 0 × inf must not become nan
                continue
            product: Any = local * tangents[operand]
            tangents[node] = tangents[node] + product if node in found.arrivals else product
            found.arrivals.setdefault(node, []).append(len(found.nodes))
            found.nodes.append(node)
            found.slots.append(slot)
            found.operands.append(operand)
            found.totals.append(tangents[node])
    return found


def nodes_up_to(recorded: Pass, output: Node) -> list[Node]:
    """List what takes part in a pass, in the order of creation, up to its output."""
    found = dict.fromkeys((*recorded.leaves, *recorded.earlier, *recorded.nodes))
    return sorted((node for node in found if node.index <= output.index), key=lambda node: node.index)


class TangentTrace(Trace):
    """A trace that ends in a forward-mode sweep, in place of its last backward sweep.

    Attributes
    ----------
    along : str
        By what the tangents are derivatives: an input, or ``t`` where several move at once.
    tangent : Array
        What arrives at the output.
    """

    def __init__(self, trace: Trace, directions: Mapping[int, Array], along: str) -> None:
        number, output = trace.last_pass
        stretch = trace.stretches[number]
        recorded = stretch.recorded
        forwards = copy(recorded)
        forwards.output, forwards.seed, forwards.totals, forwards.tail = None, None, [], []
        before = trace.stretches.passes_before(number)
        super().__init__([*before, forwards], **trace.kept, result=output)
        self.along = along
        self.of = output
        self.directions = [(trace.node_in(stretch, index), tangent) for index, tangent in directions.items()]
        self.pushed = push(nodes_up_to(recorded, output), dict(self.directions))
        self.start = self._length  # the index of the first direction
        self.first_edge = self.start + len(self.directions)
        self._length = self.first_edge + len(self.pushed.nodes)

    def __iter__(self) -> Iterator[Event]:
        yield from super().__iter__()
        yield from map(self._event, range(self.start, len(self)))

    @property
    def tangent(self) -> Array:
        """What arrives at the output; zeros where nothing does."""
        zeros = full(shape_of(self.of.value), self.number.make(0))
        return self.pushed.tangents.get(self.of, zeros)

    @property
    def grads(self) -> dict[str, Any]:
        """No gradients: nothing was sent back."""
        return {}

    def summary(self, number: int) -> PassSummary:
        """Say of a pass what it found and where its steps are; the last one's sweep is the one forwards."""
        found = super().summary(number)
        if number < len(self.stretches) - 1:
            return found
        value = nested(self.value_at(self.output_at(self.start), self.start))
        return found._replace(value=value, backward=range(self.start, len(self)), updates=range(len(self), len(self)))

    def output_at(self, index: int) -> int:
        """Return the output to which the tangents move, or from which an earlier pass goes backward."""
        return self.index_of(self.of) if self.is_last(index) else super().output_at(index)

    def gradient_at(self, node: int, happened: int) -> Array:
        """Return the tangent that has arrived; before the sweep, what an earlier pass had sent back."""
        if happened <= self.start:
            return super().gradient_at(node, happened)
        found = self.arrived(self.node_in(self.stretches[-1], node))
        known = bisect_left(found, happened, key=lambda each: each[0])
        return found[known - 1][1] if known else None

    def totals(self, node: int, index: int) -> list[Array]:
        """Return what a node's tangent is after each edge that brings it something."""
        return (
            [total for _, total in self.arrived(self.node_in(self.stretches[-1], node))]
            if self.is_last(index)
            else super().totals(node, index)
        )

    def arrived(self, node: Node) -> list[tuple[int, Array]]:
        """Return what a node's tangent was, each with the index of the event that made it so."""
        given = [(self.start + k, tangent) for k, (each, tangent) in enumerate(self.directions) if each is node]
        edges = self.pushed.arrivals.get(node, ())
        return [*given, *((self.first_edge + edge, self.pushed.totals[edge]) for edge in edges)]

    def is_last(self, index: int) -> bool:
        """Whether an event lies in the last pass."""
        return self.pass_at(index) == len(self.passes)

    def nodes_at(self, index: int) -> tuple[int, ...]:
        """Return the nodes that an event is about: of an edge the node, the operand, and the node, which changes."""
        if index < self.start:
            return super().nodes_at(index)
        if index < self.first_edge:
            return (self.index_of(self.directions[index - self.start][0]),)
        edge = index - self.first_edge
        node, operand = self.index_of(self.pushed.nodes[edge]), self.index_of(self.pushed.operands[edge])
        return node, operand, node

    def _event(self, index: int) -> Event:
        if index < self.start:
            return super()._event(index)
        if index < self.first_edge:
            node, tangent = self.directions[index - self.start]
            return Direction(index + 1, self.index_of(node), tangent)
        return self._tangent(index - self.first_edge, index + 1)

    def _tangent(self, edge: int, step: int) -> Tangent:
        nodes, slots, operands, totals, arrivals, tangents = self.pushed
        node, slot, operand = nodes[edge], slots[edge], operands[edge]
        local: Any = node.locals[slot]
        tangent = tangents[operand]
        product = local * tangent
        values, value = [self.saw(node, each) for each in node.operands], self.saw(node, node)
        notes = [
            node.gate.used_convention(self.number, values, value, slot, local, params=node.params),
            lost_product(node.gate, local, tangent, product),
        ]
        return Tangent(
            step=step,
            node=self.index_of(node),
            slot=slot,
            operand=self.index_of(operand),
            tangent=tangent,
            local=local,
            product=product,
            total=totals[edge],
            first=arrivals[node][0] == edge,
            note="; ".join(filter(None, notes)) or None,
        )


def lost_product(gate: Gate, local: Local, tangent: Array, product: Array) -> str | None:
    """Say that 0 met inf in an edge, if it did, as the gate says it backwards."""
    if not isinstance(local, LinearMap):
        return gate.lost_product(tangent, local, product)
    if all(x - x == 0 for x in (*flat(tangent), *flat(product))):
        return None
    pairs = ((moved, each) for i, moved in enumerate(flat(tangent)) for _, each in local.column(i))
    said = (gate.lost_product(moved, each, moved * each) for moved, each in pairs)
    return next(filter(None, said), None)
