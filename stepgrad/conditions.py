"""Conditions on steps: what breakpoints and searches look for.

A condition is asked about the step at an index of a trace. Those that are about nodes answer
without making the event. Each knows in which passes that repeat a pattern the answers may differ from those in the
others, so that :mod:`stepgrad.searching` need not ask about every step of a long run.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol

from stepgrad.called import Counted
from stepgrad.columns import Columns
from stepgrad.contents import AllCalled
from stepgrad.errors import InputError, nearest
from stepgrad.events import DIGITS, Backward, Direction, Event, Forward, Print, Seed, Tangent, Update
from stepgrad.linear import LinearMap
from stepgrad.operators import COMPARISONS
from stepgrad.ops import GATES
from stepgrad.stretches import Placed
from stepgrad.tensor import Tensor, flat
from stepgrad.trace import Trace


class Condition(Protocol):
    """What a step may fulfil."""

    @property
    def text(self) -> str:
        """How the user wrote it."""

    def holds(self, trace: Trace, index: int) -> bool:
        """Whether the event at an index fulfils it."""

    def exceptions(self, trace: Trace, placed: Placed) -> Container[int]:
        """Return the passes that may fulfil it at other places than others of their pattern do."""


@dataclass(frozen=True)
class OnNodes:
    """A step that computes one of these nodes, or an edge that starts or ends there."""

    text: str
    nodes: AllCalled | Collection[int]

    def holds(self, trace: Trace, index: int) -> bool:
        """Whether the event is about one of the nodes."""
        return any(node in self.nodes for node in trace.nodes_at(index))

    def exceptions(self, trace: Trace, placed: Placed) -> Container[int]:
        """Return the passes where single nodes are made, and those that follow."""
        return frozenset() if isinstance(self.nodes, AllCalled) else touched_by(self.nodes, placed)


@dataclass(frozen=True)
class OnGate:
    """A step of a gate: a value that it computes, a gradient that it hands on."""

    text: str
    gate: str

    def holds(self, trace: Trace, index: int) -> bool:
        """Whether the event's node was computed by the gate."""
        return any(trace.gate(node).name == self.gate for node in trace.nodes_at(index)[:1])

    def exceptions(self, trace: Trace, placed: Placed) -> Container[int]:
        """Return none: they have the same gates."""
        return frozenset()


@dataclass(frozen=True)
class NonFinite:
    """A step that meets nan or inf."""

    text: str = "nonfinite"

    def holds(self, trace: Trace, index: int) -> bool:
        """Whether a number of the event is not finite."""
        numbers = numbers_of(trace[index])
        return any(not math.isfinite(x) for array in numbers.values() for x in flat(array))

    def exceptions(self, trace: Trace, placed: Placed) -> Container[int]:
        """Return those with a number that is not finite, if their pattern is written out."""
        columns = trace.columns.get(placed.pattern)
        return range(placed.count) if columns is None else Diverged(columns, placed)


@dataclass(frozen=True)
class Comparison:
    """A step whose numbers fulfil an expression; those of a tensor, where any element does."""

    text: str
    test: Callable[[Mapping[str, Any]], Any]
    names: tuple[str, ...]

    def holds(self, trace: Trace, index: int) -> bool:
        """Whether the expression is true of the event's numbers."""
        return self.is_true_of(trace[index])

    def is_true_of(self, event: Event) -> bool:
        """Whether the expression is true of an event's numbers; not where one is missing."""
        numbers = numbers_of(event)
        if any(name not in numbers for name in self.names):
            return False
        if not any(isinstance(numbers[name], Tensor) for name in self.names):
            return self.fulfilled(numbers)
        columns = {name: flat(numbers[name]) for name in self.names}
        size = max(map(len, columns.values()), default=1)
        if any(len(column) not in (1, size) for column in columns.values()):
            return False
        each = ({name: column[i % len(column)] for name, column in columns.items()} for i in range(size))
        return any(map(self.fulfilled, each))

    def exceptions(self, trace: Trace, placed: Placed) -> Container[int]:
        """Return those where it is true of an event, if their pattern is written out."""
        columns, names = trace.columns.get(placed.pattern), trace.called
        if columns is None or not isinstance(names, Counted):
            return range(placed.count)
        return Fulfilling(self, columns, placed, names)

    def fulfilled(self, numbers: Mapping[str, Any]) -> bool:
        """Whether it is true of some numbers; an impossible arithmetic is not."""
        try:
            return bool(self.test(numbers))
        except (ArithmeticError, ValueError):
            return False


