"""The language: a program's text, interpreted as a computational graph.

Statements are read into functions once, and executed in order, in loops and in calls; what they compute
goes to the recording, and the finished recording becomes the trace. The tape is defined by the run, not
by the text.
"""

from __future__ import annotations

import ast
import gc
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stepgrad.errors import GateError, InputError, ProgramError, nearest
from stepgrad.events import Name
from stepgrad.literals import array_of, holds_nodes, plain
from stepgrad.machine import NOWHERE
from stepgrad.names import names_in_order
from stepgrad.numeric import NUMBER_TYPES, NumberType
from stepgrad.reader import read
from stepgrad.source import Span
from stepgrad.statements import Statements
from stepgrad.tape import Node
from stepgrad.tensor import Array
from stepgrad.trace import Trace

MAX_STEPS = 2_000_000
MAX_FRAMES = 12_000  # of Python's, while a program runs: calls within calls are bounded by the language itself
ROOM = 1 << 19  # words; for a frame of a few more than a power of two, Python takes twice as many


class Interpreter(Statements):
    """Runs one program."""

    def run(self, output: str | None) -> Trace:
        """Run the program and, where it has no backward of its own, one from its last value."""
        body = self.block(self.tree.body)
        self.supply()
        body()
        for name in self.supplied:
            raise InputError(f"{name!r} is given a value, but the program never came to assign it; leave it out")
        if self.swept and output is not None:
            raise InputError(f"the program calls backward itself; leave out the output {output!r}, or the call")
        result = None
        if not self.swept and (output is not None or self.last is not None or not self.recording.current.marks):
            result = self.go_back(*(self.chosen(output) or self.computed()))
        if not self.recording.current.is_empty:
            self.recording.close()
        return Trace(
            self.recording.passes,
            self.number,
            program=self.program,
            names=names_of(self.names),
            spans=self.spans,
            calls=self.calls,
            result=result,
        )

    def go_back(self, value: Any, place: ast.AST) -> Node:
        """Run the sweep of a program that has none, where gradients flow, and return its output."""
        output: Node = self.operand(value, place)
        if output.flows:
            self.backward(output, place, None)
        return output

    def computed(self) -> tuple[Any, ast.AST]:
        """Return the last value of the program, and its place."""
        if self.last is not None:
            return self.last
        place, hint = Span(1, 1, 1, 1), "write an expression"
        for statement in self.tree.body:
            if isinstance(statement, ast.Expr):
                place = self.span_of(statement)
                hint = "assign a number to a name and compute with it, as in `f = 2*3`"
        raise ProgramError(f"the program computes nothing; {hint}", self.program, place)

    def chosen(self, output: str | None) -> tuple[Any, ast.AST] | None:
        """Return the value that the caller named as the output."""
        if output is None:
            return None
        name = unicodedata.normalize("NFKC", output)  # as Python reads names
        value = self.scope.get(name)
        if not isinstance(value, Node) and not (isinstance(value, (list, tuple)) and holds_nodes(value)):
            raise InputError(f"the output {output!r} is no value of the program{nearest(name, self.scope)}")
        return value, self.tree

    def supply(self) -> None:
        """Make inputs of the supplied names that the program uses before it assigns them."""
        first: dict[str, bool] = {}
        for name, assigned in names_in_order(self.tree):
            first.setdefault(name, assigned)
        for name in self.supplied:
            if name not in first:
                raise InputError(f"{name!r} is given a value but the program has no such name{nearest(name, first)}")
        for name, assigned in first.items():
            if name in self.supplied and not assigned:
                leaf = self.recorded_leaf(self.supplied.pop(name), NOWHERE)
                self.call_it(name, leaf)
                self.last = (leaf, NOWHERE)


def names_of(given: Mapping[Node, tuple[int, str]]) -> dict[Node, Name]:
    """Return every node's name, with its version."""
    versions: dict[str, int] = {}
    found: dict[Node, Name] = {}
    for node, (_, name) in given.items():
        versions[name] = versions.get(name, 0) + 1
        found[node] = Name(name, versions[name])
    return found


def supplied_array(name: str, value: Any, number: NumberType) -> Array:
    """Bring a value from outside to an array.

    Raises
    ------
    InputError
        If it is no number and no tensor.
    """
    try:
        return array_of(plain(value), number)
    except GateError as error:
        raise InputError(f"{name!r} cannot take this value: {error}") from None


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the garbage collector from walking the growing tape again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def frames_allowed(count: int) -> Iterator[None]:
    """Let Python nest more calls than usual: one of the language's takes several."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, count))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def run(
    source: str,
    /,
    inputs: Mapping[str, Any] | None = None,
    *,
    output: str | None = None,
    number: type = float,
    filename: str = "<text>",
    max_steps: int = MAX_STEPS,
    **named: Any,
) -> Trace:
    """Run a program and return its trace.

    Parameters
    ----------
    source : str
        The program's text.
    inputs : mapping, optional
        Values by name: numbers, nested lists, or whatever has ``tolist()``. A name that the program
        assigns gets this value at its first assignment; one that it never assigns needs it.
    output : str, optional
        From which name to go backward; by default, from the last value. Only for a program that
        does not call ``backward`` itself.
    number : type
        What to compute with: ``float``, or ``fractions.Fraction`` for exact results.
    filename : str
        Where the text came from, for errors.
    max_steps : int
        How many statements, gates and edges the program may take.
    **named
        More inputs, by keyword.

    Returns
    -------
    Trace

    Raises
    ------
    ProgramError
        If the program is wrong: it has the place.
    InputError
        If a supplied value is.

    Examples
    --------
    >>> trace = run("f = (x + y) * z", x=-2, y=5, z=-4)
    >>> trace.value, trace.grads
    (-12.0, {'x': -4.0, 'y': -4.0, 'z': 3.0})
    """
    if number not in NUMBER_TYPES:
        known = " or ".join(kind.__name__ for kind in NUMBER_TYPES)
        raise InputError(f"there is no number type {number!r}; use {known}")
    program, tree = read(source, filename)
    kind = NUMBER_TYPES[number]
    given = {unicodedata.normalize("NFKC", name): value for name, value in {**(inputs or {}), **named}.items()}
    supplied = {name: supplied_array(name, value, kind) for name, value in given.items()}
    with collector_paused(), frames_allowed(MAX_FRAMES):
        return with_room(Interpreter(program, tree, kind, supplied, max_steps), output)


def with_room(interpreter: Interpreter, output: str | None) -> Trace:
    """Run an interpreter in one stretch of Python's stack.

    Python lays its frames into small chunks of memory, and gives a chunk back as soon as it is left: a loop
    that calls across such a border again and again would be several times slower. Behind a frame that
    asks for much, all others find room; memory that nobody touches costs nothing.
    """
    return interpreter.run(output)


with_room.__code__ = with_room.__code__.replace(co_stacksize=ROOM)


class Text(NamedTuple):
    """A program's text, and the name under which errors and titles speak of it."""

    text: str
    filename: str


@dataclass(frozen=True)
class Recipe:
    """How to run a program: whoever wants to run it again with one value changed needs this.

    Attributes
    ----------
    inputs : mapping
        Values from outside, by name.
    output : str or None
        From which name to go backward.
    max_steps : int
        How many statements, gates and edges it may take.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    output: str | None = None
    max_steps: int = MAX_STEPS

    def run(self, text: Text) -> Trace:
        """Run a program."""
        return run(text.text, self.inputs, output=self.output, filename=text.filename, max_steps=self.max_steps)
