"""Locals of tensor edges: linear maps, kept structured instead of as dense Jacobians.

One method defines a map: ``column(i)``, the elements of the result that operand element ``i``
reaches, and with what local. The pull of an upstream, the push of a tangent, the dense Jacobian and
the drill-down into scalar arithmetic all follow from it; a map overrides ``pull`` or ``push`` only to
be faster, and a test holds it to the definition bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import reduce
from math import isfinite, prod
from operator import add
from typing import Any, NamedTuple

from stepgrad.dots import Numbers, Pairing, columns_of, dot_rows, joined, products, rows_of
from stepgrad.numeric import Closed
from stepgrad.tensor import Array, Number, Shape, Tensor, flat, indices, shaped, tensor


class Term(NamedTuple):
    """One product in the sum that makes one element of an operand's gradient, or of a result's tangent."""

    result: Shape  # index of the element at the other end: of the result, or forwards of the operand
    upstream: Number
    local: Number
    product: Number


def is_lost(upstream: Number, local: Number) -> bool:
    """Whether a product is nan because 0 meets inf in it."""
    product = upstream * local
    return bool(product != product and upstream == upstream and local == local)


def shuts_out(upstream: Array, local: Any) -> bool:
    """Whether a closed gate has met inf or nan, of which it lets nothing through."""
    weights = local.weights if isinstance(local, Weights) else [local]
    met = zip(flat(upstream), weights)
    return any(isinstance(weight, Closed) and not isfinite(number) for number, weight in met)


@dataclass(eq=False, repr=False, slots=True)
class LinearMap:
    """The local of a tensor edge: ∂result/∂operand as a linear map.

    Attributes
    ----------
    operand_shape, result_shape : tuple of int
    zero : number
        The gradient of an operand element that reaches no element of the result.
    formula : str
        The product in words: ``{up}`` is the upstream, ``{x}``, ``{y}`` the operands and ``{z}`` the
        result, as in ``"{up} · {y}ᵀ"``.

    Notes
    -----
    ``upstream * local`` is the pull, and ``local * tangent`` the push, so both sweeps multiply numbers and
    maps alike.
    """

    operand_shape: Shape
    result_shape: Shape
    zero: Number
    formula: str

    def column(self, i: int) -> list[tuple[int, Number]]:
        """Return what operand element ``i`` reaches: pairs of result element and local."""
        raise NotImplementedError

    def pull(self, upstream: Array) -> Array:
        """Return the product: the upstream, of the result's shape, pulled back to the operand's."""
        up = flat(upstream)
        found = [self._sum([up[o] * local for o, local in self.column(i)]) for i in range(prod(self.operand_shape))]
        return shaped(self.operand_shape, found)

    __rmul__ = pull  # the product of an upstream and this local

    def __init_subclass__(cls) -> None:
        """Have the product be the map's own pull, without a call in between."""
        cls.__rmul__ = cls.pull

    def push(self, tangent: Array) -> Array:
        """Return what a tangent, of the operand's shape, becomes in the result."""
        found: dict[int, Number] = {}
        for i, moved in enumerate(flat(tangent)):
            for o, local in self.column(i):
                found[o] = found[o] + moved * local if o in found else moved * local
        return shaped(self.result_shape, [found.get(o, self.zero) for o in range(prod(self.result_shape))])

    def __mul__(self, tangent: Array) -> Array:
        """Return the product of this local and a tangent."""
        return self.push(tangent)

    def jacobian(self) -> Tensor:
        """Return the dense Jacobian: a row per result element, a column per operand element."""
        rows, columns = prod(self.result_shape), prod(self.operand_shape)
        dense = [self.zero] * (rows * columns)
        for i in range(columns):
            for o, local in self.column(i):
                dense[o * columns + i] = local
        return Tensor((rows, columns), dense)

    def zero_meets_inf(self, upstream: Array) -> bool:
        """Whether a product is nan although neither of its factors is."""
        up = flat(upstream)
        pairs = ((up[o], local) for i in range(prod(self.operand_shape)) for o, local in self.column(i))
        return any(is_lost(number, local) for number, local in pairs)

    def terms(self, upstream: Array, index: Shape) -> list[Term]:
        """Open one element of the product into the scalar products that it is the sum of."""
        up = flat(upstream)
        where = list(indices(self.result_shape))
        position = list(indices(self.operand_shape)).index(index)
        return [Term(where[o], up[o], local, up[o] * local) for o, local in self.column(position)]

    def pushed_terms(self, tangent: Array, index: Shape) -> list[Term]:
        """Open one element of what a tangent becomes into the scalar products that it is the sum of."""
        position = list(indices(self.result_shape)).index(index)
        moved = zip(indices(self.operand_shape), flat(tangent), strict=True)
        return [
            Term(where, each, local, each * local)
            for i, (where, each) in enumerate(moved)
            for o, local in self.column(i)
            if o == position
        ]

    def __eq__(self, other: object) -> bool:
        """Equal maps of the same kind, shapes and numbers."""
        if type(other) is not type(self) or not isinstance(other, LinearMap):
            return NotImplemented
        shapes = (self.operand_shape, self.result_shape) == (other.operand_shape, other.result_shape)
        return shapes and self.formula == other.formula and self.jacobian() == other.jacobian()

    def __hash__(self) -> int:
        return hash((self.operand_shape, self.result_shape, self.formula))

    def __repr__(self) -> str:
        return f"<{self.formula}: {self.operand_shape} → {self.result_shape}>"

    def _sum(self, numbers: Sequence[Number]) -> Number:
        # From left to right, the first one assigned: never sum() or fsum(), whose bits differ
        # from the running total that the trace shows.
        return reduce(add, numbers) if numbers else self.zero


