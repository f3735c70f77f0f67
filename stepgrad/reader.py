"""Reading a program: from text to ``ast``, or to one clear sentence with a place."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from tokenize import TokenError
from typing import NoReturn

from stepgrad.chains import parse_in_pieces
from stepgrad.errors import ProgramError
from stepgrad.limits import LIMITS
from stepgrad.source import Program, Span
from stepgrad.syntax import by_kind

MAX_NESTING = 100
MANY_DOTS = re.compile(
    rf"(?:\.[\s\\]*[^\W\d]\w*[\s\\]*){{{MAX_NESTING + 1}}}"
)  # for which Python's parser needs gigabytes
TOO_DEEP = "nested too deeply; name parts of it on lines of their own"
TOO_LONG = "this whole number has too many digits; write it as a float, as in 1e9"
NOT_A_TARGET = "only names can be assigned"
DOT = "·"  # a letter to Python

ASCII_OF: Mapping[str, str] = {
    sign: plain
    for signs, plain in (
        ("−–—‐‑", "-"), ("×·⋅∙∗•", "*"), ("÷∕⁄", "/"), ("²", "**2"), ("³", "**3"), ("“”„«»", '"'), ("‘’‚", "'"),
        ("≤", "<="), ("≥", ">="), ("≠", "!="), ("√", "sqrt"), ("∑Σ", "sum"), ("，", ","), ("（", "("), ("）", ")"),
    )
    for sign in signs
}  # fmt: skip


def read(text: str, filename: str = "<text>") -> tuple[Program, ast.Module]:
    """Parse a program.

    Raises
    ------
    ProgramError
        If it is not Python's grammar, or too long, or too deeply nested.
    """
    program = Program(text.removeprefix("\ufeff"), filename)
    start = Span(1, 1, 1, 1)
    if len(text) > LIMITS.source:
        limit = f"keep it under {LIMITS.source:,}, or raise --max-source"
        raise ProgramError(f"the program has {len(text):,} characters; {limit}", program, start)
    if "\0" in text:
        place = place_of(program, program.text.index("\0"))
        raise ProgramError("the program contains a NUL character; remove it", program, place)
    dots = MANY_DOTS.search(program.text) if "import" in text else None
    if dots:
        raise ProgramError(f"this name is {TOO_DEEP}", program, place_of(program, dots.start()))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python's, about the program: it is never run as Python
            tree = parse(program.text)
    except SyntaxError as error:
        refuse(program, error)
    except (RecursionError, MemoryError):
        raise ProgramError(f"the program is {TOO_DEEP}", program, deep_place(program)) from None
    except ValueError:  # lone surrogates
        raise ProgramError("the program is not proper text; save it as UTF-8", program, start) from None
    for node in by_kind(tree)[ast.Name] if DOT in program.text else ():
        if DOT in node.id:
            span = program.span_of(node)
            raise ProgramError(f"`{DOT}` is not understood; write `*`", program, span)
    return program, tree


def place_of(program: Program, index: int) -> Span:
    """Return the place of a character of the text."""
    before = re.split("\r\n|\r|\n", program.text[:index])
    return Span(len(before), len(before[-1]) + 1, len(before), len(before[-1]) + 2)


def deep_place(program: Program) -> Span:
    """Return the first line that is nested too deeply by itself; else the first of all."""
    for number, line in enumerate(program.lines, 1):
        try:
            ast.parse(line.strip())
        except (RecursionError, MemoryError):
            column = len(line) - len(line.lstrip()) + 1
            return Span(number, column, number, len(line) + 1)
        except (SyntaxError, ValueError):
            continue
    return Span(1, 1, 1, 1)


def parse(text: str) -> ast.Module:
    """Parse by Python's own parser, in pieces what is too long for it."""
    try:
        return ast.parse(text)
    except RecursionError:
        try:
            return parse_in_pieces(text)
        except (SyntaxError, TokenError):  # the pieces are no expressions: it was something else that is deep
            raise RecursionError from None


def refuse(program: Program, error: SyntaxError) -> NoReturn:
    """Raise the parser's complaint as an error of ours, with its place."""
    line = error.lineno or 1
    text = program.line(line)
    column = max(1, min(error.offset or 1, len(text) + 1))
    end = error.end_offset if error.end_lineno == line and error.end_offset else column + 1
    long = re.search(r"\d{4000,}", text) if error.msg.startswith("Exceeds the limit") else None
    column, end = (long.start() + 1, long.end() + 1) if long else (column, end)
    sentence = complaint(error.msg, text, column)
    raise ProgramError(sentence, program, Span(line, column, line, max(end, column + 1))) from None


def complaint(message: str, text: str, column: int) -> str:
    """Say what the parser's message means here, and the way out."""
    sign, before = text[column - 1 : column], text[: column - 1].rstrip()
    if message.startswith("invalid character"):
        return f"`{sign}` is not understood; {f'write `{ASCII_OF[sign]}`' if sign in ASCII_OF else 'remove it'}"
    if message.startswith("invalid non-printable character"):
        return f"the character U+{ord(sign):04X} cannot be seen and is not understood; write a space, or nothing"
    if message.startswith("Exceeds the limit"):
        return TOO_LONG
    if message.startswith("too many"):  # nested parentheses, levels of indentation
        return f"this is {TOO_DEEP}"
    if message.startswith("leading zeros"):
        return "a whole number does not begin with 0; leave the zeros out"
    if message.startswith("cannot assign to"):
        return f"{NOT_A_TARGET}; write the name on the left of `=`, as in `f = x + 1`"
    side_by_side = re.match(r"(\d[\d_.]*)([^\W\d_]\w*)", text[number_start(text, column) :])
    if message == "invalid decimal literal" and side_by_side:
        return f"`{side_by_side[0]}` is no number; write `{side_by_side[1]}*{side_by_side[2]}` to multiply"
    if sign == "^":
        return "`^` is no operator here; write `**` for a power"
    if message == "invalid syntax" and re.match(r"[\w)\]]", before[-1:]) and re.match(r"[\w(\[]", sign):
        return "an operator is missing between these two; write one, as `*` to multiply, or begin a new line"
    hint = "; write statements such as `f = (x + y) * z`" if message == "invalid syntax" else ""
    return f"this is not Python: {message}{hint}"


def number_start(text: str, column: int) -> int:
    """Return where the digits begin that reach to a column."""
    return len(re.sub(r"[\d_.]*\Z", "", text[:column]))
