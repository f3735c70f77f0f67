"""Own functions: what the language has besides gates, as ``len``, ``range``, ``print`` and ``backward``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import inf, prod
from typing import Any

from stepgrad.limits import LIMITS
from stepgrad.literals import Entries, OffTape, Size, count_numbers, holds, holds_nodes, is_whole, is_within, raw
from stepgrad.operators import SEQUENCES, Operators, whole_of
from stepgrad.ops import GATES
from stepgrad.printing import printed, printed_line
from stepgrad.scopes import Function
from stepgrad.tape import Node
from stepgrad.tensor import Tensor, flat, full, index_source, shape_of, shaped

ON_WHOLE: Mapping[str, Callable[..., int]] = {"abs": abs, "max": max, "min": min}  # whole numbers stay whole


class OwnFunctions(Operators):
    """A machine with functions of its own: ``own_len`` is what ``len`` calls."""

    def as_python(
        self, name: str, module: str, args: list[Any], keywords: Mapping[str, Any], node: ast.Call
    ) -> Any | None:
        """Call ``sum``, ``max``, ``min`` or ``abs`` as Python does: of a list, and of whole numbers; else None."""
        if module or keywords or not args:
            return None
        one = self.entries_of(args[0], node) if isinstance(args[0], SEQUENCES) else None
        if name == "sum" and one is not None and len(args) < 3:
            return self.added_up([*args[1:], *self.refreshed(self.bounded(one, node))], node)
        entries = args if one is None or len(args) > 1 else self.bounded(one, node)
        if name == "abs" and (one is not None or len(args) > 1):
            return None
        if name in ON_WHOLE and entries and all(map(is_whole, entries)):
            found = ON_WHOLE[name](*entries) if name == "abs" or len(entries) > 1 else entries[0]
            return Size(found) if any(isinstance(each, Size) for each in entries) else found
        return None

    def added_up(self, entries: Sequence[Any], node: ast.AST) -> Any | None:
        """Add the entries of a list one after the other; None where they are the rows of a tensor."""
        kinds = set(map(type, entries))
        if any(issubclass(kind, (*SEQUENCES, str)) for kind in kinds):
            return None
        if not any(issubclass(kind, (Node, OffTape, Tensor)) for kind in kinds):
            return sum(entries) if all(map(is_whole, entries)) else None
        total, *others = entries
        if total.__class__ is int and total == 0 and others:  # sum(xs, 0), and where Python's own sum begins
            total, *others = others
        add, scalar = GATES["add"], self.recording.scalar_type
        record, span = self.recording.recorders[add, scalar, scalar], self.span_of(node)
        for each in others:
            if record is not None and total.__class__ is scalar and each.__class__ is scalar and not self.off:
                total = record(self.recording.current, total, each)
                self.spans.append(span)
            else:
                total = self.apply(add, [total, each], node)
        return total

    def bounded(self, entries: Sequence[Any], node: ast.AST) -> Sequence[Any]:
        """Refuse a range that is too long to be gone through at once."""
        return list(self.listed(entries, node)) if isinstance(entries, range) else entries

    def own_constant(self, value: Any, node: ast.Call) -> Node:
        """Record a constant."""
        if isinstance(value, Node) or (isinstance(value, (list, tuple)) and holds(value, (Node,))):
            self.fail("`constant` takes a literal; what is computed from constants is constant anyway", node)
        return self.recorded_leaf(raw(self.operand(value, node)), node, constant=True)

    def own_backward(self, output: Any, gradient: Any, node: ast.Call) -> None:
        """Go backward from a value, with a seed if one is given."""
        self.spend(2, node)
        if isinstance(output, (list, tuple)) and holds_nodes(output):
            output = self.operand(output, node)
        if isinstance(output, OffTape):
            self.fail("this was computed from gradients, off the tape; backward starts from a value", node)
        if not isinstance(output, Node):
            self.fail("backward starts from one computed value; write `backward(f)`", node)
        seed = None if gradient is None else raw(self.operand(gradient, node))
        if seed is None and isinstance(output.value, Tensor) and len(output.value.data) == 1:
            seed = full(output.value.shape, self.number.make(1))  # a tensor of one number is one, as for PyTorch
        self.backward(output, node, seed)

    def own_len(self, value: Any, node: ast.AST) -> Size:
        """Return how many entries a list or the first axis of a tensor has."""
        if isinstance(value, range):
            return Size(count_numbers(value))
        if isinstance(value, (list, tuple, str)):
            return Size(len(value))
        shape = shape_of(raw(self.operand(value, node)))
        if not shape:
            self.fail("a number has no length; `len` takes a list or a tensor", node)
        return Size(shape[0])

    def range_of(self, args: list[Any], node: ast.AST) -> range:
        """Return the whole numbers that ``range`` counts; they are made one by one."""
        if any(isinstance(each, (Node, OffTape)) for each in args):
            self.spoil()
        bounds = [whole_of(each) for each in args]
        if None in bounds or not 1 <= len(bounds) <= 3:
            self.fail("`range` takes one to three whole numbers, as in range(10)", node)
        if len(bounds) == 3 and not bounds[2]:
            self.fail("the step of a range is 0, so it would never end; give another", node)
        return range(*(each or 0 for each in bounds))

    def zipped(self, args: list[Any], node: ast.AST) -> list[Any]:
        """Return the entries of several lists side by side."""
        lists = [self.entries_of(each, node) for each in args]
        shortest = min((len(each) for each in lists if not isinstance(each, range)), default=None)
        lists = [self.bounded(each[:shortest], node) for each in lists]
        self.pay(min(map(len, lists), default=0) * (len(lists) + 3), node)
        return list(zip(*lists, strict=False))

    def own_enumerate(self, value: Any, start: Any, node: ast.AST) -> list[Any]:
        """Return the entries of a list, numbered."""
        if isinstance(start, (Node, OffTape)):
            self.spoil()
        first = whole_of(start)
        if first is None:
            self.fail("`start` is a whole number; write `enumerate(x, start=1)`", node)
        entries = self.bounded(self.entries_of(value, node), node)
        self.pay(5 * len(entries), node)
        return [(Size(i), each) for i, each in enumerate(entries, first)]

    def own_reversed(self, value: Any, node: ast.AST) -> Sequence[Any]:
        """Return the entries of a list from the last to the first."""
        return self.entries_of(value, node)[::-1]

    def own_list(self, value: Any, node: ast.AST) -> list[Any]:
        """Return the entries as a new list."""
        return Entries() if value is None else Entries(self.bounded(self.entries_of(value, node), node))

    def own_tuple(self, value: Any, node: ast.AST) -> tuple[Any, ...]:
        """Return the entries as a tuple."""
        return tuple(self.own_list(value, node))

    def own_float(self, value: Any, node: ast.AST) -> Any:
        """Return a value as a number off the tape; a literal as it is."""
        if isinstance(value, (str, Function)) or value is None:
            self.fail("this is not a number; give one", node)
        array = raw(self.operand(int(value) if isinstance(value, bool) else value, node))
        if isinstance(array, Tensor):
            if len(array.data) != 1:
                self.fail("this is no single number; take an entry of it, or its sum", node)
            array = array.data[0]
        return OffTape(array) if isinstance(value, (Node, OffTape)) else array

    own_item = own_float

    def own_int(self, value: Any, node: ast.AST) -> Size:
        """Return the whole part of a number."""
        if is_whole(value):
            return Size(value)
        return Size(int(self.finite(value, node)))

    def own_round(self, value: Any, digits: Any, node: ast.AST) -> Any:
        """Round a number; nothing flows through it."""
        if digits is None:
            return Size(value if is_whole(value) else round(self.finite(value, node)))
        places = whole_of(digits)
        if places is None:
            self.fail("`digits` is a whole number; write `round(x, 4)`", node)
        found = round(raw(self.own_float(value, node)), max(-400, min(places, 400)))
        return OffTape(found) if isinstance(value, (Node, OffTape)) else found

    def finite(self, value: Any, node: ast.AST) -> Any:
        """Return a number that has a whole part."""
        number = raw(self.own_float(value, node))
        if number != number or abs(number) == inf:
            self.fail("this is no finite number, so it has no whole part", node)
        if isinstance(number, Decimal) and number.adjusted() > LIMITS.text:
            self.fail(f"the whole part of this number has more than {LIMITS.text:,} digits; keep it smaller", node)
        return number

    def own_bool(self, value: Any, node: ast.AST) -> bool:
        """Return whether a value counts as true."""
        return self.truth(value, node)

    def own_str(self, value: Any, node: ast.AST) -> str:
        """Return a value as text."""
        text = printed(self.all_refreshed(self.listed(value, node)) if isinstance(value, (list, tuple)) else value)
        self.pay(len(text), node)
        return text

    def own_argmax(self, value: Any, axis: Any, node: ast.AST) -> Any:
        """Return where the largest number stands, the first of them: a whole number, or a constant of them."""
        array = raw(self.operand(value, node))
        shape, data = shape_of(array), flat(array)
        if not data:
            self.fail("nothing has no largest number; give at least one", node)
        self.pay(len(data), node)
        if axis is None:
            return Size(max(range(len(data)), key=data.__getitem__))
        place = self.axis_of(axis, len(shape), node)
        rest = (*shape[:place], *shape[place + 1 :])
        sources = [index_source(shape, (*[slice(None)] * place, i))[1] for i in range(shape[place])]
        best = [max(range(len(sources)), key=lambda i: data[sources[i][k]]) for k in range(prod(rest))]
        if not rest:
            return Size(best[0])
        return self.recorded_leaf(shaped(rest, [self.number.make(i) for i in best]), node, constant=True)

    def own_append(self, values: Any, value: Any, node: ast.AST) -> None:
        """Append to a list."""
        if not isinstance(values, list):
            self.fail("only a list can be appended to; begin it as `xs = []`", node)
        values.append(self.entry(values, value, node))
        self.mutations += 1
        self.spend(1, node)

    def own_index(self, values: Any, value: Any, node: ast.AST) -> Size:
        """Return where a value stands in a list, the first if there are several."""
        entries = self.bounded(self.entries_of(values, node), node)
        for place, each in enumerate(entries):
            if raw(each) == raw(value):
                self.pay(place, node)
                return Size(place)
        return self.fail("this is not in the list; look with `in` before", node)

    def entry(self, values: list[Any], value: Any, node: ast.AST) -> Any:
        """Check that a value can be put into a list."""
        if isinstance(value, (list, tuple)):
            self.listed(value, node)
            if is_within(values, value):
                self.fail("a list cannot hold itself; append a copy of it, as in `xs.append(list(xs))`", node)
        return value

    def own_detach(self, value: Any, node: ast.AST) -> Any:
        """Return a value off the tape; a copy of a list."""
        if isinstance(value, list):
            return self.own_list(value, node)
        return OffTape(raw(self.operand(value, node)))

    own_copy = own_detach

    def own_zero_grad(self, value: Any, node: ast.AST) -> None:
        """Do nothing: every sweep starts from zero."""

    own_zero_ = own_zero_grad

    def own_requires_grad_(self, value: Any, node: ast.AST) -> Any:
        """Return a value as it is: inputs have gradients."""
        return value

    own_double = own_requires_grad_

    def print_values(self, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> None:
        """Print values on a line of their own, as an event."""
        unknown = [key for key in keywords if key not in ("sep", "end", "flush")]
        if unknown:
            self.fail(f"`print` does not take `{unknown[0]}`; write `print(x, y)`", node)
        self.pay(sum(len(flat(raw(each))) for each in args if not isinstance(each, (*SEQUENCES, str))), node)
        between = keywords.get("sep", " ")
        args = [
            self.all_refreshed(self.listed(each, node)) if isinstance(each, (list, tuple)) else each for each in args
        ]
        text = printed_line(args, between if isinstance(between, str) else " ")
        self.pay(len(text), node)
        self.print_line(text, node)
