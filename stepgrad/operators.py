"""Operators: what ``+``, ``<``, ``x[i]`` and ``x.T`` do with the values of a running program."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stepgrad.bindings import Bindings
from stepgrad.errors import GateError, nearest
from stepgrad.journal import DATA
from stepgrad.limits import LIMITS
from stepgrad.literals import Entries, OffTape, Size, holds, is_whole, length_of_range, raw, whole_number
from stepgrad.ops import GATES
from stepgrad.printing import by_percent, joined_text
from stepgrad.reader import TOO_LONG
from stepgrad.scopes import Function
from stepgrad.tape import Node
from stepgrad.tensor import Tensor, flat, shape_of, shaped, whole_axis
from stepgrad.vocabulary import GATE_OF, METHODS

SEQUENCES = (list, tuple, range)

OPERATORS: Mapping[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitXor: "^",
    ast.BitOr: "|",
    ast.BitAnd: "&",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
ON_INTS: Mapping[str, Callable[[int, int], int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
}
COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class Operators(Bindings):
    """A machine with operators."""

    # Arithmetic

    def combine(self, node: ast.AST, op: ast.operator, left: Any, right: Any) -> Any:
        """Apply an operator; whole literals keep Python's own arithmetic."""
        name = OPERATORS[type(op)]
        if isinstance(left, bool) or isinstance(right, bool):
            left, right = (Size(each) if isinstance(each, bool) else each for each in (left, right))
        if is_whole(left) and is_whole(right) and (name in ON_INTS or (name == "pow" and right >= 0)):
            return self.whole(name, left, right, node)
        if isinstance(left, str) or isinstance(right, str):
            return self.combined_text(name, left, right, node)
        if name in ("//", "%"):
            return self.remainder(name, left, right, node)
        if name not in GATES:
            hint = "write `**` for a power" if name == "^" else "use + - * / ** @"
            self.fail(f"`{name}` has no gate; {hint}", node)
        if any(isinstance(each, tuple) for each in (left, right)) and not holds([left, right], (Node, OffTape, Tensor)):
            self.fail("a tuple is not joined, repeated or computed with; write it out, or a list for a vector", node)
        if name == "add" and isinstance(left, list) and isinstance(right, list) and self.are_lists(left, right):
            return Entries(self.listed(left + right, node))
        return self.apply(GATES[name], [left, right], node)

    def are_lists(self, *values: list[Any]) -> bool:
        """Whether one of these is a list and no vector: it is empty, or holds nodes, texts or what has no number."""
        kinds = (Entries, Node, OffTape, str, Function, type(None))
        return not all(values) or any(holds(each, kinds) for each in values)

    def combined_text(self, name: str, left: Any, right: Any, node: ast.AST) -> str:
        """Join, repeat or fill in a text."""
        try:
            if name == "%" and isinstance(left, str):
                found = by_percent(left, right)
            elif name == "add" and isinstance(left, str) and isinstance(right, str):
                found = joined_text([left, right])
            elif name == "mul" and (is_whole(left) or is_whole(right)):
                text, count = (left, right) if isinstance(left, str) else (right, left)
                found = joined_text([text] * min(max(int(count), 0), 10_000))
            else:
                self.fail("text is not a number; give a number, a list of numbers or a name", node)
        except GateError as error:
            self.fail(str(error), node)
        self.pay(len(found), node)
        return found

    def number_in(self, value: Any) -> Any:
        """Return the number that a value is, on the tape or off it; None if it is none."""
        kind = value.__class__
        if kind is OffTape or kind is self.recording.scalar_type:
            value = value.value
            kind = value.__class__
        if kind is self.number.kind:
            return value
        return self.number.make(value) if kind in (int, Size) and abs(value) < 1 << 53 else None

    def remainder(self, name: str, left: Any, right: Any, node: ast.AST) -> Any:
        """Divide with a remainder: whole numbers, and numbers off the tape, since nothing flows through it."""
        numbers = [None if isinstance(each, SEQUENCES) else whole_number(raw(each)) for each in (left, right)]
        if None not in numbers:
            return self.whole(name, Size(numbers[0] or 0), numbers[1] or 0, node)
        x, y = (None if isinstance(each, Node) else self.number_in(each) for each in (left, right))
        if x is None or y is None:
            self.fail(f"`{name}` is understood of whole numbers only; nothing flows through it", node)
        try:
            found = x // y if name == "//" else x % y
        except ZeroDivisionError:
            self.fail("a number cannot be divided by zero with a remainder; check the divisor first", node)
        return OffTape(found) if isinstance(left, OffTape) or isinstance(right, OffTape) else found

    def whole(self, name: str, left: int, right: int, node: ast.AST) -> int:
        """Compute with whole numbers, of bounded length: ``9**9**9`` must not hang."""
        times = max(right, 1) if name == "pow" else 1
        if (left.bit_length() or 1) * times + right.bit_length() > LIMITS.bits:
            self.fail(TOO_LONG, node)
        if name in ("//", "%") and not right:
            self.fail("a number cannot be divided by zero with a remainder; check the divisor first", node)
        result = left**right if name == "pow" else ON_INTS[name](left, right)
        return Size(result) if isinstance(left, Size) or isinstance(right, Size) else result

    def repeated(self, value: Any, count: Any, node: ast.AST) -> Any:
        """Repeat a list of one entry, as in ``[0] * n``."""
        times = None if isinstance(count, (*SEQUENCES, str)) else whole_number(raw(count))
        if times is None or not isinstance(value, list):
            return self.combine(node, ast.Mult(), value, count)
        self.listed(range(max(times, 0)), node)
        return self.listed(value * max(times, 0), node)

    def negated(self, value: Any, node: ast.AST) -> Any:
        """Apply the minus sign."""
        return -value if is_whole(value) else self.apply(GATES["mul"], [value, -1], node)

    # Comparisons

    def compared(self, op: ast.cmpop, left: Any, right: Any, node: ast.AST) -> Any:
        """Compare two values: numbers give a truth value, tensors a constant of 0 and 1."""
        match op:
            case ast.Is() | ast.IsNot():
                return (left is right) is isinstance(op, ast.Is)
            case ast.In() | ast.NotIn():
                return self.contains(right, left, node) is isinstance(op, ast.In)
        self.steer(left, right)
        test = COMPARISONS[type(op)]
        a, b = raw(left), raw(right)
        if isinstance(a, SEQUENCES) or isinstance(b, SEQUENCES):
            if not holds([a, b], (Node, OffTape, Tensor)):
                return self.compared_lists(test, left, right, node)
            a, b = (raw(self.operand(each, node)) for each in (left, right))
        if isinstance(a, Tensor) or isinstance(b, Tensor):
            return self.compared_tensors(test, a, b, node)
        ordered = not isinstance(op, (ast.Eq, ast.NotEq))
        if ordered and isinstance(a, str) is not isinstance(b, str):
            self.fail("these have no order; compare numbers", node)
        try:
            return bool(test(a, b))
        except TypeError:
            return self.fail("these have no order; compare numbers", node)

    def compared_lists(self, test: Callable[[Any, Any], Any], left: Any, right: Any, node: ast.AST) -> bool:
        """Compare lists of literals as Python does."""
        for each in (left, right):
            if isinstance(each, SEQUENCES):
                self.listed(each, node)
        try:
            return bool(test(left, right))
        except TypeError:
            return self.fail("these have no order; compare numbers", node)

    def compared_tensors(self, test: Callable[[Any, Any], Any], a: Any, b: Any, node: ast.AST) -> Node:
        """Compare element by element."""
        try:
            target = GATES["add"].aligned([shape_of(self.operand(each, node)) for each in (a, b)])[0]
            a, b = (
                self.recording.compute(GATES["broadcast"], [self.operand(each, node)], {"shape": target})
                for each in (a, b)
            )
        except GateError as error:
            self.fail(str(error), node)
        found = [self.number.make(int(test(x, y))) for x, y in zip(flat(a), flat(b), strict=True)]
        mask = self.recorded_leaf(shaped(target, found), node, constant=True)
        self.masks.add(mask)
        return mask

    def contains(self, values: Any, value: Any, node: ast.AST) -> bool:
        """Look for a value in a list, or for a text in a text."""
        if isinstance(values, str):
            return isinstance(value, str) and value in values
        entries = self.refreshed(self.entries_of(values, node))
        wanted = raw(value)
        if isinstance(entries, range):
            whole = whole_number(wanted)
            return whole is not None and whole in entries
        self.pay(len(entries), node)
        if isinstance(wanted, SEQUENCES):
            return any(self.compared(ast.Eq(), each, value, node) is True for each in entries)
        return any(raw(each) == wanted for each in entries)

    def truth(self, value: Any, node: ast.AST) -> bool:
        """Return whether a value counts as true, as in Python; a tensor of several numbers does not say."""
        if value is True or value is False:
            return value
        self.steer(value)
        plain = raw(value)
        if isinstance(plain, Tensor):
            if len(plain.data) != 1:
                self.fail("a tensor of several numbers is neither true nor false; compare its sum, or one entry", node)
            plain = plain.data[0]
        return bool(plain)

    # Attributes and entries

    def attribute_of(self, value: Any, node: ast.Attribute) -> Any:
        """Read ``x.T``, ``x.grad``, ``x.data`` or ``x.shape``."""
        name = node.attr
        if name == "T":
            return self.apply(GATES["transpose"], [value], node, {"axes": None})
        if name == "grad":
            if not isinstance(value, Node):
                self.fail(
                    "only inputs, and what is computed from them, have a gradient; assign this to a name first", node
                )
            found = OffTape(self.gradient(value, node))
            if self.journal is not None:
                self.journal.note_gradient(found, value)
            return found
        if name in GATE_OF or name in METHODS:
            self.fail(f"`.{name}` is a function; call it, as in `x.{name}()`", node)
        if name not in ("data", "shape", "ndim", "size") or isinstance(value, (str, Function)) or value is None:
            known = nearest(name, ["T", "shape", "ndim", "size", "grad", "data", *GATE_OF])
            self.fail(f"`.{name}` is not known{known or '; write .T, .shape, .grad or .data'}", node)
        ready = self.operand(value, node.value)
        array = raw(ready)
        match name:
            case "data":
                found = OffTape(array)
                if self.journal is not None:
                    self.journal.note(found, lambda _, given: raw(given), ready, way=DATA)
                return found
            case "shape":
                return tuple(map(Size, shape_of(array)))
            case "ndim":
                return Size(len(shape_of(array)))
        return Size(len(flat(array)))

    def item_of(self, value: Any, items: tuple[Any, ...], node: ast.AST) -> Any:
        """Index a list as Python does, and anything else by a gate."""
        if isinstance(value, (*SEQUENCES, str)) and len(items) == 1 and isinstance(items[0], (int, slice)):
            (item,) = items
            try:
                found = value[item]
            except IndexError:
                what = "text" if isinstance(value, str) else "list"
                count = length_of_range(value) if isinstance(value, range) else len(value)
                self.fail(f"index {item} is out of range; the {what} has {count} entries", node)
            if isinstance(item, slice):
                if isinstance(found, (range, str)):
                    self.pay(len(found) if isinstance(found, str) else 0, node)
                    return found
                found = self.refreshed(self.listed(found, node))
                return Entries(found) if isinstance(value, Entries) else found
            if self.newer and isinstance(found, Node):
                found = self.newest(found)
            return Size(found) if isinstance(value, range) else found
        if isinstance(value, (str, Function)) or value is None:
            self.fail("this has no entries; index a list or a tensor", node)
        return self.apply(GATES["index"], [value], node, {"index": items})

    def entries_of(self, value: Any, node: ast.AST, *, several: bool = True) -> Sequence[Any]:
        """Return the entries of a list, or along a tensor's first axis: what a loop runs over, or names take."""
        if isinstance(value, range):
            return value
        if isinstance(value, (list, tuple, str)):
            self.pay(len(value), node)
            return value
        if isinstance(value, Function) or value is None:
            self.fail("this has no entries; give a list, a range or a tensor", node)
        array = raw(value)
        shape = shape_of(array)
        if not shape:
            if several:
                self.fail("a number has no entries; give a list, a range or a tensor", node)
            return [value]
        return [self.apply(GATES["index"], [value], node, {"index": (i,)}) for i in range(shape[0])]

    def axis_of(self, value: Any, rank: int, node: ast.AST) -> int:
        """Return the axis that an argument names."""
        axis = whole_number(raw(value))
        if axis is None:
            self.fail("`axis` is one whole number; for several, apply the gate once for each", node)
        try:
            return whole_axis(axis, rank)
        except GateError as error:
            return self.fail(str(error), node)


def whole_of(value: Any) -> int | None:
    """Return the whole number that a value is, or None."""
    return None if isinstance(value, (*SEQUENCES, str)) else whole_number(raw(value))
