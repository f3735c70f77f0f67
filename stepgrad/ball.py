"""Balls: enclosures of a midpoint and a radius in ``decimal``.

Every operation rounds away from zero: so a radius never comes out too small, and what a midpoint is off by is
below one unit of its last digit, which is added to the radius. (Tucker, *Validated Numerics*, ch. 3; Johansson, Arb.)
All this needs the context of ``working(number)``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal, Inexact, getcontext
from typing import Any, ClassVar

from stepgrad.elementary import ONE, ZERO
from stepgrad.enclosures import SHARED, Enclosure
from stepgrad.numeric import ieee_div

UNKNOWN = Decimal("nan")  # the midpoint where the true number can be anything, or is none
NARROW = 64  # how many radii a divisor is away from 0, at least, for a quotient with a sharp radius
SHARP, WIDE = Decimal("0.98"), Decimal("0.49")  # below (1 - 1/64) and (1 - 1/2): what is left of a divisor


class Ball(Enclosure):
    """All numbers that are no further than ``rad`` from ``mid``.

    Attributes
    ----------
    ulp : Decimal
        What a result of this precision can be off by, relatively.
    digits : int
    """

    __slots__ = ("mid", "rad")
    ulp: ClassVar[Decimal]
    digits: ClassVar[int]
    one: ClassVar[Ball]

    def __init__(self, shadow: float, mid: Decimal, rad: Decimal) -> None:
        self.shadow = shadow
        self.mid = mid
        self.rad = rad

    def seen_as(self, shadow: float) -> Ball:
        """Return the same ball with another shadow."""
        return self.__class__(shadow, self.mid, self.rad)

    @property
    def is_zero(self) -> bool:
        """Whether adding it changes nothing."""
        return not (self.mid or self.rad or self.shadow)

    def order(self, other: Ball) -> int | None:
        """Compare the bounds; equal are only exact numbers."""
        away, reach = self.mid - other.mid, self.rad + other.rad
        if not reach and away == away:
            return int(ONE.copy_sign(away)) if away else 0
        # both sides are rounded up, by less than the factor 2
        return int(ONE.copy_sign(away)) if abs(away) > 2 * reach else None

    def ends(self) -> tuple[float, float] | None:
        """Round both bounds."""
        if not (self.mid.is_finite() and self.rad.is_finite()):
            return None
        if not self.rad:
            return float(self.mid), float(self.mid)
        reach = self.rad + abs(self.mid) * self.ulp * 2  # what the rounding of the bounds may take away
        return float(self.mid - reach), float(self.mid + reach)

    def exactly(self, operate: Callable[[Any, Any], Decimal], other: Ball, shadow: float) -> Ball:
        """Compute with exact numbers: where nothing had to be rounded, the result is exact, too."""
        flags = getcontext().flags
        flags[Inexact] = False
        mid = operate(self.mid, other.mid)
        return self.__class__(shadow, mid, abs(mid) * self.ulp if flags[Inexact] else ZERO)

    def __add__(self, other: Ball) -> Ball:
        shadow, rad = self.shadow + other.shadow, self.rad + other.rad
        if not rad:
            return self.exactly(operator.add, other, shadow)
        if other.is_zero:
            return self
        if self.is_zero:
            return other
        mid = self.mid + other.mid
        return self.__class__(shadow, mid, rad + abs(mid) * self.ulp)

    def __sub__(self, other: Ball) -> Ball:
        shadow, rad = self.shadow - other.shadow, self.rad + other.rad
        if not rad:
            return self.exactly(operator.sub, other, shadow)
        if other is self and self.mid == self.mid:
            return self.__class__(shadow, ZERO, ZERO)
        mid = self.mid - other.mid
        return self.__class__(shadow, mid, rad + abs(mid) * self.ulp)

    def __mul__(self, other: Ball) -> Ball:
        if other.__class__ is not self.__class__:  # a linear map multiplies itself
            return NotImplemented
        if other is self.one:
            return self
        if self is self.one:
            return other
        shadow, a, b, r, s = self.shadow * other.shadow, self.mid, other.mid, self.rad, other.rad
        mid = a * b
        if r or s:
            return self.__class__(shadow, mid, abs(a) * s + r * (abs(b) + s) + abs(mid) * self.ulp)
        return self.exactly(operator.mul, other, shadow)

    def __truediv__(self, other: Ball) -> Ball:
        if other is self.one:
            return self
        shadow, a, b, r, s = ieee_div(self.shadow, other.shadow), self.mid, other.mid, self.rad, other.rad
        size = abs(b)
        if not (b and 2 * s < size):  # it may be 0
            return self.__class__(shadow, UNKNOWN, ZERO)
        if not (r or s):
            return self.exactly(operator.truediv, other, shadow)
        mid = a / b
        left = size * (SHARP if NARROW * s < size else WIDE)
        return self.__class__(shadow, mid, (r + abs(mid) * s) / left + abs(mid) * self.ulp)

    def __neg__(self) -> Ball:
        return self.__class__(-self.shadow, self.mid.copy_negate(), self.rad)

    def __abs__(self) -> Ball:
        return self.__class__(abs(self.shadow), self.mid.copy_abs(), self.rad)

    def unknown(self, shadow: float) -> Ball:
        """Return what can be anything."""
        return self.__class__(shadow, UNKNOWN, ZERO)

    def around(self, shadow: float, mid: Decimal, spread: Decimal) -> Ball:
        """Return a result that was rounded, and moves by so much within the ball of its operand."""
        return self.__class__(shadow, mid, abs(mid) * self.ulp + spread)


def shared(operate: Callable[..., Any], *, commutes: bool = False) -> Any:
    """Have an operation return one and the same number where it is applied to the same ones again."""

    def applied(*operands: Any) -> Any:
        known, places = SHARED.get(), [id(each) for each in operands]
        key = (operate, *(sorted(places) if commutes else places))
        if key not in known:
            known[key] = (operate(*operands), operands)  # the operands, so that their places are not taken by others
        return known[key][0]

    return applied


class SharedBall(Ball):
    """A ball that knows its equals: what is computed twice in the same way is one number, so no tie is in doubt."""

    __slots__ = ()

    __add__ = shared(Ball.__add__, commutes=True)
    __sub__ = shared(Ball.__sub__)
    __mul__ = shared(Ball.__mul__, commutes=True)
    __truediv__ = shared(Ball.__truediv__)
    __neg__ = shared(Ball.__neg__)
    __abs__ = shared(Ball.__abs__)
