"""Enclosures: numbers of which both is known, what floats make of them and what they truly are.

An enclosure carries its *shadow*, the double that the float run has in its place, and bounds of the true real
number. Arithmetic goes on with both. Comparisons ask the shadows, so that a run takes every branch that the
float run takes; where the bounds do not confirm what they say, a doubt is noted.

Those there are have a midpoint and a radius: :class:`stepgrad.ball.Ball`. They belong to one run, within
``working(number)``; what leaves it are doubles.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import ROUND_UP, Decimal, Overflow, Underflow, localcontext
from fractions import Fraction
from math import inf
from typing import Any, NamedTuple, TypeVar

from stepgrad.elementary import context_of
from stepgrad.numeric import NumberType

SIGNS: Mapping[Callable[[Any, Any], bool], str] = {
    operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=", operator.eq: "==", operator.ne: "!=",
}  # fmt: skip


class Doubt(NamedTuple):
    """A comparison of floats that the bounds do not confirm; where they refute it, ``refuted``."""

    left: str
    sign: str
    right: str
    refuted: bool


DOUBTS: ContextVar[list[Doubt]] = ContextVar("DOUBTS")
SHARED: ContextVar[dict[Any, tuple[Any, ...]]] = ContextVar("SHARED")
Self = TypeVar("Self", bound="Enclosure")


def comparison(test: Callable[[Any, Any], bool]) -> Any:
    """Make a comparison: it says what the shadows say."""

    def compare(self: Enclosure, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            if not isinstance(other, (int, float)):
                return NotImplemented
            other = self.make(other)
        found = test(self.shadow, other.shadow)
        if other is not self and abs(other.shadow) != inf:  # inf and nan are no true numbers
            order = self.order(other)
            if order is None or test(order, 0) is not found:
                DOUBTS.get().append(Doubt(repr(self.shadow), SIGNS[test], repr(other.shadow), order is not None))
        return found

    return compare


class Enclosure:
    """A number with its shadow.

    Attributes
    ----------
    shadow : float
        What the float run has.
    make : callable
        Makes one of this class from a double.
    """

    __slots__ = ("shadow",)
    shadow: float
    make: Any  # of the class, as a static method

    __lt__ = comparison(operator.lt)
    __le__ = comparison(operator.le)
    __gt__ = comparison(operator.gt)
    __ge__ = comparison(operator.ge)
    __eq__ = comparison(operator.eq)
    __ne__ = comparison(operator.ne)

    def __hash__(self) -> int:
        return hash(self.shadow)

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __float__(self) -> float:
        return self.shadow

    def __int__(self) -> int:
        found = int(self.shadow)
        # compared for the doubts that it leaves
        _ = self < found + 1 if found >= 0 else self > found - 1
        _ = self >= found if found > 0 else self <= found if found < 0 else self > -1
        return found

    def __repr__(self) -> str:
        return repr(self.shadow)

    def __format__(self, spec: str) -> str:
        return format(self.shadow, spec)

    def __round__(self, places: int | None = None) -> Any:
        found = round(self.shadow, places)
        _ = abs(self - self.make(found)) < self.make(10.0 ** -(places or 0) / 2)  # for the doubt that it leaves
        return found if places is None else self.make(found)

    def __floordiv__(self: Self, other: Self) -> Any:
        found = self.make(self.shadow // other.shadow)
        rest = self - found * other
        _ = (rest >= 0 and rest < other) if other > 0 else (rest <= 0 and rest > other)  # for the doubts that it leaves
        return found

    def __mod__(self: Self, other: Self) -> Any:
        return (self - self // other * other).seen_as(self.shadow % other.shadow)

    def __sub__(self: Self, other: Self) -> Self:
        raise NotImplementedError

    def __mul__(self: Self, other: Self) -> Self:
        raise NotImplementedError

    def __abs__(self: Self) -> Self:
        raise NotImplementedError

    def seen_as(self: Self, shadow: float) -> Self:
        """Return the same true number with another shadow."""
        raise NotImplementedError

    def order(self, other: Any) -> int | None:
        """Return -1, 0 or 1: how the true numbers compare; None where that is not known."""
        raise NotImplementedError

    def ends(self) -> tuple[float, float] | None:
        """Return the doubles nearest to both bounds; None where there are no bounds."""
        raise NotImplementedError


REALS = (float, Fraction, Decimal, Enclosure)  # besides int: what a program's numbers can be


@contextmanager
def working(number: NumberType) -> Iterator[list[Doubt]]:
    """Compute with enclosures of this type within the block; what is in doubt goes to the list."""
    doubts: list[Doubt] = []
    before, shared_before = DOUBTS.set(doubts), SHARED.set({})
    kind: Any = number.kind
    context = context_of(kind.digits, ROUND_UP).copy()
    context.traps[Overflow] = context.traps[Underflow] = True  # bounds would no longer hold
    try:
        with localcontext(context):
            yield doubts
    finally:
        DOUBTS.reset(before)
        SHARED.reset(shared_before)
