"""Stretches: the passes of a run, one after the other, those that repeat a pattern recalled when somebody looks.

Where a pass begins and ends is arithmetic; only what happened in it needs its nodes. A few that were looked at last are
remembered.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple, overload

from stepgrad.ops import INPUT
from stepgrad.repeats import Pattern, Repeats
from stepgrad.sequences import SHOWN, Made
from stepgrad.stretch import PassSummary, Stretch
from stepgrad.tape import Node, Pass
from stepgrad.tensor import Array
from stepgrad.written import Written

REMEMBERED = 32  # stretches of repeated passes
WORTH_WHILE = 20  # passes, for which a pattern is written out


class Bounds(NamedTuple):
    """Where a pass is: its first step, the seed, what follows the sweep, the next pass; and its first node."""

    first_step: int
    seed_step: int
    tail_step: int
    end: int
    first_node: int


class Placed:
    """Repeated passes at their place in a trace.

    Attributes
    ----------
    first_step, first_node, end, end_node : int
        The indices of their first event and node, and those after the last.
    """

    def __init__(self, repeats: Repeats, first_step: int, first_node: int) -> None:
        self.repeats = repeats
        self.pattern = repeats.pattern
        self.count = repeats.count
        self.first_step = first_step
        self.first_node = first_node
        self.end = first_step + repeats.count * self.pattern.steps
        self.end_node = first_node + repeats.count * self.pattern.period
        self.shift = first_node - repeats.first_index

    def each(self, written: Written | None, numbers: Iterable[int]) -> Iterator[Stretch]:
        """Yield the passes with some numbers, made by the pattern's code if it is written out."""
        for k in numbers:
            first, *_, first_node = self.bounds(k)
            recorded = self.repeats.recall(k) if written is None else written.recall(self.repeats, k)
            yield Stretch(recorded, (), first, first_node)

    def bounds(self, k: int) -> Bounds:
        """Return where one of the passes is."""
        pattern, first = self.pattern, self.first_step + k * self.pattern.steps
        seed = first + pattern.before
        tail = seed + pattern.swept
        return Bounds(first, seed, tail, tail + len(pattern.fresh), self.first_node + k * pattern.period)

    def stretch(self, k: int) -> Stretch:
        """Record one of them again."""
        bounds = self.bounds(k)
        return Stretch(self.repeats.recall(k), (), bounds.first_step, bounds.first_node)

    @property
    def given(self) -> Iterator[int]:
        """The inputs that they make, in order; of those that have a name, the first and the last."""
        pattern = self.pattern
        inputs = [place for place, node in enumerate(pattern.made) if node.gate is INPUT]
        unnamed = [place for place in inputs if place not in pattern.names]
        for k in range(self.count) if unnamed else sorted({0, self.count - 1}):
            chosen = inputs if k in (0, self.count - 1) else unnamed
            yield from (self.bounds(k).first_node + place for place in chosen)

    @property
    def given_last(self) -> Iterator[tuple[int, Array]]:
        """What their updates gave at last, by the index on the tape."""
        first, last = self.repeats.end - len(self.pattern.fresh), self.repeats.given(self.count - 1)
        return enumerate(last, first)

    def step_of(self, place: int) -> int:
        """Return the index of the event that computed, or updated, one of the nodes made in them."""
        k, place = divmod(place, self.pattern.period)
        bounds = self.bounds(k)
        tail = place - self.pattern.before
        return bounds.first_step + place if tail < 0 else bounds.tail_step + tail


