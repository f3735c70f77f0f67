"""The language: a program's text, interpreted as a computational graph.

Statements are walked in order; what they compute goes to the recording, and the finished recording
becomes the trace. The tape is defined by the run, not by the text.
"""

from __future__ import annotations

import ast
import gc
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stepgrad.calls import MODULE_NUMBERS, MODULES, counted
from stepgrad.errors import GateError, InputError, ProgramError, nearest
from stepgrad.events import Name
from stepgrad.expressions import NOWHERE, Evaluator, dotted
from stepgrad.literals import Size, array_of, holds_nodes, plain, raw
from stepgrad.numeric import NUMBER_TYPES, NumberType
from stepgrad.ops import GATES
from stepgrad.reader import NOT_A_TARGET, names_in_order, read
from stepgrad.source import Program, Span
from stepgrad.tape import Node
from stepgrad.tensor import Array, Tensor, shape_of
from stepgrad.trace import Trace

MAX_STEPS = 2_000_000


class Interpreter(Evaluator):
    """Runs the statements of one program.

    Parameters
    ----------
    program, tree
        As :func:`stepgrad.reader.read` returns them.
    number : NumberType
    supplied : mapping
        Arrays from outside, by name.
    max_steps : int
        How many statements, gates and edges may be taken.
    """

    def __init__(
        self, program: Program, tree: ast.Module, number: NumberType, supplied: Mapping[str, Array], max_steps: int
    ) -> None:
        super().__init__(program, number, max_steps)
        self.tree = tree
        self.supplied = dict(supplied)
        self.versions: dict[str, int] = {}
        self.names: dict[Node, Name] = {}
        self.last: tuple[Any, ast.AST] | None = None  # the last value, a node or a list that holds some; and its place

    def run(self, output: str | None) -> Trace:
        """Run the program and, where it has no backward of its own, one from its last value."""
        self.supply()
        for statement in self.tree.body:
            self.spend(1, statement)
            self.execute(statement)
        if self.swept and output is not None:
            raise InputError(f"the program calls backward itself; leave out the output {output!r}, or the call")
        result = None if self.swept else self.go_back(*(self.chosen(output) or self.computed()))
        if self.recording.current.nodes:
            self.recording.close()
        return Trace(
            self.recording.passes, self.number, program=self.program, names=self.names, spans=self.spans, result=result
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
                place = self.program.span_of(statement)
                hint = "assign a number to a name and compute with it, as in `f = 2*3`"
        raise ProgramError(f"the program computes nothing; {hint}", self.program, place)

    def chosen(self, output: str | None) -> tuple[Any, ast.AST] | None:
        """Return the value that the caller named as the output."""
        if output is None:
            return None
        name = unicodedata.normalize("NFKC", output)  # as Python reads names
        value = self.values.get(name)
        if not isinstance(value, Node) and not (isinstance(value, (list, tuple)) and holds_nodes(value)):
            raise InputError(f"the output {output!r} is no value of the program{nearest(name, self.values)}")
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
                self.bind(name, self.recorded_leaf(self.supplied.pop(name), None), None)

    def execute(self, statement: ast.stmt) -> None:
        """Run one statement."""
        match statement:
            case ast.Assign(targets=targets, value=value):
                self.assign(targets, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign([target], value)
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                left = self.evaluate(ast.copy_location(ast.Name(name, ast.Load()), target))
                self.bind(name, self.combine(statement, op, left, self.evaluate(value)), statement)
            case ast.Expr(value=ast.Constant(value=str())) | ast.Pass():
                pass
            case ast.Expr(value=value):
                result = self.evaluate(value)
                self.remember(result, value)
            case ast.Import(names=names):
                for alias in names:
                    self.import_module(alias.name, alias.asname, statement)
            case ast.ImportFrom(module=module, names=names):
                self.import_names(module or "", names, statement)
            case ast.AugAssign(target=target) | ast.AnnAssign(target=ast.Attribute() | ast.Subscript() as target):
                self.fail(f"{NOT_A_TARGET}; compute the new value and give it a name", target)
            case ast.AnnAssign(target=target):
                self.fail("this says a type and no value; write the value behind it, as in `x: float = 2.0`", target)
            case _:
                self.unknown(statement)

    def assign(self, targets: Sequence[ast.expr], source: ast.expr) -> None:
        """Assign to names, unpacking tuples; a supplied value replaces the first assignment of its name."""
        pairs = [pair for target in targets for pair in paired(target, source)]
        values: dict[ast.expr, Any] = {}  # every part is evaluated once, and all before the first name is bound
        for target, part in pairs:
            replaced = isinstance(target, ast.Name) and target.id in self.supplied
            if part not in values and not replaced:
                values[part] = self.evaluate(part)
        for target, part in pairs:
            self.unpack(target, values.get(part), part)

    def unpack(self, target: ast.expr, value: Any, source: ast.expr) -> None:
        """Bind one target, entry by entry where it is a tuple."""
        match target:
            case ast.Name(id=name):
                if name in self.supplied:
                    value = self.replacement(name, value, target, source)
                self.bind(name, value, target, source)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                entries = self.entries(value, source)
                if len(entries) != len(targets):
                    names, values = counted(len(targets), "name"), counted(len(entries), "value")
                    self.fail(f"{names} cannot take {values}; give one value per name", target)
                for each, entry in zip(targets, entries, strict=True):
                    self.unpack(each, entry, source)
            case ast.Starred():
                self.fail("`*` before a name is not understood; name every entry", target)
            case _:
                self.fail(f"{NOT_A_TARGET}; build a new list with the new entry in it", target)

    def entries(self, value: Any, source: ast.expr) -> Sequence[Any]:
        """Return what several names take: the entries of a list or along a tensor's first axis."""
        if isinstance(value, (list, tuple)):
            return value
        shape = shape_of(raw(value))
        if not shape:
            return [value]
        return [self.apply(GATES["index"], [value], source, {"index": (i,)}) for i in range(shape[0])]

    def replacement(self, name: str, value: Any, target: ast.expr, source: ast.expr) -> Node:
        """Record a supplied value in place of the one assigned, which is None if nothing else needed it."""
        calls_constant = isinstance(source, ast.Call) and dotted(source.func) == "constant"
        constant = calls_constant or (isinstance(value, Node) and not value.flows)
        return self.recorded_leaf(self.supplied.pop(name), target, source, constant=constant)

    def bind(self, name: str, value: Any, target: ast.AST | None, source: ast.AST | None = None) -> None:
        """Give a value a name: a literal becomes an input, a node gets the name if it has none."""
        if is_input(value, self.number):
            value = self.recorded_leaf(value, target, source)
        if isinstance(value, Node) and value not in self.names:
            self.versions[name] = self.versions.get(name, 0) + 1
            self.names[value] = Name(name, self.versions[name])
        self.remember(value, target or NOWHERE)
        self.values[name] = value

    def remember(self, value: Any, place: ast.AST) -> None:
        """Take a value for the program's last one, if gradients could start from it."""
        if isinstance(value, Node) or (isinstance(value, (list, tuple)) and holds_nodes(value)):
            self.last = (value, place)

    def import_module(self, module: str, alias: str | None, place: ast.stmt) -> None:
        """Accept ``import math`` and ``import numpy as np``: nothing is loaded."""
        if module not in (*MODULES, "stepgrad"):
            self.fail(f"`{module}` cannot be imported; only the functions of math and numpy are understood", place)
        self.modules[alias or module] = module

    def import_names(self, module: str, names: Sequence[ast.alias], place: ast.stmt) -> None:
        """Accept ``from math import exp``: the functions are understood anyway."""
        if module not in (*MODULES, "stepgrad"):
            self.fail(f"`{module}` cannot be imported; only the functions of math and numpy are understood", place)
        for alias in names:
            name = alias.asname or alias.name
            if name in self.supplied:
                self.bind(name, self.recorded_leaf(self.supplied.pop(name), place), place)
            elif alias.name in MODULE_NUMBERS:
                self.values[name] = self.module_number(alias.name, place)
            elif alias.asname not in (None, alias.name):
                self.fail(f"`{alias.name}` keeps its name here; write `from {module} import {alias.name}`", place)


def paired(target: ast.expr, source: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Pair the names of a target with the parts of its source, where both are written out."""
    match target, source:
        case (ast.Tuple(elts=targets) | ast.List(elts=targets), ast.Tuple(elts=parts) | ast.List(elts=parts)) if len(
            targets
        ) == len(parts) and not any(isinstance(each, ast.Starred) for each in (*targets, *parts)):
            for each, part in zip(targets, parts, strict=True):
                yield from paired(each, part)
        case _:
            yield target, source


def is_input(value: Any, number: NumberType) -> bool:
    """Whether a value becomes an input where it gets a name: a number, or lists or a tensor of numbers, no shape."""
    if isinstance(value, (list, tuple)):
        counts = isinstance(value, tuple) and any(isinstance(each, Size) for each in value)
        return not counts and not holds_nodes(value)
    return isinstance(value, (int, float, number.kind, Tensor)) and not isinstance(value, (Size, bool))


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
    with collector_paused():
        return Interpreter(program, tree, kind, supplied, max_steps).run(output)


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


def read_value(name: str, text: str) -> Any:
    """Read the value of a name, written outside a program: ``3``, ``-1/3``, ``[[1, 2], [3, 4]]``.

    Raises
    ------
    ProgramError, InputError
        If it is not a number or a list of numbers.
    """
    program, tree = read(text.strip(), f"<{name}>")
    match tree.body:
        case [ast.Expr(value=expression)]:
            value = Evaluator(program, NUMBER_TYPES[float], MAX_STEPS).evaluate(expression)
            if not isinstance(value, Node) and not holds_nodes(value):
                supplied_array(name, value, NUMBER_TYPES[float])
                return value
    raise ProgramError("this is no value; write a number or a list, as in 3 or [1, 2]", program, Span(1, 1, 1, 1))


def read_values(pairs: Iterable[str]) -> dict[str, Any]:
    """Read values given as ``NAME=VALUE``.

    Raises
    ------
    InputError
        If there is no name, or no value.
    ProgramError
        If the value is not a number or a list of numbers.
    """
    values = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip().isidentifier():
            raise InputError(f"{pair!r} gives no value; write NAME=VALUE, as in x=3")
        values[name.strip()] = read_value(name.strip(), text)
    return values
