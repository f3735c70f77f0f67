"""Scopes: where names stand, and the functions that a program defines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple
from weakref import ref

from stepgrad.source import Span
from stepgrad.tape import Node

Thunk = Callable[[], Any]  # an expression, ready to be evaluated
Act = Callable[[], "str | None"]  # a statement, ready to be executed; how it ends, if not as usual

BREAK, CONTINUE, RETURN = "break", "continue", "return"
MISSING = object()
NO_NAMES: frozenset[str] = frozenset()


class Scope(dict[str, Any]):
    """The names of the program, or of one call of a function; what is not here is looked up in ``outer``.

    ``own`` are the names that the function assigns somewhere: they are never looked up elsewhere, as in Python.
    """

    def __init__(self, outer: Scope | None = None, own: Set[str] = NO_NAMES) -> None:
        self.outer = outer
        self.own = own

    @cached_property
    def reference(self) -> ref[Scope]:
        """A weak reference to the scope, for whoever must find the names of a value again."""
        return ref(self)

    def find(self, name: str) -> Any:
        """Return what a name stands for, or ``MISSING``."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope:
                return scope[name]
            if name in scope.own:
                break
            scope = scope.outer
        return MISSING

    def names(self) -> Iterator[str]:
        """Yield the names that can be seen from here."""
        scope: Scope | None = self
        while scope is not None:
            yield from scope
            scope = scope.outer


@dataclass(eq=False)
class Function:
    """A function of the program.

    Attributes
    ----------
    name : str
    parameters : sequence of str
        Those that can be given without their names come first.
    positional : int
        How many these are.
    defaults : mapping
        The values of the parameters that may be left out.
    body : callable
        Executes it.
    outer : Scope
        Where it was defined.
    own : set of str
        The names that it assigns.
    is_repeatable : bool
        Whether no value changes what it does.
    """

    name: str
    parameters: Sequence[str]
    positional: int
    defaults: Mapping[str, Any]
    body: Act
    outer: Scope
    own: Set[str]
    is_repeatable: bool


class Call(NamedTuple):
    """One call of a function: a composite gate.

    Attributes
    ----------
    name : str
        The function's.
    span : Span
        The call in the program.
    caller : int or None
        The index of the call within which it was made.
    start, stop : int
        The first node made in it, and the first after it.
    result : Node or None
        What it returned, if that is a node.
    """

    name: str
    span: Span
    caller: int | None
    start: int
    stop: int
    result: Node | None


class UnderWay:
    """The calls within which nodes were made, for whoever goes through all nodes in order.

    Attributes
    ----------
    calls : sequence of Call
    open : list of int
        The indices of those within which the last node lies, outermost first.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls
        self.open: list[int] = []
        self.next = 0

    def go_on(self, node: int) -> bool:
        """Go on to a node; say whether it lies within other calls than the one before."""
        calls, before = self.calls, (self.next, len(self.open))
        while self.open and node >= calls[self.open[-1]].stop:
            self.open.pop()
        while self.next < len(calls) and calls[self.next].start <= node:
            if node < calls[self.next].stop:
                self.open.append(self.next)
            self.next += 1
        return before != (self.next, len(self.open))
