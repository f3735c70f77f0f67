"""The help: all keys, by group, in as many columns as fit."""

from __future__ import annotations

from tui.keys import KEYS, Key
from tui.view.page import Line, Sheetful, Words, padded
from tui.view.step import folded

INTRODUCTION = (
    "Values stand in green above the wires, gradients in red below. Each backward step multiplies the upstream "
    "gradient by the gate's local one; where gradients meet, they add."
)


def help_page(width: int) -> Sheetful:
    """Return all keys by group."""
    groups: dict[str, list[Key]] = {}
    for key in KEYS:
        groups.setdefault(key.group, []).append(key)
    keys = max(len(" ".join(key.keys)) for key in KEYS) + 4
    widest = keys + max(len(key.words) for key in KEYS) + 2
    count = max(1, min(3, width // widest))
    columns: list[list[Line]] = [[] for _ in range(count)]
    for group, members in groups.items():
        block: list[Line] = [(Words(group, "strong"),)]
        for key in members:
            block += key_lines(key, keys, width // count)
        min(columns, key=len).extend([*block, ()])
    lines: list[Line] = [*folded((Words(INTRODUCTION, "dim"),), width), ()]
    for y in range(max(map(len, columns))):
        line: Line = ()
        for number, column in enumerate(columns, 1):
            line = padded((*line, *(column[y] if y < len(column) else ())), number * widest if count > 1 else 0)
        lines.append(line)
    return Sheetful(lines)


def key_lines(key: Key, indent: int, width: int) -> list[Line]:
    """Return what a key does, beside it, over several lines where it must be."""
    label = Words(f"  {' '.join(key.keys)}".ljust(indent), "active")
    first, *others = folded((Words(key.words),), width - indent - 1)
    return [(label, *first), *((Words(" " * indent), *line) for line in others)]
