"""What a circuit is before it has a place: vertices, what they use, and how much room is wanted."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple


class Vertex(NamedTuple):
    """A gate or a leaf, and the room that its numbers need on its outgoing wire.

    Attributes
    ----------
    label : str
        What stands in its box: ``×``, ``exp``, ``1/x``; of a leaf, its name.
    leaf : bool
        Inputs and constants are drawn as the bare name before their wire.
    columns : int
        The width of its numbers.
    lines : int
        Lines of numbers above the wire, and again below it.
    """

    label: str
    leaf: bool
    columns: int
    lines: int = 1


class Circuit(NamedTuple):
    """A graph whose vertices come after all that they use.

    Attributes
    ----------
    vertices : tuple of Vertex
        In creation order.
    operands : tuple of tuple of int
        Per vertex, the vertices it uses, by slot. A vertex may be used twice: x × x.
    """

    vertices: tuple[Vertex, ...]
    operands: tuple[tuple[int, ...], ...]


class Spacing(NamedTuple):
    """How much room a drawing takes.

    Attributes
    ----------
    padding : int
        Blanks between a label and its frame, on either side.
    indent : int
        Columns between a box and its numbers.
    lead : int
        Columns of wire between numbers and the first bend.
    entry : int
        Columns of wire between the last bend and a box, at least 1.
    row_gap : int
        Rows left free between one vertex and the next below it.
    boxed : bool
        Otherwise a gate is its bare label on the wire, one row high.
    """

    padding: int
    indent: int
    lead: int
    entry: int
    row_gap: int
    boxed: bool = True


class Point(NamedTuple):
    """A cell of the grid: columns to the right and rows downward, from 0."""

    x: int
    y: int


class Box(NamedTuple):
    """A gate's box with its frame; of a leaf or a bare label, the cells of the text.

    Attributes
    ----------
    x, y : int
        The upper left cell.
    width, height : int
    """

    x: int
    y: int
    width: int
    height: int


WIDTHS = ((2, 1, 2, 3), (1, 1, 1, 2), (1, 0, 1, 1), (0, 0, 1, 1), (0, 0, 0, 1))
ROW_GAPS = (3, 1, 0)

SPACINGS = tuple(Spacing(*widths, row_gap=gap) for widths, gap in product(WIDTHS, ROW_GAPS))
"""From roomy to tight, all with boxes."""

SYMBOLS = tuple(SPACINGS[i]._replace(boxed=False) for i in (4, 5, -2, -1))
"""From roomy to tight, with bare labels instead of boxes."""
