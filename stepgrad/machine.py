"""The machine: the state of a running program, and what it does with nodes and names.

A value is a node, a literal (a number or nested lists of numbers), a number off the tape, which is
what ``.grad`` returns and whatever is computed from it, a list, some text or a function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import prod
from random import Random
from typing import Any, NoReturn, Protocol
from weakref import ref

from stepgrad.errors import GateError, ProgramError
from stepgrad.gate import Elementwise, Gate, Params
from stepgrad.journal import Journal
from stepgrad.literals import OffTape, array_of, count_numbers, holds, raw
from stepgrad.numeric import EXACT, FLOAT, NumberType
from stepgrad.ops import CONSTANT, GATES, INPUT
from stepgrad.prices import METER
from stepgrad.recording import Recording
from stepgrad.scopes import Call, Scope
from stepgrad.source import Program, Span
from stepgrad.tape import NO_PARAMS, Node, Printed
from stepgrad.tensor import Array, Tensor, flat, shape_of
from stepgrad.vocabulary import UNDERSTOOD_ANYWAY
from stepgrad.work import FLOATS, FRACTIONS, SLOW, SMALL, steps_for, steps_of_entries

NOWHERE = ast.Module([], [])
MOST_OPERATIONS = 500_000  # kept in refrains


class Pending(Protocol):
    """What has been put off.

    Attributes
    ----------
    position : int
        How many statements of the round under way have been put off.
    """

    position: int

    def gives(self, names: Iterable[str]) -> bool:
        """Whether it gives something to one of these names."""

    def minds(self, names: Iterable[str]) -> bool:
        """Whether it must be done before one of these names is bound to a literal."""

    def sees(self, entries: Any) -> bool:
        """Whether it is given this list, or a list with it."""

    def settle(self) -> None:
        """Do it now."""

    def finish(self) -> None:
        """Do of it what a trace needs: the program ends."""

    def tells(self, name: str) -> bool:
        """Let a name's node hold the number that it would; say whether that is known."""


