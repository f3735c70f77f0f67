"""The drawing: a layout as characters, with what is active in heavy lines.

Where a wire forks there is a dot, where wires meet at their gate a T or a corner, and where they
only cross, a cross.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from stepgrad.circuit.parts import Box, Circuit, Point
from stepgrad.circuit.strokes import fork, stroke

Edge: TypeAlias = "tuple[int, int]"
Wire: TypeAlias = "tuple[Point, ...]"

UP, RIGHT, DOWN, LEFT = 1, 2, 4, 8
DIRECTIONS = (UP, RIGHT, DOWN, LEFT)
STEPS = {(0, -1): (UP, DOWN), (1, 0): (RIGHT, LEFT), (0, 1): (DOWN, UP), (-1, 0): (LEFT, RIGHT)}


class Cell(NamedTuple):
    """A drawn character.

    Attributes
    ----------
    character : str
    kind : str
        ``box``, ``label``, ``name`` or ``wire``.
    active : bool
        Whether it is of an active vertex or edge.
    """

    character: str
    kind: str
    active: bool


class Strands:
    """Which wires go through every cell, and in what directions.

    Attributes
    ----------
    lines : dict
        By cell, the directions of all that goes through it.
    forks : dict
        By cell in which a line is not what it seems: True where all lines are joined, False where
        they cross.
    """

    def __init__(self, circuit: Circuit, wires: Mapping[Edge, Wire], stubs: Mapping[int, Wire]) -> None:
        found: dict[Point, dict[int, int]] = {}
        for (target, slot), wire in wires.items():
            add(found, circuit.operands[target][slot], wire)
        for vertex, wire in stubs.items():
            add(found, vertex, wire[:-1])
            found.setdefault(wire[-1], {})[vertex] = LEFT | RIGHT
        self.lines = {point: union(by_source.values()) for point, by_source in found.items()}
        self.forks: dict[Point, bool] = {}
        for point, by_source in found.items():
            if any(bits.bit_count() > 2 for bits in by_source.values()):
                self.forks[point] = True
            elif self.lines[point].bit_count() > 3:
                self.forks[point] = any(bits not in (UP | DOWN, LEFT | RIGHT) for bits in by_source.values())


def add(found: dict[Point, dict[int, int]], source: int, wire: Wire) -> None:
    """Add a wire's directions to those that have been found."""
    for point, bits in directions(wire):
        by_source = found.setdefault(point, {})
        by_source[source] = by_source.get(source, 0) | bits


def directions(wire: Wire) -> Iterator[tuple[Point, int]]:
    """Yield a wire's cells with the directions in which it leaves them."""
    back = LEFT
    for here, there in pairwise(wire):
        forth, next_back = STEPS[there.x - here.x, there.y - here.y]
        yield here, back | forth
        back = next_back
    if wire:
        yield wire[-1], back | RIGHT


def union(all_bits: Iterable[int]) -> int:
    """Join sets of directions."""
    joined = 0
    for bits in all_bits:
        joined |= bits
    return joined


class Pen:
    """Draws the cells of one picture."""

    def __init__(self, strands: Strands, active: Mapping[Point, int], *, ascii_only: bool) -> None:
        self.strands = strands
        self.active = active
        self.ascii_only = ascii_only

    def wire(self, point: Point) -> Cell:
        """Draw a cell of a wire."""
        light, heavy = self.strands.lines[point], self.active.get(point, 0)
        joined = self.strands.forks.get(point)
        if joined:
            return Cell(fork(ascii_only=self.ascii_only), "wire", bool(heavy))
        if joined is False and self.ascii_only:  # the horizontal line goes behind the vertical one
            light, heavy = light & (UP | DOWN), heavy & (UP | DOWN)
        return Cell(self.stroke(light, heavy), "wire", point in self.active)

    def stroke(self, light: int, heavy: int) -> str:
        """Return the character for directions, some of them heavy."""
        up, right, down, left = (2 if heavy & bit else 1 if light & bit else 0 for bit in DIRECTIONS)
        return stroke(up, right, down, left, ascii_only=self.ascii_only)

    def frame(self, box: Box, *, entered: bool, active: bool) -> Iterator[tuple[Point, Cell]]:
        """Draw the frame of a box, with the ends of its wires."""
        middle = box.y + box.height // 2
        outward = {Point(box.x + box.width - 1, middle): (RIGHT, Point(box.x + box.width, middle), LEFT)}
        if entered:
            outward[Point(box.x, middle)] = (LEFT, Point(box.x - 1, middle), RIGHT)
        for point, bits in outline(box):
            light, heavy = bits, bits if active else 0
            if point in outward and not self.ascii_only:
                out, beside, back = outward[point]
                light |= out
                heavy |= out if self.active.get(beside, 0) & back else 0
            yield point, Cell(self.stroke(light, heavy), "box", active)


def outline(box: Box) -> Iterator[tuple[Point, int]]:
    """Yield the cells of a box's frame with the directions of its lines."""
    right, bottom = box.x + box.width - 1, box.y + box.height - 1
    for y in range(box.y, bottom + 1):
        along_y = UP * (y > box.y) | DOWN * (y < bottom)
        for x in (box.x, right):
            along_x = RIGHT * (x < right) | LEFT * (x > box.x) if y in (box.y, bottom) else 0
            yield Point(x, y), along_x | along_y
    for y in (box.y, bottom):
        for x in range(box.x + 1, right):
            yield Point(x, y), LEFT | RIGHT


def overlay(wires: Mapping[Edge, Wire], edges: Collection[Edge]) -> dict[Point, int]:
    """Return the directions of the active edges, by cell."""
    active: dict[Point, int] = {}
    for edge in edges:
        for point, bits in directions(wires[edge]):
            active[point] = active.get(point, 0) | bits
    return active
