"""Blocks: what a step has computed, as lines of text that are made once, for it is shown again at every edge.

They are the lines of :class:`stepgrad.style.Style`. A matrix of which all is shown is printed by one ``%`` for its
numbers and one for its rows; what needs more care is left to the style.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from struct import Struct
from typing import NamedTuple

from stepgrad.style import MAX_COLUMNS, MAX_ROWS, Style
from stepgrad.tensor import Array, Shape, Tensor, flat, show_shape

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
        All of the same width, if need be filled up with blanks.
    blank : str
        A line of this width with nothing in it.
    is_even : bool
        Whether they are of the same width by themselves.
    shape : str
    is_finite : bool
        Whether no number is inf or nan.
    """

    relation: str
    lines: list[str]
    blank: str
    is_even: bool
    shape: str
    is_finite: bool

    @property
    def width(self) -> int:
        """How wide the lines are."""
        return len(self.blank)

    @property
    def after(self) -> str:
        """What stands behind the name of a value: its only row, or its shape."""
        return (
            f"{self.relation} {self.lines[0]}  {self.shape}"
            if len(self.lines) == 1
            else f"{self.relation} {self.shape}"
        )

    @property
    def below(self) -> list[str]:
        """The lines that follow that."""
        return labelled("", self) if len(self.lines) > 1 else []


class Layout(NamedTuple):
    """How arrays of one shape are printed.

    Attributes
    ----------
    shape : str
    columns : int
    template : str
        What ``%`` prints all their numbers with; empty where some are left out, or matrices are stacked.
    bits : callable
        Tells such arrays apart, also -0.0 from 0.0.
    known : dict
        Those that were printed, by their bits.
    """

    shape: str
    columns: int
    template: str
    bits: Callable[..., bytes]
    known: dict[bytes, Block]


class Blocks:
    """Arrays as blocks, remembered as long as there is room."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.relations = "=", style.sign("≈")
        self.exponent = f"%.{style.digits}e"
        self.zeros = f"{0.0:.{style.digits}f}", f"{-0.0:.{style.digits}f}"
        self.longest = style.digits + 9  # with more signs, a number may be too large for the decimals
        self.layouts: dict[Shape, Layout] = {}
        self.room = 8 * NUMBERS

    def __getitem__(self, array: Array) -> Block:
        layout = self.layout_of(array)
        bits = layout.bits(*array.data) if isinstance(array, Tensor) else layout.bits(array)
        return layout.known.get(bits) or self.remembered(array, layout, bits)

    def layout_of(self, array: Array) -> Layout:
        """Return the layout for an array."""
        shape = array.shape if isinstance(array, Tensor) else ()
        return self.layouts.get(shape) or self.layout(shape)

    def layout(self, shape: Shape) -> Layout:
        """Lay out the arrays of a shape."""
        count, columns = prod(shape), shape[-1] if shape else 0
        whole = 0 < len(shape) < 3 and 0 < columns <= MAX_COLUMNS and 0 < count <= MAX_ROWS * columns
        template = " ".join([f"%.{self.style.digits}f"] * count) if whole else ""
        found = self.layouts[shape] = Layout(show_shape(shape), columns, template, Struct(f"{count}d").pack, {})
        return found

    def remembered(self, array: Array, layout: Layout, bits: bytes) -> Block:
        """Print an array for the first time."""
        self.room -= len(bits) + 8
        if self.room < 0:
            self.layouts.clear()
            self.room = 8 * NUMBERS
        found = layout.known[bits] = self.printed(array, layout)
        return found

    def printed(self, array: Array, layout: Layout) -> Block:
        """Print an array."""
        at_once = self.at_once(array.data, layout) if layout.template else None
        if at_once is not None:
            lines, rounded = at_once
            return Block(self.relations[rounded], lines, " " * len(lines[0]), True, layout.shape, True)
        lines, is_finite = self.style.lines(array), all(number - number == 0 for number in flat(array))
        width = len(lines[0])
        even, lines = all(len(line) == width for line in lines), [line.ljust(width) for line in lines]
        return Block(self.style.equals(array), lines, " " * width, even, layout.shape, is_finite)

    def at_once(self, numbers: list[float], layout: Layout) -> tuple[list[str], bool] | None:
        """Print all numbers of a matrix, and say whether one is rounded; None where one needs more care.

        >>> blocks = Blocks(Style(2))
        >>> blocks.at_once([0.12, -1.0, 30.0, 1e-9], blocks.layout((2, 2)))
        (['[ 0.12    -1.00]', '[30.00 1.00e-09]'], False)
        """
        text = layout.template % tuple(numbers)
        if "n" in text:  # nan or inf
            return None
        texts, columns = text.split(), layout.columns
        if self.zeros[0] in text:  # a number that is too small for the decimals is printed with an exponent
            for place, each in enumerate(texts):
                if each in self.zeros and numbers[place]:
                    texts[place] = self.exponent % numbers[place]
        lengths = list(map(len, texts))
        longest = max(lengths)
        if longest > self.longest:
            return None
        rounded = float(texts[0]) != numbers[0] or list(map(float, texts)) != numbers
        if len(texts) == columns:
            return [f"[{' '.join(texts)}]"], rounded
        if columns == 1:
            return [f"[{each.rjust(longest)}]" for each in texts], rounded
        widths = tuple([max(lengths[column::columns]) for column in range(columns)])
        return (in_rows(widths, len(texts) // columns) % tuple(texts)).split("\n"), rounded


@lru_cache(maxsize=2_000)
def in_rows(widths: tuple[int, ...], count: int) -> str:
    """Return what ``%`` sets texts in columns of these widths with, row by row."""
    row = " ".join([f"%{width}s" for width in widths])
    return "\n".join([f"[{row}]"] * count)


def beside(blocks: Sequence[tuple[str, Block]], room: int) -> list[str]:
    """Set named blocks side by side where there is room, else one below the other; empty where one is too wide."""
    labels = [f"{name} {block.relation} " for name, block in blocks]
    widths = [len(label) + len(block.blank) for label, (_, block) in zip(labels, blocks)]
    if sum(widths) + len(GAP) * (len(widths) - 1) <= room:
        return in_line(labels, [block for _, block in blocks])
    return [] if max(widths) > room else stacked(labels, [block for _, block in blocks])


def stacked(labels: Sequence[str], blocks: Sequence[Block]) -> list[str]:
    """Set labelled blocks one below the other, as if there were room."""
    return [line for label, block in zip(labels, blocks) for line in labelled(label, block)]


def labelled(label: str, block: Block) -> list[str]:
    """Set one block behind its label."""
    lines = (BELOW + label + f"\n{BELOW}{' ' * len(label)}".join(block.lines)).split("\n")
    return lines if block.is_even else [line.rstrip() for line in lines]


def in_line(labels: Sequence[str], blocks: Sequence[Block]) -> list[str]:
    """Set labelled blocks side by side, as if there were room."""
    heights = [len(block.lines) for block in blocks]
    height = max(heights)
    lines = [BELOW[: -len(GAP)]] * height
    for label, block in zip(labels, blocks):
        column = block.lines
        if len(column) < height:
            column = column + [block.blank] * (height - len(column))
        blank = " " * (len(GAP) + len(label))
        top = f"{lines[0]}{GAP}{label}{column[0]}"
        lines = [f"{line}{blank}{row}" for line, row in zip(lines, column)]
        lines[0] = top
    if min(heights) == height and all(block.is_even for block in blocks):
        return lines
    return [line.rstrip() for line in lines]
