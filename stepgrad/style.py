"""Style: how numbers, arrays and signs are printed, and how many cells they take."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import zip_longest
from math import inf, prod
from typing import NamedTuple
from unicodedata import combining, east_asian_width

from stepgrad.printing import fraction_text, nearest_number
from stepgrad.tensor import Array, Number, Shape, Tensor

MAX_ROWS, MAX_COLUMNS = 12, 8  # of a matrix; beyond, the middle is left out
NARROW = re.compile("[ -~¡-ˬΑ-ΡΣ-ωᵀ‐-‧⁰⁴-⁹⁻ⁿ₀-₉∂←-⌂]*")  # signs of which each takes one cell
LARGE = 1e9  # from here on, numbers are printed with an exponent
ASCII = str.maketrans(
    {"×": "*", "·": "*", "⊙": "*", "ᵀ": "'", "∂": "d", "′": "'", "Σ": "sum", "‖": "|", "≈": "~=", "…": "..",
     "−": "-", "→": "->", "²": "**2", "³": "**3", "σ": "sigmoid", "–": "-"}
)  # fmt: skip


class Style(NamedTuple):
    """How numbers and signs are printed.

    Attributes
    ----------
    digits : int
        Decimals. A number too small or too large for them is printed with an exponent.
    ascii_only : bool
        Spell mathematical signs in ASCII: ``d`` for ``∂``, ``%5`` for ``v₅``.
    """

    digits: int = 2
    ascii_only: bool = False

    def sign(self, text: str) -> str:
        """Spell mathematical signs as the style asks."""
        return in_ascii(text) if self.ascii_only else text

    def number(self, number: Number) -> str:
        """Print a number.

        >>> Style().number(0.39322386648296376), Style().number(3.5e-05), Style(3).number(1e300)
        ('0.39', '3.50e-05', '1.000e+300')
        """
        if isinstance(number, Fraction):
            text = fraction_text(number)
            if len(text) <= self.digits + 6 and not text.endswith("…"):
                return text
            number = nearest_number(number)
        return printed(number, self.digits)

    def rounded(self, array: Array) -> bool:
        """Whether printing it loses digits of what is shown."""
        return any(x == x and type(x)(self.number(x)) != x for x in shown(array))

    def equals(self, *arrays: Array) -> str:
        """Return ``=``, or ``≈`` where a printed number is rounded."""
        return self.sign("≈") if any(map(self.rounded, arrays)) else "="

    def rows(self, array: Array) -> list[str]:
        """Print an array as lines: a number, a vector in brackets, a matrix row by row.

        >>> Style(1).rows(Tensor((2, 2), [0.1, 0.5, -0.3, 0.8]))
        ['[ 0.1 0.5]', '[-0.3 0.8]']
        """
        if not isinstance(array, Tensor):
            return [self.number(array)]
        mark, width = self.sign("…"), array.shape[-1]
        columns = kept(width, MAX_COLUMNS)
        table = [
            [mark if c is None else self.number(array.data[r * width + c]) for c in columns]
            for r in shown_rows(array)
            if r is not None
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = iter(f"[{' '.join(text.rjust(width) for text, width in zip(row, widths))}]" for row in table)
        return [mark if r is None else next(lines) for r in shown_rows(array)] or ["[]"]

    def lines(self, array: Array) -> list[str]:
        """Print an array as lines, with a blank one between the matrices of a stack.

        >>> Style(0).lines(Tensor((2, 1, 2), [1.0, 2.0, 3.0, 4.0]))
        ['[1 2]', '', '[3 4]']
        """
        rows = self.rows(array)
        if not isinstance(array, Tensor) or len(array.shape) < 3 or not array.data:
            return rows
        lines: list[str] = []
        for r, row in zip(shown_rows(array), rows, strict=True):
            lines += ["", row] if r and r % array.shape[-2] == 0 else [row]
        return lines


def printed(number: Number, digits: int) -> str:
    """Print a number with so many decimals, with an exponent where it is too small or too large for them."""
    if LARGE <= abs(number) < inf:  # asked first: without an exponent, a decimal may fill the memory
        return f"{number:.{digits}e}"
    fixed = f"{number:.{digits}f}"
    return f"{number:.{digits}e}" if number and not float(fixed) else fixed


def in_ascii(text: str) -> str:
    r"""Spell a text in ASCII: mathematical signs by others, what is left as Python would escape it.

    >>> print(in_ascii("∂f/∂π ≈ 1 × 2"))
    df/d\u03c0 ~= 1 * 2
    """
    return text if text.isascii() else escaped(text.translate(ASCII))


def escaped(text: str) -> str:
    """Spell a name in ASCII, so that different names stay different."""
    return text.encode("ascii", "backslashreplace").decode()


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes: Chinese comes two cells a sign, accents none.

    >>> cells("σ′"), cells("梯度")
    (2, 4)
    """
    if text.isascii() or NARROW.fullmatch(text):
        return len(text)
    return sum(map(CELLS.__getitem__, text))


class Cells(dict[str, int]):
    """How many cells each sign takes, looked up once."""

    def __missing__(self, sign: str) -> int:
        self[sign] = 0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1
        return self[sign]


CELLS = Cells()


def filled(text: str, width: int) -> str:
    """Fill a text up with blanks to so many cells."""
    return text + " " * (width - cells(text))


def kept(count: int, most: int) -> list[int | None]:
    """List the places, out of ``count``, that are shown where the middle of a long list is left out: None there.

    >>> kept(9, 4)
    [0, 1, None, 8]
    """
    if count <= most:
        return list(range(count))
    return [*range(most // 2), None, *range(count - most // 2 + 1, count)]


def shown_rows(tensor: Tensor) -> list[int | None]:
    """List the rows of a tensor that are shown, those of all its matrices counted on."""
    return kept(prod(tensor.shape[:-1]), MAX_ROWS)


def shown(array: Array) -> list[Number]:
    """List the numbers that are shown of an array."""
    if not isinstance(array, Tensor):
        return [array]
    width = array.shape[-1]
    columns = [c for c in kept(width, MAX_COLUMNS) if c is not None]
    return [array.data[r * width + c] for r in shown_rows(array) if r is not None for c in columns]


def beside(blocks: list[tuple[str, list[str]]], gap: str = "   ") -> list[str]:
    """Set labelled blocks of lines side by side."""
    columns = []
    for label, lines in blocks:
        width, indent = max(map(len, lines)), " " * cells(label)
        columns.append([(label if i == 0 else indent) + line.ljust(width) for i, line in enumerate(lines)])
    blank = [" " * cells(column[0]) for column in columns]
    joined = zip_longest(*columns)
    return [gap.join(text if text is not None else blank[i] for i, text in enumerate(row)).rstrip() for row in joined]


LECTURE = Style()  # two decimals and all signs, as on the board


def bracketed(index: Shape) -> str:
    """Spell an element's index: ``[0][1]``."""
    return "".join(f"[{i}]" for i in index)


def one_line(text: str) -> str:
    r"""Return printed text on one line, without control characters.

    >>> one_line("loss\n0.25\x1b")
    'loss 0.25�'
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else " " if sign == "\n" else "�" for sign in text)


def literal_text(number: object) -> str:
    """Print a literal as the program would write it: whole numbers without a point.

    >>> literal_text(-1.0), literal_text(0.5)
    ('-1', '0.5')
    """
    if isinstance(number, float) and number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return str(number)
