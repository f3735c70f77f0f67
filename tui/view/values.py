"""The values pane: every name with its value and its gradient as known at this step."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from stepgrad.style import cells
from stepgrad.tensor import Array
from tui.session import Session
from tui.view.events import short
from tui.view.page import Area, Fixed, Line, Words, clipped


class ValuesPage:
    """Every name with its value, the pinned ones first; a row is made when it is seen.

    Of a name with several versions the one at work is shown, else the last that is known at the step. Where
    nothing has a name, all values are shown.
    """

    fixed = Fixed(rows=1)

    def __init__(self, session: Session, width: int) -> None:
        self.session = session
        self.wording = session.wording
        self.width = max(width, 24)
        trace, names = session.trace, session.trace.versions
        pinned = [name for name in session.pinned if name in trace.named]
        watched = [self.version(names.get(name, [trace.named[name]])) for name in pinned]
        shown = sorted(self.version(nodes) for name, nodes in names.items() if name not in pinned)
        rest: Sequence[int] = shown if names else range(trace.node_count)
        self.nodes = [*watched, *rest] if watched else rest
        self.pinned = len(watched)
        self.height = len(self.nodes) + 1
        here = self.nodes.index(session.node) + 1 if session.node in self.nodes else 1
        self.focus: Area | None = Area(0, here, 1, 1)
        longest = max((cells(self.wording.name(node)) for node in self.nodes[:200]), default=0)
        self.name_width = max(4, min(longest, self.width // 3))

    def version(self, nodes: Sequence[int]) -> int:
        """Return the version of a name that is shown."""
        place = bisect_left(nodes, self.session.node)
        if nodes[place : place + 1] == [self.session.node]:
            return self.session.node
        known = bisect_left(nodes, self.session.cursor.position, key=self.session.trace.forward_index)
        return nodes[max(known - 1, 0)]

    def line(self, y: int) -> Line:
        """Return the heading, or the row of a value."""
        column = (self.width - self.name_width - 4) // 2
        if y == 0:
            heading = self.wording.tangent() if self.session.trace.along else self.gradient_heading()
            left = f"  {'name':<{self.name_width}} "
            return (Words(f"{left}{'value':>{column}}{heading:>{column}}", "dim"),)
        if not 0 < y < self.height:
            return ()
        session, node = self.session, self.nodes[y - 1]
        here = node in session.trace.nodes_at(session.cursor.position - 1)
        role = " current" if node == session.node else " strong" if here else ""
        mark = "●" if y <= self.pinned else " "
        name = clipped(self.wording.name(node), self.name_width)
        return (
            Words(f"{mark} ", "active" + role),
            Words(name + " " * (self.name_width - cells(name) + 1), "name" + role),
            Words(f"{self.cell(session.cursor.value(node), column):>{column}}", "value" + role),
            Words(f"{self.cell(session.cursor.gradient(node), column):>{column}}", "gradient" + role),
        )

    def gradient_heading(self) -> str:
        """Return what stands above the gradients: ``∂f/∂…``."""
        output = self.session.trace.output_at(self.session.cursor.position - 1)
        return self.wording.partial(self.wording.name(output), "…")

    def cell(self, array: Array, column: int) -> str:
        """Print a value; nothing where it is not yet known."""
        return "" if array is None else short(array, self.wording, column - 1)

    def step_at(self, x: int, y: int) -> int | None:
        """Return the step that computed the value of a row."""
        return self.session.trace.forward_index(self.nodes[y - 1]) + 1 if 0 < y < self.height else None
