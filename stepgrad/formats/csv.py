"""CSV: one row an event, the same columns for all; for spreadsheets and data frames.

RFC 4180: a comma between cells, quotes where a cell needs them, CR LF at the end of a row. Numbers are written with
all digits; tensors are JSON in one cell. Text that a spreadsheet would take for a formula gets a ' in front.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from stepgrad.events import Backward, Direction, Event, Forward, Print, Seed, Tangent, Update
from stepgrad.extract import events_of
from stepgrad.formats.summary import plain_json
from stepgrad.linear import LinearMap
from stepgrad.style import Style, one_line
from stepgrad.tensor import Array, Tensor, nested
from stepgrad.trace import Trace
from stepgrad.wording import Wording, arriving

COLUMNS = (
    "step", "pass", "event", "node", "name", "gate", "expression", "slot", "operand", "operand_name",
    "value", "upstream", "local", "product", "total", "first", "old", "change", "text", "note", "line",
)  # fmt: skip
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # also as wide signs


def csv(trace: Trace, *, steps: Sequence[int] | None = None, ascii_only: bool = False) -> Iterator[str]:
    """Yield a row of column names, then a row an event.

    Parameters
    ----------
    trace : Trace
    steps : sequence of int, optional
        The indices of the events to tell; all, if None.
    ascii_only : bool
        Spell mathematical signs and names in ASCII.

    Notes
    -----
    Every line ends with CR; its LF is written by whoever writes lines.
    """
    wording = Wording(trace, Style(ascii_only=ascii_only))
    yield ",".join(COLUMNS) + "\r"
    for event in events_of(trace, steps):
        found = {"step": event.step, "pass": trace.pass_at(event.step - 1), **cells_of(event, wording)}
        yield ",".join(map(cell, map(found.get, COLUMNS))) + "\r"


def cells_of(event: Event, wording: Wording) -> dict[str, Any]:
    """Return what an event has to say, by column; arrays are packed so that a text is never taken for one."""
    sign = wording.style.sign
    match event:
        case Forward():
            return {
                "event": "forward", "node": event.node, "name": wording.name(event.node), "gate": event.gate.name,
                "expression": wording.expression(event), "value": number_or_json(event.value),
                "note": sign(event.note or ""), "line": event.span.line if event.span else None,
            }  # fmt: skip
        case Seed():
            seeded = {"expression": wording.seeded(event), "total": number_or_json(event.gradient)}
            return {"event": "seed", "node": event.node, "name": wording.name(event.node), "first": True, **seeded}
        case Direction():
            given = {"expression": wording.tangent(event.node), "total": number_or_json(event.tangent)}
            return {"event": "direction", "node": event.node, "name": wording.name(event.node), "first": True, **given}
        case Backward() | Tangent():
            local = None if isinstance(event.local, LinearMap) else number_or_json(event.local)
            arrays = {"upstream": arriving(event), "product": event.product, "total": event.total}
            return {
                "event": type(event).__name__.lower(), "node": event.node, "name": wording.name(event.node),
                "gate": wording.trace.node(event.node).gate.name, "expression": wording.equation(event),
                "slot": event.slot, "operand": event.operand, "operand_name": wording.name(event.operand),
                **{name: number_or_json(each) for name, each in arrays.items()},
                "local": local, "first": event.first, "note": sign(event.note or ""),
            }  # fmt: skip
        case Update():
            told = (("old", event.old), ("change", event.change), ("value", event.new))
            return {
                "event": "update", "node": event.node, "name": wording.name(event.node),
                **{name: number_or_json(each) for name, each in told},
                "line": event.span.line if event.span else None,
            }  # fmt: skip
        case Print():
            text = "\n".join(map(one_line, event.text.split("\n")))  # a terminal may show it
            return {"event": "print", "text": text, "line": getattr(event.span, "line", None)}


class Plain(str):
    """What stands in a cell as it is: a number, or JSON; no spreadsheet takes it for a formula."""


def number_or_json(array: Array) -> Plain | None:
    """Write a number with all its digits, or with the first ones of thousands; a tensor as JSON."""
    if isinstance(array, Tensor):
        return Plain(json.dumps(plain_json(nested(array)), allow_nan=False))
    return None if array is None else Plain(plain_json(array))


def cell(content: Any) -> str:
    """Write one cell: empty where there is nothing to say.

    >>> print(cell(3), cell(Plain("-0.5")), cell("-x"), cell('=1,"2" '), cell(True))
    3 -0.5 '-x "'=1,""2"" " true
    """
    if content is None:
        return ""
    if isinstance(content, bool):
        return "true" if content else "false"
    text = str(content)
    if isinstance(content, str) and not isinstance(content, Plain) and text.startswith(FORMULA_SIGNS):
        text = f"'{text}"
    quoted = any(sign in text for sign in ',"\r\n') or text != text.strip()
    return '"' + text.replace('"', '""') + '"' if quoted else text
