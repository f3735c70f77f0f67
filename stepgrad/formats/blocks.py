"""Blocks: what a step has computed, as lines of text that are made once, for it is shown again at every edge.

They are the lines of :class:`stepgrad.style.Style`. A matrix of which all is shown is printed by one ``%`` for its
numbers and one for its rows; what needs more care is left to the style.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import pack
from typing import NamedTuple

from stepgrad.style import MAX_COLUMNS, MAX_ROWS, Style
from stepgrad.tensor import Array, Shape, Tensor, flat, shape_of, show_shape

NUMBERS = 20_000  # in the arrays that are remembered
INDENT = " " * 6
BELOW = f"{INDENT}  "  # what stands before lines that belong to the one above
GAP = "   "  # between blocks side by side


class Block(NamedTuple):
    """An array of floats as it is printed.

    Attributes
    ----------
    relation : str
        ``=``, or ``≈`` where a printed number is rounded.
    lines : list of str
        All of the same width.
    width : int
    shape : str
    head : str
        What stands behind the name of a value: its only row, or its shape.
    below : list of str
        The rows that follow then, indented.
    is_finite : bool
        Whether no number that is shown is inf or nan.
    """

    relation: str
    lines: list[str]
    width: int
    shape: str
    head: str
    below: list[str]
    is_finite: bool


class Blocks:
    """Arrays as blocks, remembered by the bits of their numbers as long as there is room."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.relations = "=", style.sign("≈")
        self.known: dict[tuple[Shape, bytes], Block] = {}
        self.room = NUMBERS

    def __getitem__(self, array: Array) -> Block:
        shape, numbers = shape_of(array), flat(array)
        key = shape, pack(f"{len(numbers)}d", *numbers)
        block = self.known.get(key)
        if block is None:
            self.room -= len(numbers) + 1
            if self.room < 0:
                self.known.clear()
                self.room = NUMBERS
            block = self.known[key] = self.printed(array)
        return block

    def printed(self, array: Array) -> Block:
        """Print an array for the first time."""
        found = at_once(array, self.style.digits)
        is_finite = found is not None or all(number - number == 0 for number in flat(array))
        lines, rounded = found or (self.style.lines(array), self.style.rounded(array))
        relation, shape, width = self.relations[rounded], show_shape(shape_of(array)), len(lines[0])
        if len(lines) == 1:
            return Block(relation, lines, width, shape, f"{relation} {lines[0]}  {shape}", [], is_finite)
        below = [f"{BELOW}{line}" if line else "" for line in lines]
        filled = [line.ljust(width) for line in lines]
        return Block(relation, filled, width, shape, f"{relation} {shape}", below, is_finite)


def at_once(array: Array, digits: int) -> tuple[list[str], bool] | None:
    """Print a matrix of which all is shown, and say whether it is rounded; None where a number needs more care.

    >>> at_once(Tensor((2, 2), [0.12, -1.0, 30.0, 1e-9]), 2)
    (['[ 0.12    -1.00]', '[30.00 1.00e-09]'], False)
    """
    if not isinstance(array, Tensor) or len(array.shape) > 2 or not array.data:
        return None
    numbers, width = array.data, array.shape[-1]
    if width > MAX_COLUMNS or len(numbers) > MAX_ROWS * width:
        return None
    text = with_decimals(len(numbers), digits) % tuple(numbers)
    if "n" in text:  # nan or inf
        return None
    texts = text.split()
    read = list(map(float, texts))
    if 0.0 in read:  # a number that is too small for the decimals is printed with an exponent
        for place, number in enumerate(numbers):
            if number and not read[place]:
                texts[place] = f"{number:.{digits}e}"
                read[place] = float(texts[place])
    lengths = list(map(len, texts))
    widths = [max(lengths[column::width]) for column in range(width)]
    if max(widths) > digits + 9:  # perhaps too large for the decimals
        return None
    return (in_rows(tuple(widths), len(numbers) // width) % tuple(texts)).split("\n"), read != numbers


@lru_cache(maxsize=200)
def with_decimals(count: int, digits: int) -> str:
    """Return what ``%`` prints so many numbers with."""
    return " ".join([f"%.{digits}f"] * count)


@lru_cache(maxsize=2_000)
def in_rows(widths: tuple[int, ...], count: int) -> str:
    """Return what ``%`` sets texts in columns of these widths with, row by row."""
    row = " ".join([f"%{width}s" for width in widths])
    return "\n".join([f"[{row}]"] * count)


def beside(blocks: Sequence[tuple[str, Block]], room: int) -> list[str]:
    """Set named blocks side by side where there is room, else one below the other; empty where one is too wide."""
    labels = [f"{name} {block.relation} " for name, block in blocks]
    widths = [len(label) + block.width for label, (_, block) in zip(labels, blocks)]
    if sum(widths) + len(GAP) * (len(widths) - 1) <= room:
        return in_line(labels, [block for _, block in blocks])
    if max(widths) > room:
        return []
    return [line for label, (_, block) in zip(labels, blocks) for line in in_line([label], [block])]


def in_line(labels: Sequence[str], blocks: Sequence[Block]) -> list[str]:
    """Set labelled blocks side by side, as if there were room."""
    first = BELOW + GAP.join([label + block.lines[0] for label, block in zip(labels, blocks)])
    height = max([len(block.lines) for block in blocks])
    if height == 1:
        return [first]
    row = BELOW + GAP.join([" " * len(label) + "%s" for label in labels])
    columns = [block.lines[1:] + [" " * block.width] * (height - len(block.lines)) for block in blocks]
    return [first, *[(row % texts).rstrip() for texts in zip(*columns, strict=True)]]
