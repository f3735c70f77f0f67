"""Chains: sums and products that are too long for Python's parser, parsed in pieces.

Its tree of ``x + x + … + x`` is as deep as the chain is long, and beyond a few thousand operators,
fewer in some versions, it is refused. But it is deep on one side only: the first terms of a chain are
an operand of the rest. So they are parsed alone, a name takes their place, and where the name stands
in the tree of the rest, theirs is put in.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from keyword import iskeyword
from tokenize import COMMENT, INDENT, NAME, NL, NUMBER, OP, STRING, TokenInfo, generate_tokens
from typing import TypeAlias

from stepgrad.syntax import FIELDS, parts_of

MAX_LINKS = 400  # operators of a chain that are parsed at once
SUMS, PRODUCTS = ("+", "-"), ("*", "/", "//", "%", "@")
OPENING, CLOSING = ("(", "[", "{"), (")", "]", "}")
TIGHTER = ("~", ".", "**")  # what binds its operands more tightly than a product
INVISIBLE = (COMMENT, NL, INDENT)

Place: TypeAlias = tuple[int, int]  # line and column
Chain: TypeAlias = tuple[Place, list[Place]]  # where it starts, and where its operators stand


def parse_in_pieces(text: str) -> ast.Module:
    """Parse a program that is Python, whose chains may have any length.

    Raises
    ------
    RecursionError, MemoryError
        If something else than a chain is nested too deeply.
    """
    text = re.sub("\r\n?", "\n", text)
    content = text.encode()
    parsed: dict[Place, ast.expr] = {}
    for start, end in sorted(cuts(text), key=lambda cut: (cut[1], -cut[0])):
        line = content.count(b"\n", 0, start) + 1
        column = start - (content.rfind(b"\n", 0, start) + 1)
        placed = b"(" + b"\n" * line + b" " * column + content[start:end] + b"\n)"
        tree = ast.parse(placed.decode(), mode="eval")
        put_in(tree, parsed, lines=-1)
        parsed[line, column] = tree.body
        content = content[:start] + b"_" + blanked(content[start + 1 : end]) + content[end:]
    module = ast.parse(content.decode())
    put_in(module, parsed)
    return module


def blanked(content: bytes) -> bytes:
    """Put blanks in the place of all but the ends of lines, and what makes the next line belong to this one."""
    lines = content.split(b"\n")
    return b"\n".join(b" " * (len(each) - 1) + each[-1:] if each[-1:] == b"\\" else b" " * len(each) for each in lines)


def put_in(tree: ast.AST, parsed: dict[Place, ast.expr], lines: int = 0) -> None:
    """Put what has been parsed where names keep its place, after moving the rest by some lines."""
    waiting = [tree]
    for parent in waiting:  # which grows meanwhile, but not by what is put in
        waiting += parts_of(parent)
        if lines and isinstance(parent, (ast.expr, ast.keyword, ast.arg)):
            parent.lineno += lines
            parent.end_lineno = (parent.end_lineno or 0) + lines
        for field in FIELDS[parent.__class__]:
            value = getattr(parent, field)
            if value.__class__ is list:
                value[:] = [in_place(each, parsed, lines) for each in value]
            elif value.__class__ is ast.Name:
                setattr(parent, field, in_place(value, parsed, lines))


def in_place(value: object, parsed: dict[Place, ast.expr], lines: int) -> object:
    """Return what a name keeps the place of, or the value itself."""
    if isinstance(value, ast.Name) and value.id == "_":
        return parsed.pop((value.lineno + lines, value.col_offset), value)
    return value


def cuts(text: str) -> Iterator[tuple[int, int]]:
    """Yield the first terms of long chains, longer and longer: their first byte and the one after their last."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()) + 1)

    def byte(place: Place) -> int:
        line, column = place
        return starts[line - 1] + len(lines[line - 1][:column].encode())

    for first, operators in chains(generate_tokens(StringIO(text).readline)):
        yield from ((byte(first), byte(operator)) for operator in operators[MAX_LINKS::MAX_LINKS])


class Level:
    """What goes on between two brackets: a sum (0), and in it a product (1)."""

    def __init__(self) -> None:
        self.starts: list[Place | None] = [None, None]
        self.operators: list[list[Place]] = [[], []]

    def start(self, place: Place) -> None:
        """An operand begins, and a chain if none is going on."""
        self.starts = [start or place for start in self.starts]

    def end(self, kinds: Sequence[int]) -> Iterator[Chain]:
        """End the chains of these kinds, and yield those that were going on."""
        for kind in kinds:
            start = self.starts[kind]
            if start is not None:
                yield start, self.operators[kind]
            self.starts[kind], self.operators[kind] = None, []


def chains(tokens: Iterable[TokenInfo]) -> Iterator[Chain]:
    """Yield every sum and every product, also those of a single term."""
    levels = [Level()]
    after_operand = False
    for token in tokens:
        if token.type in INVISIBLE:
            continue
        level, text = levels[-1], token.string if token.type == OP else ""
        word = is_operand(token)
        if text in CLOSING:
            yield from level.end((1, 0))
            levels.pop()
        elif text in SUMS and after_operand:
            yield from level.end((1,))
            level.operators[0].append(token.start)
        elif text in PRODUCTS:
            level.operators[1].append(token.start)
        elif word or text in (*OPENING, *TIGHTER, *SUMS):
            level.start(token.start)
        else:
            yield from level.end((1, 0))
        if text in OPENING:
            levels.append(Level())
        after_operand = word or text in CLOSING


def is_operand(token: TokenInfo) -> bool:
    """Whether a token is an operand by itself: a name, a number, a text."""
    keyword = iskeyword(token.string) and token.string not in ("None", "True", "False")
    return token.type in (NAME, NUMBER, STRING) and not keyword
