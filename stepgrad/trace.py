"""The trace: what happened, step by step, as an immutable sequence of events.

Nothing is stored as events. The tape has the nodes with their locals, the sweep wrote down the
totals; an event is put together from these when somebody looks at it, in any order.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, TypeAlias, overload

from stepgrad.errors import InputError, nearest
from stepgrad.events import Backward, Event, Forward, Name, Seed
from stepgrad.numeric import NumberType
from stepgrad.ops import INPUT
from stepgrad.source import Program, Span
from stepgrad.tape import Node, Pass, edges_of
from stepgrad.tensor import Array, full, nested, shape_of


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
    def edges(self) -> tuple[list[Node], array[int], list[Node]]:
        """For every edge taken, in order: its node, its slot, its operand."""
        nodes: list[Node] = []
        slots = array("l")
        operands: list[Node] = []
        reached = {self.recorded.output}
        for node in self.recorded.swept:
            if node in reached:
                for slot, operand in edges_of(node):
                    nodes.append(node)
                    slots.append(slot)
                    operands.append(operand)
                    reached.add(operand)
        return nodes, slots, operands

    @cached_property
    def arrivals(self) -> dict[Node, list[int]]:
        """For every node reached, the edges that bring it its gradient."""
        found: dict[Node, list[int]] = {}
        for edge, operand in enumerate(self.edges[2]):
            found.setdefault(operand, []).append(edge)
        return found

    def gradient(self, node: Node, happened: int) -> Array:
        """Return what has arrived at a node when ``happened`` events of the trace have happened.

        None where nothing has.
        """
        if self.recorded.output is None or happened <= self.seed_step:
            return None
        if node is self.recorded.output:
            return self.recorded.seed
        edges = self.arrivals.get(node, [])
        known = bisect_left(edges, happened - self.seed_step - 1)
        return self.recorded.totals[edges[known - 1]] if known else None


History: TypeAlias = Mapping[Node, Sequence[tuple[float, Array]]]
"""For an input given new values: the old ones, each with the number of the pass that saw it last."""


class PassSummary(NamedTuple):
    """One pass of a trace: its number from 1, its output's value and its steps, a range of indices."""

    number: int
    value: Any
    steps: range


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
        self._history = history or {}
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
        return nested(self._result.value) if self._result else None

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

    @property
    def passes(self) -> tuple[PassSummary, ...]:
        """The passes in order."""
        return tuple(
            PassSummary(
                k,
                nested(each.recorded.output.value) if each.recorded.output else None,
                range(each.first_step, each.end),
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
        known = {each.shown(plain): node for node, each in self._names.items() for plain in (True, False)}
        known |= {each.text: node for node, each in self._names.items() if each.text}
        if name not in known:
            raise InputError(f"no value of this program is called {name!r}{nearest(name, known)}")
        return self.index_of(known[name])

    def operand_values(self, event: Forward | Backward) -> list[Array]:
        """Return what the operands of an event's node held, in the order of their slots."""
        stretch = self._stretch(event.step - 1)
        return [self._value(operand, stretch) for operand in self._nodes[event.node].operands]

    # What is known at a step

    def forward_index(self, node: int) -> int:
        """Return the index of the event that computed a node."""
        stretch = self._stretches[bisect_right(self._stretches, node, key=lambda each: each.first_node) - 1]
        return stretch.first_step + node - stretch.first_node

    def value_at(self, node: int, happened: int) -> Array:
        """Return a node's value as known when ``happened`` events have happened; None if not yet."""
        if self.forward_index(node) >= happened:
            return None
        return self._value(self._nodes[node], self._stretch(max(happened - 1, 0)))

    def gradient_at(self, node: int, happened: int) -> Array:
        """Return what has arrived at a node when ``happened`` events have happened; None if nothing.

        Gradients of a pass are known until the next pass sends its own back.
        """
        for stretch in reversed(self._stretches):
            if stretch.recorded.output is not None and stretch.seed_step < happened:
                return stretch.gradient(self._nodes[node], happened)
        return None

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
        return self._stretches.index(self._stretch(index)) + 1

    def _stretch(self, index: int) -> Stretch:
        return self._stretches[bisect_right(self._stretches, index, key=lambda each: each.first_step) - 1]

    def _value(self, operand: Any, stretch: Stretch) -> Array:
        if not isinstance(operand, Node):
            return operand
        for last_seen, value in self._history.get(operand, ()):
            if stretch.recorded.number <= last_seen:
                return value
        return operand.value

    # Making events

    def _event(self, index: int) -> Event:
        stretch = self._stretch(index)
        if index < stretch.seed_step:
            return self._forward(stretch, stretch.nodes[index - stretch.first_step], index + 1)
        output = stretch.recorded.output
        if index == stretch.seed_step and output is not None:
            return Seed(index + 1, self.index_of(output), stretch.recorded.seed)
        return self._backward(stretch, index - stretch.seed_step - 1, index + 1)

    def _forward(self, stretch: Stretch, node: Node, step: int) -> Forward:
        values = [self._value(operand, stretch) for operand in node.operands]
        value = self._value(node, stretch)
        index = self.index_of(node)
        return Forward(
            step=step,
            node=index,
            gate=node.gate,
            operands=tuple(self.index_of(o) if isinstance(o, Node) else o for o in node.operands),
            value=value,
            name=self.name(index),
            span=self._spans[index] if index < len(self._spans) else None,
            note=node.gate.left_domain(self._number, values, value) if values else None,
        )

    def _backward(self, stretch: Stretch, edge: int, step: int) -> Backward:
        nodes, slots, operands = stretch.edges
        node, slot, operand = nodes[edge], slots[edge], operands[edge]
        upstream = stretch.gradient(node, stretch.end)
        local: Any = node.locals[slot]  # a number or a map: either multiplies
        values = [self._value(each, stretch) for each in node.operands]
        return Backward(
            step=step,
            node=self.index_of(node),
            slot=slot,
            operand=self.index_of(operand),
            upstream=upstream,
            local=local,
            product=upstream * local,
            total=stretch.recorded.totals[edge],
            first=stretch.arrivals[operand][0] == edge,
            note=node.gate.used_convention(self._number, values, node.value, slot, local),
        )


def foreign_nodes(passes: Sequence[Pass]) -> list[Node]:
    """List the nodes on which the passes depend and which none of them made, in creation order."""
    made = [(each.nodes[0].index, each.nodes[-1].index) for each in passes if each.nodes]

    def foreign(node: Node) -> bool:
        return not any(first <= node.index <= last for first, last in made)

    found = {node: None for each in passes for node in (*each.leaves, *each.earlier) if foreign(node)}
    return sorted(found, key=lambda node: node.index)
