"""The layers pane: how long the gradient of every input is in this pass, as bars on a logarithmic scale."""

from __future__ import annotations

from math import isfinite, log10

from stepgrad.style import cells
from tui.session import Session
from tui.view.page import Line, Sheetful, Words, clipped

DECADES = 8  # that a bar spans; what is shorter has no bar


def layers_page(session: Session, width: int) -> Sheetful:
    """Return a row for every input that the pass sent a gradient to, layer by layer."""
    number = session.trace.pass_at(session.cursor.position - 1)
    norms = session.trace.norms(number)
    if not norms:
        return Sheetful([(Words("No gradient was sent back in this pass.", "dim"),)])
    names = min(max(map(cells, norms)), max(width // 3, 4))
    style = session.style
    numbers = max(len(style.number(norm)) for norm in norms.values())
    longest = max((norm for norm in norms.values() if isfinite(norm)), default=0.0)
    room = max(width - names - numbers - 4, 4)
    output = session.wording.name(session.trace.output_at(session.cursor.position - 1))
    title = f"‖∂{output}/∂…‖ in pass {number}, a bar over {DECADES} decades"
    lines: list[Line] = [(Words(clipped(title, width), "dim"),)]
    for name, norm in norms.items():
        shown = clipped(name, names)
        bar = "━" * bar_length(norm, longest, room)
        lines.append(
            (
                Words(shown + " " * (names - cells(shown) + 1), "name"),
                Words(f"{style.number(norm):>{numbers}} ", "gradient"),
                Words(bar, "gradient"),
            )
        )
    return Sheetful(lines)


def bar_length(norm: float, longest: float, room: int) -> int:
    """Return the length of a bar: the whole room for the longest, a share less for each power of ten."""
    if not isfinite(norm):
        return room
    if not norm or not longest:
        return 0
    return max(0, round(room * (1 + log10(norm / longest) / DECADES)))
