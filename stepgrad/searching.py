"""Searching: which steps are asked when one is looked for.

What repeats a pattern mostly answers alike: then a single pass is asked, and where none of its steps fulfils a
condition, only the exceptions are asked besides it, be there a million passes.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import TypeAlias

from stepgrad.conditions import Condition
from stepgrad.events import Event
from stepgrad.repeats import Pattern
from stepgrad.stretch import Stretch
from stepgrad.stretches import Placed
from stepgrad.trace import Trace

Sought: TypeAlias = "Condition | Callable[[Event], bool]"
Part: TypeAlias = "Stretch | Placed"

TRIED = 5  # passes, among which one that is no exception is looked for


def steps_to_ask(trace: Trace, way: range, conditions: Sequence[Sought]) -> Iterator[int | None]:
    """Yield, of the indices along a way, those of the steps that may fulfil one of some conditions.

    Parameters
    ----------
    trace : Trace
    way : range
        Indices one after the other, forwards or backwards.
    conditions : sequence of Condition, or callable of an event

    Yields
    ------
    int or None
        An index; None where a pass has been left out, as a sign of life.
    """
    if not way:
        return
    parts, alike = trace.stretches.parts, Alike(trace, conditions)
    (first, _), (last, _) = map(trace.stretches.part_of, (way[0], way[-1]))
    for number in range(first, last + way.step, way.step):
        part = parts[number]
        if isinstance(part, Stretch):  # a sweep of tangents follows the last one
            yield from overlap(way, part.first_step, len(trace) if part is parts[-1] else part.end)
            continue
        within = overlap(way, part.first_step, part.end)
        before = parts[number - 1] if number else None
        ends = [(index - part.first_step) // part.pattern.steps for index in (within[0], within[-1])]
        for k, is_asked in alike.passes(part, before, range(ends[0], ends[1] + way.step, way.step)):
            bounds = part.bounds(k)
            yield from overlap(within, bounds.first_step, bounds.end) if is_asked else (None,)


def overlap(way: range, start: int, stop: int) -> range:
    """Return the indices along a way from ``start`` to before ``stop``."""
    if way.step > 0:
        return range(max(way.start, start), min(way.stop, stop))
    return range(min(way.start, stop - 1), max(way.stop, start - 1), -1)


class Alike:
    """What passes that repeat a pattern answer to some conditions: mostly alike, after passes of one pattern."""

    def __init__(self, trace: Trace, conditions: Sequence[Sought]) -> None:
        self.trace = trace
        self.conditions = conditions
        self.answers: dict[tuple[int, Pattern, Pattern], bool] = {}

    def passes(self, placed: Placed, before: Part | None, numbers: range) -> Iterable[tuple[int, bool]]:
        """Yield the numbers of passes, in order, and whether each has to be asked; perhaps only of those that have."""
        asked = [self.asked(placed, before, which) for which in range(len(self.conditions))]
        if all(isinstance(each, frozenset) for each in asked):
            few = frozenset[int]().union(*(each for each in asked if isinstance(each, frozenset)))
            return [(k, True) for k in sorted(few, reverse=numbers.step < 0) if k in numbers]
        return ((k, any(k in each for each in asked)) for k in numbers)

    def asked(self, placed: Placed, before: Part | None, which: int) -> Container[int]:
        """Return the passes that have to be asked about a condition, given what is before them."""
        condition, everywhere = self.conditions[which], range(placed.count)
        if callable(condition):
            return everywhere
        exceptions = condition.exceptions(self.trace, placed)
        if exceptions == everywhere:
            return everywhere
        model = next((k for k in everywhere[1:TRIED] if k not in exceptions), None)
        if placed.count > 1 and (model is None or self.answer(which, placed, model, placed.pattern)):
            return everywhere
        if isinstance(exceptions, frozenset) and 0 not in exceptions:
            known = isinstance(before, Placed) and not self.answer(which, placed, 0, before.pattern)
            return exceptions if known else exceptions | {0}
        return exceptions

    def answer(self, which: int, placed: Placed, k: int, before: Pattern) -> bool:
        """Whether a step of a pass fulfils a condition; asked once for all of its pattern that follow another."""
        key, condition = (which, placed.pattern, before), self.conditions[which]
        if key not in self.answers and not callable(condition):
            bounds = placed.bounds(k)
            steps = range(bounds.first_step, bounds.end)
            self.answers[key] = any(condition.holds(self.trace, index) for index in steps)
        return self.answers[key]
