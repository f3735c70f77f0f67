"""Layers: every vertex gets a layer, and every wire a node in each layer that it passes.

Gates stand as far left as their operands allow (the longest path), leaves as far right as their
consumers allow. A tree of gates that nothing else uses goes with its consumer like a leaf: it
would only draw a long wire instead.
"""

from __future__ import annotations

from typing import NamedTuple

from stepgrad.circuit.parts import Circuit


class Layered(NamedTuple):
    """A circuit cut into layers, with edges only between neighbouring ones.

    Attributes
    ----------
    vertex : list of int
        Per node, the vertex that it is, or whose wire passes. The first nodes are the vertices.
    left, right : list of list of int
        Per node, its neighbours in the layers before (by slot, without repeats) and behind.
    layers : list of list of int
        The nodes of every layer, from top to bottom once they are ordered.
    """

    vertex: list[int]
    left: list[list[int]]
    right: list[list[int]]
    layers: list[list[int]]


def cut(circuit: Circuit) -> Layered:
    """Cut a circuit into layers, not yet ordered."""
    count = len(circuit.vertices)
    layer = layers_of(circuit)
    vertex = list(range(count))
    left: list[list[int]] = [[] for _ in range(count)]
    layers: list[list[int]] = [[] for _ in range(max(layer, default=-1) + 1)]
    for node in range(count):
        layers[layer[node]].append(node)
    passing: list[list[int]] = [[node] for node in range(count)]
    for target, operands in enumerate(circuit.operands):
        for source in dict.fromkeys(operands):
            chain = passing[source]
            while layer[source] + len(chain) < layer[target]:
                vertex.append(source)
                left.append([chain[-1]])
                layers[layer[source] + len(chain)].append(len(left) - 1)
                chain.append(len(left) - 1)
            left[target].append(chain[layer[target] - layer[source] - 1])
    right: list[list[int]] = [[] for _ in left]
    for node, sources in enumerate(left):
        for neighbour in sources:
            right[neighbour].append(node)
    return Layered(vertex, left, right, layers)


def layers_of(circuit: Circuit) -> list[int]:
    """Return the layer of every vertex, the first being 0."""
    layer: list[int] = []
    for operands in circuit.operands:
        layer.append(max((layer[operand] + 1 for operand in operands), default=0))
    consumers: list[list[int]] = [[] for _ in layer]
    for target, operands in enumerate(circuit.operands):
        for operand in dict.fromkeys(operands):
            consumers[operand].append(target)
    alone: list[bool] = []
    for operands in circuit.operands:
        alone.append(all(alone[operand] and len(consumers[operand]) == 1 for operand in operands))
    for vertex in reversed(range(len(layer))):
        if alone[vertex] and consumers[vertex]:
            layer[vertex] = min(layer[target] for target in consumers[vertex]) - 1
    first = min(layer, default=0)
    return [each - first for each in layer]
