"""The rules of the structural gates: each returns its result and a linear map per operand.

Every rule is ``rule(number, operands, wanted, **params)``. A gate that moves or multiplies numbers, whatever they
are, has a plan instead: ``plan(number, wanted, *shapes, **params)``. Sums run from left to right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from operator import itemgetter
from typing import Any, TypeAlias

from stepgrad.dots import WRITTEN_OUT, Numbers, written_copies, written_matmul
from stepgrad.errors import GateError
from stepgrad.gate import Plan
from stepgrad.linear import (
    Gather,
    LinearMap,
    MatmulLeft,
    MatmulRight,
    MatmulSizes,
    Weights,
    blank,
    dot_matrices,
)
from stepgrad.numeric import NumberType
from stepgrad.tensor import (
    Array,
    Number,
    Shape,
    broadcast_shape,
    broadcast_source,
    check_size,
    flat,
    index_source,
    indices,
    remembered,
    shape_of,
    shaped,
    show_shape,
    transpose_source,
    whole_axis,
)

Ruled: TypeAlias = "tuple[Array, list[LinearMap | None]]"
Wanted: TypeAlias = Sequence[bool]


# Moving elements


@remembered
def broadcast(number: NumberType, wanted: Wanted, own: Shape, *, shape: Shape) -> Plan:
    """Repeat along new axes and axes of size 1; backwards, sum over the copies."""
    source, words = copies(own, tuple(shape))
    plan, gather = moved(number, own, shape, source, words)
    if not 0 < len(source) <= WRITTEN_OUT:
        return plan
    copied, gather.sums = written_copies(prod(own), tuple(source))
    return plan._replace(compute=copied)


@remembered
def copies(own: Shape, shape: Shape) -> tuple[list[int], str]:
    """Return where each element of a broadcast comes from, and what goes back in words."""
    if min(shape, default=0) < 0 or broadcast_shape([own, shape]) != shape:
        raise GateError(
            f"shape {show_shape(own)} cannot be broadcast to {show_shape(shape)}; "
            "sizes must be equal, or 1 in the operand, counted from the last axis"
        )
    padded = (1,) * (len(shape) - len(own)) + own
    summed = [axis for axis, size in enumerate(padded) if size != shape[axis]]
    over = f" over {'axis' if len(summed) == 1 else 'axes'} {', '.join(map(str, summed))}" if own else ""
    return broadcast_source(own, shape), f"sum of {{up}}{over}"


@remembered
def reshape(number: NumberType, wanted: Wanted, own: Shape, *, shape: Shape) -> Plan:
    """Give the same numbers another shape; one size may be -1."""
    known = prod(size for size in shape if size != -1)
    if shape.count(-1) == 1 and known and prod(own) % known == 0:
        shape = tuple(prod(own) // known if size == -1 else size for size in shape)
    if prod(shape) != prod(own) or any(size < 0 for size in shape):
        raise GateError(
            f"{prod(own)} numbers of shape {show_shape(own)} do not fill shape {show_shape(shape)}; "
            "the sizes must multiply to the same number"
        )
    return permuted(number, own, shape, range(prod(own)), f"{{up}} reshaped to {show_shape(own)}")


def flatten(number: NumberType, wanted: Wanted, own: Shape) -> Plan:
    """Give the numbers one axis; a number becomes a vector of one."""
    plan: Plan = reshape(number, wanted, own, shape=(-1,))
    return plan


@remembered
def transpose(number: NumberType, wanted: Wanted, own: Shape, *, axes: Sequence[int] | None) -> Plan:
    """Permute the axes, reversing them all where none are named."""
    rank = len(own)
    order = list(range(rank))[::-1] if axes is None else [whole_axis(axis, rank) for axis in axes]
    if sorted(order) != list(range(rank)):
        raise GateError(f"axes {tuple(axes or ())} must name each of the axes 0 to {rank - 1} once")
    shape, source = transpose_source(own, order)
    return permuted(number, own, shape, source, "{up}ᵀ" if axes is None else "{up} with its axes put back")


def index(number: NumberType, wanted: Wanted, own: Shape, *, index: Sequence[Any]) -> Plan:
    """Take an entry, a row, a slice."""
    shape, source = index_source(own, index)
    plan, gather = moved(number, own, shape, source, "{up} put back in its place, 0 elsewhere")
    if len(set(source)) == len(source):
        gather.sums = putting(source, prod(own), gather.zero)
    return plan


def moved(number: NumberType, own: Shape, shape: Shape, source: Sequence[int], formula: str) -> tuple[Plan, Gather]:
    """Return what copies elements of an operand, and the map that brings their gradients back."""
    gather = Gather(own, shape, number.make(0), formula, source, number.make(1))
    pick = picking(source)
    return Plan(shape, lambda xs: (pick(xs), None), [gather]), gather


def permuted(number: NumberType, own: Shape, shape: Shape, source: Sequence[int], formula: str) -> Plan:
    """Return the same for elements that change their places only: each gradient goes back to where it came from."""
    plan, gather = moved(number, own, shape, source, formula)
    gather.sums = picking(sorted(range(len(source)), key=source.__getitem__))
    return plan


def picking(source: Sequence[int]) -> Callable[[Numbers], Numbers]:
    """Return what takes the numbers at these places out of a list."""
    if len(source) < 2:
        return lambda xs: [xs[place] for place in source]
    pick = itemgetter(*source)
    return lambda xs: list(pick(xs))


def putting(source: Sequence[int], size: int, zero: Number) -> Callable[[Numbers], Numbers]:
    """Return what puts numbers at these places of a list of zeros."""

    def put(xs: Numbers) -> Numbers:
        found = [zero] * size
        for place, x in zip(source, xs):
            found[place] = x
        return found

    return put


def stack(number: NumberType, operands: Sequence[Array], wanted: Wanted, *, axis: int) -> Ruled:
    """Put arrays of one shape side by side along a new axis."""
    shape = shape_of(operands[0])
    for operand in operands:
        if shape_of(operand) != shape:
            raise GateError(
                f"shapes {show_shape(shape)} and {show_shape(shape_of(operand))} cannot be stacked; make them equal"
            )
    place = whole_axis(axis, len(shape) + 1)
    thin = [(*shape[:place], 1, *shape[place:])] * len(operands)
    return joined(number, operands, thin, place)


def concat(number: NumberType, operands: Sequence[Array], wanted: Wanted, *, axis: int) -> Ruled:
    """Put arrays one after the other along an axis that they have."""
    shapes = [shape_of(operand) for operand in operands]
    place = whole_axis(axis, len(shapes[0]))
    for shape in shapes:
        if (
            len(shape) != len(shapes[0])
            or shape[:place] + shape[place + 1 :] != shapes[0][:place] + shapes[0][place + 1 :]
        ):
            raise GateError(
                f"shapes {show_shape(shapes[0])} and {show_shape(shape)} cannot be joined along axis {axis}; "
                "all other sizes must be equal"
            )
    return joined(number, operands, shapes, place)


def joined(number: NumberType, operands: Sequence[Array], shapes: Sequence[Shape], axis: int) -> Ruled:
    """Join operands, seen with these shapes, along an axis."""
    size = sum(shape[axis] for shape in shapes)
    result = (*shapes[0][:axis], size, *shapes[0][axis + 1 :])
    check_size(result)
    offset = {where: i for i, where in enumerate(indices(result))}
    data: list[Number] = [None] * prod(result)
    maps: list[LinearMap | None] = []
    before = 0
    for operand, shape in zip(operands, shapes, strict=True):
        target = [offset[(*i[:axis], i[axis] + before, *i[axis + 1 :])] for i in indices(shape)]
        for t, value in zip(target, flat(operand), strict=True):
            data[t] = value
        last = before + shape[axis] - 1
        places = f"entry {before}" if last == before else f"entries {before} to {last}"
        part = f"its part of {{up}}, {places} of axis {axis}"
        ones = [number.make(1)] * len(target)
        maps.append(Weights(shape_of(operand), result, number.make(0), part, target, ones))
        before += shape[axis]
    return shaped(result, data), maps


# Products


def matmul_shapes(shapes: Sequence[Shape]) -> list[Shape]:
    """Check that two shapes multiply and broadcast their leading batch axes; a vector meets a whole stack as it is."""
    a, b = shapes
    if not a or not b:
        raise GateError("`@` multiplies vectors and matrices, and one side is a number; write `*`")
    inner = a[-1], b[-2] if len(b) > 1 else b[0]
    if inner[0] != inner[1]:
        raise GateError(
            f"shapes {show_shape(a)} and {show_shape(b)} do not multiply; "
            f"the last axis of the left ({inner[0]}) must equal the first of the right ({inner[1]})"
            + ("" if len(b) < 3 else ", counting its last two")
        )
    if len(a) <= 2 and len(b) <= 2:
        return [a, b]
    batch = broadcast_shape([a[:-2], b[:-2]])
    return [a if len(a) == 1 else batch + a[-2:], b if len(b) == 1 else batch + b[-2:]]


@remembered
def matmul(number: NumberType, wanted: Wanted, a: Shape, b: Shape) -> Plan:
    """Multiply vectors, matrices and stacks of matrices as NumPy's ``@``."""
    batch = max(a[:-2], b[:-2], key=len)
    rows, columns = a[-2:-1], b[-1:] if len(b) > 1 else ()
    result = (*batch, *rows, *columns)
    words = ("{up} · {y}ᵀ", "{x}ᵀ · {up}") if result else ("{up} · {y}", "{up} · {x}")
    to_left, to_right = (
        f"sum of {text} over the stack" if len(shape) == 1 and batch else text for shape, text in zip((a, b), words)
    )
    sizes = MatmulSizes(prod(batch), prod(rows), a[-1], prod(columns), prod(a[:-2]), prod(b[:-2]))
    return multiplied(number, wanted, (a, b, result), sizes, (to_left, to_right))


