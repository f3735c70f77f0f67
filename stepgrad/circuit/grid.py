"""The grid: a plan's columns.

A layer is a zone of boxes, then a zone for their numbers, then the channel to the next layer. In
the first two there are only horizontal wires, on rows of their own; vertical lines are in channels,
where nothing else is. So no wire touches a box, a name or a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from stepgrad.circuit.drawing import Wire
from stepgrad.circuit.parts import Box, Circuit, Point, Spacing
from stepgrad.circuit.plan import Plan


class Grid:
    """The columns of a plan, once there is a spacing.

    Attributes
    ----------
    right : list of int
        Per layer, the last column of its boxes.
    left : list of int
        Per layer, the first column of its boxes.
    """

    def __init__(self, circuit: Circuit, plan: Plan, spacing: Spacing) -> None:
        self.circuit, self.plan, self.spacing = circuit, plan, spacing
        self.left: list[int] = []
        self.right: list[int] = []
        x = 0
        for number, layer in enumerate(plan.layered.layers):
            vertices = [node for node in layer if node < len(circuit.vertices)]
            self.left.append(x)
            x += max(map(self.box_width, vertices), default=0)
            self.right.append(x - 1)
            last = number == len(plan.channels)
            x += max((self.number_width(vertex, last=last) for vertex in vertices), default=0)
            if number < len(plan.channels):
                x += spacing.lead + plan.channels[number].width + spacing.entry
        self.width = x

    def framed(self, vertex: int) -> bool:
        """Whether a vertex has a frame."""
        return self.spacing.boxed and not self.circuit.vertices[vertex].leaf

    def box_width(self, vertex: int) -> int:
        """Return the columns of a vertex's box, with the blanks around a bare label."""
        label, leaf, *_ = self.circuit.vertices[vertex]
        if leaf:
            return len(label) + 1
        return len(label) + 2 + (2 * self.spacing.padding if self.spacing.boxed else 0)

    def number_indent(self, vertex: int) -> int:
        """Return the columns between a box's zone and its numbers; they may begin above a blank."""
        return self.spacing.indent - (not self.framed(vertex))

    def number_width(self, vertex: int, *, last: bool) -> int:
        """Return the columns of a vertex's numbers, with a cell of wire at least; a stub ends before the channel."""
        width = max(1, self.number_indent(vertex) + self.circuit.vertices[vertex].columns)
        return width + (not last and not self.plan.layered.right[vertex])

    def box(self, vertex: int, layer: int) -> Box:
        """Return where a vertex stands: at the right of its layer, so that numbers are in a column."""
        y = self.plan.row[vertex] - self.plan.top
        if self.framed(vertex):
            width = self.box_width(vertex)
            return Box(self.right[layer] - width + 1, y - 1, width, 3)
        width = len(self.circuit.vertices[vertex].label)
        return Box(self.right[layer] - width, y, width, 1)

    def wire(self, nodes: Sequence[int], layer: int, box: Box) -> Wire:
        """Return the cells of a wire that begins in a layer, passes through nodes, and ends at a box."""
        row, top = self.plan.row, self.plan.top
        corners = [Point(self.right[layer] + 1, row[nodes[0]] - top)]
        for number, ends in enumerate(pairwise(nodes), layer):
            rows, lines = self.plan.channels[number].paths[ends]
            for i, line in enumerate(lines):
                x = self.left[number + 1] - 1 - self.spacing.entry - self.plan.channels[number].columns[line]
                corners += [Point(x, rows[i] - top), Point(x, rows[i + 1] - top)]
        gap = 1 if self.framed(nodes[-1]) else 2
        corners.append(Point(box.x - gap, row[nodes[-1]] - top))
        return tuple(cells_between(corners))


def cells_between(corners: Sequence[Point]) -> Iterator[Point]:
    """Yield the cells of a line with these corners."""
    yield corners[0]
    for (x, y), (to_x, to_y) in pairwise(corners):
        step_x, step_y = (to_x > x) - (to_x < x), (to_y > y) - (to_y < y)
        for i in range(1, abs(to_x - x) + abs(to_y - y) + 1):
            yield Point(x + i * step_x, y + i * step_y)
