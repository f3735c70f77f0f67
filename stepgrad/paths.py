"""Paths: the gradient of a value as the sum over all paths to it, each the product of the locals on its way.

The backward sweep adds these up without listing them: there may be as many as 2ⁿ through n gates. So they are
counted first, along the tape, and only as many as are asked for are walked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import add
from typing import Any, NamedTuple

from stepgrad.curvature import traced
from stepgrad.errors import InputError
from stepgrad.language import MAX_STEPS
from stepgrad.longhand import written
from stepgrad.stretch import Stretch
from stepgrad.tape import Node
from stepgrad.tensor import Array, Shape, entry, flat, full, indices, shape_of, shaped, show_shape
from stepgrad.trace import Trace

MOST_PATHS = 20
MOST_COUNTED = 10**18  # where counting ends


class Path(NamedTuple):
    """One way from the output to a value.

    Attributes
    ----------
    nodes : tuple of int
        From the output to the value.
    locals : tuple
        Of the edges between them, in this order: numbers, or linear maps.
    product : Array
        The seed times all of them: what comes along this path; of one element, if one was asked for.
    """

    nodes: tuple[int, ...]
    locals: tuple[Any, ...]
    product: Array

    def __repr__(self) -> str:
        return written(self)


@dataclass(frozen=True)
class PathSum:
    """A gradient as a sum over paths.

    Attributes
    ----------
    output, name : str
        From where and to where they lead; ``name`` may be one element: ``W[0][1]``.
    paths : tuple of Path
        Those that are listed, in the order of the operands' slots.
    count : int
        How many there are; ``MOST_COUNTED`` where there are at least that many.
    gradient : Array
        What the backward sweep has found.
    seed : Array
        What it began with.
    trace : Trace
    """

    output: str
    name: str
    paths: tuple[Path, ...]
    count: int
    gradient: Array
    seed: Array
    trace: Trace

    def __repr__(self) -> str:
        return written(self)

    @property
    def total(self) -> Array:
        """The sum of the listed paths, from left to right."""
        products = [path.product for path in self.paths]
        zeros = full(shape_of(self.gradient), self.trace.number.make(0))
        return reduce(add, products) if products else zeros

    @property
    def rest(self) -> Array:
        """What the paths that are not listed bring together: the gradient less the sum."""
        shape = shape_of(self.gradient)
        return shaped(shape, [x - y for x, y in zip(flat(self.gradient), flat(self.total), strict=True)])


Edge = tuple[Any, Node]  # the local, and the operand to which it leads


def edges_of(node: Node) -> list[Edge]:
    """List the edges that run backward from a node, in the order of its slots."""
    pairs = zip(node.locals, node.operands, strict=True)
    return [(local, operand) for local, operand in pairs if local is not None and isinstance(operand, Node)]


def counted(stretch: Stretch, target: Node) -> dict[Node, int]:
    """Count the paths from every node to the target; nodes without one are left out."""
    found = {target: 1}
    for node in reversed(list(stretch.recorded.swept)):
        if node.index > target.index:
            count = reduce(add, [found.get(operand, 0) for _, operand in edges_of(node)], 0)
            if count:
                found[node] = min(count, MOST_COUNTED)
    return found


def walked(
    output: Node, target: Node, seed: Array, leading: Mapping[Node, int]
) -> Iterator[tuple[list[Node], list[Any], Array]]:
    """Yield every path, with its locals and its product; the lists go on changing."""
    nodes: list[Node] = [output]
    locals_: list[Any] = []
    products: list[Any] = [seed]
    waiting = [iter(edges_of(output))]
    if output is target:
        yield nodes, locals_, seed
        return
    while waiting:
        local, operand = next(waiting[-1], (None, None))
        if operand is None:
            for stack in (nodes, products, waiting, locals_):
                del stack[-1:]
        elif operand is target:
            yield [*nodes, operand], [*locals_, local], products[-1] * local
        elif operand in leading:
            nodes.append(operand)
            locals_.append(local)
            products.append(products[-1] * local)
            waiting.append(iter(edges_of(operand)))


def why(
    source: str | Trace,
    name: str,
    /,
    inputs: Mapping[str, Any] | None = None,
    *,
    paths: int = MOST_PATHS,
    output: str | None = None,
    number: type = float,
    filename: str = "<text>",
    max_steps: int = MAX_STEPS,
    **named: Any,
) -> PathSum:
    """Explain a gradient: list the paths from the output, each with the product of the locals along it.

    Parameters
    ----------
    source : str or Trace
        The program's text, or what a run of it left behind: then its last pass is explained.
    name : str
        An input, or any other value; one element as ``W[0][1]``. To a tensor each path brings a tensor: the
        locals on its way are linear maps.
    paths : int
        How many are listed.
    inputs, output, number, filename, max_steps, **named
        As for :func:`stepgrad.run`.

    Returns
    -------
    PathSum

    Raises
    ------
    InputError
        If there is no such value.

    Examples
    --------
    >>> found = why("y = x * x; f = y + 3 * x", "x", x=2.0)
    >>> [path.product for path in found.paths], found.count, found.gradient
    ([2.0, 2.0, 3.0], 3, 7.0)
    """
    trace = traced(source, inputs, output=output, number=number, filename=filename, max_steps=max_steps, **named)
    stretch = trace.last_sweep
    start, seed = stretch.recorded.output, stretch.recorded.seed
    assert start is not None
    index, element = found_element(trace, name)
    target = trace.node_in(stretch, index)
    leading = counted(stretch, target)
    ways = walked(start, target, seed, leading) if start in leading else iter(())
    listed = [
        Path(tuple(map(trace.index_of, nodes)), tuple(locals_), of_element(product, element))
        for nodes, locals_, product in islice(ways, paths)
    ]
    gradient = stretch.gradient(target, stretch.end)
    if gradient is None:
        gradient = full(shape_of(target.value), trace.number.make(0))
    return PathSum(trace.output, name, tuple(listed), leading.get(start, 0), of_element(gradient, element), seed, trace)


def found_element(trace: Trace, name: str) -> tuple[int, Shape | None]:
    """Return the node of a name, and the index of the element that it asks for; None for all.

    Raises
    ------
    InputError
        If there is no such value, or no such element.
    """
    inputs = dict(zip(trace.input_names(), trace.inputs, strict=True))  # of one with versions, what was swept
    parts = re.fullmatch(r"(.*?)((?:\[\d{1,9}\])+)", name)
    if parts is None or name in trace.named:
        return inputs[name] if name in inputs else trace.find(name), None
    index = inputs[parts[1]] if parts[1] in inputs else trace.find(parts[1])
    element = tuple(int(each) for each in re.findall(r"\d+", parts[2]))
    shape = shape_of(trace.node(index).value)
    if element not in indices(shape):
        raise InputError(f"{name!r} is no element: {parts[1]!r} has shape {show_shape(shape)}; count from 0")
    return index, element


def of_element(array: Array, element: Shape | None) -> Array:
    """Return one element of an array, or all of it."""
    return array if element is None else entry(array, element)
