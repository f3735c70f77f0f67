"""The scene: the circuit of a step as lines and texts in places, for the formats that draw it.

What is drawn comes from ``picture``, where it stands from ``circuit``; a format only has to put strokes and letters
there. Places are cells of the layout's grid, in fractions: ``(x + 0.5, y + 0.5)`` is the middle of a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil
from typing import NamedTuple

from stepgrad.circuit import Circuit, Layout, Point, Spacing, Vertex, lay_out
from stepgrad.cursor import Cursor
from stepgrad.errors import FormatError
from stepgrad.events import Backward, Direction, Event, Forward, Print, Seed, Tangent, Update
from stepgrad.formats.graph import pass_of
from stepgrad.gate import in_parentheses
from stepgrad.linear import LinearMap
from stepgrad.picture import FILLER, Activity, Numbers, Picture, activity_at, numbers_at, picture_at
from stepgrad.style import cells, one_line
from stepgrad.tensor import Tensor, shape_of, show_shape
from stepgrad.trace import Trace
from stepgrad.wording import Wording, arriving

ROOMY = Spacing(1, 1, 1, 2, row_gap=1)
LONGEST = 24  # cells of a name or a label; beyond, its end is left out
SMALL = 0.86  # a name above a box, or a local in it, beside a label

Place = tuple[float, float]

LIGHT = {
    "paper": "#ffffff", "ink": "#24292f", "wire": "#57606a", "dim": "#6a6a6a", "name": "#0550ae", "value": "#1a7f37",
    "gradient": "#c62828", "upstream": "#6f42c1", "local": "#0b6e8f", "active": "#8a5a00", "lit": "#fff1c2",
}  # fmt: skip
DARK = {
    "paper": "#16191d", "ink": "#e6e6e6", "wire": "#9aa4ae", "dim": "#9a9a9a", "name": "#79b8ff", "value": "#5fd787",
    "gradient": "#ff7b7b", "upstream": "#b48cff", "local": "#5fd7ff", "active": "#ffd75f", "lit": "#4a3f12",
}  # fmt: skip
"""The roles of what is drawn, and their colours on light and on dark paper, as on the screen."""


class Frame(NamedTuple):
    """The outline of a gate: its left, top, right and bottom edge."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Scene:
    """A picture with its layout.

    Attributes
    ----------
    picture : Picture
    layout : Layout
    labels : tuple of str
        What stands in every box; of a leaf, its name.
    names : tuple of str
        What the value of every vertex is called, as stands above its box; empty for a leaf.
    named : tuple of bool
        Whether the program gives it that name; others are shown only where a step speaks of them.
    told : tuple of str
        For every vertex, what it computes: ``v₅ = w0 × x0``.
    """

    picture: Picture
    layout: Layout
    labels: tuple[str, ...]
    names: tuple[str, ...]
    named: tuple[bool, ...]
    told: tuple[str, ...]

    @property
    def vertices(self) -> range:
        """The vertices, in order of creation."""
        return range(len(self.labels))

    def is_leaf(self, vertex: int) -> bool:
        """Whether a vertex is drawn as a bare name."""
        return self.picture.circuit.vertices[vertex].leaf

    def frame(self, vertex: int) -> Frame:
        """Return the outline of a gate, or the cells of a leaf's name."""
        x, y, width, height = self.layout.boxes[vertex]
        if self.is_leaf(vertex):
            return Frame(x, y, x + width, y + height)
        return Frame(x + 0.5, y + 0.5, x + width - 0.5, y + height - 0.5)

    def centre(self, vertex: int) -> Place:
        """Return the middle of a gate."""
        left, top, right, bottom = self.frame(vertex)
        return (left + right) / 2, (top + bottom) / 2

    @cached_property
    def wires(self) -> list[tuple[int, int]]:
        """List the edges that are drawn, as targets and slots: one where a gate uses a value twice."""
        first: dict[tuple[int, int], tuple[int, int]] = {}
        for target, slot in self.layout.wires:
            first.setdefault((self.source((target, slot)), target), (target, slot))
        return list(first.values())

    def source(self, edge: tuple[int, int]) -> int:
        """Return the vertex at which an edge begins."""
        target, slot = edge
        return self.picture.circuit.operands[target][slot]

    def same_wire(self, edge: tuple[int, int]) -> tuple[int, int]:
        """Return the edge that is drawn for one."""
        return next(each for each in self.wires if each[0] == edge[0] and self.source(each) == self.source(edge))

    def path(self, edge: tuple[int, int]) -> list[Place]:
        """Return the corners of a wire, from the operand's box to the target's."""
        corners = corners_of(self.layout.wires[edge])
        begin = self.start(self.source(edge), corners[0][0])
        return [(begin, corners[0][1]), *corners[1:-1], (self.frame(edge[0]).left, corners[-1][1])]

    def stub(self, vertex: int) -> list[Place]:
        """Return the ends of the outgoing wire of a vertex that nothing uses."""
        cells_of_wire = self.layout.stubs[vertex]
        y = cells_of_wire[0].y + 0.5
        return [(self.start(vertex, cells_of_wire[0].x), y), (cells_of_wire[-1].x + 1, y)]

    def start(self, vertex: int, x: float) -> float:
        """Return where the wire of a vertex begins."""
        return self.frame(vertex).right + 0.5 if self.is_leaf(vertex) else self.frame(vertex).right

    def forks(self) -> list[Place]:
        """Return the places in which a wire forks."""
        return [(x + 0.5, y + 0.5) for (x, y), joined in self.layout.strands.forks.items() if joined]

    def value_places(self, vertex: int) -> list[Place]:
        """Return, for every line of numbers above the wire of a vertex, its left end."""
        x, y = self.layout.value_at[vertex]
        return [(x, y + k + 0.5) for k in range(self.picture.circuit.vertices[vertex].lines)]

    def gradient_places(self, vertex: int) -> list[Place]:
        """Return the same for the lines below."""
        x, y = self.layout.gradient_at[vertex]
        return [(x, y + k + 0.5) for k in range(self.picture.circuit.vertices[vertex].lines)]