@remembered
def outer(number: NumberType, wanted: Wanted, a: Shape, b: Shape) -> Plan:
    """Multiply a column by a row: every number of the one by every number of the other."""
    if len(a) != 1 or len(b) != 1:
        raise GateError(f"`outer` takes two vectors, not shapes {show_shape(a)} and {show_shape(b)}; flatten them")
    return multiplied(number, wanted, (a, b, a + b), MatmulSizes(1, *a, 1, *b, 1, 1), ("{up} · {y}", "{x} · {up}"))


def multiplied(
    number: NumberType, wanted: Wanted, shapes: tuple[Shape, Shape, Shape], sizes: MatmulSizes, words: tuple[str, str]
) -> Plan:
    """Return the plan of a product of stacks of matrices, of shapes ``a`` and ``b``: written out, where it is small."""
    a, b, result = shapes
    zero = number.make(0)
    product, pull_left, pull_right = written_matmul(*sizes[1:4]) if sizes.batch == 1 else (None, None, None)
    left = blank(MatmulLeft, a, result, zero, words[0], sizes, pull_left) if wanted[0] else None
    right = blank(MatmulRight, b, result, zero, words[1], sizes, pull_right) if wanted[1] else None
    return Plan(result, product or (lambda xs, ys: (dot_matrices(sizes, xs, ys, zero), ys, xs)), [left, right])
