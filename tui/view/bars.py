"""The two lines around the panes: where we are, and the time line."""

from __future__ import annotations

from stepgrad.events import Forward, Seed
from stepgrad.tensor import Tensor
from stepgrad.wording import cells
from tui.session import Session
from tui.view.page import Area, Line, Words, joined, width_of

MOST_MARKS = 5_000  # steps of a pass that are asked whether they have a breakpoint


def status_line(session: Session, width: int, *, playing: bool = False) -> Line:
    """Return the title, the phase, the step and what is going on."""
    trace, cursor, style = session.trace, session.cursor, session.style
    event = cursor.event
    forward = isinstance(event, Forward)
    phase = "→ FORWARD" if forward else "SEED" if isinstance(event, Seed) else "← BACKWARD"
    step: Line = (Words(f"step {cursor.position:,} of {len(trace):,}"),)
    if cursor.element is not None:
        step = (*step, Words("  opened", "active"))
    passes = len(trace.passes)
    number = trace.pass_at(cursor.position - 1)
    parts: list[Line] = [
        (Words(" stepgrad ", "name strong"), Words(clipped_start(session.title, max(8, width // 4)), "dim")),
        (Words(f" {phase} ", "forward" if forward else "backward"),),
        step,
    ]
    if passes > 1:
        parts.append((Words(f"pass {number:,} of {passes:,}"),))
    left = joined(parts)
    right: list[Line] = []
    if session.message:
        right.append((Words(session.message, "message"),))
    elif session.query is not None:
        right.append((Words(f"n/N: {session.query.text}", "match"),))
    if trace.value is not None and cursor.value(trace.output_at(cursor.position - 1)) is not None:
        output = trace.output_at(cursor.position - 1)
        value = cursor.value(output)
        if not isinstance(value, Tensor):
            right.append(
                (Words(f"{session.wording.name(output)} {style.equals(value)} {style.number(value)}", "value"),)
            )
    right.append((Words("playing" if playing else "paused", "active" if playing else "dim"), Words(" ")))
    while right and width_of(left) + 2 + width_of(joined(right)) > width:
        right.pop(0 if len(right) > 1 and not session.message else -1)
    end = joined(right)
    return (*left, Words(" " * max(0, width - width_of(left) - width_of(end))), *end)


def clipped_start(text: str, width: int) -> str:
    """Shorten a path from its start: its end says more."""
    clean = "".join(sign if sign.isprintable() else "�" for sign in text)
    return clean if cells(clean) <= width else "…" + clean[-(width - 1) :]


class Timeline:
    """One line: the steps of this pass from left to right, forward and backward, and where we are.

    With several passes a second stretch, before it, stands for all of them.
    """

    height = 1
    focus: Area | None = None

    def __init__(self, session: Session, width: int) -> None:
        self.session = session
        self.width = max(width, 8)
        self.summary = session.cursor.summary
        self.passes = len(session.trace.passes)
        self.coarse = self.width // 3 if self.passes > 1 else 0
        label = f" {session.cursor.position:,}/{len(session.trace):,} "
        self.label = label if self.width > len(label) + 12 else ""
        self.fine = self.width - self.coarse - len(self.label) - (1 if self.coarse else 0)

    def line(self, y: int) -> Line:
        """Return the line."""
        if y:
            return ()
        words = [*self.pass_bar()] if self.coarse else []
        return (*words, *self.step_bar(), Words(self.label, "strong"))

    def pass_bar(self) -> list[Words]:
        """Draw all passes, the done ones full."""
        here = self.cell_of(self.session.trace.pass_at(self.session.cursor.position - 1) - 1, self.passes, self.coarse)
        full, rest = "━", "─"
        mark = "◆"
        return [Words(full * here, "name"), Words(mark, "active"), Words(rest * (self.coarse - here - 1) + " ", "dim")]

    def step_bar(self) -> list[Words]:
        """Draw the steps of this pass: done ones in the colour of their phase, breakpoints, the playhead."""
        session, steps = self.session, self.summary.steps
        here = self.cell_of(session.cursor.position - 1 - steps.start, len(steps), self.fine)
        marks = self.marks()
        words: list[Words] = []
        for x in range(self.fine):
            index = self.index_at(x)
            role = "value" if index in self.summary.forward else "gradient"
            text = "━" if x < here else "─"
            if x == here:
                text, role = "◆", "active"
            elif x in marks:
                text, role = "●", "break"
            elif x > here:
                role = "dim"
            if words and words[-1].role == role:
                words[-1] = Words(words[-1].text + text, role)
            else:
                words.append(Words(text, role))
        return words

    def marks(self) -> dict[int, None]:
        """Return the cells of the steps that have a breakpoint."""
        steps = self.summary.steps
        if not self.session.breakpoints or len(steps) > MOST_MARKS:
            return {}
        hit = (i - steps.start for i in steps if self.session.breaks_at(i))
        return dict.fromkeys(self.cell_of(i, len(steps), self.fine) for i in hit)

    def cell_of(self, index: int, count: int, width: int) -> int:
        """Return the cell in which the ``index``-th of ``count`` things stands."""
        return min(
            width - 1,
            index * width // max(count, 1) if count > width else round(index * (width - 1) / max(count - 1, 1)),
        )

    def index_at(self, x: int) -> int:
        """Return the index of the event that stands at a cell."""
        steps = self.summary.steps
        return steps.start + min(len(steps) - 1, round(x * (len(steps) - 1) / max(self.fine - 1, 1)))

    def step_at(self, x: int, y: int) -> int | None:
        """Return the step at a cell; of the passes' stretch, the first step of the pass."""
        if self.coarse and x < self.coarse:
            chosen = round(x * (self.passes - 1) / max(self.coarse - 1, 1))
            return self.session.trace.passes[chosen].steps.start + 1
        place = x - self.coarse - (1 if self.coarse else 0)
        return self.index_at(place) + 1 if 0 <= place < self.fine else None
