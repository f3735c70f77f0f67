"""The events pane: the whole trace, a row a step; a row is made when it is seen."""

from __future__ import annotations

from stepgrad.events import Backward, Direction, Event, Forward, Print, Seed, Tangent, Update
from stepgrad.linear import LinearMap
from stepgrad.style import cells, one_line
from stepgrad.tensor import Array, Tensor, show_shape
from stepgrad.wording import Wording
from tui.session import Session
from tui.view.page import Area, Fixed, Line, Words, clipped

MOST_NUMBER = 8  # cells that a number always gets
PLAYHEAD, BREAK = "▸", "●"
MARKS: dict[type, tuple[str, str]] = {  # the direction of a step, and the role of its number
    Forward: ("→", "value"), Seed: ("←", "gradient"), Backward: ("←", "gradient"), Update: ("↻", "update"),
    Print: ("»", "dim"), Direction: ("→", "gradient"), Tangent: ("→", "gradient"),
}  # fmt: skip


class EventsPage:
    """All events of a session's trace."""

    fixed = Fixed()

    def __init__(self, session: Session, width: int) -> None:
        self.session = session
        self.wording = session.wording
        self.width = max(width, 24)
        self.height = len(session.trace)
        self.focus: Area | None = Area(0, session.cursor.position - 1, 1, 1)
        self.digits = len(str(self.height))

    def line(self, y: int) -> Line:
        """Return the row of a step: marks, number, direction, what happens, the number that comes out."""
        if not 0 <= y < self.height:
            return ()
        session = self.session
        event = session.trace[y]
        current = y + 1 == session.cursor.position
        role = " current" if current else ""
        breaks = session.breaks_at(y)
        found = session.query is not None and session.query.holds(session.trace, y)
        cell = max(16, self.width // 3)
        number = short(result_of(event), self.wording, cell) if not isinstance(event, Print) else ""
        left = f"{y + 1:>{self.digits}} "
        arrow, direction = MARKS[type(event)]
        room = self.width - 2 - len(left) - 2 - cells(number) - 1
        what = clipped(described(event, self.wording, room), room)
        return (
            Words(PLAYHEAD if current else " ", "active" + role),
            Words(BREAK if breaks else " ", "break" + role),
            Words(left, "dim" + role),
            Words(f"{arrow} ", direction + role),
            Words(f"{what}{' ' * (room - cells(what))}", ("match" if found else "") + role),
            Words(f" {number}", direction + role),
        )

    def step_at(self, x: int, y: int) -> int | None:
        """Return the step of a row."""
        return y + 1 if 0 <= y < self.height else None


def result_of(event: Event) -> Array:
    """Return the number that comes out of a step."""
    match event:
        case Forward():
            return event.value
        case Backward() | Tangent():
            return event.total
        case Direction():
            return event.tangent
        case Seed():
            return event.gradient
        case Update():
            return event.new
    return None


def short(array: Array, wording: Wording, room: int = 16) -> str:
    """Print an array in one cell of a table: numbers and small vectors in full, else the shape; never a part."""
    if isinstance(array, Tensor):
        rows = wording.style.rows(array)
        spellings = [*rows[: len(rows) == 1], show_shape(array.shape)]
    else:
        spellings = [wording.style.number(array), f"{float(array):.0e}"]
    most = room if isinstance(array, Tensor) else max(room, MOST_NUMBER)
    return next((text for text in spellings if len(text) <= most), "…")


def described(event: Event, wording: Wording, room: int) -> str:
    """Say what happens at a step, in the longest form that fits."""
    match event:
        case Forward():
            name = wording.name(event.node)
            return name if not event.operands else f"{name} = {wording.expression(event)}"
        case Seed():
            return f"{wording.seeded(event)}  the seed"
        case Direction():
            return f"{wording.tangent(event.node)}  the direction"
        case Print(text=text):
            return f"prints {one_line(text)}"
        case Update(change=change):
            short = f"{wording.name(event.node)} updated"
            full = wording.updated(event) if change is not None and not isinstance(change, Tensor) else short
            return full if cells(full) <= room else short
    return described_edge(event, wording, room)


def described_edge(event: Backward | Tangent, wording: Wording, room: int) -> str:
    """Say what an edge sends to which gradient, or to which tangent."""
    result = wording.result(event)
    relation = "=" if event.first else "+="
    if isinstance(event.local, LinearMap):
        full = wording.equation(event)
        return full if cells(full) <= room else result
    upstream, local, _ = wording.arithmetic(event)
    full = wording.style.sign(f"{result} {relation} {upstream} × {local}")
    return full if cells(full) <= room else f"{result} {relation if relation == '+=' else ''}".rstrip()