@dataclass(eq=False, repr=False, slots=True)
class Weights(LinearMap):
    """Every operand element goes to one result element, with a weight: sums, maxima, activations."""

    target: Sequence[int]  # a range, if every element goes to its own place
    weights: Numbers

    def column(self, i: int) -> list[tuple[int, Number]]:
        """Return the one result element and the weight."""
        return [(self.target[i], self.weights[i])]

    def pull(self, upstream: Array) -> Array:
        """Return every weight times the upstream at its target."""
        weights = self.weights
        if self.target.__class__ is range and self.result_shape:
            return tensor(self.operand_shape, products(len(weights))(upstream.data, weights))
        up = flat(upstream)
        return shaped(self.operand_shape, products(len(weights))([up[t] for t in self.target], weights))


@dataclass(eq=False, repr=False, slots=True)
class Ones(Weights):
    """Every operand element goes to its own place with the weight 1: a product with 1.0 is the other factor."""

    def pull(self, upstream: Array) -> Array:
        """Return the upstream as it is."""
        return upstream


@dataclass(eq=False, repr=False, slots=True)
class Gather(LinearMap):
    """Every result element is a copy of one operand element: broadcasting, indexing."""

    source: Sequence[int]
    one: Number
    sums: Callable[[Numbers], Numbers] | None = field(default=None, compare=False)  # the pull, if it is known better

    def column(self, i: int) -> list[tuple[int, Number]]:
        """Return every copy of the element."""
        return [(o, self.one) for o, s in enumerate(self.source) if s == i]

    def zero_meets_inf(self, upstream: Array) -> bool:
        """Never: every local is 1."""
        return False

    def pull(self, upstream: Array) -> Array:
        """Return, for every operand element, the sum of the upstream over its copies."""
        if self.sums is not None:
            return shaped(self.operand_shape, self.sums(flat(upstream)))
        found: dict[int, Number] = {}
        for s, u in zip(self.source, flat(upstream), strict=True):
            found[s] = found[s] + u if s in found else u
        size = prod(self.operand_shape)
        return shaped(self.operand_shape, [found.get(i, self.zero) for i in range(size)])

    def push(self, tangent: Array) -> Array:
        """Return a copy of the tangent's element for every copy of the operand's."""
        moved = flat(tangent)
        return shaped(self.result_shape, [moved[s] for s in self.source])


