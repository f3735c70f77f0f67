"""Reading a program: from text to ``ast``, or to one clear sentence with a place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NoReturn

from stepgrad.errors import ProgramError
from stepgrad.source import Program, Span

MAX_TEXT = 256 * 1024  # characters
MAX_NESTING = 100


def read(text: str, filename: str = "<text>") -> tuple[Program, ast.Module]:
    """Parse a program.

    Raises
    ------
    ProgramError
        If it is not Python's grammar, or too long, or too deeply nested.
    """
    program = Program(text.removeprefix("\ufeff"), filename)
    start = Span(1, 1, 1, 1)
    if len(text) > MAX_TEXT:
        raise ProgramError(f"the program has {len(text):,} characters; keep it under {MAX_TEXT:,}", program, start)
    if "\0" in text:
        line = program.text.count("\n", 0, program.text.index("\0")) + 1
        raise ProgramError("the program contains a NUL character; remove it", program, Span(line, 1, line, 1))
    try:
        return program, ast.parse(program.text)
    except SyntaxError as error:
        refuse(program, error)
    except (RecursionError, MemoryError):
        raise ProgramError(
            "the program is nested too deeply; name parts of it on lines of their own", program, start
        ) from None
    except ValueError as error:  # lone surrogates
        raise ProgramError(f"the program is not proper text ({error}); save it as UTF-8", program, start) from None


def refuse(program: Program, error: SyntaxError) -> NoReturn:
    """Raise the parser's complaint as an error of ours, with its place."""
    line = error.lineno or 1
    text = program.line(line)
    column = min(error.offset or 1, len(text) + 1)
    end = error.end_offset if error.end_lineno == line and error.end_offset else column + 1
    sentence = f"this is not Python: {error.msg}"
    if "^" in text[column - 1 : column]:
        sentence = "`^` is no operator here; write `**` for a power"
    raise ProgramError(sentence, program, Span(line, max(1, column), line, max(end, column + 1))) from None


def names_in_order(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yield every variable's name in the order of evaluation, and whether it is assigned there."""
    match tree:
        case ast.Assign(targets=targets, value=value):
            yield from names_in_order(value)
            for target in targets:
                yield from names_in_order(target)
        case ast.AnnAssign(target=target, value=value):
            if value is not None:
                yield from names_in_order(value)
            yield from names_in_order(target)
        case ast.AugAssign(target=ast.Name(id=name), value=value):
            yield name, False
            yield from names_in_order(value)
            yield name, True
        case ast.Name(id=name, ctx=context):
            yield name, isinstance(context, ast.Store)
        case _:
            for child in ast.iter_child_nodes(tree):
                yield from names_in_order(child)
