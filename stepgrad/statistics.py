"""The rules of the gates that measure spread, and of the running total: var, std, layer_norm, cumsum.

What is measured are deviations from the mean. They are taken from the first number before they are taken
from the mean, so that equal numbers have none: the mean of three times 0.1 is not 0.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

from stepgrad.errors import GateError
from stepgrad.gate import Local, Params
from stepgrad.linear import LinearMap
from stepgrad.matrix import Ruled, Wanted
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.reductions import Group, brought_near_one, groups_of, largest_exponent, total
from stepgrad.tensor import Array, Number, flat, reduce_target, shape_of, shaped


def deviations(number: NumberType, numbers: Sequence[Number]) -> list[Number]:
    """Return by how much every number is above the mean."""
    if not numbers:
        return []
    count = number.make(len(numbers))
    shifted = [x - numbers[0] for x in numbers]
    middle = total(number, shifted) / count
    found = [d - middle for d in shifted]
    if number is FLOAT and not all(map(math.isfinite, found)):  # inf, or a difference beyond the largest float64
        mean = total(number, numbers) / count
        found = [x - mean for x in numbers]
    return found


def mean_square(number: NumberType, numbers: Sequence[Number]) -> Number:
    """Average the squares; that of nothing is nan."""
    return number.ieee["div"](total(number, [x * x for x in numbers]), number.make(len(numbers)))


def var_of(number: NumberType, numbers: list[Number]) -> tuple[Number, list[Number]]:
    """Average the squared deviations."""
    away, two, count = deviations(number, numbers), number.make(2), number.make(len(numbers))
    return mean_square(number, away), [two * (d / count) for d in away]  # 2d may be beyond float64


def std_of(number: NumberType, numbers: list[Number]) -> tuple[Number, list[Number]]:
    """Take the root of the variance; at 0 the gradient is 0.

    As for the norm, a power of 2 brings the largest deviation near 1 first, so that no square is lost.
    """
    sqrt, divide = number.require("sqrt", "std"), number.ieee["div"]
    away = deviations(number, numbers)
    exponent, near_one = brought_near_one(number, away)
    z = sqrt(mean_square(number, near_one))
    count = number.make(len(numbers))
    return number.ieee["ldexp"](z, exponent), [divide(d, count * z) if z else number.make(0) for d in near_one]


def std_note(operands: Sequence[Array], params: Params, result: Array, local: Local) -> str | None:
    """Say when equal numbers have no spread."""
    return "std of equal numbers: std′ = 0, by convention" if 0 in flat(result) else None


# Lines along an axis


class Line(NamedTuple):
    """What is normalised together: its numbers, their deviations and variance, and eps.

    Where squares would be beyond the largest float64, all is brought down by a power of 2: the exponent.
    """

    numbers: list[Number]
    away: list[Number]
    variance: Number
    eps: Number
    exponent: int


SAFE = 500  # numbers below 2**500 have squares, and sums of them, that float64 can hold


def line_of(number: NumberType, numbers: list[Number], eps: Number) -> Line:
    """Measure a line."""
    away = deviations(number, numbers)
    ldexp = number.ieee["ldexp"]
    down = max(largest_exponent(number, away) - SAFE, 0)
    near, away = ([ldexp(x, -down) for x in each] for each in (numbers, away))
    return Line(near, away, mean_square(number, away), ldexp(eps, -2 * down), down)


@dataclass(eq=False, repr=False, slots=True)
class LayerNorm(LinearMap):
    """∂layer_norm/∂x: every element of a line reaches the whole line.

    With the deviations d, their variance v and w = v + eps, the local ∂zᵢ/∂xⱼ is −(w + dᵢdⱼ)/(n·w^1.5), and
    on the diagonal ((n − 1)w − dᵢ²)/(n·w^1.5). There the difference is what the others vary by, and it is
    computed as that: nothing is lost where one element has all the spread.
    """

    lines: Sequence[Line]
    number: NumberType

    def column(self, i: int) -> list[tuple[int, Number]]:
        """Return the line of the result."""
        width = self.operand_shape[-1]
        numbers, away, variance, eps, exponent = self.lines[i // width]
        start, own = i - i % width, away[i % width]
        others = [x for o, x in enumerate(numbers, start) if o != i]
        divide, ldexp = self.number.ieee["div"], self.number.ieee["ldexp"]
        one, n = self.number.make(1), self.number.make(width)
        spread = mean_square(self.number, deviations(self.number, others)) if others else self.zero
        scale = n * (variance + eps) * self.number.ieee["sqrt"](variance + eps)
        diagonal = (n - one) * eps + (n - one) * (n - one) / n * spread
        line = [diagonal if o == i else -(eps + (variance + d * own)) for o, d in enumerate(away, start)]
        return [(o, ldexp(divide(part, scale), -exponent)) for o, part in enumerate(line, start)]


def layer_norm(number: NumberType, operands: Sequence[Array], wanted: Wanted, *, eps: Number) -> Ruled:
    """Bring every line along the last axis to mean 0 and variance 1, but for eps."""
    (x,) = operands
    shape, data = shape_of(x), flat(x)
    sqrt, divide = number.require("sqrt", "layer_norm"), number.ieee["div"]
    if not shape:
        raise GateError("layer_norm compares the entries of a vector, and this is a number; give it a vector")
    starts = range(0, len(data), shape[-1] or 1)
    lines = [line_of(number, data[start : start + shape[-1]], number.make(eps)) for start in starts]
    result = [divide(d, root) for line in lines for root in [sqrt(line.variance + line.eps)] for d in line.away]
    formula = "({up} − its mean − {z} ⊙ the mean of {up} ⊙ {z}) / the spread, along the last axis"
    return shaped(shape, result), [LayerNorm(shape, shape, number.make(0), formula, lines, number)]


@dataclass(eq=False, repr=False, slots=True)
class RunningTotals(LinearMap):
    """∂cumsum/∂x: every element reaches the totals from its own on.

    They are added up from the last to the first, so that one run back along a line gives every sum.
    """

    lines: Sequence[Group]
    line_with: Sequence[Group]
    one: Number

    def column(self, i: int) -> list[tuple[int, Number]]:
        """Return the totals that the element enters, the last one first."""
        line = self.line_with[i]
        return [(o, self.one) for o in reversed(line[line.index(i) :])]

    def zero_meets_inf(self, upstream: Array) -> bool:
        """Never: every local is 1."""
        return False

    def pull(self, upstream: Array) -> Array:
        """Return the running total of the upstream, from the end."""
        up: list[Number] = flat(upstream)
        found: list[Any] = [None] * len(up)
        for line in self.lines:
            back = line[::-1]
            for i, added in zip(back, accumulate(up[o] for o in back), strict=True):
                found[i] = added
        return shaped(self.operand_shape, found)

    def push(self, tangent: Array) -> Array:
        """Return the running total of the tangent."""
        return shaped(self.result_shape, running_totals(flat(tangent), self.lines))


def running_totals(data: Sequence[Number], lines: Sequence[Group]) -> list[Number]:
    """Run up a total along every line."""
    found: list[Number] = list(data)
    for line in lines:
        for i, added in zip(line, accumulate(data[i] for i in line), strict=True):
            found[i] = added
    return found


def cumsum(number: NumberType, operands: Sequence[Array], wanted: Wanted, *, axis: int) -> Ruled:
    """Run up a total along an axis."""
    (x,) = operands
    shape, data = shape_of(x), flat(x)
    reduced, target = reduce_target(shape, axis, keepdims=False)
    lines = groups_of(target, math.prod(reduced))
    result = running_totals(data, lines)
    formula = "the total of {up} from each element on" + ("" if len(shape) == 1 else f", along axis {axis}")
    local = RunningTotals(shape, shape, number.make(0), formula, lines, [lines[t] for t in target], number.make(1))
    return shaped(shape, result), [local]
