"""Order: which node stands above which, so that few wires cross.

A walk from the outputs, operands by slot, draws trees without a crossing; sweeps that sort every
layer by the mean place of its neighbours improve the rest, and the best order met is kept.
Sugiyama, Tagawa & Toda, IEEE SMC 11 (1981); Gansner et al., IEEE TSE 19 (1993).
"""

from __future__ import annotations

from stepgrad.circuit.layers import Layered

SWEEPS = 12
MAX_SWAPS = 20_000  # pairs of neighbours that may be looked at, over all
CROSSING, INVERSION = 3, 1  # what a crossing costs, and a slot that enters above an earlier one


def in_order(layered: Layered) -> Layered:
    """Return the same nodes with every layer ordered from top to bottom."""
    layers = walk(layered)
    best, least = layers, cost(layered, layers)
    for sweep in range(SWEEPS):
        if not least:
            break
        layers = swept(layered, layers, from_left=sweep % 2 == 1)
        found = cost(layered, layers)
        if found < least:
            best, least = layers, found
    if least:
        best = swap_neighbours(layered, [list(layer) for layer in best])
    return layered._replace(layers=best)


def walk(layered: Layered) -> list[list[int]]:
    """Order by a walk from the outputs to the left, depth first, operands by slot."""
    layer_of = places(layered.layers, layer=True)
    layers: list[list[int]] = [[] for _ in layered.layers]
    seen = [False] * len(layered.left)
    waiting = [node for node in reversed(range(len(layered.left))) if not layered.right[node]]
    while waiting:
        node = waiting.pop()
        if not seen[node]:
            seen[node] = True
            layers[layer_of[node]].append(node)
            waiting += reversed(layered.left[node])
    return layers


def places(layers: list[list[int]], *, layer: bool = False) -> list[int]:
    """Return per node its place in its layer, or the layer."""
    place = [0] * sum(map(len, layers))
    for number, nodes in enumerate(layers):
        for i, node in enumerate(nodes):
            place[node] = number if layer else i
    return place


def swept(layered: Layered, layers: list[list[int]], *, from_left: bool) -> list[list[int]]:
    """Sort layer after layer by the mean place of the neighbours in the layer before."""
    place: list[float] = [float(each) for each in places(layers)]
    swept = [list(layer) for layer in layers]
    for layer in swept if from_left else reversed(swept):
        keys: dict[int, float] = {}
        for node in layer:
            if from_left:
                near = [place[each] for each in layered.left[node]]
            else:
                near = [entry(layered, place, node, each) for each in layered.right[node]]
            keys[node] = sum(near) / len(near) if near else place[node]
        layer.sort(key=keys.__getitem__)
        for i, node in enumerate(layer):
            place[node] = float(i)
    return swept


def entry(layered: Layered, place: list[float], node: int, target: int) -> float:
    """Return where a node's wire enters a target: slots are fractions of a place, so that they stay in order."""
    slots = layered.left[target]
    return place[target] + slots.index(node) / (len(slots) + 1)


def cost(layered: Layered, layers: list[list[int]]) -> int:
    """Weigh an order's crossings and inverted slots."""
    place = places(layers)
    total = 0
    for layer in layers:
        ends = [place[target] for node in layer for target in sorted(layered.right[node], key=place.__getitem__)]
        total += CROSSING * inversions(ends)
    for sources in layered.left:
        if len(sources) > 1:
            total += INVERSION * inversions([place[each] for each in sources])
    return total


def inversions(numbers: list[int]) -> int:
    """Count the pairs of which the earlier is the greater.

    >>> inversions([1, 3, 2, 0])
    4
    """
    counts = [0] * (max(numbers, default=0) + 2)
    total = 0
    for seen, number in enumerate(numbers):
        not_greater, i = 0, number + 1
        while i:
            not_greater += counts[i]
            i &= i - 1
        total += seen - not_greater
        i = number + 1
        while i < len(counts):
            counts[i] += 1
            i += i & -i
    return total


def swap_neighbours(layered: Layered, layers: list[list[int]]) -> list[list[int]]:
    """Swap neighbours in a layer while that makes the order better."""
    place = places(layers)
    looked, improved = 0, True
    while improved and looked < MAX_SWAPS:
        improved = False
        for layer in layers:
            for i in range(len(layer) - 1):
                upper, lower = layer[i], layer[i + 1]
                looked += 1
                gain = swap_cost(layered, place, upper, lower) - swap_cost(layered, place, lower, upper)
                if gain > 0:
                    layer[i], layer[i + 1] = lower, upper
                    place[upper], place[lower] = i + 1, i
                    improved = True
            if looked >= MAX_SWAPS:
                break
    return layers


def swap_cost(layered: Layered, place: list[int], upper: int, lower: int) -> int:
    """Weigh what one node costs above another, as far as it depends on the two."""
    total = 0
    for neighbours in (layered.left, layered.right):
        for a in neighbours[upper]:
            total += CROSSING * sum(place[b] < place[a] for b in neighbours[lower])
    for target in layered.right[upper]:
        slots = layered.left[target]
        if lower in slots and slots.index(lower) < slots.index(upper):
            total += INVERSION
    return total
