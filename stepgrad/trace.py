"""The trace: what happened, step by step, as an immutable sequence of events.

Nothing is stored as events. The tape has the nodes with their locals, the sweep wrote down the
totals; an event is put together from these when somebody looks at it, in any order.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, overload

from stepgrad.errors import InputError, nearest
from stepgrad.events import DIGITS, Backward, Event, Forward, Name, Seed
from stepgrad.numeric import NumberType
from stepgrad.ops import INPUT
from stepgrad.recording import History
from stepgrad.source import Program, Span
from stepgrad.tape import Node, Pass
from stepgrad.tensor import Array, full, nested, shape_of


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


@dataclass(eq=False)
class Stretch:
    """The steps of one pass: its forward steps, its seed, its edges.

    Attributes
    ----------
    recorded : Pass
    nodes : sequence of Node
        What its forward steps computed.
    first_step, first_node : int
        The indices, in the trace, of its first event and of the first of its nodes.
    """

    recorded: Pass
    nodes: Sequence[Node]
    first_step: int
    first_node: int

    @property
    def seed_step(self) -> int:
        """The index of the seed's event, where the pass has one."""
        return self.first_step + len(self.nodes)

    @property
    def end(self) -> int:
        """The index after its last event."""
        return self.seed_step + (1 + len(self.recorded.totals) if self.recorded.output else 0)

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

    def gradient(self, node: Node, happened: int) -> Array:
        """Return what has arrived at a node when ``happened`` events of the trace have happened.

        None where nothing has.
        """
        if self.recorded.output is None or happened <= self.seed_step:
            return None
        if node is self.recorded.output:
            return self.recorded.seed
        edges = self.edges.arrivals.get(node, [])
        known = bisect_left(edges, happened - self.seed_step - 1)
        return self.recorded.totals[edges[known - 1]] if known else None


class PassSummary(NamedTuple):
    """One pass of a trace.

    Attributes
    ----------
    number : int
        Counts from 1.
    value : number or nested lists
        What its output holds; None where it has no backward sweep.
    forward, backward : range
        The indices of its forward events; those of the seed and the edges after it.
    """

    number: int
    value: Any
    forward: range
    backward: range

    @property
    def steps(self) -> range:
        """The indices of all its events."""
        return range(self.forward.start, self.backward.stop)


