"""Spreads: the functions on balls: their value at the midpoint, and how far they get from that within the radius.

One number type serves all rows of the table: :func:`balls`, of so many digits.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import ROUND_UP, Decimal, Inexact, getcontext
from fractions import Fraction
from functools import cache
from typing import Any

from stepgrad import elementary
from stepgrad.ball import NARROW, SHARP, UNKNOWN, WIDE, Ball, SharedBall, shared
from stepgrad.elementary import ONE, ZERO, context_of
from stepgrad.numeric import IEEE_FUNCTIONS, NumberType, ieee_ldexp, ieee_pow
from stepgrad.tensor import Number

NEVER_SEEN = Decimal("1e-400000")  # above exp(-10**6), which no double can tell from 0
MOST_POWER = 64  # whole exponents up to which powers are multiplied out


def stretched(rad: Decimal) -> Decimal:
    """Bound e^r - 1 from above, for r below 1."""
    return rad + rad * rad


def share(rad: Decimal, size: Decimal) -> Decimal:
    """Bound r / (size - r) from above, for sizes that are above 2r."""
    return rad / (size * (SHARP if NARROW * rad < size else WIDE))


def exp(x: Ball, shadow: float) -> Ball:
    """Spread by a factor of e^r."""
    if not x.mid:
        found = ONE
    elif x.mid < -1_000_000 and x.rad < 1:
        return x.__class__(shadow, ZERO, NEVER_SEEN)
    else:
        found = x.mid.exp()
    if not x.rad < 1:
        return x.unknown(shadow)
    if not (x.mid or x.rad):
        return x.__class__(shadow, ONE, ZERO)
    return x.around(shadow, found, found * (1 + x.ulp) * stretched(x.rad))


def log(x: Ball, shadow: float) -> Ball:
    """Spread by at most r / (x - r)."""
    if not x.mid > 2 * x.rad:
        return x.unknown(shadow)
    return x.around(shadow, x.mid.ln(), share(x.rad, x.mid))


def sqrt(x: Ball, shadow: float) -> Ball:
    """Spread by at most r / √x."""
    flags = getcontext().flags
    flags[Inexact] = False
    if not (x.mid > x.rad or not (x.mid or x.rad)):
        return x.unknown(shadow)
    found = x.mid.sqrt()
    if not x.rad:
        return x.__class__(shadow, found, found * x.ulp if flags[Inexact] else ZERO)
    return x.around(shadow, found, x.rad / (found * SHARP))


def expm1(x: Ball, shadow: float) -> Ball:
    """Spread as exp does."""
    if not x.rad < 1:
        return x.unknown(shadow)
    found = elementary.expm1(x.mid, x.digits)
    return x.around(shadow, found, (1 + found + x.ulp * 4 * (1 + abs(found))) * stretched(x.rad))


def log1p(x: Ball, shadow: float) -> Ball:
    """Spread as log does."""
    size = (1 + x.mid) * SHARP  # rounding cannot have made it larger than it is
    if not size > 2 * x.rad:
        return x.unknown(shadow)
    return x.around(shadow, elementary.log1p(x.mid, x.digits), share(x.rad, size))


def erfc(x: Ball, shadow: float) -> Ball:
    """Spread by the slope: below 2 everywhere, and below 2(x + 1) erfc(x) to the right of 0."""
    if not 2 * abs(x.mid) * x.rad < 1:
        return x.unknown(shadow)
    if x.mid > 1000:
        return x.__class__(shadow, ZERO, NEVER_SEEN)
    found = elementary.erfc(x.mid, x.digits)
    slope = 6 * (x.mid + 1) * found if x.mid > 0 else Decimal(2)
    return x.around(shadow, found, slope * x.rad)


def gentle(name: str, slope: int) -> Callable[[Ball, float], Ball]:
    """Make a function that nowhere is steeper than this."""
    function = elementary.FUNCTIONS[name]

    def spread(x: Ball, shadow: float) -> Ball:
        """Spread by at most the slope times r."""
        if not x.mid.is_finite() or x.mid.adjusted() > 1000:
            return x.unknown(shadow)
        if not (x.mid or x.rad):
            return x.__class__(shadow, function(ZERO, x.digits), ZERO)
        return x.around(shadow, function(x.mid, x.digits), slope * x.rad)

    return spread


def tan(x: Ball, shadow: float) -> Ball:
    """Divide the sine by the cosine."""
    return (sin(x, 0.0) / cos(x, 1.0)).seen_as(shadow)


sin, cos, tanh, erf = gentle("sin", 1), gentle("cos", 1), gentle("tanh", 1), gentle("erf", 2)


def power(x: Ball, y: Ball) -> Ball:
    """Raise to a power: by multiplication where the exponent is whole and small, else by e^(y ln x)."""
    shadow = ieee_pow(x.shadow, y.shadow)
    count = int(y.mid) if y.mid.is_finite() and abs(y.mid) <= MOST_POWER else 0
    if not y.rad and count == y.mid:
        found = whole(x, abs(count))
        found = x.one / found if count < 0 else found
    elif not y.rad and y.mid == Decimal("0.5"):
        found = sqrt(x, shadow)
    elif not (x.mid or x.rad) and y.mid > y.rad:
        return x.__class__(shadow, ZERO, ZERO)
    else:
        found = raised(x, y)
    return found.seen_as(shadow)


def raised(x: Ball, y: Ball) -> Ball:
    """Return e^(y ln |x|), with the sign that an odd exponent keeps; only whole ones are for negative numbers."""
    if x.mid > 0:
        return exp(y * log(x, 0.0), 0.0)
    if y.rad or y.mid != y.mid.to_integral_value() or y.mid.adjusted() >= y.digits:
        return x.unknown(0.0)
    found = exp(y * log(-x, 0.0), 0.0)
    return -found if y.mid % 2 else found


def whole(x: Ball, count: int) -> Ball:
    """Multiply a number so many times."""
    found, square = x.one, x
    while count:
        if count % 2:
            found = found * square
        count //= 2
        if count:
            square = square * square
    return found


def scaled(x: Ball, exponent: int) -> Ball:
    """Multiply by a power of 2."""
    if not exponent:
        return x
    factor = whole(x.make(2.0), abs(exponent))
    found = x * factor if exponent > 0 else x / factor
    return found.seen_as(ieee_ldexp(x.shadow, exponent))


def on_balls(name: str, function: Callable[[Ball, float], Ball]) -> Callable[[Ball], Ball]:
    """Pair a function with that on shadows."""
    edge = IEEE_FUNCTIONS[name]
    return lambda x: function(x, edge(x.shadow))


BALL_FUNCTIONS: Mapping[str, Callable[[Ball, float], Ball]] = {
    "exp": exp, "log": log, "sqrt": sqrt, "expm1": expm1, "log1p": log1p, "erf": erf, "erfc": erfc,
    "sin": sin, "cos": cos, "tan": tan, "tanh": tanh,
}  # fmt: skip


def remembered(make: Callable[[float], Number], kind: type) -> Callable[[Any], Number]:
    """Make one and the same number of the same double: so that equal ones are known to be equal."""
    known: dict[str, Number] = {}
    small = {k: make(float(k)) for k in range(-2, 17)}

    def made(value: Any) -> Number:
        if value.__class__ is int and value in small:
            return small[value]
        if value.__class__ is kind:
            return value
        double = float(value)
        key = repr(double)  # -0.0 is another than 0.0
        if key not in known:
            if len(known) > 10_000:
                known.clear()
            known[key] = make(double)
        return known[key]

    return made


@cache
def balls(digits: int, *, sharing: bool = False) -> NumberType:
    """Return the number type of balls with midpoints of so many digits: :class:`SharedBall` if ``sharing``."""
    context, ulp = context_of(digits, ROUND_UP), Decimal(10) ** (1 - digits)
    kind: Any = type("Ball", (SharedBall if sharing else Ball,), {"__slots__": (), "ulp": ulp, "digits": digits})

    def ball(double: float) -> Ball:
        exact = Decimal(double)
        mid = context.plus(exact)
        rest = (Fraction(double),) if sharing and mid.is_finite() else ()
        found: Ball = kind(double, mid if mid.is_finite() else UNKNOWN, ZERO if mid == exact else abs(mid) * ulp, *rest)
        return found

    kind.one = ball(1.0)
    make = remembered(lambda double: kind.one if double == 1.0 else ball(double), kind)
    kind.make = staticmethod(make)
    pi = elementary.pi(digits)
    functions: Mapping[str, Callable[..., Number]] = {
        **{name: on_balls(name, function) for name, function in BALL_FUNCTIONS.items()},
        "abs": abs,
        "pow": power,
        "div": operator.truediv,
        "exponent": IEEE_FUNCTIONS["exponent"],
        "ldexp": scaled,
    }
    if sharing:
        functions = {name: shared(function) for name, function in functions.items() if name != "exponent"}
        functions = {**functions, "exponent": IEEE_FUNCTIONS["exponent"], "ldexp": scaled}
    return NumberType("enclosures", kind, make, functions, functions, {"pi": kind(float(pi), pi, pi * ulp)})
