"""The help: all keys, by group, in as many columns as fit."""

from __future__ import annotations

from tui.keys import KEYS
from tui.view.page import Line, Sheetful, Words, padded, width_of

INTRODUCTION = (
    "Values stand in green above the wires, gradients in red below. Each backward step multiplies the",
    "upstream gradient by the gate's local one; where gradients meet, they add.",
)


def help_page(width: int) -> Sheetful:
    """Return all keys by group."""
    groups: dict[str, list[Line]] = {}
    key_width = max(len(" ".join(key.keys)) for key in KEYS)
    for key in KEYS:
        row = (Words(f"  {' '.join(key.keys):<{key_width}}  ", "active"), Words(key.words))
        groups.setdefault(key.group, [(Words(key.group, "strong"),)]).append(row)
    blocks = [[*lines, ()] for lines in groups.values()]
    widest = max(width_of(line) for block in blocks for line in block) + 2
    count = max(1, min(3, width // widest))
    columns: list[list[Line]] = [[] for _ in range(count)]
    for block in blocks:
        min(columns, key=len).extend(block)
    lines: list[Line] = [*[(Words(text, "dim"),) for text in INTRODUCTION if len(text) <= width], ()]
    for y in range(max(map(len, columns))):
        line: Line = ()
        for column in columns:
            line = padded((*line, *(column[y] if y < len(column) else ())), width_of(line) + widest)
        lines.append(line)
    return Sheetful(lines)
