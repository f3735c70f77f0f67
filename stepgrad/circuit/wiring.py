"""Wiring: the ways of the wires between two layers, before they have columns.

A wire that forks has a vertical line of its own, its trunk; the wires that meet at a gate meet on
a vertical line of the gate's, its bracket. So wires fork on trunks and meet on brackets, and
nowhere else do two touch. A wire with one end goes straight to the gate or to its bracket.

On a row that a wire leaves and another enters, the first must have turned off before the second
begins. Such constraints may run in a circle. Then one of the wires turns off at once, on a line
further left, and comes back on a row of its own; once all have done so no circle is left, hence
every channel can be drawn.
"""

from __future__ import annotations

from typing import NamedTuple

from stepgrad.circuit.layers import Layered


class Path(NamedTuple):
    """The way of a wire through a channel: rows, and the vertical lines between them.

    Attributes
    ----------
    rows : list of int
        One more than there are lines.
    lines : list of int
        Indices of vertical lines, from left to right.
    """

    rows: list[int]
    lines: list[int]


class Wiring:
    """The paths of a channel while they are made."""

    def __init__(self, layered: Layered, row: list[int], sources: list[int]) -> None:
        self.lines = 0
        self.paths: dict[tuple[int, int], Path] = {}
        self.row = row
        targets = list(dict.fromkeys(target for source in sources for target in layered.right[source]))
        self.taken = [row[node] for node in sources + targets]
        trunk = {source: self.new_line() for source in sources if len(layered.right[source]) > 1}
        for target in targets:
            slots = layered.left[target]
            bracket = self.new_line() if len(slots) > 1 else None
            ports = enter(row[target], [row[source] if source not in trunk else None for source in slots])
            self.taken += ports
            for source, port in zip(slots, ports, strict=True):
                rows, lines = [row[source]], []
                if source in trunk:
                    lines.append(trunk[source])
                    rows.append(port)
                if bracket is not None:
                    lines.append(bracket)
                    rows.append(row[target])
                elif not lines and row[source] != row[target]:
                    lines.append(self.new_line())
                    rows.append(row[target])
                self.paths[source, target] = Path(rows, lines)

    def new_line(self) -> int:
        """Add a vertical line."""
        self.lines += 1
        return self.lines - 1

    def segments(self) -> list[tuple[int, int, int]]:
        """List the horizontal pieces as (row, line where it starts or -1, line where it ends or -1)."""
        found = []
        for path in self.paths.values():
            ends = [-1, *path.lines, -1]
            found += [(row, ends[i], ends[i + 1]) for i, row in enumerate(path.rows)]
        return list(dict.fromkeys(found))

    def spans(self) -> list[tuple[int, int]]:
        """Return the first and the last row of every vertical line."""
        rows: list[list[int]] = [[] for _ in range(self.lines)]
        for path in self.paths.values():
            for i, line in enumerate(path.lines):
                rows[line] += path.rows[i : i + 2]
        return [(min(each), max(each)) for each in rows]

    def constraints(self) -> list[dict[int, int]]:
        """Return per vertical line those that must stand right of it, and by how many columns."""
        before: list[dict[int, int]] = [{} for _ in range(self.lines)]
        starting: dict[int, list[int]] = {}
        for row, start, _ in self.segments():
            if start >= 0:
                starting.setdefault(row, []).append(start)
        for row, start, end in self.segments():
            if start >= 0 and end >= 0:
                before[start].setdefault(end, 1)
            if start < 0 <= end:  # two columns, so that corners do not touch
                before[end].update({each: 2 for each in starting.get(row, ()) if each != end})
        return before

    def detour(self, circle: list[int]) -> None:
        """Let the wire that turns off at one of the circle's lines do so at once, and come back."""
        entering: dict[int, list[tuple[int, int]]] = {}
        for ends, path in self.paths.items():
            if path.lines:
                entering.setdefault(path.lines[0], []).append(ends)
        for line, following in zip(circle, circle[1:] + circle[:1], strict=True):
            starting = {row for row, start, _ in self.segments() if start == following}
            for source, _ in entering.get(line, ()):
                if self.row[source] in starting:
                    self.turn_off(source, [ends for ends in entering[line] if ends[0] == source])
                    return
        raise AssertionError("a circle of lines of which no wire turns off")

    def turn_off(self, source: int, pairs: list[tuple[int, int]]) -> None:
        """Give a wire a line further left, from which it comes back on a free row."""
        line = self.new_line()
        middle = self.paths[pairs[0]].rows[1]
        row = self.free_row(self.row[source], middle)
        self.taken.append(row)
        for pair in pairs:
            rows, lines = self.paths[pair]
            self.paths[pair] = Path([rows[0], row, *rows[1:]], [line, *lines])

    def free_row(self, start: int, end: int) -> int:
        """Find the row that nothing uses with the shortest way from one to another over it."""
        taken = frozenset(self.taken)
        top, bottom = min(taken) - 1, max(taken) + 1
        free = [row for row in range(top, bottom + 1) if row not in taken]
        return min(free, key=lambda row: (abs(row - start) + abs(row - end), row))


def enter(row: int, sources: list[int | None]) -> list[int]:
    """Choose the rows on which wires enter a gate's bracket.

    Parameters
    ----------
    row : int
        The gate's.
    sources : list of int or None
        By slot, the row from which a wire comes straight; None where it comes from a trunk and
        its row can be chosen.

    Returns
    -------
    list of int
        By slot. Chosen rows are near the gate's, symmetrical, and an earlier slot is above a later.

    >>> enter(5, [None, None]), enter(5, [2, None]), enter(5, [None, 5])
    ([4, 6], [2, 5], [4, 5])
    """
    wanted = sources.count(None)
    free = [each for each in around(row, len(sources)) if each not in sources]
    if wanted % 2 == 0 and len(free) > wanted:
        free = [each for each in free if each != row]
    if wanted == 1 and row in sources:  # the other side of the gate's row than the slot that is on it
        sign = -1 if sources.index(None) < sources.index(row) else 1
        free.sort(key=lambda each: (each - row) * sign < 0)
    chosen = iter(sorted(free[:wanted]))
    return [next(chosen) if each is None else each for each in sources]


def around(row: int, count: int) -> list[int]:
    """List rows from the middle outwards.

    >>> around(5, 3)
    [5, 4, 6]
    """
    return [row, *(row + sign * step for step in range(1, count // 2 + 1) for sign in (-1, 1))]
