"""The values pane: every name with its value and its gradient as known at this step."""

from __future__ import annotations

from collections.abc import Sequence

from stepgrad.tensor import Array
from stepgrad.wording import cells
from tui.session import Session
from tui.view.events import clipped, short
from tui.view.page import Area, Line, Words


class ValuesPage:
    """All values of a trace that have a name, the pinned ones first; a row is made when it is seen."""

    def __init__(self, session: Session, width: int) -> None:
        self.session = session
        self.wording = session.wording
        self.width = max(width, 24)
        trace = session.trace
        pinned = [trace.named[name] for name in session.pinned if name in trace.named]
        named = sorted(index for nodes in trace.versions.values() for index in nodes)
        rest: Sequence[int] = [index for index in named if index not in pinned] if named else range(trace.node_count)
        self.nodes = [*pinned, *rest] if pinned else rest
        self.pinned = len(pinned)
        self.height = len(self.nodes) + 1
        here = self.nodes.index(session.node) + 1 if session.node in self.nodes else 0
        self.focus: Area | None = Area(0, here, 1, 1)
        names = [cells(trace.name(node)) for node in self.nodes[:200]]
        self.name_width = min(max(names, default=4), self.width // 3)

    def line(self, y: int) -> Line:
        """Return the heading, or the row of a value."""
        column = (self.width - self.name_width - 4) // 2
        if y == 0:
            output = self.wording.name(self.session.trace.output_at(self.session.cursor.position - 1))
            heading = self.wording.partial(output, "…")
            left = f"  {'name':<{self.name_width}} "
            return (Words(f"{left}{'value':>{column}}{heading:>{column}} ", "dim"),)
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
            Words(f"{self.cell(session.cursor.gradient(node), column):>{column}} ", "gradient" + role),
        )

    def cell(self, array: Array, column: int) -> str:
        """Print a value; nothing where it is not yet known."""
        return "" if array is None else clipped(short(array, self.wording), column - 1)

    def step_at(self, x: int, y: int) -> int | None:
        """Return the step that computed the value of a row."""
        return self.session.trace.forward_index(self.nodes[y - 1]) + 1 if 0 < y < self.height else None
