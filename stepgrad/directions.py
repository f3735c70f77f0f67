"""Forward mode, asked for by name: a Jacobian times a direction, and both modes side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stepgrad.curvature import chosen_inputs, traced
from stepgrad.derivatives import elements_of
from stepgrad.errors import InputError, LimitError, nearest
from stepgrad.language import MAX_STEPS, supplied_array
from stepgrad.literals import raw
from stepgrad.longhand import written
from stepgrad.supply import read_value
from stepgrad.tangents import TangentTrace, nodes_up_to, push
from stepgrad.tape import Node
from stepgrad.tensor import Array, Number, Shape, flat, full, nested, shape_of, shaped, show_shape
from stepgrad.trace import Trace
from stepgrad.work import steps_for

LETTERS = ("t", "s", "r", "time")  # what several inputs move by together: the first that is no name of the program


@dataclass(frozen=True)
class Jvp:
    """A Jacobian times a direction: how fast the output moves when the inputs move.

    Attributes
    ----------
    output : str
    value : number or nested lists
        What the output holds.
    tangent : number or nested lists
        How fast it moves: Σ ∂output/∂input · direction.
    directions : mapping
        How fast the inputs move, by name.
    trace : TangentTrace
        Forwards, and then the tangents, edge by edge.
    """

    output: str
    value: Any
    tangent: Any
    directions: Mapping[str, Any]
    trace: TangentTrace

    def __repr__(self) -> str:
        return written(self)


def jvp(
    source: str | Trace,
    /,
    tangents: str | Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    *,
    output: str | None = None,
    number: type = float,
    filename: str = "<text>",
    max_steps: int = MAX_STEPS,
    **named: Any,
) -> Jvp:
    """Move the inputs in a direction, and see how fast the output moves: forward mode.

    Parameters
    ----------
    source : str or Trace
        The program's text, or what a run of it left behind: then its last pass is differentiated. The output may
        be a tensor.
    tangents : str or mapping, optional
        How fast each input moves, by name: a number, or nested lists of its shape; those that are left out stand
        still. An element goes by its label: ``{"W[0][1]": 1}``. A name alone moves that number by 1, which gives a
        column of the Jacobian; where there is only one number, it need not be named.
    inputs, output, number, filename, max_steps, **named
        As for :func:`stepgrad.run`.

    Returns
    -------
    Jvp

    Raises
    ------
    InputError
        If a tangent is no input's, or not of its shape.

    Examples
    --------
    >>> jvp("f = x * y", {"x": 1, "y": 0.5}, x=3.0, y=2.0).tangent
    3.5
    >>> [type(event).__name__ for event in jvp("f = x * y", "x", x=3.0, y=2.0).trace]
    ['Forward', 'Forward', 'Forward', 'Direction', 'Tangent']
    """
    trace = traced(
        source, inputs, output=output, number=number, filename=filename, max_steps=max_steps, backward=False, **named
    )
    directions = read_directions(trace, tangents)
    moved = TangentTrace(trace, directions, along(trace, directions))
    return Jvp(
        output=moved.output,
        value=moved.value,
        tangent=nested(moved.tangent),
        directions={trace.bare_name(index): nested(tangent) for index, tangent in directions.items()},
        trace=moved,
    )


def read_along(texts: Iterable[str]) -> dict[str, Any]:
    """Read directions as the command line takes them: ``w0=1,x0=0.5``; a name alone is moved by 1.

    >>> read_along(["w0,x=[1, 0.5]", "W[0][1]=2"])
    {'w0': 1, 'x': [1, 0.5], 'W[0][1]': 2}
    """
    found: dict[str, Any] = {}
    for text in texts:
        for part in re.split(r",(?=\s*[^\W\d]\w*\s*(?:\[\d+\]\s*)*(?:=|,|$))", text):
            name, equals, value = part.partition("=")
            if not name.strip():
                raise InputError(f"{text!r} gives no direction; write NAME=VALUE, as in w0=1")
            found[name.strip()] = read_value(name.strip(), value) if equals else 1
    return found


def read_directions(trace: Trace, tangents: str | Mapping[str, Any] | None) -> dict[int, Array]:
    """Return the tangents of the inputs, by node."""
    inputs = chosen_inputs(trace, None)
    places = {label: (name, i) for name, node in inputs.items() for i, label in enumerate(labels_of(trace, name, node))}
    if tangents is None and len(places) != 1:
        raise InputError(
            f"there are several directions; say how {', '.join(inputs)} move: "
            f"`--along {next(iter(places), '')}=1`, or a tangent by name"
        )
    given = {tangents or next(iter(places)): 1} if tangents is None or isinstance(tangents, str) else tangents
    found: dict[int, Array] = {}
    for name, value in given.items():
        if name not in inputs and name not in places:
            raise InputError(f"{name!r} is no input; use one of {', '.join(inputs)}{nearest(name, [*inputs, *places])}")
        owner, place = places.get(name, (name, None))
        node = inputs[owner]
        shape = shape_of(trace.node(node).value)
        tangent = fitting(trace, name, value, shape if place is None else ())
        before = found.get(node, full(shape, trace.number.make(0)))
        found[node] = tangent if place is None else with_entry(before, place, tangent)
    return found


def fitting(trace: Trace, name: str, value: Any, shape: Shape) -> Array:
    """Bring a tangent to an array of a shape, or say what is wrong with it."""
    tangent = supplied_array(f"the tangent of {name}", value, trace.number)
    if shape_of(tangent) != shape:
        raise InputError(
            f"the tangent of {name!r} has shape {show_shape(shape_of(tangent))}, and {name!r} {show_shape(shape)}; "
            "give one of that shape"
        )
    return tangent


def with_entry(array: Array, place: int, number: Number) -> Array:
    """Return an array with another number at a place."""
    data = list(flat(array))
    data[place] = number
    return shaped(shape_of(array), data)


def labels_of(trace: Trace, name: str, node: int) -> Iterator[str]:
    """Yield the labels of an input's numbers."""
    return elements_of(name, shape_of(trace.node(node).value))


