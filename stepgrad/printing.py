"""Printing: what ``print``, f-strings and ``%`` make of values, within bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction
from typing import Any

from stepgrad.errors import GateError
from stepgrad.limits import LIMITS
from stepgrad.literals import count_numbers, raw, whole_number
from stepgrad.scopes import Function
from stepgrad.tensor import Tensor

LONGEST_FRACTION = 10_000  # bits of one that is printed in full
WIDE = Context(prec=17, Emin=MIN_EMIN, Emax=MAX_EMAX)  # has decimals for fractions that no float is near
SPEC = re.compile(r"(?:[^{}]?[<>^=])?[-+ ]?#?0?(\d{0,3}),?(?:\.(\d{1,3}))?([bdeEfFgGnosxX%]?)")
PERCENT = re.compile(r"%(?:(%)|([-+ 0#]*)(\d{0,3})(?:\.(\d{1,3}))?([dieEfFgGsr]))")


def printed(value: Any) -> str:
    """Print a value as Python would print the number or the list that it is.

    Raises
    ------
    GateError
        If it is a list that holds itself.
    """
    plain = raw(value)
    if isinstance(plain, str):
        return clipped(plain)
    if isinstance(plain, (list, tuple)):
        count_numbers(plain)
    text = ""
    for part in parts_of(plain):
        text += part
        if len(text) > LIMITS.text:
            break
    return clipped(text)


def in_full(value: Any) -> str:
    """Print a result, however long it is."""
    return "".join(parts_of(value))


def parts_of(value: Any) -> Iterator[str]:
    """Yield what is printed of a value, piece by piece."""
    plain = raw(value)
    match plain:
        case Tensor(shape=(count, *inner), data=data):
            size = len(data) // count if count else 0
            rows = (Tensor(tuple(inner), data[i * size : (i + 1) * size]) if inner else data[i] for i in range(count))
            yield "["
            for k, each in enumerate(rows):
                yield ", " if k else ""
                yield from parts_of(each)
            yield "]"
        case list() | tuple():
            opening, closing = "[]" if isinstance(plain, list) else "()"
            yield opening
            for k, each in enumerate(plain):
                yield ", " if k else ""
                yield from parts_of(each)
            yield f",{closing}" if isinstance(plain, tuple) and len(plain) == 1 else closing
        case Function():
            yield f"<function {plain.name}>"
        case Fraction():
            yield fraction_text(plain)
        case Decimal():
            yield str(plain)
        case _:
            yield repr(plain)


def fraction_text(number: Fraction) -> str:
    """Print a fraction; one of thousands of digits, which Python itself does not print, as the number that is nearest.

    >>> fraction_text(Fraction(1, 3)), fraction_text(Fraction(10**5000 + 1, 10**5000))
    ('1/3', '1.0…')
    >>> fraction_text(Fraction(-(10**5000), 3))
    '-3.3333333333333333E+4999…'
    """
    if number.numerator.bit_length() + number.denominator.bit_length() < LONGEST_FRACTION:
        return str(number)
    return f"{nearest_number(number)}…"


def nearest_number(number: Fraction) -> float | Decimal:
    """Return the float that is nearest to a fraction; where it would be 0 or inf, a decimal of as many digits."""
    try:
        found = float(number)
    except OverflowError:
        found = 0.0
    return found if found or not number else WIDE.divide(number.numerator, number.denominator)


def clipped(text: str) -> str:
    """Cut a very long text."""
    return text if len(text) <= LIMITS.text else f"{text[: LIMITS.text]}…"


def joined_text(texts: Sequence[str]) -> str:
    """Join texts.

    Raises
    ------
    GateError
        If that gets too long.
    """
    if sum(map(len, texts)) > LIMITS.text:
        raise GateError(f"this text has more than {LIMITS.text:,} characters; print it in parts, or raise --max-text")
    return "".join(texts)


def in_format(value: Any, spec: str) -> str:
    """Print a value by a format such as ``.3f``.

    Raises
    ------
    GateError
        If the format is not understood, too wide, or not one for this value.
    """
    plain = raw(value)
    found = SPEC.fullmatch(spec)
    if found is None:
        raise GateError(f"the format {clipped(spec)!r} is not understood; write one as in .3f or >8.2f")
    if not spec:
        return printed(value)
    if isinstance(plain, Tensor) and len(plain.data) == 1:
        plain = plain.data[0]
    if isinstance(plain, (Tensor, list, tuple, range, Function)) or plain is None:
        raise GateError("a format prints one number; print the list without one, or an entry of it")
    if found[3] in tuple("dfF%"):
        check_short(plain)
    if found[3] in tuple("bdoxX"):  # inputs are no ints, and may be meant as such
        plain = plain if whole_number(plain) is None else whole_number(plain)
    try:
        return format(float(plain) if isinstance(plain, Fraction) else plain, spec)
    except (ValueError, OverflowError):
        raise GateError(f"the format {spec!r} is not one for this value; write one as in .3f or >8.2f") from None


def check_short(number: Any) -> None:
    """Refuse to write a decimal without an exponent where its digits before the point would have no end."""
    if isinstance(number, Decimal) and number.adjusted() > LIMITS.text:
        raise GateError(f"this number has more than {LIMITS.text:,} digits before the point; print it as in .3e")


def by_percent(text: str, values: Any) -> str:
    """Print values by a text with ``%``, as older course code does.

    Raises
    ------
    GateError
        If there are too many or too few values, or one does not fit.
    """
    given = list(values) if isinstance(values, tuple) else [values]
    parts, end = [], 0
    for found in PERCENT.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if found[1]:
            parts.append("%")
        elif not given:
            raise GateError("there are fewer values than `%` in the text; give one for each")
        else:
            parts.append(one_by_percent(found, given.pop(0)))
    if given:
        raise GateError("there are more values than `%` in the text; write one for each")
    if "%" in text[end:]:
        raise GateError("a `%` of the text has no kind that is understood; write %d, %f, %g or %s, and %% for itself")
    return joined_text([*parts, text[end:]])


def one_by_percent(found: re.Match[str], value: Any) -> str:
    """Print one value by its part of the text."""
    kind, plain = found[5], raw(value)
    shown = printed(value) if kind in "sr" else plain
    if kind not in "sr" and (isinstance(plain, (Tensor, list, tuple, range, str, Function)) or plain is None):
        raise GateError(f"`%{kind}` prints one number; use %s for anything else")
    if kind in "di":
        check_short(plain)
    try:
        return found[0] % (float(shown) if isinstance(shown, Fraction) else shown)
    except (ValueError, OverflowError, TypeError):
        raise GateError(f"`{found[0]}` is not one for this value; use %s") from None


def printed_line(values: Iterable[Any], between: str) -> str:
    """Print values side by side."""
    return clipped(between.join(map(printed, values)))