class MatmulSizes(NamedTuple):
    """Of a product of stacks of matrices: (batch, n, k) and (batch, k, m).

    A side has ``lefts`` or ``rights`` matrices: ``batch``, or 1 where a vector meets all of a stack.
    """

    batch: int
    n: int
    k: int
    m: int
    lefts: int
    rights: int

    def left_row(self, left: Numbers, b: int, i: int) -> Numbers:
        """Return row ``i`` of the left matrix, k numbers."""
        start = (b % self.lefts * self.n + i) * self.k
        return left[start : start + self.k]

    def right_row(self, right: Numbers, b: int, j: int) -> Numbers:
        """Return row ``j`` of the right matrix, m numbers."""
        start = (b % self.rights * self.k + j) * self.m
        return right[start : start + self.m]

    def left_column(self, left: Numbers, b: int, j: int) -> Numbers:
        """Return column ``j`` of the left matrix, n numbers."""
        start = b % self.lefts * self.n * self.k
        return left[start + j : start + self.n * self.k : self.k]

    def right_column(self, right: Numbers, b: int, j: int) -> Numbers:
        """Return column ``j`` of the right matrix, k numbers."""
        start = b % self.rights * self.k * self.m
        return right[start + j : start + self.k * self.m : self.m]

    def result_row(self, up: Numbers, b: int, i: int) -> Numbers:
        """Return row ``i`` of what has the result's shape, m numbers."""
        start = (b * self.n + i) * self.m
        return up[start : start + self.m]

    def result_column(self, up: Numbers, b: int, j: int) -> Numbers:
        """Return column ``j`` of what has the result's shape, n numbers."""
        start = b * self.n * self.m
        return up[start + j : start + self.n * self.m : self.m]


@dataclass(eq=False, repr=False, slots=True)
class MatmulLeft(LinearMap):
    """∂(A·B)/∂A: the product is upstream · Bᵀ."""

    sizes: MatmulSizes
    written: Pairing | None = field(compare=False)  # the pull, of the upstream and B, where it is written out
    other: Numbers  # B

    def column(self, i: int) -> list[tuple[int, Number]]:
        """Return the row of the result that A[row, k] enters, with the k-th row of B."""
        s = self.sizes
        row, k = divmod(i, s.k)
        own, n = divmod(row, s.n)
        met = range(own, s.batch, s.lefts)
        return [entry for b in met for entry in enumerate(s.right_row(self.other, b, k), (b * s.n + n) * s.m)]

    def pull(self, upstream: Array) -> Array:
        """Return upstream · Bᵀ, matrix by matrix."""
        if self.written is not None and self.result_shape:
            return tensor(self.operand_shape, self.written(upstream.data, self.other))
        s, up, right = self.sizes, flat(upstream), self.other
        if s.batch == 1 and s.m:
            return shaped(self.operand_shape, dot_rows(rows_of(up, s.m), rows_of(right, s.m), self.zero))
        found: Numbers = []
        for own in range(s.lefts):
            met = range(own, s.batch, s.lefts)
            rows = [joined([s.result_row(up, b, i) for b in met]) for i in range(s.n)]
            found += dot_rows(rows, [joined([s.right_row(right, b, j) for b in met]) for j in range(s.k)], self.zero)
        return shaped(self.operand_shape, found)

    def push(self, tangent: Array) -> Array:
        """Return tangent · B, matrix by matrix."""
        return shaped(self.result_shape, dot_matrices(self.sizes, flat(tangent), self.other, self.zero))


