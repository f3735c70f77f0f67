"""Cursor: a position in a trace, and what is known there.

Everything that a screen can do with a trace is a method here, so that it can be tested without a
terminal. Nothing is replayed from the start: what is known at a step is looked up.
"""

from __future__ import annotations

from collections.abc import Callable

from stepgrad.errors import InputError
from stepgrad.events import Event
from stepgrad.tensor import Array
from stepgrad.trace import Trace


class Cursor:
    """A position in a trace: the step that has just happened.

    Parameters
    ----------
    trace : Trace
    position : int
        The step to stand on, from 1 to ``len(trace)``.

    Examples
    --------
    >>> from stepgrad.language import run
    >>> cursor = Cursor(run("x = 3.0; f = x * x"))
    >>> cursor.value("x"), cursor.value("f")
    (3.0, None)
    >>> cursor.end()
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
        if position != 1:
            self.seek(position)

    @property
    def event(self) -> Event:
        """The event that has just happened."""
        return self.trace[self.position - 1]

    def seek(self, position: int) -> None:
        """Stand on a step.

        Raises
        ------
        InputError
            If the trace has no such step.
        """
        if not 1 <= position <= len(self.trace):
            raise InputError(f"there is no step {position}; the trace has steps 1 to {len(self.trace)}")
        self.position = position

    def step(self, count: int = 1) -> bool:
        """Go on by some steps, at most to the end; return whether anything moved."""
        before = self.position
        self.position = max(1, min(self.position + count, len(self.trace)))
        return self.position != before

    def back(self, count: int = 1) -> bool:
        """Go back by some steps, at most to the start; return whether anything moved."""
        return self.step(-count)

    def start(self) -> None:
        """Stand on the first step."""
        self.position = 1

    def end(self) -> None:
        """Stand on the last step."""
        self.position = max(1, len(self.trace))

    def until(self, condition: Callable[[Event], bool], *, reverse: bool = False) -> bool:
        """Go to the next step whose event fulfils a condition, or the one before with ``reverse``.

        Returns whether there is one; if not, the cursor stays.
        """
        ahead = range(self.position - 2, -1, -1) if reverse else range(self.position, len(self.trace))
        for index in ahead:
            if condition(self.trace[index]):
                self.position = index + 1
                return True
        return False

    def value(self, node: int | str) -> Array:
        """Return a node's value, by index or name; None where it is not yet computed."""
        return self.trace.value_at(self._index(node), self.position)

    def gradient(self, node: int | str) -> Array:
        """Return the gradient that has arrived so far; None where none has."""
        return self.trace.gradient_at(self._index(node), self.position)

    def _index(self, node: int | str) -> int:
        return self.trace.find(node) if isinstance(node, str) else node
