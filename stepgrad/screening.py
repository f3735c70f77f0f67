"""Screening: what one number of a gradient answers to.

A gradient is linear in what is sent along an edge: if an operand got δ more, the gradient of x would change by δ times
∂operand/∂x. So a departure says at once what each edge would have to send to explain it, and most suspicions are
dropped without a sweep.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stepgrad.sweeps import Budget, Mutant, Sweep, size_of
from stepgrad.tape import Node
from stepgrad.tensor import Array, flat, full, shape_of, shaped

LOOSE = 1e-3  # relative: what is dropped must be this far off, since tangents are rounded, too


def tangents(sweep: Sweep, node: Node, place: int) -> dict[Node, Array]:
    """Return ∂(every node)/∂(one element of a node): those nodes that it reaches."""
    start = [0.0] * len(flat(node.value))
    start[place] = 1.0
    found: dict[Node, Array] = {node: shaped(shape_of(node.value), start)}
    for edge in range(len(sweep) - 1, -1, -1):
        tangent = found.get(sweep.operands[edge])
        if tangent is not None:
            user = sweep.nodes[edge]
            local: Any = user.locals[sweep.slots[edge]]
            pushed = local * tangent
            found[user] = found[user] + pushed if user in found else pushed
    return found


class Screen:
    """Drops what cannot explain a departure.

    Parameters
    ----------
    sweep : Sweep
    theirs : mapping
    departing : list of Node
        Those of ``theirs`` that are not ours.
    """

    def __init__(self, sweep: Sweep, theirs: Mapping[Node, Array], departing: list[Node]) -> None:
        self.sweep = sweep
        self.gap = 0.0
        self.tangents: dict[Node, Array] = {}
        node = next((each for each in departing if shape_of(theirs[each]) == shape_of(each.value)), None)
        if node is None:
            return
        gaps = [x - y for x, y in zip(flat(theirs[node]), flat(sweep.ours[node]), strict=True)]
        place = max(range(len(gaps)), key=lambda i: abs(gaps[i]))
        if abs(gaps[place]) < float("inf"):
            self.gap = gaps[place]
            self.tangents = tangents(sweep, node, place)

    def lets_through(self, mutant: Mutant, budget: Budget) -> bool:
        """Whether a mutant may explain the departure: one whose edges come from one node, or lead to one.

        No such edge lies behind another, so what each operand gets more adds up.
        """
        if not self.gap:
            return True
        change = 0.0
        for operand, theirs, ours in self.exchanged(mutant):
            if operand in self.tangents:
                if shape_of(theirs) != shape_of(ours):
                    return True
                budget.spend(size_of(ours) * (len(self.sweep.arrivals[operand]) if mutant.overwriting else 1))
                for x, y, answer in zip(flat(theirs), flat(ours), flat(self.tangents[operand]), strict=True):
                    change += (x - y) * answer
        return not abs(change - self.gap) > LOOSE * abs(self.gap)

    def exchanged(self, mutant: Mutant) -> Iterator[tuple[Node, Array, Array]]:
        """Yield what operands get in the place of what: products, or totals where these are overwritten."""
        sweep = self.sweep
        if mutant.overwriting:
            for operand in sorted(sweep.touched(mutant), key=lambda each: each.index):
                yield operand, sweep.total(operand, mutant, {}), sweep.ours[operand]
            return
        for place in mutant.locals:
            ours = sweep.product(place)
            sent = sweep.sent(place, mutant, {})
            yield sweep.operands[place], full(shape_of(ours), 0.0) if sent is None else sent, ours
