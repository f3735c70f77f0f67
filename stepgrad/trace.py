"""The trace: what happened, step by step, as an immutable sequence of events.

Nothing is stored as events. The tape has the nodes with their locals, the sweep wrote down the
totals; an event is put together from these when somebody looks at it, in any order.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from math import sqrt
from typing import Any, ClassVar, NamedTuple, overload

from stepgrad.errors import InputError, nearest
from stepgrad.events import DIGITS, Backward, Event, Forward, Name, Print, Seed, Update
from stepgrad.numeric import NumberType
from stepgrad.ops import INPUT
from stepgrad.recording import History
from stepgrad.scopes import Call
from stepgrad.source import Program, Span
from stepgrad.stretch import Entry, PassSummary, Stretch, foreign_nodes
from stepgrad.tape import Node, Pass, Printed, Updated
from stepgrad.tensor import Array, flat, full, nested, shape_of, shaped


class Composite(NamedTuple):
    """A call of a function, seen as one gate.

    Attributes
    ----------
    result : int or None
        The node that it returned.
    operands : tuple of int
        The nodes from outside that it used.
    locals : tuple
        ∂result/∂operand for each, where these are numbers.
    """

    result: int | None
    operands: tuple[int, ...]
    locals: tuple[Any, ...]


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
        calls: Sequence[Call] = (),
        history: History | None = None,
        result: Node | None = None,
    ) -> None:
        self.program = program
        self._number = number
        self._names = names or {}
        self._spans = spans
        self.calls = calls
        self._history = History() if history is None else history
        foreign = foreign_nodes(passes)
        self._foreign = {node: index for index, node in enumerate(foreign)}
        self._stretches: list[Stretch] = []
        self._nodes: list[Node] = []
        step = 0
        for each in passes:
            self._stretches.append(Stretch(each, () if self._stretches else foreign, step, len(self._nodes)))
            step = self._stretches[-1].end
            self._nodes += self._stretches[-1].made
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
        """Return the name of the last output, without its version; empty for an empty trace."""
        return "" if self._result is None else self.bare_name(self.index_of(self._result), ascii_only=ascii_only)

    @property
    def value(self) -> Any:
        """The value of the last output: a number, or nested lists."""
        return None if self._result is None else nested(self._value(self._result, self._result.index))

    @property
    def grads(self) -> dict[str, Any]:
        """The gradients that the last backward sweep found, by name, of every input.

        Numbers or nested lists; 0 where the output does not depend on the input.
        """
        found = zip(self.input_names(), self.inputs, strict=True)
        return {name: nested(self.gradient(index, len(self))) for name, index in found}

    def input_names(self, *, ascii_only: bool = False) -> list[str]:
        """Return the names of ``inputs``, without their versions where that is clear."""
        bare = [self.bare_name(index, ascii_only=ascii_only) for index in self.inputs]
        shown = [self.name(index, ascii_only=ascii_only) for index in self.inputs]
        times = Counter(bare)
        return [text if times[text] == 1 else name for text, name in zip(bare, shown, strict=True)]

    @cached_property
    def inputs(self) -> list[int]:
        """The indices of the inputs, in order: of one with several versions, those that the last sweep reached.

        If it reached none of them, the last one.
        """
        groups: dict[object, list[int]] = {}
        for index, node in enumerate(self._nodes):
            if node.gate is INPUT:
                groups.setdefault(self._names[node].text if node in self._names else node, []).append(index)
        found: list[int] = []
        for versions in groups.values():
            reached = [i for i in versions if len(versions) > 1 and self.gradient_at(i, len(self)) is not None]
            found += reached or versions[-1:]
        return found

    @property
    def printed(self) -> list[str]:
        """What the program printed, line by line."""
        marks = (each for s in self._stretches for each in (*(mark for _, mark in s.recorded.marks), *s.recorded.tail))
        return [each.text for each in marks if isinstance(each, Printed)]

    @property
    def updated(self) -> dict[str, Any]:
        """What the inputs that were updated hold at the end, by name."""
        updates = (each for s in self._stretches for each in s.recorded.tail if isinstance(each, Updated))
        last = {self._names[each.node].text: each.new for each in updates if each.node in self._names}
        return {name: nested(value) for name, value in last.items()}

    @cached_property
    def passes(self) -> tuple[PassSummary, ...]:
        """The passes in order."""
        return tuple(
            PassSummary(
                k,
                None if (output := each.recorded.output) is None else nested(self._value(output, output.index)),
                range(each.first_step, each.seed_step),
                range(each.seed_step, each.tail_step),
                range(each.tail_step, each.end),
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

    def bare_name(self, index: int, *, ascii_only: bool = False) -> str:
        """Return a node's name without its version; ``v₆`` where it has none."""
        name = self._names.get(self._nodes[index])
        return name.text if name is not None and name.text else self.name(index, ascii_only=ascii_only)

    def index_of(self, node: Node) -> int:
        """Return the index of a node of this trace."""
        if node in self._foreign:
            return self._foreign[node]
        k = bisect_right(self._stretches, node.index, key=lambda each: each.recorded.first_index) - 1
        stretch = self._stretches[k]
        return stretch.first_node + stretch.foreign + node.index - stretch.recorded.first_index

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
        """Return the index of the event that computed a node, or gave it as an updated input."""
        stretch = self._stretches[bisect_right(self._stretches, node, key=lambda each: each.first_node) - 1]
        return stretch.step_of(node - stretch.first_node)

    def value_at(self, node: int, happened: int) -> Array:
        """Return a node's value as known when ``happened`` events have happened; None if not yet."""
        if self.forward_index(node) >= happened:
            return None
        return self._value(self._nodes[node], self._stretch(max(happened - 1, 0)).last_seen(happened))

    def gradient_at(self, node: int, happened: int) -> Array:
        """Return what has arrived at a node when ``happened`` events have happened; None if nothing.

        Gradients of a pass are known until the next pass sends its own back.
        """
        k = bisect_right(self._stretches, happened, key=lambda each: each.first_step)
        swept = (each for each in reversed(self._stretches[max(0, k - 2) : k]) if each.recorded.output is not None)
        last = next((each for each in swept if each.seed_step < happened), None)
        return None if last is None else last.gradient(self._nodes[node], happened)

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

        A forward event, a seed and an update are about one; an edge is about its node and its operand; what is
        printed is about none.
        """
        stretch = self._stretch(index)
        if not stretch.seed_step <= index < stretch.tail_step:
            return self._entry_nodes(self._entry(stretch, index))
        edge = index - stretch.seed_step - 1
        if edge < 0 and stretch.recorded.output is not None:
            return (self.index_of(stretch.recorded.output),)
        return self.index_of(stretch.edges.nodes[edge]), self.index_of(stretch.edges.operands[edge])

    def path(self, node: int) -> tuple[int, ...]:
        """Return the calls of functions within which a node was computed, outermost first, as indices of ``calls``."""
        call: int | None = bisect_right(self.calls, node, key=lambda each: each.start) - 1
        found: list[int] = []
        while call is not None and call >= 0:
            if node < self.calls[call].stop:
                found.append(call)
            call = self.calls[call].caller
        return tuple(reversed(found))

    def composite(self, call: int) -> Composite:
        """Return a call as one gate: its result, what it uses from outside, and the local of the whole for each.

        The locals are those of numbers, found by a reverse sweep through the call alone; None for tensors.
        """
        made = self.calls[call]
        inside = range(made.start, made.stop)
        operands = dict.fromkeys(o for node in inside for o in self.operands(node) if o not in inside)
        index = None if made.result is None else self.index_of(made.result)
        if index is None or index not in inside:
            return Composite(None, tuple(operands), (None,) * len(operands))
        arrived: dict[int, Any] = {index: self._number.make(1)}
        numbers = not shape_of(self._nodes[index].value)
        for node in reversed(inside) if numbers else ():
            if node not in arrived:
                continue
            for operand, local in zip(self._nodes[node].operands, self._nodes[node].locals, strict=True):
                if local is not None and isinstance(operand, Node):
                    at, product = self.index_of(operand), arrived[node] * local
                    arrived[at] = arrived[at] + product if at in arrived else product
        return Composite(index, tuple(operands), tuple(arrived.get(operand) for operand in operands))

    def norms(self, number: int) -> dict[str, float]:
        """Return how long the gradient of every input is that a pass, counted from 1, sent one to, by name."""
        summary, stretch = self.passes[number - 1], self._stretches[number - 1]
        reached = [node for node in stretch.edges.arrivals if node.gate is INPUT]
        lengths = {node: stretch.gradient(node, summary.backward.stop) for node in reached}
        return {
            self.bare_name(self.index_of(node)): sqrt(sum(float(x) * float(x) for x in flat(gradient)))
            for node, gradient in sorted(lengths.items(), key=lambda each: each[0].index)
        }

    def span(self, node: int) -> Span | None:
        """Return the stretch of the program that computed a node."""
        return self._spans[node] if node < len(self._spans) else None

    def _entry(self, stretch: Stretch, index: int) -> Entry:
        # What happened at a step that is neither the seed nor an edge.
        if index < stretch.seed_step:
            return stretch.forward_entry(index - stretch.first_step)
        return stretch.recorded.tail[index - stretch.tail_step]

    def _entry_nodes(self, entry: Entry) -> tuple[int, ...]:
        match entry:
            case Updated(node=node) | (Node() as node):
                return (self.index_of(node),)
        return ()

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
        if not stretch.seed_step <= index < stretch.tail_step:
            return self._entered(self._entry(stretch, index), index + 1)
        output = stretch.recorded.output
        if index == stretch.seed_step and output is not None:
            return Seed(index + 1, self.index_of(output), stretch.recorded.seed)
        return self._backward(stretch, index - stretch.seed_step - 1, index + 1)

    def _entered(self, entry: Entry, step: int) -> Event:
        match entry:
            case Updated(node=node, old=old, new=new):
                index = self.index_of(node)
                return Update(step, self.name(index), index, old, change_of(old, new), new, self.span(index))
            case Printed(text=text, span=span):
                return Print(step, text, span)
        return self._forward(entry, step)

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
            path=self.path(index),
        )

    def _backward(self, stretch: Stretch, edge: int, step: int) -> Backward:
        nodes, slots, operands, arrivals = stretch.edges
        node, slot, operand = nodes[edge], slots[edge], operands[edge]
        upstream = stretch.gradient(node, stretch.end)
        local: Any = node.locals[slot]  # a number or a map: either multiplies
        product = upstream * local
        values, value = self._operand_values(node), self._value(node, node.index)
        notes = [
            node.gate.used_convention(self._number, values, value, slot, local, params=node.params),
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


def change_of(old: Array, new: Array) -> Array:
    """Return by how much a value changed; None where the shapes differ."""
    if shape_of(old) != shape_of(new):
        return None
    return shaped(shape_of(new), [y - x for x, y in zip(flat(old), flat(new), strict=True)])