class Moment(NamedTuple):
    """What a scene shows at a step.

    Attributes
    ----------
    numbers : list of Numbers
        For every vertex.
    known : tuple of bool
        For every vertex, whether its value has been computed.
    activity : Activity
        The gate at work and the edges of the step.
    backward : bool
        Whether numbers go back along the edges.
    local : str
        What stands in the gate at work: ``×0.37``.
    """

    numbers: list[Numbers]
    known: tuple[bool, ...]
    activity: Activity
    backward: bool
    local: str

    def new_value(self) -> int | None:
        """Return the vertex whose value is new at this step."""
        return None if self.backward else self.activity.changed

    def new_gradient(self) -> int | None:
        """Return the vertex whose gradient is new, or has grown."""
        return self.activity.changed if self.backward else None


NOTHING = Activity((), (), None, None)


def checked(trace: Trace, step: int | None) -> int:
    """Return the step to draw: the last where none is asked for.

    Raises
    ------
    FormatError
        If there is no such step, or none at all.
    """
    if not len(trace):
        raise FormatError("the program computes nothing, so there is no circuit to draw; assign a value to a name")
    if step is not None and not 1 <= step <= len(trace):
        raise FormatError(f"there is no step {step}; the trace has steps 1 to {len(trace)}")
    return len(trace) if step is None else step


def scene_of(wording: Wording, picture: Picture, circuit: Circuit | None = None) -> Scene:
    """Lay a picture out.

    Parameters
    ----------
    wording : Wording
    picture : Picture
    circuit : Circuit, optional
        With the room that numbers need, where that is more than this picture's.
    """
    trace = wording.trace
    vertices = (circuit or picture.circuit).vertices
    labels = tuple(map(boxed, vertices))
    names = tuple(
        "" if vertex.leaf else label_of(wording.name(node))
        for node, vertex in zip(picture.nodes, vertices, strict=True)
    )
    roomy = Circuit(
        tuple(
            vertex._replace(label="x" * room_of(vertex, label, name, wording.style.digits))
            for vertex, label, name in zip(vertices, labels, names, strict=True)
        ),
        picture.circuit.operands,
    )
    named = tuple(node in trace.names for node in picture.nodes)
    told = tuple(one_line(definition(wording, node)) for node in picture.nodes)
    return Scene(picture._replace(circuit=roomy), laid_out(roomy), labels, names, named, told)


@lru_cache(maxsize=64)
def laid_out(circuit: Circuit) -> Layout:
    """Lay a circuit out; remembered, since a whole one is the same at every step."""
    return lay_out(circuit, ROOMY)


def room_of(vertex: Vertex, label: str, name: str, digits: int) -> int:
    """Return how many cells a label takes in the layout, so that the name above and the local inside have room."""
    if vertex.leaf:
        return cells(label)
    local = ceil(SMALL * (digits + 5)) - 3
    return max(3, cells(label), local, ceil(SMALL * cells(name)) - 3)


def boxed(vertex: Vertex) -> str:
    """Return what stands in the box of a vertex, without what fills the cells of wide signs on the grid."""
    return label_of(vertex.label.replace(FILLER, ""))


def label_of(text: str) -> str:
    """Return a name or a label as it stands in a picture: on one line, without the end of one that is too long."""
    text = one_line(text)
    while cells(text) > LONGEST:
        text = text[:-2] + "…"
    return text


def corners_of(wire: Sequence[Point]) -> list[Place]:
    """Return the ends and the corners of a wire, in the middles of cells.

    >>> corners_of([Point(0, 0), Point(1, 0), Point(2, 0), Point(2, 1), Point(3, 1)])
    [(0.5, 0.5), (2.5, 0.5), (2.5, 1.5), (3.5, 1.5)]
    """
    inner = [
        here
        for before, here, after in zip(wire, wire[1:], wire[2:])
        if (here.x - before.x, here.y - before.y) != (after.x - here.x, after.y - here.y)
    ]
    return [(x + 0.5, y + 0.5) for x, y in (wire[0], *inner, wire[-1])]


