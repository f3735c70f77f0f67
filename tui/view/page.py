"""Pages: what a pane shows, as lines of words with roles; which colours a role has is not known here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from stepgrad.wording import cells


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
    steps : mapping
        The step to which a click on a line leads.
    """

    lines: Sequence[Line]
    focus: Area | None = None
    steps: Sequence[int | None] = ()

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


SIGNS = {
    ord(sign): plain
    for signs, plain in (
        ("…�?", "?"), ("▸→", ">"), ("←", "<"), ("↑", "^"), ("↓", "v"), ("●×◆", "*"), ("━", "="), ("─", "-"),
        ("│┃", "|"), ("■", "#"), ("·", "."), ("╭╮╰╯┌┐└┘├┤┬┴┼┏┓┗┛", "+"), ("⠀", " "), ("∂", "d"), ("≈", "~"),
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
    return "*" if 0x2800 < ord(sign) < 0x2900 else "?" * cells(sign)
