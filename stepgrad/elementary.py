"""Elementary functions of decimals: what ``decimal`` does not have, by series with guard digits.

Each function takes a finite number and how many digits are wanted, and returns a result whose relative
error is below one unit of the last of them. ``exp``, ``ln`` and ``sqrt``, which ``decimal`` rounds correctly,
carry the rest. The series are in Abramowitz & Stegun, *Handbook of Mathematical Functions*, ch. 4 and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import cache, wraps

from stepgrad.errors import GateError

GUARD = 12  # digits beyond those wanted: no series here has 10**9 terms, nor as many roundings
LARGEST_ANGLE = 10_000  # digits before the point, each of which takes one more of π
NEAR_0 = -GUARD  # exponents from which on a power series needs few terms
ZERO, HALF, ONE, TWO = Decimal(0), Decimal("0.5"), Decimal(1), Decimal(2)

Function = Callable[[Decimal, int], Decimal]


@cache
def context_of(digits: int, rounding: str = ROUND_HALF_EVEN) -> Context:
    """Return a context with so many digits, the widest exponents, and no exceptions."""
    return Context(prec=digits, rounding=rounding, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


def guarded(function: Function) -> Function:
    """Compute a function with guard digits, and round what it returns."""

    @wraps(function)
    def rounded(x: Decimal, digits: int) -> Decimal:
        with localcontext(context_of(digits + GUARD)):
            found = function(x, digits + GUARD)
        return context_of(digits).plus(found)

    return rounded


def add_up(term: Decimal, following: Callable[[Decimal, int], Decimal], digits: int) -> Decimal:
    """Add the terms of a series, each made of the one before and its number, until they no longer count."""
    total, k = term, 0
    while term and term.adjusted() > total.adjusted() - digits - 2:
        k += 1
        term = following(term, k)
        total += term
    return total


@cache
def pi(digits: int) -> Decimal:
    """Return π, by Machin's formula in whole numbers: 16 arctan(1/5) - 4 arctan(1/239)."""
    unit = 10 ** (digits + GUARD)

    def arctan_of_inverse(n: int) -> int:
        power: int = unit // n
        total = power
        k = 1
        while power:
            power //= -n * n
            k += 2
            total += power // k
        return total

    scaled = Decimal(16 * arctan_of_inverse(5) - 4 * arctan_of_inverse(239))
    return context_of(digits).plus(context_of(digits + GUARD).scaleb(scaled, -digits - GUARD))


def from_quarter(x: Decimal, digits: int) -> tuple[int, Decimal]:
    """Return how many right angles, modulo 4, are nearest to an angle, and what is left of it, at most π/4."""
    extra = max(x.adjusted(), 0)
    if extra > LARGEST_ANGLE:
        raise GateError(f"this angle has more than {LARGEST_ANGLE:,} digits before the point; bring it nearer to 0")
    while True:
        with localcontext(context_of(digits + extra)):
            quarter = pi(digits + extra) / 2
            count = (x / quarter).to_integral_value()
            rest = x - count * quarter
        lost = max(x.adjusted(), 0) - rest.adjusted() if rest else digits
        if not count or (rest and lost <= extra + GUARD // 3):
            return int(count) % 4, rest
        extra += lost


def sine_series(x: Decimal, digits: int) -> Decimal:
    """Add up x - x³/3! + x⁵/5! and so on."""
    square = -x * x
    return add_up(x, lambda term, k: term * square / (2 * k * (2 * k + 1)), digits)


def cosine_series(x: Decimal, digits: int) -> Decimal:
    """Add up 1 - x²/2! + x⁴/4! and so on."""
    square = -x * x
    return add_up(ONE, lambda term, k: term * square / (2 * k * (2 * k - 1)), digits)


@guarded
def sin(x: Decimal, digits: int) -> Decimal:
    """Return the sine."""
    quarter, rest = from_quarter(x, digits)
    found = (cosine_series if quarter % 2 else sine_series)(rest, digits)
    return -found if quarter > 1 else found


@guarded
def cos(x: Decimal, digits: int) -> Decimal:
    """Return the cosine."""
    quarter, rest = from_quarter(x, digits)
    found = (sine_series if quarter % 2 else cosine_series)(rest, digits)
    return -found if quarter in (1, 2) else found


@guarded
def tan(x: Decimal, digits: int) -> Decimal:
    """Return the tangent."""
    return sin(x, digits) / cos(x, digits)


@guarded
def expm1(x: Decimal, digits: int) -> Decimal:
    """Return eˣ - 1 without cancellation."""
    if x.adjusted() < NEAR_0:
        return add_up(x, lambda term, k: term * x / (k + 1), digits)
    with localcontext(context_of(digits - NEAR_0)):
        return x.exp() - 1


@guarded
def log1p(x: Decimal, digits: int) -> Decimal:
    """Return ln(1 + x) without cancellation."""
    if x.adjusted() < NEAR_0:
        power = x

        def following(term: Decimal, k: int) -> Decimal:
            nonlocal power
            power *= -x
            return power / (k + 1)

        return add_up(x, following, digits)
    with localcontext(context_of(digits - NEAR_0)):
        return (1 + x).ln()


@guarded
def tanh(x: Decimal, digits: int) -> Decimal:
    """Return the hyperbolic tangent, as -t/(t + 2) with t = e^(-2|x|) - 1."""
    t = expm1(-2 * abs(x), digits)
    return (-t / (t + 2)).copy_sign(x)


def erf_series(x: Decimal, digits: int) -> Decimal:
    """Return erf by 2/√π e^(-x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!, in which no term is negative where x is not."""
    square = 2 * x * x
    total = add_up(x, lambda term, k: term * square / (2 * k + 1), digits)
    return 2 * total * (-x * x).exp() / pi(digits).sqrt()


def erfc_asymptotic(x: Decimal, digits: int) -> Decimal:
    """Return erfc of a large x by e^(-x²)/(x√π) Σ (-1)ⁿ (2n-1)!! / (2x²)ⁿ, off by less than the first term left out."""
    with localcontext(context_of(2 * max(x.adjusted(), 0) + digits)):  # the exponent loses as many digits as it has
        power = (-x * x).exp()
    inverse = -1 / (2 * x * x)
    total = add_up(ONE, lambda term, k: term * inverse * (2 * k - 1), digits)
    return power * total / (x * pi(digits).sqrt())


def is_far(x: Decimal, digits: int) -> bool:
    """Whether the terms of the asymptotic series get small enough: the smallest is about e^(-x²)."""
    return x * x > Decimal("2.4") * (digits + 5)


@guarded
def erf(x: Decimal, digits: int) -> Decimal:
    """Return the error function."""
    if is_far(abs(x), digits):
        return ONE.copy_sign(x)
    return erf_series(x, digits)


@guarded
def erfc(x: Decimal, digits: int) -> Decimal:
    """Return 1 - erf without cancellation."""
    if x <= HALF:
        return 1 - erf(x, digits)
    if is_far(x, digits):
        return erfc_asymptotic(x, digits)
    with localcontext(context_of(digits + 5 + int(x * x * HALF))) as wider:
        return 1 - erf_series(x, wider.prec)


FUNCTIONS: dict[str, Function] = {
    "exp": lambda x, digits: context_of(digits).exp(x),
    "log": lambda x, digits: context_of(digits).ln(x),
    "sqrt": lambda x, digits: context_of(digits).sqrt(x),
    "expm1": expm1,
    "log1p": log1p,
    "erf": erf,
    "erfc": erfc,
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "tanh": tanh,
}
