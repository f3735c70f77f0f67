"""The language: a program's text, interpreted as a computational graph.

Statements are walked in order; what they compute goes to the recording, and the finished recording
becomes the trace. The tape is defined by the run, not by the text.
"""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from stepgrad.calls import MODULE_NUMBERS, MODULES
from stepgrad.errors import InputError, ProgramError, nearest
from stepgrad.events import Name
from stepgrad.expressions import NOWHERE, Evaluator
from stepgrad.literals import Size, holds_nodes, plain
from stepgrad.numeric import NUMBER_TYPES, NumberType
from stepgrad.ops import GATES
from stepgrad.reader import names_in_order, read
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
        Values from outside, by name: numbers or nested lists.
    max_steps : int
        How many statements, gates and edges may be taken.
    """

    def __init__(
        self, program: Program, tree: ast.Module, number: NumberType, supplied: Mapping[str, Any], max_steps: int
    ) -> None:
        super().__init__(program, number, max_steps)
        self.tree = tree
        self.supplied = dict(supplied)
        self.versions: dict[str, int] = {}
        self.names: dict[Node, Name] = {}
        self.last: tuple[Node, ast.AST] | None = None

    def run(self, output: str | None) -> Trace:
        """Run the program and, where it has no backward of its own, one from its last value."""
        self.supply()
        for statement in self.tree.body:
            self.spend(1, statement)
            self.execute(statement)
        if not self.swept:
            self.last = self.chosen(output) or self.last
            if self.last is None:
                raise ProgramError("the program computes nothing; write an expression", self.program, Span(1, 1, 1, 1))
            if self.last[0].flows:
                self.backward(*self.last, None)
        elif output is not None:
            raise InputError(f"the program calls backward itself; leave out the output {output!r}, or the call")
        if self.recording.current.nodes:
            self.recording.close()
        node, _ = self.last or (None, None)
        return Trace(
            self.recording.passes, self.number, program=self.program, names=self.names, spans=self.spans, result=node
        )

    def chosen(self, output: str | None) -> tuple[Node, ast.AST] | None:
        """Return the node that the caller named as the output."""
        if output is None:
            return None
        value = self.values.get(output)
        if not isinstance(value, Node):
            raise InputError(f"the output {output!r} is no value of the program{nearest(output, self.values)}")
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
                self.bind(name, self.supplied.pop(name), None)

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
                if isinstance(result, Node):
                    self.last = (result, value)
            case ast.Import(names=names):
                for alias in names:
                    self.import_module(alias.name, alias.asname, statement)
            case ast.ImportFrom(module=module, names=names):
                self.import_names(module or "", names, statement)
            case _:
                self.unknown(statement)

    def assign(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        """Assign to names, unpacking tuples; a supplied value replaces the first assignment."""
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        replaced = len(names) == len(targets) == 1 and names[0] in self.supplied
        if replaced:
            result = self.supplied.pop(names[0])
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "constant":
                result = self.recorded_leaf(result, value, constant=True)
        else:
            result = self.evaluate(value)
        for target in targets:
            self.unpack(target, result, value)

    def unpack(self, target: ast.expr, value: Any, source: ast.expr) -> None:
        """Bind one target, entry by entry where it is a tuple."""
        match target:
            case ast.Name(id=name):
                self.bind(name, self.supplied.pop(name, value), target, source)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                if isinstance(value, Node) and shape_of(value.value):
                    size = shape_of(value.value)[0]
                    value = [self.apply(GATES["index"], [value], source, {"index": (i,)}) for i in range(size)]
                if not isinstance(value, (list, tuple)) or len(value) != len(targets):
                    count = len(value) if isinstance(value, (list, tuple)) else 1
                    values = "1 value" if count == 1 else f"{count} values"
                    self.fail(f"{len(targets)} names cannot take {values}; give one value per name", target)
                parts = source.elts if isinstance(source, (ast.Tuple, ast.List)) else [source] * len(targets)
                for each, entry, part in zip(targets, value, parts, strict=True):
                    self.unpack(each, entry, part)
            case _:
                self.fail("only names can be assigned; build a new list with the new entry in it", target)

    def bind(self, name: str, value: Any, target: ast.AST | None, source: ast.AST | None = None) -> None:
        """Give a value a name: a literal becomes an input, a node gets the name if it has none."""
        literal = isinstance(value, (int, float, self.number.kind, Tensor, list)) and not isinstance(
            value, (Size, bool)
        )
        if literal and not holds_nodes(value):
            value = self.recorded_leaf(value, target, source)
        if isinstance(value, Node):
            if value not in self.names:
                self.versions[name] = self.versions.get(name, 0) + 1
                self.names[value] = Name(name, self.versions[name])
            self.last = (value, target or NOWHERE)
        self.values[name] = value

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
            if alias.name in MODULE_NUMBERS:
                self.values[alias.asname or alias.name] = self.number.make(MODULE_NUMBERS[alias.name])
            elif alias.asname not in (None, alias.name):
                self.fail(f"`{alias.name}` keeps its name here; write `from {module} import {alias.name}`", place)

    def backward(self, output: Node, place: ast.AST, seed: Array) -> None:
        """Run the reverse sweep; its output is the program's, until the next one."""
        super().backward(output, place, seed)
        self.last = (output, place)


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
    supplied = {name: plain(value) for name, value in {**(inputs or {}), **named}.items()}
    with collector_paused():
        return Interpreter(program, tree, NUMBER_TYPES[number], supplied, max_steps).run(output)


def read_value(text: str, filename: str) -> Any:
    """Read a value written outside a program: ``3``, ``-1/3``, ``[[1, 2], [3, 4]]``.

    Raises
    ------
    ProgramError
        If it is not a number or a list of numbers.
    """
    program, tree = read(text.strip(), filename)
    match tree.body:
        case [ast.Expr(value=value)]:
            return Evaluator(program, NUMBER_TYPES[float], MAX_STEPS).evaluate(value)
    raise ProgramError("this is no value; write a number or a list, as in 3 or [1, 2]", program, Span(1, 1, 1, 1))
