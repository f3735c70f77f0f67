"""Expressions of the language: from ``ast`` to functions that evaluate them.

A program is read once and may run many times, in a loop. So every expression is turned, before it
runs, into a Python function without arguments, put together from those of its parts. The user's text
is never evaluated by other means. As in ``ast.NodeVisitor``, the kind of an expression names the
method that reads it: ``read_BinOp`` reads an operator, and what has no method is not understood.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple, NoReturn

from stepgrad.callees import Caller
from stepgrad.errors import GateError
from stepgrad.formula import compile_formula
from stepgrad.gate import Elementwise, Gate
from stepgrad.literals import OffTape, Size, whole_number
from stepgrad.names import dotted
from stepgrad.numeric import FLOAT
from stepgrad.operators import COMPARISONS, OPERATORS
from stepgrad.ops import GATES
from stepgrad.reader import MAX_NESTING, TOO_DEEP
from stepgrad.refusals import refusal
from stepgrad.scopes import MISSING, Thunk
from stepgrad.tape import Node
from stepgrad.vocabulary import MODULES

WEIGHTS: Mapping[str, int] = {  # operations that make no node take time all the same
    "Call": 4, "Compare": 1, "BoolOp": 1, "UnaryOp": 1, "Subscript": 1, "Attribute": 2, "FormattedValue": 2,
    "List": 2, "Tuple": 2, "Lambda": 4, "Kept": 4,  # which pays for the call that goes backward from it
}  # fmt: skip
Link = Callable[[Any], Any]  # applies an operator to its left operand
Recorder = Callable[..., Node]


class Readers(dict[type, tuple[str, int]]):
    """For each kind of node of the syntax tree, the name of the method that reads it, and its weight."""

    def __missing__(self, kind: type) -> tuple[str, int]:
        self[kind] = f"read_{kind.__name__}", WEIGHTS.get(kind.__name__, 0)
        return self[kind]


READERS = Readers()


class Applied(NamedTuple):
    """What applies an elementwise operator to numbers.

    Attributes
    ----------
    gate : Elementwise
    both, left, right : callable or None
        The recorders, by which operands are nodes.
    compute : callable
        Its formula.
    """

    gate: Elementwise
    both: Recorder | None
    left: Recorder | None
    right: Recorder | None
    compute: Callable[..., Any]


class Expressions(Caller):
    """A machine that reads expressions.

    Attributes
    ----------
    depth : int
        How many expressions and statements stand around the one that is read.
    weight : int
        How many operations have been read so far.
    """

    depth = 0
    weight = 0

    def evaluate(self, node: ast.expr) -> Any:
        """Return the value of an expression, now."""
        return self.read(node)()

    def read(self, node: ast.AST) -> Any:
        """Turn an expression into a function that evaluates it, and a statement into one that executes it."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            self.fail(f"this is {TOO_DEEP}", node)
        try:
            name, weight = READERS[node.__class__]
            self.weight += weight
            reader = getattr(self, name, None)
            return self.refuse(node) if reader is None else reader(node)
        finally:
            self.depth -= 1

    def weighed(self, node: ast.AST) -> tuple[Any, int]:
        """Read an expression or a statement, and return for how many steps it counts that makes no nodes."""
        outside, self.weight = self.weight, 0
        try:
            return self.read(node), 1 + self.weight // 2
        finally:
            self.weight = outside

    def refuse(self, what: ast.AST, place: ast.AST | None = None) -> NoReturn:
        """Refuse what the language does not have."""
        self.fail(refusal(what), place or what)

    def read_Constant(self, node: ast.Constant) -> Thunk:
        """Read a literal: exact numbers from the text, so that 0.1 is 1/10."""
        value = node.value
        if isinstance(value, (bytes, complex)):
            kind = "text of bytes" if isinstance(value, bytes) else "a complex number"
            self.fail(f"{kind} is not understood here; write a real number or a name", node)
        if isinstance(value, float) and self.number is not FLOAT:
            value = self.number.make(self.program.at(self.span_of(node)).replace("_", ""))
        return lambda: value

    def read_Name(self, node: ast.Name) -> Thunk:
        """Read a name: most often one of the scope at hand."""
        name = node.id

        def look() -> Any:
            try:
                return self.scope[name]
            except KeyError:
                return self.look_up(name, node)

        return look

    # Operators

    def read_BinOp(self, node: ast.BinOp) -> Thunk:
        """Read a chain of operators from the left, without recursing along it."""
        spine = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            spine.append(left)
            left = left.left
        first = self.read(left)
        links = [self.link(each.right, each, each.left) for each in reversed(spine)]
        if len(links) == 1:
            (link,) = links
            return lambda: link(first())

        def chain() -> Any:
            value = first()
            for each in links:
                value = each(value)
            return value

        return chain

    def link(self, right: ast.expr, node: ast.BinOp | ast.AugAssign, left: ast.expr | None = None) -> Link:
        """Return what applies an operator to a left operand."""
        self.weight += 1
        read_right, op = self.read(right), node.op
        if isinstance(op, ast.Mult) and isinstance(left, ast.List) and len(left.elts) == 1:
            return lambda value: self.repeated(value, read_right(), node)
        if isinstance(op, ast.Mult) and isinstance(right, ast.List) and len(right.elts) == 1:
            return lambda value: self.repeated(read_right(), value, node)
        applied = self.applied_by(op.__class__)
        if applied is None:
            return lambda value: self.combine(node, op, value, read_right())
        return self.elementwise_link(applied, right, read_right, node)

    def applied_by(self, kind: type[ast.operator]) -> Applied | None:
        """Return what applies an operator to numbers; None if it is no elementwise one, or has a function too few."""
        if kind not in self.applied:
            self.applied[kind] = self.found_for(GATES.get(OPERATORS[kind]))
        return self.applied[kind]

    @cached_property
    def applied(self) -> dict[type[ast.operator], Applied | None]:
        """What has been found for the operators that were read so far."""
        return {}

    def found_for(self, gate: Gate | None) -> Applied | None:
        """Find what applies an operator's gate to numbers."""
        if not isinstance(gate, Elementwise):
            return None
        scalar, number, recorders = self.recording.scalar_type, self.number.kind, self.recording.recorders
        try:
            both, left, right = (
                recorders[gate, *kinds] for kinds in ((scalar, scalar), (scalar, number), (number, scalar))
            )
        except GateError:  # the number type lacks a function
            return None
        return Applied(gate, both, left, right, compile_formula(gate.forward, self.number))

    def elementwise_link(
        self, applied: Applied, right: ast.expr, read_right: Thunk, node: ast.BinOp | ast.AugAssign
    ) -> Link:
        """Return what applies an elementwise operator.

        Numbers go straight to the recorder compiled for the gate, and those that are not recorded to its formula.
        """
        recording, note, span = self.recording, self.spans.append, self.program.span_of(node)
        scalar, kind = recording.scalar_type, self.number.kind
        gate, both, left_only, right_only, compute = applied
        whole = whole_number(right.value) if isinstance(right, ast.Constant) else None
        literal = None if whole is None else self.number.make(whole)

        def apply(left: Any) -> Any:
            right = read_right()
            if left.__class__ is scalar:
                if literal is not None:
                    right = literal
                record = both if right.__class__ is scalar else left_only if right.__class__ is kind else None
            else:
                record = right_only if left.__class__ is kind and right.__class__ is scalar else None
            try:
                if record is not None and not self.off:
                    made = record(recording.current, left, right)
                    note(span)
                    return made
                x = left.value if left.__class__ is scalar or left.__class__ is OffTape else left
                y = right.value if right.__class__ is scalar or right.__class__ is OffTape else right
                if x.__class__ is kind and y.__class__ is kind:
                    if x is left and y is right:
                        return compute(x, y)
                    found = OffTape(compute(x, y))
                    if self.journal is not None:
                        self.journal.note_computed(found, gate, compute, left, right, span=span)
                    return found
            except GateError as error:
                self.fail(str(error), node)
            return self.combine(node, node.op, left, right)

        return apply

    def read_UnaryOp(self, node: ast.UnaryOp) -> Thunk:
        """Read a sign, or ``not``."""
        inner = self.read(node.operand)
        match node.op:
            case ast.USub():
                return self.read_minus(inner, node)
            case ast.UAdd():
                return inner  # type: ignore[no-any-return]
            case ast.Not():
                return lambda: not self.truth(inner(), node.operand)
        return self.refuse(node.op, node)

    def read_minus(self, inner: Thunk, node: ast.UnaryOp) -> Thunk:
        """Read a minus sign: a product with -1."""
        applied, minus, kind = self.applied_by(ast.Mult), self.number.make(-1), self.number.kind
        recording, scalar = self.recording, self.recording.scalar_type
        if applied is None:
            return lambda: self.negated(inner(), node)
        record, compute = applied.left, applied.compute

        def negate() -> Any:
            value = inner()
            try:
                if value.__class__ is scalar and record is not None and not self.off:
                    made = record(recording.current, value, minus)
                    self.spans.append(self.span_of(node))
                    return made
                if value.__class__ is kind:
                    return compute(value, minus)
            except GateError as error:
                self.fail(str(error), node)
            return self.negated(value, node)

        return negate

    def read_Compare(self, node: ast.Compare) -> Thunk:
        """Read a comparison, or a chain of them."""
        parts = [self.read(side) for side in (node.left, *node.comparators)]
        if len(parts) == 2:
            (op,), (left, right) = node.ops, parts
            test = COMPARISONS.get(type(op))
            return (
                self.comparison(test, op, left, right, node)
                if test
                else lambda: self.compared(op, left(), right(), node)
            )

        def chain() -> Any:
            left = parts[0]()
            for op, part in zip(node.ops, parts[1:], strict=True):
                right = part()
                if not self.truth(self.compared(op, left, right, node), node):
                    return False
                left = right
            return True

        return chain

    def comparison(
        self, test: Callable[[Any, Any], Any], op: ast.cmpop, left: Thunk, right: Thunk, node: ast.Compare
    ) -> Thunk:
        """Return what compares two values: most often numbers."""
        scalar, numbers = self.recording.scalar_type, (self.number.kind, int, Size)

        def compare() -> Any:
            x, y = left(), right()
            if self.journal is not None:
                self.steer(x, y)
            a = x.value if x.__class__ is scalar or x.__class__ is OffTape else x
            b = y.value if y.__class__ is scalar or y.__class__ is OffTape else y
            if a.__class__ in numbers and b.__class__ in numbers:
                return test(a, b)
            return self.compared(op, x, y, node)

        return compare

    def read_BoolOp(self, node: ast.BoolOp) -> Thunk:
        """Read ``and`` or ``or``, which return one of their operands, as in Python."""
        parts = [(self.read(value), value) for value in node.values]
        every = isinstance(node.op, ast.And)

        def decide() -> Any:
            value = None
            for place, (part, written) in enumerate(parts, 1):
                value = part()
                if place < len(parts) and self.truth(value, written) is not every:
                    break
            return value

        return decide

    def read_IfExp(self, node: ast.IfExp) -> Thunk:
        """Read a conditional expression."""
        condition, first, second = self.read(node.test), self.read(node.body), self.read(node.orelse)
        return lambda: first() if self.truth(condition(), node.test) else second()

    # Modules

    def module_of(self, prefix: str) -> str | None:
        """Return the module that a prefix such as ``np`` or ``np.linalg`` means, if it is one."""
        first, dot, rest = prefix.partition(".")
        spelled = f"{self.modules.get(first, '')}{dot}{rest}"
        return spelled if spelled in MODULES else None

    def check_module_name(self, prefix: ast.expr) -> None:
        """Refuse a module's name that the program gave to a value."""
        name = dotted(prefix)
        if self.scope.find(name.partition(".")[0]) is not MISSING:
            self.fail(f"`{name}` is a value here, not the module; give the value another name", prefix)
