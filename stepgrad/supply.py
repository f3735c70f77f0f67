"""Supply: values for a program's names that come from outside it: written out, or in files."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stepgrad.applications import Applications
from stepgrad.errors import InputError, ProgramError
from stepgrad.intake import text_of
from stepgrad.language import MAX_STEPS, supplied_array
from stepgrad.limits import LIMITS
from stepgrad.literals import holds_nodes
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.reader import read
from stepgrad.source import Program, Span
from stepgrad.tape import Node
from stepgrad.tensor import Number

SEPARATORS = "\t;,"  # of the cells of a line; the first that a file's first line has
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(inf|infinity|nan)", re.IGNORECASE | re.ASCII)


def read_values(pairs: Iterable[str], number: NumberType = FLOAT) -> dict[str, Any]:
    """Read values given as ``NAME=VALUE``, as numbers of a type: 0.1 is 1/10 for exact ones.

    Raises
    ------
    InputError
        If there is no name, or no value, or a file cannot be read.
    ProgramError
        If the value is not a number or a list of numbers.
    """
    values = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip().isidentifier():
            raise InputError(f"{pair!r} gives no value; write NAME=VALUE, as in x=3")
        values[name.strip()] = read_value(name.strip(), text, number)
    return values


def read_value(name: str, text: str, number: NumberType = FLOAT) -> Any:
    """Read the value of a name: ``3``, ``-1/3``, ``[[1, 2], [3, 4]]``, or ``@weights.csv`` for one in a file.

    Raises
    ------
    ProgramError, InputError
        If it is not a number or a list of numbers.
    """
    if text.strip().startswith("@"):
        return read_file(text.strip()[1:], number)
    program, tree = read(text.strip(), f"<{name}>")
    match tree.body:
        case [ast.Expr(value=expression)]:
            value = Applications(program, number, MAX_STEPS).evaluate(expression)
            if not isinstance(value, Node) and not holds_nodes(value):
                supplied_array(name, value, number)
                return value
    raise ProgramError("this is no value; write a number or a list, as in 3 or [1, 2]", program, Span(1, 1, 1, 1))


# Files


def read_file(path: str, number: NumberType = FLOAT) -> Any:
    """Read a value from a file: numbers in columns (``.csv``), or one number or nested list (``.json``).

    Raises
    ------
    InputError
        If the file cannot be read.
    ProgramError
        If something in it is no number: it has the place in the file.
    """
    kind = Path(path).suffix.lower()
    if kind not in (".csv", ".json"):
        raise InputError(f"{path!r} ends neither in .csv nor in .json; name such a file behind `@`")
    program = Program(text_of(path, "a file behind `@`"), path)
    return from_csv(program, number) if kind == ".csv" else from_json(program, number)


def read_inputs(path: str, number: NumberType = FLOAT) -> dict[str, Any]:
    """Read values by name from a JSON file.

    Raises
    ------
    InputError
        If it cannot be read, or holds none.
    """
    text = text_of(path, "a JSON file")
    try:
        values = json.loads(text, parse_float=number.make)
    except (ValueError, RecursionError) as error:  # the first also where a number has thousands of digits
        what = f"is not JSON ({error})" if isinstance(error, json.JSONDecodeError) else "has too long or deep a value"
        raise InputError(f'{path!r} {what}; write it as {{"x": 3}}') from None
    if not isinstance(values, dict):
        raise InputError(f'{path!r} holds no values by name; write it as {{"x": 3}}')
    return values


def too_many(count: int) -> str:
    """Say that a file holds too many numbers."""
    return f"the file holds {count:,} numbers; keep it under {LIMITS.elements:,}, or raise --max-elements"


def from_csv(program: Program, number: NumberType) -> list[Any]:
    """Read columns of numbers: one column is a vector, several are a matrix; a first row of words is skipped."""
    lines = [(number, line) for number, line in enumerate(program.lines, 1) if line.strip()]
    separator = next((sign for sign in SEPARATORS if lines and sign in lines[0][1]), ",")
    count = len(lines) * (1 + lines[0][1].count(separator)) if lines else 0
    if count > LIMITS.elements:
        raise ProgramError(too_many(count), program, Span(1, 1, 1, 1))
    rows: list[list[Number]] = []
    for place, (row, line) in enumerate(lines):
        found = list(cells(line, separator))
        if place == 0 and not any(NUMBER.fullmatch(text) for _, text in found):
            continue
        for column, text in found:
            if not NUMBER.fullmatch(text):
                span = Span(row, column, row, column + max(1, len(text)))
                what = f"`{text}` is not a number" if text else "a number is missing"
                raise ProgramError(f"{what}; write one, as in 0.5", program, span)
        rows.append([number.make(text) for _, text in found])
        if len(rows[-1]) != len(rows[0]):
            span = Span(row, 1, row, len(line) + 1)
            counts = f"this row has {len(rows[-1])} numbers, and the first has {len(rows[0])}"
            raise ProgramError(f"{counts}; give all rows the same length", program, span)
    if not rows:
        raise ProgramError("the file holds no numbers; write some, a row on a line", program, Span(1, 1, 1, 1))
    return [row[0] for row in rows] if len(rows[0]) == 1 else rows


def cells(line: str, separator: str) -> Iterator[tuple[int, str]]:
    """Yield the cells of a line, each with its column; quotes around one are left out."""
    start = 0
    for part in line.split(separator):
        text = part.strip()
        yield start + len(part) - len(part.lstrip()) + 1, text.strip('"')
        start += len(part) + 1


def from_json(program: Program, number: NumberType) -> Any:
    """Read a number, or nested lists of numbers."""
    if program.text.count(",") >= LIMITS.elements:
        raise ProgramError(too_many(program.text.count(",") + 1), program, Span(1, 1, 1, 1))
    try:
        value = json.loads(program.text, parse_float=number.make)
    except json.JSONDecodeError as error:
        span = Span(error.lineno, error.colno, error.lineno, error.colno + 1)
        raise ProgramError(f"this is not JSON: {error.msg}; write numbers, as in [1, 2]", program, span) from None
    except (RecursionError, ValueError):  # the second where a number has thousands of digits
        raise InputError(
            f"{program.filename!r} has too long or too deep a value; write numbers, as in [1, 2]"
        ) from None
    try:
        supplied_array(program.filename, value, number)
    except InputError as error:
        raise ProgramError(str(error), program, Span(1, 1, 1, 1)) from None
    return value