def along(trace: Trace, directions: Mapping[int, Array]) -> str:
    """Return by what the tangents are derivatives: by a number that moves by 1 alone, else by a letter."""
    moving = [
        (label, x)
        for index, tangent in directions.items()
        for label, x in zip(labels_of(trace, trace.bare_name(index), index), flat(tangent), strict=True)
        if x != 0
    ]
    if len(moving) == 1 and moving[0][1] == 1:
        return moving[0][0]
    return next(letter for letter in LETTERS if letter not in trace.named or letter == LETTERS[-1])


# Both modes


@dataclass(frozen=True)
class Modes:
    """Every derivative found twice: by one backward sweep, and by a forward-mode sweep for each number.

    Attributes
    ----------
    output : str
    labels : tuple of str
        Every number of the inputs: ``w0``, ``W[0][1]``.
    reverse, forward : tuple of numbers
        The derivatives by each, as found by either mode.
    reverse_steps : int
        Edges of the backward sweep, which finds them all.
    forward_steps : tuple of int
        Edges of the sweep forward from each number.
    """

    output: str
    labels: tuple[str, ...]
    reverse: tuple[Number, ...]
    forward: tuple[Number, ...]
    reverse_steps: int
    forward_steps: tuple[int, ...]

    def __repr__(self) -> str:
        return written(self)

    @property
    def gap(self) -> Number:
        """The largest difference between the two, relative to the larger; 0 where all are equal, also nan to nan."""
        return max(map(difference, self.reverse, self.forward), default=0)


def difference(x: Number, y: Number) -> Number:
    """Return how much two numbers differ, relative to the larger of them."""
    if x == y or (x != x and y != y):
        return 0
    return abs(x - y) / max(abs(x), abs(y))


def modes(
    source: str | Trace,
    /,
    inputs: Mapping[str, Any] | None = None,
    *,
    output: str | None = None,
    number: type = float,
    filename: str = "<text>",
    max_steps: int = MAX_STEPS,
    **named: Any,
) -> Modes:
    """Find every derivative by reverse mode and by forward mode, and count the steps of each.

    Parameters
    ----------
    source, inputs, output, number, filename, max_steps, **named
        As for :func:`stepgrad.hessian`.

    Returns
    -------
    Modes

    Raises
    ------
    LimitError
        If the forward-mode sweeps take more than ``max_steps``.

    Examples
    --------
    >>> both = modes("f = (x + y) * z", x=-2, y=5, z=-4)
    >>> both.reverse == both.forward, both.reverse_steps, both.forward_steps
    (True, 4, (2, 2, 1))
    """
    trace = traced(source, inputs, output=output, number=number, filename=filename, max_steps=max_steps, **named)
    stretch, (_, start) = trace.last_sweep, trace.last_pass
    recorded = stretch.recorded
    nodes = nodes_up_to(recorded, start)
    chosen = chosen_inputs(trace, None)
    one, zero = trace.number.make(1), trace.number.make(0)
    reverse, forward, steps, labels = [], [], [], []
    room, cost = max_steps, {node: cost_of(node) for node in nodes}
    for name, index in chosen.items():
        node = trace.node_in(stretch, index)
        still = full(shape_of(node.value), zero)
        reverse += flat(trace.gradient(index, len(trace)))
        for place, label in enumerate(labels_of(trace, name, index)):
            pushed = push(nodes, {node: with_entry(still, place, one)})
            room -= 1 + sum(map(cost.__getitem__, pushed.nodes))
            if room < 0:
                raise LimitError(f"the forward-mode sweeps take more than {max_steps:,} steps; raise --max-steps")
            labels.append(label)
            forward.append(times_seed(pushed.tangents.get(start), recorded.seed, zero))
            steps.append(len(pushed.nodes))
    return Modes(trace.output, tuple(labels), tuple(reverse), tuple(forward), len(recorded.totals), tuple(steps))


def cost_of(node: Node) -> int:
    """Return how many steps an edge to a node counts as: those that its gate does."""
    shapes = [shape_of(raw(operand)) for operand in node.operands]
    return max(1, steps_for(node.gate, shapes, node.params)) if any(shapes) else 1


def times_seed(tangent: Array, seed: Array, zero: Number) -> Number:
    """Return the output's tangent as the seed weighs its numbers."""
    if tangent is None:
        return zero
    products = [x * weight for x, weight in zip(flat(tangent), flat(seed), strict=True)]
    total = products[0]
    for each in products[1:]:
        total = total + each
    return total
