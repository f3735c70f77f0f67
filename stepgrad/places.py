"""Places: where the program computes nodes, and within which calls, of kept and of repeated passes alike."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property

from stepgrad.scopes import Call
from stepgrad.sequences import Made
from stepgrad.source import Span
from stepgrad.stretches import Placed, Stretches


class Spans(Made["Span | None"]):
    """The stretches of the program that computed the nodes, by index.

    Parameters
    ----------
    kept : sequence of Span or None
        Those of the nodes of passes that are kept, in order.
    stretches : Stretches
    """

    has = "there are {} nodes"

    def __init__(self, kept: Sequence[Span | None], stretches: Stretches) -> None:
        self.kept = kept
        self.stretches = stretches
        self.repeated_before = array("q")  # nodes, for every part
        repeated = 0
        for part in stretches.parts:
            self.repeated_before.append(repeated)
            if isinstance(part, Placed):
                repeated += part.end_node - part.first_node
        self.length = len(kept) + repeated if kept else 0
        self.here: tuple[int, int, Sequence[Span | None]] = (0, 0, ())  # where it was looked last: others are near

    def __len__(self) -> int:
        return self.length

    def at(self, node: int) -> Span | None:
        """Return the stretch of the program that computed a node."""
        first, end, spans = self.here
        if first <= node < end:
            return spans[(node - first) % len(spans)]
        which = bisect_right(self.stretches.nodes, node) - 1
        part = self.stretches.parts[which]
        if isinstance(part, Placed):
            self.here = part.first_node, part.end_node, part.pattern.spans
            return self.at(node)
        return self.kept[node - self.repeated_before[which]]


class Calls(Made[Call]):
    """The calls of functions, in the order in which they were made.

    Parameters
    ----------
    kept : sequence of Call
        Those made in passes that are kept, ``caller`` being the place among them.
    stretches : Stretches
    are_whole : bool
        Whether each has its result, for which a repeated pass must be recalled.
    """

    has = "there are {} calls"

    def __init__(self, kept: Sequence[Call], stretches: Stretches, *, are_whole: bool = True) -> None:
        self.kept = kept
        self.stretches = stretches
        self.are_whole = are_whole
        self.parts = [part for part in stretches.parts if isinstance(part, Placed) and part.pattern.calls]
        starts = [call.start for call in kept] if self.parts else []
        self.firsts, self.kept_before = array("q"), array("q")  # of every part: its first call; kept calls before it
        repeated = 0
        for part in self.parts:
            self.kept_before.append(bisect_right(starts, part.first_node))
            self.firsts.append(self.kept_before[-1] + repeated)
            repeated += part.count * len(part.pattern.calls)
        self.length = len(kept) + repeated

    @cached_property
    def bare(self) -> Calls:
        """The same without what they returned."""
        return Calls(self.kept, self.stretches, are_whole=False)

    def __len__(self) -> int:
        return self.length

    def at(self, number: int) -> Call:
        """Return a call by its number from 0 on."""
        part, k, place = self.place(number)
        if part is not None:
            return self.repeated(part, k, part.pattern.calls[place], number - place)
        call = self.kept[place]
        return call._replace(caller=None if call.caller is None else self.number_of(call.caller))

    def place(self, number: int) -> tuple[Placed | None, int, int]:
        """Return in which repeated passes a call was made, which of these, and its place there; or among kept."""
        which = bisect_right(self.firsts, number) - 1
        if which < 0:
            return None, 0, number
        part, after = self.parts[which], number - self.firsts[which]
        calls = len(part.pattern.calls)
        if after >= part.count * calls:
            return None, 0, self.kept_before[which] + after - part.count * calls
        return (part, *divmod(after, calls))

    def returned(self, number: int) -> int | None:
        """Return the index on the tape of the node that a call returned, None for one that returned none."""
        part, k, place = self.place(number)
        result = (self.kept if part is None else part.pattern.calls)[place].result
        return None if result is None else result.index if part is None else part.repeats.index_of(result, k)

    def repeated(self, part: Placed, k: int, call: Call, first: int) -> Call:
        """Return a call of a repeated pass, of which the pass's first one has the number ``first``."""
        node = part.bounds(k).first_node
        caller, result = call.caller, None
        if caller is not None:
            caller = first + caller if caller >= 0 else self.number_of(~caller)
        if call.result is not None and self.are_whole:
            stretch = self.stretches[self.stretches.number_of(node)]
            result = stretch.at(part.repeats.index_of(call.result, k))
        return call._replace(caller=caller, start=node + call.start, stop=node + call.stop, result=result)

    def begun(self, node: int) -> int:
        """Return how many calls have begun when a node is made."""
        which = bisect_right(self.parts, node, key=lambda each: each.first_node) - 1
        if which < 0:
            return bisect_right(self.kept, node, key=start_of)
        part, calls = self.parts[which], self.parts[which].pattern.calls
        if node >= part.end_node:
            kept = bisect_right(self.kept, node, key=start_of) - self.kept_before[which]
            return self.firsts[which] + part.count * len(calls) + kept
        k, place = divmod(node - part.first_node, part.pattern.period)
        return self.firsts[which] + k * len(calls) + bisect_right(calls, place, key=start_of)

    def first_of(self, part: Placed) -> int:
        """Return the number of the first call made in repeated passes."""
        return self.firsts[bisect_left(self.parts, part.first_node, key=lambda each: each.first_node)]

    def number_of(self, kept: int) -> int:
        """Return the number among all calls of one that is kept."""
        which = bisect_right(self.kept_before, kept) - 1
        if which < 0:
            return kept
        part = self.parts[which]
        return self.firsts[which] + part.count * len(part.pattern.calls) + kept - self.kept_before[which]


def start_of(call: Call) -> int:
    """Return the first node made in a call."""
    return call.start
