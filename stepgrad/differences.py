"""Differences: a derivative from values alone, by central differences, with an honest error bound.

With ``D(h) = (f(x+h) − f(x−h)) / 2h``, two step sizes in the ratio of 8 give Richardson's value
``(64·D(h/8) − D(h)) / 63``. What it moves by is taken for the error of truncation; rounding adds the noise of f
over h. From large steps to small ones the former falls and the latter grows: the pair with the least sum counts.
Where the slopes to both sides stay apart as h shrinks, there is a kink, and no difference can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import inf, isfinite
from typing import NamedTuple

Function = Callable[[float], float]

LARGEST, SMALLEST = -6, -36  # powers of 2 of the step, relative to the scale
GOOD = 1e-9  # relative: where the bound is below, no other step is tried
LOST = 64.0  # times the best bound: where rounding alone makes a bound so much worse, no smaller step is tried
SAFETY = 4.0
EPSILON = 2.0**-52


class Quotient(NamedTuple):
    """What differences say about a derivative.

    Attributes
    ----------
    value : float
        The derivative.
    bound : float
        How far off it may be; inf where nothing can be told.
    doubt : str
        Why nothing can be told; empty where something can.
    """

    value: float
    bound: float
    doubt: str = ""

    def allows(self, derivative: float) -> bool:
        """Whether a derivative lies within the bound, or nothing can be told."""
        return bool(self.doubt) or abs(derivative - self.value) <= self.bound


class Rung(NamedTuple):
    """Both slopes at one step size, and the rounding of the values that they were found from."""

    step: float
    left: float
    right: float
    noise: float

    @property
    def middle(self) -> float:
        """The central difference."""
        return (self.left + self.right) / 2


def differentiate(function: Function, x: float, noise: float = 0.0) -> Quotient:
    """Differentiate a function at a number, by its values near it.

    Parameters
    ----------
    function : callable
    x : float
    noise : float
        By how much rounding may move a value of the function, beyond the rounding of the value itself.

    Examples
    --------
    >>> from math import exp
    >>> found = differentiate(exp, 1.0)
    >>> abs(found.value - exp(1.0)) <= found.bound < 1e-8
    True
    >>> differentiate(abs, 0.0).doubt
    'a kink: slope -1 to the left, 1 to the right'
    """
    middle = value_at(function, x)
    if not isfinite(middle) or not isfinite(x):
        return Quotient(float("nan"), inf, "the value is not finite here")
    noise = max(noise, EPSILON * abs(middle))
    best = Quotient(float("nan"), inf, "the values near it are not finite")
    tried: list[Rung] = []
    for rung in rungs(function, x, middle):
        tried.append(rung)
        if len(tried) < 2:
            continue
        found = extrapolated(tried[-2], rung, noise)
        if found.bound < best.bound:
            best = found
        if len(tried) > 2 and (best.bound <= GOOD * abs(best.value) or SAFETY * noise / rung.step > LOST * best.bound):
            break
    doubt = kink_in(tried, noise) or growth_in(tried, noise)
    return Quotient(best.value, inf, doubt) if doubt else best


def value_at(function: Function, x: float) -> float:
    """Return the value of a function; nan where it raises, as ``math.log`` does at 0."""
    try:
        return function(x)
    except (ArithmeticError, ValueError):
        return float("nan")


def rungs(function: Function, x: float, middle: float) -> Iterator[Rung]:
    """Yield both slopes, from large steps to small ones, where the values are finite."""
    scale = max(1.0, abs(x))
    smallest = SMALLEST if abs(x) >= 2.0**-12 or x == 0 else SMALLEST * 2
    for exponent in range(LARGEST, smallest, -3):
        step = scale * 2.0**exponent
        above, below = x + step, x - step
        if x in (above, below):  # the step is lost in x
            return
        right, left = value_at(function, above), value_at(function, below)
        if isfinite(right) and isfinite(left):
            size = max(abs(right), abs(left))
            yield Rung(step, (middle - left) / (x - below), (right - middle) / (above - x), EPSILON * size)


def extrapolated(coarse: Rung, fine: Rung, noise: float) -> Quotient:
    """Take Richardson's value of two steps, and bound its error."""
    squared = (coarse.step / fine.step) ** 2
    value = fine.middle + (fine.middle - coarse.middle) / (squared - 1)
    gap = abs(fine.right - fine.left)
    smooth = gap <= 16 * noise / fine.step or gap < abs(coarse.right - coarse.left) / 2
    truncation = abs(value - fine.middle) if smooth else gap
    rounding = 2 * max(noise, fine.noise) / fine.step + EPSILON * abs(value)
    return Quotient(value, SAFETY * (truncation + rounding))


def kink_in(tried: list[Rung], noise: float) -> str:
    """Say that both slopes stay apart, if they do: between smooth ones, the gap shrinks with the step."""
    gaps = [(rung, abs(rung.right - rung.left)) for rung in tried]
    clear = [(rung, gap) for rung, gap in gaps if gap > 16 * noise / rung.step]
    if len(clear) < 2:
        return ""
    (_, before), (rung, gap) = clear[-2:]
    if clear[-1][0] is not tried[-1] or gap < before / 2:
        return ""
    return f"a kink: slope {rung.left:.6g} to the left, {rung.right:.6g} to the right"


def growth_in(tried: list[Rung], noise: float) -> str:
    """Say that the slope grows without end as the step shrinks, if it does, as that of a root at 0."""
    sizes = [abs(rung.middle) for rung in tried[-4:] if abs(rung.middle) > 16 * noise / rung.step]
    grows = len(sizes) == 4 and all(after > 1.5 * before for before, after in pairwise(sizes))
    return "the slope grows without end as the step shrinks" if grows else ""
