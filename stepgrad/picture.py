"""The picture of a pass: its circuit, and the numbers that stand on the wires at a step.

What the screen draws and what picture formats export is decided here; where it stands on the grid is
decided in ``circuit``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stepgrad.circuit import Circuit, Vertex
from stepgrad.cursor import Cursor
from stepgrad.events import Backward, Forward, Seed
from stepgrad.tape import Node
from stepgrad.tensor import Array, Tensor, show_shape
from stepgrad.trace import Trace
from stepgrad.wording import Wording

MOST_NODES = 60  # of a pass that is drawn whole
NEARBY = 20  # nodes that are drawn of a larger one, and the operands of half of them
REACH = 200  # nodes before and after a place among which users are looked for
MOST_USERS = 3  # of one node that are drawn of a larger pass
MOST_LINES, MOST_COLUMNS = 2, 24  # of a tensor whose numbers are drawn


class Picture(NamedTuple):
    """A circuit, and which nodes its vertices are.

    Attributes
    ----------
    nodes : tuple of int
        The node of each vertex, in order of creation.
    circuit : Circuit
    whole : bool
        Whether it is all that the output depends on, not what is around the step.
    """

    nodes: tuple[int, ...]
    circuit: Circuit
    whole: bool

    def edge(self, node: int, slot: int, trace: Trace) -> tuple[int, int] | None:
        """Return the edge of the circuit that a slot of a node is: its target and its place; None if not drawn."""
        if node not in self.nodes:
            return None
        target = self.nodes.index(node)
        place = sum(1 for each in trace.node(node).operands[:slot] if isinstance(each, Node))
        drawn = self.circuit.operands[target]
        return (target, place) if place < len(drawn) else None


class Numbers(NamedTuple):
    """The numbers at a vertex at some step: lines above its wire, lines below."""

    value: tuple[str, ...]
    gradient: tuple[str, ...]


def picture_at(wording: Wording, position: int) -> Picture:
    """Return the circuit of the pass in which a step lies: what its output depends on.

    A pass of more than ``MOST_NODES`` nodes is drawn around the step.
    """
    trace = wording.trace
    output = trace.output_at(position - 1)
    nodes = ancestors(trace, output)
    around = len(nodes) > MOST_NODES
    nodes = sorted(neighbourhood(trace, trace.nodes_at(position - 1)) if around else nodes)
    place = {node: vertex for vertex, node in enumerate(nodes)}
    operands = tuple(drawn_operands(trace, node, place) for node in nodes)
    room = numbers_known if around else numbers_to_come
    vertices = tuple(
        vertex_of(wording, node, room(wording, node, position), leaf=not used)
        for node, used in zip(nodes, operands, strict=True)
    )
    return Picture(tuple(nodes), Circuit(vertices, operands), not around)


def drawn_operands(trace: Trace, node: int, place: dict[int, int]) -> tuple[int, ...]:
    """Return the vertices that a node uses; none where one of them is not drawn: then it is drawn as a leaf."""
    operands = trace.operands(node)
    return tuple(place[operand] for operand in operands) if all(operand in place for operand in operands) else ()


def ancestors(trace: Trace, output: int) -> list[int]:
    """List what a node depends on, and itself; not much more than can be drawn."""
    found = {output: None}
    waiting = [output]
    while waiting and len(found) <= MOST_NODES:
        for operand in trace.operands(waiting.pop()):
            if operand not in found:
                found[operand] = None
                waiting.append(operand)
    return list(found)


def neighbourhood(trace: Trace, centre: Sequence[int]) -> list[int]:
    """List the nodes around some nodes, nearest first: what they use, and what uses them."""
    used_by = users(trace, centre[0])
    found = dict.fromkeys(centre)
    ring: Iterable[int] = list(found)
    while ring and len(found) < NEARBY:
        following: dict[int, None] = {}
        for node in ring:
            following |= dict.fromkeys((*trace.operands(node), *used_by.get(node, ())[:MOST_USERS]))
        ring = [node for node in following if node not in found][: NEARBY - len(found)]
        found |= dict.fromkeys(ring)
    # The operands of a gate near the middle are drawn with it, or it would look like an input.
    for node in list(found)[: NEARBY // 2]:
        found |= dict.fromkeys(trace.operands(node))
    return list(found)


def users(trace: Trace, centre: int) -> dict[int, list[int]]:
    """List, for the nodes that those around a place use, which of these use them."""
    found: dict[int, list[int]] = {}
    for node in range(max(0, centre - REACH), min(centre + REACH, trace.node_count)):
        for operand in trace.operands(node):
            found.setdefault(operand, []).append(node)
    return found


def vertex_of(wording: Wording, node: int, numbers: Sequence[tuple[str, ...]], *, leaf: bool) -> Vertex:
    """Return what is drawn of a node: its label, and room for its numbers."""
    label = wording.name(node) if leaf else wording.label_of(node)
    columns = max((len(line) for lines in numbers for line in lines), default=0)
    return Vertex(label, leaf, columns, max(map(len, numbers), default=1) or 1)


def numbers_to_come(wording: Wording, node: int, position: int) -> list[tuple[str, ...]]:
    """Return every number that a node will have in the pass of a step: the picture does not move from step to step."""
    trace = wording.trace
    steps = trace.passes[trace.pass_at(position - 1) - 1].steps
    arrays = [trace.value_at(node, steps.stop), *trace.totals(node, position - 1)]
    return [drawn(array, wording) for array in arrays]


def numbers_known(wording: Wording, node: int, position: int) -> list[tuple[str, ...]]:
    """Return the numbers that a node has at a step."""
    trace = wording.trace
    return [drawn(trace.value_at(node, position), wording), drawn(trace.gradient_at(node, position), wording)]


def drawn(array: Array, wording: Wording) -> tuple[str, ...]:
    """Return the lines of an array as they stand on a wire: small matrices in full, larger ones by shape."""
    if array is None:
        return ()
    rows = wording.style.rows(array)
    if isinstance(array, Tensor) and (len(rows) > MOST_LINES or len(rows[0]) > MOST_COLUMNS):
        return (show_shape(array.shape),)
    return tuple(rows)


def numbers_at(picture: Picture, cursor: Cursor, wording: Wording) -> list[Numbers]:
    """Return the numbers of every vertex as known at a step."""
    return [
        Numbers(drawn(cursor.value(node), wording), drawn(gradient_here(cursor, node), wording))
        for node in picture.nodes
    ]


def gradient_here(cursor: Cursor, node: int) -> Array:
    """Return the gradient that has arrived in the pass of the step; those of the pass before are gone."""
    return cursor.gradient(node) if cursor.position - 1 in cursor.summary.backward else None


class Activity(NamedTuple):
    """What happens at a step, as vertices and edges of a picture."""

    vertices: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    upstream: int | None  # the vertex whose gradient is the upstream
    changed: int | None  # the vertex that gets a number


def activity_at(picture: Picture, cursor: Cursor) -> Activity:
    """Return which gate is at work at a step, along which edges, and where its number appears."""
    event, trace = cursor.event, cursor.trace
    place = {node: vertex for vertex, node in enumerate(picture.nodes)}
    here = place.get(event.node)
    vertices = () if here is None else (here,)
    match event:
        case Forward():
            edges = [(vertex, slot) for vertex in vertices for slot in range(len(picture.circuit.operands[vertex]))]
            return Activity(vertices, tuple(edges), None, here)
        case Seed():
            return Activity(vertices, (), None, here)
        case Backward():
            edge = picture.edge(event.node, event.slot, trace)
            return Activity(vertices, (edge,) if edge else (), here, place.get(event.operand))
