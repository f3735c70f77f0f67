"""The rules of the structural gates that reduce: sum, mean, max, norm, softmax and their kin.

An operand's elements fall into groups, one per element of the result; sums run from left to
right through a group, the first element assigned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import TypeAlias

from stepgrad.errors import GateError
from stepgrad.gate import Local, Params, Plan
from stepgrad.linear import LinearMap, Softmax, Weights, blank
from stepgrad.numeric import NumberType
from stepgrad.tensor import Array, Number, Shape, flat, reduce_target, remembered, shape_of, shaped, show_shape

Ruled: TypeAlias = "tuple[Array, list[LinearMap | None]]"
Wanted: TypeAlias = Sequence[bool]
Group: TypeAlias = list[int]  # the operand's elements that one element of the result is made of


def groups_of(target: Sequence[int], count: int) -> list[Group]:
    """Gather the operand's elements by the element of the result that they go to."""
    groups: list[Group] = [[] for _ in range(count)]
    for i, t in enumerate(target):
        groups[t].append(i)
    return groups


@remembered
def reduction_plan(shape: Shape, axis: int | None, keepdims: bool) -> tuple[Shape, list[int], list[Group]]:
    """Return the result's shape, where each element goes, and the groups."""
    result, target = reduce_target(shape, axis, keepdims)
    return result, target, groups_of(target, math.prod(result))


def reduction(
    each: Callable[[NumberType, list[Number]], tuple[Number, list[Number]]], formula: str
) -> Callable[..., Plan]:
    """Make the plan of a gate from a function that reduces one group to its result and its locals.

    ``formula`` says the product in words, ``{over}`` being the axis.
    """

    @remembered
    def plan(number: NumberType, wanted: Wanted, own: Shape, *, axis: int | None, keepdims: bool) -> Plan:
        shape, target, groups = reduction_plan(own, axis, keepdims)
        zero, over = number.make(0), "" if axis is None else f" along axis {axis}"

        def whole(xs: list[Number]) -> tuple[list[Number], list[Number]]:
            result, locals_ = each(number, xs)
            return [result], locals_

        def compute(xs: list[Number]) -> tuple[list[Number], list[Number]]:
            results, weights = [], [zero] * len(xs)
            for group in groups:
                result, locals_ = each(number, [xs[i] for i in group])
                results.append(result)
                for i, local in zip(group, locals_, strict=True):
                    weights[i] = local
            return results, weights

        weights = blank(Weights, own, shape, zero, formula.replace("{over}", over), target)
        return Plan(shape, whole if len(groups) == 1 else compute, [weights])

    return plan


def total(number: NumberType, numbers: Sequence[Number]) -> Number:
    """Add from left to right; nothing adds up to 0."""
    return reduce(add, numbers) if numbers else number.make(0)


def sum_of(number: NumberType, numbers: list[Number]) -> tuple[Number, list[Number]]:
    """Add up; every element gets the upstream."""
    return total(number, numbers), [number.make(1)] * len(numbers)


def mean_of(number: NumberType, numbers: list[Number]) -> tuple[Number, list[Number]]:
    """Average; every element gets an equal share. The mean of nothing is nan."""
    divide, count = number.ieee["div"], number.make(len(numbers))
    return divide(total(number, numbers), count), [divide(number.make(1), count)] * len(numbers) if numbers else []


def extreme_of(
    name: str, beats: Callable[[Number, Number], bool]
) -> Callable[[NumberType, list[Number]], tuple[Number, list[Number]]]:
    """Make max or min: the winner gets the upstream, and ties share it equally."""

    def extreme(number: NumberType, numbers: list[Number]) -> tuple[Number, list[Number]]:
        if not numbers:
            raise GateError(f"`{name}` of nothing has no value; give it at least one number")
        best = reduce(lambda z, x: x if beats(x, z) or x != x else z, numbers)
        wins = [x == best or (x != x and best != best) for x in numbers]
        share = number.make(1) / number.make(wins.count(True))
        return best, [share if won else number.make(0) for won in wins]

    return extreme


def norm_of(number: NumberType, numbers: list[Number]) -> tuple[Number, list[Number]]:
    """Take the Euclidean length; the gradient points along the vector, and at 0 it is 0.

    As in ``math.hypot``, no square is lost or infinite: a power of 2, which costs no digit, brings
    the largest number near 1 first.
    """
    sqrt, divide = number.require("sqrt", "norm"), number.ieee["div"]
    exponent, near_one = brought_near_one(number, numbers)
    z = sqrt(total(number, [x * x for x in near_one]))
    return number.ieee["ldexp"](z, exponent), [divide(x, z) if z else number.make(0) for x in near_one]


def largest_exponent(number: NumberType, numbers: Sequence[Number]) -> int:
    """Return the exponent of 2 of the largest number; 0 where numbers can be of any size."""
    exponent: int = number.ieee["exponent"](max((abs(float(x)) for x in numbers), default=0.0))
    return exponent


def brought_near_one(number: NumberType, numbers: Sequence[Number]) -> tuple[int, list[Number]]:
    """Divide by the power of 2 that brings the largest number near 1, and return its exponent, too."""
    exponent, ldexp = largest_exponent(number, numbers), number.ieee["ldexp"]
    return exponent, [ldexp(x, -exponent) for x in numbers]


