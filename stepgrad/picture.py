"""The picture of a pass: its circuit, and the numbers that stand on the wires at a step.

What the screen draws and what picture formats export is decided here; where it stands on the grid is
decided in ``circuit``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from stepgrad.circuit import Circuit, Vertex
from stepgrad.cursor import Cursor
from stepgrad.events import Backward, Direction, Forward, Print, Seed, Tangent, Update
from stepgrad.steps import Composite
from stepgrad.style import cells
from stepgrad.tape import Node
from stepgrad.tensor import Array, Tensor, show_shape
from stepgrad.trace import Trace
from stepgrad.wording import Wording

MOST_NODES = 60  # of a pass that is drawn whole
NEARBY = 20  # nodes that are drawn of a larger one, and the operands of half of them
REACH = 200  # nodes before and after a place among which users are looked for
LOOK_OUT = 1_000  # nodes after a call among which others that use it are looked for
MOST_USERS = 3  # of one node that are drawn of a larger pass
MOST_LINES, MOST_COLUMNS = 2, 24  # of a tensor whose numbers are drawn
FILLER = "\u200b"  # stands in the second cell of a wide sign of a label


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

    def edge(self, event: Backward | Tangent, gates: Closed, trace: Trace) -> tuple[int, int] | None:
        """Return the edge along which a step of a sweep runs, its target and its place; None if it is not drawn."""
        node, operand = gates.drawn(event.node), gates.drawn(event.operand)
        if node == operand or node not in self.nodes or operand not in self.nodes:
            return None
        target, source = self.nodes.index(node), self.nodes.index(operand)
        places = [place for place, each in enumerate(self.circuit.operands[target]) if each == source]
        if not places:
            return None
        earlier = trace.node(event.node).operands[: event.slot] if node == event.node else ()
        wanted = sum(1 for each in earlier if isinstance(each, Node))
        return target, wanted if wanted in places else places[0]


class Numbers(NamedTuple):
    """The numbers at a vertex at some step: lines above its wire, lines below."""

    value: tuple[str, ...]
    gradient: tuple[str, ...]


def picture_at(wording: Wording, position: int, closed: Closed | None = None) -> Picture:
    """Return the circuit of the pass in which a step lies: what its output depends on.

    A pass of more than ``MOST_NODES`` nodes is drawn around the step. With ``closed``, calls of functions
    are drawn as one gate each.
    """
    trace = wording.trace
    gates = closed or Closed(trace, None)
    nodes = ancestors(gates, gates.drawn(trace.output_at(position - 1)))
    around = len(nodes) > MOST_NODES
    here = [gates.drawn(node) for node in trace.nodes_at(position - 1)] or [trace.output_at(position - 1)]
    nodes = sorted(neighbourhood(trace, gates, here) if around else nodes)
    place = {node: vertex for vertex, node in enumerate(nodes)}
    operands = tuple(drawn_operands(gates, node, place) for node in nodes)
    room = numbers_known if around else numbers_to_come
    vertices = tuple(
        vertex_of(wording, gates, node, room(wording, node, position), leaf=not used)
        for node, used in zip(nodes, operands, strict=True)
    )
    return Picture(tuple(nodes), Circuit(vertices, operands), not around)


class Closed:
    """Which calls of functions are drawn as one gate.

    Parameters
    ----------
    trace : Trace
    opened : set of int or None
        Those that are not, though a number is all that they return; None closes none.
    """

    def __init__(self, trace: Trace, opened: Collection[int] | None) -> None:
        self.trace = trace
        self.opened = opened
        self.composites: dict[int, Composite] = {}
        self.closing: dict[int, bool] = {}

    def call(self, node: int) -> int | None:
        """Return the outermost closed call within which a node was computed."""
        path = self.trace.path(node) if self.opened is not None else ()
        for call in path:
            if call not in self.closing:
                self.closing[call] = self.closes(call)
        return next((call for call in path if call not in (self.opened or ()) and self.closing[call]), None)

    def closes(self, call: int) -> bool:
        """Whether a call returned a node that was computed in it, and that nothing else of it is used outside."""
        result, stop = self.composite(call).result, self.trace.calls[call].stop
        inside = range(self.trace.calls[call].start, stop)
        following = range(stop, min(stop + LOOK_OUT, self.trace.node_count))
        used = (operand for node in following for operand in self.trace.operands(node))
        return result is not None and not any(operand in inside and operand != result for operand in used)

    def composite(self, call: int) -> Composite:
        """Return a call as one gate; remembered."""
        if call not in self.composites:
            self.composites[call] = self.trace.composite(call)
        return self.composites[call]

    def drawn(self, node: int) -> int:
        """Return the node that is drawn for one: the result of the closed call in which it is."""
        call = self.call(node)
        result = None if call is None else self.composite(call).result
        return node if result is None else result

    def operands(self, node: int) -> tuple[int, ...]:
        """Return what a drawn node uses, as drawn."""
        call = self.call(node)
        used = self.trace.operands(node) if call is None else self.composite(call).operands
        return tuple(self.drawn(operand) for operand in used)

    def label(self, node: int, wording: Wording) -> str:
        """Return what stands in the box of a drawn node."""
        call = self.call(node)
        return wording.label_of(node) if call is None else f"{self.trace.calls[call].name}( )"


def drawn_operands(gates: Closed, node: int, place: dict[int, int]) -> tuple[int, ...]:
    """Return the vertices that a node uses; none where one of them is not drawn: then it is drawn as a leaf."""
    operands = gates.operands(node)
    return tuple(place[operand] for operand in operands) if all(operand in place for operand in operands) else ()


def ancestors(gates: Closed, output: int) -> list[int]:
    """List what a node depends on, and itself; not much more than can be drawn."""
    found = {output: None}
    waiting = [output]
    while waiting and len(found) <= MOST_NODES:
        for operand in gates.operands(waiting.pop()):
            if operand not in found:
                found[operand] = None
                waiting.append(operand)
    return list(found)


def neighbourhood(trace: Trace, gates: Closed, centre: Sequence[int]) -> list[int]:
    """List the nodes around some nodes, nearest first: what they use, and what uses them."""
    used_by = users(trace, centre[0])
    found = dict.fromkeys(centre)
    ring: Iterable[int] = list(found)
    while ring and len(found) < NEARBY:
        following: dict[int, None] = {}
        for node in ring:
            users_drawn = map(gates.drawn, used_by.get(node, ())[:MOST_USERS])
            following |= dict.fromkeys((*gates.operands(node), *users_drawn))
        ring = [node for node in following if node not in found][: NEARBY - len(found)]
        found |= dict.fromkeys(ring)
    # The operands of a gate near the middle are drawn with it, or it would look like an input.
    for node in list(found)[: NEARBY // 2]:
        found |= dict.fromkeys(gates.operands(node))
    return list(found)


def users(trace: Trace, centre: int) -> dict[int, list[int]]:
    """List, for the nodes that those around a place use, which of these use them."""
    found: dict[int, list[int]] = {}
    for node in range(max(0, centre - REACH), min(centre + REACH, trace.node_count)):
        for operand in trace.operands(node):
            found.setdefault(operand, []).append(node)
    return found


def vertex_of(wording: Wording, gates: Closed, node: int, numbers: Sequence[tuple[str, ...]], *, leaf: bool) -> Vertex:
    """Return what is drawn of a node: its label, and room for its numbers."""
    label = wording.name(node) if leaf else gates.label(node, wording)
    columns = max((len(line) for lines in numbers for line in lines), default=0)
    return Vertex(spaced(label), leaf, columns, max(map(len, numbers), default=1) or 1)


def spaced(label: str) -> str:
    """Fill the second cells of wide signs, so that a label has as many signs as it takes cells."""
    return label if label.isascii() else "".join(sign + FILLER * (cells(sign) - 1) for sign in label)


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
    return cursor.gradient(node) if cursor.position - 1 >= cursor.summary.backward.start else None


class Activity(NamedTuple):
    """What happens at a step, as vertices and edges of a picture."""

    vertices: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    upstream: int | None  # the vertex whose gradient is the upstream
    changed: int | None  # the vertex that gets a number


def activity_at(picture: Picture, cursor: Cursor, closed: Closed | None = None) -> Activity:
    """Return which gate is at work at a step, along which edges, and where its number appears."""
    event, trace = cursor.event, cursor.trace
    gates = closed or Closed(trace, None)
    place = {node: vertex for vertex, node in enumerate(picture.nodes)}
    if isinstance(event, Print):
        return Activity((), (), None, None)
    here = place.get(gates.drawn(event.node))
    vertices = () if here is None else (here,)
    match event:
        case Forward():
            edges = [(vertex, slot) for vertex in vertices for slot in range(len(picture.circuit.operands[vertex]))]
            return Activity(vertices, tuple(edges), None, here if gates.drawn(event.node) == event.node else None)
        case Seed() | Direction():
            return Activity(vertices, (), None, here)
        case Tangent():
            edge = picture.edge(event, gates, trace)
            return Activity(vertices, (edge,) if edge else (), place.get(gates.drawn(event.operand)), here)
        case Update():  # the circuit has the input as it was in this pass
            name = trace.bare_name(event.node)
            same = (v for v, vertex in enumerate(picture.circuit.vertices) if vertex.leaf)
            here = next((v for v in same if trace.bare_name(picture.nodes[v]) == name), None)
            return Activity(() if here is None else (here,), (), None, None)
        case Backward():
            edge = picture.edge(event, gates, trace)
            return Activity(
                vertices, (edge,) if edge else (), here, place.get(gates.drawn(event.operand)) if edge else None
            )