class Stretches(Made[Stretch]):
    """The passes of a run as the tape has them.

    Attributes
    ----------
    parts : list of Stretch or Placed
        What is kept whole, and what is repeated.
    are_repeated : bool
        Whether there are passes that repeat a pattern.
    foreign : dict
        The nodes that take part and that no pass has made, with their indices in the trace.
    numbers, steps, nodes, indices : array
        Of every part, the number from 0 of its first pass, its first event, its first node, and that on the tape.
    """

    has = "the trace has {} passes"

    def __init__(self, passes: Sequence[Pass | Repeats]) -> None:
        foreign = foreign_nodes(passes)
        self.foreign: dict[Node, int] = {}
        self.parts: list[Stretch | Placed] = []
        self.numbers, self.steps, self.nodes, self.indices = (array("q") for _ in range(4))
        number = step = node = 0
        for each in passes:
            self.numbers.append(number)
            self.steps.append(step)
            self.nodes.append(node)
            self.indices.append(each.first_index)
            part: Stretch | Placed
            if isinstance(each, Repeats):
                part = Placed(each, step, node)
                number, node = number + each.count, part.end_node
            else:
                before = foreign[: bisect_left(foreign, each.first_index, key=lambda node: node.index)]
                del foreign[: len(before)]
                self.foreign |= {leaf: index for index, leaf in enumerate(before, node)}
                part = Stretch(each, before, step, node)
                number, node = number + 1, node + len(part.made)
            self.parts.append(part)
            step = part.end
        self.pass_count, self.step_count, self.node_count = number, step, node
        self.are_repeated = any(isinstance(part, Placed) for part in self.parts)
        self.recall: Callable[[Placed, int], Stretch] = lru_cache(REMEMBERED)(Placed.stretch)

    def __len__(self) -> int:
        return self.pass_count

    def at(self, number: int) -> Stretch:
        """Return a pass by its number from 0 on."""
        part, k = self.place(number)
        return self.recall(part, k) if isinstance(part, Placed) else part

    def __iter__(self) -> Iterator[Stretch]:
        for part in self.parts:
            if isinstance(part, Placed):
                yield from part.each(self.written.get(part.pattern), range(part.count))
            else:
                yield part

    def __reversed__(self) -> Iterator[Stretch]:
        for part in reversed(self.parts):
            if isinstance(part, Placed):
                yield from part.each(self.written.get(part.pattern), range(part.count - 1, -1, -1))
            else:
                yield part

    @cached_property
    def written(self) -> dict[Pattern, Written]:
        """The patterns of which there are so many passes that they are written out."""
        times: Counter[Pattern] = Counter()
        for part in self.parts:
            if isinstance(part, Placed):
                times[part.pattern] += part.count
        return {pattern: Written(pattern) for pattern, number in times.items() if number >= WORTH_WHILE}

    def place(self, number: int) -> tuple[Stretch | Placed, int]:
        """Return the part in which a pass lies, and which of its passes it is."""
        which = bisect_right(self.numbers, number) - 1
        return self.parts[which], number - self.numbers[which]

    def part_of(self, step: int) -> tuple[int, int]:
        """Return the number of the part in which a step lies, and in which of its passes; the last, for the end."""
        which = bisect_right(self.steps, step) - 1
        part = self.parts[which]
        k = min((step - part.first_step) // part.pattern.steps, part.count - 1) if isinstance(part, Placed) else 0
        return which, k

    def bounds(self, number: int) -> Bounds:
        """Return where the steps of a pass are."""
        part, k = self.place(number)
        if isinstance(part, Placed):
            return part.bounds(k)
        return Bounds(part.first_step, part.seed_step, part.tail_step, part.end, part.first_node)

    def number_at(self, step: int) -> int:
        """Return the number, from 0, of the pass in which an event lies."""
        which, k = self.part_of(step)
        return self.numbers[which] + k

    def number_of(self, node: int) -> int:
        """Return the number, from 0, of the pass that made, or shows, a node."""
        which = bisect_right(self.nodes, node) - 1
        part = self.parts[which]
        k = (node - part.first_node) // part.pattern.period if isinstance(part, Placed) else 0
        return self.numbers[which] + k

    def model_of(self, node: int) -> Node:
        """Return a node that is like the one with an index but for its numbers."""
        part = self.parts[bisect_right(self.nodes, node) - 1]
        place = node - part.first_node
        return part.pattern.made[place % part.pattern.period] if isinstance(part, Placed) else part.made[place]

    def step_of(self, node: int) -> int:
        """Return the index of the event that computed, or updated, a node."""
        part = self.parts[bisect_right(self.nodes, node) - 1]
        return part.step_of(node - part.first_node)

    def shift_of(self, index: int) -> int:
        """Return what the index of a node in the trace is beyond that on the tape."""
        return self.parts[bisect_right(self.indices, index) - 1].shift

    @property
    def last_swept(self) -> int | None:
        """The number, from 0, of the pass that was swept last."""
        for number, part in zip(reversed(self.numbers), reversed(self.parts), strict=True):
            if isinstance(part, Placed):
                return number + part.count - 1
            if part.recorded.output is not None:
                return number
        return None

    def passes_before(self, number: int) -> list[Pass | Repeats]:
        """Return the passes before one, as a trace is made of them."""
        which = bisect_left(self.numbers, number)
        found = [part.repeats if isinstance(part, Placed) else part.recorded for part in self.parts[:which]]
        last = found[-1] if found else None
        if isinstance(last, Repeats):
            found[-1] = last.first(number - self.numbers[which - 1])
        return found


class Summaries(Made[PassSummary]):
    """What is said of every pass, put together when somebody looks."""

    has = "the trace has {} passes"

    def __init__(self, pass_count: int, make: Callable[[int], PassSummary]) -> None:
        self.pass_count = pass_count
        self.make = make

    def __len__(self) -> int:
        return self.pass_count

    def at(self, number: int) -> PassSummary:
        """Return what is said of a pass, counted from 0."""
        return self.make(number)

    @overload
    def __getitem__(self, number: int) -> PassSummary: ...

    @overload
    def __getitem__(self, number: slice) -> tuple[PassSummary, ...]: ...

    def __getitem__(self, number: int | slice) -> PassSummary | tuple[PassSummary, ...]:
        return tuple(super().__getitem__(number)) if isinstance(number, slice) else super().__getitem__(number)

    def __repr__(self) -> str:
        return repr(self[:]) if self.pass_count < SHOWN else f"<{self.pass_count:,} passes>"


def foreign_nodes(passes: Sequence[Pass | Repeats]) -> list[Node]:
    """List the nodes on which the passes depend and which none of them made, in creation order."""

    def end_of(each: Pass | Repeats) -> int:
        if isinstance(each, Repeats):
            return each.end
        return each.first_index + len(each.nodes) + len(each.tail_nodes)

    made = sorted((each.first_index, end_of(each)) for each in passes)
    if [start for start, _ in made] == [0, *(end for _, end in made[:-1])]:  # every node there is was made in one
        return []

    def foreign(node: Node) -> bool:
        place = bisect_right(made, node.index, key=lambda ends: ends[0]) - 1
        return place < 0 or node.index >= made[place][1]

    whole = [each.pattern.model if isinstance(each, Repeats) else each for each in passes]
    taking_part = ((*each.leaves, *each.earlier, *(update.node for update in each.updates)) for each in whole)
    found = {node: None for nodes in taking_part for node in nodes if foreign(node)}
    return sorted(found, key=lambda node: node.index)
