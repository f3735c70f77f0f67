"""What is missing: transposes, sums over a batch or over copies, and the numbers by which means are divided."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

from stepgrad.linear import MatmulLeft, MatmulRight
from stepgrad.mistakes import Mistake, scaled
from stepgrad.numeric import FLOAT
from stepgrad.reductions import total
from stepgrad.sweeps import Edge, Wrong
from stepgrad.tape import Node
from stepgrad.tensor import Array, Tensor, flat, shape_of, shaped, transpose_source

# Transposes


def of_transposes(edge: Edge) -> Iterator[Mistake]:
    """Yield what comes out where a transpose is missing, or one too many is there."""
    local: Any = edge.local
    if edge.gate.name == "transpose":
        yield Mistake("the upstream was not transposed", Wrong(lambda up: up))
        yield Mistake("the upstream was reshaped, not transposed", Wrong(lambda up: shaped(edge.shape, flat(up))))
    if isinstance(local, (MatmulLeft, MatmulRight)):
        s = local.sizes
        other = "second" if isinstance(local, MatmulLeft) else "first"
        if (s.batch, s.lefts, s.rights) == (1, 1, 1) and s.k == (s.m if isinstance(local, MatmulLeft) else s.n):
            yield Mistake(f"the {other} operand was not transposed", Wrong(untransposed(edge, local)))
        if len(edge.shape) > 1:
            yield Mistake("the product came out transposed", Wrong(lambda up: turned(up * local)))
    if edge.gate.name == "conv2d" and edge.slot == 0:
        stood = edge.gate.apply(FLOAT, [edge.operands[0], flipped(edge.operands[1])], [True, False], edge.params)
        yield Mistake("the kernels were flipped where they should not be, or the other way round", stood[1][0])
    if edge.gate.name == "conv2d" and edge.slot == 1:
        yield Mistake("the kernels' gradient came out flipped", Wrong(lambda up: flipped(up * local)))


def untransposed(edge: Edge, local: MatmulLeft | MatmulRight) -> Callable[[Array], Array]:
    """Make the pull up · B, instead of up · Bᵀ, or A · up, instead of Aᵀ · up."""
    s = local.sizes

    def pull(upstream: Array) -> Array:
        up = flat(upstream)
        rows = [up[i * s.m : (i + 1) * s.m] for i in range(s.n)]
        if isinstance(local, MatmulLeft):
            found = rows_product(rows, [s.right_row(local.other, 0, j) for j in range(s.k)])
        else:
            found = rows_product([s.left_row(local.other, 0, i) for i in range(s.n)], rows)
        return shaped(edge.shape, found)

    return pull


def turned(array: Array) -> Array:
    """Transpose a matrix, or the matrices of a stack."""
    rank = len(shape_of(array))
    if rank < 2:
        return array
    shape, source = transpose_source(shape_of(array), (*range(rank - 2), rank - 1, rank - 2))
    return Tensor(shape, [flat(array)[i] for i in source])


def flipped(array: Array) -> Array:
    """Turn the kernels of a convolution upside down and left to right."""
    window = prod(shape_of(array)[-2:])
    data = flat(array)
    return Tensor(
        shape_of(array), [x for i in range(0, len(data), window or 1) for x in reversed(data[i : i + window])]
    )


def rows_product(left: list[list[Any]], right: list[list[Any]]) -> list[Any]:
    """Multiply two matrices given as rows; row-major."""
    columns = list(zip(*right, strict=True))
    return [total(FLOAT, [x * y for x, y in zip(row, column, strict=True)]) for row in left for column in columns]


# Sums that are missing


def of_sums(edge: Edge) -> Iterator[Mistake]:
    """Yield what comes out where the sum over the batch, or over a broadcast axis, is missing."""
    local: Any = edge.local
    if edge.gate.name == "broadcast":
        yield Mistake("there is no sum over the copies", Wrong(lambda up: up))
        copies = copies_of(edge)
        yield Mistake("only the last copy counts", picked(edge, [each[-1] for each in copies]))
        yield Mistake("only the first copy counts", picked(edge, [each[0] for each in copies]))
        if len(edge.shape) == 1 and len(shape_of(edge.value)) == 2:
            yield Mistake("the sum was taken over the other axis", Wrong(summed_across))
    if edge.gate.name in ("sum", "mean") and len(set(edge.shape)) == 1 and len(edge.shape) == 2:
        yield Mistake("the upstream was spread along the other axis", Wrong(lambda up: turned(up * local)))
    count = batch_of(edge)
    if count > 1:
        yield Mistake("only the last sample of the batch counts", Wrong(lambda up: only(up, count - 1, count) * local))
        yield Mistake("only the first sample of the batch counts", Wrong(lambda up: only(up, 0, count) * local))


def picked(edge: Edge, where: list[int]) -> Wrong:
    """Return a local that takes one element of the upstream for each of the operand."""
    return Wrong(lambda up: shaped(edge.shape, at(up, where)))


def summed_across(array: Array) -> Array:
    """Add up every row of a matrix."""
    rows, width = shape_of(array)
    return Tensor((rows,), [total(FLOAT, flat(array)[i * width : (i + 1) * width]) for i in range(rows)])


def copies_of(edge: Edge) -> list[list[int]]:
    """List, for every element of a broadcast operand, where its copies are."""
    local: Any = edge.local
    found: list[list[int]] = [[] for _ in range(prod(edge.shape))]
    for o, s in enumerate(local.source):
        found[s].append(o)
    return found


def at(array: Array, where: list[int]) -> list[Any]:
    """Pick numbers by their places."""
    data = flat(array)
    return [data[i] for i in where]


def batch_of(edge: Edge) -> int:
    """Return over how many samples an edge sums: rows of a product into its right side, images of a convolution."""
    local: Any = edge.local
    if edge.gate.name == "conv2d":
        images = shape_of(edge.operands[0])
        return images[0] if len(images) == 4 and edge.slot == 1 else 1
    if isinstance(local, MatmulRight):
        return local.sizes.batch // local.sizes.rights * local.sizes.n
    return local.sizes.batch // local.sizes.lefts if isinstance(local, MatmulLeft) else 1


def only(array: Array, part: int, count: int) -> Any:
    """Keep one of ``count`` parts of the first axis; the rest becomes 0."""
    if not isinstance(array, Tensor):
        return array
    size = len(array.data) // count
    return Tensor(array.shape, [x if i // size == part else 0.0 for i, x in enumerate(array.data)])


def of_means(edge: Edge) -> Iterator[Mistake]:
    """Yield the local multiplied by how many numbers were averaged."""
    for count in averaged(edge):
        yield Mistake(f"it was not divided by {count}", scaled(edge, float(count)))


def of_shares(edge: Edge) -> Iterator[Mistake]:
    """Yield the local divided by how many numbers were added up."""
    for count in added_up(edge):
        yield Mistake(f"it was divided by {count}", scaled(edge, 1.0 / count))


def averaged(edge: Edge) -> list[int]:
    """List by what a gate divides that averages: all numbers, or the rows or columns alone."""
    if edge.gate.name == "avg_pool2d":
        window = edge.params["size"]
        return counts(window * window if isinstance(window, int) else prod(window))
    if edge.gate.name in ("cross_entropy", "svm_loss"):
        return counts(prod(edge.shape[:-1]))
    if edge.gate.name == "div" and edge.slot == 0 and not isinstance(edge.node.operands[1], Node):
        divisor: Any = edge.operands[1]
        return counts(int(divisor)) if not shape_of(divisor) and divisor > 2 and divisor == int(divisor) else []
    if edge.gate.name in ("mean", "mse", "var"):
        return counts(prod(edge.shape) // max(1, prod(shape_of(edge.value))), *edge.shape)
    return []


def added_up(edge: Edge) -> list[int]:
    """List over how many numbers a gate sums, forwards or backwards."""
    if edge.gate.name == "sum":
        return counts(prod(edge.shape) // max(1, prod(shape_of(edge.value))), *edge.shape)
    if edge.gate.name in ("mean", "mse", "cross_entropy", "svm_loss"):
        return counts(*edge.shape, prod(edge.shape))
    if edge.gate.name == "broadcast":
        return counts(prod(shape_of(edge.value)) // max(1, prod(edge.shape)))
    if isinstance(edge.local, (MatmulLeft, MatmulRight)) or edge.gate.name == "conv2d":
        return counts(batch_of(edge))
    return []


def counts(*numbers: int) -> list[int]:
    """List those above 1, each once."""
    return [each for each in dict.fromkeys(numbers) if each > 1]
