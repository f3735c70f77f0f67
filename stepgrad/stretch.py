"""A stretch: the steps of one pass, found in what the tape has of it.

In time order: the forward steps, with what was printed between them; the seed; the edges; and the
tail, which are the updates that follow, with whatever was computed or printed for them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

from stepgrad.longhand import written
from stepgrad.tape import Mark, Node, Pass, Updated
from stepgrad.tensor import Array

Entry: TypeAlias = "Node | Mark"
Edge: TypeAlias = tuple[Node, int, Node, Array, Any, Array, bool]
"""An edge as it was taken: node, slot, operand; upstream, local, total; whether nothing had arrived before."""


class Edges(NamedTuple):
    """The edges that a backward sweep took, in order, as columns.

    Attributes
    ----------
    nodes, slots, operands : sequence
        From which node each ran, from which of its slots, to which operand.
    arrivals : dict
        For every node reached, which edges brought it its gradient.
    """

    nodes: list[Node]
    slots: array[int]
    operands: list[Node]
    arrivals: dict[Node, list[int]]


class Stretch:
    """The steps of one pass.

    Parameters
    ----------
    recorded : Pass
    foreign : sequence of Node
        Nodes from before this pass that none made, which it shows as if it had made them.
    first_step, first_node : int
        The indices, in the trace, of its first event and of the first of its nodes.
    """

    def __init__(self, recorded: Pass, foreign: Sequence[Node], first_step: int, first_node: int) -> None:
        self.recorded = recorded
        self.nodes = [*foreign, *recorded.nodes] if foreign else recorded.nodes
        self.foreign = len(foreign)
        self.first_step = first_step
        self.first_node = first_node
        # Where, among the forward steps, something was printed or updated.
        self.mark_places = [self.foreign + position + k for k, (position, _) in enumerate(recorded.marks)]
        self.seed_step = first_step + len(self.nodes) + len(recorded.marks)
        self.tail_step = self.seed_step + (1 + len(recorded.totals) if recorded.output is not None else 0)
        self.end = self.tail_step + len(recorded.tail)
        self.arrived: dict[Node, Array] = {}
        self.made = [*self.nodes, *recorded.tail_nodes] if recorded.tail else self.nodes
        self.shift = first_node + self.foreign - recorded.first_index  # from index on the tape to index in the trace

    def forward_entry(self, place: int) -> Entry:
        """Return what happened at a forward step, counted from the first of the stretch."""
        before = bisect_left(self.mark_places, place)
        if before < len(self.mark_places) and self.mark_places[before] == place:
            return self.recorded.marks[before][1]
        return self.nodes[place - before]

    @property
    def before(self) -> Iterable[Entry]:
        """What happened before the sweep, in order."""
        if not self.mark_places:
            return self.nodes
        return map(self.forward_entry, range(self.seed_step - self.first_step))

    def step_of(self, place: int) -> int:
        """Return the index of the event that computed, or updated, one of the nodes made here."""
        if place >= len(self.nodes):
            return self.tail_step + self.tail_places[place - len(self.nodes)]
        earlier = [position - k for k, position in enumerate(self.mark_places)]
        return self.first_step + place + bisect_right(earlier, place)

    @cached_property
    def tail_places(self) -> list[int]:
        """For every node made in the tail, its place there."""
        made = dict.fromkeys(self.recorded.tail_nodes)
        nodes = [each.node if isinstance(each, Updated) else each for each in self.recorded.tail]
        return [k for k, each in enumerate(nodes) if isinstance(each, Node) and made.pop(each, made) is not made]

    @cached_property
    def edges(self) -> Edges:
        """Every edge taken, in order: the sweep once more, without its arithmetic."""
        nodes: list[Node] = []
        slots = array("l")
        operands: list[Node] = []
        arrivals: dict[Node, list[int]] = {} if self.recorded.output is None else {self.recorded.output: []}

        def take(node: Node, slot: int, operand: Any) -> None:
            arrivals.setdefault(operand, []).append(len(operands))
            nodes.append(node)
            slots.append(slot)
            operands.append(operand)

        for node in self.recorded.swept:
            if node not in arrivals:
                continue
            if node.da is not None:
                take(node, 0, node.a)
            if node.db is not None:
                take(node, 1, node.b)
            if node.more is not None:
                for slot, (operand, local) in enumerate(zip(node.more.operands, node.more.locals, strict=True), 2):
                    if local is not None:
                        take(node, slot, operand)
        return Edges(nodes, slots, operands, arrivals)

    def taken(self, *, keep: bool = False) -> Iterator[Edge]:
        """Yield every edge taken, in order, remembering nothing but the gradients that are on their way.

        With ``keep``, those that have arrived at leaves are kept for :meth:`gradient`.
        """
        recorded = self.recorded
        write_down = iter(recorded.totals).__next__
        arrived: dict[Node, Array] = {} if recorded.output is None else {recorded.output: recorded.seed}
        for node in recorded.swept if arrived else ():
            if node not in arrived or (node.da is None and node.db is None and node.more is None):
                continue
            upstream = arrived.pop(node)
            if node.da is not None:
                is_first = node.a not in arrived
                total = arrived[node.a] = write_down()
                yield node, 0, node.a, upstream, node.da, total, is_first
            if node.db is not None:
                is_first = node.b not in arrived
                total = arrived[node.b] = write_down()
                yield node, 1, node.b, upstream, node.db, total, is_first
            if node.more is not None:
                for slot, (operand, local) in enumerate(zip(node.more.operands, node.more.locals, strict=True), 2):
                    if local is not None and isinstance(operand, Node):
                        is_first = operand not in arrived
                        total = arrived[operand] = write_down()
                        yield node, slot, operand, upstream, local, total, is_first
        if keep:
            self.arrived = arrived

    def gradient(self, node: Node, happened: int) -> Array:
        """Return what has arrived at a node when ``happened`` events of the trace have happened.

        None where nothing has.
        """
        if self.recorded.output is None or happened <= self.seed_step:
            return None
        if node is self.recorded.output:
            return self.recorded.seed
        if happened >= self.tail_step and node in self.arrived:
            return self.arrived[node]
        edges = self.edges.arrivals.get(node, [])
        known = bisect_left(edges, happened - self.seed_step - 1)
        return self.recorded.totals[edges[known - 1]] if known else None

    def at(self, index: int) -> Node | None:
        """Return the node with this index on the tape, as it takes part in this pass; None if it does not."""
        place = index - self.recorded.first_index + self.foreign
        return self.made[place] if self.foreign <= place < len(self.made) else self.outside.get(index)

    @cached_property
    def outside(self) -> dict[int, Node]:
        """The nodes that take part and were made before, by their indices on the tape."""
        return {node.index: node for node in (*self.recorded.leaves, *self.recorded.earlier)}

    @property
    def taking_part(self) -> list[Node]:
        """What was made before and takes part, and what is made here, in the order of creation."""
        return [*sorted(self.outside.values(), key=lambda node: node.index), *self.made]

    def made_by(self, happened: int) -> int:
        """Return how many of the nodes here have been made when ``happened`` events of the trace have happened."""
        if happened > self.tail_step:
            return bisect_left(self.tail_places, happened - self.tail_step) + len(self.nodes)
        steps = min(happened, self.seed_step) - self.first_step
        return steps - bisect_left(self.mark_places, steps)

    @property
    def given_last(self) -> Iterator[tuple[int, Array]]:
        """What updates gave, by the index on the tape."""
        return ((update.node.index, update.new) for *_, update in self.updates)

    @property
    def updates(self) -> Iterator[tuple[int, int, Updated]]:
        """Yield every update with the index of its event, and that of the next node on the tape."""
        first, after = self.recorded.first_index, self.recorded.first_index + len(self.recorded.nodes)
        for place, (position, mark) in zip(self.mark_places, self.recorded.marks, strict=True):
            if isinstance(mark, Updated):
                yield self.first_step + place, first + position, mark
        for k, each in enumerate(self.recorded.tail, self.tail_step):
            if isinstance(each, Updated):
                yield k, after, each


class PassSummary(NamedTuple):
    """One pass of a trace.

    Attributes
    ----------
    number : int
        Counts from 1.
    value : number or nested lists
        What its output holds; None where it has no backward sweep.
    forward, backward, updates : range
        The indices of its forward events; of the seed and the edges; of the updates that follow, with
        whatever was computed or printed for them.
    """

    number: int
    value: Any
    forward: range
    backward: range
    updates: range

    def __repr__(self) -> str:
        return written(self)

    @property
    def steps(self) -> range:
        """The indices of all its events."""
        return range(self.forward.start, self.updates.stop)
