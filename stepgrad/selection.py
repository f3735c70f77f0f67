"""The rules of the gates that choose, element by element: where and clip.

A choice sends the upstream to the operand that was chosen, and 0 to the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from stepgrad.gate import Local, Params, for_some
from stepgrad.linear import LinearMap, Weights
from stepgrad.matrix import Ruled, Wanted
from stepgrad.numeric import NumberType
from stepgrad.tensor import Array, Number, Shape, Tensor, broadcast_shape, flat, shaped


def alike(shapes: Sequence[Shape]) -> list[Shape]:
    """Broadcast all operands to their common shape."""
    return [broadcast_shape(shapes)] * len(shapes)


def columns_of(operands: Sequence[Array]) -> tuple[Shape, list[list[Number]]]:
    """Return the operands' common shape and their numbers; a literal number is repeated."""
    shape = next((o.shape for o in operands if isinstance(o, Tensor)), ())
    return shape, [flat(o) if isinstance(o, Tensor) else [o] * prod(shape) for o in operands]


def routed(number: NumberType, shape: Shape, formula: str, chosen: Sequence[bool]) -> LinearMap:
    """Make the map of an operand that is handed on where it was chosen."""
    closed, one = number.closed, number.make(1)
    weights = [one if each else closed for each in chosen]
    return Weights(shape, shape, number.make(0), formula, range(len(chosen)), weights)


def where(number: NumberType, operands: Sequence[Array], wanted: Wanted) -> Ruled:
    """Take the second operand where the first is not 0, the third elsewhere; the condition gets no gradient."""
    shape, (conditions, xs, ys) = columns_of(operands)
    holds = [condition != 0 for condition in conditions]
    result = [x if held else y for held, x, y in zip(holds, xs, ys, strict=True)]
    to_x = routed(number, shape, "{up} where {x} holds, 0 elsewhere", holds)
    to_y = routed(number, shape, "{up} where {x} does not hold, 0 elsewhere", [not held for held in holds])
    return shaped(shape, result), [None, to_x, to_y]


def clip(number: NumberType, operands: Sequence[Array], wanted: Wanted) -> Ruled:
    """Keep numbers between two borders: the upstream goes to the number, or to the border that it was brought to."""
    shape, columns = columns_of(operands)
    taken = list(zip(*columns, strict=True))
    result = [clipped(*each) for each in taken]
    to_x = routed(number, shape, "{up} where {x} is between the borders", [low <= x <= high for x, low, high in taken])
    to_low = routed(number, shape, "{up} where {x} is below", [x < low < high for x, low, high in taken])
    to_high = routed(number, shape, "{up} where {x} is above", [x > high or high < low for x, low, high in taken])
    return shaped(shape, result), [to_x, to_low, to_high]


def clipped(x: Number, low: Number, high: Number) -> Number:
    """Bring a number between two borders; nan stays nan, and borders that cross give the upper one."""
    for each in (x, low, high):
        if each != each:
            return each
    return high if high < low or x > high else low if x < low else x


def clip_note(operands: Sequence[Array], params: Params, result: Array, local: Local) -> str | None:
    """Say how many numbers lie on a border, or have none to lie between."""
    _, columns = columns_of(operands)
    taken = list(zip(*columns, strict=True))
    on_border = sum(1 for x, low, high in taken if low <= x <= high and x in (low, high))
    if on_border:
        return for_some("clip on a border: the operand gets the upstream, by convention", on_border, len(taken))
    for words, holds in OTHER_EDGES:
        count = sum(1 for each in taken if holds(*each))
        if count:
            return for_some(words, count, len(taken))
    return None


OTHER_EDGES: tuple[tuple[str, Callable[[Number, Number, Number], bool]], ...] = (
    ("clip at nan: nobody gets the upstream, by convention", lambda *taken: any(each != each for each in taken)),
    ("clip with crossed borders: the upper one gets the upstream", lambda x, low, high: high < low),
    ("clip with equal borders: the lower one gets nothing, by convention", lambda x, low, high: x < low == high),
)
