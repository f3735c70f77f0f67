"""Dots: sums of products, of which products of matrices are made; small ones are written out as one expression.

Sums run from left to right, the first product assigned: never ``sum`` or ``fsum``, whose bits differ from the
running total that the trace shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, reduce
from itertools import chain
from operator import add, mul
from typing import Any, TypeAlias

Numbers: TypeAlias = list[Any]  # of whatever the number type in use makes

Pairing: TypeAlias = Callable[[Numbers, Numbers], Numbers]

UNROLLED = 64  # up to this length, products of rows and columns are written out: ``r0*c0 + r1*c1``
WRITTEN_OUT = 16  # up to so many elements, what happens to each is written out
PRODUCTS = 32  # up to so many products, a product of matrices is written out as a whole


def dot_rows(rows: list[Numbers], columns: list[Numbers], zero: Any) -> Numbers:
    """Return every row times every column, summed from left to right, the first one assigned."""
    if not (rows and rows[0]):
        return [zero] * (len(rows) * len(columns))
    length = len(rows[0])
    if length <= UNROLLED:
        return unrolled_dots(length)(rows, columns)
    return [reduce(add, map(mul, row, column)) for row in rows for column in columns]


@cache
def unrolled_dots(length: int) -> Callable[[list[Numbers], list[Numbers]], Numbers]:
    """Write out every row times every column: ``r0*c0 + r1*c1``, which adds from left to right."""
    names = range(length)
    row, column = (", ".join(f"{letter}{i}" for i in names) for letter in "rc")
    products = " + ".join(f"r{i}*c{i}" for i in names)
    namespace: dict[str, Any] = {}
    exec(f"def dots(rows, columns): return [{products} for {row}, in rows for {column}, in columns]", namespace)
    dots: Callable[[list[Numbers], list[Numbers]], Numbers] = namespace["dots"]
    return dots


def rows_of(data: Numbers, width: int) -> list[Numbers]:
    """Cut a matrix into its rows."""
    return [data[start : start + width] for start in range(0, len(data), width)]


def columns_of(data: Numbers, width: int) -> list[Numbers]:
    """Cut a matrix into its columns."""
    return [data[start::width] for start in range(width)]


def joined(lists: list[Numbers]) -> Numbers:
    """Put lists one after the other; most often there is one."""
    return lists[0] if len(lists) == 1 else list(chain.from_iterable(lists))


# Written out


def unpacked(name: str, length: int) -> str:
    """Write that the numbers of a list get names: ``x0, x1, = xs``."""
    return f"{', '.join(f'{name}{i}' for i in range(length))}, = {name}s"


def written_out(lengths: Mapping[str, int], results: Iterable[str], also: str = "") -> Callable[..., Any]:
    """Compile a function of lists, of these lengths by letter, that returns the list of the results, and more."""
    namespace: dict[str, Any] = {}
    unpacking = "; ".join(unpacked(letter, length) for letter, length in lengths.items())
    arguments = ", ".join(f"{letter}s" for letter in lengths)
    exec(f"def written({arguments}): {unpacking}; return [{', '.join(results)}]{also}", namespace)
    written: Callable[..., Any] = namespace["written"]
    return written


@cache
def sums(length: int) -> Pairing:
    """Return what adds the numbers of two lists of this length one by one."""
    return pairing("+", length) or (lambda xs, ys: list(map(add, xs, ys)))


@cache
def products(length: int) -> Pairing:
    """Return what multiplies the numbers of two lists of this length one by one."""
    return pairing("*", length) or (lambda xs, ys: list(map(mul, xs, ys)))


def pairing(sign: str, length: int) -> Pairing | None:
    """Write out ``x0*y0``, ``x1*y1``, if they are few."""
    if not 0 < length <= WRITTEN_OUT:
        return None
    return written_out({"x": length, "y": length}, (f"x{i}{sign}y{i}" for i in range(length)))


@cache
def written_matmul(n: int, k: int, m: int) -> tuple[Callable[..., Any] | None, ...]:
    """Write out, if it is small, (n, k) times (k, m), then up · yᵀ and xᵀ · up for an upstream of (n, m).

    The first returns also what the others need: y and x.
    """
    if not 0 < n * k * m <= PRODUCTS:
        return None, None, None

    x_rows, x_columns = named("x", n, k)
    y_rows, y_columns = named("y", k, m)
    u_rows, u_columns = named("u", n, m)
    return (
        written_out({"x": n * k, "y": k * m}, every_dot(x_rows, y_columns), ", ys, xs"),
        written_out({"u": n * m, "y": k * m}, every_dot(u_rows, y_rows)),
        written_out({"x": n * k, "u": n * m}, every_dot(x_columns, u_columns)),
    )


def named(letter: str, height: int, width: int) -> tuple[list[list[str]], list[list[str]]]:
    """Return the rows and the columns of a matrix whose numbers are named by their places: ``x0``, ``x1``."""
    names = [f"{letter}{place}" for place in range(height * width)]
    return [names[i * width : (i + 1) * width] for i in range(height)], [names[j::width] for j in range(width)]


def every_dot(rows: list[list[str]], columns: list[list[str]]) -> Iterator[str]:
    """Write every row times every column."""
    return (" + ".join(f"{a}*{b}" for a, b in zip(row, column)) for row in rows for column in columns)


@cache
def written_copies(count: int, source: tuple[int, ...]) -> tuple[Callable[..., Any], Callable[[Numbers], Numbers]]:
    """Write out copies of elements, each of which has one, and what adds up numbers that come back to these."""
    groups = [[o for o, place in enumerate(source) if place == i] for i in range(count)]
    copies = written_out({"x": count}, (f"x{place}" for place in source), ", None")
    return copies, written_out({"u": len(source)}, (" + ".join(f"u{o}" for o in group) for group in groups))
