"""What can go wrong, as one drawn tree; every error is one sentence that names the way out.

::

    StepgradError               whatever a user's mistake can cause
    ├── GateError               operands that a gate cannot take: shape, axis, number type
    ├── InputError              values supplied from outside: unknown name, unreadable file
    │   └── TraceError          a saved trace that is damaged, or was never right; it has a line
    ├── LimitError              a program that would not end, or a number that would not fit
    ├── FormatError             an unknown export format or option
    └── ProgramError            the program's text; it has a place, and wraps the four above
                                when they happen while the program runs
"""

from __future__ import annotations

from collections.abc import Iterable

from stepgrad.source import Program, Span

MOST_SHOWN = 160  # characters of the program's line
MOST_SAID = 1_000  # characters of a sentence: names may be very long


class StepgradError(Exception):
    """Whatever a user's mistake can cause; ``str(error)`` is one sentence, which no terminal obeys."""

    def __str__(self) -> str:
        said = visible(super().__str__())
        return said if len(said) <= MOST_SAID else f"{said[: MOST_SAID // 2]}…{said[-MOST_SAID // 2 :]}"


class GateError(StepgradError):
    """A gate cannot take these operands."""


class InputError(StepgradError):
    """A value supplied from outside cannot be used."""


class TraceError(InputError):
    """A saved trace is not what it says it is.

    ``str(error)`` is one line: ``FILE:LINE: sentence``.
    """

    def __init__(self, sentence: str, filename: str, line: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.filename = filename
        self.line = line

    def __str__(self) -> str:
        return f"{visible(self.filename)}:{self.line}: {visible(self.sentence)}"


class LimitError(StepgradError):
    """A bound was reached: steps, sizes, nesting or digits."""


class FormatError(StepgradError):
    """An export format or an option of one is not known."""


class ProgramError(StepgradError):
    """The program is wrong at a place.

    ``str(error)`` has three lines: ``FILE:LINE:COLUMN: sentence``, the source line and a caret.
    """

    def __init__(self, sentence: str, program: Program, span: Span) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.program = program
        self.span = span

    def __str__(self) -> str:
        span = self.span
        line, column = excerpt(visible(self.program.line(span.line)), span.column)
        width = span.end_column - span.column if span.end_line == span.line else 1
        # A tab in the source stays a tab under it, so that the caret stands where the eye looks.
        indent = "".join("\t" if character == "\t" else " " for character in line[: column - 1])
        carets = "^" * max(1, min(width, len(line) - column + 1))
        place = f"{visible(self.program.filename)}:{span.line}:{span.column}"
        return f"{place}: {super().__str__()}\n{line}\n{indent}{carets}"


def excerpt(line: str, column: int) -> tuple[str, int]:
    """Return the part of a long line that lies around a column, and where the column is in it.

    >>> excerpt("x + " * 100 + "y", 401)[1], len(excerpt("x + " * 100 + "y", 401)[0])
    (161, 161)
    """
    start = max(0, min(column - 1 - MOST_SHOWN // 2, len(line) - MOST_SHOWN))
    shown = line[start : start + MOST_SHOWN]
    before, after = "…" * (start > 0), "…" * (start + MOST_SHOWN < len(line))
    return f"{before}{shown}{after}", column - start + len(before)


def visible(line: str) -> str:
    """Show what a terminal would not print, or would obey, as a sign of its own; a tab stays a tab."""
    return line if line.isprintable() else "".join(c if c.isprintable() or c == "\t" else "�" for c in line)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean `…`?"`` for the known word most like this one, or nothing.

    >>> nearest("sigmiod", ["sigmoid", "tanh"])
    '; did you mean `sigmoid`?'
    """
    from difflib import get_close_matches  # only a mistake pays for loading it

    close = get_close_matches(word, [each for each in known if each != word], n=1, cutoff=0.75)
    return f"; did you mean `{close[0]}`?" if close else ""


def counted(count: int, thing: str = "argument") -> str:
    """Spell a number of things.

    >>> counted(1), counted(2, "name"), counted(1_000, "pass")
    ('1 argument', '2 names', '1,000 passes')
    """
    return f"{count:,} {thing}" + ("" if count == 1 else "es" if thing.endswith("s") else "s")
