"""Contents: what a trace is made of: its passes, its nodes, what they are called, and what each held at which step."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from stepgrad.called import Called, Counted, Shown, Spelled, versions_of
from stepgrad.errors import InputError, nearest
from stepgrad.events import DIGITS, Backward, Forward, Name, Partial, Tangent, unnamed
from stepgrad.gate import Gate
from stepgrad.notes import Doubts
from stepgrad.numeric import NumberType
from stepgrad.places import Calls, Spans
from stepgrad.recording import History
from stepgrad.repeats import Repeats
from stepgrad.scopes import Call
from stepgrad.source import Program, Span
from stepgrad.stretch import Stretch
from stepgrad.stretches import Placed, Stretches
from stepgrad.tape import Node, Pass, Updated
from stepgrad.tensor import Array

MANY = 5_000  # spellings of names; to compare more with a wrong one would take too long


class Told(NamedTuple):
    """Where to look up what is told of the nodes that a stretch makes.

    Attributes
    ----------
    name : callable
        Gives the name of a node by its index on the tape, or None.
    spans : sequence of Span or None
    before : int
        The index of the node, in the trace, whose span is the first of these.
    """

    name: Callable[[int], Any]
    spans: Sequence[Span | None]
    before: int


class Contents:
    """The passes of a run, as the tape has them, and the nodes in them.

    Attributes
    ----------
    program : Program or None
        None for what was left behind by ``Value``.
    number : NumberType
    given : mapping
        The values that were supplied from outside, by name, as far as is known.
    asked : str or None
        The output that was asked for from outside.
    stretches : sequence of Stretch
        The passes as the tape has them, for what reads a whole trace.
    shift : int or None
        What a node's index here is beyond its index on the tape; None where this differs from node to node.
    """

    def __init__(
        self,
        passes: Sequence[Pass | Repeats],
        number: NumberType,
        *,
        program: Program | None = None,
        names: Called | None = None,
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
        self.stretches = Stretches(passes)
        self._names: Called = {} if names is None else names
        self._spans = spans if isinstance(spans, Spans) else Spans(spans, self.stretches)
        self._calls = calls if isinstance(calls, Calls) else Calls(calls, self.stretches)
        self._history = History() if history is None else history
        self._here: Stretch | None = None  # which was looked at last: what is looked at next is near
        self._length = self.stretches.step_count
        shifts = {each.shift for each in self.stretches.parts}
        self.shift = shifts.pop() if len(shifts) == 1 and not self.foreign else None
        self._doubts = Doubts(number)
        self._result = result

    @cached_property
    def result(self) -> Node | None:
        """The last output."""
        return self._result or self._last_output()

    @property
    def node_count(self) -> int:
        """How many nodes there are; they are numbered from 0 in the order of their forward steps."""
        return self.stretches.node_count

    def node(self, index: int) -> Node:
        """Return a node by its index."""
        stretch = self._here
        if stretch is None or not 0 <= index - stretch.first_node < len(stretch.made):
            stretch = self._here = self.stretches[self.stretches.number_of(index)]
        return stretch.made[index - stretch.first_node]

    def node_in(self, stretch: Stretch, index: int) -> Node:
        """Return a node as it takes part in a pass; one that does not, as it was made."""
        return stretch.at(self.tape_index(index)) or self.node(index)

    def gate(self, index: int) -> Gate:
        """Return the gate that computed a node."""
        return self.stretches.model_of(index).gate

    def all_called(self, name: str) -> AllCalled:
        """Return all nodes with a name, whatever their version."""
        return AllCalled(self, name)

    def nodes(self) -> Iterator[Node]:
        """Yield all nodes."""
        return (node for stretch in self.stretches for node in stretch.made)

    def name(self, index: int, *, ascii_only: bool = False) -> str:
        """Return a node's name: ``c``, its second version ``c₂``, or ``v₆`` where it has none."""
        name = self._name_of(index)
        return unnamed(index, ascii_only) if name is None else name.shown(ascii_only)

    def bare_name(self, index: int, *, ascii_only: bool = False) -> str:
        """Return a node's name without its version; ``v₆`` where it has none."""
        return self.text_of(index) or self.name(index, ascii_only=ascii_only)

    def text_of(self, index: int) -> str:
        """Return a node's name as the program gives it, without its version; empty where it has none."""
        name = self._name_of(index)
        return "" if name is None else name.text

    def _name_of(self, index: int) -> Name | Partial | None:
        return self._names.get(self.tape_index(index))

    def index_of(self, node: Node) -> int:
        """Return the index of a node of this trace."""
        if self.shift is not None:
            return node.index + self.shift
        if node in self.foreign:
            return self.foreign[node]
        return node.index + self.stretches.shift_of(node.index)

    def tape_index(self, index: int) -> int:
        """Return the index on the tape of the node with an index here."""
        if self.shift is not None:
            return index - self.shift
        stretch = self.stretches[self.stretches.number_of(index)]
        place = index - stretch.first_node
        return stretch.nodes[place].index if place < stretch.foreign else index - stretch.shift

    @cached_property
    def index_here(self) -> Callable[[int], int]:
        """What finds the index here by that on the tape."""
        if self.shift is not None:
            return self.shift.__add__
        others = {node.index: index for node, index in self.foreign.items()}
        return lambda index: others[index] if index in others else index + self.stretches.shift_of(index)

    def find(self, name: str) -> int:
        """Return the index of the node with this name, the last version where only the bare name is given.

        Raises
        ------
        InputError
            If there is none.
        """
        if name not in self.named:
            unnamed = re.fullmatch(r"%([0-9]{1,15})|v([₀-₉]{1,15})", name)
            index = int((unnamed[1] or unnamed[2]).translate(DIGITS)) if unnamed else self.node_count
            if index < self.node_count and self._names.get(self.tape_index(index)) is None:
                return index
            raise InputError(f"no value of this program is called {name!r}{nearest(name, self.suggested)}")
        return self.named[name]

    @cached_property
    def versions(self) -> Mapping[str, Sequence[int]]:
        """The indices of the named nodes: of every version by the bare name, in order of creation."""
        found = versions_of(self._names)
        return found if self.shift == 0 else {text: list(map(self.index_here, each)) for text, each in found.items()}

    @cached_property
    def names(self) -> Mapping[int, str]:
        """The names of the nodes that have one, by index."""
        if isinstance(self._names, Counted) and self._names.repeats:
            return Shown(self._names)
        return {self.index_here(index): name.shown() for index, name in self._names.items()}

    @cached_property
    def named(self) -> Mapping[str, int]:
        """The index for every spelling of a name: ``c₂``, ``c#2``; the last version for the bare ``c``."""
        if isinstance(self._names, Counted) and self._names.repeats:
            return Spelled(self.versions)
        found = [(self.index_here(index), each) for index, each in self._names.items()]
        shown = {each.shown(plain): index for index, each in found for plain in (True, False)}
        return shown | {name: nodes[-1] for name, nodes in self.versions.items()}

    @property
    def suggested(self) -> Iterable[str]:
        """The names that may be meant by one that is not there: all spellings, unless there are very many."""
        return self.named if len(self.named) < MANY else self.versions

    @property
    def called(self) -> Called:
        """What the program calls its nodes, by index on the tape; those without a name are not in it."""
        return self._names

    @property
    def spans(self) -> Sequence[Span | None]:
        """The stretches of the program that computed the nodes; empty where none are known."""
        return self._spans if self._spans.stretches.are_repeated else self._spans.kept

    @property
    def calls(self) -> Sequence[Call]:
        """The calls of functions, in the order in which they were made."""
        return self._calls if self._calls.stretches.are_repeated else self._calls.kept

    @property
    def bare_calls(self) -> Sequence[Call]:
        """The same, perhaps without what they returned: what asks where they begin and end is soon answered."""
        return self._calls.bare if self._calls.stretches.are_repeated else self._calls.kept

    def returned(self, call: int) -> int | None:
        """Return the index of the node that a call returned, recalling no pass; None if it returned none."""
        index = self._calls.returned(call)
        return None if index is None else self.index_here(index)

    def first_call_of(self, placed: Placed) -> int:
        """Return the number of the first call made in repeated passes."""
        return self._calls.first_of(placed)

    def told_in(self, stretch: Stretch) -> Told:
        """Return where to look up what is told of the nodes that a stretch makes, one after the other."""
        which, k = self.stretches.part_of(stretch.first_step)
        part, names = self.stretches.parts[which], self._names
        if isinstance(part, Placed) and isinstance(names, Counted):
            return Told(names.named_in(part.repeats, k).get, part.pattern.spans, stretch.first_node)
        name = names.counted[0].get if isinstance(names, Counted) else names.get
        return Told(name, self._spans.kept, self._spans.repeated_before[which])

    def span(self, node: int) -> Span | None:
        """Return the stretch of the program that computed a node."""
        return self._spans[node] if node < len(self._spans) else None

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
        return self.stretches.foreign

    def operands(self, node: int) -> tuple[int, ...]:
        """Return the nodes that a node was computed from, in the order of their slots; literals are left out."""
        return tuple(self.index_of(each) for each in self.node(node).operands if isinstance(each, Node))

    def operand_values(self, event: Forward | Backward | Tangent) -> list[Array]:
        """Return what the operands of an event's node held, in the order of their slots."""
        return self._operand_values(self.node(event.node))

    def saw(self, user: Node, operand: Any) -> Array:
        """Return what an operand of a node held when the node was computed; a literal is what it is."""
        return self._value(operand, user.index)

    def seen(self, node: Node) -> tuple[list[Array], Array]:
        """Return what the operands of a node held when it was recorded, in the order of their slots, and its value."""
        return self._operand_values(node), self._value(node, node.index)

    def forward_index(self, node: int) -> int:
        """Return the index of the event that computed a node, or gave it as an updated input."""
        return self.stretches.step_of(node)

    def value_at(self, node: int, happened: int) -> Array:
        """Return a node's value as known when ``happened`` events have happened; None if not yet."""
        if self.forward_index(node) >= happened:
            return None
        target = self.node(node)
        if target not in self._history.changes:
            return target.value
        seen_by, step = self._last_made(happened)
        updates = self._updates.get(target, [])
        place = bisect_left(updates, happened, key=lambda update: update[0])
        if place and updates[place - 1][0] > step:  # nothing has seen it since
            return updates[place - 1][2].new
        return self._value(target, seen_by)

    def pass_at(self, index: int) -> int:
        """Return the number, from 1, of the pass in which the event at an index lies."""
        return self.stretches.number_at(index) + 1

    def _stretch(self, index: int) -> Stretch:
        stretch = self._here
        if stretch is None or not stretch.first_step <= index < stretch.end:
            stretch = self._here = self.stretches[self.stretches.number_at(index)]
        return stretch

    def _last_output(self) -> Node | None:
        # From where the last sweep went; or else the last node.
        swept = self.stretches.last_swept
        if swept is not None:
            return self.stretches[swept].recorded.output
        return self.node(self.node_count - 1) if self.node_count else None

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
        for node in self.nodes():
            if not waiting:
                break
            for operand in waiting.intersection(node.operands):
                waiting.remove(operand)
                if operand not in found or node.index < found[operand][0]:
                    found[operand] = node.index, self._history.value(operand, node.index)
        return found


class AllCalled(Container[int]):
    """The nodes with a name, whatever their version."""

    def __init__(self, contents: Contents, name: str) -> None:
        self.contents = contents
        self.name = name

    def __contains__(self, node: object) -> bool:
        return isinstance(node, int) and self.contents.text_of(node) == self.name
