"""Enclosures: numbers of which both is known, what floats make of them and what they truly are.

An enclosure carries its *shadow*, the double that the float run has in its place, and bounds of the true real
number. Arithmetic goes on with both. Comparisons ask the shadows, so that a run takes every branch that the
float run takes; where the bounds do not confirm what they say, a doubt is noted.

A :class:`Ball` is a midpoint and a radius in ``decimal``. Every operation rounds away from zero: so a radius
never comes out too small, and what a midpoint is off by is below one unit of its last digit, which is added to the
radius. (Tucker, *Validated Numerics*, ch. 3; Johansson, Arb.) An :class:`Exactly` is a fraction. Both belong to
one run, within ``working(number)``; what leaves it are doubles.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import ROUND_UP, Decimal, Inexact, Overflow, Underflow, getcontext, localcontext
from fractions import Fraction
from functools import cache
from math import inf
from typing import Any, ClassVar, NamedTuple, TypeVar

from stepgrad import elementary
from stepgrad.elementary import ONE, ZERO, context_of
from stepgrad.errors import GateError
from stepgrad.numeric import IEEE_FUNCTIONS, SCALING, NumberType, ieee_div, ieee_ldexp, ieee_pow, whole_power
from stepgrad.tensor import Number

UNKNOWN = Decimal("nan")  # the midpoint where the true number can be anything, or is none
NARROW = 64  # how many radii a divisor is away from 0, at least, for a quotient with a sharp radius
SHARP, WIDE = Decimal("0.98"), Decimal("0.49")  # below (1 - 1/64) and (1 - 1/2): what is left of a divisor
NEVER_SEEN = Decimal("1e-400000")  # above exp(-10**6), which no double can tell from 0
MOST_POWER = 64  # whole exponents up to which powers are multiplied out
MAX_BITS = 20_000  # of a fraction
SIGNS: Mapping[Callable[[Any, Any], bool], str] = {
    operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=", operator.eq: "==", operator.ne: "!=",
}  # fmt: skip


class Doubt(NamedTuple):
    """A comparison of floats that the bounds do not confirm; where they refute it, ``refuted``."""

    left: float
    sign: str
    right: float
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
                DOUBTS.get().append(Doubt(self.shadow, SIGNS[test], other.shadow, order is not None))
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


def stretched(rad: Decimal) -> Decimal:
    """Bound e^r - 1 from above, for r below 1."""
    return rad + rad * rad


def share(rad: Decimal, size: Decimal) -> Decimal:
    """Bound r / (size - r) from above, for sizes that are above 2r."""
    return rad / (size * (SHARP if NARROW * rad < size else WIDE))


# How a function spreads: its value at the midpoint, and how far it gets from that within the ball.


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


REALS = (float, Fraction, Decimal, Enclosure)  # besides int: what a program's numbers can be

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
    """Return the number type of balls with midpoints of so many digits, which know their equals if ``sharing``."""
    context, ulp = context_of(digits, ROUND_UP), Decimal(10) ** (1 - digits)
    kind: Any = type("Ball", (SharedBall if sharing else Ball,), {"__slots__": (), "ulp": ulp, "digits": digits})

    def ball(double: float) -> Ball:
        exact = Decimal(double)
        mid = context.plus(exact)
        found: Ball = kind(double, mid if mid.is_finite() else UNKNOWN, ZERO if mid == exact else abs(mid) * ulp)
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
        "exponent": SCALING["exponent"],
        "ldexp": scaled,
    }
    if sharing:
        functions = {name: shared(function) for name, function in functions.items() if name != "exponent"}
        functions = {**functions, "exponent": SCALING["exponent"], "ldexp": scaled}
    return NumberType("enclosures", kind, make, functions, functions, {"pi": kind(float(pi), pi, pi * ulp)})


class Exactly(Enclosure):
    """A fraction that is the true number."""

    __slots__ = ("fraction",)

    def __init__(self, shadow: float, fraction: Fraction) -> None:
        if fraction.denominator.bit_length() + fraction.numerator.bit_length() > MAX_BITS:
            raise GateError(f"fractions get longer than {MAX_BITS} bits; use floats")
        self.shadow = shadow
        self.fraction = fraction

    def seen_as(self, shadow: float) -> Exactly:
        """Return the same fraction with another shadow."""
        return Exactly(shadow, self.fraction)

    def order(self, other: Exactly) -> int | None:
        """Compare the fractions."""
        return (self.fraction > other.fraction) - (self.fraction < other.fraction)

    def ends(self) -> tuple[float, float] | None:
        """Round the fraction."""
        try:
            return float(self.fraction), float(self.fraction)
        except OverflowError:
            return None

    def __add__(self, other: Exactly) -> Exactly:
        return Exactly(self.shadow + other.shadow, self.fraction + other.fraction)

    def __sub__(self, other: Exactly) -> Exactly:
        return Exactly(self.shadow - other.shadow, self.fraction - other.fraction)

    def __mul__(self, other: Exactly) -> Exactly:
        if other.__class__ is not Exactly:
            return NotImplemented
        return Exactly(self.shadow * other.shadow, self.fraction * other.fraction)

    def __truediv__(self, other: Exactly) -> Exactly:
        if not other.fraction:
            raise GateError("a fraction cannot be divided by zero")
        return Exactly(ieee_div(self.shadow, other.shadow), self.fraction / other.fraction)

    def __neg__(self) -> Exactly:
        return Exactly(-self.shadow, -self.fraction)

    def __abs__(self) -> Exactly:
        return Exactly(abs(self.shadow), abs(self.fraction))


def exact(value: Any) -> Exactly:
    """Make a fraction of a double."""
    if isinstance(value, Exactly):
        return value
    double = float(value)
    if double - double != 0:
        raise GateError(f"{double} is no fraction")
    return Exactly(double, Fraction(double))


def exact_power(x: Exactly, y: Exactly) -> Exactly:
    """Raise to a whole power."""
    return Exactly(ieee_pow(x.shadow, y.shadow), whole_power(x.fraction, y.fraction))


EXACT_FUNCTIONS: Mapping[str, Callable[..., Number]] = {"abs": abs, "pow": exact_power, "div": operator.truediv}
EXACTLY = NumberType("fractions", Exactly, exact, EXACT_FUNCTIONS, EXACT_FUNCTIONS)
Exactly.make = staticmethod(exact)


@contextmanager
def working(number: NumberType) -> Iterator[list[Doubt]]:
    """Compute with enclosures of this type within the block; what is in doubt goes to the list."""
    doubts: list[Doubt] = []
    before, shared_before = DOUBTS.set(doubts), SHARED.set({})
    context = context_of(getattr(number.kind, "digits", elementary.GUARD), ROUND_UP).copy()
    context.traps[Overflow] = context.traps[Underflow] = True  # bounds would no longer hold
    try:
        with localcontext(context):
            yield doubts
    finally:
        DOUBTS.reset(before)
        SHARED.reset(shared_before)
