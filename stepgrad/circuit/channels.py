"""Channels: the columns of the vertical lines between two layers.

Lines stand in an order that keeps all constraints and crosses few wires, then as far right as they
can. Whether two wires cross depends only on which of two lines is left of the other, so an order is
improved by taking out one line at a time and putting it back where it costs least.
"""

from __future__ import annotations

from typing import NamedTuple

from stepgrad.circuit.layers import Layered
from stepgrad.circuit.wiring import Path, Wiring

FORBIDDEN = 1_000_000  # what it costs to break a constraint: more than any crossings
MAX_ROUNDS = 8


class Channel(NamedTuple):
    """The wires between two layers.

    Attributes
    ----------
    paths : dict
        By node before and node behind.
    columns : list of int
        Per vertical line, its column, counted leftwards from 0 at the channel's end.
    """

    paths: dict[tuple[int, int], Path]
    columns: list[int]

    @property
    def width(self) -> int:
        """The columns that vertical lines need."""
        return max(self.columns, default=-1) + 1


def route(layered: Layered, row: list[int], layer: int) -> Channel:
    """Route the wires that leave a layer."""
    sources = [node for node in layered.layers[layer] if layered.right[node]]
    wiring = Wiring(layered, row, sources)
    before = wiring.constraints()
    while circle := find_circle(before):
        wiring.detour(circle)
        before = wiring.constraints()
    order = arrange(wiring, before)
    return Channel(wiring.paths, columns_of(wiring, before, order))


def find_circle(before: list[dict[int, int]]) -> list[int]:
    """Find lines of which each must stand left of the next and the last left of the first; or none."""
    state = [0] * len(before)  # 0 not seen, 1 on the way, 2 done
    for root in range(len(before)):
        way = [root] if not state[root] else []
        following = [iter(before[root])]
        while way:
            state[way[-1]] = 1
            line = next(following[-1], None)
            if line is None:
                state[way.pop()] = 2
                following.pop()
            elif state[line] == 1:
                return way[way.index(line) :]
            elif not state[line]:
                way.append(line)
                following.append(iter(before[line]))
    return []


def arrange(wiring: Wiring, before: list[dict[int, int]]) -> list[int]:
    """Order the vertical lines from left to right: as they must be, and with few crossings."""
    order = topological(before)
    weight = crossings(wiring, before)
    for _ in range(MAX_ROUNDS):
        moved = [reinsert(order, line, weight) for line in list(order)]
        if not any(moved):
            break
    return order


def topological(before: list[dict[int, int]]) -> list[int]:
    """Order lines so that each stands left of those it must."""
    waits = [0] * len(before)
    for following in before:
        for line in following:
            waits[line] += 1
    ready = [line for line, count in enumerate(waits) if not count]
    for line in ready:
        for each in before[line]:
            waits[each] -= 1
            if not waits[each]:
                ready.append(each)
    return ready


def crossings(wiring: Wiring, before: list[dict[int, int]]) -> list[list[int]]:
    """Return what it costs that one line stands left of another, in half crossings."""
    spans = wiring.spans()
    weight = [[0] * wiring.lines for _ in spans]
    for row, start, end in wiring.segments():
        for line, (top, bottom) in enumerate(spans):
            if line in (start, end) or not top <= row <= bottom:
                continue
            if start >= 0:
                weight[start][line] += 1 if end >= 0 else 2
            if end >= 0:
                weight[line][end] += 1 if start >= 0 else 2
    for line, following in enumerate(before):
        for each in following:
            weight[each][line] = FORBIDDEN
    return weight


def reinsert(order: list[int], line: int, weight: list[list[int]]) -> bool:
    """Move a line to where it costs least; return whether it moved for the better."""
    place = order.index(line)
    others = order[:place] + order[place + 1 :]
    cost = sum(weight[line][other] for other in others)
    costs = [cost]
    for other in others:
        cost += weight[other][line] - weight[line][other]
        costs.append(cost)
    best = min(range(len(costs)), key=lambda i: (costs[i], abs(i - place)))
    if costs[best] >= costs[place]:
        return False
    order[:] = [*others[:best], line, *others[best:]]
    return True


def columns_of(wiring: Wiring, before: list[dict[int, int]], order: list[int]) -> list[int]:
    """Push the lines to the right, as near to their gates as the order allows."""
    spans = wiring.spans()
    columns = [0] * wiring.lines
    for i in reversed(range(len(order))):
        line = order[i]
        top, bottom = spans[line]
        for other in order[i + 1 :]:
            apart = before[line].get(other, 0)
            if not apart and top <= spans[other][1] + 1 and spans[other][0] <= bottom + 1:
                apart = 1
            if apart:
                columns[line] = max(columns[line], columns[other] + apart)
    return columns