@dataclass(frozen=True)
class Mentions:
    """A step whose names, gate, source or printed text contain what was searched for, whatever its case."""

    text: str

    def holds(self, trace: Trace, index: int) -> bool:
        """Whether one of the event's nodes is, or is computed by, what was searched for; or what is printed has it."""
        nodes = trace.nodes_at(index)
        event = None if nodes else trace[index]
        if isinstance(event, Print):
            return self.text.casefold() in event.text.casefold()
        return any(self.mentioned(trace, node) for node in nodes)

    def mentioned(self, trace: Trace, node: int) -> bool:
        """Whether a node's name, gate or source text contains the words."""
        wanted = self.text.casefold()
        gate = trace.gate(node)
        if wanted in trace.name(node).casefold() or wanted in gate.name or wanted == gate.symbol.casefold():
            return True
        span = trace.span(node)
        return bool(span and trace.program and wanted in trace.program.at(span).casefold())

    def exceptions(self, trace: Trace, placed: Placed) -> Container[int]:
        """Return none, unless it may be part of a version, or of an index, that is searched for."""
        return range(placed.count) if any(sign in DIGITS for sign in map(ord, self.text)) else frozenset()


@dataclass(frozen=True)
class Diverged(Container[int]):
    """The passes, of those that repeat a pattern, with a number that is not finite."""

    columns: Columns
    placed: Placed

    def __contains__(self, k: object) -> bool:
        return isinstance(k, int) and not self.columns.is_finite_in(self.placed, k)


@dataclass(frozen=True)
class Fulfilling(Container[int]):
    """The passes, of those that repeat a pattern, that fulfil a comparison, or cannot be told column by column."""

    comparison: Comparison
    columns: Columns
    placed: Placed
    names: Counted

    def __contains__(self, k: object) -> bool:
        events = self.columns.events(self.placed, k, self.names, repeat(())) if isinstance(k, int) else ()
        return events is None or any(map(self.comparison.is_true_of, events))


