"""What an expression of the language can be besides a node: literals, sizes, numbers off the tape."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from stepgrad.errors import GateError
from stepgrad.tape import Node
from stepgrad.tensor import Array


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
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, (Node, OffTape)):
            return True
        if isinstance(each, (list, tuple)):
            waiting += each
    return False


def raw(value: Any) -> Any:
    """Return the plain number or tensor of a node or of what is off the tape."""
    return value.value if isinstance(value, (Node, OffTape)) else value


def literal(value: Any) -> Any:
    """Return a literal, or say that one is wanted."""
    if isinstance(value, (Node, OffTape)):
        raise GateError("this takes numbers written out; give a literal")
    return value


def whole_number(value: Any) -> int | None:
    """Return the int that a number is, or None where it is not whole."""
    if not isinstance(value, (int, float, Fraction)) or not -1e15 < value < 1e15:
        return None
    return int(value) if value == int(value) else None


def plain(value: Any) -> Any:
    """Bring a value from outside to numbers and nested lists: tuples, and whatever has ``tolist()``."""
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value.tolist() if hasattr(value, "tolist") else value
