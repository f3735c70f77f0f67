"""Cursor: a position in a trace, what is known there, and every move that a screen can make.

All of it is tested without a terminal. Nothing is replayed from the start: what is known at a step
is looked up. Every move returns whether it moved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from stepgrad.errors import InputError
from stepgrad.events import Backward, Event, Forward, Print, Tangent, Update
from stepgrad.linear import LinearMap, Term
from stepgrad.marks import SameMark, kind_at, mark_at
from stepgrad.searching import Sought, steps_to_ask
from stepgrad.stretch import PassSummary
from stepgrad.tensor import Array, Shape, indices
from stepgrad.trace import Trace

SLICE = 2_000  # steps that are looked through between two signs of life


class Cursor:
    """A position in a trace: the step that has just happened.

    Parameters
    ----------
    trace : Trace
    position : int
        The step to stand on, from 1 to ``len(trace)``.

    Attributes
    ----------
    element : int or None
        Inside an opened tensor step, the place of the operand's element that is looked at.

    Examples
    --------
    >>> from stepgrad.language import run
    >>> cursor = Cursor(run("x = 3.0; f = x * x"))
    >>> cursor.value("x"), cursor.value("f")
    (3.0, None)
    >>> cursor.end()
    True
    >>> cursor.value("f"), cursor.gradient("x")
    (9.0, 6.0)
    >>> cursor.back()
    True
    >>> cursor.gradient("x")
    3.0
    """

    def __init__(self, trace: Trace, position: int = 1) -> None:
        self.trace = trace
        self.position = 1
        self.element: int | None = None
        if position != 1:
            self.seek(position)

    @property
    def event(self) -> Event:
        """The event that has just happened."""
        return self.trace[self.position - 1]

    @property
    def summary(self) -> PassSummary:
        """The pass in which it happened."""
        return self.trace.passes[self.trace.pass_at(self.position - 1) - 1]

    # One step after another

    def seek(self, position: int) -> bool:
        """Stand on a step.

        Raises
        ------
        InputError
            If the trace has no such step.
        """
        if not 1 <= position <= len(self.trace):
            raise InputError(f"there is no step {position}; the trace has steps 1 to {len(self.trace)}")
        return self._to(position)

    def step(self, count: int = 1) -> bool:
        """Go on by some steps, at most to the end; in an opened step, by some elements."""
        if self.element is not None:
            return self._within(count)
        return self._to(self.position + count)

    def back(self, count: int = 1) -> bool:
        """Go back by some steps, at most to the start."""
        return self.step(-count)

    def start(self) -> bool:
        """Stand on the first step."""
        return self._to(1)

    def end(self) -> bool:
        """Stand on the last step."""
        return self._to(len(self.trace))

    # In longer strides

    def over(self, *, reverse: bool = False) -> bool:
        """Let the whole next gate happen, all its edges; or go back to where the gate before was done."""
        way = -1 if reverse else 1
        here = self._gate_step(self.position)
        position = self.position
        while 1 <= position <= len(self.trace) and self._gate_step(position) == here:
            position += way
        if reverse or not 1 <= position <= len(self.trace):
            return self._to(position)
        there = self._gate_step(position)
        while position < len(self.trace) and self._gate_step(position + 1) == there:
            position += 1
        return self._to(position)

    def phase(self, *, reverse: bool = False) -> bool:
        """Go to the start of the next phase, forward, backward or updates; or of this one, or the one before."""
        phases = (
            phase
            for each in self._passes(reverse)
            for phase in (each.forward, each.backward, each.updates)[:: -1 if reverse else 1]
        )
        return self._turn((phase.start + 1 for phase in phases if phase), reverse)

    def turn(self, *, reverse: bool = False) -> bool:
        """Go to the start of the next pass; or of this one, or the one before."""
        return self._turn((each.steps.start + 1 for each in self._passes(reverse)), reverse)

    def partner(self) -> bool:
        """Go from a gate's forward step to its first backward step, or back.

        A leaf's backward step is the first that brings it a gradient.
        """
        event = self.event
        if isinstance(event, Print):
            return False
        if isinstance(event, Update):
            return self._next_edge_to(event.node)
        if not isinstance(event, Forward):
            return self._to(self.trace.forward_index(event.node) + 1)
        return self._next_edge_to(event.node, 0 if event.operands else 1)

    def _next_edge_to(self, node: int, place: int = 1) -> bool:
        # The next edge that starts at a node (place 0) or ends there (1), in this pass or the next.
        number = self.trace.pass_at(self.position - 1)
        for summary in self.trace.passes[number - 1 : number + 1]:
            for index in range(max(self.position, summary.backward.start + 1), summary.backward.stop):
                if self.trace.nodes_at(index)[place] == node:
                    return self._to(index + 1)
        return False

    def go(self, text: str) -> bool:
        """Go where a user's words say: ``17``, ``+5``, ``-5``, ``50%``, ``pass 3``, or a name.

        Raises
        ------
        InputError
            If there is no such place.
        """
        words = text.strip()
        if place := re.fullmatch(r"(?:step\s+)?([+-]?)(\d{1,15})(%?)", words):
            sign, number, percent = place[1], int(place[2]), place[3]
            if percent:
                return self._to(round(number / 100 * len(self.trace)))
            return self._to(self.position + int(sign + place[2])) if sign else self.seek(number)
        if place := re.fullmatch(r"pass\s+(\d{1,15})", words):
            passes = self.trace.passes
            if not 1 <= int(place[1]) <= len(passes):
                raise InputError(f"there is no pass {place[1]}; the trace has passes 1 to {len(passes)}")
            return self._to(passes[int(place[1]) - 1].steps.start + 1)
        if not words:
            raise InputError("say where to go: a step as in 17, +5 or 50%, `pass 3`, or a name")
        return self._to(self.trace.forward_index(self.trace.find(re.sub(r"^node\s+", "", words))) + 1)

    # To what is looked for

    def until(self, condition: Sought, *, reverse: bool = False, wrap: bool = False) -> bool:
        """Go to the next step that fulfils a condition, or the one before with ``reverse``.

        Parameters
        ----------
        condition : Condition, or callable of an event
        reverse : bool
            Look at earlier steps.
        wrap : bool
            Begin anew at the other end where there is none.

        Returns
        -------
        bool
            Whether there is one; if not, the cursor stays.
        """
        *_, found = self.hunt([condition], reverse=reverse, wrap=wrap)
        return found is not None and self._to(found)

    def hunt(
        self,
        conditions: Sequence[Sought],
        *,
        reverse: bool = False,
        wrap: bool = False,
    ) -> Iterator[int | None]:
        """Look for a step that fulfils one of several conditions, without moving.

        Yields None as a sign of life every few thousand steps, and at last the position, or None.
        """
        tests = [asked(each) for each in conditions]
        size, here = len(self.trace), self.position - 1
        ways = [range(here - 1, -1, -1), range(size - 1, here - 1, -1)] if reverse else []
        ways = ways or [range(here + 1, size), range(here + 1)]
        for way in ways if wrap else ways[:1]:
            for count, index in enumerate(steps_to_ask(self.trace, way, conditions), 1):
                if index is not None and any(test(self.trace, index) for test in tests):
                    yield index + 1
                    return
                if count % SLICE == 0:
                    yield None
        yield None

    # Inside a tensor step

    @property
    def can_open(self) -> bool:
        """Whether the step is a product of tensors, which opens into scalar arithmetic."""
        event = self.event
        return isinstance(event, (Backward, Tangent)) and isinstance(event.local, LinearMap)

    def open(self) -> bool:
        """Open a tensor step: steps then go from element to element of what it sends."""
        self.element = 0 if self.can_open and self._elements() else None
        return self.element is not None

    def close(self) -> bool:
        """Leave an opened step."""
        was_open, self.element = self.element is not None, None
        return was_open

    def opened(self) -> tuple[Shape, list[Term]]:
        """Return the index of the element that is looked at, and the products that it is the sum of.

        Raises
        ------
        InputError
            If no step is open.
        """
        event = self.event
        if self.element is None or not isinstance(event, (Backward, Tangent)):
            raise InputError(f"step {self.position} is not open; open it first")
        index = self._elements()[self.element]
        return index, event.terms(index)

    # What is known here

    def value(self, node: int | str) -> Array:
        """Return a node's value, by index or name; None where it is not yet computed."""
        return self.trace.value_at(self._index(node), self.position)

    def gradient(self, node: int | str) -> Array:
        """Return the gradient that has arrived so far; None where none has."""
        return self.trace.gradient_at(self._index(node), self.position)

    def like(self, other: Cursor) -> bool:
        """Stand where another cursor stands in its trace, as far as that makes sense in this one.

        On the same step where it is of the same kind and about the same name; else on the first such
        step; else on the same step, or the last.
        """
        mark, size = mark_at(other.trace, other.position - 1), len(self.trace)
        if other.position <= size and mark_at(self.trace, other.position - 1) == mark:
            return self._to(other.position)
        condition = SameMark(mark)
        steps = steps_to_ask(self.trace, range(size), [condition]) if condition.is_known(self.trace) else ()
        found = (index + 1 for index in steps if index is not None and condition.holds(self.trace, index))
        return self._to(next(found, other.position))

    def _index(self, node: int | str) -> int:
        return self.trace.find(node) if isinstance(node, str) else node

    def _to(self, position: int) -> bool:
        before = self.position
        self.position = max(1, min(position, len(self.trace)))
        if self.position != before:
            self.element = None
        return self.position != before

    def _passes(self, reverse: bool) -> Iterator[PassSummary]:
        # From the pass at hand on, or back.
        here, passes = self.trace.pass_at(self.position - 1) - 1, self.trace.passes
        return map(passes.__getitem__, range(here, -1, -1) if reverse else range(here, len(passes)))

    def _turn(self, starts: Iterator[int], reverse: bool) -> bool:
        # To the first of these places that lies beyond the step at hand.
        return self._to(
            next(
                (each for each in starts if (each < self.position if reverse else each > self.position)), self.position
            )
        )

    def _gate_step(self, position: int) -> tuple[str, int]:
        nodes = self.trace.nodes_at(position - 1)
        return kind_at(self.trace, position - 1), nodes[0] if nodes else -position

    def _elements(self) -> list[Shape]:
        event = self.event
        assert isinstance(event, (Backward, Tangent))
        return list(indices(event.reached))

    def _within(self, count: int) -> bool:
        assert self.element is not None
        before = self.element
        self.element = max(0, min(self.element + count, len(self._elements()) - 1))
        return self.element != before


def asked(condition: Sought) -> Callable[[Trace, int], bool]:
    """Return what asks a condition, or a predicate on events, about the step at an index."""
    if callable(condition):
        return lambda trace, index: condition(trace[index])
    return condition.holds
