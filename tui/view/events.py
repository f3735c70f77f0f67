"""The events pane: the whole trace, a row a step; a row is made when it is seen."""

from __future__ import annotations

from stepgrad.events import Backward, Event, Forward
from stepgrad.linear import LinearMap
from stepgrad.tensor import Array, Tensor, show_shape
from stepgrad.wording import Wording, cells
from tui.session import Session
from tui.view.page import Area, Line, Words

PLAYHEAD, BREAK = "▸", "●"


class EventsPage:
    """All events of a session's trace."""

    def __init__(self, session: Session, width: int) -> None:
        self.session = session
        self.wording = session.wording
        self.width = max(width, 24)
        self.height = len(session.trace)
        self.focus: Area | None = Area(0, session.cursor.position - 1, 1, 1)
        self.digits = max(3, len(str(self.height)))

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
        forward = isinstance(event, Forward)
        number = short(result_of(event), self.wording)
        left = f" {y + 1:>{self.digits}} "
        arrow = "→" if forward else "←"
        room = self.width - 2 - len(left) - 2 - cells(number) - 2
        what = clipped(described(event, self.wording, room), room)
        direction = "value" if forward else "gradient"
        return (
            Words(PLAYHEAD if current else " ", "active" + role),
            Words(BREAK if breaks else " ", "break" + role),
            Words(left, "dim" + role),
            Words(f"{arrow} ", direction + role),
            Words(f"{what}{' ' * (room - cells(what))}", ("match" if found else "") + role),
            Words(f" {number} ", direction + role),
        )

    def step_at(self, x: int, y: int) -> int | None:
        """Return the step of a row."""
        return y + 1 if 0 <= y < self.height else None


def result_of(event: Event) -> Array:
    """Return the number that comes out of a step."""
    match event:
        case Forward():
            return event.value
        case Backward():
            return event.total
        case _:
            return event.gradient


def short(array: Array, wording: Wording) -> str:
    """Print an array in one cell of a table: small vectors in full, else the shape."""
    if not isinstance(array, Tensor):
        return wording.style.number(array)
    rows = wording.style.rows(array)
    return rows[0] if len(rows) == 1 and len(rows[0]) <= 16 else show_shape(array.shape)


def described(event: Event, wording: Wording, room: int) -> str:
    """Say what happens at a step, in the longest form that fits."""
    if isinstance(event, Forward):
        name = wording.name(event.node)
        return name if not event.operands else f"{name} = {wording.expression(event)}"
    if not isinstance(event, Backward):
        return f"{wording.seeded(event)}  the seed"
    result = wording.partial(wording.output(event), wording.name(event.operand))
    relation = "=" if event.first else "+="
    if isinstance(event.local, LinearMap):
        full = wording.equation(event)
        return full if cells(full) <= room else result
    upstream, local, _ = wording.arithmetic(event)
    full = wording.style.sign(f"{result} {relation} {upstream} × {local}")
    return full if cells(full) <= room else f"{result} {relation if relation == '+=' else ''}".rstrip()


def clipped(text: str, width: int) -> str:
    """Shorten a text to a width; what is left out is marked."""
    if cells(text) <= width:
        return text
    return text[: max(width - 1, 0)] + "…" * (width > 0)
