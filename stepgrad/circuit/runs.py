"""Runs: nodes in a straight line, which move up and down as one.

A move takes along whatever stands in its way. It is made when it saves bends, length or lopsided
gates; so much is tried and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise, starmap
from operator import add
from typing import NamedTuple

from stepgrad.circuit.layers import Layered

MAX_COMPACT = 80  # runs of a graph for which its height is weighed with every move
MAX_WORK = 150_000  # nodes that moves may touch, over all
LENGTH, BEND = 1, 3  # what every row of wire costs, and a bend
CROOKED = 8, 4  # and a gate that is not in the middle of its operands, in a roomy and in a tight drawing
HEIGHT = 4  # and a row of the drawing, if it is to be tight
CONFLICT = 2  # and a row that one wire leaves and another enters


class Room(NamedTuple):
    """How near nodes of one layer may be.

    Attributes
    ----------
    halves : list of int
        Per node, the rows that it needs above its own, and again below.
    gap : int
        The rows left free between two vertices.
    vertices : int
        How many nodes are vertices. The others are wires that pass, which need less air.
    """

    halves: list[int]
    gap: int
    vertices: int

    def between(self, upper: int, lower: int) -> int:
        """Return the least difference of the rows of two nodes."""
        gap = self.gap if upper < self.vertices and lower < self.vertices else min(self.gap, 1)
        return self.halves[upper] + self.halves[lower] + 1 + gap

    def least_height(self, layers: list[list[int]]) -> int:
        """Return the rows of the fullest layer."""
        heights = (sum(starmap(self.between, pairwise(layer))) for layer in layers if layer)
        ends = (self.halves[layer[0]] + self.halves[layer[-1]] + 1 for layer in layers if layer)
        return max(map(add, heights, ends), default=0)


class Runs:
    """The runs of a circuit and their rows."""

    def __init__(self, layered: Layered, room: Room, heights: list[float]) -> None:
        self.layered, self.room = layered, room
        self.above, self.below = neighbours(layered)
        self.of, self.nodes = straight_lines(layered)
        self.halves = [max(room.halves[node] for node in nodes) for nodes in self.nodes]
        self.row = [0] * len(self.nodes)
        self.settle([round(sum(heights[node] for node in nodes) / len(nodes)) for nodes in self.nodes])
        self.layer_of = {node: number for number, layer in enumerate(layered.layers) for node in layer}
        self.entered: dict[tuple[int, int], int] = {}  # by layer and row, the first node of a run that has operands
        self.left: dict[tuple[int, int], int] = {}  # and the last node of a run that is used
        self.mark(range(len(self.nodes)))
        self.work = 0

    def mark(self, runs: Iterable[int]) -> None:
        """Write down on which rows runs begin and end."""
        for run in runs:
            first, last, row = self.nodes[run][0], self.nodes[run][-1], self.row[run]
            if self.layered.left[first]:
                self.entered[self.layer_of[first], row] = first
            if self.layered.right[last]:
                self.left[self.layer_of[last], row] = last

    def shift(self, moves: Mapping[int, int], sign: int) -> None:
        """Move runs."""
        for run in moves:
            first, last, row = self.nodes[run][0], self.nodes[run][-1], self.row[run]
            self.entered.pop((self.layer_of[first], row), None)
            self.left.pop((self.layer_of[last], row), None)
        for run, step in moves.items():
            self.row[run] += sign * step
        self.mark(moves)

    def conflicts(self, runs: Iterable[int]) -> int:
        """Count the rows which a wire of these runs leaves and another enters, or the other way round."""
        found: dict[tuple[int, int], None] = {}
        for run in runs:
            first, last, row = self.nodes[run][0], self.nodes[run][-1], self.row[run]
            source = self.left.get((self.layer_of[first] - 1, row))
            if source is not None and self.layered.left[first] and source not in self.layered.left[first]:
                found[source, first] = None
            target = self.entered.get((self.layer_of[last] + 1, row))
            if target is not None and self.layered.right[last] and last not in self.layered.left[target]:
                found[last, target] = None
        return len(found)

    def settle(self, wanted: list[int]) -> None:
        """Give every run the row that it wants, or the next below that is free."""
        blocked = [sum(self.above[node] is not None for node in nodes) for nodes in self.nodes]
        ready = [run for run, count in enumerate(blocked) if not count]
        self.row = list(wanted)
        for run in ready:
            for node in self.nodes[run]:
                lower = self.below[node]
                if lower is None:
                    continue
                next_run = self.of[lower]
                least = self.row[run] + self.room.between(node, lower)
                self.row[next_run] = max(self.row[next_run], least)
                blocked[next_run] -= 1
                if not blocked[next_run]:
                    ready.append(next_run)

    def improve(self) -> None:
        """Move runs while that makes the drawing better."""
        improved = True
        while improved:
            improved = False
            for run in range(len(self.nodes)):
                for target in self.candidates(run):
                    if self.work > MAX_WORK:
                        return
                    if target != self.row[run] and self.try_move(run, target - self.row[run]):
                        improved = True

    def candidates(self, run: int) -> list[int]:
        """List rows where the run would be in line with a neighbour, or in the middle of them."""
        first, last = self.nodes[run][0], self.nodes[run][-1]
        rows = [self.row[self.of[node]] for node in self.layered.left[first]]
        if len(rows) > 1:
            middle = min(rows) + max(rows)
            rows += [middle // 2, (middle + 1) // 2]
        rows += [self.row[self.of[node]] for node in self.layered.right[last]]
        rows += [self.row[run] + step for step in (-1, 1)]
        return list(dict.fromkeys(rows))

    def try_move(self, run: int, by: int) -> bool:
        """Move a run and all in its way, if that saves something."""
        moves = self.pushed(run, by)
        terms = list(dict.fromkeys(node for each in moves for node in self.terms(each)))
        before = sum(map(self.cost, terms)) + CONFLICT * self.conflicts(moves) + self.height()
        self.shift(moves, 1)
        if sum(map(self.cost, terms)) + CONFLICT * self.conflicts(moves) + self.height() < before:
            return True
        self.shift(moves, -1)
        return False

    def pushed(self, run: int, by: int) -> dict[int, int]:
        """Return how far every run has to move so that one can."""
        moves = {run: by}
        waiting = [run]
        beside, sign = (self.below, 1) if by > 0 else (self.above, -1)
        while waiting:
            each = waiting.pop()
            row = self.row[each] + moves[each]
            self.work += len(self.nodes[each])
            for node in self.nodes[each]:
                other = beside[node]
                if other is None:
                    continue
                pushed = self.of[other]
                need = sign * (row - self.row[pushed]) + self.room.between(node, other)
                if need > abs(moves.get(pushed, 0)):
                    moves[pushed] = sign * need
                    waiting.append(pushed)
        return moves

    def terms(self, run: int) -> list[int]:
        """List the nodes whose cost depends on where the run is."""
        return [self.nodes[run][0], *self.layered.right[self.nodes[run][-1]]]

    def total(self) -> int:
        """Weigh the whole drawing."""
        wires = sum(map(self.cost, range(len(self.of))))
        return wires + CONFLICT * self.conflicts(range(len(self.nodes))) + self.height()

    def height(self) -> int:
        """Weigh the rows that a tight drawing takes."""
        if self.room.gap or len(self.nodes) > MAX_COMPACT:
            return 0
        tops = [self.row[run] - half for run, half in enumerate(self.halves)]
        bottoms = [self.row[run] + half for run, half in enumerate(self.halves)]
        return HEIGHT * (max(bottoms) - min(tops))

    def cost(self, node: int) -> int:
        """Weigh the wires that enter a node."""
        row = self.row[self.of[node]]
        rows = [self.row[self.of[source]] for source in self.layered.left[node]]
        if not rows:
            return 0
        wires = sum(LENGTH * abs(row - each) + BEND * (row != each) for each in rows)
        off = abs(2 * row - min(rows) - max(rows))
        return wires + CROOKED[not self.room.gap] * bool(off) if len(rows) > 1 else wires


def neighbours(layered: Layered) -> tuple[list[int | None], list[int | None]]:
    """Return per node which stands directly above it and which below."""
    above: list[int | None] = [None] * len(layered.left)
    below = list(above)
    for layer in layered.layers:
        for upper, lower in pairwise(layer):
            above[lower], below[upper] = upper, lower
    return above, below


def straight_lines(layered: Layered) -> tuple[list[int], list[list[int]]]:
    """Find nodes that can share a row: each the only neighbour of the next, and no two lines crossing.

    Returns
    -------
    of : list of int
        Per node, its run.
    nodes : list of list of int
        Per run, its nodes from left to right.
    """
    place = {node: i for layer in layered.layers for i, node in enumerate(layer)}
    of = [-1] * len(layered.left)
    nodes: list[list[int]] = []
    for layer in layered.layers:
        lowest = -1
        for node in layer:
            if of[node] < 0:
                of[node] = len(nodes)
                nodes.append([node])
            following = layered.right[node]
            if len(following) == 1 and len(layered.left[following[0]]) == 1 and place[following[0]] > lowest:
                lowest = place[following[0]]
                of[following[0]] = of[node]
                nodes[of[node]].append(following[0])
    return of, nodes
