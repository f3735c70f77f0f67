"""The circuit pane: the picture of the pass, its numbers as known at this step, what is active drawn heavy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from stepgrad.circuit import SPACINGS, SYMBOLS, Circuit, Layout, Spacing, fit
from stepgrad.events import Backward, Tangent
from stepgrad.linear import LinearMap
from stepgrad.picture import FILLER, Activity, Closed, Numbers, Picture, activity_at, numbers_at, picture_at
from stepgrad.style import cells
from tui.session import Session
from tui.view.page import Area, Fixed, Line, Words, in_cells

Cells = dict[tuple[int, int], tuple[str, str]]  # position → sign, role


# What is around a step is laid out anew at every gate, so only spacings are tried that share the slow half of the work.
QUICK = tuple(spacing for spacing in SPACINGS if spacing.row_gap == 1)


@lru_cache(maxsize=64)
def laid_out(circuit: Circuit, width: int, height: int, spacings: Sequence[Spacing]) -> Layout:
    """Lay a circuit out for a size; remembered, since a whole one is the same at every step."""
    return fit(circuit, width, height, spacings)


class CircuitPage:
    """The circuit of the pass in which the session stands."""

    fixed = Fixed()

    def __init__(self, session: Session, width: int, height: int, *, boxed: bool = True) -> None:
        self.session = session
        gates = Closed(session.trace, session.opened if session.closed else None)
        self.picture: Picture = picture_at(session.wording, session.cursor.position, gates)
        self.layout = self.laid_out(width, height, boxed)
        activity = activity_at(self.picture, session.cursor, gates)
        self.left = max(0, (width - self.layout.width) // 2)
        self.top = max(0, (height - self.layout.height) // 2)
        self.width = self.layout.width + self.left
        self.height = self.layout.height + self.top
        self.cells: Cells = {}
        self.draw(activity)
        self.draw_numbers(activity, numbers_at(self.picture, session.cursor, session.wording))
        self.draw_local()
        self.focus = self.active_area(activity)

    def laid_out(self, width: int, height: int, boxed: bool) -> Layout:
        """Lay the circuit out with boxes, or with bare symbols where only these fit or where they are asked for."""
        circuit = self.picture.circuit
        bare = laid_out(circuit, width, height, SYMBOLS)
        if not boxed:
            return bare
        layout = laid_out(circuit, width, height, SPACINGS if self.picture.whole else QUICK)
        too_large = layout.width > width or layout.height > height
        return bare if too_large and bare.width <= width and bare.height <= height else layout

    def draw(self, activity: Activity) -> None:
        """Draw boxes, wires and names; a gate that is not yet computed is dim."""
        known = [self.session.cursor.value(node) is not None for node in self.picture.nodes]
        dim = {
            (x, y)
            for box, done in zip(self.layout.boxes, known, strict=True)
            if not done
            for x in range(box.x, box.x + box.width)
            for y in range(box.y, box.y + box.height)
        }
        roles = {"box": "", "label": "strong", "name": "name", "wire": ""}
        drawn = self.layout.draw(active_vertices=activity.vertices, active_edges=activity.edges)
        for place, cell in drawn.items():
            role = "active" if cell.active else "dim" if place in dim else roles[cell.kind]
            self.cells[place] = ("" if cell.character == FILLER else cell.character, role)
        self.draw_names()

    def draw_names(self) -> None:
        """Write the names that the program gives to gates into the tops of their boxes."""
        for node, box in zip(self.picture.nodes, self.layout.boxes, strict=True):
            name = self.session.wording.name(node)
            if box.height == 3 and node in self.session.trace.names and cells(name) <= box.width - 2:
                start = box.x + (box.width - cells(name)) // 2
                self.write(start, box.y, name, "name")

    def draw_numbers(self, activity: Activity, numbers: list[Numbers]) -> None:
        """Write the values above the wires and the gradients below them."""
        changes_value = activity.upstream is None and not self.session.is_backward
        for vertex, (value, gradient) in enumerate(numbers):
            x, y = self.layout.value_at[vertex]
            lines = self.picture.circuit.vertices[vertex].lines
            new = vertex == activity.changed
            for k, text in enumerate(value):
                self.write(x, y + lines - len(value) + k, text, "value new" if new and changes_value else "value")
            x, y = self.layout.gradient_at[vertex]
            role = "upstream strong" if vertex == activity.upstream else "gradient"
            for k, text in enumerate(gradient):
                self.write(x, y + k, text, "gradient new" if new and not changes_value else role)

    def draw_local(self) -> None:
        """Write the local below the gate at work, where there is room for it."""
        event = self.session.cursor.event
        if (
            not isinstance(event, (Backward, Tangent))
            or isinstance(event.local, LinearMap)
            or event.node not in self.picture.nodes
        ):
            return
        box = self.layout.boxes[self.picture.nodes.index(event.node)]
        text = f"×{self.session.style.number(event.local)}"
        start = max(0, box.x + (box.width - len(text)) // 2)
        for y in (box.y + box.height, box.y - 1):
            if (
                all((x, y) not in self.cells for x in range(start - 1, start + len(text) + 1))
                and 0 <= y < self.layout.height
            ):
                self.write(start, y, text, "local strong")
                return

    def write(self, x: int, y: int, text: str, role: str) -> None:
        """Write a text into the cells."""
        for i, sign in enumerate(in_cells(text)):
            self.cells[x + i, y] = (sign, role)

    def active_area(self, activity: Activity) -> Area | None:
        """Return what must be in sight: the gate at work and the vertex that gets a number."""
        vertices = [each for each in (*activity.vertices, activity.changed) if each is not None]
        if not vertices:
            return None
        rooms = [self.room(vertex) for vertex in vertices]
        left, top = min(room.x for room in rooms), min(room.y for room in rooms)
        right = max(room.x + room.width for room in rooms)
        bottom = max(room.y + room.height for room in rooms)
        return Area(left + self.left, top + self.top, right - left, bottom - top)

    def room(self, vertex: int) -> Area:
        """Return the cells of a vertex, its box and its numbers."""
        box, drawn = self.layout.boxes[vertex], self.picture.circuit.vertices[vertex]
        (x, top), (_, bottom) = self.layout.value_at[vertex], self.layout.gradient_at[vertex]
        first, last = min(box.y, top), max(box.y + box.height, bottom + drawn.lines)
        return Area(box.x, first, max(box.x + box.width, x + drawn.columns) - box.x, last - first)

    def line(self, y: int) -> Line:
        """Return a row of cells."""
        row = y - self.top
        words: list[Words] = [Words(" " * self.left)]
        for x in range(self.layout.width):
            sign, role = self.cells.get((x, row), (" ", ""))
            if words[-1].role == role:
                words[-1] = Words(words[-1].text + sign, role)
            else:
                words.append(Words(sign, role))
        return tuple(words)

    def step_at(self, x: int, y: int) -> int | None:
        """Return the step that computed the gate whose box, or whose number, was clicked."""
        x, y = x - self.left, y - self.top
        for vertex, node in enumerate(self.picture.nodes):
            room = self.room(vertex)
            if room.x <= x < room.x + room.width and room.y <= y < room.y + room.height:
                return self.session.trace.forward_index(node) + 1
        return None
