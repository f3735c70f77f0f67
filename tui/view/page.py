"""Pages: what a pane shows, as lines of words with roles; which colours a role has is not known here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from stepgrad.style import cells


class Words(NamedTuple):
    """Some text and its roles, separated by blanks: ``value``, ``gradient strong``."""

    text: str
    role: str = ""


Line = tuple[Words, ...]


class Area(NamedTuple):
    """A rectangle of cells."""

    x: int
    y: int
    width: int
    height: int


class Fixed(NamedTuple):
    """How many columns at the left and rows at the top stay where they are when the rest scrolls."""

    columns: int = 0
    rows: int = 0


NOTHING_FIXED = Fixed()


class Page(Protocol):
    """What a pane shows. A line is made when it is seen, so a page may have a million of them."""

    @property
    def width(self) -> int:
        """How many cells the longest line takes."""

    @property
    def height(self) -> int:
        """How many lines there are."""

    @property
    def focus(self) -> Area | None:
        """What must be in sight."""

    @property
    def fixed(self) -> Fixed:
        """What does not scroll."""

    def line(self, y: int) -> Line:
        """Return the line ``y``, counted from 0; empty past the end."""

    def step_at(self, x: int, y: int) -> int | None:
        """Return the step to which a click there leads."""


@dataclass
class Sheetful:
    """A page whose lines are all there.

    Attributes
    ----------
    lines : sequence of Line
    focus : Area or None
    steps : sequence of int or None
        The step to which a click on a line leads.
    fixed : Fixed
    """

    lines: Sequence[Line]
    focus: Area | None = None
    steps: Sequence[int | None] = ()
    fixed: Fixed = NOTHING_FIXED

    @property
    def width(self) -> int:
        """The length of the longest line."""
        return max((width_of(line) for line in self.lines), default=0)

    @property
    def height(self) -> int:
        """How many lines there are."""
        return len(self.lines)

    def line(self, y: int) -> Line:
        """Return a line."""
        return self.lines[y] if 0 <= y < len(self.lines) else ()

    def step_at(self, x: int, y: int) -> int | None:
        """Return the step of the line."""
        return self.steps[y] if 0 <= y < len(self.steps) else None


def width_of(line: Line) -> int:
    """Return how many cells a line takes."""
    return sum(cells(words.text) for words in line)


def plain_text(line: Line) -> str:
    """Return a line without its roles."""
    return "".join(words.text for words in line)


def padded(line: Line, width: int, role: str = "") -> Line:
    """Fill a line up with blanks."""
    missing = width - width_of(line)
    return (*line, Words(" " * missing, role)) if missing > 0 else line


def joined(lines: Iterable[Line], gap: str = "  ") -> Line:
    """Set lines one after the other."""
    found: list[Words] = []
    for line in lines:
        if found and line:
            found.append(Words(gap))
        found += line
    return tuple(found)


def cut(line: Line, start: int, width: int) -> Line:
    """Return the part of a line that is in sight; a number or a word at its border is shown whole, or as ``…``.

    >>> plain_text(cut((Words("─── 12.50 ──"),), 1, 6))
    '── …  '
    """
    found: list[Words] = []
    x = 0
    for words in line:
        signs = in_cells(words.text)
        first, last = max(start - x, 0), min(start + width - x, len(signs))
        x += len(signs)
        if first < last:
            found.append(Words(in_sight(signs, first, last), words.role))
    return tuple(found)


def in_cells(text: str) -> list[str]:
    """Return what stands in each cell: of a wide sign the second cell is empty, accents go with their letter.

    >>> in_cells("a梯")
    ['a', '梯', '']
    """
    if text.isascii():
        return list(text)
    found: list[str] = []
    for sign in text:
        size = cells(sign)
        if size:
            found += [sign, ""][:size]
        elif found:
            found[-1] += sign
    return found


def in_sight(signs: list[str], first: int, last: int) -> str:
    """Return some of the cells, ``…`` for what the borders would cut in two."""
    kept = signs[first:last]
    if first and belongs(signs[first - 1]) and belongs(kept[0]):
        size = next((i for i, sign in enumerate(kept) if not belongs(sign)), len(kept))
        kept[:size] = [*[" "] * (size - 1), "…"]
    if last < len(signs) and belongs(signs[last]) and belongs(kept[-1]):
        size = next((i for i, sign in enumerate(reversed(kept)) if not belongs(sign)), len(kept))
        kept[len(kept) - size :] = ["…", *[" "] * (size - 1)]
    return "".join(kept)


def belongs(sign: str) -> bool:
    """Whether a cell belongs to a number or a word; the second cell of a wide sign does."""
    return not sign or sign[0].isalnum() or sign in "._-∂"


def clipped(text: str, width: int) -> str:
    """Shorten a text to a width; what is left out is marked.

    >>> clipped("gradient", 5), clipped("梯度下降", 4)
    ('grad…', '梯…')
    """
    if cells(text) <= width:
        return text
    while text and cells(text) >= width:
        text = text[:-1]
    return text + "…" * (width > 0)


def clipped_start(text: str, width: int) -> str:
    """Shorten a text from its start, as for a path, whose end says more."""
    while cells(text) > width and text:
        text = "…" + text[2:] if len(text) > 1 else ""
    return text


def printable(text: str) -> str:
    """Return a text without control characters."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)


SIGNS = {
    ord(sign): plain
    for signs, plain in (
        ("…�?", "?"), ("▸→»", ">"), ("←", "<"), ("↑", "^"), ("↓", "v"), ("●×◆↻", "*"), ("━", "="), ("─", "-"),
        ("│┃├┤┠┨┣┫┝┥┞┟┡┢┦┧┩┪", "|"), ("■", "#"), ("·", "."), ("╭╮╰╯┌┐└┘┬┴┼┏┓┗┛", "+"), ("⠀", " "), ("∂", "d"),
        ("≈", "~"), ("′", "'"), ("²", "2"), ("³", "3"), ("σ", "s"), ("Σ", "S"), ("‖", "|"),
    )
    for sign in signs
}  # fmt: skip


def in_ascii(line: Line) -> Line:
    """Spell a line in ASCII, sign by sign, so that nothing moves; braille becomes ``*``."""
    return tuple(words if words.text.isascii() else Words(ascii_text(words.text), words.role) for words in line)


def ascii_text(text: str) -> str:
    """Spell a text in ASCII; what has no spelling becomes ``?``, as wide as it was."""
    return "".join(map(ascii_sign, text.translate(SIGNS)))


def ascii_sign(sign: str) -> str:
    """Spell one sign."""
    if sign.isascii():
        return sign
    if "─" <= sign <= "╿":
        return "+"
    return "*" if 0x2800 < ord(sign) < 0x2900 else "?" * cells(sign)
