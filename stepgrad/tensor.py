"""Tensors: a shape and row-major numbers; a scalar is a plain number, never a tensor.

The one idea: every change of shape (broadcast, transpose, indexing, reduction) is a list of
positions, computed here once and used both ways: forwards to move the values, backwards to move
the gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from itertools import product
from math import prod
from operator import index as as_int
from typing import Any, TypeAlias

from stepgrad.dots import sums
from stepgrad.errors import GateError
from stepgrad.limits import LIMITS
from stepgrad.longhand import longhand

Number: TypeAlias = Any  # float, Fraction: whatever the number type in use makes
Shape: TypeAlias = tuple[int, ...]


class Tensor:
    """An n-dimensional array, n ≥ 1; never changed once made.

    Attributes
    ----------
    shape : tuple of int
        The sizes of the axes, outermost first.
    data : list
        The numbers, row-major: the last axis varies fastest.
    """

    __slots__ = ("data", "shape")

    def __init__(self, shape: Shape, data: list[Number]) -> None:
        self.shape = shape
        self.data = data

    def __add__(self, other: Tensor) -> Tensor:
        """Add a gradient of the same shape, as where gradients meet."""
        return tensor(self.shape, sums(len(self.data))(self.data, other.data))

    def __eq__(self, other: object) -> bool:
        """Equal shapes and equal numbers, nan being equal to nan."""
        if not isinstance(other, Tensor):
            return NotImplemented
        return self.shape == other.shape and all(map(same_number, self.data, other.data))

    def __hash__(self) -> int:
        return hash(self.shape)

    def __repr__(self) -> str:
        with longhand():
            return f"Tensor({nested(self)!r})"


def tensor(shape: Shape, data: list[Number]) -> Tensor:
    """Make a tensor without looking for its ``__init__``: in half the time, where that counts."""
    made = object.__new__(Tensor)
    made.shape, made.data = shape, data
    return made


Array: TypeAlias = "Number | Tensor"


def same_number(x: Number, y: Number) -> bool:
    """Compare as traces do: nan is equal to nan."""
    return bool(x == y or (x != x and y != y))


def shape_of(array: Array) -> Shape:
    """Return the shape; that of a number is ``()``."""
    return array.shape if isinstance(array, Tensor) else ()


def flat(array: Array) -> list[Number]:
    """Return the numbers, row-major; a number is a list of one."""
    return array.data if isinstance(array, Tensor) else [array]


def shaped(shape: Shape, data: list[Number]) -> Array:
    """Make a tensor, or the number itself where the shape is ``()``."""
    return tensor(shape, data) if shape else data[0]


def full(shape: Shape, number: Number) -> Array:
    """Return an array filled with one number."""
    return Tensor(shape, [number] * prod(shape)) if shape else number


def nested(array: Array) -> Any:
    """Return nested lists, the form in which programs write tensors.

    >>> nested(Tensor((2, 2), [1, 2, 3, 4]))
    [[1, 2], [3, 4]]
    """
    if not isinstance(array, Tensor):
        return array
    return fold_rows(array.shape, array.data)


def fold_rows(shape: Shape, leaves: Sequence[Any]) -> Any:
    """Fold row-major leaves, numbers or texts, into nested lists of this shape."""
    level: list[Any] = list(leaves)
    for size, count in zip(reversed(shape[1:]), reversed([prod(shape[:i]) for i in range(1, len(shape))])):
        level = [level[i * size : (i + 1) * size] for i in range(count)]
    return level


def from_nested(value: Any, make: Callable[[Any], Number]) -> Array:
    """Read nested lists of numbers, every number through ``make``.

    Raises
    ------
    GateError
        If rows differ in length or depth.
    """
    if not isinstance(value, (list, tuple)):
        return make(value)
    shape: list[int] = []
    level: list[Any] = [value]
    while level and all(isinstance(item, (list, tuple)) for item in level):
        sizes = [len(item) for item in level]
        if any(size != sizes[0] for size in sizes):
            raise GateError(f"rows have {min(sizes)} and {max(sizes)} entries; give all rows the same length")
        shape.append(sizes[0])
        level = [entry for item in level for entry in item]
    if any(isinstance(item, (list, tuple)) for item in level):
        raise GateError("some entries are numbers and some are lists; give all rows the same depth")
    return Tensor(tuple(shape), [make(item) for item in level])


def show_shape(shape: Shape) -> str:
    """Spell a shape for an error or a title: ``(2, 3)``, or ``a number``."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})" if shape else "a number"


