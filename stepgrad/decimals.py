"""Decimals: numbers of so many significant digits, as many as are asked for.

The number type of ``--decimal N``. Python's own ``Decimal`` computes with the digits of whatever context is
at hand where it is used, and events are put together later, by whoever looks. So each number here carries
its digits along; and it has the edges of floats: inf and nan, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from functools import cache
from typing import Any, ClassVar

from stepgrad import elementary
from stepgrad.elementary import GUARD, LARGEST_ANGLE, Function, context_of
from stepgrad.errors import GateError, InputError
from stepgrad.numeric import IEEE_FUNCTIONS, NumberType
from stepgrad.prices import METER, of_function, of_product, of_room
from stepgrad.tensor import Number

MAX_DIGITS = 10_000
SMALL_POWER = 3  # digits of an exponent up to which powers are products
ANGLES = ("sin", "cos", "tan")  # whose size asks for as many digits of π


def operator(name: str, *, swapped: bool = False, products: int = 0) -> Any:
    """Make an operator of the method of ``Context`` of this name, which takes as long as so many products."""

    def operate(self: Digits, other: Any) -> Any:
        if not isinstance(other, (Decimal, int)):
            return NotImplemented
        left, right = (other, self) if swapped else (self, other)
        if self.room:
            METER.charge(self.room + products * self.price)
        return self.__class__(getattr(self.context, name)(left, right))

    return operate


def comparison(name: str) -> Any:
    """Make a comparison to which nan is no exception, but false."""
    plain = getattr(Decimal, name)

    def compare(self: Digits, other: Any) -> Any:
        return False if self != self or other != other else plain(self, other)

    return compare


class Digits(Decimal):
    """A decimal that computes with its own number of digits."""

    __slots__ = ()
    context: ClassVar[Context]
    room: ClassVar[int]  # the price of a result's memory
    price: ClassVar[int]  # that of a product

    __add__ = operator("add")
    __radd__ = operator("add", swapped=True)
    __sub__ = operator("subtract")
    __rsub__ = operator("subtract", swapped=True)
    __mul__ = operator("multiply", products=1)
    __rmul__ = operator("multiply", swapped=True, products=1)
    __truediv__ = operator("divide", products=2)
    __rtruediv__ = operator("divide", swapped=True, products=2)
    __lt__ = comparison("__lt__")
    __le__ = comparison("__le__")
    __gt__ = comparison("__gt__")
    __ge__ = comparison("__ge__")

    def __str__(self) -> str:
        return super().__str__() if self.is_finite() else str(float(self))

    def __format__(self, spec: str, *rest: Any) -> str:
        return super().__format__(spec, *rest) if self.is_finite() else format(float(self), spec)

    def __neg__(self) -> Digits:
        return self.__class__(self.copy_negate())

    def __abs__(self) -> Digits:
        return self.__class__(self.copy_abs())

    def __floordiv__(self, other: Any) -> Digits:
        if not other:
            raise ZeroDivisionError
        return self.__class__((self / other).to_integral_value(ROUND_FLOOR))

    def __mod__(self, other: Any) -> Digits:
        rest: Digits = self - self // other * other
        return rest

    def __round__(self, places: int | None = None) -> Any:
        if places is None:
            return super().__round__()
        found = self.quantize(Decimal(1).scaleb(-places), context=self.context)
        return self if found.is_nan() else self.__class__(found)


def shut(self: Digits, upstream: Any) -> Digits:
    """Multiply by what shuts out: 0, also inf or nan."""
    return self.__class__.__base__(0)  # type: ignore[misc,no-any-return]


def power(x: Decimal, y: Decimal, context: Context) -> Decimal:
    """Raise to a power, at the edges as floats do."""
    if not (x and x.is_finite() and y.is_finite() and y):
        return Decimal(IEEE_FUNCTIONS["pow"](float(x), float(y)))
    by_products = y.adjusted() < SMALL_POWER and y == y.to_integral_value()
    METER.charge(8 * SMALL_POWER * of_product(context.prec) if by_products else of_function("power", context.prec))
    return context.plus(context_of(context.prec + GUARD).power(x, y))


def lifted(name: str, function: Function, kind: type[Digits]) -> Callable[[Digits], Digits]:
    """Make a function on numbers of a kind, at the edges as on floats."""
    edge, digits = IEEE_FUNCTIONS[name], kind.context.prec

    def total(x: Digits) -> Digits:  # with guard digits, which numbers that carry their own would not have
        if not x.is_finite():
            return kind(edge(float(x)))
        more = min(max(x.adjusted(), 0), LARGEST_ANGLE) if name in ANGLES else 0
        METER.charge(of_function(name, digits + more))
        return kind(function(Decimal(x), digits))

    return total


def decimal_number(value: Any, context: Context) -> Decimal:
    """Read a number: text as written, a float exactly, all with the digits of the context."""
    if isinstance(value, Fraction):
        return context.divide(Decimal(value.numerator), Decimal(value.denominator))
    try:
        return context.plus(Decimal(value))
    except (TypeError, ValueError, ArithmeticError):
        raise GateError(f"{value} is no decimal; give a number") from None


@cache
def decimals(digits: int) -> NumberType:
    """Return the number type that computes with so many significant digits.

    Raises
    ------
    InputError
        If these are too few or too many.
    """
    if not 1 <= digits <= MAX_DIGITS:
        raise InputError(f"{digits} significant digits are not possible; ask for 1 to {MAX_DIGITS:,}")
    context = context_of(digits)
    prices = {"room": of_room(digits), "price": of_product(digits)}
    kind = type("Digits", (Digits,), {"__slots__": (), "context": context, **prices})
    functions: Mapping[str, Callable[..., Number]] = {
        **{name: lifted(name, function, kind) for name, function in elementary.FUNCTIONS.items()},
        "abs": abs,
        "pow": lambda x, y: kind(power(x, y, context)),
        "div": lambda x, y: x / y,
        "exponent": lambda x: 0,  # no square is too large, or too small
        "ldexp": lambda x, exponent: x,
    }
    pi = kind(elementary.pi(digits))
    named: Mapping[str, Callable[[], Number]] = {
        "pi": lambda: pi,
        "tau": lambda: kind(pi + pi),
        "e": cache(lambda: functions["exp"](kind(1))),
    }
    closed = type("Closed", (kind,), {"__slots__": (), "__mul__": shut, "__rmul__": shut})(0)
    return NumberType(
        "decimals",
        kind,
        lambda value: kind(decimal_number(value, context)),
        functions,
        functions,
        {"pi": pi},
        named,
        closed,
    )
