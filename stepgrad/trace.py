"""The trace: what happened, step by step, as an immutable sequence of events.

Nothing is stored as events. The tape has the nodes with their locals, the sweep wrote down the
totals; an event is put together from these when somebody looks at it, in any order.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import count
from math import sqrt
from typing import Any, NamedTuple, overload

from stepgrad.equality import same
from stepgrad.errors import InputError, nearest
from stepgrad.events import DIGITS, Backward, Event, Forward, Name, Partial, Print, Seed, Tangent, Update, unnamed
from stepgrad.gate import Local
from stepgrad.notes import Doubts, Taken, edge_note, forward_note
from stepgrad.numeric import NumberType
from stepgrad.ops import INPUT
from stepgrad.recording import History
from stepgrad.scopes import Call
from stepgrad.source import Program, Span
from stepgrad.straightline import Straightline
from stepgrad.stretch import Edge, Entry, PassSummary, Stretch, foreign_nodes
from stepgrad.tape import Node, Pass, Printed, Updated
from stepgrad.tensor import Array, Tensor, flat, full, nested, shape_of, shaped


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

    ``len``, indexing, slicing and iteration work as for a list; ``str`` is the text export. Two traces are equal
    if they have the same program and all their numbers are equal to the bit, nan being equal to nan.

    Attributes
    ----------
    program : Program or None
        None for a trace left behind by ``Value``.
    number : NumberType
    calls : sequence of Call
        The calls of functions, in the order in which they were made.
    given : mapping
        The values that were supplied from outside, by name, as far as is known.
    asked : str or None
        The output that was asked for from outside.
    stretches : list of Stretch
        The passes as the tape has them, for what reads a whole trace.
    shift : int or None
        What a node's index here is beyond its index on the tape; None where this differs from node to node.
    result : Node or None
        The last output.
    """

    along = ""  # by what tangents are derivatives, in a trace that ends in a forward-mode sweep

    def __init__(
        self,
        passes: Sequence[Pass],
        number: NumberType,
        *,
        program: Program | None = None,
        names: Mapping[Node, Name | Partial] | None = None,
        spans: Sequence[Span | None] = (),
        calls: Sequence[Call] = (),
        history: History | None = None,
        result: Node | None = None,
        given: Mapping[str, Array] | None = None,
        asked: str | None = None,
    ) -> None:
        self.program = program
        self.number = number
        self.given = {} if given is None else given
        self.asked = asked
        self._names: Mapping[Node, Name | Partial] = {} if names is None else names
        self._spans = spans
        self.calls = calls
        self._history = History() if history is None else history
        foreign = foreign_nodes(passes)
        self._foreign: dict[Node, int] = {}
        self.stretches: list[Stretch] = []
        self._nodes: list[Node] = []
        step = 0
        for each in passes:
            before = foreign[: bisect_left(foreign, each.first_index, key=lambda node: node.index)]
            del foreign[: len(before)]
            self._foreign |= {node: index for index, node in enumerate(before, len(self._nodes))}
            self.stretches.append(Stretch(each, before, step, len(self._nodes)))
            step = self.stretches[-1].end
            self._nodes += self.stretches[-1].made
        self._length = step
        self._first_steps = [each.first_step for each in self.stretches]
        self._first_indices = [each.recorded.first_index for each in self.stretches]
        shifts = {each.shift for each in self.stretches}
        self.shift = shifts.pop() if len(shifts) == 1 and not self._foreign else None
        self._doubts = Doubts(number)
        swept = [each.output for each in passes if each.output]
        self.result = result or next(iter(swept[-1:] or self._nodes[-1:]), None)

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
        for stretch in self.stretches:
            yield from map(self.event_of_entry, stretch.before, count(stretch.first_step + 1))
            if stretch.recorded.output is not None:
                yield self._event(stretch.seed_step)
            yield from map(self.event_of_edge, stretch.taken(), count(stretch.seed_step + 2))
            yield from map(self.event_of_entry, stretch.recorded.tail, count(stretch.tail_step + 1))

    def __str__(self) -> str:
        from stepgrad.formats.text import text

        return "\n".join(text(self))

    def __repr__(self) -> str:
        return f"<Trace of {len(self)} events>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trace):
            return NotImplemented
        if self is other:
            return True
        outside = [(each.program, each.number, len(each), each.node_count, each.output) for each in (self, other)]
        return (
            outside[0] == outside[1]
            and same(self._outline(), other._outline())
            and all(same(x.params, y.params) for x, y in zip(self._nodes, other._nodes, strict=True))
            and all(map(same, self, other))
        )

    def __hash__(self) -> int:
        return hash((self.program, len(self)))

    def _outline(self) -> list[Any]:
        # What events do not tell: where passes begin and end, the calls, all names, the result.
        def place(node: Node | None) -> int | None:
            return None if node is None else self.index_of(node)

        calls = [(*call[:-1], place(call.result)) for call in self.calls]
        passes = [(each.first_step, each.seed_step, each.tail_step, each.end) for each in self.stretches]
        return [passes, calls, {self.index_of(node): name for node, name in self._names.items()}, place(self.result)]

    # What it found

    @property
    def output(self) -> str:
        """The name of the last output."""
        return self.output_name()

    def output_name(self, *, ascii_only: bool = False) -> str:
        """Return the name of the last output, without its version; empty for an empty trace."""
        return "" if self.result is None else self.bare_name(self.index_of(self.result), ascii_only=ascii_only)

    @property
    def value(self) -> Any:
        """The value of the last output: a number, or nested lists."""
        return None if self.result is None else nested(self._value(self.result, self.result.index))

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
        marks = (each for s in self.stretches for each in (*(mark for _, mark in s.recorded.marks), *s.recorded.tail))
        return [each.text for each in marks if isinstance(each, Printed)]

    @property
    def updated(self) -> dict[str, Any]:
        """What the inputs that were updated hold at the end, by name."""
        updates = (each for stretch in self.stretches for *_, each in stretch.updates)
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
            for k, each in enumerate(self.stretches, 1)
        )

    # What it was made of, for whatever sweeps it again

    @property
    def last_sweep(self) -> Stretch:
        """The pass that was swept last, as the tape has it.

        Raises
        ------
        InputError
            If no pass has a backward sweep.
        """
        recorded, output = self.last_pass
        if output is not recorded.output:
            raise InputError("this trace has no backward sweep; run the program with one")
        return self.stretches[self.recorded.index(recorded)]

    @property
    def recorded(self) -> list[Pass]:
        """The passes as the tape has them."""
        return [each.recorded for each in self.stretches]

    @property
    def last_pass(self) -> tuple[Pass, Node]:
        """The pass that was swept last, or else the last one, and its output.

        Raises
        ------
        InputError
            If the output depends on no input.
        """
        for each in reversed(self.recorded):
            if each.output is not None:
                return each, each.output
        if self.result is None or not self.result.flows:
            raise InputError("the output depends on no input, so it has no derivatives; compute it from one")
        return self.recorded[-1], self.result

    @property
    def kept(self) -> dict[str, Any]:
        """What a trace of some of the same passes is made with."""
        return {
            "number": self.number,
            "program": self.program,
            "names": self._names,
            "spans": self._spans,
            "calls": self.calls,
            "history": self._history,
        }

    def saw(self, user: Node, operand: Any) -> Array:
        """Return what an operand of a node held when the node was computed; a literal is what it is."""
        return self._value(operand, user.index)

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
        name = self._names.get(self._nodes[index])
        return unnamed(index, ascii_only) if name is None else name.shown(ascii_only)

    def bare_name(self, index: int, *, ascii_only: bool = False) -> str:
        """Return a node's name without its version; ``v₆`` where it has none."""
        name = self._names.get(self._nodes[index])
        return name.text if name is not None and name.text else self.name(index, ascii_only=ascii_only)

    def index_of(self, node: Node) -> int:
        """Return the index of a node of this trace."""
        if self.shift is not None:
            return node.index + self.shift
        if node in self._foreign:
            return self._foreign[node]
        return node.index + self.stretches[bisect_right(self._first_indices, node.index) - 1].shift

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

    @property
    def called(self) -> Mapping[Node, Name | Partial]:
        """What the program calls its nodes; those without a name are not in it."""
        return self._names

    @property
    def spans(self) -> Sequence[Span | None]:
        """The stretches of the program that computed the nodes; empty where none are known."""
        return self._spans

    @property
    def changes(self) -> list[tuple[float, Node, Array]]:
        """What nodes were given while the trace was recorded, in order: the first to see it, by index; node; value."""
        found = []
        for node, past in self._history.changes.items():
            news = [*(old for _, old in past[1:]), node.value]
            pairs = [(when, new) for (when, _), new in zip(past, news, strict=True)]
            found += [(when, node, new) for when, new in pairs if self._value(node, int(when) - 1) is not new]
        return sorted(found, key=lambda each: (each[0], each[1].index))

    @property
    def foreign(self) -> Mapping[Node, int]:
        """The nodes that take part and were recorded before the trace, or between its passes, with their indices."""
        return self._foreign

    def operand_values(self, event: Forward | Backward | Tangent) -> list[Array]:
        """Return what the operands of an event's node held, in the order of their slots."""
        return self._operand_values(self._nodes[event.node])

    # A pass, for those who run it again

    def straightline(self, number: int = -1) -> Straightline:
        """Return a pass, counted from 1 or from the end by -1, as straight-line code that takes other values.

        Raises
        ------
        InputError
            If there is no such pass.
        """
        count = len(self.stretches)
        if number == 0 or not -count <= number <= count:
            raise InputError(f"there is no pass {number}; this trace has {count}, counted from 1")
        stretch = self.stretches[number - 1 if number > 0 else number]
        straight = Straightline(stretch.recorded, self.number)
        indices = [self.index_of(node) for node in straight.givens]
        bare = [self.bare_name(index) for index in indices]
        times = Counter(bare)
        straight.names = {
            node: name if times[name] == 1 else self.name(index)
            for node, index, name in zip(straight.givens, indices, bare)
        }
        return straight

    def stretch(self, number: int) -> Stretch:
        """Return what the tape has of a pass, counted from 1."""
        return self.stretches[number - 1]

    def seen(self, node: Node) -> tuple[list[Array], Array]:
        """Return what the operands of a node held when it was recorded, in the order of their slots, and its value."""
        return self._operand_values(node), self._value(node, node.index)

    # What is known at a step

    def forward_index(self, node: int) -> int:
        """Return the index of the event that computed a node, or gave it as an updated input."""
        stretch = self.stretches[bisect_right(self.stretches, node, key=lambda each: each.first_node) - 1]
        return stretch.step_of(node - stretch.first_node)

    def value_at(self, node: int, happened: int) -> Array:
        """Return a node's value as known when ``happened`` events have happened; None if not yet."""
        if self.forward_index(node) >= happened:
            return None
        held, target = self._nodes[node].value, self._nodes[node]
        if target not in self._history.changes:
            return held
        seen_by, step = self._last_made(happened)
        updates = self._updates.get(target, [])
        place = bisect_left(updates, happened, key=lambda update: update[0])
        if place and updates[place - 1][0] > step:  # nothing has seen it since
            return updates[place - 1][2].new
        return self._value(target, seen_by)

    def gradient_at(self, node: int, happened: int) -> Array:
        """Return what has arrived at a node when ``happened`` events have happened; None if nothing.

        Gradients of a pass are known until the next pass sends its own back.
        """
        k = bisect_right(self._first_steps, happened)
        swept = (each for each in reversed(self.stretches[max(0, k - 2) : k]) if each.recorded.output is not None)
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
        return full(shape_of(self._nodes[node].value), self.number.make(0)) if found is None else found

    def output_at(self, index: int) -> int:
        """Return the index of the node from which the pass with the event at ``index`` goes backward."""
        output = self._stretch(index).recorded.output
        return self.index_of(output or self._nodes[-1])

    def pass_at(self, index: int) -> int:
        """Return the number, from 1, of the pass in which the event at an index lies."""
        return bisect_right(self._first_steps, index)

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
        if not self.calls:
            return ()
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
        arrived: dict[int, Any] = {index: self.number.make(1)}
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
        summary, stretch = self.passes[number - 1], self.stretches[number - 1]
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
        return self.stretches[bisect_right(self._first_steps, index) - 1]

    def _value(self, operand: Any, seen_by: int) -> Array:
        # What the node with this index saw; until a leaf is used or updated, what is found there then.
        if not isinstance(operand, Node):
            return operand
        if not self._history.changes or operand not in self._history.changes:
            return operand.value
        until, value = self._first_seen.get(operand, (seen_by, None))
        return value if seen_by < until else self._history.value(operand, seen_by)

    def _operand_values(self, node: Node) -> list[Array]:
        return [self._value(operand, node.index) for operand in node.operands]

    def _last_made(self, happened: int) -> tuple[int, int]:
        # Of the last node made when so many events have happened: its index on the tape, and that of its event.
        for k in range(self.pass_at(max(happened - 1, 0)) - 1, -1, -1):
            made = self.stretches[k].made_by(happened)
            if made:
                return self.stretches[k].made[made - 1].index, self.stretches[k].step_of(made - 1)
        return -1, -1

    @cached_property
    def _updates(self) -> dict[Node, list[tuple[int, int, Updated]]]:
        # For every node that was updated in place, its updates as its stretches know them.
        found: dict[Node, list[tuple[int, int, Updated]]] = {}
        for each in (each for stretch in self.stretches for each in stretch.updates):
            found.setdefault(each[2].node, []).append(each)
        return found

    @cached_property
    def _first_seen(self) -> dict[Node, tuple[int, Array]]:
        # For every leaf that was given another value: the first node that used it, or followed its first update,
        # and what it held until then.
        leaves = {leaf for each in self.stretches for leaf in each.recorded.leaves}
        waiting = leaves & self._history.changes.keys()
        found = {node: (first[0][1], first[0][2].old) for node, first in self._updates.items()}
        for node in self._nodes:
            if not waiting:
                break
            for operand in waiting.intersection(node.operands):
                waiting.remove(operand)
                if operand not in found or node.index < found[operand][0]:
                    found[operand] = node.index, self._history.value(operand, node.index)
        return found

    # Making events

    def _event(self, index: int) -> Event:
        stretch = self._stretch(index)
        if not stretch.seed_step <= index < stretch.tail_step:
            return self.event_of_entry(self._entry(stretch, index), index + 1)
        output = stretch.recorded.output
        if index == stretch.seed_step and output is not None:
            return Seed(index + 1, self.index_of(output), stretch.recorded.seed)
        return self._backward(stretch, index - stretch.seed_step - 1, index + 1)

    def event_of_entry(self, entry: Entry, step: int) -> Event:
        """Return the event of what is neither a seed nor an edge."""
        match entry:
            case Updated(node=node, old=old, new=new):
                index = self.index_of(node)
                return Update(step, self.name(index), index, old, change_of(old, new), new, self.span(index))
            case Printed(text=text, span=span):
                return Print(step, text, span)
        return self._forward(entry, step)

    def _forward(self, node: Node, step: int) -> Forward:
        index_of, index, gate = self.index_of, self.index_of(node), node.gate
        operands = tuple([index_of(each) if isinstance(each, Node) else each for each in node.operands])
        value, span = self._value(node, node.index), self.span(index)
        note = None
        if not is_finite(value):
            note = noted(span, forward_note(self.number, gate, self._operand_values(node), value))
        named = self._names.get(node)
        name = unnamed(index) if named is None else named.shown()
        return new_record(Forward, (step, index, gate, operands, value, name, span, note, self.path(index)))

    def _backward(self, stretch: Stretch, edge: int, step: int) -> Event:
        nodes, slots, operands, arrivals = stretch.edges
        node, slot, operand = nodes[edge], slots[edge], operands[edge]
        upstream, total = stretch.gradient(node, stretch.end), stretch.recorded.totals[edge]
        return self.event_of_edge(
            (node, slot, operand, upstream, node.locals[slot], total, arrivals[operand][0] == edge), step
        )

    def note_of_edge(self, node: Node, slot: int, upstream: Array, local: Local, product: Array) -> str | None:
        """Return which convention made the local of an edge, and whether 0 met inf in it."""
        taken = Taken(node.gate, node.params, slot, upstream, local, product)
        return edge_note(self.number, taken, self._operand_values(node), self._value(node, node.index))

    def event_of_edge(self, edge: Edge, step: int) -> Event:
        """Return the event of an edge as it was taken."""
        node, slot, operand, upstream, local, total, first = edge
        product = total if first else upstream * local  # the local is a number or a map: either multiplies
        index, other, note = self.index_of(node), self.index_of(operand), None
        if not (is_finite(upstream) and is_finite(product) and self._doubts[node.gate] is None):
            note = noted(self.span(index), self.note_of_edge(node, slot, upstream, local, product))
        return new_record(Backward, (step, index, slot, other, upstream, local, product, total, first, note))


new_record = tuple.__new__  # what a NamedTuple's own call does, without a step through Python for each


def is_finite(value: Array) -> bool:
    """Whether this is a float, and neither inf nor nan."""
    return value.__class__ is float and value - value == 0


def noted(span: Span | None, *notes: str | None) -> str | None:
    """Return what there is to say of a step, with its place in the program: ``…, at 1:12``."""
    said = "; ".join(filter(None, notes))
    return f"{said}, at {span.line}:{span.column}" if said and span else said or None


def change_of(old: Array, new: Array) -> Array:
    """Return by how much a value changed; None where the shapes differ."""
    if not isinstance(old, Tensor) and not isinstance(new, Tensor):
        return new - old
    if shape_of(old) != shape_of(new):
        return None
    return shaped(shape_of(new), [y - x for x, y in zip(flat(old), flat(new), strict=True)])