def check_size(shape: Shape) -> None:
    """Refuse a tensor that would not fit into memory as a list of numbers."""
    if prod(shape) > LIMITS.elements:
        limit = f"keep it under {LIMITS.elements:,}, or raise --max-elements"
        raise GateError(f"a tensor of shape {show_shape(shape)} has {prod(shape):,} numbers; {limit}")


REMEMBERED, SMALL = 500, 2_000  # how many results of a function of shapes, and for shapes of how many elements


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Remember what a function of shapes returns, which nobody changes, unless the shapes are large.

    What it is given by name has one order.
    """
    known: dict[Any, Any] = {}

    @wraps(function)
    def call(*shapes: Any, **named: Any) -> Any:
        key = (*shapes, *named.values()) if named else shapes
        try:
            found = known.get(key)
        except TypeError:  # a list has no hash
            return function(*shapes, **named)
        if found is None:
            found = function(*shapes, **named)
            small = all(prod(each) <= SMALL for each in key if isinstance(each, tuple))
            if small and len(known) < REMEMBERED:
                known[key] = found
        return found

    return call


def strides_of(shape: Shape) -> Shape:
    """Return how far apart neighbours along each axis lie in row-major data."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def positions(shape: Shape, strides: Shape, start: int = 0) -> list[int]:
    """List where each element, row-major over ``shape``, is found with these strides."""
    check_size(shape)
    level = [start]
    for size, stride in zip(shape, strides, strict=True):
        level = [base + step * stride for base in level for step in range(size)]
    return level


def broadcast_shape(shapes: Sequence[Shape]) -> Shape:
    """Return the shape in which NumPy would combine these.

    >>> broadcast_shape([(3, 1), (4,), ()])
    (3, 4)
    """
    found: Shape = combined(*shapes)
    return found


@remembered
def combined(*shapes: Shape) -> Shape:
    """Return the shape of these, broadcast together."""
    rank = max(map(len, shapes))
    sizes = []
    for axis in range(-rank, 0):
        wanted = {shape[axis]: None for shape in shapes if -axis <= len(shape) and shape[axis] != 1}
        if len(wanted) > 1:
            spelled = " and ".join(show_shape(shape) for shape in shapes)
            raise GateError(
                f"shapes {spelled} do not fit together; sizes must be equal, or 1, counted from the last axis"
            )
        sizes.append(next(iter(wanted), 1))
    return tuple(sizes)


def broadcast_source(shape: Shape, target: Shape) -> list[int]:
    """For every element of ``target``, list where it comes from in ``shape``."""
    padded = (1,) * (len(target) - len(shape)) + shape
    strides = strides_of(padded)
    return positions(target, tuple(s if size != 1 else 0 for s, size in zip(strides, padded)))


def transpose_source(shape: Shape, axes: Sequence[int]) -> tuple[Shape, list[int]]:
    """Return the shape with its axes permuted, and where each of its elements comes from."""
    strides = strides_of(shape)
    permuted = tuple(shape[axis] for axis in axes)
    return permuted, positions(permuted, tuple(strides[axis] for axis in axes))


def whole_axis(axis: int, rank: int) -> int:
    """Return an axis counted from the front, or say that there is none such."""
    if not -rank <= axis < rank:
        have = f"axes 0 to {rank - 1}" if rank else "no axes: it is a number"
        raise GateError(f"there is no axis {axis}; the operand has {have}")
    return axis % rank


