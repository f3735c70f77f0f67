"""What an expression of the language can be besides a node: literals, sizes, numbers off the tape."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any, NamedTuple

from stepgrad.errors import GateError
from stepgrad.numeric import NumberType
from stepgrad.tape import Node
from stepgrad.tensor import MAX_ELEMENTS, Array, Number, Tensor, from_nested, shape_of

MAX_DEPTH = 32  # of lists in lists
NOT_NUMBERS = {type(None): "nothing", type(...): "`...`", bool: "True or False", str: "text", bytes: "text"}


class OffTape(NamedTuple):
    """A number or tensor off the tape: no gradient will ever flow to it."""

    value: Array


class Size(int):
    """A whole number that counts: a length, a size of a shape. Assigned to a name it stays one."""


def is_whole(value: Any) -> bool:
    """Whether a literal is an int of Python's."""
    return isinstance(value, int) and not isinstance(value, bool)


def holds_nodes(value: Any) -> bool:
    """Whether a node, or a number off the tape, is somewhere in nested lists."""
    return holds(value, (Node, OffTape))


def holds(value: Any, kinds: tuple[type, ...]) -> bool:
    """Whether a value of one of these kinds is somewhere in nested lists."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, kinds):
            return True
        if isinstance(each, (list, tuple)):
            waiting += each
    return False


def check_list(value: Any) -> None:
    """Refuse lists that are too deep, or hold too much: a list may hold another twice.

    Raises
    ------
    GateError
        If a tensor of it would be too large.
    """
    known: dict[int, tuple[int, int]] = {}

    def measured(each: Any) -> tuple[int, int]:  # its depth, which is bounded one list ago; its numbers
        if not isinstance(each, (list, tuple)):
            return 0, prod(shape_of(raw(each)))
        if id(each) not in known:
            parts = [measured(part) for part in each]
            known[id(each)] = 1 + max((depth for depth, _ in parts), default=0), sum(count for _, count in parts)
        return known[id(each)]

    depth, count = measured(value)
    if depth > MAX_DEPTH:
        raise GateError(f"lists are nested more than {MAX_DEPTH} deep; use fewer axes")
    if count > MAX_ELEMENTS:
        raise GateError(f"this list holds {count:,} numbers; keep it under {MAX_ELEMENTS:,}")


def raw(value: Any) -> Any:
    """Return the plain number or tensor of a node or of what is off the tape."""
    return value.value if isinstance(value, (Node, OffTape)) else value


def whole_number(value: Any) -> int | None:
    """Return the int that a number is, or None where it is not whole."""
    if is_whole(value):
        return int(value)
    if not isinstance(value, (float, Fraction)) or not -1e15 < value < 1e15:
        return None
    return int(value) if value == int(value) else None


def array_of(value: Any, number: NumberType) -> Array:
    """Make a number or a tensor from a literal: a number, or nested lists of them.

    Raises
    ------
    GateError
        If it is something else, or rows differ in length.
    """

    def make(entry: Any) -> Number:
        if isinstance(entry, (*NOT_NUMBERS, Tensor)) or not hasattr(entry, "__float__"):
            what = NOT_NUMBERS.get(type(entry), "this")
            raise GateError(f"{what} is not a number; give a number, a list of numbers or a name")
        try:
            return number.make(entry)
        except OverflowError:
            raise GateError("this number is larger than float64 can hold; keep it under 1.8e308") from None

    return from_nested(value, make)


def plain(value: Any) -> Any:
    """Bring a value from outside to numbers and nested lists: tuples, and whatever has ``tolist()``."""
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value.tolist() if hasattr(value, "tolist") else value
