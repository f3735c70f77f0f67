"""The layout: where everything of a circuit is drawn on a grid of characters, left to right."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from stepgrad.circuit.drawing import Cell, Edge, Pen, Strands, Wire, overlay
from stepgrad.circuit.grid import Grid
from stepgrad.circuit.layers import cut
from stepgrad.circuit.order import in_order
from stepgrad.circuit.parts import SPACINGS, Box, Circuit, Point, Spacing
from stepgrad.circuit.plan import Plan, draft, room_for


@dataclass(frozen=True)
class Layout:
    """Where everything of a circuit is drawn.

    Attributes
    ----------
    circuit : Circuit
    width, height : int
        The size of the drawing with its numbers.
    boxes : tuple of Box
        Per vertex. A leaf's name and a bare label have no frame, and a blank before their wire.
    value_at, gradient_at : tuple of Point
        Per vertex, the first character of its first line of numbers.
    wires : dict
        By (target, slot), the cells from the operand's box to the target's.
    stubs : dict
        By vertex that nothing uses, the cells of its outgoing wire.
    """

    circuit: Circuit
    width: int
    height: int
    boxes: tuple[Box, ...]
    value_at: tuple[Point, ...]
    gradient_at: tuple[Point, ...]
    wires: dict[Edge, Wire]
    stubs: dict[int, Wire]

    def draw(
        self,
        active_vertices: Collection[int] = (),
        active_edges: Collection[Edge] = (),
        *,
        ascii_only: bool = False,
    ) -> dict[Point, Cell]:
        """Draw boxes, names and wires.

        Parameters
        ----------
        active_vertices : collection of int
            Drawn in heavy lines.
        active_edges : collection of (int, int)
            Targets and slots; their whole wires are drawn in heavy lines.
        ascii_only : bool
            Draw with ``+ - |``, forks as ``o`` and heavy lines as ``=`` and ``"``.

        Returns
        -------
        dict
            The cells that are not blank, by place. Numbers are left to the caller.
        """
        cells = dict(self.ascii if ascii_only else self.light)
        pen = Pen(self.strands, overlay(self.wires, active_edges), ascii_only=ascii_only)
        cells.update((point, pen.wire(point)) for point in pen.active)
        touched = [*active_vertices]
        for target, slot in active_edges:
            touched += [target, self.circuit.operands[target][slot]]
        for vertex in dict.fromkeys(touched):
            cells.update(self.vertex(pen, vertex, active=vertex in active_vertices))
        return cells

    @cached_property
    def strands(self) -> Strands:
        """Which wires go through every cell."""
        return Strands(self.circuit, self.wires, self.stubs)

    @cached_property
    def light(self) -> dict[Point, Cell]:
        """The drawing with nothing active."""
        return self.whole(Pen(self.strands, {}, ascii_only=False))

    @cached_property
    def ascii(self) -> dict[Point, Cell]:
        """The drawing in ASCII with nothing active."""
        return self.whole(Pen(self.strands, {}, ascii_only=True))

    def whole(self, pen: Pen) -> dict[Point, Cell]:
        """Draw everything."""
        cells = {point: pen.wire(point) for point in self.strands.lines}
        for vertex in range(len(self.boxes)):
            cells.update(self.vertex(pen, vertex, active=False))
        return cells

    def vertex(self, pen: Pen, vertex: int, *, active: bool) -> Iterator[tuple[Point, Cell]]:
        """Draw a box and its label, or a name."""
        label, leaf, *_ = self.circuit.vertices[vertex]
        box = self.boxes[vertex]
        if box.height > 1:
            yield from pen.frame(box, entered=bool(self.circuit.operands[vertex]), active=active)
        x, y = box.x + (box.width - len(label)) // 2, box.y + box.height // 2
        for step, character in enumerate(label):
            yield Point(x + step, y), Cell(character, "name" if leaf else "label", active)


def place(circuit: Circuit, plan: Plan, spacing: Spacing) -> Layout:
    """Give everything in a plan its column."""
    grid = Grid(circuit, plan, spacing)
    layered = plan.layered
    layer_of = {node: number for number, layer in enumerate(layered.layers) for node in layer}
    count = len(circuit.vertices)
    boxes = tuple(grid.box(vertex, layer_of[vertex]) for vertex in range(count))
    starts = [Point(grid.right[layer_of[v]] + 1 + grid.number_indent(v), plan.row[v] - plan.top) for v in range(count)]
    wires: dict[Edge, Wire] = {}
    stubs: dict[int, Wire] = {}
    for target, operands in enumerate(circuit.operands):
        by_source: dict[int, Wire] = {}
        for end in layered.left[target]:
            nodes = [target, end]
            while nodes[-1] >= count:
                nodes += layered.left[nodes[-1]]
            nodes.reverse()
            by_source[nodes[0]] = grid.wire(nodes, layer_of[nodes[0]], boxes[target])
        wires.update({(target, slot): by_source[source] for slot, source in enumerate(operands)})
        if not layered.right[target]:
            layer = layer_of[target]
            stop = max(grid.right[layer] + 2, starts[target].x + circuit.vertices[target].columns)
            stubs[target] = tuple(Point(x, starts[target].y) for x in range(grid.right[layer] + 1, stop))
    lines = [vertex.lines for vertex in circuit.vertices]
    values = tuple(Point(x, y - more) for (x, y), more in zip(starts, lines, strict=True))
    gradients = tuple(Point(x, y + 1) for x, y in starts)
    return Layout(circuit, grid.width, plan.height, boxes, values, gradients, wires, stubs)


def lay_out(circuit: Circuit, spacing: Spacing) -> Layout:
    """Lay a circuit out."""
    layered = in_order(cut(circuit))
    room = room_for(circuit, layered, spacing.row_gap, boxed=spacing.boxed)
    return place(circuit, draft(layered, room), spacing)


def fit(circuit: Circuit, width: int, height: int, spacings: Sequence[Spacing] = SPACINGS) -> Layout:
    """Lay a circuit out with the first spacing that fits; the last if none does.

    Order, rows and paths are found once for all spacings that have the same gap between rows, and
    not at all where the fullest layer alone is too high.
    """
    layered = in_order(cut(circuit))
    plans: dict[tuple[int, bool], Plan] = {}
    for spacing in spacings:
        room = room_for(circuit, layered, spacing.row_gap, boxed=spacing.boxed)
        last = spacing == spacings[-1]
        if room.least_height(layered.layers) > height and not last:
            continue
        kind = spacing.row_gap, spacing.boxed
        if kind not in plans:
            plans[kind] = draft(layered, room)
        plan = plans[kind]
        if last or (plan.height <= height and Grid(circuit, plan, spacing).width <= width):
            return place(circuit, plan, spacing)
    raise ValueError("fit() needs a spacing")
