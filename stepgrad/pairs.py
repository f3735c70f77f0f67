"""Pairs: one of somebody's gradients beside ours, and how numbers are spelled in a report."""

from __future__ import annotations

from typing import Any, NamedTuple

from stepgrad.literals import array_of
from stepgrad.longhand import written
from stepgrad.numeric import FLOAT
from stepgrad.tensor import Array, Shape, Tensor, flat, indices, nested, show_shape

DIGITS = 6  # significant, of numbers in a report


class Pair(NamedTuple):
    """One of their gradients beside ours.

    Attributes
    ----------
    name : str
    theirs, ours : number or nested lists
    agree : bool
    worst : tuple of int
        The index of the element that differs most; empty for a number, or where the shapes differ.
    """

    name: str
    theirs: Any
    ours: Any
    agree: bool
    worst: Shape

    def __repr__(self) -> str:
        return written(self)


def worst_of(theirs: Array, ours: Array) -> Shape:
    """Return the index of the element that differs most; empty for numbers."""
    if not isinstance(ours, Tensor) or not ours.data:
        return ()

    def gap(pair: tuple[Any, Any]) -> float:
        x, y = pair
        if x == y or (x != x and y != y):
            return 0.0
        difference = abs(x - y)
        return float("inf") if difference != difference else float(difference)

    gaps = list(map(gap, zip(flat(theirs), ours.data, strict=True)))
    place = gaps.index(max(gaps))
    return next(index for k, index in enumerate(indices(ours.shape)) if k == place)


ROUNDED = 1e-3  # relative: gradients all of which are as near may just be rounded


def relative_gap(pair: Pair) -> float:
    """Return how far apart two gradients are, relative to the larger number of ours."""
    theirs, ours = (flat(array_of(each, FLOAT)) for each in (pair.theirs, pair.ours))
    if len(theirs) != len(ours):
        return 1.0
    size = max((abs(x) for x in ours), default=0.0)
    gap = max((abs(x - y) for x, y in zip(theirs, ours, strict=True)), default=0.0)
    return gap / size if size and gap == gap else float(gap != 0)


def significant(number: Any) -> str:
    """Spell a number with a few significant digits.

    >>> significant(-0.19661193324148185), significant(2.0)
    ('-0.196612', '2')
    """
    return f"{float(number):.{DIGITS}g}"


def short(array: Array) -> str:
    """Spell a number, or a tensor on one line where it is small."""
    if not isinstance(array, Tensor):
        return significant(array)
    return spelled_list(nested(array)) if len(array.data) <= SMALL else f"a tensor of shape {show_shape(array.shape)}"


SMALL = 12  # numbers of a tensor that are spelled out on one line


def spelled_list(value: Any) -> str:
    """Spell nested lists.

    >>> spelled_list([[1.0, 2.5], [0.1, 1 / 3]])
    '[[1, 2.5], [0.1, 0.333333]]'
    """
    if isinstance(value, list):
        return f"[{', '.join(map(spelled_list, value))}]"
    return significant(value)
