"""What an expression of the language can be besides a node: literals, sizes, numbers off the tape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepgrad.enclosures import REALS
from stepgrad.errors import GateError
from stepgrad.limits import LIMITS
from stepgrad.numeric import NumberType
from stepgrad.tape import Node, Scalar
from stepgrad.tensor import Array, Number, Tensor, from_nested

MAX_DEPTH = 32  # of lists in lists
TOO_DEEP = f"lists are nested more than {MAX_DEPTH} deep; use fewer axes"
NUMBERS = frozenset((int, float, Scalar))  # what most lists hold: one number each
NOT_NUMBERS = {type(None): "nothing", type(...): "`...`", bool: "True or False", str: "text", bytes: "text"}


class OffTape:
    """A number or tensor off the tape: no gradient will ever flow to it. No tuple, or it would pass for a list."""

    __slots__ = ("value",)

    def __init__(self, value: Array) -> None:
        self.value = value


class Entries(list[Any]):
    """A list of the program's that is no vector: something is appended to it, or entries of it are assigned."""

    __slots__ = ()


class Size(int):
    """A whole number that counts: a length, a size of a shape. Assigned to a name it stays one."""

    __slots__ = ()


def is_whole(value: Any) -> bool:
    """Whether a literal is an int of Python's."""
    return isinstance(value, int) and not isinstance(value, bool)


def holds_nodes(value: Any) -> bool:
    """Whether a node, or a number off the tape, is somewhere in nested lists."""
    return holds(value, (Node, OffTape))


def holds(value: Any, kinds: tuple[type, ...]) -> bool:
    """Whether a value of one of these kinds is somewhere in nested lists; a list may hold another twice."""
    waiting, seen = [value], set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, kinds):
            return True
        if isinstance(each, (list, tuple)) and id(each) not in seen:
            seen.add(id(each))
            waiting += each
    return False


def is_within(value: list[Any], other: Any) -> bool:
    """Whether a list is another value, or somewhere in it."""
    waiting, seen = [other], set()
    while waiting:
        each = waiting.pop()
        if each is value:
            return True
        if isinstance(each, (list, tuple)) and id(each) not in seen:
            seen.add(id(each))
            waiting += [part for part in each if isinstance(part, (list, tuple))]
    return False


def count_numbers(value: Any) -> int:
    """Return how many numbers nested lists hold, one that is held twice counting twice.

    Raises
    ------
    GateError
        If they are too deep, or a tensor of them would be too large.
    """
    if isinstance(value, range):
        count = length_of_range(value)
    else:
        depth, count = measured(value, 0, {})
        if depth > MAX_DEPTH:
            raise GateError(TOO_DEEP)
    if count > LIMITS.elements:
        limit = f"keep it under {LIMITS.elements:,}, or raise --max-elements"
        raise GateError(f"this list holds {count:,} numbers; {limit}")
    return count


def measured(value: Sequence[Any], outside: int, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Return how deep a list is, and how many numbers it holds, each list in it being looked at once.

    No closure that calls itself: while a program runs, nothing collects such cycles.
    """
    if outside >= MAX_DEPTH:
        raise GateError(TOO_DEEP)
    if NUMBERS.issuperset(map(type, value)):
        return 1, len(value)
    depth, count = 1, 0
    for each in value:
        if isinstance(each, (list, tuple)):
            if id(each) not in known:
                known[id(each)] = measured(each, outside + 1, known)
            depth = max(depth, 1 + known[id(each)][0])
            count += known[id(each)][1]
        elif isinstance(each, range):
            depth = max(depth, 2)
            count += length_of_range(each)
        else:
            plain = raw(each)
            count += len(plain.data) if isinstance(plain, Tensor) else 1
    return depth, count


def length_of_range(numbers: range) -> int:
    """Return how many numbers a range counts, also where Python's own ``len`` gives up."""
    return max(0, -((numbers.start - numbers.stop) // numbers.step))


def raw(value: Any) -> Any:
    """Return the plain number or tensor of a node or of what is off the tape."""
    return value.value if isinstance(value, (Node, OffTape)) else value


def whole_number(value: Any) -> int | None:
    """Return the int that a number is, or None where it is not whole."""
    if is_whole(value):
        return int(value)
    if not isinstance(value, REALS) or not -1e15 < value < 1e15:
        return None
    found = int(float(value))
    return found if found == float(value) and value == found else None


def array_of(value: Any, number: NumberType) -> Array:
    """Make a number or a tensor from a literal: a number, or nested lists of them.

    Raises
    ------
    GateError
        If it is something else, or rows differ in length.
    """
    if value.__class__ is number.kind:
        return value

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
