"""Balls: enclosures of a midpoint and a radius in ``decimal``.

Every operation rounds away from zero: so a radius never comes out too small, and what a midpoint is off by is
below one unit of its last digit, which is added to the radius. (Tucker, *Validated Numerics*, ch. 3; Johansson, Arb.)
All this needs the context of ``working(number)``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from decimal import Decimal, Inexact, getcontext
from fractions import Fraction
from typing import Any, ClassVar

from stepgrad.elementary import ONE, ZERO
from stepgrad.enclosures import SHARED, Enclosure
from stepgrad.numeric import ieee_div

UNKNOWN = Decimal("nan")  # the midpoint where the true number can be anything, or is none
NARROW = 64  # how many radii a divisor is away from 0, at least, for a quotient with a sharp radius
MAX_BITS = 20_000  # of a fraction
MOST_ZEROS = 1000  # of a decimal that is made one
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


def shared(operate: Callable[..., Any], exact: Callable[..., Fraction] | None = None, *, commutes: bool = False) -> Any:
    """Have an operation return one and the same number where it is applied to the same ones again.

    ``exact`` is the same operation on fractions.
    """

    def applied(*operands: Any) -> Any:
        known, places = SHARED.get(), [id(each) for each in operands]
        key = (operate, *(sorted(places) if commutes else places))
        if key not in known:
            found = operate(*operands)
            if exact is not None and found is not NotImplemented:
                found = rational(exact, operands, found)
            known[key] = (found, operands)  # the operands, so that their places are not taken by others
        return known[key][0]

    return applied


def rational(exact: Callable[..., Fraction], operands: Sequence[SharedBall], found: SharedBall) -> SharedBall:
    """Compute in fractions what was computed in balls, where all operands are rational."""
    fractions = [each.as_fraction() for each in operands]
    if None in fractions or (exact is operator.truediv and not fractions[1]):
        return found
    fraction = exact(*fractions)
    if fraction.numerator.bit_length() + fraction.denominator.bit_length() > MAX_BITS:
        return found
    flags = getcontext().flags
    flags[Inexact] = False
    mid = Decimal(fraction.numerator) / Decimal(fraction.denominator)
    return found.__class__(found.shadow, mid, abs(mid) * found.ulp if flags[Inexact] else ZERO, fraction)


class SharedBall(Ball):
    """A ball that knows more, so that fewer ties are in doubt: its equals, and what it is as a fraction.

    What is computed twice in the same way is one number; and what is rational is known exactly, until it
    gets too long.

    Attributes
    ----------
    fraction : Fraction or None
        The true number, if it is known.
    """

    __slots__ = ("fraction",)

    def __init__(self, shadow: float, mid: Decimal, rad: Decimal, fraction: Fraction | None = None) -> None:
        super().__init__(shadow, mid, rad)
        self.fraction = fraction

    def as_fraction(self) -> Fraction | None:
        """Return the true number, if it is known."""
        if self.fraction is None and not self.rad and self.mid.is_finite() and abs(self.mid.adjusted()) < MOST_ZEROS:
            self.fraction = Fraction(self.mid)
        return self.fraction

    def seen_as(self, shadow: float) -> SharedBall:
        """Return the same number with another shadow."""
        return self.__class__(shadow, self.mid, self.rad, self.fraction)

    def order(self, other: Ball) -> int | None:
        """Compare fractions where these are known, else bounds."""
        x, y = self.as_fraction(), other.as_fraction() if isinstance(other, SharedBall) else None
        return super().order(other) if x is None or y is None else (x > y) - (x < y)

    def ends(self) -> tuple[float, float] | None:
        """Round the fraction where it is known, else both bounds."""
        if self.fraction is None:
            return super().ends()
        try:
            return float(self.fraction), float(self.fraction)
        except OverflowError:
            return super().ends()

    __add__ = shared(Ball.__add__, operator.add, commutes=True)
    __sub__ = shared(Ball.__sub__, operator.sub)
    __mul__ = shared(Ball.__mul__, operator.mul, commutes=True)
    __truediv__ = shared(Ball.__truediv__, operator.truediv)
    __neg__ = shared(Ball.__neg__, operator.neg)
    __abs__ = shared(Ball.__abs__, abs)
