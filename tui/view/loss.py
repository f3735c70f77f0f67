"""The loss pane: the output's value over the passes, as a curve of braille dots, the cursor on it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

from tui.session import Session
from tui.view.page import Line, Sheetful, Words

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille sign, by row and column
BRAILLE = 0x2800


class LossPage(Sheetful):
    """The curve; a click leads to the pass below it."""

    def __init__(self, session: Session, width: int, height: int) -> None:
        numbers, losses, low, high = session.trace.losses
        self.starts: list[int] = []
        self.margin = 0
        if len(numbers) < 2:
            super().__init__([(Words("One pass: a curve needs several calls of backward.", "dim"),)])
            return
        passes, number = session.trace.passes, session.style.number
        self.margin = max(len(number(low)), len(number(high))) + 1
        columns, rows = max(width - self.margin - 1, 4), max(height - 1, 2)
        here = session.trace.pass_at(session.cursor.position - 1)
        places = [x * (len(losses) - 1) / (columns * 2 - 1) for x in range(columns * 2)]
        self.starts = [passes[numbers[round(places[x * 2])] - 1].steps.start + 1 for x in range(columns)]
        cursor = next((x for x in range(columns) if numbers[round(places[x * 2 + 1])] >= here), columns - 1)
        drawn = curve([between(losses, place) for place in places], rows, low, high)
        lines: list[Line] = []
        for y, row in enumerate(drawn):
            label = number(high) if y == 0 else number(low) if y == rows - 1 else ""
            after = row[cursor + 1 :]
            lines.append(
                (
                    Words(f"{label:>{self.margin - 1}} ", "dim"),
                    Words(row[:cursor], "value"),
                    Words(row[cursor] if row[cursor].strip("⠀") else "│", "active"),
                    Words(after, "value"),
                )
            )
        place = bisect_left(numbers, here)
        value = passes[here - 1].value if here in numbers[place : place + 1] else None
        found = "" if value is None else f"loss {session.style.equals(value)} {number(value)}"
        whole = f"pass {here:,} of {len(passes):,}  {found}"
        fitting = [text for text in (whole, f"pass {here:,}  {found}") if len(text) <= width - self.margin]
        lines.append((Words(" " * self.margin), Words((fitting or [found])[0].rstrip(), "dim")))
        super().__init__(lines)

    def step_at(self, x: int, y: int) -> int | None:
        """Return the first step of the pass below a column."""
        place = x - self.margin
        return self.starts[place] if 0 <= place < len(self.starts) else None


def between(values: Sequence[float], place: float) -> float:
    """Return the value at a place, on the straight line between its two neighbours."""
    left = int(place)
    right = min(left + 1, len(values) - 1)
    return values[left] if left == place else values[left] + (values[right] - values[left]) * (place - left)


def curve(values: list[float], rows: int, low: float, high: float) -> list[str]:
    """Draw values, two a sign, as lines of braille; where the curve is steep its dots are joined."""
    bits = [[0] * (len(values) // 2) for _ in range(rows)]
    spread = high - low or 1.0
    before: int | None = None
    for x, value in enumerate(values[: len(bits[0]) * 2]):
        if not math.isfinite(value):
            before = None
            continue
        height = round((high - value) / spread * (rows * 4 - 1))
        start = height if before is None else before + (height > before) - (height < before)
        for y in range(min(start, height), max(start, height) + 1):
            bits[y // 4][x // 2] |= DOTS[y % 4][x % 2]
        before = height
    return ["".join(chr(BRAILLE + cell) for cell in row) for row in bits]