def touched_by(nodes: Iterable[int], placed: Placed) -> frozenset[int]:
    """Return the passes where some of these nodes are made, and those that follow, which may use them."""
    first, period = placed.first_node, placed.pattern.period
    made = ((node - first) // period for node in nodes if first - len(placed.pattern.fresh) <= node < placed.end_node)
    return frozenset(k for made_in in made for k in (made_in, made_in + 1) if 0 <= k < placed.count)


def numbers_of(event: Event) -> dict[str, Any]:
    """Return the numbers of an event by the names that conditions use."""
    match event:
        case Forward():
            return {"step": event.step, "value": event.value}
        case Seed():
            return {"step": event.step, "gradient": event.gradient, "total": event.gradient}
        case Backward():
            numbers = {name: getattr(event, name) for name in ("step", "upstream", "product", "total")}
            numbers["gradient"] = event.total
            return numbers if isinstance(event.local, LinearMap) else {**numbers, "local": event.local}
        case Direction():
            return {"step": event.step, "tangent": event.tangent, "total": event.tangent}
        case Tangent():
            numbers = {name: getattr(event, name) for name in ("step", "tangent", "product", "total")}
            return numbers if isinstance(event.local, LinearMap) else {**numbers, "local": event.local}
        case Update():
            changed = {} if event.change is None else {"change": event.change}
            return {"step": event.step, "value": event.new, **changed}
    return {"step": event.step}


NUMBERS = ("step", "value", "gradient", "upstream", "tangent", "local", "product", "total", "change")
MOST_SHOWN = 40  # characters of a condition that a sentence about it repeats
# Functions of a condition, with the least and the most numbers that they take.
FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int, int]] = {
    "abs": (abs, 1, 1),
    "max": (max, 2, 9),
    "min": (min, 2, 9),
}
USES = {"abs": "abs(product)", "max": "max(value, 0)", "min": "min(value, 0)"}
BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def read_condition(text: str, trace: Trace) -> Condition:
    """Read what a user wrote: a name, a gate, ``nonfinite``, or a comparison such as ``abs(product) < 1e-6``.

    Raises
    ------
    InputError
        If it is none of these.
    """
    text = text.strip()
    if text in trace.versions:
        return OnNodes(text, trace.all_called(text))
    if text in trace.named or (text.startswith(("v", "%")) and text[1:].isdigit()):
        return OnNodes(text, frozenset([trace.find(text)]))
    if text in ("nonfinite", "nan", "inf"):
        return NonFinite(text)
    gate = next((gate.name for gate in GATES.values() if text in (gate.name, gate.symbol, *gate.also)), None)
    if gate is not None:
        return OnGate(text, gate)
    names: list[str] = []
    try:
        tree = ast.parse(text, mode="eval").body
        test = None if isinstance(tree, ast.Name) else reader(tree, names)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        start = text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "…"
        raise InputError(f"{start!r} is no condition; write a name, a gate, or as in `abs(product) < 1e-6`") from None
    if test is None:
        if text in NUMBERS:
            raise InputError(f"compare {text} with something, as in `{text} > 1`")
        known = nearest(text, [*trace.suggested, *GATES, "nonfinite"])
        raise InputError(f"there is no name and no gate {text!r} here{known or '; write as in w0, exp, nonfinite'}")
    if not names:
        raise InputError(f"{text!r} is the same at every step; a condition compares {', '.join(NUMBERS)}")
    return Comparison(text, test, tuple(dict.fromkeys(names)))


def reader(tree: ast.expr, names: list[str]) -> Callable[[Mapping[str, Any]], Any]:
    """Turn an expression into a function of an event's numbers, and collect the names that it uses.

    Only comparisons, arithmetic, ``and``, ``or``, ``not``, ``abs``, ``max`` and ``min`` are understood;
    nothing of the user's text is executed.
    """
    match tree:
        case ast.Constant(value=bool() | int() | float() as number):
            return lambda numbers: number
        case ast.Name(id=name) if name in NUMBERS:
            names.append(name)
            return operator.itemgetter(name)
        case ast.Name(id=name):
            raise InputError(f"a condition knows {', '.join(NUMBERS)}, not {name!r}{nearest(name, NUMBERS)}")
        case ast.UnaryOp(op=ast.USub() | ast.Not() as sign, operand=operand):
            inner = reader(operand, names)
            return (lambda numbers: -inner(numbers)) if isinstance(sign, ast.USub) else lambda n: not inner(n)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
            combine, first, second = BINARY[type(op)], reader(left, names), reader(right, names)
            return lambda numbers: combine(first(numbers), second(numbers))
        case ast.BoolOp(op=op, values=values):
            parts, together = [reader(value, names) for value in values], all if isinstance(op, ast.And) else any
            return lambda numbers: together(part(numbers) for part in parts)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            (function, least, most), parts = FUNCTIONS[name], [reader(arg, names) for arg in args]
            if not least <= len(parts) <= most:
                raise InputError(
                    f"{name} takes {'one number' if most == 1 else 'two numbers or more'}, as in {USES[name]}"
                )
            return lambda numbers: function(*(part(numbers) for part in parts))
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in COMPARISONS for op in ops):
            sides, tests = [reader(each, names) for each in (left, *others)], [COMPARISONS[type(op)] for op in ops]
            return lambda numbers: all(
                test(a(numbers), b(numbers)) for test, a, b in zip(tests, sides, sides[1:], strict=False)
            )
    raise InputError(f"`{ast.unparse(tree)}` is not understood in a condition; write as in `abs(product) < 1e-6`")
