"""The tensor pane: every tensor of the step as a matrix with its shape, and the Jacobian where it is small."""

from __future__ import annotations

from collections.abc import Iterator

from stepgrad.events import Backward, Direction, Event, Forward, Seed, Tangent, Update
from stepgrad.linear import LinearMap
from stepgrad.tensor import Array, Shape, Tensor, shape_of, show_shape
from stepgrad.wording import Wording, arriving
from tui.session import Session
from tui.view.page import Line, Sheetful, Words
from tui.view.step import folded

MOST_ENTRIES = 64  # of a Jacobian that is shown


def tensor_page(session: Session, width: int) -> Sheetful:
    """Return the tensors of the step, one below the other."""
    event, wording = session.cursor.event, session.wording
    index = session.cursor.opened()[0] if session.cursor.element is not None else None
    lines: list[Line] = []
    for title, array, role, marked in shown_arrays(event, wording, index):
        lines += [(Words(title, "strong"), Words(f"  {show_shape(shape_of(array))}", "dim"))]
        lines += [*matrix(array, wording, role, marked), ()]
    if not any(isinstance(array, Tensor) for _, array, _, _ in shown_arrays(event, wording, index)):
        lines += folded((Words("This step has no tensors: all its numbers are single ones.", "dim"),), width)
    elif session.cursor.can_open and index is None:
        lines.append((Words("enter opens the step into its scalar arithmetic", "dim"),))
    return Sheetful(lines)


def shown_arrays(event: Event, wording: Wording, index: Shape | None) -> Iterator[tuple[str, Array, str, Shape | None]]:
    """Yield title, array, role and marked element of everything that the step computes with."""
    trace = wording.trace
    match event:
        case Forward():
            for given in dict.fromkeys(o for o in event.operands if isinstance(o, int)):
                yield wording.name(given), trace.value_at(given, event.step), "operand", None
            yield wording.name(event.node), event.value, "value strong", None
        case Seed():
            yield wording.seeded(event), event.gradient, "gradient strong", None
        case Direction():
            yield wording.tangent(event.node), event.tangent, "gradient strong", None
        case Update():
            yield "old", event.old, "operand", None
            if event.change is not None:
                yield "change", event.change, "gradient", None
            yield f"new {wording.name(event.node)}", event.new, "update strong", None
        case Backward() | Tangent():
            kind = "upstream" if isinstance(event, Backward) else "tangent"
            yield f"{kind} {wording.arriving(event)}", arriving(event), "upstream", None
            local = event.local
            if isinstance(local, LinearMap):
                rows, columns = jacobian_shape(local)
                if rows * columns <= MOST_ENTRIES:
                    yield f"local {wording.local(event)} (Jacobian)", local.jacobian(), "local", None
            else:
                yield f"local {wording.local(event)}", local, "local", None
            yield "product", event.product, "gradient strong", index
            yield f"total {wording.result(event)}", event.total, "gradient", None


def jacobian_shape(local: LinearMap) -> tuple[int, int]:
    """Return how many rows and columns the dense Jacobian has."""
    rows = columns = 1
    for size in local.result_shape:
        rows *= size
    for size in local.operand_shape:
        columns *= size
    return rows, columns


def matrix(array: Array, wording: Wording, role: str, marked: Shape | None) -> Iterator[Line]:
    """Yield an array row by row, one element marked; stacks of matrices row after row."""
    rows = wording.style.rows(array)
    place = marked_row(array, marked)
    for y, row in enumerate(rows):
        if place is None or y != place[0] or "…" in row:
            yield (Words("  "), Words(row, role))
            continue
        start, end = entry_span(row, place[1])
        yield (Words("  "), Words(row[:start], role), Words(row[start:end], role + " lit"), Words(row[end:], role))


def marked_row(array: Array, marked: Shape | None) -> tuple[int, int] | None:
    """Return in which printed row and column an element stands."""
    if marked is None or not isinstance(array, Tensor):
        return None
    row = 0
    for i, size in zip(marked[:-1], array.shape[:-1], strict=True):
        row = row * size + i
    return row, marked[-1]


def entry_span(row: str, column: int) -> tuple[int, int]:
    """Return where the number of a column begins and ends in a printed row."""
    position = 1
    for k, text in enumerate(row[1:-1].split()):
        start = row.index(text, position)
        position = start + len(text)
        if k == column:
            return start, position
    return 0, 0
