"""The source pane: the program, with the exact stretch of the step lit, comments and all."""

from __future__ import annotations

import re

from stepgrad.source import Span
from stepgrad.style import cells
from tui.session import Session
from tui.view.page import Area, Fixed, Line, Sheetful, Words

WORDS = "and|as|break|continue|def|elif|else|for|from|if|import|in|not|or|pass|return|while|with"
OWN_WORDS = "backward|constant|no_grad|print"
TOKEN = re.compile(rf"(?P<dim>#.*)|(?P<number>\b\d[\w.]*)|(?P<word>\b(?:{WORDS}|{OWN_WORDS})\b)")


def source_page(session: Session) -> Sheetful:
    """Return the program, line by line."""
    program = session.trace.program
    if program is None:
        return Sheetful([(Words("This trace was recorded from Python code; it has no program text.", "dim"),)])
    span = session.span
    lines = program.lines
    if lines and not lines[-1]:
        lines = lines[:-1]
    digits = len(str(len(lines)))
    page = []
    for number, text in enumerate(lines, 1):
        lit = lit_columns(span, number, len(text))
        mark = "▸" if span and number == span.line else " "
        page.append((Words(f"{mark} ", "active"), Words(f"{number:>{digits}} ", "dim"), *coloured(text, lit)))
    focus = None
    if span:
        first = lines[span.line - 1] if span.line <= len(lines) else ""
        lit = lit_columns(span, span.line, len(first))
        # With the line from its first sign on, where there is room: else the name that it assigns to is cut off.
        focus = Area(digits + 3, span.line - 1, cells(first[: lit.stop]), max(1, span.end_line - span.line + 1))
    return Sheetful(page, focus, fixed=Fixed(columns=digits + 3))


def lit_columns(span: Span | None, number: int, length: int) -> range:
    """Return which characters of a line, counted from 0, belong to the step."""
    if span is None or not span.line <= number <= span.end_line:
        return range(0)
    start = span.column - 1 if number == span.line else 0
    end = span.end_column - 1 if number == span.end_line else length
    return range(start, end)


def coloured(text: str, lit: range) -> Line:
    """Cut a line into words with roles; the lit stretch keeps its colours and is marked."""
    roles = [""] * len(text)
    for match in TOKEN.finditer(text):
        roles[match.start() : match.end()] = [match.lastgroup or ""] * (match.end() - match.start())
    for i in lit:
        roles[i] = f"{roles[i]} lit".strip()
    words: list[Words] = []
    for sign, role in zip(shown(text), roles, strict=True):
        if words and words[-1].role == role:
            words[-1] = Words(words[-1].text + sign, role)
        else:
            words.append(Words(sign, role))
    return tuple(words)


def shown(text: str) -> list[str]:
    """Return what is drawn for each character: never a control character."""
    return ["    " if sign == "\t" else sign if sign.isprintable() else "�" for sign in text]
