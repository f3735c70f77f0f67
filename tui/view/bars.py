"""The two lines around the panes: where we are, and the time line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stepgrad.events import Backward, Direction, Forward, Print, Seed, Tangent, Update
from stepgrad.tensor import Tensor
from tui.session import SPEEDS, Session
from tui.view.page import (
    Area,
    Fixed,
    Line,
    Words,
    clipped,
    clipped_start,
    joined,
    plain_text,
    printable,
    width_of,
)

PHASES: dict[type, tuple[str, str]] = {  # what happens at a step, and the look of its badge
    Forward: ("→ FORWARD", "forward"), Seed: ("SEED", "backward"), Backward: ("← BACKWARD", "backward"),
    Update: ("↻ UPDATE", "updating"), Print: ("» PRINT", "forward"),
    Direction: ("DIRECTION", "backward"), Tangent: ("→ TANGENT", "backward"),
}  # fmt: skip
MOST_MARKS = 5_000  # steps of a pass that are asked whether they have a breakpoint


class Part(NamedTuple):
    """Something that the status line says, on its left or right side; what matters least is left out first."""

    matters: int
    right: bool
    line: Line


STEP, NEWS = 9, 8  # what matters most: the step, and then what there is to say


def status_line(session: Session, width: int, *, playing: bool = False) -> Line:
    """Return the title, the phase, the step and what is going on; the step is never left out."""
    parts = list(status_parts(session, playing=playing))
    while width_of(laid(parts, width)) > width and len(parts) > 1:
        least = min(parts, key=lambda part: part.matters)
        if least.matters == NEWS:
            others = [part for part in parts if part is not least]
            taken = width_of(laid([*others, Part(NEWS, True, (Words("…"),))], 0)) - 1
            news = Words(clipped(plain_text(least.line), max(width - taken, 0)), "message")
            return laid([*others, Part(NEWS, True, (news,))] if news.text else others, width)
        parts.remove(least)
    return laid(parts, width)


def status_parts(session: Session, *, playing: bool) -> Iterator[Part]:
    """Yield all that there is to say, from left to right."""
    trace, cursor, style = session.trace, session.cursor, session.style
    phase, look = PHASES[type(cursor.event)]
    number, passes = trace.pass_at(cursor.position - 1), len(trace.passes)
    yield Part(2, False, (Words("stepgrad", "name strong"),))
    yield Part(4, False, (Words(clipped_start(printable(session.title), 40), "dim"),))
    yield Part(7, False, (Words(f" {phase} ", look),))
    yield Part(STEP, False, (Words(f"step {cursor.position:,} of {len(trace):,}"),))
    if cursor.element is not None:
        yield Part(6, False, (Words("opened", "active"),))
    if passes > 1:
        yield Part(5, False, (Words(f"pass {number:,} of {passes:,}"),))
    if session.message:
        yield Part(NEWS, True, (Words(printable(session.message), "message"),))
    elif session.query is not None:
        yield Part(3, True, (Words(f"n/N: {printable(session.query.text)}", "match"),))
    output = trace.output_at(cursor.position - 1)
    value = cursor.value(output)
    if value is not None and not isinstance(value, Tensor):
        words = f"{session.wording.name(output)} {style.equals(value)} {style.number(value)}"
        yield Part(3, True, (Words(words, "value"),))
    if playing:
        yield Part(6, True, (Words(f"playing, {SPEEDS[session.speed]:g} steps a second", "active"),))
    else:
        yield Part(1, True, (Words("paused", "dim"),))


def laid(parts: Sequence[Part], width: int) -> Line:
    """Set the parts of the left side to the left, those of the right side to the right."""
    left = joined([(Words(" "),), joined(part.line for part in parts if not part.right)], "")
    right = joined(part.line for part in parts if part.right)
    end = (*right, Words(" ")) if right else ()
    gap = max(width - width_of(left) - width_of(end), 2 if right else 0)
    return (*left, Words(" " * gap), *end)


class Timeline:
    """One line: the steps of this pass from left to right, forward and backward, and where we are.

    With several passes a second stretch, before it, stands for all of them.
    """

    height = 1
    focus: Area | None = None
    fixed = Fixed()

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
            role = self.role_at(index)
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

    def role_at(self, index: int) -> str:
        """Return the role of a done step: that of its phase."""
        if index in self.summary.forward:
            return "value"
        return "gradient" if index in self.summary.backward else "update"

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
