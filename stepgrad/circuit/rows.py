"""Rows: how far down every node stands.

First by least squares: every node near its neighbours, no two of a layer nearer than they may be.
In one layer that is a monotone regression, solved exactly by pooling adjacent violators (Barlow et
al., 1972). Then nodes in a straight line become one run, and runs move by whole rows while that
saves bends, length or lopsided gates.
"""

from __future__ import annotations

from itertools import pairwise

from stepgrad.circuit.layers import Layered
from stepgrad.circuit.runs import Room, Runs

SWEEPS = 10


def rows_of(layered: Layered, room: Room) -> list[int]:
    """Return the row of every node; the topmost may be negative."""
    gaps = [[room.between(upper, lower) for upper, lower in pairwise(layer)] for layer in layered.layers]
    heights = least_squares(layered, gaps)
    tried = [Runs(layered, room, start) for start in (heights, centred(layered, gaps, heights))]
    for runs in tried:
        runs.improve()
    best = min(tried, key=Runs.total)
    return [best.row[run] for run in best.of]


def centred(layered: Layered, gaps: list[list[int]], heights: list[float]) -> list[float]:
    """Return heights in the middle of the operands', from left to right."""
    height = list(heights)
    for layer, between in zip(layered.layers, gaps, strict=True):
        wanted = []
        for node in layer:
            near = [height[each] for each in layered.left[node]]
            wanted.append((min(near) + max(near)) / 2 if near else height[node])
        for node, y in zip(layer, spread(wanted, between), strict=True):
            height[node] = y
    return height


def least_squares(layered: Layered, gaps: list[list[int]]) -> list[float]:
    """Return heights near those of all neighbours, layer by layer, to and fro."""
    height = [0.0] * len(layered.left)
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 1
        numbers = range(len(gaps)) if forth else reversed(range(len(gaps)))
        for number in numbers:
            layer = layered.layers[number]
            wanted = []
            for node in layer:
                near = layered.left[node] if forth else layered.right[node]
                if sweep > 1:
                    near = near + layered.left[node] + layered.right[node]
                wanted.append(sum(height[each] for each in near) / len(near) if near else height[node])
            for node, y in zip(layer, spread(wanted, gaps[number]), strict=True):
                height[node] = y
    return height


def spread(wanted: list[float], gaps: list[int]) -> list[float]:
    """Return the heights nearest to those wanted, by least squares, that keep their gaps.

    >>> spread([0.0, 0.0, 9.0], [4, 4])
    [-2.0, 2.0, 9.0]
    """
    offsets = [0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    pools: list[tuple[float, int]] = []  # sum and count of what moves together
    for y, offset in zip(wanted, offsets):
        total, count = y - offset, 1
        while pools and pools[-1][0] * count >= total * pools[-1][1]:
            total, count = total + pools[-1][0], count + pools[-1][1]
            pools.pop()
        pools.append((total, count))
    means = [total / count for total, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets)]
