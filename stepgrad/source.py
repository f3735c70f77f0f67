"""The program as text: its file, its lines, and stretches of it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple


class Span(NamedTuple):
    """A stretch of the program: lines count from 1, columns count characters from 1.

    ``end_column`` is the first column after the stretch.
    """

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Program:
    """A program's text and where it came from.

    ``filename`` may be ``<text>`` or ``<stdin>``.
    """

    text: str
    filename: str = "<text>"

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends, split where Python's grammar splits them."""
        return re.split("\r\n|\r|\n", self.text)

    def line(self, number: int) -> str:
        """Return a line, counted from 1; empty past the end."""
        lines = self.lines
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def at(self, span: Span) -> str:
        """Return the text of a stretch; of one over several lines, the first."""
        end = span.end_column - 1 if span.end_line == span.line else None
        return self.line(span.line)[span.column - 1 : end]

    def span_of(self, node: ast.AST, last: ast.AST | None = None) -> Span:
        """Return the stretch of a parsed node, or that from it to the end of another.

        ``ast`` counts lines from 1 but columns from 0 and in bytes of UTF-8.
        """
        start: Any = node
        end: Any = last or node
        try:
            line, column, end_line, end_column = start.lineno, start.col_offset, end.end_lineno, end.end_col_offset
        except AttributeError:  # a whole program
            return Span(1, 1, 1, 1)
        if not self.text.isascii():
            column, end_column = self.characters(line, column), self.characters(end_line, end_column)
        return Span(line, column + 1, end_line, end_column + 1)

    def characters(self, line: int, byte: int) -> int:
        """Return how many characters of a line stand before a byte."""
        text = self.line(line)
        if text.isascii():
            return byte
        if line not in self.counts:
            self.counts[line] = [number for number, sign in enumerate(text) for _ in sign.encode()] + [len(text)]
        counts = self.counts[line]
        return counts[min(byte, len(counts) - 1)]

    @cached_property
    def counts(self) -> dict[int, list[int]]:
        """For lines that are not all ASCII, how many characters stand before each byte; each made when asked for."""
        return {}
