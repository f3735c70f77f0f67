"""Repeats: passes that repeat one structure, of which only what cannot be recomputed is kept.

A training run does the same with other numbers, pass after pass. What its passes have in common is a *pattern*: one of
them, as it was recorded. Of each is kept what the updates at its end gave, and from what the one before it gave, a pass
that is looked at is recorded again, by the same recorders, and so with the same bits.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod
from typing import Any, TypeAlias

from stepgrad.ops import CONSTANT, INPUT
from stepgrad.recording import Recording
from stepgrad.scopes import Call
from stepgrad.source import Span
from stepgrad.tape import Node, Pass, Updated
from stepgrad.tensor import Array, Shape, Tensor, flat, shape_of

Operation: TypeAlias = "tuple[Callable[..., Node] | None, Node, list[Any]]"


@dataclass(eq=False)
class Pattern:
    """What passes of one structure have in common.

    Attributes
    ----------
    model : Pass
        One of them, whole; nobody else changes its nodes. Its tail consists of updates.
    moving : sequence of (Node, int)
        The leaves of the model that the pass before it updated, each with the place of that update among ``fresh``.
        Every other leaf that it did not make itself is the same in all passes.
    replaced : sequence of Node
        For every update, the node of the model that held the value before.
    spans : sequence of Span or None
        Where the program computes the nodes that are made.
    names : mapping
        What these are called, by their places among them, in the order in which they are named.
    calls : sequence of Call
        The calls made within, ``start`` and ``stop`` counted from the first node. ``caller`` is the place of one of
        these, or ``~n`` for the n-th of the kept calls.
    """

    model: Pass
    moving: Sequence[tuple[Node, int]]
    replaced: Sequence[Node]
    spans: Sequence[Span | None]
    names: Mapping[int, str]
    calls: Sequence[Call]

    @cached_property
    def fresh(self) -> list[Node]:
        """The leaves made by updates, in order."""
        return [each.node for each in self.model.tail if isinstance(each, Updated)]

    @cached_property
    def made(self) -> list[Node]:
        """All nodes that a pass makes, in order."""
        return [*self.model.nodes, *self.fresh]

    @cached_property
    def place_of(self) -> dict[Node, int]:
        """The place of every node among those that are made."""
        return {node: place for place, node in enumerate(self.made)}

    @cached_property
    def update_of(self) -> dict[Node, int]:
        """For every leaf that moves along, which update of the pass before gave it."""
        return dict(self.moving)

    @cached_property
    def shapes(self) -> list[Shape]:
        """The shapes of what updates give."""
        return [shape_of(node.value) for node in self.fresh]

    @cached_property
    def ends(self) -> list[int]:
        """Where, among the numbers that the updates of a pass give, those of each end."""
        return list(accumulate(map(prod, self.shapes)))

    @cached_property
    def period(self) -> int:
        """How many nodes a pass makes."""
        return len(self.made)

    @property
    def width(self) -> int:
        """How many numbers the updates of a pass give."""
        return self.ends[-1] if self.ends else 0

    @property
    def before(self) -> int:
        """How many steps of a pass come before its backward sweep."""
        return len(self.model.nodes)

    @property
    def swept(self) -> int:
        """How many steps the backward sweep takes, the seed included."""
        return 1 + len(self.model.totals)

    @property
    def steps(self) -> int:
        """How many steps a pass takes."""
        return self.before + self.swept + len(self.fresh)

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """For every name, the places of the nodes that have it, in the order in which they are named."""
        found: dict[str, list[int]] = {}
        for place, name in self.names.items():
            found.setdefault(name, []).append(place)
        return found

    @cached_property
    def numbered(self) -> dict[int, tuple[str, int, int, int]]:
        """For every place with a name: which one, its number among all, which of its nodes in a pass, of how many."""
        return {
            place: (name, which, rank, len(places))
            for which, (name, places) in enumerate(self.places.items())
            for rank, place in enumerate(places, 1)
        }

    @cached_property
    def rows(self) -> list[tuple[str, int, int, int] | None]:
        """The same for every place in order, None where there is no name."""
        return [self.numbered.get(place) for place in range(self.period)]

    @cached_property
    def outside(self) -> list[Node]:
        """The leaves that take part and were made before."""
        return [leaf for leaf in self.model.leaves if leaf not in self.place_of]

    @cached_property
    def operations(self) -> list[Operation]:
        """For every node that is made before the sweep, what records it again, if it is compiled, and its operands."""
        recorders = Recording().recorders
        found: list[Operation] = []
        for node in self.model.nodes:
            operands = node.operands
            compiled = 1 <= len(operands) <= 2 and node.more is None
            record = recorders[(node.gate, *map(type, operands))] if compiled else None
            found.append((record, node, list(operands)))
        return found

    @cached_property
    def is_of_numbers(self) -> bool:
        """Whether no update gives a tensor."""
        return not any(self.shapes)

    def flattened(self, arrays: Sequence[Array]) -> Iterable[float]:
        """Return the numbers of what the updates of a pass gave."""
        numbers: Iterable[Any] = arrays
        return numbers if self.is_of_numbers else (number for each in arrays for number in flat(each))

    def shaped(self, numbers: Sequence[float]) -> list[Array]:
        """Return what the updates of a pass gave, from its numbers."""
        if self.is_of_numbers:
            return list(numbers)
        starts = [0, *self.ends]
        return [
            Tensor(shape, list(numbers[start:end])) if shape else numbers[start]
            for shape, start, end in zip(self.shapes, starts, self.ends)
        ]


class Repeats:
    """Passes of one pattern that follow each other.

    Parameters
    ----------
    pattern : Pattern
    first_index : int
        The index of the first node of the first of them.
    before : sequence of Array
        What the updates of the pass before the first one gave.
    values : sequence of float
        Of each pass in order, the numbers that its updates gave.
    outputs : sequence of float
        Of each, the number from which it goes backward.
    """

    numbered = True  # as a finished pass is

    def __init__(
        self,
        pattern: Pattern,
        first_index: int,
        before: Sequence[Array],
        values: Sequence[float] = (),
        outputs: Sequence[float] = (),
    ) -> None:
        self.pattern = pattern
        self.first_index = first_index
        self.before = before
        self.values = array("d", values) if not isinstance(values, array) else values
        self.outputs = array("d", outputs) if not isinstance(outputs, array) else outputs

    @property
    def count(self) -> int:
        """How many passes these are."""
        return len(self.outputs)

    @property
    def end(self) -> int:
        """The index after the last node of the last of them."""
        return self.first_index + self.count * self.pattern.period

    def given(self, k: int) -> list[Array]:
        """Return what the updates of a pass gave; of the one before the first, for -1."""
        width = self.pattern.width
        return list(self.before) if k < 0 else self.pattern.shaped(self.values[k * width : (k + 1) * width])

    def first(self, count: int) -> Repeats:
        """Return the first of these passes."""
        values = self.values[: count * self.pattern.width]
        return Repeats(self.pattern, self.first_index, self.before, values, self.outputs[:count])

    def index_of(self, node: Node, k: int) -> int:
        """Return the index that a node of the model has in a pass."""
        pattern, first = self.pattern, self.first_index + k * self.pattern.period
        if node in pattern.update_of:
            return first - len(pattern.fresh) + pattern.update_of[node]
        place = pattern.place_of.get(node)
        return node.index if place is None else first + place

    def leaves(self, k: int, before: Sequence[Array]) -> Iterator[Node]:
        """Make the leaves again that take part in a pass and were made before it, given what updates gave before."""
        update_of, first = self.pattern.update_of, self.first_index + k * self.pattern.period - len(self.pattern.fresh)
        for leaf in self.pattern.outside:
            made = copied(leaf)
            if leaf in update_of:
                made.value, made.index = before[update_of[leaf]], first + update_of[leaf]
            yield made

    def recall(self, k: int) -> Pass:
        """Record a pass again."""
        return self.recalled(k)[0]

    def recalled(self, k: int) -> tuple[Pass, dict[Node, Node]]:
        """Record a pass again; return it, and the new node for each of the model's."""
        pattern, model = self.pattern, self.pattern.model
        recording = Recording()
        found: dict[Node, Node] = {}
        recording.node_count_closed = self.first_index + k * pattern.period
        before, after = self.given(k - 1), self.given(k)
        found.update(zip(pattern.outside, self.leaves(k, before), strict=True))
        current = recording.current
        for record, node, operands in pattern.operations:
            if record is not None:
                found[node] = record(current, *[found[each] if isinstance(each, Node) else each for each in operands])
            elif node.gate is INPUT or node.gate is CONSTANT:
                found[node] = recording.leaf(node.value, node.gate)
            else:
                given = [found[each] if isinstance(each, Node) else each for each in operands]
                found[node] = recording.apply_row(node.gate, given, node.params)
        assert model.output is not None
        recording.backward(found[model.output], model.seed)
        for fresh, old, value in zip(pattern.fresh, pattern.replaced, after, strict=True):
            found[fresh] = recording.update(found[old], value)
        return current, found


def copied(leaf: Node) -> Node:
    """Return a leaf like another, which has taken part in no pass."""
    made = object.__new__(type(leaf))
    made.value, made.gate, made.index, made.home = leaf.value, leaf.gate, leaf.index, 0
    made.a = made.da = made.b = made.db = made.more = made.total = None
    return made
