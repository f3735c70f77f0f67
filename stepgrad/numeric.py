"""Number types: what a formula of the table computes with.

A number type is a namespace. The text of a gate's row (``x*y``, ``exp(x)``, ``0.5/z``) is compiled
once for each, its numbers made by the type, so that one text serves floats, exact fractions, decimals and
enclosures, and nothing silently turns a fraction into a float.

Floats have two namespaces: the fast one is Python's own arithmetic, which raises at ``1/0`` and
``log(0)``; where it raises, the same text runs again in the IEEE one, which never does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from stepgrad.errors import GateError
from stepgrad.limits import LIMITS
from stepgrad.tensor import Number


@dataclass(frozen=True, eq=False)
class NumberType:
    """A kind of number to compute with.

    Attributes
    ----------
    name : str
        What it is called in errors and titles.
    kind : type
        The Python type of its numbers, the key by which :func:`stepgrad.run` knows it.
    make : callable
        Text or Python number to a number of this type.
    fast : mapping
        The functions that formulas call; they may raise ``ArithmeticError`` or ``ValueError``.
    ieee : mapping
        The same, total: what happens where the fast ones raise.
    numbers : mapping
        The numbers that formulas name: ``pi``.
    named : mapping
        What makes ``math.pi``, ``math.e`` and ``math.tau`` in programs, where their doubles are not good enough.
    shut : number, optional
        A 0 that stays 0 times inf, if this type has inf: the local of an operand that a gate shuts out.
    """

    name: str
    kind: type
    make: Callable[[Any], Number]
    fast: Mapping[str, Callable[..., Number]]
    ieee: Mapping[str, Callable[..., Number]]
    numbers: Mapping[str, Number] = field(default_factory=dict)
    named: Mapping[str, Callable[[], Number]] = field(default_factory=dict)
    shut: Number | None = None

    @property
    def closed(self) -> Number:
        """The local of an operand that a gate shuts out, as ``closed`` in a row's text: 0, whatever the upstream."""
        return self.make(0) if self.shut is None else self.shut

    def require(self, function: str, gate: str) -> Callable[..., Number]:
        """Return the total function of this name that ``gate`` needs.

        Raises
        ------
        GateError
            If numbers of this type have none.
        """
        if function not in self.ieee:
            raise GateError(f"`{gate}` needs {function}, which {self.name} do not have; use number=float, or decimals")
        return self.ieee[function]


class Closed(float):
    """The local of an operand that a gate shuts out: 0, and a product with it is 0, also that of inf or nan.

    So relu, maximum, minimum, where and clip let nothing through where they are closed, as in PyTorch: what
    they shut out has no part in the result, however steep the rest is.

    >>> math.inf * Closed(), math.inf * 0.0
    (0.0, nan)
    """

    __slots__ = ()

    def __mul__(self, upstream: Any) -> Any:
        return 0.0

    __rmul__ = __mul__


def ieee_div(x: float, y: float) -> float:
    """Divide as the hardware does: 1/0 is inf, 0/0 is nan.

    >>> ieee_div(1.0, -0.0), ieee_div(0.0, 0.0)
    (-inf, nan)
    """
    if y:
        return x / y
    if not x or x != x or y != y:
        return math.nan
    return math.inf * math.copysign(1.0, x) * math.copysign(1.0, y)


def ieee_pow(x: float, y: float) -> float:
    """Raise to a power as C does: never an exception, never a complex number.

    >>> ieee_pow(0.0, -1.0), ieee_pow(-8.0, 1/3), ieee_pow(-1e200, 3.0)
    (inf, nan, -inf)
    """
    try:
        return math.pow(x, y)
    except OverflowError:
        return math.copysign(math.inf, x) if y % 2 == 1 else math.inf
    except ValueError:
        if x:
            return math.nan
        return math.copysign(math.inf, x) if y % 2 == 1 else math.inf


def ieee_ldexp(x: float, exponent: int) -> float:
    """Scale by a power of 2; beyond the largest number, it is inf."""
    try:
        return math.ldexp(x, exponent)
    except OverflowError:
        return math.copysign(math.inf, x)


def or_else(function: Callable[[float], float], edge: Callable[[float], float]) -> Callable[[float], float]:
    """Complete a function of ``math``: where it raises, ``edge`` gives the IEEE value."""

    def total(x: float) -> float:
        try:
            return function(x)
        except (ArithmeticError, ValueError):
            return edge(x)

    return total


def whole_power(x: Fraction, y: Fraction) -> Fraction:
    """Raise a fraction to a whole power; no other power of one is always a fraction."""
    if y.denominator != 1:
        raise GateError(f"a fraction to the power {y} is no fraction; use number=float, or a whole exponent")
    if abs(y.numerator) * max(x.numerator.bit_length(), x.denominator.bit_length()) > LIMITS.fraction:
        raise GateError(f"to the power {y}, this is too long a fraction; use number=float, or a smaller exponent")
    return x**y.numerator if y >= 0 else exact_div(Fraction(1), x**-y.numerator)


def bounded(x: Fraction) -> Fraction:
    """Refuse a fraction that is too long to go on with: ``x = x * x`` doubles its digits each time."""
    if x.numerator.bit_length() > LIMITS.fraction or x.denominator.bit_length() > LIMITS.fraction:
        raise GateError("this fraction has too many digits; use number=float or decimals, or raise --max-fraction")
    return x


EXACT_FUNCTIONS: Mapping[str, Callable[..., Number]] = {"pow": whole_power, "abs": abs, "bounded": bounded}

FLOAT_FUNCTIONS: Mapping[str, Callable[..., Number]] = {
    "exp": math.exp,
    "log": math.log,
    "expm1": math.expm1,
    "log1p": math.log1p,
    "erf": math.erf,
    "erfc": math.erfc,
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "tanh": math.tanh,
    "abs": abs,
    "pow": math.pow,
}

IEEE_FUNCTIONS: Mapping[str, Callable[..., Number]] = {
    **FLOAT_FUNCTIONS,
    "exp": or_else(math.exp, lambda x: math.inf),
    "log": or_else(math.log, lambda x: math.nan if x else -math.inf),
    "expm1": or_else(math.expm1, lambda x: math.inf),
    "log1p": or_else(math.log1p, lambda x: math.nan if x < -1 else -math.inf),
    "sqrt": or_else(math.sqrt, lambda x: math.nan),
    "sin": or_else(math.sin, lambda x: math.nan),
    "cos": or_else(math.cos, lambda x: math.nan),
    "tan": or_else(math.tan, lambda x: math.nan),
    "div": ieee_div,
    "pow": ieee_pow,
    "exponent": lambda x: math.frexp(x)[1],
    "ldexp": ieee_ldexp,
}


def exact_number(value: Any) -> Fraction:
    """Make a fraction; inf and nan are none."""
    try:
        return Fraction(value)
    except (OverflowError, ValueError):
        raise GateError(f"{value} is no fraction; use number=float, which has inf and nan") from None


def exact_div(x: Fraction, y: Fraction) -> Fraction:
    """Divide fractions; there is no infinite one."""
    if not y:
        raise GateError("a fraction cannot be divided by zero; use number=float, where it is inf or nan")
    return x / y


FLOAT = NumberType("float64", float, float, FLOAT_FUNCTIONS, IEEE_FUNCTIONS, {"pi": math.pi}, shut=Closed())
EXACT = NumberType("exact fractions", Fraction, exact_number, EXACT_FUNCTIONS, {**EXACT_FUNCTIONS, "div": exact_div})

NUMBER_TYPES: Mapping[type, NumberType] = {float: FLOAT, Fraction: EXACT}