class Machine:
    """The state of a running program.

    Parameters
    ----------
    program : Program
    number : NumberType
    max_steps : int
        How many statements, gates and edges may be taken.

    Attributes
    ----------
    counts_digits : bool
        Whether numbers may have so many digits that these count as steps.
    times : pair of int
        How many multiplications of floats one of a product, and one of an element, count as.
    scope : Scope
        The names at hand: the program's, or those of the call that is under way.
    modules : mapping
        What is understood before a dot, and the module that it stands for.
    spans : list of Span or None
        For every node, the stretch of the program that computed it.
    names : mapping
        For every node that has a name: in how deep a call it was given it, and the name. The first counts, but
        one given further outside counts more; an input that was updated keeps it.
    calls : list of Call
    under_way : list of int
        The indices of the calls that have not returned yet.
    off : int
        In how many ``with no_grad()`` blocks the program is.
    swept : int
        The number of the pass swept last.
    holders : mapping
        For every input, the names that change when it is updated in place.
    newer : mapping
        For inputs updated in place, what took their place: lists look here.
    masks : set of Node
        What comparisons of tensors made.
    paid : int
        For how many nodes statements have paid.
    passed_over : int
        How many nodes are in no list of nodes, since their passes are kept as what repeats.
    pending : Pending or None
        The loop whose last rounds are still to be recorded.
    journal : Journal or None
        Where it is written down what happens, while a refrain is learned.
    mutations : int
        How often a list has been changed.
    walked : int
        How many entries of lists were looked at to see whether a refrain can be repeated.
    operations_left : int
        How many more may be kept in refrains.
    last : tuple or None
        The last value, a node or a list that holds some, and its place.
    chance : Random
        What numbers are drawn from where no seed is given.
    """

    def __init__(self, program: Program, number: NumberType, max_steps: int) -> None:
        self.program = program
        self.recording = Recording(number)
        self.number = number
        self.steps_left = self.max_steps = max_steps
        self.times = FLOATS if number is FLOAT else FRACTIONS if number is EXACT else SLOW
        self.counts_digits = number is EXACT or issubclass(number.kind, Decimal)
        self.scope = Scope()
        self.modules: dict[str, str] = dict(UNDERSTOOD_ANYWAY)
        self.spans: list[Span | None] = []
        self.names: dict[Node, tuple[int, str]] = {}
        self.calls: list[Call] = []
        self.under_way: list[int] = []
        self.off = 0
        self.swept = 0
        self.holders: dict[Node, list[tuple[ref[Scope], str]]] = {}
        self.most_holders = 1000  # before those of the past are forgotten
        self.newer: dict[Node, Node] = {}
        self.masks: set[Node] = set()
        self.paid = 0
        self.passed_over = 0
        self.pending: Pending | None = None
        self.journal: Journal | None = None
        self.mutations = 0
        self.walked = 0
        self.operations_left = MOST_OPERATIONS
        self.last: tuple[Any, ast.AST] | None = None
        self.chance = Random(0)
        self.has_tensors = False
        self.known_spans: dict[tuple[ast.AST, ast.AST | None], Span] = {}

    def span_of(self, node: ast.AST, last: ast.AST | None = None) -> Span:
        """Return the stretch of the program that a node of its tree is, or that from it to another."""
        found = self.known_spans.get((node, last))
        if found is None:
            found = self.known_spans[node, last] = self.program.span_of(node, last)
        return found

    # What was updated in place

    def newest(self, node: Any) -> Any:
        """Return what took the place of an input that was updated in place, or the value itself."""
        if not isinstance(node, Node) or node not in self.newer:
            return node
        passed = []
        while node in self.newer:
            passed.append(node)
            node = self.newer[node]
        for each in passed:
            self.newer[each] = node
        return node

    def refreshed(self, values: Any) -> Any:
        """Bring a list up to date with what was updated in place since it was looked at."""
        if not self.newer or not isinstance(values, (list, tuple)):
            return values
        if not any(isinstance(each, Node) and each in self.newer for each in values):
            return values
        found = list(map(self.newest, values))
        if isinstance(values, tuple):
            return tuple(found)
        values[:] = found
        return values

    def all_refreshed(self, value: Any) -> Any:
        """Bring a list, and the lists in it, up to date with what was updated in place."""
        if not self.newer or not isinstance(value, (list, tuple)):
            return self.newest(value)
        entries = list(map(self.all_refreshed, value))
        if isinstance(value, tuple):
            return tuple(entries)
        value[:] = entries
        return value

    # Recording

    def apply(self, gate: Gate, operands: Sequence[Any], place: ast.AST, params: Params = NO_PARAMS) -> Any:
        """Apply a gate: recorded if a node is among the operands, computed at once if not.

        What is computed from a number off the tape, or under ``no_grad``, stays off the tape.
        """
        ready = [self.operand(operand, place) for operand in operands]
        nodes = gate.constant or any(isinstance(operand, Node) for operand in ready)
        off_tape = any(isinstance(operand, OffTape) for operand in ready) or (nodes and self.off > 0)
        shapes = [shape_of(raw(operand)) for operand in ready]
        try:
            if any(shapes) or not isinstance(gate, Elementwise):
                self.spend(steps_for(gate, gate.aligned(shapes), params, self.times), place)
            if off_tape or not nodes:
                found = self.recording.compute(gate, [raw(operand) for operand in ready], params)
                self.pay_for(found, shapes, place)
                return self.off_tape(found, gate, ready, params, place) if off_tape else found
            node = self.recording.apply(gate, ready, params)
        except GateError as error:
            self.fail(str(error), place)
        self.pay_for(node.value, shapes, place)
        self.recorded(self.span_of(place))
        return node

    def off_tape(self, found: Array, gate: Gate, operands: Sequence[Any], params: Params, place: ast.AST) -> OffTape:
        """Return what a gate computed off the tape, and write it down if a journal is kept."""
        result = OffTape(found)
        if self.journal is not None:
            compute, span = self.recording.compute, self.span_of(place)
            self.journal.note(
                result, lambda _, *given: compute(gate, list(map(raw, given)), params), *operands, span=span
            )
        return result

    def spoil(self) -> None:
        """Say that what is happening cannot be repeated, since a value decides on it, or a list changes."""
        if self.journal is not None:
            self.journal.spoiled = True

    def steer(self, *values: Any) -> None:
        """Say that what these are decides on what is done: that can be repeated if they are literals."""
        if self.journal is not None and holds(values, (Node, OffTape, Tensor)):
            self.spoil()

    def pay_for(self, result: Array, shapes: Sequence[Sequence[int]], place: ast.AST) -> None:
        """Pay for a result that is larger than what it was computed from."""
        if isinstance(result, Tensor):
            self.has_tensors = True
            self.pay(max(0, len(result.data) - sum(map(prod, shapes))), place)

    def pay_for_digits(self, count: int, place: ast.AST) -> None:
        """Pay for the digits of what was recorded last: reducing fractions takes time as the square of theirs."""
        if self.number is not EXACT:  # decimals have been metered
            self.spend(0, place)
            return
        for node in self.recording.current.nodes[-count:]:
            for each in flat(node.value):
                self.steps_left -= (each.denominator.bit_length() >> 11) ** 2
        self.spend(0, place)

    def recorded_leaf(
        self, value: Any, target: ast.AST, source: ast.AST | None = None, *, constant: bool = False
    ) -> Node:
        """Record an input or a constant from a literal."""
        ready = raw(self.operand(value, source or target))
        gate = CONSTANT if constant else INPUT
        if isinstance(ready, Tensor):
            self.pay(len(ready.data), target)
        node = self.recording.leaf(ready, gate)
        self.recorded(None if target is NOWHERE else self.span_of(target, source))
        return node

    def operand(self, value: Any, place: ast.AST) -> Any:
        """Bring a value to what gates take: a node, a number, a tensor, or one off the tape."""
        if value.__class__ is self.number.kind or isinstance(value, (Node, OffTape, Tensor)):
            return value
        if isinstance(value, (list, tuple, range)):
            value = self.refreshed(self.listed(value, place))
            if holds(value, (Node, OffTape, Tensor)):
                return self.apply(GATES["stack"], value, place, {"axis": 0})
        try:
            return array_of(list(value) if isinstance(value, range) else value, self.number)
        except GateError as error:
            return self.fail(str(error), place)

    def listed(self, value: Any, node: ast.AST) -> Any:
        """Pay for a list, a tuple or a range, if a tensor of it would not be too large, and return it."""
        try:
            count = count_numbers(value)
        except GateError as error:
            self.fail(str(error), node)
        self.pay(count, node)
        return value

    def recorded(self, span: Span | None) -> None:
        """Note where the nodes just recorded stand in the program; the statement pays for them."""
        self.spans += [span] * (self.recording.node_count - self.passed_over - len(self.spans))

    def print_line(self, text: str, place: ast.AST) -> None:
        """Write down that the program printed a line."""
        self.recording.mark(Printed(text, self.span_of(place)))
        self.spend(1, place)

    def pay(self, entries: int, place: ast.AST) -> None:
        """Count the entries of lists, or signs of text, that are gone through or made."""
        if entries > SMALL:
            self.spend(steps_of_entries(entries), place)

    def spend(self, steps: int, place: ast.AST) -> None:
        """Count statements, gates and edges against the limit."""
        self.steps_left -= steps
        if self.steps_left < 0 or (self.counts_digits and self.steps_left + METER.left < self.max_steps):
            limit = f"{self.max_steps:,} steps"
            self.fail(
                f"the program takes more than {limit}; shorten it, let its loops end, or raise --max-steps", place
            )

    def fail(self, sentence: str, node: ast.AST) -> NoReturn:
        """Raise an error with its place."""
        raise ProgramError(sentence, self.program, self.span_of(node)) from None