class Trace(Sequence[Event]):
    """An immutable sequence of events, with its program.

    ``len``, indexing, slicing and iteration work as for a list; ``str`` is the text export.

    Attributes
    ----------
    program : Program or None
        None for a trace left behind by ``Value``.
    """

    text: ClassVar[Callable[[Trace], Iterable[str]]]  # set where text is known: formats/

    def __init__(
        self,
        passes: Sequence[Pass],
        number: NumberType,
        *,
        program: Program | None = None,
        names: Mapping[Node, Name] | None = None,
        spans: Sequence[Span | None] = (),
        history: History | None = None,
        result: Node | None = None,
    ) -> None:
        self.program = program
        self._number = number
        self._names = names or {}
        self._spans = spans
        self._history = History() if history is None else history
        foreign = foreign_nodes(passes)
        self._foreign = {node: index for index, node in enumerate(foreign)}
        self._nodes = foreign + [node for each in passes for node in each.nodes]
        self._stretches: list[Stretch] = []
        step, first_node = 0, 0
        for each in passes:
            nodes = each.nodes if self._stretches else foreign + each.nodes
            self._stretches.append(Stretch(each, nodes, step, first_node))
            step, first_node = self._stretches[-1].end, first_node + len(nodes)
        self._length = step
        swept = [each.output for each in passes if each.output]
        self._result = result or next(iter(swept[-1:] or self._nodes[-1:]), None)

    # The sequence

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Event: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...

    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        if isinstance(index, slice):
            return [self._event(i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"the trace has {len(self)} events")
        return self._event(index % len(self))

    def __iter__(self) -> Iterator[Event]:
        return map(self._event, range(len(self)))

    def __str__(self) -> str:
        return "\n".join(type(self).text(self))

    def __repr__(self) -> str:
        return f"<Trace of {len(self)} events>"

    # What it found

    @property
    def output(self) -> str:
        """The name of the last output."""
        return self.output_name()

    def output_name(self, *, ascii_only: bool = False) -> str:
        """Return the name of the last output; empty for an empty trace."""
        return self.name(self.index_of(self._result), ascii_only=ascii_only) if self._result else ""

    @property
    def value(self) -> Any:
        """The value of the last output: a number, or nested lists."""
        return None if self._result is None else nested(self._value(self._result, self._result.index))

    @property
    def grads(self) -> dict[str, Any]:
        """The gradients that the last backward sweep found, by name, of every input.

        Numbers or nested lists; 0 where the output does not depend on the input.
        """
        return {self.name(index): nested(self.gradient(index, len(self))) for index in self.inputs}

    @property
    def inputs(self) -> list[int]:
        """The indices of the inputs, in order."""
        return [index for index, node in enumerate(self._nodes) if node.gate is INPUT]

    @cached_property
    def passes(self) -> tuple[PassSummary, ...]:
        """The passes in order."""
        return tuple(
            PassSummary(
                k,
                None if (output := each.recorded.output) is None else nested(self._value(output, output.index)),
                range(each.first_step, each.seed_step),
                range(each.seed_step, each.end),
            )
            for k, each in enumerate(self._stretches, 1)
        )

    # Nodes

    @property
    def node_count(self) -> int:
        """How many nodes there are; they are numbered from 0 in the order of their forward steps."""
        return len(self._nodes)

    def node(self, index: int) -> Node:
        """Return a node by its index."""
        return self._nodes[index]

    def name(self, index: int, *, ascii_only: bool = False) -> str:
        """Return a node's name: ``c``, its second version ``c₂``, or ``v₆`` where it has none."""
        return self._names.get(self._nodes[index], Name("", index)).shown(ascii_only)

    def index_of(self, node: Node) -> int:
        """Return the index of a node of this trace."""
        if node in self._foreign:
            return self._foreign[node]
        k = bisect_right(self._stretches, node.index, key=lambda each: each.recorded.first_index) - 1
        stretch = self._stretches[k]
        before = len(stretch.nodes) - len(stretch.recorded.nodes)
        return stretch.first_node + before + node.index - stretch.recorded.first_index

    def find(self, name: str) -> int:
        """Return the index of the node with this name, the last version where only the bare name is given.

        Raises
        ------
        InputError
            If there is none.
        """
        if name not in self.named:
            unnamed = re.fullmatch(r"%(\d+)|v([₀-₉]+)", name)
            index = int((unnamed[1] or unnamed[2]).translate(DIGITS)) if unnamed else len(self._nodes)
            if index < len(self._nodes) and self._nodes[index] not in self._names:
                return index
            raise InputError(f"no value of this program is called {name!r}{nearest(name, self.named)}")
        return self.named[name]

    @cached_property
    def versions(self) -> dict[str, list[int]]:
        """The indices of the named nodes: of every version by the bare name, in order of creation."""
        found: dict[str, list[int]] = {}
        for node, name in self._names.items():
            found.setdefault(name.text, []).append(self.index_of(node))
        return found

    @cached_property
    def names(self) -> dict[int, str]:
        """The names of the nodes that have one, by index."""
        return {self.index_of(node): name.shown() for node, name in self._names.items()}

    @cached_property
    def named(self) -> dict[str, int]:
        """The index for every spelling of a name: ``c₂``, ``c#2``; the last version for the bare ``c``."""
        shown = {
            each.shown(plain): self.index_of(node) for node, each in self._names.items() for plain in (True, False)
        }
        return shown | {name: nodes[-1] for name, nodes in self.versions.items()}

    def operand_values(self, event: Forward | Backward) -> list[Array]:
        """Return what the operands of an event's node held, in the order of their slots."""
        return self._operand_values(self._nodes[event.node])

    # What is known at a step

    def forward_index(self, node: int) -> int:
        """Return the index of the event that computed a node."""
        stretch = self._stretches[bisect_right(self._stretches, node, key=lambda each: each.first_node) - 1]
        return stretch.first_step + node - stretch.first_node

    def value_at(self, node: int, happened: int) -> Array:
        """Return a node's value as known when ``happened`` events have happened; None if not yet."""
        if self.forward_index(node) >= happened:
            return None
        stretch = self._stretch(max(happened - 1, 0))
        computed = min(happened - stretch.first_step, len(stretch.nodes))
        last = stretch.nodes[computed - 1].index if computed else stretch.recorded.first_index - 1
        return self._value(self._nodes[node], last)

    def gradient_at(self, node: int, happened: int) -> Array:
        """Return what has arrived at a node when ``happened`` events have happened; None if nothing.

        Gradients of a pass are known until the next pass sends its own back.
        """
        for stretch in reversed(self._stretches):
            if stretch.recorded.output is not None and stretch.seed_step < happened:
                return stretch.gradient(self._nodes[node], happened)
        return None

    def totals(self, node: int, index: int) -> list[Array]:
        """Return what a node's gradient is after each edge that brings it something, in the pass of an event."""
        stretch = self._stretch(index)
        found = [stretch.recorded.totals[edge] for edge in stretch.edges.arrivals.get(self._nodes[node], ())]
        return [stretch.recorded.seed, *found] if self._nodes[node] is stretch.recorded.output else found

    def operands(self, node: int) -> tuple[int, ...]:
        """Return the nodes that a node was computed from, in the order of their slots; literals are left out."""
        return tuple(self.index_of(each) for each in self._nodes[node].operands if isinstance(each, Node))

    def gradient(self, node: int, happened: int) -> Array:
        """Return the same with zeros where nothing has arrived."""
        found = self.gradient_at(node, happened)
        return full(shape_of(self._nodes[node].value), self._number.make(0)) if found is None else found

    def output_at(self, index: int) -> int:
        """Return the index of the node from which the pass with the event at ``index`` goes backward."""
        output = self._stretch(index).recorded.output
        return self.index_of(output or self._nodes[-1])

    def pass_at(self, index: int) -> int:
        """Return the number, from 1, of the pass in which the event at an index lies."""
        return bisect_right(self._stretches, index, key=lambda each: each.first_step)

    def nodes_at(self, index: int) -> tuple[int, ...]:
        """Return the nodes that the event at an index is about, without making the event.

        A forward event and a seed are about one; an edge is about its node and its operand.
        """
        stretch = self._stretch(index)
        if index < stretch.seed_step:
            return (self.index_of(stretch.nodes[index - stretch.first_step]),)
        edge = index - stretch.seed_step - 1
        if edge < 0 and stretch.recorded.output is not None:
            return (self.index_of(stretch.recorded.output),)
        return self.index_of(stretch.edges.nodes[edge]), self.index_of(stretch.edges.operands[edge])

    def span(self, node: int) -> Span | None:
        """Return the stretch of the program that computed a node."""
        return self._spans[node] if node < len(self._spans) else None

    def _stretch(self, index: int) -> Stretch:
        return self._stretches[bisect_right(self._stretches, index, key=lambda each: each.first_step) - 1]

    def _value(self, operand: Any, seen_by: int) -> Array:
        # What the node with this index saw; a leaf is shown as its first user saw it until then.
        if not isinstance(operand, Node):
            return operand
        if operand not in self._history.changes:
            return operand.value
        return self._history.value(operand, max(seen_by, self._first_uses.get(operand, seen_by)))

    def _operand_values(self, node: Node) -> list[Array]:
        return [self._value(operand, node.index) for operand in node.operands]

    @cached_property
    def _first_uses(self) -> dict[Node, int]:
        # For every leaf that was given another value: the index of the first node that used it.
        leaves = {leaf for each in self._stretches for leaf in each.recorded.leaves}
        waiting = leaves & self._history.changes.keys()
        found: dict[Node, int] = {}
        for node in self._nodes:
            if not waiting:
                break
            for operand in waiting.intersection(node.operands):
                found[operand] = node.index
                waiting.remove(operand)
        return found

    # Making events

    def _event(self, index: int) -> Event:
        stretch = self._stretch(index)
        if index < stretch.seed_step:
            return self._forward(stretch.nodes[index - stretch.first_step], index + 1)
        output = stretch.recorded.output
        if index == stretch.seed_step and output is not None:
            return Seed(index + 1, self.index_of(output), stretch.recorded.seed)
        return self._backward(stretch, index - stretch.seed_step - 1, index + 1)

    def _forward(self, node: Node, step: int) -> Forward:
        values = self._operand_values(node)
        value = self._value(node, node.index)
        index = self.index_of(node)
        return Forward(
            step=step,
            node=index,
            gate=node.gate,
            operands=tuple(self.index_of(o) if isinstance(o, Node) else o for o in node.operands),
            value=value,
            name=self.name(index),
            span=self.span(index),
            note=node.gate.left_domain(self._number, values, value) if values else None,
        )

    def _backward(self, stretch: Stretch, edge: int, step: int) -> Backward:
        nodes, slots, operands, arrivals = stretch.edges
        node, slot, operand = nodes[edge], slots[edge], operands[edge]
        upstream = stretch.gradient(node, stretch.end)
        local: Any = node.locals[slot]  # a number or a map: either multiplies
        product = upstream * local
        values, value = self._operand_values(node), self._value(node, node.index)
        notes = [
            node.gate.used_convention(self._number, values, value, slot, local),
            node.gate.lost_product(upstream, local, product),
        ]
        return Backward(
            step=step,
            node=self.index_of(node),
            slot=slot,
            operand=self.index_of(operand),
            upstream=upstream,
            local=local,
            product=product,
            total=stretch.recorded.totals[edge],
            first=arrivals[operand][0] == edge,
            note="; ".join(filter(None, notes)) or None,
        )


def foreign_nodes(passes: Sequence[Pass]) -> list[Node]:
    """List the nodes on which the passes depend and which none of them made, in creation order."""
    made = sorted((each.nodes[0].index, each.nodes[-1].index) for each in passes if each.nodes)

    def foreign(node: Node) -> bool:
        place = bisect_right(made, node.index, key=lambda ends: ends[0]) - 1
        return place < 0 or node.index > made[place][1]

    found = {node: None for each in passes for node in (*each.leaves, *each.earlier) if foreign(node)}
    return sorted(found, key=lambda node: node.index)
