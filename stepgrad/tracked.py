"""Tracked numbers: one more number type, whose numbers are nodes.

A row's text and a structural gate's rule compute with whatever the number type makes. With these numbers
everything they compute is recorded, gate by gate, on a tape: the locals and the backward sweep too, which
can then be differentiated like anything else. What compares looks at the value; what is computed from
plain numbers alone stays one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from stepgrad.errors import LimitError
from stepgrad.gate import Gate
from stepgrad.linear import LinearMap
from stepgrad.numeric import NumberType
from stepgrad.ops import GATES
from stepgrad.recording import Recording
from stepgrad.tape import Node
from stepgrad.tensor import Array, Number, Tensor


class SecondTape:
    """Where tracked numbers are recorded.

    Parameters
    ----------
    number : NumberType
        What the values are computed with.
    room : int
        How many nodes may be recorded.
    """

    def __init__(self, number: NumberType, room: int) -> None:
        self.recording = Recording(number)
        self.room = room

    def leaf(self, value: Number, gate: Gate) -> Tracked:
        """Record an input or a constant."""
        return self.tracked(self.recording.leaf(value, gate))

    def apply(self, gate: Gate, numbers: Sequence[Any]) -> Tracked:
        """Record a gate on tracked and plain numbers."""
        return self.tracked(self.recording.apply(gate, list(map(untracked, numbers))))

    def tracked(self, node: Node) -> Tracked:
        """Return the number that a node is, which has just been recorded."""
        node.index = self.recording.node_count - 1
        if node.index >= self.room:
            raise LimitError(
                f"the differentiated program takes more than {self.room:,} steps; make its tensors smaller, "
                "or raise --max-steps"
            )
        return Tracked(node, self)


def recording(gate: str, *, swapped: bool = False) -> Callable[[Tracked, Any], Any]:
    """Make an operator that records a gate; a linear map multiplies from its own side."""

    def operate(self: Tracked, other: Any) -> Any:
        if isinstance(other, LinearMap):
            return NotImplemented
        return self.tape.apply(GATES[gate], (other, self) if swapped else (self, other))

    return operate


def comparison(test: Callable[[Any, Any], Any]) -> Callable[[Tracked, Any], bool]:
    """Make a comparison: it looks at the values."""

    def compare(self: Tracked, other: Any) -> bool:
        return bool(test(self.value, value_of(other)))

    return compare


class Tracked:
    """A number that is a node of a second tape."""

    __slots__ = ("node", "tape")

    def __init__(self, node: Node, tape: SecondTape) -> None:
        self.node = node
        self.tape = tape

    @property
    def value(self) -> Number:
        """The plain number."""
        return self.node.value

    __add__, __radd__ = recording("add"), recording("add", swapped=True)
    __sub__, __rsub__ = recording("sub"), recording("sub", swapped=True)
    __mul__, __rmul__ = recording("mul"), recording("mul", swapped=True)
    __truediv__, __rtruediv__ = recording("div"), recording("div", swapped=True)

    __lt__, __le__ = comparison(operator.lt), comparison(operator.le)
    __gt__, __ge__ = comparison(operator.gt), comparison(operator.ge)

    def __neg__(self) -> Tracked:
        negated: Tracked = self * self.tape.recording.number.make(-1)
        return negated

    def __abs__(self) -> Tracked:
        return self.tape.apply(GATES["abs"], [self])

    def __eq__(self, other: object) -> bool:
        return bool(self.value == value_of(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)


def value_of(number: Any) -> Number:
    """Return the plain number that a number is."""
    return number.value if isinstance(number, Tracked) else number


def untracked(number: Any) -> Any:
    """Return the node of a tracked number, a plain one as it is: what gates are applied to."""
    return number.node if isinstance(number, Tracked) else number


def plain(array: Array) -> Array:
    """Return an array of plain numbers."""
    return Tensor(array.shape, list(map(value_of, array.data))) if isinstance(array, Tensor) else value_of(array)


def recorded(name: str, function: Callable[..., Number]) -> Callable[..., Any]:
    """Make a function that records its gate where one of its numbers is tracked."""

    def apply(*numbers: Any) -> Any:
        tracked = next((each for each in numbers if isinstance(each, Tracked)), None)
        return function(*numbers) if tracked is None else tracked.tape.apply(GATES[name], numbers)

    return apply


def on_plain(function: Callable[..., Number]) -> Callable[..., Any]:
    """Leave a tracked number alone with what looks at plain ones only: the gates that made it have done so."""
    return lambda x, *rest: x if isinstance(x, Tracked) else function(x, *rest)


LARGEST_POWER = 1000  # of 2, by which a float can be multiplied at once


def ldexp_of(number: NumberType) -> Callable[[Any, int], Any]:
    """Make the scaling by a power of 2: a multiplication, or several."""

    def ldexp(x: Any, exponent: int) -> Any:
        if not isinstance(x, Tracked):
            return number.ieee["ldexp"](x, exponent)
        while exponent:
            part = max(-LARGEST_POWER, min(exponent, LARGEST_POWER))
            x, exponent = x * number.make(2.0**part), exponent - part
        return x

    return ldexp


@lru_cache(maxsize=8)  # what is compiled for a number type is kept with it
def tracked_type(number: NumberType) -> NumberType:
    """Return the number type of tracked numbers whose values are of a number type.

    Literals stay plain numbers: they are carried by the gates that use them.
    """

    def on_nodes(functions: Mapping[str, Callable[..., Number]]) -> dict[str, Callable[..., Any]]:
        found = {name: recorded(name, each) if name in GATES else on_plain(each) for name, each in functions.items()}
        return {**found, "ldexp": ldexp_of(number)} if "ldexp" in functions else found

    return replace(number, kind=Tracked, fast=on_nodes(number.fast), ieee=on_nodes(number.ieee))