def reduce_target(shape: Shape, axis: int | None, keepdims: bool) -> tuple[Shape, list[int]]:
    """For a reduction, return the result's shape and the element each operand goes to."""
    reduced = range(len(shape)) if axis is None else (whole_axis(axis, len(shape)),)
    kept = tuple(1 if i in reduced else size for i, size in enumerate(shape))
    strides = strides_of(kept)
    target = positions(shape, tuple(0 if i in reduced else s for i, s in enumerate(strides)))
    result = kept if keepdims else tuple(size for i, size in enumerate(shape) if i not in reduced)
    return result, target


def index_source(shape: Shape, index: Sequence[Any]) -> tuple[Shape, list[int]]:
    """Index as NumPy does, by ints, slices, ``None``, ``...``, and ranges or tuples of ints side by side.

    Returns
    -------
    shape, source
        The result's shape and, for each of its elements, its place in the operand.
    """
    index = [checked_item(item) for item in index]
    if index.count(...) > 1:
        raise GateError("an index has at most one `...`")
    used = sum(1 for item in index if item is not None and item is not ...)
    if not shape:
        raise GateError("a number has no entries; index a vector or a matrix")
    if used > len(shape):
        raise GateError(f"{used} indices are too many for shape {show_shape(shape)}; give at most {len(shape)}")
    gap = index.index(...) if ... in index else len(index)
    index[gap : gap + 1] = [slice(None)] * (len(shape) - used)
    start, sizes, steps = 0, [], []
    axes = iter(zip(shape, strides_of(shape), strict=True))
    lists: list[list[int]] = []  # where the entries of each list of ints begin
    place = 0  # of their axis in the result
    for item in index:
        if item is None:
            sizes.append(1)
            steps.append(0)
            continue
        size, stride = next(axes)
        if isinstance(item, slice):
            chosen = range(size)[item]
            start += chosen.start * stride if chosen else 0
            sizes.append(len(chosen))
            steps.append(chosen.step * stride)
        elif isinstance(item, (range, tuple)):
            if lists and place != len(sizes):
                raise GateError("lists of an index must stand side by side; move the axes first, with `transpose`")
            place = len(sizes)
            lists.append([within(each, size) * stride for each in item])
        else:
            start += within(item, size) * stride
    if not lists:
        return tuple(sizes), positions(tuple(sizes), tuple(steps), start)
    if len({len(each) for each in lists}) > 1:
        counts = " and ".join(str(len(each)) for each in lists)
        raise GateError(f"lists of an index have {counts} entries; give all the same number")
    picked = [start + sum(each) for each in zip(*lists)]
    before = positions(tuple(sizes[:place]), tuple(steps[:place]))
    after = positions(tuple(sizes[place:]), tuple(steps[place:]))
    result = (*sizes[:place], len(picked), *sizes[place:])
    check_size(result)
    return result, [first + middle + last for first in before for middle in picked for last in after]


def within(item: int, size: int) -> int:
    """Return an index counted from the front, or say that there is no such entry."""
    if not -size <= item < size:
        has = f"{size} entries, so use 0 to {size - 1}" if size else "no entries"
        raise GateError(f"index {item} is out of range; this axis has {has}")
    return item % size


def checked_item(item: Any) -> Any:
    """Return one part of an index, its numbers as ints, or say what it may be."""
    if item is None or item is ...:
        return item
    if isinstance(item, (range, tuple)):
        return item
    try:
        if not isinstance(item, slice):
            return as_int(item)
        parts = [part if part is None else as_int(part) for part in (item.start, item.stop, item.step)]
    except TypeError:
        raise GateError("an index is a whole number, a slice, None or `...`") from None
    if parts[2] == 0:
        raise GateError("a slice has a step of 1 or more, or of -1 or less, not 0")
    return slice(*parts)


def entry(array: Array, index: Shape) -> Number:
    """Return the number at an index."""
    return flat(array)[sum(i * stride for i, stride in zip(index, strides_of(shape_of(array)), strict=True))]


def indices(shape: Shape) -> Iterator[Shape]:
    """Yield every index of the shape, row-major."""
    return product(*map(range, shape))