def logsumexp_of(number: NumberType, numbers: list[Number]) -> tuple[Number, list[Number]]:
    """Take log Σ exp, shifted by the largest; the gradient is the softmax."""
    exp, log = number.require("exp", "logsumexp"), number.require("log", "logsumexp")
    largest = max(numbers, default=-math.inf)
    if math.isfinite(largest):
        powers, whole, logarithm = shifted_powers(number, numbers, largest)
        return largest + logarithm, [power / whole for power in powers]
    z = log(total(number, [exp(x) for x in numbers]))
    return z, [exp(x - z) for x in numbers]


def softmax_of(number: NumberType, numbers: list[Number]) -> tuple[list[Number], list[Number]]:
    """Return the softmax of a line, and its logarithm, both shifted by the largest."""
    number.require("exp", "softmax")
    if not numbers:
        return [], []
    largest = max(numbers)
    powers, whole, logarithm = shifted_powers(number, numbers, largest)
    return [power / whole for power in powers], [x - largest - logarithm for x in numbers]


def shifted_powers(number: NumberType, numbers: list[Number], largest: Number) -> tuple[list[Number], Number, Number]:
    """Return every exp(x − largest), their sum, and its logarithm.

    The largest number's power is 1, so the logarithm is log1p of the others' sum, which keeps the
    digits of a sum that is nearly 1.
    """
    exp, log = number.ieee["exp"], number.ieee["log"]
    powers = [exp(x - largest) for x in numbers]
    whole = total(number, powers)
    if not math.isfinite(largest):
        return powers, whole, log(whole)
    place = numbers.index(largest)
    return powers, whole, number.ieee["log1p"](total(number, powers[:place] + powers[place + 1 :]))


def softmax_rule(is_log: bool) -> Callable[..., Ruled]:
    """Make the rule of softmax, or of its logarithm, along an axis."""
    formula = "{up} − softmax({x}) × the sum of {up}{over}" if is_log else "{z} ⊙ ({up} − the sum of {up} ⊙ {z}{over})"

    def rule(number: NumberType, operands: Sequence[Array], wanted: Wanted, *, axis: int) -> Ruled:
        (x,) = operands
        shape, data = shape_of(x), flat(x)
        if not shape:
            raise GateError("softmax compares the entries of a vector, and this is a number; use sigmoid")
        reduced, target = reduce_target(shape, axis, keepdims=False)
        lines = groups_of(target, math.prod(reduced))
        y, logs = list(data), list(data)
        for line in lines:
            for i, probability, log in zip(line, *softmax_of(number, [data[i] for i in line]), strict=True):
                y[i], logs[i] = probability, log
        over = "" if len(shape) == 1 else f" along axis {axis}"
        local = Softmax(
            shape, shape, number.make(0), formula.replace("{over}", over), lines, [lines[t] for t in target], y, is_log
        )
        return shaped(shape, logs if is_log else y), [local]

    return rule


def cross_entropy(number: NumberType, operands: Sequence[Array], wanted: Wanted) -> Ruled:
    """Take −log softmax at the label, averaged over the batch; labels are whole numbers."""
    scores, labels = operands
    shape = shape_of(scores)
    classes, label_list = check_labels(shape, labels, "cross_entropy")
    data, count = flat(scores), number.make(len(label_list))
    losses, weights = [], []
    for n, label in enumerate(label_list):
        y, logs = softmax_of(number, data[n * classes : (n + 1) * classes])
        losses.append(number.make(0) - logs[label])  # no loss is 0, not -0
        # y − 1 at the label, as minus the sum of the others: nothing is lost where y is nearly 1.
        others = -total(number, y[:label] + y[label + 1 :])
        weights += [(others if c == label else y[c]) / count for c in range(classes)]
    each = "" if len(shape) == 1 else f" / {len(label_list)}"
    local = Weights(
        shape, (), number.make(0), f"{{up}} · (softmax({{x}}) − 1 at the label){each}", [0] * len(data), weights
    )
    return total(number, losses) / count, [local, None]


def check_labels(shape: Shape, labels: Array, gate: str) -> tuple[int, list[int]]:
    """Return the number of classes and the labels, or say why they do not fit the scores."""
    if len(shape) not in (1, 2) or 0 in shape:
        raise GateError(f"`{gate}` takes scores of shape (C,) or (N, C), not {show_shape(shape)}; reshape them")
    wanted = shape[:-1]
    if shape_of(labels) != wanted:
        raise GateError(
            f"scores of shape {show_shape(shape)} need labels of shape {show_shape(wanted)}, "
            f"not {show_shape(shape_of(labels))}; give one whole number per row of scores"
        )
    found = []
    for label in flat(labels):
        if label not in range(shape[-1]):
            raise GateError(f"label {label} is none of the {shape[-1]} classes; use 0 to {shape[-1] - 1}")
        found.append(int(label))
    return shape[-1], found


def tie_note(operands: Sequence[Array], params: Params, result: Array, local: Local) -> str | None:
    """Say when several elements share a maximum, or nan is it."""
    if any(z != z for z in flat(result)):
        return "nan: it wins, and gets the upstream, by convention"
    shared = isinstance(local, Weights) and any(0 < weight < 1 for weight in local.weights)
    return "tie: tied elements share the upstream equally, by convention" if shared else None


def norm_note(operands: Sequence[Array], params: Params, result: Array, local: Local) -> str | None:
    """Say when the norm is taken at 0."""
    return "norm at 0: norm′(0) = 0, by convention" if 0 in flat(result) else None
