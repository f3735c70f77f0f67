"""The rules of the gates that slide a window over images: conv2d, max_pool2d, avg_pool2d.

The one idea: rows and columns are two axes along which a window slides, and each answers alone which of
its entries lies on what. What lies beyond the border is not there: padding adds places for the window,
never products with 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from itertools import product
from math import prod
from operator import add, mul
from typing import NamedTuple, TypeAlias

from stepgrad.errors import GateError
from stepgrad.gate import Local, Params, for_some
from stepgrad.linear import Gather, LinearMap
from stepgrad.matrix import Ruled, Wanted
from stepgrad.numeric import NumberType
from stepgrad.reductions import total
from stepgrad.tensor import Array, Number, Shape, check_size, flat, shape_of, shaped, show_shape

Pair: TypeAlias = "int | tuple[int, ...]"


class Axis(NamedTuple):
    """An axis of an image, and the window that slides along it."""

    size: int
    window: int
    stride: int
    padding: int

    @property
    def places(self) -> int:
        """How many places the window has: the size of the result along this axis."""
        return (self.size + 2 * self.padding - self.window) // self.stride + 1

    def start(self, place: int) -> int:
        """Return the entry of the image on which the window's first one lies; it may lie before the border."""
        return place * self.stride - self.padding

    def inside(self, place: int) -> range:
        """Return which of the window's entries lie on the image."""
        start = self.start(place)
        return range(max(0, -start), max(0, min(self.window, self.size - start)))

    def covered(self, place: int) -> slice:
        """Return the entries of the image on which the window lies."""
        start, inside = self.start(place), self.inside(place)
        return slice(start + inside.start, start + inside.stop) if inside else slice(0, 0)

    def on(self, entry: int) -> list[tuple[int, int]]:
        """Return which of the window's entries come to lie on an entry of the image, each with its place."""
        found = (divmod(entry + self.padding - k, self.stride) for k in range(self.window))
        return [(k, place) for k, (place, rest) in enumerate(found) if not rest and 0 <= place < self.places]

    def places_inside(self, k: int) -> range:
        """Return the places at which the window's entry ``k`` lies on the image."""
        first = -((k - self.padding) // self.stride)
        last = (self.size - 1 + self.padding - k) // self.stride
        return range(max(0, first), max(0, min(self.places, last + 1)))


def sliding(shape: Shape, window: Pair, stride: Pair, padding: Pair = 0) -> tuple[Axis, Axis]:
    """Let a window slide over the last two axes of a shape.

    Raises
    ------
    GateError
        If it has no size, does not move, or is larger than the image.
    """
    sizes, steps, margins = map(pair, (window, stride, padding))
    for name, given, least in (("size", sizes, 1), ("stride", steps, 1), ("padding", margins, 0)):
        if min(given) < least:
            raise GateError(f"the window's {name} is {shown_pair(given)}; give whole numbers from {least} on")
    rows, columns = (Axis(*each) for each in zip(shape[-2:], sizes, steps, margins, strict=True))
    if min(rows.places, columns.places) < 1:
        padded = f" with padding {shown_pair(margins)}" if any(margins) else ""
        raise GateError(
            f"a window of {shown_pair(sizes)} is larger than an image of {shown_pair(shape[-2:])}{padded}; "
            "make the window smaller, or the padding larger"
        )
    return rows, columns


def pair(given: Pair) -> tuple[int, int]:
    """Return the sizes along both axes; one whole number holds for both."""
    if isinstance(given, int):
        return given, given
    if len(given) != 2:
        raise GateError(f"{given} is no size of a window; give one whole number, or two: rows and columns")
    return given[0], given[1]


def shown_pair(sizes: Sequence[int]) -> str:
    """Spell the sizes along both axes: ``3×3``."""
    return "×".join(map(str, sizes))


# Cross-correlation


class Crossing(NamedTuple):
    """Images and kernels, and how the one slide over the other.

    The images are (batch, channels, rows, columns), the kernels (outs, channels, window, window).
    """

    batch: int
    channels: int
    outs: int
    rows: Axis
    columns: Axis
    images: list[Number]
    kernels: list[Number]

    def image_row(self, n: int, c: int, h: int, part: slice) -> list[Number]:
        """Return a part of row ``h`` of channel ``c`` of image ``n``."""
        start = ((n * self.channels + c) * self.rows.size + h) * self.columns.size
        return self.images[start + part.start : start + part.stop : part.step]

    def patch(self, n: int, oh: int, ow: int) -> list[Number]:
        """Return what lies under the window at a place, channel by channel, row by row."""
        across, down = self.columns.covered(ow), self.rows.covered(oh)
        rows = range(down.start, down.stop)
        return [x for c in range(self.channels) for h in rows for x in self.image_row(n, c, h, across)]

    def kernel_part(self, o: int, down: range, across: range) -> list[Number]:
        """Return the entries of kernel ``o`` in these rows and columns, in the order of a patch."""
        starts = (self.kernel_at(o, c, kh, across.start) for c in range(self.channels) for kh in down)
        return [w for start in starts for w in self.kernels[start : start + len(across)]]

    def kernel_at(self, o: int, c: int, kh: int, kw: int) -> int:
        """Return the place of an entry of kernel ``o`` among all."""
        return ((o * self.channels + c) * self.rows.window + kh) * self.columns.window + kw

    def result_at(self, n: int, o: int, oh: int, ow: int) -> int:
        """Return the place of an element in the result."""
        return ((n * self.outs + o) * self.rows.places + oh) * self.columns.places + ow


def dot(xs: Sequence[Number], ys: Sequence[Number], zero: Number) -> Number:
    """Add up the products from left to right, the first one assigned."""
    return reduce(add, map(mul, xs, ys)) if xs else zero


def cross_correlate(s: Crossing, zero: Number) -> list[Number]:
    """Lay every kernel on every place of every image; row-major (batch, outs, rows, columns)."""
    part = cache(s.kernel_part)  # most places see the whole kernel
    places = list(product(range(s.rows.places), range(s.columns.places)))
    found: list[Number] = []
    for n in range(s.batch):
        patches = [(s.patch(n, oh, ow), s.rows.inside(oh), s.columns.inside(ow)) for oh, ow in places]
        found += [dot(patch, part(o, *seen), zero) for o in range(s.outs) for patch, *seen in patches]
    return found


@dataclass(eq=False, repr=False, slots=True)
class ConvImages(LinearMap):
    """∂conv2d/∂images: a pixel reaches every place at which the window lies on it."""

    sides: Crossing

    def column(self, i: int) -> list[tuple[int, Number]]:
        """Return the result's elements that the pixel enters, with the kernel's entry that lies on it."""
        s = self.sides
        rest, w = divmod(i, s.columns.size)
        rest, h = divmod(rest, s.rows.size)
        n, c = divmod(rest, s.channels)
        return [
            (s.result_at(n, o, oh, ow), s.kernels[s.kernel_at(o, c, kh, kw)])
            for o in range(s.outs)
            for kh, oh in s.rows.on(h)
            for kw, ow in s.columns.on(w)
        ]

    def pull(self, upstream: Array) -> Array:
        """Return the same sums; what lies on a pixel is looked up once for all channels."""
        s, up = self.sides, flat(upstream)

        @cache
        def weights(c: int, khs: tuple[int, ...], kws: tuple[int, ...]) -> list[Number]:
            return [s.kernels[s.kernel_at(o, c, kh, kw)] for o in range(s.outs) for kh in khs for kw in kws]

        pixels = []
        for h, w in product(range(s.rows.size), range(s.columns.size)):
            down, across = s.rows.on(h), s.columns.on(w)
            seen = tuple(kh for kh, _ in down), tuple(kw for kw, _ in across)
            pixels.append((seen, [s.result_at(0, 0, oh, ow) for _, oh in down for _, ow in across]))
        step = s.rows.places * s.columns.places
        found: list[Number] = []
        for n in range(s.batch):
            starts = range(n * s.outs * step, (n + 1) * s.outs * step, step)
            met = [[up[start + place] for start in starts for place in places] for _, places in pixels]
            for c in range(s.channels):
                found += [dot(ups, weights(c, *seen), self.zero) for ups, (seen, _) in zip(met, pixels, strict=True)]
        return shaped(self.operand_shape, found)

    def push(self, tangent: Array) -> Array:
        """Lay the kernels on the tangent."""
        return shaped(self.result_shape, cross_correlate(self.sides._replace(images=flat(tangent)), self.zero))


@dataclass(eq=False, repr=False, slots=True)
class ConvKernels(LinearMap):
    """∂conv2d/∂kernels: a kernel's entry reaches every place at which it lies on the image."""

    sides: Crossing

    def column(self, i: int) -> list[tuple[int, Number]]:
        """Return the elements of the kernel's result, with the pixel on which its entry lies there."""
        s = self.sides
        rest, kw = divmod(i, s.columns.window)
        rest, kh = divmod(rest, s.rows.window)
        o, c = divmod(rest, s.channels)
        places = list(product(s.rows.places_inside(kh), s.columns.places_inside(kw)))
        return [
            (s.result_at(n, o, oh, ow), pixel)
            for n in range(s.batch)
            for (oh, ow), pixel in zip(places, self.pixels(n, c, kh, kw), strict=True)
        ]

    def pixels(self, n: int, c: int, kh: int, kw: int) -> Iterator[Number]:
        """Yield what lies under an entry of the kernel, place after place."""
        s = self.sides
        across = s.columns.places_inside(kw)
        first = s.columns.start(across.start) + kw
        part = slice(first, first + (len(across) - 1) * s.columns.stride + 1 if across else first, s.columns.stride)
        for oh in s.rows.places_inside(kh):
            yield from s.image_row(n, c, s.rows.start(oh) + kh, part)

    def pull(self, upstream: Array) -> Array:
        """Return the same sums; the upstream is gathered once for all channels, the pixels for all kernels."""
        s, up = self.sides, flat(upstream)
        entries = list(product(range(s.rows.window), range(s.columns.window)))

        def ups(o: int, kh: int, kw: int) -> list[Number]:
            across = s.columns.places_inside(kw)
            starts = (s.result_at(n, o, oh, 0) for n in range(s.batch) for oh in s.rows.places_inside(kh))
            return [u for start in starts for u in up[start + across.start : start + across.stop]]

        def seen(c: int, kh: int, kw: int) -> list[Number]:
            return [pixel for n in range(s.batch) for pixel in self.pixels(n, c, kh, kw)]

        pixels = [[seen(c, *entry) for entry in entries] for c in range(s.channels)]
        found: list[Number] = []
        for o in range(s.outs):
            met = [ups(o, *entry) for entry in entries]
            for channel in pixels:
                found += [dot(own, under, self.zero) for own, under in zip(met, channel, strict=True)]
        return shaped(self.operand_shape, found)

    def push(self, tangent: Array) -> Array:
        """Lay the tangent on the images."""
        return shaped(self.result_shape, cross_correlate(self.sides._replace(kernels=flat(tangent)), self.zero))


def conv2d(number: NumberType, operands: Sequence[Array], wanted: Wanted, *, stride: Pair, padding: Pair) -> Ruled:
    """Slide kernels over images and add up the products under them; the kernels are not flipped."""
    x, weights = operands
    image, kernel = shape_of(x), shape_of(weights)
    check_images(image, kernel)
    rows, columns = sliding(image, kernel[-2:], stride, padding)
    batch, channels = prod(image[:-3]), prod(image[-3:-2])
    sides = Crossing(batch, channels, prod(kernel[:-3]), rows, columns, flat(x), flat(weights))
    result = (*image[:-3], *kernel[:-3], rows.places, columns.places)
    check_size(result)
    zero = number.make(0)
    maps = [
        ConvImages(image, result, zero, "{up} spread by {y}", sides),
        ConvKernels(kernel, result, zero, "{x} correlated with {up}", sides),
    ]
    return shaped(result, cross_correlate(sides, zero)), [*maps]


def check_images(image: Shape, kernel: Shape) -> None:
    """Check that the kernels are made for such images."""
    if (len(image), len(kernel)) not in ((2, 2), (3, 4), (4, 4)):
        raise GateError(
            f"`conv2d` takes an image (H, W) with weights (KH, KW), or (C, H, W) or (N, C, H, W) with "
            f"(O, C, KH, KW), not {show_shape(image)} with {show_shape(kernel)}; reshape them"
        )
    if len(kernel) == 4 and image[-3] != kernel[1]:
        raise GateError(
            f"images of shape {show_shape(image)} have {image[-3]} channels and the weights {show_shape(kernel)} "
            f"take {kernel[1]}; make the second size of the weights equal to the channels"
        )


# Pooling


def windows(shape: Shape, rows: Axis, columns: Axis) -> Iterator[list[int]]:
    """Yield the operand's elements under every window, in the order of the result."""
    for plane in range(prod(shape[:-2])):
        for oh, ow in product(range(rows.places), range(columns.places)):
            start = (plane * rows.size + rows.start(oh)) * columns.size + columns.start(ow)
            starts = range(start, start + rows.window * columns.size, columns.size)
            yield [first + k for first in starts for k in range(columns.window)]


def pool_axes(shape: Shape, size: Pair, stride: Pair | None) -> tuple[Axis, Axis]:
    """Let a window slide over the images of a stack; it moves by its size unless told."""
    if len(shape) < 2:
        raise GateError(f"a pool takes images of shape (H, W), or a stack, not {show_shape(shape)}; reshape it")
    return sliding(shape, size, size if stride is None else stride)


def pooled(shape: Shape, size: Pair, stride: Pair | None) -> tuple[Shape, list[list[int]]]:
    """Return the shape of the result, and the elements under every window."""
    rows, columns = pool_axes(shape, size, stride)
    result = (*shape[:-2], rows.places, columns.places)
    check_size(result)
    return result, list(windows(shape, rows, columns))


def largest(data: Sequence[Number], window: Sequence[int]) -> int:
    """Return where the largest of a window is, the first of several; nan beats all, the last of several."""
    return reduce(lambda best, i: i if data[i] > data[best] or data[i] != data[i] else best, window)


def max_pool2d(
    number: NumberType, operands: Sequence[Array], wanted: Wanted, *, size: Pair, stride: Pair | None
) -> Ruled:
    """Keep the largest of every window; only it gets the upstream."""
    (x,) = operands
    shape, data = shape_of(x), flat(x)
    result, under = pooled(shape, size, stride)
    source = [largest(data, window) for window in under]
    local = Gather(shape, result, number.make(0), "{up} to the largest of each window", source, number.make(1))
    return shaped(result, [data[i] for i in source]), [local]


def max_pool_note(operands: Sequence[Array], params: Params, result: Array, local: Local) -> str | None:
    """Say in how many windows the largest number stands more than once."""
    (x,) = operands
    data, found = flat(x), flat(result)
    _, under = pooled(shape_of(x), params["size"], params["stride"])
    lost = sum(1 for z in found if z != z)
    if lost:
        return for_some("nan: the last one in the window gets the upstream, by convention", lost, len(found))
    ties = sum(1 for z, window in zip(found, under, strict=True) if [data[i] for i in window].count(z) > 1)
    words = "tie in a window: the first of the largest gets it all, by convention"
    return for_some(words, ties, len(found)) if ties else None


@dataclass(eq=False, repr=False, slots=True)
class Shares(LinearMap):
    """Every operand element enters several averages, with one weight: overlapping windows."""

    reached: Sequence[Sequence[int]]
    weight: Number

    def column(self, i: int) -> list[tuple[int, Number]]:
        """Return the averages that the element enters."""
        return [(o, self.weight) for o in self.reached[i]]


def avg_pool2d(
    number: NumberType, operands: Sequence[Array], wanted: Wanted, *, size: Pair, stride: Pair | None
) -> Ruled:
    """Average every window; each of its elements gets an equal share of the upstream."""
    (x,) = operands
    shape, data = shape_of(x), flat(x)
    result, under = pooled(shape, size, stride)
    reached: list[list[int]] = [[] for _ in data]
    for o, window in enumerate(under):
        for i in window:
            reached[i].append(o)
    count = number.make(prod(pair(size)))
    averages = [total(number, [data[i] for i in window]) / count for window in under]
    formula = f"{{up}} / {prod(pair(size))} for every element of each window"
    return shaped(result, averages), [Shares(shape, result, number.make(0), formula, reached, number.make(1) / count)]