def moment_at(
    scene: Scene, wording: Wording, position: int, *, active: bool = True, before: Moment | None = None
) -> Moment:
    """Return what a scene shows when so many steps have happened.

    Parameters
    ----------
    scene : Scene
    wording : Wording
    position : int
    active : bool
        Whether a gate is at work.
    before : Moment, optional
        What it showed one step before: then only the numbers are looked up that the step can have changed.
    """
    cursor = Cursor(wording.trace, position)
    event = cursor.event
    local = ""
    if active and isinstance(event, Backward) and not isinstance(event.local, LinearMap):
        local = f"×{wording.style.number(event.local)}"
    activity = activity_at(scene.picture, cursor) if active else NOTHING
    if before is None:
        numbers = numbers_at(scene.picture, cursor, wording)
    else:
        numbers = list(before.numbers)
        touched = [node for node in wording.trace.nodes_at(position - 1) if node in scene.picture.nodes]
        part = scene.picture._replace(nodes=tuple(touched))
        for node, new in zip(touched, numbers_at(part, cursor, wording), strict=True):
            numbers[scene.picture.nodes.index(node)] = new
    known = tuple(bool(each.value) for each in numbers)
    return Moment(numbers, known, activity, isinstance(event, (Seed, Backward)), local)


class Asked(NamedTuple):
    """Which picture is asked for: that of a step, or all that is known at the end of a pass.

    Attributes
    ----------
    step : int or None
        With its gate at work.
    steps : sequence of int or None
        Indices of events, of which the last is meant.
    pass_number : int or None
        The last that was swept, if nothing is asked for.
    """

    step: int | None = None
    steps: Sequence[int] | None = None
    pass_number: int | None = None

    def event(self, trace: Trace) -> Event | None:
        """Return the event of the step; None where a pass is meant.

        Raises
        ------
        FormatError
            If there is no such step.
        """
        step = self.steps[-1] + 1 if self.step is None and self.steps else self.step
        return None if step is None else trace[checked(trace, step) - 1]

    def drawn(self, wording: Wording) -> tuple[Scene, Moment]:
        """Return the scene and what it shows.

        Raises
        ------
        FormatError
            If there is no such step, or pass.
        """
        trace, event = wording.trace, self.event(wording.trace)
        checked(trace, None)
        position = pass_of(trace, self.pass_number).steps.stop if event is None else event.step
        scene = scene_of(wording, picture_at(wording, position))
        return scene, moment_at(scene, wording, position, active=event is not None)


def definition(wording: Wording, node: int) -> str:
    """Say what computes a node: ``v₅ = w0 × x0``; of a leaf, its kind: ``w0, input``."""
    event = wording.trace[wording.trace.forward_index(node)]
    if isinstance(event, Forward) and event.operands:
        return f"{wording.name(node)} = {wording.expression(event)}"
    return f"{wording.name(node)}, {wording.expression(event) if isinstance(event, Forward) else 'input'}"


def title_of(trace: Trace) -> str:
    """Return what a document about a trace is called: the program's first comment, or its output."""
    first = trace.program.line(1) if trace.program else ""
    words = one_line(first.removeprefix("#").strip()) if first.startswith("#") else ""
    return words or f"The circuit of {one_line(trace.output)}"


def sentence(wording: Wording, event: Event) -> str:
    """Write a step on one line: its equation with names, then with numbers; of tensors, their shapes."""
    style = wording.style
    match event:
        case Forward():
            left = wording.name(event.node) + (f" = {wording.expression(event)}" if event.operands else "")
            remark = "" if event.operands else f", {wording.expression(event)}"
            return f"{left} {valued(wording, event.value)}{remark}"
        case Seed():
            return f"{wording.seeded(event)} {valued(wording, event.gradient)}, the seed"
        case Direction():
            return f"{wording.tangent(event.node)} {valued(wording, event.tangent)}, the direction"
        case Backward(local=LinearMap()) | Tangent(local=LinearMap()):
            return f"{wording.equation(event)}  {show_shape(shape_of(event.product))}"
        case Backward() | Tangent():
            upstream, local, product = wording.arithmetic(event)
            relation = style.equals(arriving(event), event.local, event.product)
            factors = style.sign(f"{upstream} × {in_parentheses(local)}")
            numbers = f"{style.equals(arriving(event), event.local)} {factors} {relation} {product}"
            total = "" if event.first else f", total {style.number(event.total)}"
            return f"{wording.equation(event)} {numbers}{total}"
        case Update(change=None) | Update(change=Tensor()):
            return f"{wording.name(event.node)} updated  {show_shape(shape_of(event.new))}"
        case Update():
            relation = style.equals(event.old, event.change, event.new)
            return f"{wording.updated(event)} {relation} {style.number(event.new)}"
        case Print():
            return f"prints: {one_line(event.text)}"


def valued(wording: Wording, array: object) -> str:
    """Write a number behind its relation, a short vector in full, another tensor as its shape."""
    rows = wording.style.rows(array)
    if isinstance(array, Tensor) and (len(rows) > 1 or len(rows[0]) > LONGEST):
        return f" {show_shape(array.shape)}"
    return f"{wording.style.equals(array)} {rows[0]}"