@dataclass(eq=False, repr=False, slots=True)
class MatmulRight(LinearMap):
    """∂(A·B)/∂B: the product is Aᵀ · upstream."""

    sizes: MatmulSizes
    written: Pairing | None = field(compare=False)  # the pull, of A and the upstream, where it is written out
    other: Numbers  # A

    def column(self, i: int) -> list[tuple[int, Number]]:
        """Return the column of the result that B[k, m] enters, with the k-th column of A."""
        s = self.sizes
        row, m = divmod(i, s.m)
        own, k = divmod(row, s.k)
        columns = ((b, s.left_column(self.other, b, k)) for b in range(own, s.batch, s.rights))
        return [((b * s.n + n) * s.m + m, local) for b, column in columns for n, local in enumerate(column)]

    def pull(self, upstream: Array) -> Array:
        """Return Aᵀ · upstream, matrix by matrix."""
        if self.written is not None and self.result_shape:
            return tensor(self.operand_shape, self.written(self.other, upstream.data))
        s, up, left = self.sizes, flat(upstream), self.other
        if s.batch == 1:
            return shaped(self.operand_shape, dot_rows(columns_of(left, s.k), columns_of(up, s.m), self.zero))
        found: Numbers = []
        for own in range(s.rights):
            met = range(own, s.batch, s.rights)
            columns = [joined([s.result_column(up, b, j) for b in met]) for j in range(s.m)]
            rows = [joined([s.left_column(left, b, j) for b in met]) for j in range(s.k)]
            found += dot_rows(rows, columns, self.zero)
        return shaped(self.operand_shape, found)

    def push(self, tangent: Array) -> Array:
        """Return A · tangent, matrix by matrix."""
        return shaped(self.result_shape, dot_matrices(self.sizes, self.other, flat(tangent), self.zero))


@dataclass(eq=False, repr=False, slots=True)
class Softmax(LinearMap):
    """∂softmax/∂x or ∂log_softmax/∂x: every element of a line reaches the whole line.

    The diagonal needs 1 − yᵢ; it is computed as the sum of the other y, so that nothing is lost
    where yᵢ is nearly 1.
    """

    lines: Sequence[Sequence[int]]
    line_of: Sequence[Sequence[int]]
    y: Sequence[Number]
    is_log: bool

    def column(self, i: int) -> list[tuple[int, Number]]:
        """Return the line of the result, −yₒ·yᵢ apart from the diagonal (−yᵢ for the logarithm)."""
        line, y = self.line_of[i], self.y
        rest = self._sum([y[j] for j in line if j != i])
        if self.is_log:
            return [(o, rest if o == i else -y[i]) for o in line]
        return [(o, y[o] * rest if o == i else -y[o] * y[i]) for o in line]


def dot_matrices(sizes: MatmulSizes, left: Numbers, right: Numbers, zero: Number) -> Numbers:
    """Multiply two stacks of matrices, row-major."""
    if sizes.batch == 1 and sizes.k:
        return dot_rows(rows_of(left, sizes.k), columns_of(right, sizes.m), zero)

    def one(b: int) -> Numbers:
        rows = [sizes.left_row(left, b, i) for i in range(sizes.n)]
        return dot_rows(rows, [sizes.right_column(right, b, j) for j in range(sizes.m)], zero)

    return [number for b in range(sizes.batch) for number in one(b)]


class Blank(NamedTuple):
    """A map that lacks its numbers, the last of its fields: what shapes alone tell of it.

    Attributes
    ----------
    kind : type
    settled : dict
        The other fields, by name and in order.
    numbers : str
        The name of the last one.
    """

    kind: Callable[..., LinearMap]
    settled: dict[str, Any]
    numbers: str

    def filled(self, numbers: Numbers) -> LinearMap:
        """Return the map with these numbers."""
        return self.kind(*self.settled.values(), numbers)


def blank(kind: type[LinearMap], *settled: Any) -> Blank:
    """Make a blank map from all fields but the last."""
    *names, numbers = (each.name for each in fields(kind))
    return Blank(kind, dict(zip(names, settled, strict=True)), numbers)
