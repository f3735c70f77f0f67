"""The program as text: its file, its lines, and stretches of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the program: lines count from 1, columns count characters from 1.

    ``end_column`` is the first column after the stretch.
    """

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Program:
    """A program's text and where it came from.

    ``filename`` may be ``<text>`` or ``<stdin>``.
    """

    text: str
    filename: str = "<text>"

    @property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return self.text.splitlines()

    def line(self, number: int) -> str:
        """Return a line, counted from 1; empty past the end."""
        lines = self.lines
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def at(self, span: Span) -> str:
        """Return the text of a stretch; of one over several lines, the first."""
        end = span.end_column - 1 if span.end_line == span.line else None
        return self.line(span.line)[span.column - 1 : end]
