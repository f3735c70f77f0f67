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
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from stepgrad.called import Counted
from stepgrad.decimals import decimals
from stepgrad.errors import GateError, InputError, ProgramError, nearest
from stepgrad.literals import array_of, holds_nodes, plain
from stepgrad.machine import NOWHERE
from stepgrad.names import names_in_order
from stepgrad.numeric import NUMBER_TYPES, NumberType
from stepgrad.prices import metered
from stepgrad.reader import read
from stepgrad.source import Program, Span
from stepgrad.statements import Statements
from stepgrad.tape import Node
from stepgrad.tensor import Array
from stepgrad.trace import Trace

MAX_STEPS = 2_000_000
DIGITS = 50  # significant ones of decimals
MAX_FRAMES = 12_000  # of Python's, while a program runs: calls within calls are bounded by the language itself
ROOM = 1 << 19  # words; for a frame of a few more than a power of two, Python takes twice as many


class Interpreter(Statements):
    """Runs one program."""

    def run(self, output: str | None, *, backward: bool = True) -> Trace:
        """Run the program, nothing else being in the way."""
        with collector_paused(), frames_allowed(MAX_FRAMES), metered(self.max_steps):
            return with_room(self, output, backward=backward)

    def interpret(self, output: str | None, *, backward: bool = True) -> Trace:
        """Run the program and, where it has no backward of its own, one from its last value, if it is wanted."""
        body = self.block(self.tree.body)
        given = dict(self.supplied)
        self.supply()
        body()
        if self.pending is not None:
            self.pending.finish()
        for name in self.supplied:
            raise InputError(f"{name!r} is given a value, but the program never came to assign it; leave it out")
        if self.swept and output is not None:
            raise InputError(f"the program calls backward itself; leave out the output {output!r}, or the call")
        result = None
        if not self.swept and (output is not None or self.last is not None or not self.recording.current.marks):
            result = self.go_back(*(self.chosen(output) or self.computed()), backward=backward)
        if not self.recording.current.is_empty:
            self.recording.close()
        return Trace(
            self.recording.passes,
            self.number,
            program=self.program,
            names=Counted(self.names, self.recording.passes),
            spans=self.spans,
            calls=self.calls,
            result=result,
            given=given,
            asked=output,
        )

    def go_back(self, value: Any, place: ast.AST, *, backward: bool) -> Node:
        """Run the sweep of a program that has none, where gradients flow, and return its output."""
        output: Node = self.operand(value, place)
        if output.flows and backward:
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
        if not self.supplied:
            return
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


Kind = TypeVar("Kind", bound=Interpreter)


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
    digits: int | None = None,
    filename: str = "<text>",
    max_steps: int = MAX_STEPS,
    backward: bool = True,
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
        What to compute with: ``float``, ``fractions.Fraction`` for exact results, or ``decimal.Decimal``.
    digits : int, optional
        With how many significant digits decimals compute: 50.
    filename : str
        Where the text came from, for errors.
    max_steps : int
        How many statements, gates and edges the program may take.
    backward : bool
        Whether a program that does not call ``backward`` gets one; without it, its output may be a tensor.
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
    given = {**(inputs or {}), **named}
    return prepared(Interpreter, read(source, filename), number_type(number, digits), given, max_steps).run(
        output, backward=backward
    )


def prepared(
    kind: type[Kind], text: tuple[Program, ast.Module], number: NumberType, given: Mapping[str, Any], max_steps: int
) -> Kind:
    """Make an interpreter of this kind for a program that has been read, with its values from outside."""
    named = {unicodedata.normalize("NFKC", name): value for name, value in given.items()}
    supplied = {name: supplied_array(name, value, number) for name, value in named.items()}
    return kind(*text, number, supplied, max_steps)


def number_type(number: type, digits: int | None = None) -> NumberType:
    """Return what is meant by a type of Python's, and by a number of significant digits.

    Raises
    ------
    InputError
        If there is none such, or it has no number of digits to choose.
    """
    if number is Decimal:
        return decimals(DIGITS if digits is None else digits)
    if number not in NUMBER_TYPES:
        known = " or ".join(kind.__name__ for kind in (*NUMBER_TYPES, Decimal))
        raise InputError(f"there is no number type {number!r}; use {known}")
    if digits is not None:
        raise InputError(f"only decimals have a number of digits to choose; use number=Decimal, or leave out {digits=}")
    return NUMBER_TYPES[number]


def with_room(interpreter: Interpreter, output: str | None, *, backward: bool) -> Trace:
    """Run an interpreter in one stretch of Python's stack.

    Python lays its frames into small chunks of memory, and gives a chunk back as soon as it is left: a loop
    that calls across such a border again and again would be several times slower. Behind a frame that
    asks for much, all others find room; memory that nobody touches costs nothing.
    """
    return interpreter.interpret(output, backward=backward)


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
    number, digits
        What to compute with, as for :func:`run`.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    output: str | None = None
    max_steps: int = MAX_STEPS
    number: type = float
    digits: int | None = None

    @property
    def number_type(self) -> NumberType:
        """What to compute with."""
        return number_type(self.number, self.digits)

    def run(self, text: Text, *, backward: bool = True) -> Trace:
        """Run a program; without ``backward``, it gets none that it does not call itself."""
        return run(
            text.text, self.inputs, output=self.output, number=self.number, digits=self.digits,
            filename=text.filename, max_steps=self.max_steps, backward=backward,
        )  # fmt: skip
