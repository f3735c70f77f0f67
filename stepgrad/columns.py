"""Columns: the events of passes that repeat a pattern, made column by column, pass after pass.

The pattern's code gives all values, locals and totals of a pass at once; what else stands in its events is known from
the pattern, but for where the pass begins. A pass with a number that is not finite is told event by event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, count, repeat
from math import isfinite
from operator import itemgetter
from typing import Any, NamedTuple

from stepgrad.called import Counted
from stepgrad.events import Backward, Event, Forward, Seed, Update
from stepgrad.notes import Taken, edge_note, kinks_of, may_note
from stepgrad.numeric import FLOAT
from stepgrad.steps import Steps, change_of, new_record, noted
from stepgrad.stretches import Placed
from stepgrad.tape import Node
from stepgrad.tensor import Array, Tensor
from stepgrad.written import Written


class Found(NamedTuple):
    """The numbers of a pass, as columns.

    Attributes
    ----------
    values : list
        Of its nodes.
    uppers, locals, products, totals, notes : sequence
        Of its edges.
    old, changes, after : sequence
        Of its updates.
    """

    values: list[Any]
    uppers: Sequence[Any]
    locals: list[Any]
    products: list[Any]
    totals: list[Any]
    notes: Sequence[str | None]
    old: Sequence[Any]
    changes: list[Any]
    after: list[Any]


class Columns:
    """What all passes of a pattern have in common in their events, as columns.

    Attributes
    ----------
    operands, sources, targets : callable
        The operands of every node, and from which node to which each edge runs, given the index of the first node.
    arriving, uppers : list of int, callable
        Where the upstream of every edge stands among the seed and the totals; what picks them.
    kinks : list
        The edges of which a convention may have made the local: number, node and slot, and the places of what the
        node's operands hold, and it itself.
    """

    def __init__(self, written: Written) -> None:
        self.written = written
        self.pattern = pattern = written.pattern
        nodes, self.slots, operands, arrivals = written.straight.edges
        self.gates = [node.gate for node in pattern.model.nodes]
        self.literals: list[Any] = []
        self.operands = self.compiled(
            f"({''.join(f'{self.index(each)}, ' for each in n.operands)})" for n in pattern.model.nodes
        )
        self.sources, self.targets = self.compiled(map(self.index, nodes)), self.compiled(map(self.index, operands))
        self.arriving = [arrivals[node][-1] + 1 if arrivals[node] else 0 for node in nodes]
        self.uppers = several(self.arriving)
        self.firsts = [arrivals[operand][0] == edge for edge, operand in enumerate(operands)]
        self.constants: list[Any] = []
        self.places = {node: place for place, node in enumerate((*written.givens, *pattern.made))}
        self.count = len(written.givens) + pattern.period
        self.replaced = several([self.places[node] for node in pattern.replaced])
        self.has_tensors = any(isinstance(node.value, Tensor) for node in (*pattern.outside, *pattern.made))
        self.is_finite: Callable[[Any], bool] = all_finite if self.has_tensors else isfinite
        self.no_notes: list[str | None] = [None] * len(nodes)
        self.kinks = [
            (edge, node, slot, [self.place(each) for each in node.operands], self.place(node))
            for edge, (node, slot) in enumerate(zip(nodes, self.slots))
            if kinks_of(FLOAT, node.gate, slot)
        ]

    def index(self, operand: Any) -> str:
        """Write the index of an operand, ``i`` being that of the first node; or else a literal."""
        pattern = self.pattern
        if not isinstance(operand, Node):
            self.literals.append(operand)
            return f"literals[{len(self.literals) - 1}]"
        if operand in pattern.place_of:
            return f"i + {pattern.place_of[operand]}"
        if operand in pattern.update_of:
            return f"i - {len(pattern.fresh) - pattern.update_of[operand]}"
        return str(operand.index)

    def place(self, operand: Any) -> int:
        """Return where the value of an operand stands among all that are known of a pass."""
        if isinstance(operand, Node):
            return self.places[operand]
        self.constants.append(operand)
        return self.count + len(self.constants) - 1

    def compiled(self, texts: Iterable[str]) -> Callable[[int], list[Any]]:
        """Return a function that makes a column."""
        found: Callable[[int], list[Any]] = eval(f"lambda i: [{', '.join(texts)}]", {"literals": self.literals})
        return found

    def found(self, placed: Placed, k: int) -> Found | None:
        """Return the numbers of a pass; None where one is not finite."""
        repeats = placed.repeats
        given, after = self.written.given(repeats.given(k - 1)), repeats.given(k)
        numbers = self.written.numbers(given)
        if numbers is None:
            return None
        values, totals, locals_ = numbers
        if not (all(map(self.is_finite, values)) and all(map(self.is_finite, totals))):
            return None
        known = [*given, *values, *after, *self.constants]
        uppers, old = self.uppers([self.pattern.model.seed, *totals]), self.replaced(known)
        products = [
            total if first_one else upper * local
            for total, first_one, upper, local in zip(totals, self.firsts, uppers, locals_)
        ]
        notes = self.no_notes
        for edge, node, slot, operands, value in self.kinks:
            held = [known[place] for place in operands]
            if may_note(FLOAT, node.gate, slot, held, known[value]):
                taken = Taken(node.gate, node.params, slot, uppers[edge], locals_[edge], products[edge])
                said = edge_note(FLOAT, taken, held, known[value])
                if said is not None:
                    note = noted(self.pattern.spans[self.pattern.place_of[node]], said)
                    notes = [*notes[:edge], note, *notes[edge + 1 :]]
        return Found(values, uppers, locals_, products, totals, notes, old, list(map(change_of, old, after)), after)

    def is_finite_in(self, placed: Placed, k: int) -> bool:
        """Whether all numbers of a pass are finite, those of its updates, too."""
        found = self.found(placed, k)
        rest = () if found is None else (*found.old, *found.changes, *found.after, self.pattern.model.seed)
        return found is not None and all(map(self.is_finite, rest))

    def events(
        self, placed: Placed, k: int, names: Counted, paths: Iterable[tuple[int, ...]]
    ) -> Iterator[Event] | None:
        """Yield the events of a pass; None where a number is not finite."""
        found = self.found(placed, k)
        if found is None:
            return None
        pattern, seed = self.pattern, self.pattern.model.seed
        values, uppers, locals_, products, totals, notes, old, changes, after = found
        step, seed_step, tail_step, _, first = placed.bounds(k)
        shown, spans, none = names.shown_in(placed.repeats, k), pattern.spans, repeat(None)
        forwards = zip(
            count(step + 1), count(first), self.gates, self.operands(first), values, shown, spans, none, paths
        )  # fmt: skip
        edges = zip(
            count(seed_step + 2), self.sources(first), self.slots, self.targets(first), uppers, locals_,
            products, totals, self.firsts, notes,
        )  # fmt: skip
        fresh = range(first + len(values), first + pattern.period)
        tail = len(values)
        updates = zip(count(tail_step + 1), shown[tail:], fresh, old, changes, after, spans[tail:])
        assert pattern.model.output is not None
        output = first + pattern.place_of[pattern.model.output]
        return chain(
            map(new_forward, forwards),
            (Seed(seed_step + 1, output, seed),),
            map(new_backward, edges),
            map(new_update, updates),
        )


new_forward: Callable[[Any], Forward] = partial(new_record, Forward)
new_backward: Callable[[Any], Backward] = partial(new_record, Backward)
new_update: Callable[[Any], Update] = partial(new_record, Update)


def all_finite(array: Array) -> bool:
    """Whether all numbers are finite."""
    return all(map(isfinite, array.data)) if isinstance(array, Tensor) else isfinite(array)


def several(places: Sequence[int]) -> Callable[[Any], Sequence[Any]]:
    """Return what picks the entries at some places, as a sequence also of one."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda entries: [entries[place] for place in places]


def tell(trace: Steps, placed: Placed, columns: Columns) -> Iterator[Event]:
    """Yield the events of repeated passes."""
    paths, names = Paths(trace, placed), trace.called
    assert isinstance(names, Counted), "see Repeats: the language makes them"
    for k in range(placed.count):
        events = columns.events(placed, k, names, paths.of(k))
        yield from trace.told(placed.stretch(k)) if events is None else events


class Paths:
    """Within which calls the nodes of repeated passes lie: looked up in the first pass, and moved on in the others."""

    def __init__(self, trace: Steps, placed: Placed) -> None:
        pattern = placed.pattern
        self.period = len(pattern.calls)
        self.first = [trace.path(placed.first_node + place) for place in range(pattern.before)] if trace.calls else []
        self.own = trace.first_call_of(placed) if self.period else 0

    def of(self, k: int) -> Iterable[tuple[int, ...]]:
        """Return the paths of the nodes that a pass makes before its sweep."""
        if not self.first or not self.period:
            return self.first or repeat(())
        shift = k * self.period
        moved = {path: tuple([call + shift if call >= self.own else call for call in path]) for path in self.first}
        return map(moved.__getitem__, self.first)
